//! What is known of a connection after its handshake.

use std::fmt;

use rustls::ServerConnection;
use rustls_pki_types::CertificateDer;
use sha2::{Digest as _, Sha256};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::suites;

/// A finished handshake, as authentication and monitoring want it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFacts {
    /// `1.2` or `1.3`.
    pub version: &'static str,
    /// IANA name of the suite.
    pub cipher_suite: String,
    /// The client's verified chain, leaf first; empty when none was asked for.
    pub certificates: Vec<CertificateDer<'static>>,
    /// TLS came before INFO.
    pub first: bool,
}

/// A SHA-256 digest, shown in hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub [u8; 32]);

impl TlsFacts {
    /// Reads them off a connection whose handshake is done.
    pub fn of(connection: &ServerConnection, first: bool) -> Self {
        use rustls::ProtocolVersion::{TLSv1_2, TLSv1_3};
        Self {
            version: match connection.protocol_version() {
                Some(TLSv1_2) => "1.2",
                Some(TLSv1_3) => "1.3",
                _ => "Unknown",
            },
            cipher_suite: connection
                .negotiated_cipher_suite()
                .map(|suite| suites::name(suite.suite()))
                .unwrap_or_default(),
            certificates: connection
                .peer_certificates()
                .map(<[_]>::to_vec)
                .unwrap_or_default(),
            first,
        }
    }
}

/// The digest of a certificate's public key by which it can be pinned; `None` if it is not X.509.
pub fn spki_sha256(certificate: &CertificateDer<'_>) -> Option<Fingerprint> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let key = certificate.public_key().raw;
    Some(Fingerprint(Sha256::digest(key).into()))
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
