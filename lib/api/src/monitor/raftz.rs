//! `/raftz`: consensus groups, by account and group name.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::json::{is_default, null_is_empty};
use crate::time::Timestamp;

/// Groups by account, then by group name.
pub type Raftz = BTreeMap<String, BTreeMap<String, RaftzGroup>>;

/// One consensus group as this server sees it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RaftzGroup {
    pub id: String,
    pub state: String,
    pub size: i64,
    pub quorum_needed: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub observer: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub paused: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub overrun: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub overrun_count: u64,
    pub committed: u64,
    pub applied: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub catching_up: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub leader: String,
    #[serde(skip_serializing_if = "is_default")]
    pub leader_since: Option<Timestamp>,
    pub ever_had_leader: bool,
    pub term: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub voted_for: String,
    pub pterm: u64,
    pub pindex: u64,
    pub system_account: bool,
    pub traffic_account: String,
    pub ipq_proposal_len: i64,
    pub ipq_entry_len: i64,
    pub ipq_resp_len: i64,
    pub ipq_apply_len: i64,
    pub wal: Value,
    #[serde(skip_serializing_if = "is_default")]
    pub wal_error: Option<Value>,
    #[serde(deserialize_with = "null_is_empty")]
    pub peers: BTreeMap<String, RaftzPeer>,
}

/// Another member of the group.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RaftzPeer {
    pub name: String,
    pub known: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub last_replicated_index: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub last_seen: String,
}

/// Which groups to report.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RaftzOptions {
    /// Over HTTP the parameter is `acc`.
    pub account: String,
    pub group: String,
}
