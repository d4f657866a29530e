//! The `websocket` block.

use std::collections::BTreeMap;
use std::time::Duration;

use super::listener_keys::{self, Listens, OwnAuthorization};
use super::setting::{self, Reading, Setting};
use super::table::{Apply, Key, Reload, differences, key, read_map, rows};
use super::{Listener, Options, Secret, Tls, tls_keys};

/// The WebSocket port.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WebSocket {
    /// Where it listens.
    pub listen: Listener,
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

/// The top-level key about WebSocket.
pub(super) static KEYS: &[Key<Options>] = &[Key {
    name: "websocket",
    aliases: &["ws"],
    kind: "map",
    default: "none",
    reload: Reload::No,
    doc: "The WebSocket port.",
    read: |options, setting, reading| {
        let mut websocket = WebSocket::default();
        if read_map(&mut websocket, BLOCK_KEYS, setting, reading) {
            options.websocket = Some(websocket);
        }
    },
    change: |old, new| {
        let (old, new) = (
            old.websocket.clone().unwrap_or_default(),
            new.websocket.clone().unwrap_or_default(),
        );
        differences(&old, &new, BLOCK_KEYS)
    },
    inner: || rows(BLOCK_KEYS),
}];

impl Listens for WebSocket {
    fn listener(&mut self) -> &mut Listener {
        &mut self.listen
    }

    fn at(&self) -> &Listener {
        &self.listen
    }
}

impl OwnAuthorization for WebSocket {
    fn own(&mut self) -> (&mut SimpleAuthorization, &mut Option<String>) {
        (&mut self.authorization, &mut self.no_auth_user)
    }

    fn owned(&self) -> (&SimpleAuthorization, &Option<String>) {
        (&self.authorization, &self.no_auth_user)
    }
}

static BLOCK_KEYS: &[Key<WebSocket>] = &[
    listener_keys::listen("Where WebSocket clients are accepted."),
    listener_keys::host(),
    listener_keys::port(),
    key!(
        "advertise",
        "host[:port]",
        "the address",
        Reload::No,
        "Address that clients are told.",
        advertise = setting::optional_text
    ),
    key!(
        "no_tls",
        "boolean",
        "false",
        Reload::No,
        "Run without TLS.",
        no_tls = setting::truth
    ),
    key!(
        "tls",
        "tls",
        "required unless no_tls",
        Reload::Yes(Apply::Tls),
        "TLS of the port.",
        tls = tls_keys::tls
    ),
    key!(
        "same_origin",
        "boolean",
        "false",
        Reload::No,
        "The `Origin` header must be the host.",
        same_origin = setting::truth
    ),
    key!(
        "allowed_origins"
            | "allowed_origin"
            | "allow_origins"
            | "allow_origin"
            | "origins"
            | "origin",
        "list of urls",
        "all",
        Reload::No,
        "Origins that are accepted.",
        allowed_origins = setting::texts
    ),
    key!(
        "handshake_timeout",
        "seconds or duration",
        "none",
        Reload::No,
        "How long the upgrade may take, TLS included.",
        handshake_timeout = |setting: &Setting<'_>, reading: &mut Reading| {
            setting::seconds(setting, reading)
                .map(|timeout| Some(timeout).filter(|timeout| !timeout.is_zero()))
        }
    ),
    key!(
        "compression" | "compress",
        "boolean",
        "false",
        Reload::No,
        "Negotiate compression.",
        compression = setting::truth
    ),
    listener_keys::own_authorization(),
    listener_keys::own_no_auth_user(),
    key!(
        "jwt_cookie",
        "name",
        "none",
        Reload::No,
        "Cookie with a JWT.",
        jwt_cookie = setting::optional_text
    ),
    key!(
        "user_cookie",
        "name",
        "none",
        Reload::No,
        "Cookie with a user name.",
        user_cookie = setting::optional_text
    ),
    key!(
        "pass_cookie",
        "name",
        "none",
        Reload::No,
        "Cookie with a password.",
        pass_cookie = setting::optional_text
    ),
    key!(
        "token_cookie",
        "name",
        "none",
        Reload::No,
        "Cookie with a token.",
        token_cookie = setting::optional_text
    ),
    key!(
        "headers",
        "map",
        "none",
        Reload::No,
        "Headers added to the answer of the upgrade.",
        headers = setting::text_map
    ),
    key!(
        "ping_interval",
        "duration",
        "that of clients",
        Reload::No,
        "How often connections are pinged.",
        ping_interval = super::cluster::deadline
    ),
];

/// Keys of the short form of `authorization` that a port of its own kind has.
pub(super) static SIMPLE_AUTHORIZATION_KEYS: &[Key<SimpleAuthorization>] = &[
    key!(
        "user" | "username",
        "text",
        "none",
        Reload::Inside,
        "The one user.",
        user = setting::optional_text
    ),
    key!(
        "pass" | "password",
        "text or bcrypt",
        "none",
        Reload::Inside,
        "Its password.",
        password = setting::secret
    ),
    key!(
        "token",
        "text or bcrypt",
        "none",
        Reload::Inside,
        "The token.",
        token = setting::secret
    ),
    key!(
        "timeout",
        "seconds or duration",
        "as for clients",
        Reload::Inside,
        "How long a client may take to authenticate.",
        timeout = super::authorization::timeout
    ),
];
