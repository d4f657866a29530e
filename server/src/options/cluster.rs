//! The `cluster` block: routes to the other servers of this cluster.

use std::time::Duration;

use super::{Listen, Permissions, Secret, ServerUrl, Tls, WriteTimeout};

/// Routes to the other servers of this cluster.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cluster {
    /// Name of the cluster; a made-up one when absent.
    pub name: Option<String>,
    /// Where routes are accepted; `None` accepts none.
    pub listen: Option<Listen>,
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
