//! The `gateway` block: connections to other clusters.

use std::time::Duration;

use super::{Listen, Secret, ServerUrl, Tls, WriteTimeout};

/// Connections to other clusters.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gateway {
    /// Name of this cluster.
    pub name: Option<String>,
    /// Where gateways are accepted.
    pub listen: Option<Listen>,
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
