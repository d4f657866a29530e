//! Who is spoken about: a connection in events, metrics and requests passed on.

use serde::{Deserialize, Serialize};

use crate::json::is_default;
use crate::time::{Nanos, Timestamp};

/// A connection as events, latency metrics and the request info header show it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClientInfo {
    #[serde(skip_serializing_if = "is_default")]
    pub start: Option<Timestamp>,
    #[serde(skip_serializing_if = "is_default")]
    pub host: String,
    #[serde(skip_serializing_if = "is_default")]
    pub id: u64,
    /// `N/A` when there is none yet.
    #[serde(skip_serializing_if = "is_default")]
    pub acc: String,
    /// The account that serves the request, when imported.
    #[serde(skip_serializing_if = "is_default")]
    pub svc: String,
    #[serde(skip_serializing_if = "is_default")]
    pub user: String,
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    #[serde(skip_serializing_if = "is_default")]
    pub lang: String,
    #[serde(skip_serializing_if = "is_default")]
    pub ver: String,
    #[serde(skip_serializing_if = "is_default")]
    pub rtt: Nanos,
    #[serde(skip_serializing_if = "is_default")]
    pub server: String,
    #[serde(skip_serializing_if = "is_default")]
    pub cluster: String,
    #[serde(skip_serializing_if = "is_default")]
    pub alts: Vec<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub stop: Option<Timestamp>,
    #[serde(skip_serializing_if = "is_default")]
    pub jwt: String,
    #[serde(skip_serializing_if = "is_default")]
    pub issuer_key: String,
    #[serde(skip_serializing_if = "is_default")]
    pub name_tag: String,
    #[serde(skip_serializing_if = "is_default")]
    pub tags: Vec<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub kind: String,
    #[serde(skip_serializing_if = "is_default")]
    pub client_type: String,
    /// The MQTT client id.
    #[serde(skip_serializing_if = "is_default")]
    pub client_id: String,
    #[serde(skip_serializing_if = "is_default")]
    pub nonce: String,
    #[serde(skip_serializing_if = "is_default")]
    pub reply: String,
}
/// The header in which a server tells a service who asks.
pub const REQUEST_INFO_HEADER: &str = "Nats-Request-Info";
