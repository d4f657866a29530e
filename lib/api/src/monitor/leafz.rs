//! `/leafz`: leaf node connections.

use serde::{Deserialize, Serialize};

use crate::json::{is_default, null_is_empty};
use crate::monitor::varz::ProxyKey;
use crate::time::Timestamp;

/// The leaf node connections of a server.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Leafz {
    pub server_id: String,
    pub now: Timestamp,
    /// Length of `leafs`.
    pub leafnodes: i64,
    #[serde(deserialize_with = "null_is_empty")]
    pub leafs: Vec<LeafInfo>,
}

/// One leaf node connection.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LeafInfo {
    pub id: u64,
    /// Name of the other server.
    pub name: String,
    pub is_spoke: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub is_isolated: bool,
    pub account: String,
    pub ip: String,
    pub port: i32,
    #[serde(skip_serializing_if = "is_default")]
    pub rtt: String,
    pub in_msgs: i64,
    pub out_msgs: i64,
    pub in_bytes: i64,
    pub out_bytes: i64,
    pub subscriptions: u32,
    #[serde(skip_serializing_if = "is_default")]
    pub subscriptions_list: Vec<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub compression: String,
    #[serde(skip_serializing_if = "is_default")]
    pub proxy: Option<ProxyKey>,
}

/// What to report about leaf nodes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LeafzOptions {
    pub subscriptions: bool,
    pub account: String,
}
