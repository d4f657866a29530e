//! Events: a connection came, went or was refused; how many there are; a server's heartbeat.

use serde::{Deserialize, Serialize};

use crate::json::{is_default, plain_float};
use crate::monitor::accstatz::DataStats;
use crate::monitor::jsz::JetStreamVarz;
use crate::monitor::varz::PerKind;
use crate::system::client::ClientInfo;
use crate::system::server::ServerInfo;
use crate::time::Timestamp;

pub const CONNECT_TYPE: &str = "io.nats.server.advisory.v1.client_connect";
pub const DISCONNECT_TYPE: &str = "io.nats.server.advisory.v1.client_disconnect";
pub const ACCOUNT_CONNECTIONS_TYPE: &str = "io.nats.server.advisory.v1.account_connections";

pub const OCSP_PEER_REJECT_TYPE: &str = "io.nats.server.advisory.v1.ocsp_peer_reject";
pub const OCSP_PEER_LINK_INVALID_TYPE: &str = "io.nats.server.advisory.v1.ocsp_peer_link_invalid";

/// A client logged in.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConnectEvent {
    /// [`CONNECT_TYPE`].
    #[serde(rename = "type")]
    pub event_type: String,
    /// A nuid.
    pub id: String,
    pub timestamp: Timestamp,
    pub server: ServerInfo,
    pub client: ClientInfo,
}

/// A client is gone, or was refused (then on a CLIENT.AUTH.ERR subject).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DisconnectEvent {
    /// [`DISCONNECT_TYPE`], also for refused clients.
    #[serde(rename = "type")]
    pub event_type: String,
    pub id: String,
    pub timestamp: Timestamp,
    pub server: ServerInfo,
    pub client: ClientInfo,
    /// What the client sent.
    pub sent: DataStats,
    /// What the client received.
    pub received: DataStats,
    pub reason: String,
}

/// A certificate, for a reader.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CertificateInfo {
    #[serde(skip_serializing_if = "is_default")]
    pub subject: String,
    #[serde(skip_serializing_if = "is_default")]
    pub issuer: String,
    /// SHA-256 of the certificate in base64.
    #[serde(skip_serializing_if = "is_default")]
    pub fingerprint: String,
    /// The certificate as DER in base64.
    #[serde(skip_serializing_if = "is_default")]
    pub raw: String,
}

/// The other side of a connection was sent away, because its certificate is not good in the eyes of its issuer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OcspPeerReject {
    /// [`OCSP_PEER_REJECT_TYPE`].
    #[serde(rename = "type")]
    pub event_type: String,
    pub id: String,
    pub timestamp: Timestamp,
    /// Kind of the connection, such as `Client`.
    pub kind: String,
    pub peer: CertificateInfo,
    pub server: ServerInfo,
    pub reason: String,
}

/// A certificate in the chain of the other side of a connection is not good.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OcspPeerLinkInvalid {
    /// [`OCSP_PEER_LINK_INVALID_TYPE`].
    #[serde(rename = "type")]
    pub event_type: String,
    pub id: String,
    pub timestamp: Timestamp,
    /// The certificate that is not good: the peer's, or one between it and the authority.
    pub link: CertificateInfo,
    pub peer: CertificateInfo,
    pub server: ServerInfo,
    pub reason: String,
}

/// How many connections an account has on a server.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AccountConnections {
    /// [`ACCOUNT_CONNECTIONS_TYPE`].
    #[serde(rename = "type")]
    pub event_type: String,
    pub id: String,
    pub timestamp: Timestamp,
    pub server: ServerInfo,
    pub acc: String,
    pub name: String,
    pub conns: i64,
    pub leafnodes: i64,
    pub total_conns: i64,
    pub num_subscriptions: u32,
    pub sent: DataStats,
    pub received: DataStats,
    pub slow_consumers: i64,
}

/// The heartbeat of a server, every ten seconds and on request.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServerStatsEvent {
    pub server: ServerInfo,
    pub statsz: ServerStats,
}

/// What a server has done so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServerStats {
    pub start: Timestamp,
    /// Resident bytes.
    pub mem: i64,
    pub cores: i32,
    /// Percent of one core.
    #[serde(serialize_with = "plain_float")]
    pub cpu: f64,
    pub connections: i64,
    pub total_connections: u64,
    /// Accounts with connections.
    pub active_accounts: i64,
    pub subscriptions: u32,
    pub sent: DataStats,
    pub sent_to_clients: DataStats,
    pub received: DataStats,
    pub received_from_clients: DataStats,
    pub slow_consumers: i64,
    /// Only when one of them is not zero.
    #[serde(skip_serializing_if = "is_default")]
    pub slow_consumer_stats: Option<PerKind>,
    #[serde(skip_serializing_if = "is_default")]
    pub stale_connections: i64,
    /// Only when one of them is not zero.
    #[serde(skip_serializing_if = "is_default")]
    pub stale_connection_stats: Option<PerKind>,
    #[serde(skip_serializing_if = "is_default")]
    pub stalled_clients: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub routes: Vec<RouteStat>,
    #[serde(skip_serializing_if = "is_default")]
    pub gateways: Vec<GatewayStat>,
    /// Servers that this one knows, itself included.
    #[serde(skip_serializing_if = "is_default")]
    pub active_servers: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub jetstream: Option<JetStreamVarz>,
    #[serde(skip_serializing_if = "is_default")]
    pub gomemlimit: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub gomaxprocs: i32,
}

/// Traffic over one route.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RouteStat {
    pub rid: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    pub sent: DataStats,
    pub received: DataStats,
    pub pending: i64,
}

/// Traffic over one gateway.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GatewayStat {
    pub gwid: u64,
    pub name: String,
    pub sent: DataStats,
    pub received: DataStats,
    pub inbound_connections: i64,
}
