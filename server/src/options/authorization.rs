//! The `authorization` block: who may connect.

use std::time::Duration;

use super::{Permissions, Secret};

/// Who may connect. Single user, token and user lists exclude each other; the checks have seen to that.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Authorization {
    /// Whether the file has an `authorization` block at all.
    pub defined: bool,
    /// The single user.
    pub user: Option<String>,
    /// Password of the single user: text or bcrypt.
    pub password: Secret,
    /// The token: text or bcrypt; empty means none.
    pub token: Secret,
    /// Users with name and password. `default_permissions` are already applied.
    pub users: Vec<User>,
    /// Users with a key.
    pub nkeys: Vec<NkeyUser>,
    /// Permissions of users that have none of their own.
    pub default_permissions: Option<Permissions>,
    /// Time to authenticate; see [`super::Options::auth_timeout`] for the default.
    pub timeout: Option<Duration>,
    /// Somebody else decides.
    pub auth_callout: Option<AuthCallout>,
    /// The single user, the token and everybody else must come through a trusted proxy.
    pub proxy_required: bool,
}

/// A user with name and password.
#[derive(Clone, Debug, PartialEq)]
pub struct User {
    /// Name; with `verify_and_map` a certificate's e-mail, host name or distinguished name.
    pub name: String,
    /// Password: text or bcrypt, perhaps empty.
    pub password: Secret,
    /// Permissions; `None` permits everything.
    pub permissions: Option<Permissions>,
    /// Kinds of connections that may be this user.
    pub allowed_connection_types: ConnectionTypes,
    /// Must come through a trusted proxy.
    pub proxy_required: bool,
}

/// A user with a key pair.
#[derive(Clone, Debug, PartialEq)]
pub struct NkeyUser {
    /// Public key, `U…`.
    pub nkey: String,
    /// Permissions; `None` permits everything.
    pub permissions: Option<Permissions>,
    /// Kinds of connections that may be this user.
    pub allowed_connection_types: ConnectionTypes,
    /// Must come through a trusted proxy.
    pub proxy_required: bool,
}

/// Kinds of connections that may be a user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ConnectionTypes {
    /// Every kind.
    #[default]
    Any,
    /// Only these, sorted and without duplicates.
    Only(Vec<ConnectionType>),
}

/// A kind of client connection, as named in user entries and in JWTs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConnectionType {
    /// `STANDARD`
    Standard,
    /// `WEBSOCKET`
    WebSocket,
    /// `LEAFNODE`
    LeafNode,
    /// `LEAFNODE_WS`
    LeafNodeWs,
    /// `MQTT`
    Mqtt,
    /// `MQTT_WS`
    MqttWs,
    /// `IN_PROCESS`
    InProcess,
}

/// Delegated authentication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthCallout {
    /// Public account key that signs the answers.
    pub issuer: String,
    /// Account in which requests are published.
    pub account: String,
    /// Users that are not subject to the callout.
    pub auth_users: Vec<String>,
    /// Public curve key of the service, for encryption.
    pub xkey: Option<String>,
    /// Accounts that the service may place users in; empty is all.
    pub allowed_accounts: Vec<String>,
}
