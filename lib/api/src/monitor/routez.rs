//! `/routez`: connections to the other servers of the cluster.

use serde::{Deserialize, Serialize};

use crate::json::{is_default, null_is_empty};
use crate::monitor::subsz::SubDetail;
use crate::time::Timestamp;

/// The routes of a server.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Routez {
    pub server_id: String,
    pub server_name: String,
    pub now: Timestamp,
    /// What the cluster's permissions let in.
    #[serde(skip_serializing_if = "is_default")]
    pub import: Option<SubjectPermission>,
    /// What the cluster's permissions let out.
    #[serde(skip_serializing_if = "is_default")]
    pub export: Option<SubjectPermission>,
    pub num_routes: i64,
    #[serde(deserialize_with = "null_is_empty")]
    pub routes: Vec<RouteInfo>,
}

/// One route connection.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RouteInfo {
    pub rid: u64,
    pub remote_id: String,
    pub remote_name: String,
    pub did_solicit: bool,
    pub is_configured: bool,
    pub ip: String,
    pub port: i32,
    pub start: Timestamp,
    pub last_activity: Timestamp,
    #[serde(skip_serializing_if = "is_default")]
    pub rtt: String,
    pub uptime: String,
    pub idle: String,
    #[serde(skip_serializing_if = "is_default")]
    pub import: Option<SubjectPermission>,
    #[serde(skip_serializing_if = "is_default")]
    pub export: Option<SubjectPermission>,
    pub pending_size: i64,
    pub in_msgs: i64,
    pub out_msgs: i64,
    pub in_bytes: i64,
    pub out_bytes: i64,
    pub subscriptions: u32,
    #[serde(skip_serializing_if = "is_default")]
    pub subscriptions_list: Vec<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub subscriptions_list_detail: Vec<SubDetail>,
    #[serde(skip_serializing_if = "is_default")]
    pub account: String,
    #[serde(skip_serializing_if = "is_default")]
    pub compression: String,
}

/// Subjects allowed and denied.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SubjectPermission {
    #[serde(skip_serializing_if = "is_default")]
    pub allow: Vec<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub deny: Vec<String>,
}

/// What to report about routes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RoutezOptions {
    pub subscriptions: bool,
    pub subscriptions_detail: bool,
}
