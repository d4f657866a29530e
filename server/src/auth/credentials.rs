//! What a client presents, and the three answers to it.

use std::net::IpAddr;
use std::sync::Arc;

use nats_proto::info::ConnectOptions;
use rustls_pki_types::CertificateDer;

use super::{Identity, SlowCheck};
use crate::options::ConnectionType;

/// All that a client presents to be admitted.
pub struct Credentials<'a> {
    /// Its CONNECT. For traffic before CONNECT: the default, which holds no credentials.
    pub connect: &'a ConnectOptions,
    /// The nonce of the INFO that it got, as text; empty if there was none.
    pub nonce: &'a [u8],
    /// The verified chain of its TLS certificate, leaf first; empty without TLS or without a certificate.
    pub certificates: &'a [CertificateDer<'static>],
    /// Whether the connection is under TLS at all. Only the texts for the log depend on it.
    pub tls: bool,
    /// The kind of connection.
    pub connection_type: ConnectionType,
    /// Where it comes from.
    pub remote: Option<IpAddr>,
}

/// The answer to credentials.
#[derive(Debug)]
pub enum Verdict {
    /// Welcome.
    Accepted(Identity),
    /// Not admitted. The client learns nothing but `Authorization Violation`.
    Refused(AuthError),
    /// A bcrypt comparison decides: run it on a thread that may block.
    Slow(SlowCheck),
}

/// Why a client is not admitted: for the log, the closed reason and the event, never for the client.
///
/// Every error means `-ERR 'Authorization Violation'` and a close.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// Closed reason `Proxy Not Trusted`.
    #[error("proxy is not trusted")]
    ProxyNotTrusted,
    /// Closed reason `Proxy Required`.
    #[error("proxy connection required")]
    ProxyRequired,
    #[error("no credentials were given")]
    NoCredentials,
    #[error("unknown user")]
    UnknownUser,
    #[error("unknown nkey")]
    UnknownNkey,
    #[error("wrong password")]
    WrongPassword,
    #[error("wrong token")]
    WrongToken,
    #[error("Signature missing")]
    SignatureMissing,
    #[error("Signature not verified")]
    SignatureNotVerified,
    #[error("Connection type not allowed")]
    ConnectionTypeNotAllowed,
    #[error("CONNECT asks for an account, which only credentials can give")]
    AccountRequested,
    #[error("User required in cert, no TLS connection state")]
    NoTls,
    #[error("User required in cert, no peer certificates found")]
    NoCertificate,
    #[error("User required in cert, but it cannot be read")]
    UnreadableCertificate,
    #[error("User required in cert, none found")]
    NoNameInCertificate,
    #[error("User in cert [{0:?}], not found")]
    CertificateUnknown(String),
    #[error("Authentication requires a user JWT")]
    TokenRequired,
    #[error("User JWT not valid: {0}")]
    BadToken(String),
    #[error("User JWT no longer valid")]
    TokenNoLongerValid,
    #[error("Account {0} not listed as operator pinned account")]
    NotPinned(String),
    #[error("Account JWT lookup error: {0}")]
    NoAccount(String),
    #[error("Account JWT has expired")]
    AccountExpired,
    #[error("User JWT is not valid: {0}")]
    SignerNotAccepted(String),
    #[error("Account does not allow bearer tokens")]
    BearerNotAllowed,
    #[error("User authentication revoked")]
    Revoked,
    #[error("Bad src Ip")]
    SourceNotAllowed,
    #[error("Outside connect times")]
    OutsideTimes,
    /// An authorization service said no, or nothing that counts.
    #[error("{0}")]
    Callout(String),
    /// Refused where an authorization service has its account, which hears why.
    #[error("{error}")]
    OfService {
        account: Arc<str>,
        /// What that account is told.
        reason: String,
        error: Box<Self>,
    },
    #[error("several users are the distinguished name of the certificate in another order: {0:?}")]
    CertificateAmbiguous(String),
}

impl AuthError {
    /// The refusal itself, whoever hears of it.
    pub fn cause(&self) -> &Self {
        match self {
            Self::OfService { error, .. } => error.cause(),
            error => error,
        }
    }

    /// What the service's account hears: the text of this refusal.
    pub fn told_by_service(self, account: &Arc<str>) -> Self {
        let text = self.to_string();
        let mut letters = text.chars();
        let first = letters.next().map(|first| first.to_uppercase().to_string());
        self.told(account, first.unwrap_or_default() + letters.as_str())
    }

    /// What the service's account hears of somebody about whom it was not asked: the closed reason.
    pub fn told_to_service(self, account: &Arc<str>) -> Self {
        let reason = self.closed_reason().to_owned();
        self.told(account, reason)
    }

    fn told(self, account: &Arc<str>, reason: String) -> Self {
        Self::OfService {
            account: account.clone(),
            reason,
            error: Box::new(self),
        }
    }

    /// The closed reason that `/connz` and the disconnect event show.
    pub fn closed_reason(&self) -> &'static str {
        match self.cause() {
            Self::ProxyNotTrusted => "Proxy Not Trusted",
            Self::ProxyRequired => "Proxy Required",
            _ => "Authentication Failure",
        }
    }
}
