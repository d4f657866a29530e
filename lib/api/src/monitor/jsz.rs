//! `/jsz`: JetStream, its accounts, streams and consumers; and the parts that varz and statsz show.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::jetstream::{ClusterInfo, ConsumerInfo, StreamConfig, StreamSourceInfo, StreamState};
use crate::json::is_default;
use crate::time::{Nanos, Timestamp};

/// JetStream of one server.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Jsz {
    pub memory: u64,
    pub storage: u64,
    pub reserved_memory: u64,
    pub reserved_storage: u64,
    pub accounts: i64,
    pub ha_assets: i64,
    pub api: ApiStats,
    pub server_id: String,
    pub now: Timestamp,
    #[serde(skip_serializing_if = "is_default")]
    pub disabled: bool,
    pub config: JetStreamConfig,
    #[serde(skip_serializing_if = "is_default")]
    pub limits: Option<JetStreamLimits>,
    pub streams: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub streams_leader: i64,
    pub consumers: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub consumers_leader: i64,
    pub messages: u64,
    pub bytes: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub meta_cluster: Option<Value>,
    #[serde(skip_serializing_if = "is_default")]
    pub account_details: Vec<AccountDetail>,
    pub total: i64,
}

/// JetStream in one account.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AccountDetail {
    pub name: String,
    pub id: String,
    pub memory: u64,
    pub storage: u64,
    /// The account's limit, as the reference has it; no limit is the largest number.
    pub reserved_memory: u64,
    pub reserved_storage: u64,
    pub accounts: i64,
    pub ha_assets: i64,
    pub api: ApiStats,
    #[serde(skip_serializing_if = "is_default")]
    pub stream_detail: Vec<StreamDetail>,
}

/// One stream.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamDetail {
    pub name: String,
    pub created: Timestamp,
    #[serde(skip_serializing_if = "is_default")]
    pub cluster: Option<ClusterInfo>,
    #[serde(skip_serializing_if = "is_default")]
    pub config: Option<StreamConfig>,
    pub state: StreamState,
    #[serde(skip_serializing_if = "is_default")]
    pub consumer_detail: Vec<ConsumerInfo>,
    #[serde(skip_serializing_if = "is_default")]
    pub direct_consumer_detail: Vec<ConsumerInfo>,
    #[serde(skip_serializing_if = "is_default")]
    pub mirror: Option<StreamSourceInfo>,
    #[serde(skip_serializing_if = "is_default")]
    pub sources: Vec<StreamSourceInfo>,
    #[serde(skip_serializing_if = "is_default")]
    pub stream_raft_group: String,
}

/// JetStream as varz and statsz show it; empty when it is off.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct JetStreamVarz {
    #[serde(skip_serializing_if = "is_default")]
    pub config: Option<JetStreamConfig>,
    #[serde(skip_serializing_if = "is_default")]
    pub stats: Option<JetStreamStats>,
    #[serde(skip_serializing_if = "is_default")]
    pub meta: Option<Value>,
    #[serde(skip_serializing_if = "is_default")]
    pub limits: Option<JetStreamLimits>,
}

/// What JetStream uses.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct JetStreamStats {
    pub memory: u64,
    pub storage: u64,
    pub reserved_memory: u64,
    pub reserved_storage: u64,
    pub accounts: i64,
    pub ha_assets: i64,
    pub api: ApiStats,
}

/// Requests to the JetStream API.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ApiStats {
    pub level: i32,
    pub total: u64,
    pub errors: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub inflight: u64,
}

/// JetStream's settings.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct JetStreamConfig {
    pub max_memory: i64,
    pub max_storage: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub store_dir: String,
    #[serde(skip_serializing_if = "is_default")]
    pub sync_interval: Nanos,
    #[serde(skip_serializing_if = "is_default")]
    pub sync_always: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub domain: String,
    #[serde(skip_serializing_if = "is_default")]
    pub compress_ok: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub unique_tag: String,
    #[serde(skip_serializing_if = "is_default")]
    pub strict: bool,
}

/// JetStream's limits.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct JetStreamLimits {
    #[serde(skip_serializing_if = "is_default")]
    pub max_request_batch: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub max_ack_pending: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub max_ha_assets: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub max_duplicate_window: Nanos,
    #[serde(skip_serializing_if = "is_default")]
    pub default_max_consumers: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub max_batch_inflight_per_stream: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub max_batch_inflight_total: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub max_batch_size: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub max_batch_timeout: Nanos,
}

/// What to report about JetStream.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct JszOptions {
    #[serde(skip_serializing_if = "is_default")]
    pub account: String,
    #[serde(skip_serializing_if = "is_default")]
    pub accounts: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub streams: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub consumer: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub direct_consumer: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub config: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub leader_only: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub offset: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub limit: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub raft: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub stream_leader_only: bool,
}
