//! `/varz`: what the server is, how it is configured, what it has done so far.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::json::{is_default, null_is_empty, plain_float};
use crate::monitor::jsz::JetStreamVarz;
use crate::time::{Nanos, Timestamp};

/// General information about a server. Source: inventory section 7.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Varz {
    /// Unique for each start of a server.
    pub server_id: String,
    /// From the configuration, else the server id.
    pub server_name: String,
    /// The compatibility version: clients switch features on it.
    pub version: String,
    /// Highest protocol the server speaks.
    pub proto: i32,
    #[serde(skip_serializing_if = "is_default")]
    pub git_commit: String,
    /// What the server was built with.
    pub go: String,
    pub host: String,
    pub port: i32,
    #[serde(skip_serializing_if = "is_default")]
    pub auth_required: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub tls_required: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub tls_verify: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub tls_ocsp_peer_verify: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub ip: String,
    #[serde(skip_serializing_if = "is_default")]
    pub connect_urls: Vec<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub ws_connect_urls: Vec<String>,
    pub max_connections: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub max_subscriptions: i64,
    pub ping_interval: Nanos,
    pub ping_max: i32,
    pub http_host: String,
    pub http_port: i32,
    pub http_base_path: String,
    pub https_port: i32,
    /// Seconds.
    #[serde(serialize_with = "plain_float")]
    pub auth_timeout: f64,
    /// Bytes.
    pub max_control_line: i32,
    /// Bytes.
    pub max_payload: i64,
    /// Bytes.
    pub max_pending: i64,
    pub cluster: ClusterVarz,
    pub gateway: GatewayVarz,
    pub leaf: LeafNodeVarz,
    pub mqtt: MqttVarz,
    pub websocket: WebsocketVarz,
    pub jetstream: JetStreamVarz,
    /// Seconds.
    #[serde(serialize_with = "plain_float")]
    pub tls_timeout: f64,
    pub write_deadline: Nanos,
    /// What happens at the write deadline: `default`, `retry` or `close`.
    #[serde(skip_serializing_if = "is_default")]
    pub write_timeout: String,
    pub start: Timestamp,
    pub now: Timestamp,
    /// Written by [`crate::time::uptime`].
    pub uptime: String,
    /// Resident bytes.
    pub mem: i64,
    pub cores: i32,
    /// Threads that run the server's work.
    pub gomaxprocs: i32,
    /// Soft memory limit in bytes.
    #[serde(skip_serializing_if = "is_default")]
    pub gomemlimit: i64,
    /// Percent of one core.
    #[serde(serialize_with = "plain_float")]
    pub cpu: f64,
    pub connections: i64,
    pub total_connections: u64,
    pub routes: i64,
    /// Distinct servers behind the routes.
    pub remotes: i64,
    pub leafnodes: i64,
    pub in_msgs: i64,
    pub in_bytes: i64,
    pub in_client_msgs: i64,
    pub in_client_bytes: i64,
    pub out_msgs: i64,
    pub out_bytes: i64,
    pub out_client_msgs: i64,
    pub out_client_bytes: i64,
    pub slow_consumers: i64,
    pub stale_connections: i64,
    /// How often a publisher was made to wait.
    pub stalled_clients: i64,
    pub subscriptions: u32,
    /// Requests per page.
    #[serde(deserialize_with = "null_is_empty")]
    pub http_req_stats: BTreeMap<String, u64>,
    pub config_load_time: Timestamp,
    pub config_digest: String,
    #[serde(skip_serializing_if = "is_default")]
    pub tags: Vec<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub metadata: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "is_default")]
    pub feature_flags: BTreeMap<String, bool>,
    #[serde(skip_serializing_if = "is_default")]
    pub trusted_operators_jwt: Vec<String>,
    /// The operators' decoded claims.
    #[serde(skip_serializing_if = "is_default")]
    pub trusted_operators_claim: Vec<Value>,
    #[serde(skip_serializing_if = "is_default")]
    pub system_account: String,
    #[serde(skip_serializing_if = "is_default")]
    pub pinned_account_fails: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub ocsp_peer_cache: Option<OcspCacheVarz>,
    pub slow_consumer_stats: PerKind,
    pub stale_connection_stats: PerKind,
    pub disk_io_wait_stats: DiskIoWait,
    #[serde(skip_serializing_if = "is_default")]
    pub proxies: Option<ProxiesVarz>,
    #[serde(skip_serializing_if = "is_default")]
    pub tls_cert_not_after: Timestamp,
}

/// The cluster block.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClusterVarz {
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    #[serde(skip_serializing_if = "is_default")]
    pub addr: String,
    #[serde(skip_serializing_if = "is_default")]
    pub cluster_port: i32,
    #[serde(skip_serializing_if = "is_default", serialize_with = "plain_float")]
    pub auth_timeout: f64,
    #[serde(skip_serializing_if = "is_default")]
    pub urls: Vec<String>,
    #[serde(skip_serializing_if = "is_default", serialize_with = "plain_float")]
    pub tls_timeout: f64,
    #[serde(skip_serializing_if = "is_default")]
    pub tls_required: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub tls_verify: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub pool_size: i32,
    #[serde(skip_serializing_if = "is_default")]
    pub write_deadline: Nanos,
    #[serde(skip_serializing_if = "is_default")]
    pub write_timeout: String,
    #[serde(skip_serializing_if = "is_default")]
    pub tls_cert_not_after: Timestamp,
}

/// The gateway block.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GatewayVarz {
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    #[serde(skip_serializing_if = "is_default")]
    pub host: String,
    #[serde(skip_serializing_if = "is_default")]
    pub port: i32,
    #[serde(skip_serializing_if = "is_default", serialize_with = "plain_float")]
    pub auth_timeout: f64,
    #[serde(skip_serializing_if = "is_default", serialize_with = "plain_float")]
    pub tls_timeout: f64,
    #[serde(skip_serializing_if = "is_default")]
    pub tls_required: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub tls_verify: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub advertise: String,
    #[serde(skip_serializing_if = "is_default")]
    pub connect_retries: i32,
    #[serde(skip_serializing_if = "is_default")]
    pub gateways: Vec<RemoteGatewayVarz>,
    #[serde(skip_serializing_if = "is_default")]
    pub reject_unknown: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub write_deadline: Nanos,
    #[serde(skip_serializing_if = "is_default")]
    pub write_timeout: String,
    #[serde(skip_serializing_if = "is_default")]
    pub tls_cert_not_after: Timestamp,
}

/// One gateway that the configuration names.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RemoteGatewayVarz {
    pub name: String,
    #[serde(skip_serializing_if = "is_default", serialize_with = "plain_float")]
    pub tls_timeout: f64,
    #[serde(skip_serializing_if = "is_default")]
    pub urls: Vec<String>,
}

/// The leaf node block.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LeafNodeVarz {
    #[serde(skip_serializing_if = "is_default")]
    pub host: String,
    #[serde(skip_serializing_if = "is_default")]
    pub port: i32,
    #[serde(skip_serializing_if = "is_default", serialize_with = "plain_float")]
    pub auth_timeout: f64,
    #[serde(skip_serializing_if = "is_default", serialize_with = "plain_float")]
    pub tls_timeout: f64,
    #[serde(skip_serializing_if = "is_default")]
    pub tls_required: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub tls_verify: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub remotes: Vec<RemoteLeafVarz>,
    #[serde(skip_serializing_if = "is_default")]
    pub tls_ocsp_peer_verify: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub write_deadline: Nanos,
    #[serde(skip_serializing_if = "is_default")]
    pub write_timeout: String,
    #[serde(skip_serializing_if = "is_default")]
    pub tls_cert_not_after: Timestamp,
}

/// One remote that this server connects to as a leaf node.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RemoteLeafVarz {
    #[serde(skip_serializing_if = "is_default")]
    pub local_account: String,
    #[serde(skip_serializing_if = "is_default", serialize_with = "plain_float")]
    pub tls_timeout: f64,
    #[serde(skip_serializing_if = "is_default")]
    pub urls: Vec<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub deny: Option<DenyRules>,
    #[serde(skip_serializing_if = "is_default")]
    pub tls_ocsp_peer_verify: bool,
}

/// Subjects that may not pass a leaf node connection.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DenyRules {
    #[serde(skip_serializing_if = "is_default")]
    pub exports: Vec<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub imports: Vec<String>,
}

/// The MQTT block.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MqttVarz {
    #[serde(skip_serializing_if = "is_default")]
    pub host: String,
    #[serde(skip_serializing_if = "is_default")]
    pub port: i32,
    #[serde(skip_serializing_if = "is_default")]
    pub no_auth_user: String,
    #[serde(skip_serializing_if = "is_default", serialize_with = "plain_float")]
    pub auth_timeout: f64,
    #[serde(skip_serializing_if = "is_default")]
    pub tls_map: bool,
    #[serde(skip_serializing_if = "is_default", serialize_with = "plain_float")]
    pub tls_timeout: f64,
    #[serde(skip_serializing_if = "is_default")]
    pub tls_pinned_certs: Vec<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub js_domain: String,
    #[serde(skip_serializing_if = "is_default")]
    pub ack_wait: Nanos,
    #[serde(skip_serializing_if = "is_default")]
    pub max_ack_pending: u16,
    #[serde(skip_serializing_if = "is_default")]
    pub tls_ocsp_peer_verify: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub tls_cert_not_after: Timestamp,
}

/// The WebSocket block.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct WebsocketVarz {
    #[serde(skip_serializing_if = "is_default")]
    pub host: String,
    #[serde(skip_serializing_if = "is_default")]
    pub port: i32,
    #[serde(skip_serializing_if = "is_default")]
    pub advertise: String,
    #[serde(skip_serializing_if = "is_default")]
    pub no_auth_user: String,
    #[serde(skip_serializing_if = "is_default")]
    pub jwt_cookie: String,
    #[serde(skip_serializing_if = "is_default")]
    pub handshake_timeout: Nanos,
    #[serde(skip_serializing_if = "is_default", serialize_with = "plain_float")]
    pub auth_timeout: f64,
    #[serde(skip_serializing_if = "is_default")]
    pub no_tls: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub tls_map: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub tls_pinned_certs: Vec<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub same_origin: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub allowed_origins: Vec<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub compression: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub tls_ocsp_peer_verify: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub tls_cert_not_after: Timestamp,
}

/// Counts of the OCSP response cache.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OcspCacheVarz {
    #[serde(skip_serializing_if = "is_default")]
    pub cache_type: String,
    #[serde(skip_serializing_if = "is_default")]
    pub cache_hits: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub cache_misses: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub cached_responses: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub cached_revoked_responses: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub cached_good_responses: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub cached_unknown_responses: i64,
}

/// Trusted proxies.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProxiesVarz {
    #[serde(skip_serializing_if = "is_default")]
    pub trusted: Vec<ProxyKey>,
}

/// The public key of a proxy.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProxyKey {
    pub key: String,
}

/// A count for each kind of connection.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PerKind {
    pub clients: u64,
    pub routes: u64,
    pub gateways: u64,
    pub leafs: u64,
}

/// How long disk operations waited for their turn.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DiskIoWait {
    pub waiters: i64,
    pub waits: u64,
    /// Nanoseconds, summed up.
    pub wait_time: u64,
    /// Nanoseconds.
    pub max_wait_time: u64,
}
