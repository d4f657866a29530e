//! The `gateway` block: connections to other clusters.

use std::time::Duration;

use super::cluster::{deadline, url, urls};
use super::limits::write_timeout;
use super::listener_keys::{self, Listens};
use super::setting::{self, Reading, Setting};
use super::table::{
    Apply, Key, Reload, change_unseen, differences, key, read_map, rows, with_rows,
};
use super::tls_keys;
use super::{Listener, Options, Secret, ServerUrl, Tls, WriteTimeout};

/// Connections to other clusters.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gateway {
    /// Name of this cluster.
    pub name: Option<String>,
    /// Where gateways are accepted.
    pub listen: Listener,
    /// User that a gateway must present.
    pub user: Option<String>,
    /// Password that a gateway must present.
    pub password: Secret,
    /// Time to authenticate.
    pub auth_timeout: Option<Duration>,
    /// TLS; certificates of the other side are always required.
    pub tls: Option<Tls>,
    /// `host[:port]` that the others are told.
    pub advertise: Option<String>,
    /// Attempts to reach a cluster that another one told about.
    pub connect_retries: u32,
    /// Wait longer after each attempt.
    pub connect_backoff: bool,
    /// Refuse clusters that are not in `gateways`.
    pub reject_unknown_cluster: bool,
    /// The other clusters.
    pub gateways: Vec<RemoteGateway>,
    /// How long one flush may take.
    pub write_deadline: Option<Duration>,
    /// What happens when it takes longer.
    pub write_timeout: WriteTimeout,
}

/// Another cluster.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RemoteGateway {
    /// Its name.
    pub name: String,
    /// Its servers.
    pub urls: Vec<ServerUrl>,
    /// TLS towards it; that of the block when absent.
    pub tls: Option<Tls>,
}

/// The top-level key about gateways.
pub(super) static KEYS: &[Key<Options>] = &[Key {
    name: "gateway",
    aliases: &[],
    kind: "map",
    default: "none",
    reload: Reload::No,
    doc: "Connections to other clusters.",
    read: |options, setting, reading| {
        let mut gateway = Gateway::default();
        if read_map(&mut gateway, BLOCK_KEYS, setting, reading) {
            options.gateway = Some(gateway);
        }
    },
    change: |old, new| {
        let (old, new) = (
            old.gateway.clone().unwrap_or_default(),
            new.gateway.clone().unwrap_or_default(),
        );
        differences(&old, &new, BLOCK_KEYS)
    },
    inner: || rows(BLOCK_KEYS),
}];

impl Listens for Gateway {
    fn listener(&mut self) -> &mut Listener {
        &mut self.listen
    }

    fn at(&self) -> &Listener {
        &self.listen
    }
}

static BLOCK_KEYS: &[Key<Gateway>] = &[
    key!(
        "name",
        "text",
        "required",
        Reload::No,
        "Name of this cluster, without spaces.",
        name = |setting: &Setting<'_>, reading: &mut Reading| setting::spaceless(
            setting,
            reading,
            "gateway name cannot contain spaces"
        )
    ),
    listener_keys::listen("Where gateways are accepted."),
    listener_keys::host(),
    listener_keys::port(),
    Key {
        name: "authorization",
        aliases: &[],
        kind: "{user, pass, timeout}",
        default: "none",
        reload: Reload::No,
        doc: "What a gateway must present.",
        read: read_authorization,
        change: |old, new| {
            let all = |gateway: &Gateway| {
                (
                    gateway.user.clone(),
                    gateway.password.clone(),
                    gateway.auth_timeout,
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
        Reload::Yes(Apply::Tls),
        "TLS of gateways, both ways.",
        tls = tls_keys::tls
    ),
    key!(
        "advertise",
        "host[:port]",
        "the address",
        Reload::No,
        "Address that the others are told.",
        advertise = setting::optional_text
    ),
    key!(
        "connect_retries",
        "number",
        "0",
        Reload::No,
        "Attempts to reach a cluster that another one told about.",
        connect_retries = setting::count
    ),
    key!(
        "connect_backoff",
        "boolean",
        "false",
        Reload::No,
        "Wait longer after each attempt.",
        connect_backoff = setting::truth
    ),
    key!(
        "reject_unknown_cluster" | "reject_unknown",
        "boolean",
        "false",
        Reload::No,
        "Refuse clusters that are not in `gateways`.",
        reject_unknown_cluster = setting::truth
    ),
    with_rows(
        key!(
            "gateways",
            "list of {name, url, urls, tls}",
            "none",
            Reload::Rule {
                words: "only `tls`",
                permits: |old, new| {
                    let rest = |gateway: &Gateway| {
                        let remotes = gateway.gateways.iter();
                        remotes
                            .map(|remote| RemoteGateway {
                                tls: None,
                                ..remote.clone()
                            })
                            .collect::<Vec<_>>()
                    };
                    rest(old) == rest(new)
                },
                apply: Apply::Tls,
            },
            "The other clusters.",
            gateways = remotes
        ),
        || rows(REMOTE_KEYS),
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
];

static REMOTE_KEYS: &[Key<RemoteGateway>] = &[
    key!(
        "name",
        "text",
        "required",
        Reload::Inside,
        "Name of the cluster.",
        name = setting::text
    ),
    key!(
        "tls",
        "tls",
        "that of the block",
        Reload::Inside,
        "TLS towards it.",
        tls = tls_keys::tls
    ),
    Key {
        name: "url",
        aliases: &[],
        kind: "url",
        default: "required",
        reload: Reload::Inside,
        doc: "One of its servers.",
        read: |remote, setting, reading| {
            if let Some(text) = setting::text(setting, reading) {
                remote
                    .urls
                    .extend(url(&text, setting.node, reading, "gateway"));
            }
        },
        change: |_, _| Vec::new(),
        inner: Vec::new,
    },
    key!(
        "urls",
        "list of urls",
        "none",
        Reload::Inside,
        "Its servers.",
        urls = |setting: &Setting<'_>, reading: &mut Reading| urls(setting, reading, "gateway")
    ),
];

fn read_authorization(gateway: &mut Gateway, setting: &Setting<'_>, reading: &mut Reading) {
    let Some(block) = listener_keys::one_user("Gateway", setting, reading) else {
        return;
    };
    (gateway.user, gateway.password, gateway.auth_timeout) =
        (block.user, block.password, block.timeout);
}

fn remotes(setting: &Setting<'_>, reading: &mut Reading) -> Option<Vec<RemoteGateway>> {
    let mut remotes = Vec::new();
    for node in setting::list(setting, reading)? {
        let mut remote = RemoteGateway::default();
        if read_map(
            &mut remote,
            REMOTE_KEYS,
            &Setting {
                name: setting.name,
                node,
            },
            reading,
        ) {
            remotes.push(remote);
        }
    }
    Some(remotes)
}
