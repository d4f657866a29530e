//! `/gatewayz`: connections to other clusters.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::json::{is_default, null_is_empty};
use crate::monitor::connz::ConnInfo;
use crate::monitor::subsz::SubDetail;
use crate::time::Timestamp;

/// The gateways of a server, by the name of the other cluster.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Gatewayz {
    pub server_id: String,
    pub now: Timestamp,
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    #[serde(skip_serializing_if = "is_default")]
    pub host: String,
    #[serde(skip_serializing_if = "is_default")]
    pub port: i32,
    #[serde(deserialize_with = "null_is_empty")]
    pub outbound_gateways: BTreeMap<String, RemoteGatewayz>,
    #[serde(deserialize_with = "null_is_empty")]
    pub inbound_gateways: BTreeMap<String, Vec<RemoteGatewayz>>,
}

/// One gateway connection.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RemoteGatewayz {
    pub configured: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub connection: Option<ConnInfo>,
    #[serde(skip_serializing_if = "is_default")]
    pub accounts: Vec<AccountGatewayz>,
}

/// What one account wants over a gateway connection.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AccountGatewayz {
    pub name: String,
    /// `Optimistic`, `Transitioning` or `Interest-Only`.
    pub interest_mode: String,
    #[serde(skip_serializing_if = "is_default")]
    pub no_interest_count: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub interest_only_threshold: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub num_subs: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub num_queue_subs: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub subscriptions_list: Vec<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub subscriptions_list_detail: Vec<SubDetail>,
}

/// What to report about gateways.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GatewayzOptions {
    /// Only the gateway to this cluster.
    pub name: String,
    pub accounts: bool,
    /// Only this account; implies `accounts`.
    pub account_name: String,
    pub subscriptions: bool,
    pub subscriptions_detail: bool,
}
