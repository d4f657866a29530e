//! What a TLS handshake agreed on, for programs that show or check it.

use rustls::{ClientConnection, ProtocolVersion};

use crate::tls::Tls;

/// A TLS session with a server.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsSession {
    /// `1.2` or `1.3`.
    pub version: &'static str,
    /// Name of the cipher suite as the RFCs write it, with `TLS13_` in front for those of TLS 1.3.
    pub cipher_suite: String,
    /// The name that the certificate was checked against.
    pub server_name: String,
    /// Whether the library checked the certificate. Not so with an own configuration, which may check anything or nothing.
    pub verified: bool,
    /// The certificates that the server sent, as DER: its own first. Roots are rarely among them.
    pub certificates: Vec<Vec<u8>>,
}

impl TlsSession {
    pub(crate) fn of(tls: &Tls, name: &str, connection: &ClientConnection) -> Self {
        let certificates = connection.peer_certificates().unwrap_or_default();
        let suite = connection.negotiated_cipher_suite();
        Self {
            version: match connection.protocol_version() {
                Some(ProtocolVersion::TLSv1_3) => "1.3",
                Some(ProtocolVersion::TLSv1_2) => "1.2",
                _ => "unknown",
            },
            cipher_suite: suite.map_or_else(String::new, |suite| format!("{:?}", suite.suite())),
            server_name: tls.server_name.as_deref().unwrap_or(name).to_owned(),
            verified: !tls.danger_accept_any_certificate && tls.config.is_none(),
            certificates: certificates.iter().map(|der| der.to_vec()).collect(),
        }
    }
}
