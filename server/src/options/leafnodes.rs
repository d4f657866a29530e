//! The `leafnodes` block: servers that hang off this one, and servers that this one hangs off.

use std::path::PathBuf;
use std::time::Duration;

use super::leafnode_keys::BLOCK_KEYS;
use super::table::Reload;
use super::table::{Key, differences, read_map, rows};
use super::{Compression, Listener, Options, Secret, ServerUrl, SubjectGrant, Tls, WriteTimeout};

/// Leaf nodes, accepted and solicited.
#[derive(Clone, Debug, PartialEq)]
pub struct LeafNodes {
    /// Where leaf nodes are accepted.
    pub listen: Listener,
    /// Who may connect.
    pub authorization: LeafAuthorization,
    /// TLS of the port.
    pub tls: Option<Tls>,
    /// `host[:port]` that leaf nodes are told.
    pub advertise: Option<String>,
    /// Do not tell leaf nodes about the other servers.
    pub no_advertise: bool,
    /// Lowest version that may connect.
    pub min_version: Option<String>,
    /// Compression; `s2_auto` when not configured.
    pub compression: Option<Compression>,
    /// Time between attempts to reach a remote.
    pub reconnect: Duration,
    /// How long a connection attempt may take; `None` is one second.
    pub dial_timeout: Option<Duration>,
    /// Leaf nodes do not see each other's interest.
    pub isolate_leafnode_interest: bool,
    /// How long one flush may take.
    pub write_deadline: Option<Duration>,
    /// What happens when it takes longer.
    pub write_timeout: WriteTimeout,
    /// Servers that this one hangs off.
    pub remotes: Vec<RemoteLeaf>,
}

impl Default for LeafNodes {
    fn default() -> Self {
        Self {
            listen: Listener::default(),
            authorization: LeafAuthorization::default(),
            tls: None,
            advertise: None,
            no_advertise: false,
            min_version: None,
            compression: None,
            reconnect: Duration::from_secs(1),
            dial_timeout: None,
            isolate_leafnode_interest: false,
            write_deadline: None,
            write_timeout: WriteTimeout::Default,
            remotes: Vec::new(),
        }
    }
}

/// Who may connect as a leaf node.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LeafAuthorization {
    /// The single user.
    pub user: Option<String>,
    /// Its password.
    pub password: Secret,
    /// Public user key, instead of user and password.
    pub nkey: Option<String>,
    /// Account that leaf nodes are bound to.
    pub account: Option<String>,
    /// Users with accounts.
    pub users: Vec<LeafUser>,
    /// Time to authenticate.
    pub timeout: Option<Duration>,
    /// Must come through a trusted proxy.
    pub proxy_required: bool,
}

/// A user for leaf nodes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LeafUser {
    /// Name.
    pub name: String,
    /// Password.
    pub password: Secret,
    /// Account; that of the block when absent.
    pub account: Option<String>,
    /// Must come through a trusted proxy.
    pub proxy_required: bool,
}

/// A server that this one hangs off.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RemoteLeaf {
    /// Its addresses; port 7422 is filled in where none is named.
    pub urls: Vec<ServerUrl>,
    /// Account here; `$G` when absent.
    pub account: Option<String>,
    /// Credentials file.
    pub credentials: Option<PathBuf>,
    /// Seed of a user key, instead of credentials.
    pub nkey: Option<Secret>,
    /// TLS towards it.
    pub tls: Option<Tls>,
    /// This side is the hub.
    pub hub: bool,
    /// What does not come in.
    pub deny_imports: Vec<SubjectGrant>,
    /// What does not go out.
    pub deny_exports: Vec<SubjectGrant>,
    /// Keep the order of `urls`.
    pub no_randomize: bool,
    /// Compression; `s2_auto` when not configured.
    pub compression: Option<Compression>,
    /// WebSocket: compress frames.
    pub ws_compression: bool,
    /// WebSocket: do not mask frames.
    pub ws_no_masking: bool,
    /// Move JetStream leaders away when the connection is lost.
    pub jetstream_cluster_migrate: Option<ClusterMigrate>,
    /// This remote does not see interest of others here.
    pub isolate_leafnode_interest: bool,
    /// Ask the other side not to send interest of others.
    pub request_isolation: bool,
    /// Do not connect.
    pub disabled: bool,
    /// How long to wait for INFO; `None` is one second.
    pub first_info_timeout: Option<Duration>,
    /// How long a connection attempt may take; that of the block when absent.
    pub dial_timeout: Option<Duration>,
    /// HTTP proxy for WebSocket connections.
    pub proxy: Option<HttpProxy>,
    /// Use only the configured addresses.
    pub ignore_discovered_servers: bool,
}

/// Moving of JetStream leaders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClusterMigrate {
    /// How long to wait first.
    pub leader_migrate_delay: Option<Duration>,
}

/// An HTTP proxy.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HttpProxy {
    /// Its URL.
    pub url: String,
    /// User.
    pub username: Option<String>,
    /// Password.
    pub password: Secret,
    /// How long it may take.
    pub timeout: Option<Duration>,
}

/// The top-level key about leaf nodes.
pub(super) static KEYS: &[Key<Options>] = &[Key {
    name: "leafnodes",
    aliases: &["leaf"],
    kind: "map",
    default: "none",
    reload: Reload::No,
    doc: "Servers that hang off this one, and servers that this one hangs off.",
    read: |options, setting, reading| {
        let mut leafnodes = LeafNodes::default();
        if read_map(&mut leafnodes, BLOCK_KEYS, setting, reading) {
            options.leafnodes = Some(leafnodes);
        }
    },
    change: |old, new| {
        let (old, new) = (
            old.leafnodes.clone().unwrap_or_default(),
            new.leafnodes.clone().unwrap_or_default(),
        );
        differences(&old, &new, BLOCK_KEYS)
    },
    inner: || rows(BLOCK_KEYS),
}];
