//! What a client presented, with everything verified that only the moment of CONNECT can verify.

use std::fmt;
use std::sync::Arc;

use nats_jwt::secret::Secret;
use nats_proto::info::ConnectOptions;

use super::certificate::CertificateNames;

/// The part of the credentials that can be judged again, against other options, as long as the connection lives.
#[derive(Clone, Default)]
pub struct Claim {
    pub user: Box<str>,
    pub password: Secret,
    pub token: Secret,
    pub nkey: Box<str>,
    pub signature: Signature,
    /// Public key of the proxy whose signature verified.
    pub proxy: Option<Arc<str>>,
    /// What the certificate says; `None` without TLS.
    pub certificate: Option<Arc<CertificateNames>>,
}

/// What became of the signature over the nonce.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Signature {
    #[default]
    Missing,
    Wrong,
    /// It is that of the claim's nkey.
    Verified,
}

impl Claim {
    /// What the client says, nothing verified yet.
    pub fn of(connect: &ConnectOptions) -> Self {
        Self {
            user: connect.user.as_str().into(),
            password: connect.pass.as_str().into(),
            token: connect.auth_token.as_str().into(),
            nkey: connect.nkey.as_str().into(),
            ..Self::default()
        }
    }

    /// Neither user nor password nor token. An nkey does not count: where no nkeys are configured, it is not looked at.
    pub fn is_without_secret(&self) -> bool {
        self.user.is_empty() && self.password.is_empty() && self.token.is_empty()
    }

    /// Nothing at all that would matter to a later judgement.
    pub fn is_empty(&self) -> bool {
        self.is_without_secret()
            && self.nkey.is_empty()
            && self.proxy.is_none()
            && self.certificate.is_none()
    }
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim")
            .field("user", &self.user)
            .field("nkey", &self.nkey)
            .field("signature", &self.signature)
            .field("proxy", &self.proxy)
            .finish_non_exhaustive()
    }
}
