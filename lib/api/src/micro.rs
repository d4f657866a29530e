//! Service discovery (ADR-32): what a micro service answers below `$SRV.PING`, `$SRV.INFO` and `$SRV.STATS`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::json::{is_default, null_is_empty};
use crate::time::{Nanos, Timestamp};

/// First token of every discovery subject.
pub const PREFIX: &str = "$SRV";
pub const PING_TYPE: &str = "io.nats.micro.v1.ping_response";
pub const INFO_TYPE: &str = "io.nats.micro.v1.info_response";
pub const STATS_TYPE: &str = "io.nats.micro.v1.stats_response";
/// Header of an error reply: the text.
pub const ERROR_HEADER: &str = "Nats-Service-Error";
/// Header of an error reply: the number.
pub const ERROR_CODE_HEADER: &str = "Nats-Service-Error-Code";
/// Queue group of an endpoint that names none.
pub const DEFAULT_QUEUE_GROUP: &str = "q";

/// A service instance says that it is there.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ping {
    pub name: String,
    /// Unique for each instance.
    pub id: String,
    pub version: String,
    #[serde(deserialize_with = "null_is_empty")]
    pub metadata: BTreeMap<String, String>,
    #[serde(rename = "type")]
    pub response_type: String,
}

/// A service instance describes itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Info {
    pub name: String,
    pub id: String,
    pub version: String,
    #[serde(deserialize_with = "null_is_empty")]
    pub metadata: BTreeMap<String, String>,
    #[serde(rename = "type")]
    pub response_type: String,
    pub description: String,
    #[serde(deserialize_with = "null_is_empty")]
    pub endpoints: Vec<EndpointInfo>,
}

/// One endpoint of a service.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EndpointInfo {
    pub name: String,
    pub subject: String,
    pub queue_group: String,
    #[serde(deserialize_with = "null_is_empty")]
    pub metadata: BTreeMap<String, String>,
}

/// A service instance reports what it has done.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Stats {
    pub name: String,
    pub id: String,
    pub version: String,
    #[serde(deserialize_with = "null_is_empty")]
    pub metadata: BTreeMap<String, String>,
    #[serde(rename = "type")]
    pub response_type: String,
    pub started: Timestamp,
    #[serde(deserialize_with = "null_is_empty")]
    pub endpoints: Vec<EndpointStats>,
}

/// What one endpoint has done since the start or the last reset.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EndpointStats {
    pub name: String,
    pub subject: String,
    pub queue_group: String,
    pub num_requests: u64,
    pub num_errors: u64,
    pub last_error: String,
    /// Summed up.
    pub processing_time: Nanos,
    pub average_processing_time: Nanos,
    /// Whatever the service wants to add.
    #[serde(skip_serializing_if = "is_default")]
    pub data: Option<Value>,
}

/// The subject of a discovery request: to all services, to those of a name, or to one instance.
///
/// `verb` is `PING`, `INFO` or `STATS`. An id needs a name; without one it is ignored.
pub fn subject(verb: &str, name: Option<&str>, id: Option<&str>) -> String {
    match (name, id) {
        (None, _) => format!("{PREFIX}.{verb}"),
        (Some(name), None) => format!("{PREFIX}.{verb}.{name}"),
        (Some(name), Some(id)) => format!("{PREFIX}.{verb}.{name}.{id}"),
    }
}
