//! The server's settings: from text to one plain tree of data, and from two trees to what changed between them.
//!
//! What lives here: [`Options`] and a struct per configuration block (one file each, with its defaults and its table of keys),
//! the command line, the checks between settings, the difference of two configurations for reload, and the list of features
//! that this build does not have yet.
//! Who may call: `main`, the server's wiring, and every room that wants to read a setting. Rooms hold an `Arc<Options>` and
//! never change one: a reload makes a new tree.
//! What never happens here: no sockets, no TLS library, no lookups of certificates while parsing (existence of files is a
//! separate step), no clock, and no secret in any `Debug` output. There is no lock.
//!
//! Where to start reading: [`Options`] below, then `table.rs` (what a row says) and any block, for instance `limits.rs`.

mod account_jetstream;
mod accounts;
mod authorization;
mod check;
mod cluster;
mod command;
mod duration;
mod endpoint;
mod flags;
mod gateway;
mod jetstream;
mod leafnode_keys;
mod leafnodes;
mod limits;
mod listener_keys;
mod logging;
mod manual;
mod mappings;
mod monitoring;
mod mqtt;
mod operators;
mod permissions;
mod read;
mod reload;
mod setting;
mod sharing;
mod sharing_check;
pub mod signal;
mod table;
mod tls;
mod tls_keys;
mod top;
mod trust;
mod websocket;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use nats_conf::Position;

pub use account_jetstream::{AccountJetStream, ClusterTraffic};
pub use accounts::{
    Account, AccountLimits, Export, ExportKind, Import, ImportKind, LatencySampling, MessageTrace,
    ResponseType, ServiceLatency,
};
pub use authorization::{
    AuthCallout, Authorization, ConnectionType, ConnectionTypes, NkeyUser, User,
};
pub use check::FeatureError;
pub use cluster::{Cluster, Compression, CompressionMode};
pub use command::{Command, CommandError, Flags, Startup, parse_args};
pub use endpoint::{Listen, Listener, ServerUrl};
pub use flags::redacted;
pub use gateway::{Gateway, RemoteGateway};
pub use jetstream::{
    BatchLimits, JetStream, JetStreamLimits, StoreCipher, StoreSize, SyncPolicy, Tpm,
};
pub use leafnodes::{
    ClusterMigrate, HttpProxy, LeafAuthorization, LeafNodes, LeafUser, RemoteLeaf,
};
pub use limits::{LameDuck, Limits, WriteTimeout};
pub use logging::Logging;
pub use manual::reference_markdown;
pub use mappings::{Mapping, MappingDestination};
pub use monitoring::{Monitoring, Profiling};
pub use mqtt::Mqtt;
pub use nats_jwt::secret::Secret;
pub use operators::OperatorError;
pub use permissions::{Permissions, ResponsePermission, SubjectGrant, SubjectPermission};
pub use read::{ConfigError, Loaded};
pub use reload::{Change, diff};
pub use setting::Problem;
pub use sharing_check::import_cycle;
pub use table::{Apply, Effect};
pub use tls::{
    CertificatePair, CertificateStore, CipherSuite, Curve, HandshakeFirst, OcspPeer, Tls,
    TlsVersion,
};
pub use trust::{Ocsp, OcspCache, OcspCacheKind, OcspMode, Resolver, ResolverKind, Trust};
pub use websocket::{SimpleAuthorization, WebSocket};

/// The account that holds every client when no accounts are configured.
pub const GLOBAL_ACCOUNT: &str = "$G";
/// The system account that exists unless another one is named or it is switched off.
pub const DEFAULT_SYSTEM_ACCOUNT: &str = "$SYS";

/// Everything that can be configured, with defaults already in place.
///
/// A field that is an `Option` is one that has no default: absent means "not configured". Blocks for whole subsystems
/// (`cluster`, `websocket`, …) are absent unless they are configured.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Where these settings come from.
    pub source: Source,

    /// The name of this server; the server's id when absent. Without spaces.
    pub server_name: Option<String>,
    /// Free words that describe this server (`key:value` by custom), in lower case and without duplicates.
    pub server_tags: Vec<String>,
    /// Free pairs that describe this server.
    pub server_metadata: BTreeMap<String, String>,
    /// Feature flags that the operator switched on or off; unknown names are kept, and logged by the server.
    pub feature_flags: BTreeMap<String, bool>,

    /// Address and port for clients. Port 0 means any free port (`-1` in the file).
    pub listen: Listen,
    /// `host[:port]` that other servers and INFO tell to clients instead of the listen address.
    pub client_advertise: Option<String>,
    /// TLS for the client port.
    pub tls: Option<Tls>,
    /// Accept clients without TLS too, although TLS is configured.
    pub allow_non_tls: bool,
    /// Expect the PROXY protocol (v1 or v2) on the client port.
    pub proxy_protocol: bool,
    /// Public keys of the proxies whose signatures are trusted.
    pub trusted_proxies: Vec<String>,

    /// Sizes, counts and times that bound what clients may do.
    pub limits: Limits,
    /// How the server leaves.
    pub lame_duck: LameDuck,
    /// Do not cache the matches of subjects.
    pub no_sublist_cache: bool,
    /// Do not speak message headers.
    pub no_header_support: bool,

    /// Log targets and verbosity.
    pub logging: Logging,
    /// The HTTP pages.
    pub monitoring: Monitoring,
    /// The profiling port.
    pub profiling: Profiling,
    /// Where to write the process id.
    pub pid_file: Option<PathBuf>,
    /// In which folder to write the file with the ports in use.
    pub ports_file_dir: Option<PathBuf>,

    /// Who may connect: the `authorization` block.
    pub authorization: Authorization,
    /// The user that a connection without credentials becomes.
    pub no_auth_user: Option<String>,
    /// The configured accounts, in the order of the file. `$G` and `$SYS` are not listed here unless somebody configured them.
    pub accounts: Vec<Account>,
    /// Subject mappings of the global account.
    pub mappings: Vec<Mapping>,
    /// The account that sees `$SYS`; [`DEFAULT_SYSTEM_ACCOUNT`] when absent.
    pub system_account: Option<String>,
    /// Run without a system account.
    pub no_system_account: bool,
    /// Operators, resolver and what else belongs to JWT authentication.
    pub trust: Trust,
    /// OCSP stapling.
    pub ocsp: Option<Ocsp>,
    /// Cache of OCSP answers.
    pub ocsp_cache: Option<OcspCache>,

    /// Streams and consumers.
    pub jetstream: JetStream,
    /// Where data lives. Set at the top level or in the `jetstream` block, never in both.
    pub store_dir: Option<PathBuf>,
    /// JetStream domain used for an account that has no JetStream here.
    pub default_js_domain: BTreeMap<String, String>,

    /// Routes to the other servers of this cluster.
    pub cluster: Option<Cluster>,
    /// Connections to other clusters.
    pub gateway: Option<Gateway>,
    /// Leaf nodes, both accepted and solicited.
    pub leafnodes: Option<LeafNodes>,
    /// The WebSocket port.
    pub websocket: Option<WebSocket>,
    /// The MQTT port.
    pub mqtt: Option<Mqtt>,
    /// Every how many failed first attempts to reach a route, gateway or leaf node one is logged.
    pub connect_error_reports: u32,
    /// Every how many failed attempts to reach it again one is logged.
    pub reconnect_error_reports: u32,
}

/// Where a configuration comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// The configuration file, as it was named.
    pub config_file: Option<PathBuf>,
    /// `sha256:<hex>` of the parsed values; empty without a file.
    pub config_digest: String,
    /// Where each configured key stands, by its path (`cluster.tls`).
    pub(crate) places: BTreeMap<String, Position>,
}

impl Options {
    /// How long a client has to authenticate: as configured, else two seconds, else the TLS timeout plus a second.
    pub fn auth_timeout(&self) -> Duration {
        auth_timeout(self.authorization.timeout, self.tls.as_ref())
    }

    /// Name of the system account, `None` when it is switched off.
    pub fn system_account_name(&self) -> Option<&str> {
        match (&self.system_account, self.no_system_account) {
            (Some(name), _) => Some(name),
            (None, false) => Some(DEFAULT_SYSTEM_ACCOUNT),
            (None, true) => None,
        }
    }
}

/// The authentication timeout of a listener: `configured`, or the default that leaves room for a TLS handshake.
fn auth_timeout(configured: Option<Duration>, tls: Option<&Tls>) -> Duration {
    match (configured, tls) {
        (Some(timeout), _) => timeout,
        (None, Some(tls)) => tls.timeout.saturating_add(Duration::from_secs(1)),
        (None, None) => Duration::from_secs(2),
    }
}

impl Default for Options {
    /// What a server without any configuration runs with.
    fn default() -> Self {
        Self {
            source: Source::default(),
            server_name: None,
            server_tags: Vec::new(),
            server_metadata: BTreeMap::new(),
            feature_flags: BTreeMap::new(),
            listen: Listen {
                host: "0.0.0.0".to_owned(),
                port: 4222,
            },
            client_advertise: None,
            tls: None,
            allow_non_tls: false,
            proxy_protocol: false,
            trusted_proxies: Vec::new(),
            limits: Limits::default(),
            lame_duck: LameDuck::default(),
            no_sublist_cache: false,
            no_header_support: false,
            logging: Logging::default(),
            monitoring: Monitoring::default(),
            profiling: Profiling::default(),
            pid_file: None,
            ports_file_dir: None,
            authorization: Authorization::default(),
            no_auth_user: None,
            accounts: Vec::new(),
            mappings: Vec::new(),
            system_account: None,
            no_system_account: false,
            trust: Trust::default(),
            ocsp: None,
            ocsp_cache: None,
            jetstream: JetStream::default(),
            store_dir: None,
            default_js_domain: BTreeMap::new(),
            cluster: None,
            gateway: None,
            leafnodes: None,
            websocket: None,
            mqtt: None,
            connect_error_reports: 3600,
            reconnect_error_reports: 1,
        }
    }
}
