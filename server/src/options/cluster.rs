//! The `cluster` block: routes to the other servers of this cluster.

use std::time::Duration;

use nats_conf::{Node, Value};

use super::limits::write_timeout;
use super::listener_keys::{self, Listens};
use super::permissions::permissions;
use super::setting::{self, Reading, Setting};
use super::table::{
    Apply, Key, Reload, change_unseen, differences, key, read_map, rows, with_rows,
};
use super::tls_keys;
use super::{Listener, Options, Permissions, Secret, ServerUrl, Tls, WriteTimeout};

/// Routes to the other servers of this cluster.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cluster {
    /// Name of the cluster; a made-up one when absent.
    pub name: Option<String>,
    /// Where routes are accepted.
    pub listen: Listener,
    /// User that a route must present.
    pub user: Option<String>,
    /// Password that a route must present.
    pub password: Secret,
    /// Time to authenticate.
    pub auth_timeout: Option<Duration>,
    /// TLS; certificates of the other side are always required.
    pub tls: Option<Tls>,
    /// Servers to connect to.
    pub routes: Vec<ServerUrl>,
    /// `host[:port]` that the others are told.
    pub advertise: Option<String>,
    /// Do not tell clients about the other servers.
    pub no_advertise: bool,
    /// Attempts to reach a server that another one told about.
    pub connect_retries: u32,
    /// Wait longer after each attempt.
    pub connect_backoff: bool,
    /// Which interest is sent (`publish`, written `import`) and accepted (`subscribe`, written `export`).
    pub permissions: Option<Permissions>,
    /// Connections per neighbour; `None` is the default of 3, `Some(0)` switches pooling off (`-1` in the file).
    pub pool_size: Option<u32>,
    /// Accounts with a connection of their own.
    pub pinned_accounts: Vec<String>,
    /// Compression; `accept` when not configured.
    pub compression: Option<Compression>,
    /// How often routes are pinged, at most every 30 seconds.
    pub ping_interval: Option<Duration>,
    /// Pings without an answer before a route is stale.
    pub ping_max: Option<u32>,
    /// How long one flush may take.
    pub write_deadline: Option<Duration>,
    /// What happens when it takes longer.
    pub write_timeout: WriteTimeout,
}

/// Compression between servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compression {
    /// Mode.
    pub mode: CompressionMode,
    /// Round-trip times at which `s2_auto` goes to the next level; empty for the defaults of 10, 50 and 100 ms.
    pub rtt_thresholds: Vec<Duration>,
}

/// How much is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompressionMode {
    /// `off`
    Off,
    /// `accept`: what the other side chooses
    Accept,
    /// `s2_uncompressed`
    S2Uncompressed,
    /// `s2_fast`
    S2Fast,
    /// `s2_better`
    S2Better,
    /// `s2_best`
    S2Best,
    /// `s2_auto`: by round-trip time
    S2Auto,
}

/// Longest time between pings of a route.
const PING_INTERVAL_MAX: Duration = Duration::from_secs(30);

/// The top-level key about routes.
pub(super) static KEYS: &[Key<Options>] = &[Key {
    name: "cluster",
    aliases: &[],
    kind: "map",
    default: "none",
    reload: Reload::Yes(Apply::Cluster),
    doc: "Routes to the other servers of this cluster.",
    read: |options, setting, reading| {
        let mut cluster = Cluster::default();
        if read_map(&mut cluster, BLOCK_KEYS, setting, reading) {
            options.cluster = Some(cluster);
        }
    },
    change: |old, new| {
        let (old, new) = (
            old.cluster.clone().unwrap_or_default(),
            new.cluster.clone().unwrap_or_default(),
        );
        differences(&old, &new, BLOCK_KEYS)
    },
    inner: || rows(BLOCK_KEYS),
}];

impl Listens for Cluster {
    fn listener(&mut self) -> &mut Listener {
        &mut self.listen
    }

    fn at(&self) -> &Listener {
        &self.listen
    }
}

static BLOCK_KEYS: &[Key<Cluster>] = &[
    key!(
        "name",
        "text",
        "a made-up one",
        Reload::Inside,
        "Name of the cluster, without spaces.",
        name = |setting: &Setting<'_>, reading: &mut Reading| setting::spaceless(
            setting,
            reading,
            "cluster name cannot contain spaces"
        )
    ),
    listener_keys::listen("Where routes are accepted."),
    listener_keys::host(),
    listener_keys::port(),
    Key {
        name: "authorization",
        aliases: &[],
        kind: "{user, pass, timeout}",
        default: "none",
        reload: Reload::Inside,
        doc: "What a route must present.",
        read: read_authorization,
        change: |old, new| {
            let all = |cluster: &Cluster| {
                (
                    cluster.user.clone(),
                    cluster.password.clone(),
                    cluster.auth_timeout,
                )
            };
            change_unseen(&all(old), &all(new))
        },
        inner: Vec::new,
    },
    key!(
        "tls",
        "tls",
        "none",
        Reload::Inside,
        "TLS of routes, both ways.",
        tls = tls_keys::tls
    ),
    key!(
        "routes",
        "list of urls",
        "none",
        Reload::Inside,
        "Servers to connect to.",
        routes = |setting: &Setting<'_>, reading: &mut Reading| urls(setting, reading, "route")
    ),
    key!(
        "advertise" | "cluster_advertise",
        "host[:port]",
        "the address",
        Reload::Inside,
        "Address that the others are told.",
        advertise = setting::optional_text
    ),
    key!(
        "no_advertise",
        "boolean",
        "false",
        Reload::Inside,
        "Do not tell clients about the other servers.",
        no_advertise = setting::truth
    ),
    key!(
        "connect_retries",
        "number",
        "0",
        Reload::Inside,
        "Attempts to reach a server that another one told about.",
        connect_retries = setting::count
    ),
    key!(
        "connect_backoff",
        "boolean",
        "false",
        Reload::Inside,
        "Wait longer after each attempt.",
        connect_backoff = setting::truth
    ),
    key!(
        "permissions",
        "{import, export}",
        "everything",
        Reload::Inside,
        "Which interest is sent to the others and accepted from them.",
        permissions = route_permissions
    ),
    key!(
        "pool_size",
        "number",
        "3",
        Reload::Inside,
        "Connections to each server; negative is one without a pool.",
        pool_size = |setting: &Setting<'_>, reading: &mut Reading| {
            let size = setting::integer(setting, reading)?;
            if size == 0 {
                return Some(None);
            }
            if size < 0 {
                Some(Some(0))
            } else {
                setting::count(setting, reading).map(Some)
            }
        }
    ),
    key!(
        "accounts",
        "list of accounts",
        "the system account",
        Reload::Inside,
        "Accounts with a connection of their own.",
        pinned_accounts = setting::texts
    ),
    with_rows(
        key!(
            "compression",
            "mode or {mode, rtt_thresholds}",
            "accept",
            Reload::Inside,
            "off, accept, on, s2_fast, s2_better, s2_best, s2_auto (by round-trip time).",
            compression = |setting: &Setting<'_>, reading: &mut Reading| compression(
                setting,
                reading,
                CompressionMode::S2Fast
            )
        ),
        || rows(COMPRESSION_KEYS),
    ),
    key!(
        "ping_interval",
        "duration",
        "30s",
        Reload::Inside,
        "How often routes are pinged, at most 30s.",
        ping_interval = |setting: &Setting<'_>, reading: &mut Reading| {
            let interval = setting::duration(setting, reading)?;
            if interval > PING_INTERVAL_MAX {
                let text = format!(
                    "Cluster 'ping_interval' will reset to {PING_INTERVAL_MAX:?} which is the max for routes"
                );
                reading.warning(setting, text);
            }
            Some(Some(interval.min(PING_INTERVAL_MAX)))
        }
    ),
    key!(
        "ping_max",
        "number",
        "that of clients",
        Reload::Inside,
        "Pings without an answer before a route is stale.",
        ping_max = setting::bound
    ),
    key!(
        "write_deadline",
        "duration",
        "that of clients",
        Reload::Inside,
        "How long one flush may take.",
        write_deadline = deadline
    ),
    key!(
        "write_timeout",
        "default, close or retry",
        "default",
        Reload::Inside,
        "What follows a flush that takes longer.",
        write_timeout = write_timeout
    ),
];

fn read_authorization(cluster: &mut Cluster, setting: &Setting<'_>, reading: &mut Reading) {
    let Some(block) = listener_keys::one_user("Cluster", setting, reading) else {
        return;
    };
    if block.default_permissions.is_some() {
        reading.field_warning(
            setting,
            "setting \"permissions\" within cluster authorization block is deprecated",
        );
        if cluster.permissions.is_none() {
            cluster.permissions = block.default_permissions;
        }
    }
    (cluster.user, cluster.password, cluster.auth_timeout) =
        (block.user, block.password, block.timeout);
}

fn route_permissions(setting: &Setting<'_>, reading: &mut Reading) -> Option<Option<Permissions>> {
    let permissions = permissions(setting, reading)?;
    if permissions.allow_responses.is_some() {
        reading.bad(
            setting,
            "Cluster permissions do not support dynamic responses",
        );
    }
    let grants = permissions
        .subscribe
        .iter()
        .flat_map(|grants| grants.allow.iter().flatten().chain(&grants.deny));
    for grant in grants.filter(|grant| grant.queue.is_some()) {
        let text = format!(
            "{} {}",
            grant.subject,
            grant.queue.as_deref().unwrap_or_default()
        );
        reading.bad(
            setting,
            format!("cluster export: subject {text:?} is not a valid subject"),
        );
    }
    Some(Some(permissions))
}

/// A deadline of which zero means the default.
pub(super) fn deadline(setting: &Setting<'_>, reading: &mut Reading) -> Option<Option<Duration>> {
    setting::duration(setting, reading)
        .map(|deadline| Some(deadline).filter(|deadline| !deadline.is_zero()))
}

/// A list of URLs; a duplicate is left out with a warning.
pub(super) fn urls(
    setting: &Setting<'_>,
    reading: &mut Reading,
    what: &str,
) -> Option<Vec<ServerUrl>> {
    let mut seen = Vec::new();
    let mut urls = Vec::new();
    for node in setting::list(setting, reading)? {
        let item = Setting {
            name: setting.name,
            node,
        };
        let Some(text) = setting::text(&item, reading) else {
            continue;
        };
        if seen.contains(&text) {
            let shown = ServerUrl::parse(&text)
                .map(|url| url.to_string())
                .unwrap_or_default();
            reading.warning(
                &item,
                format!("invalid use of field {shown:?}: Duplicate {what} entry detected"),
            );
            continue;
        }
        urls.extend(url(&text, node, reading, what));
        seen.push(text);
    }
    Some(urls)
}

/// One URL.
pub(super) fn url(text: &str, node: &Node, reading: &mut Reading, what: &str) -> Option<ServerUrl> {
    match ServerUrl::parse(text) {
        Ok(url) => Some(url),
        Err(why) => {
            // The text may hold a password that we failed to find.
            reading.error(&node.at, format!("error parsing {what} url: {why}"));
            None
        }
    }
}

/// A compression mode while it is read.
#[derive(Default)]
struct CompressionDraft {
    mode: Option<String>,
    rtt_thresholds: Vec<Duration>,
}

static COMPRESSION_KEYS: &[Key<CompressionDraft>] = &[
    key!(
        "mode",
        "mode",
        "",
        Reload::Inside,
        "As without a map.",
        mode = setting::optional_text
    ),
    key!(
        "rtt_thresholds" | "thresholds" | "rtts" | "rtt",
        "list of durations",
        "10ms, 50ms, 100ms",
        Reload::Inside,
        "Round-trip times at which s2_auto goes to the next level.",
        rtt_thresholds = |setting: &Setting<'_>, reading: &mut Reading| {
            let items = setting::list(setting, reading)?;
            let nanos = |node| {
                setting::signed_duration(
                    &Setting {
                        name: setting.name,
                        node,
                    },
                    reading,
                )
            };
            let durations: Vec<_> = items.iter().filter_map(nanos).collect();
            Some(
                durations
                    .into_iter()
                    .map(|nanos| Duration::from_nanos(u64::try_from(nanos).unwrap_or(0)))
                    .collect(),
            )
        }
    ),
];

/// Reads a compression mode; `on` means `mode_for_on`.
pub(super) fn compression(
    setting: &Setting<'_>,
    reading: &mut Reading,
    mode_for_on: CompressionMode,
) -> Option<Option<Compression>> {
    let mut draft = CompressionDraft::default();
    match &setting.node.value {
        Value::Bool(on) => draft.mode = Some(on.to_string()),
        Value::String(mode) => draft.mode = Some(mode.clone()),
        Value::Map(_) => {
            read_map(&mut draft, COMPRESSION_KEYS, setting, reading);
        }
        other => {
            reading.bad(
                setting,
                format!(
                    "field {:?} should be a boolean or a structure, got {}",
                    setting.name,
                    other.kind()
                ),
            );
            return None;
        }
    }
    let Some(name) = draft.mode.filter(|name| !name.is_empty()) else {
        return Some(None);
    };
    let mode = match name.to_lowercase().as_str() {
        "on" | "enabled" | "true" => mode_for_on,
        "off" | "disabled" | "false" | "not supported" | "not_supported" => CompressionMode::Off,
        "accept" => CompressionMode::Accept,
        "auto" | "s2_auto" => CompressionMode::S2Auto,
        "fast" | "s2_fast" => CompressionMode::S2Fast,
        "better" | "s2_better" => CompressionMode::S2Better,
        "best" | "s2_best" => CompressionMode::S2Best,
        _ => {
            reading.bad(setting, format!("unsupported compression mode {name:?}"));
            return None;
        }
    };
    let mut rtt_thresholds = draft.rtt_thresholds;
    if mode == CompressionMode::S2Auto && !rtt_thresholds.is_empty() {
        check_thresholds(&mut rtt_thresholds, setting, reading)?;
    }
    Some(Some(Compression {
        mode,
        rtt_thresholds,
    }))
}

/// Thresholds ascend; zero skips a level, and zeros at the end say nothing.
fn check_thresholds(
    thresholds: &mut Vec<Duration>,
    setting: &Setting<'_>,
    reading: &mut Reading,
) -> Option<()> {
    let set: Vec<_> = thresholds
        .iter()
        .filter(|threshold| !threshold.is_zero())
        .collect();
    if !set.is_sorted() {
        reading.bad(
            setting,
            format!("RTT threshold values {thresholds:?} should be in ascending order"),
        );
        return None;
    }
    if set.is_empty() {
        reading.bad(
            setting,
            "compression mode \"s2_auto\" requires at least one RTT threshold",
        );
        return None;
    }
    while thresholds.last().is_some_and(Duration::is_zero) {
        thresholds.pop();
    }
    if thresholds.len() > 4 {
        reading.bad(setting, format!("compression mode \"s2_auto\" should have no more than 4 RTT thresholds: {thresholds:?}"));
        return None;
    }
    Some(())
}
