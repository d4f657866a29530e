//! The `authorization` block: who may connect.

use std::time::Duration;

use nats_conf::{Map, Node, Value};
use nats_jwt::nkey::{Kind, is_public_key};

use super::permissions::permissions;
use super::setting::{self, Reading, Setting};
use super::table::{Apply, Key, Reload, Row, change, change_unseen, key, read_map, rows};
use super::{GLOBAL_ACCOUNT, Options, Permissions, Secret};

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

impl ConnectionType {
    /// By the word of configurations and tokens, in upper case.
    pub fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "STANDARD" => Self::Standard,
            "WEBSOCKET" => Self::WebSocket,
            "LEAFNODE" => Self::LeafNode,
            "LEAFNODE_WS" => Self::LeafNodeWs,
            "MQTT" => Self::Mqtt,
            "MQTT_WS" => Self::MqttWs,
            "IN_PROCESS" => Self::InProcess,
            _ => return None,
        })
    }
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

/// Timeouts above this are most likely minutes that were read as seconds.
const TIMEOUT_ADVISED_MAX: Duration = Duration::from_secs(60);

/// Top-level keys about who may connect.
pub(super) static KEYS: &[Key<Options>] = &[
    Key {
        name: "authorization",
        aliases: &[],
        kind: "map",
        default: "everybody may connect",
        reload: Reload::Yes(Apply::Access),
        doc: "Who may connect.",
        read: |options, setting, reading| {
            if let Some(authorization) = authorization(setting, reading) {
                options.authorization = Authorization {
                    defined: true,
                    ..authorization
                };
            }
        },
        change: |old, new| {
            super::table::differences(&old.authorization, &new.authorization, BLOCK_KEYS)
        },
        inner: || manual(BLOCK_KEYS),
    },
    key!(
        "no_auth_user",
        "user or nkey",
        "none",
        Reload::Rule {
            words: "only to empty, when the user is gone",
            permits: |old, new| {
                let gone = |name: &String| !new.all_users().any(|user| user == name);
                new.no_auth_user.is_none() && old.no_auth_user.as_ref().is_none_or(gone)
            },
            apply: Apply::Access,
        },
        "The user that a connection without credentials becomes.",
        no_auth_user = setting::optional_text
    ),
    key!(
        "system_account" | "system",
        "account",
        "$SYS",
        Reload::Rule {
            words: "only from `$SYS` to empty",
            permits: |old, new| {
                let default = Some(super::DEFAULT_SYSTEM_ACCOUNT);
                old.system_account.as_deref() == default && new.system_account.is_none()
            },
            apply: Apply::WhenRead,
        },
        "The account that sees `$SYS.>`.",
        system_account = setting::optional_text
    ),
    key!(
        "no_system_account" | "no_system" | "no_sys_acc",
        "boolean",
        "false",
        Reload::No,
        "Run without a system account.",
        no_system_account = setting::truth
    ),
    Key {
        name: "proxies",
        aliases: &[],
        kind: "map",
        default: "none",
        reload: Reload::Yes(Apply::Proxies),
        doc: "Proxies whose signatures are trusted.",
        read: |options, setting, reading| {
            read_map(&mut options.trusted_proxies, PROXY_KEYS, setting, reading);
        },
        change: |old, new| change(&old.trusted_proxies, &new.trusted_proxies),
        inner: || rows(PROXY_KEYS),
    },
];

/// Keys of the `authorization` block.
static BLOCK_KEYS: &[Key<Authorization>] = &[
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
        "The password of the one user.",
        password = setting::secret
    ),
    key!(
        "token",
        "text or bcrypt",
        "none",
        Reload::Inside,
        "The token of everybody.",
        token = setting::secret
    ),
    key!(
        "timeout",
        "seconds or duration",
        "2s, with TLS its timeout plus 1s",
        Reload::Inside,
        "How long a client may take to authenticate.",
        timeout = timeout
    ),
    Key {
        name: "users",
        aliases: &[],
        kind: "list of users",
        default: "none",
        reload: Reload::Inside,
        doc: "Users with name and password, or with an nkey.",
        read: |authorization, setting, reading| {
            (authorization.nkeys, authorization.users) = users(setting, reading);
        },
        change: |old, new| change_unseen(&(&old.users, &old.nkeys), &(&new.users, &new.nkeys)),
        inner: || rows(USER_KEYS),
    },
    key!(
        "default_permissions" | "default_permission" | "permissions",
        "permissions",
        "everything",
        Reload::Inside,
        "Permissions of users that have none of their own.",
        default_permissions =
            |setting: &Setting<'_>, reading: &mut Reading| permissions(setting, reading).map(Some)
    ),
    key!(
        "auth_callout" | "auth_hook",
        "map",
        "none",
        Reload::No,
        "A service that decides who may connect.",
        auth_callout = callout
    ),
    key!(
        "proxy_required",
        "boolean",
        "false",
        Reload::No,
        "Connections must come through a trusted proxy.",
        proxy_required = setting::truth
    ),
];

/// A user while it is read.
#[derive(Default)]
struct Draft {
    name: String,
    nkey: String,
    password: Secret,
    permissions: Option<Permissions>,
    types: ConnectionTypes,
    proxy_required: bool,
}

static USER_KEYS: &[Key<Draft>] = &[
    key!(
        "user" | "username",
        "text",
        "none",
        Reload::Inside,
        "Name.",
        name = setting::text
    ),
    key!(
        "pass" | "password",
        "text or bcrypt",
        "none",
        Reload::Inside,
        "Password.",
        password = setting::secret
    ),
    key!(
        "nkey",
        "public user key",
        "none",
        Reload::Inside,
        "Public key, instead of name and password.",
        nkey = setting::text
    ),
    key!(
        "permissions" | "permission" | "authorization",
        "permissions",
        "default_permissions",
        Reload::Inside,
        "What the user may do.",
        permissions =
            |setting: &Setting<'_>, reading: &mut Reading| permissions(setting, reading).map(Some)
    ),
    key!(
        "allowed_connection_types" | "connection_types" | "clients",
        "list of types",
        "all",
        Reload::Inside,
        "STANDARD, WEBSOCKET, LEAFNODE, LEAFNODE_WS, MQTT, MQTT_WS, IN_PROCESS.",
        types = connection_types
    ),
    key!(
        "proxy_required",
        "boolean",
        "false",
        Reload::Inside,
        "Must come through a trusted proxy.",
        proxy_required = setting::truth
    ),
];

/// A callout while it is read.
#[derive(Default)]
struct CalloutDraft {
    issuer: String,
    account: Option<String>,
    auth_users: Vec<String>,
    xkey: Option<String>,
    allowed_accounts: Vec<String>,
}

static CALLOUT_KEYS: &[Key<CalloutDraft>] = &[
    key!(
        "issuer",
        "public account key",
        "required",
        Reload::Inside,
        "Key that signs the answers.",
        issuer = |setting: &Setting<'_>, reading: &mut Reading| {
            public_key(
                setting,
                reading,
                Kind::Account,
                "Expected callout user to be a valid public account nkey",
            )
        }
    ),
    key!(
        "account" | "acc",
        "account",
        "$G",
        Reload::Inside,
        "Account in which requests are published.",
        account = setting::optional_text
    ),
    key!(
        "auth_users" | "users",
        "list of users",
        "required",
        Reload::Inside,
        "Users that are not subject to the callout.",
        auth_users = setting::list_of_texts
    ),
    key!(
        "xkey" | "key",
        "public curve key",
        "none",
        Reload::Inside,
        "Key of the service, for encryption.",
        xkey = |setting: &Setting<'_>, reading: &mut Reading| {
            public_key(
                setting,
                reading,
                Kind::Curve,
                "Expected callout xkey to be a valid public xkey",
            )
            .map(Some)
        }
    ),
    key!(
        "allowed_accounts",
        "list of accounts",
        "all",
        Reload::Inside,
        "Accounts that the service may place users in.",
        allowed_accounts = setting::list_of_texts
    ),
];

static PROXY_ENTRY_KEYS: &[Key<String>] = &[Key {
    name: "key",
    aliases: &["public_key"],
    kind: "public key",
    default: "required",
    reload: Reload::Inside,
    doc: "Public key of a proxy.",
    read: |key, setting, reading| {
        *key = setting::text(setting, reading).unwrap_or_default();
        if nats_jwt::nkey::PublicKey::parse(key).is_err() {
            reading.bad(setting, format!("invalid proxy key {key:?}"));
        }
    },
    change: |_, _| Vec::new(),
    inner: Vec::new,
}];

static PROXY_KEYS: &[Key<Vec<String>>] = &[Key {
    name: "trusted",
    aliases: &[],
    kind: "list of {key}",
    default: "none",
    reload: Reload::Inside,
    doc: "Public keys of the proxies, each as `key` or `public_key`.",
    read: |keys, setting, reading| *keys = trusted_proxies(setting, reading),
    change: |_, _| Vec::new(),
    inner: || rows(PROXY_ENTRY_KEYS),
}];

fn manual(keys: &'static [Key<Authorization>]) -> Vec<Row> {
    let mut all = rows(keys);
    all.extend(rows(CALLOUT_KEYS).into_iter().map(|row| Row {
        path: format!("auth_callout.{}", row.path),
        ..row
    }));
    let permissions = super::permissions::manual();
    all.extend(permissions.into_iter().map(|row| Row {
        path: format!("default_permissions.{}", row.path),
        ..row
    }));
    all
}

/// Reads an `authorization` block.
pub(super) fn authorization(setting: &Setting<'_>, reading: &mut Reading) -> Option<Authorization> {
    let map = setting::map(setting, reading)?;
    let mut authorization = Authorization::default();
    read_map(&mut authorization, BLOCK_KEYS, setting, reading);
    let single = authorization.user.is_some() || !authorization.password.is_empty();
    let token = !authorization.token.is_empty();
    if single && token {
        reading.bad(setting, "Cannot have a user/pass and token");
    }
    if has_key(map, "users") {
        if authorization.user.is_some() {
            reading.bad(setting, "Can not have a single user/pass and a users array");
        }
        if token {
            reading.bad(setting, "Can not have a token and a users array");
        }
    }
    apply_default(
        &authorization.default_permissions,
        &mut authorization.users,
        &mut authorization.nkeys,
    );
    Some(authorization)
}

/// Whether a map has a key, without regard to case.
pub(super) fn has_key(map: &Map, key: &str) -> bool {
    map.iter().any(|(name, _)| name.to_lowercase() == key)
}

/// Gives the default permissions to users that have none.
pub(super) fn apply_default(
    default: &Option<Permissions>,
    users: &mut [User],
    nkeys: &mut [NkeyUser],
) {
    let all = users
        .iter_mut()
        .map(|user| &mut user.permissions)
        .chain(nkeys.iter_mut().map(|user| &mut user.permissions));
    for permissions in all.filter(|permissions| permissions.is_none()) {
        permissions.clone_from(default);
    }
}

/// Reads a list of users. Names and keys must be unique over the whole configuration.
pub(super) fn users(setting: &Setting<'_>, reading: &mut Reading) -> (Vec<NkeyUser>, Vec<User>) {
    let (mut nkeys, mut users) = (Vec::new(), Vec::new());
    let Some(items) = setting::list(setting, reading) else {
        return (nkeys, users);
    };
    for node in items {
        let Value::Map(_) = node.value else {
            reading.error(
                &node.at,
                format!(
                    "Expected user entry to be a map/struct, got {}",
                    node.value.kind()
                ),
            );
            continue;
        };
        let mut draft = Draft::default();
        read_map(
            &mut draft,
            USER_KEYS,
            &Setting {
                name: setting.name,
                node,
            },
            reading,
        );
        user(draft, node, reading, &mut nkeys, &mut users);
    }
    (nkeys, users)
}

fn user(
    draft: Draft,
    node: &Node,
    reading: &mut Reading,
    nkeys: &mut Vec<NkeyUser>,
    users: &mut Vec<User>,
) {
    let Draft {
        name,
        nkey,
        password,
        permissions,
        types: allowed_connection_types,
        proxy_required,
    } = draft;
    if nkey.is_empty() && name.is_empty() {
        reading.error(&node.at, "User entry requires a user");
    } else if nkey.is_empty() {
        if reading.is_new_user(&name) {
            users.push(User {
                name,
                password,
                permissions,
                allowed_connection_types,
                proxy_required,
            });
        } else {
            reading.error(&node.at, format!("Duplicate user {name:?} detected"));
        }
    } else if !is_public_key(&nkey, Kind::User) {
        reading.error(&node.at, "Not a valid public nkey for a user");
    } else if !name.is_empty() || !password.is_empty() {
        reading.error(&node.at, "Nkey users do not take usernames or passwords");
    } else if reading.is_new_user(&nkey) {
        nkeys.push(NkeyUser {
            nkey,
            permissions,
            allowed_connection_types,
            proxy_required,
        });
    } else {
        reading.error(&node.at, format!("Duplicate nkey {nkey:?} detected"));
    }
}

/// Reads a timeout for authentication. Zero means the default.
pub(super) fn timeout(setting: &Setting<'_>, reading: &mut Reading) -> Option<Option<Duration>> {
    let timeout = setting::seconds(setting, reading)?;
    if timeout > TIMEOUT_ADVISED_MAX {
        let seconds = timeout.as_secs_f64();
        let advice = "is high, consider keeping it under 60 seconds. possibly caused by unquoted duration; \
                      use '1m' instead of 1m, for example";
        reading.field_warning(
            setting,
            format!("timeout of {seconds} ({seconds:.6} seconds) {advice}"),
        );
    }
    Some(Some(timeout).filter(|timeout| !timeout.is_zero()))
}

fn connection_types(setting: &Setting<'_>, reading: &mut Reading) -> Option<ConnectionTypes> {
    let mut types = Vec::new();
    for name in setting::texts(setting, reading)? {
        match ConnectionType::from_word(&name.to_uppercase()) {
            Some(kind) => types.push(kind),
            None => reading.bad(setting, format!("invalid connection types {name:?}")),
        }
    }
    types.sort_unstable();
    types.dedup();
    Some(if types.is_empty() {
        ConnectionTypes::Any
    } else {
        ConnectionTypes::Only(types)
    })
}

fn callout(setting: &Setting<'_>, reading: &mut Reading) -> Option<Option<AuthCallout>> {
    let mut draft = CalloutDraft::default();
    if !read_map(&mut draft, CALLOUT_KEYS, setting, reading) {
        return None;
    }
    if draft.issuer.is_empty() {
        reading.bad(
            setting,
            "Authorization callouts require an issuer to be specified",
        );
    }
    if draft.auth_users.is_empty() {
        reading.bad(
            setting,
            "Authorization callouts require authorized users to be specified",
        );
    }
    let CalloutDraft {
        issuer,
        account,
        auth_users,
        xkey,
        allowed_accounts,
    } = draft;
    let account = account.unwrap_or_else(|| GLOBAL_ACCOUNT.to_owned());
    Some(Some(AuthCallout {
        issuer,
        account,
        auth_users,
        xkey,
        allowed_accounts,
    }))
}

fn public_key(
    setting: &Setting<'_>,
    reading: &mut Reading,
    kind: Kind,
    error: &str,
) -> Option<String> {
    let key = setting::text(setting, reading)?;
    if !is_public_key(&key, kind) {
        reading.bad(setting, format!("{error}, got {key:?}"));
        return None;
    }
    Some(key)
}

fn trusted_proxies(setting: &Setting<'_>, reading: &mut Reading) -> Vec<String> {
    let mut keys = Vec::new();
    for node in setting::list(setting, reading).unwrap_or_default() {
        let mut key = String::new();
        if read_map(
            &mut key,
            PROXY_ENTRY_KEYS,
            &Setting {
                name: setting.name,
                node,
            },
            reading,
        ) && !key.is_empty()
        {
            keys.push(key);
        }
    }
    keys
}
