//! The metric that a service export with latency tracking sends.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::json::is_default;
use crate::system::client::ClientInfo;
use crate::time::{Nanos, Timestamp};

pub const SERVICE_LATENCY_TYPE: &str = "io.nats.server.metric.v1.service_latency";

/// How long one request took: total = service (in the responder) + system (on the way).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServiceLatency {
    /// [`SERVICE_LATENCY_TYPE`].
    #[serde(rename = "type")]
    pub event_type: String,
    pub id: String,
    pub timestamp: Timestamp,
    /// As HTTP: 200, 400 bad request, 408 timeout, 503 no responders, 504 responder too slow.
    pub status: u16,
    #[serde(skip_serializing_if = "is_default")]
    pub description: String,
    #[serde(skip_serializing_if = "is_default")]
    pub requestor: Option<ClientInfo>,
    #[serde(skip_serializing_if = "is_default")]
    pub responder: Option<ClientInfo>,
    /// Only the headers that asked for the measurement.
    #[serde(skip_serializing_if = "is_default")]
    pub header: BTreeMap<String, Vec<String>>,
    pub start: Timestamp,
    pub service: Nanos,
    pub system: Nanos,
    pub total: Nanos,
}
