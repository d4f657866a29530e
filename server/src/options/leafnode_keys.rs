//! The keys of the `leafnodes` block.

use std::path::PathBuf;

use nats_conf::Value;
use nats_jwt::nkey::{Kind, is_public_key, seed_kind};

use super::authorization::timeout;
use super::cluster::{CompressionMode, compression, deadline, url, urls};
use super::leafnodes::{
    ClusterMigrate, HttpProxy, LeafAuthorization, LeafNodes, LeafUser, RemoteLeaf,
};
use super::limits::write_timeout;
use super::listener_keys::{self, Listens};
use super::permissions::grants;
use super::setting::{self, Reading, Setting};
use super::table::{Apply, Key, Reload, change_unseen, key, read_map, rows, with_rows};
use super::{GLOBAL_ACCOUNT, Listener, Secret, ServerUrl, tls_keys};

/// Oldest release that a minimum may name: older ones do not say their version.
const MIN_VERSION_OLDEST: [u64; 3] = [2, 8, 0];

/// Port of leaf nodes where a URL names none.
const DEFAULT_PORT: u16 = 7422;

impl Listens for LeafNodes {
    fn listener(&mut self) -> &mut Listener {
        &mut self.listen
    }

    fn at(&self) -> &Listener {
        &self.listen
    }
}

pub(super) static BLOCK_KEYS: &[Key<LeafNodes>] = &[
    listener_keys::listen("Where leaf nodes are accepted; 7422 by custom."),
    listener_keys::host(),
    listener_keys::port(),
    Key {
        name: "authorization",
        aliases: &[],
        kind: "map",
        default: "that of clients",
        reload: Reload::No,
        doc: "Who may connect as a leaf node.",
        read: read_authorization,
        change: |old, new| change_unseen(&old.authorization, &new.authorization),
        inner: || rows(AUTHORIZATION_KEYS),
    },
    key!(
        "tls",
        "tls",
        "none",
        Reload::Yes(Apply::LeafNodes),
        "TLS of the port.",
        tls = tls_keys::tls
    ),
    key!(
        "advertise" | "leafnode_advertise",
        "host[:port]",
        "the address",
        Reload::No,
        "Address that leaf nodes are told.",
        advertise = setting::optional_text
    ),
    key!(
        "no_advertise",
        "boolean",
        "false",
        Reload::No,
        "Do not tell leaf nodes about the other servers.",
        no_advertise = setting::truth
    ),
    key!(
        "min_version" | "minimum_version",
        "version",
        "none",
        Reload::No,
        "Lowest version that may connect.",
        min_version = min_version
    ),
    key!(
        "compression",
        "mode or {mode, rtt_thresholds}",
        "s2_auto",
        Reload::Yes(Apply::LeafNodes),
        "off, accept, on, s2_fast, s2_better, s2_best, s2_auto (by round-trip time).",
        compression = |setting: &Setting<'_>, reading: &mut Reading| compression(
            setting,
            reading,
            CompressionMode::S2Auto
        )
    ),
    key!(
        "reconnect" | "reconnect_delay" | "reconnect_interval",
        "duration",
        "1s",
        Reload::No,
        "Time between attempts to reach a remote.",
        reconnect = |setting: &Setting<'_>, reading: &mut Reading| {
            setting::or_default(
                setting::duration(setting, reading),
                std::time::Duration::from_secs(1),
            )
        }
    ),
    key!(
        "dial_timeout",
        "duration",
        "1s",
        Reload::No,
        "How long a connection attempt may take.",
        dial_timeout = deadline
    ),
    key!(
        "isolate_leafnode_interest" | "isolate",
        "boolean",
        "false",
        Reload::No,
        "Leaf nodes do not see each other's interest.",
        isolate_leafnode_interest = setting::truth
    ),
    key!(
        "write_deadline",
        "duration",
        "that of clients",
        Reload::No,
        "How long one flush may take.",
        write_deadline = deadline
    ),
    key!(
        "write_timeout",
        "default, close or retry",
        "default",
        Reload::No,
        "What follows a flush that takes longer.",
        write_timeout = write_timeout
    ),
    Key {
        name: "remotes",
        aliases: &[],
        kind: "list of remotes",
        default: "none",
        reload: Reload::Yes(Apply::LeafNodes),
        doc: "Servers that this one hangs off.",
        read: |block, setting, reading| block.remotes = remotes(setting, reading),
        change: |old, new| change_unseen(&old.remotes, &new.remotes),
        inner: || rows(REMOTE_KEYS),
    },
];

static AUTHORIZATION_KEYS: &[Key<LeafAuthorization>] = &[
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
        "nkey",
        "public user key",
        "none",
        Reload::Inside,
        "Key, instead of name and password.",
        nkey = |setting: &Setting<'_>, reading: &mut Reading| {
            let key = setting::text(setting, reading)?;
            if !is_public_key(&key, Kind::User) {
                reading.bad(
                    setting,
                    "Not a valid public nkey for leafnode authorization",
                );
            }
            Some(Some(key))
        }
    ),
    key!(
        "account",
        "account",
        "$G",
        Reload::Inside,
        "Account that leaf nodes are bound to.",
        account = setting::optional_text
    ),
    with_rows(
        key!(
            "users",
            "list of {user, pass, account, proxy_required}",
            "none",
            Reload::Inside,
            "Users with accounts.",
            users = leaf_users
        ),
        || rows(USER_KEYS),
    ),
    key!(
        "timeout",
        "seconds or duration",
        "as for clients",
        Reload::Inside,
        "How long a leaf node may take to authenticate.",
        timeout = timeout
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

static USER_KEYS: &[Key<LeafUser>] = &[
    key!(
        "user" | "username",
        "text",
        "required",
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
        "account",
        "account",
        "$G",
        Reload::Inside,
        "Account.",
        account = setting::optional_text
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

static REMOTE_KEYS: &[Key<RemoteLeaf>] = &[
    key!(
        "url" | "urls",
        "url or list of urls",
        "required",
        Reload::Inside,
        "Addresses; ws:// and wss:// too.",
        urls = remote_urls
    ),
    key!(
        "account" | "local",
        "account",
        "$G",
        Reload::Inside,
        "Account here.",
        account = setting::optional_text
    ),
    key!(
        "credentials" | "creds",
        "file",
        "none",
        Reload::Inside,
        "Credentials file; `~` and `$NAME` are resolved.",
        credentials =
            |setting: &Setting<'_>, reading: &mut Reading| setting::text(setting, reading)
                .map(|path| Some(PathBuf::from(path)))
    ),
    key!(
        "nkey" | "seed",
        "seed of a user key",
        "none",
        Reload::Inside,
        "Seed, instead of credentials.",
        nkey = |setting: &Setting<'_>, reading: &mut Reading| {
            let seed = setting::text(setting, reading)?;
            if !seed_kind(&seed).is_ok_and(|kind| kind == Kind::User) {
                reading.bad(setting, "Remote leafnode nkey is not a valid seed");
                return None;
            }
            Some(Some(Secret::new(seed)))
        }
    ),
    key!(
        "tls",
        "tls",
        "none",
        Reload::Inside,
        "TLS towards it.",
        tls = tls_keys::tls
    ),
    key!(
        "hub",
        "boolean",
        "false",
        Reload::Inside,
        "This side is the hub.",
        hub = setting::truth
    ),
    key!(
        "deny_imports" | "deny_import",
        "subject or list",
        "none",
        Reload::Inside,
        "What does not come in.",
        deny_imports =
            |setting: &Setting<'_>, reading: &mut Reading| grants(setting, false, reading)
    ),
    key!(
        "deny_exports" | "deny_export",
        "subject or list",
        "none",
        Reload::Inside,
        "What does not go out.",
        deny_exports =
            |setting: &Setting<'_>, reading: &mut Reading| grants(setting, false, reading)
    ),
    key!(
        "no_randomize" | "dont_randomize",
        "boolean",
        "false",
        Reload::Inside,
        "Keep the order of `urls`.",
        no_randomize = setting::truth
    ),
    key!(
        "compression",
        "mode or {mode, rtt_thresholds}",
        "s2_auto",
        Reload::Inside,
        "As in the block.",
        compression = |setting: &Setting<'_>, reading: &mut Reading| compression(
            setting,
            reading,
            CompressionMode::S2Auto
        )
    ),
    key!(
        "ws_compression" | "ws_compress" | "websocket_compress" | "websocket_compression",
        "boolean",
        "false",
        Reload::Inside,
        "Compress WebSocket frames.",
        ws_compression = setting::truth
    ),
    key!(
        "ws_no_masking" | "websocket_no_masking",
        "boolean",
        "false",
        Reload::Inside,
        "Do not mask WebSocket frames.",
        ws_no_masking = setting::truth
    ),
    with_rows(
        key!(
            "jetstream_cluster_migrate" | "js_cluster_migrate",
            "boolean or {leader_migrate_delay}",
            "false",
            Reload::Inside,
            "Move JetStream leaders away when the connection is lost.",
            jetstream_cluster_migrate = migrate
        ),
        || rows(MIGRATE_KEYS),
    ),
    key!(
        "isolate_leafnode_interest" | "isolate",
        "boolean",
        "false",
        Reload::Inside,
        "This remote does not see interest of others here.",
        isolate_leafnode_interest = setting::truth
    ),
    key!(
        "request_isolation",
        "boolean",
        "false",
        Reload::Inside,
        "Ask the other side not to send interest of others.",
        request_isolation = setting::truth
    ),
    key!(
        "disabled",
        "boolean",
        "false",
        Reload::Inside,
        "Do not connect.",
        disabled = setting::truth
    ),
    key!(
        "first_info_timeout",
        "duration",
        "1s",
        Reload::Inside,
        "How long to wait for INFO.",
        first_info_timeout = deadline
    ),
    key!(
        "dial_timeout",
        "duration",
        "that of the block",
        Reload::Inside,
        "How long a connection attempt may take.",
        dial_timeout = deadline
    ),
    with_rows(
        key!(
            "proxy",
            "{url, username, password, timeout}",
            "none",
            Reload::Inside,
            "HTTP proxy for WebSocket connections.",
            proxy = proxy
        ),
        || rows(PROXY_KEYS),
    ),
    key!(
        "ignore_discovered_servers",
        "boolean",
        "false",
        Reload::Inside,
        "Use only the configured addresses.",
        ignore_discovered_servers = setting::truth
    ),
];

static MIGRATE_KEYS: &[Key<ClusterMigrate>] = &[key!(
    "leader_migrate_delay",
    "duration",
    "none",
    Reload::Inside,
    "How long to wait before leaders move.",
    leader_migrate_delay = deadline
)];

static PROXY_KEYS: &[Key<HttpProxy>] = &[
    key!(
        "url",
        "url",
        "required",
        Reload::Inside,
        "Address of the proxy.",
        url = setting::text
    ),
    key!(
        "username",
        "text",
        "none",
        Reload::Inside,
        "User.",
        username = setting::optional_text
    ),
    key!(
        "password",
        "text",
        "none",
        Reload::Inside,
        "Password.",
        password = setting::secret
    ),
    key!(
        "timeout",
        "duration",
        "none",
        Reload::Inside,
        "How long it may take.",
        timeout = deadline
    ),
];

fn read_authorization(block: &mut LeafNodes, setting: &Setting<'_>, reading: &mut Reading) {
    let authorization = &mut block.authorization;
    read_map(authorization, AUTHORIZATION_KEYS, setting, reading);
    if authorization.users.is_empty() {
        return;
    }
    if authorization.user.is_some() {
        reading.bad(setting, "can not have a single user/pass and a users array");
    }
    if authorization.nkey.is_some() {
        reading.bad(setting, "can not have a single nkey and a users array");
    }
    for (index, user) in authorization.users.iter().enumerate() {
        if authorization
            .users
            .iter()
            .take(index)
            .any(|other| other.name == user.name)
        {
            reading.bad(
                setting,
                format!(
                    "duplicate user {:?} detected in leafnode authorization",
                    user.name
                ),
            );
        }
    }
}

fn leaf_users(setting: &Setting<'_>, reading: &mut Reading) -> Option<Vec<LeafUser>> {
    let mut users = Vec::new();
    for node in setting::list(setting, reading)? {
        let mut user = LeafUser::default();
        if read_map(
            &mut user,
            USER_KEYS,
            &Setting {
                name: setting.name,
                node,
            },
            reading,
        ) {
            users.push(user);
        }
    }
    Some(users)
}

fn min_version(setting: &Setting<'_>, reading: &mut Reading) -> Option<Option<String>> {
    let text = setting::text(setting, reading)?;
    let core = text
        .strip_prefix('v')
        .unwrap_or(&text)
        .split(['-', '+'])
        .next()
        .unwrap_or_default();
    let parts: Vec<u64> = core
        .split('.')
        .map(|part| part.parse().ok())
        .collect::<Option<_>>()
        .unwrap_or_default();
    if parts.len() != 3 {
        reading.bad(
            setting,
            format!("invalid leafnode's minimum version: invalid semver {text:?}"),
        );
    } else if parts.as_slice() < MIN_VERSION_OLDEST.as_slice() {
        reading.bad(setting, "the minimum version should be at least 2.8.0");
    }
    Some(Some(text))
}

fn remotes(setting: &Setting<'_>, reading: &mut Reading) -> Vec<RemoteLeaf> {
    let mut remotes: Vec<RemoteLeaf> = Vec::new();
    for node in setting::list(setting, reading).unwrap_or_default() {
        let item = Setting {
            name: setting.name,
            node,
        };
        let mut remote = RemoteLeaf::default();
        if !read_map(&mut remote, REMOTE_KEYS, &item, reading) {
            continue;
        }
        if remote.credentials.is_some() && remote.nkey.is_some() {
            reading.bad(
                &item,
                "Remote leafnode can not have both creds and nkey defined",
            );
        }
        check_transport(&remote, &item, reading);
        let same = |other: &RemoteLeaf| {
            (&other.urls, &other.account, &other.credentials, &other.nkey)
                == (
                    &remote.urls,
                    &remote.account,
                    &remote.credentials,
                    &remote.nkey,
                )
        };
        if remotes.iter().any(same) {
            let urls: Vec<_> = remote.urls.iter().map(ServerUrl::to_string).collect();
            let account = remote.account.as_deref().unwrap_or(GLOBAL_ACCOUNT);
            reading.bad(
                &item,
                format!("duplicate remote urls={urls:?}, account={account:?}"),
            );
            continue;
        }
        remotes.push(remote);
    }
    remotes
}

/// WebSocket addresses do not mix with others, and a proxy serves only them.
fn check_transport(remote: &RemoteLeaf, item: &Setting<'_>, reading: &mut Reading) {
    let over_websocket = |url: &ServerUrl| matches!(url.scheme.as_str(), "ws" | "wss");
    let websockets = remote.urls.iter().filter(|url| over_websocket(url)).count();
    if websockets > 0 && websockets < remote.urls.len() {
        reading.bad(
            item,
            "remote leaf node configuration cannot have a mix of websocket and non-websocket urls",
        );
    }
    let Some(proxy) = remote.proxy.as_ref().filter(|proxy| !proxy.url.is_empty()) else {
        return;
    };
    match ServerUrl::parse(&proxy.url) {
        Err(why) => reading.bad(item, format!("invalid proxy URL: {why}")),
        Ok(url) if !matches!(url.scheme.as_str(), "http" | "https") => {
            reading.bad(
                item,
                format!(
                    "proxy URL scheme must be http or https, got: {}",
                    url.scheme
                ),
            );
        }
        Ok(url) if url.host.is_empty() => reading.bad(item, "proxy URL must specify a host"),
        Ok(_) if proxy.username.is_none() != proxy.password.is_empty() => {
            reading.bad(
                item,
                "proxy username and password must both be specified or both be empty",
            );
        }
        Ok(_) if remote.tls.is_none() && remote.urls.iter().any(|url| url.scheme == "wss") => {
            reading.bad(
                item,
                "a proxy is configured and a remote URL requires TLS: the remote needs a tls block",
            );
        }
        Ok(_) if websockets == 0 && !remote.urls.is_empty() => {
            reading.warning(
                item,
                "proxy configuration will be ignored: it applies to ws:// and wss:// only",
            );
        }
        Ok(_) => {}
    }
}

fn remote_urls(setting: &Setting<'_>, reading: &mut Reading) -> Option<Vec<ServerUrl>> {
    let mut found = match &setting.node.value {
        Value::String(text) => vec![url(text, setting.node, reading, "leafnode")?],
        _ => urls(setting, reading, "leafnode")?,
    };
    for url in found.iter_mut().filter(|url| url.port.is_none()) {
        url.port = Some(DEFAULT_PORT);
    }
    Some(found)
}

fn migrate(setting: &Setting<'_>, reading: &mut Reading) -> Option<Option<ClusterMigrate>> {
    let mut migrate = ClusterMigrate::default();
    match setting.node.value {
        Value::Bool(on) => Some(on.then_some(migrate)),
        Value::Map(_) => {
            read_map(&mut migrate, MIGRATE_KEYS, setting, reading);
            Some(Some(migrate))
        }
        _ => {
            let kind = setting.node.value.kind();
            reading.bad(
                setting,
                format!("Expected boolean or map for jetstream_cluster_migrate, got {kind}"),
            );
            None
        }
    }
}

fn proxy(setting: &Setting<'_>, reading: &mut Reading) -> Option<Option<HttpProxy>> {
    let mut proxy = HttpProxy::default();
    read_map(&mut proxy, PROXY_KEYS, setting, reading).then_some(Some(proxy))
}
