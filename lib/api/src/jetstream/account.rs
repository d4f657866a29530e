//! What an account uses of JetStream and what it may use: [`AccountInfo`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::json::{is_default, null_is_empty};
use crate::monitor::jsz::ApiStats;

/// An account's use and limits. With tiers the totals stand here and the limits in [`AccountInfo::tiers`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AccountInfo {
    pub memory: u64,
    pub storage: u64,
    pub reserved_memory: u64,
    pub reserved_storage: u64,
    pub streams: i64,
    pub consumers: i64,
    pub limits: AccountLimits,
    #[serde(skip_serializing_if = "is_default")]
    pub domain: String,
    pub api: ApiStats,
    /// By the name of the tier: `R1`, `R3`.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "null_is_empty")]
    pub tiers: BTreeMap<String, Tier>,
}

/// Use and limits of the streams with one number of replicas.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tier {
    pub memory: u64,
    pub storage: u64,
    pub reserved_memory: u64,
    pub reserved_storage: u64,
    pub streams: i64,
    pub consumers: i64,
    pub limits: AccountLimits,
}

/// What an account may use. `-1` is "no limit".
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AccountLimits {
    pub max_memory: i64,
    pub max_storage: i64,
    pub max_streams: i64,
    pub max_consumers: i64,
    pub max_ack_pending: i64,
    pub memory_max_stream_bytes: i64,
    pub storage_max_stream_bytes: i64,
    pub max_bytes_required: bool,
}
