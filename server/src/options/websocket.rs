//! The `websocket` block.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Listen, Secret, Tls};

/// The WebSocket port.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WebSocket {
    /// Where it listens; `None` when the block names no port.
    pub listen: Option<Listen>,
    /// `host[:port]` that clients are told.
    pub advertise: Option<String>,
    /// Run without TLS.
    pub no_tls: bool,
    /// TLS; required unless `no_tls`.
    pub tls: Option<Tls>,
    /// The `Origin` must be the host.
    pub same_origin: bool,
    /// Origins that are accepted; empty accepts all.
    pub allowed_origins: Vec<String>,
    /// How long the upgrade may take, TLS included.
    pub handshake_timeout: Option<Duration>,
    /// Negotiate compression.
    pub compression: bool,
    /// Credentials instead of those of clients.
    pub authorization: SimpleAuthorization,
    /// User that a connection without credentials becomes.
    pub no_auth_user: Option<String>,
    /// Cookie with a JWT.
    pub jwt_cookie: Option<String>,
    /// Cookie with a user name.
    pub user_cookie: Option<String>,
    /// Cookie with a password.
    pub pass_cookie: Option<String>,
    /// Cookie with a token.
    pub token_cookie: Option<String>,
    /// Headers added to the answer of the upgrade.
    pub headers: BTreeMap<String, String>,
    /// How often connections are pinged; the server's interval when absent.
    pub ping_interval: Option<Duration>,
}

/// One user, or a token, for a whole port.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SimpleAuthorization {
    /// The user.
    pub user: Option<String>,
    /// Its password.
    pub password: Secret,
    /// The token.
    pub token: Secret,
    /// Time to authenticate.
    pub timeout: Option<Duration>,
}
