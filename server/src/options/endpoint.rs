//! Addresses: what to listen on, and URLs of other servers.

use super::Secret;

/// An address to bind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// Host name or address; `0.0.0.0` for all.
    pub host: String,
    /// Port; 0 means any free port.
    pub port: u16,
}

/// The URL of another server. Its password shows in no output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerUrl {
    /// `nats`, `tls`, `nats-route`, `ws`, `wss`, `http`, …; empty when the text has none.
    pub scheme: String,
    /// User name, percent-decoded.
    pub user: Option<String>,
    /// Password, percent-decoded.
    pub password: Option<Secret>,
    /// Host without brackets.
    pub host: String,
    /// Port, if the text names one.
    pub port: Option<u16>,
    /// Everything from the first `/` after the host, `?query` included.
    pub path: String,
}
