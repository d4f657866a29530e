//! Requests to the meta group, by the system account, and answers that belong to no request.

use serde::{Deserialize, Serialize};

use super::reply::reply;
use crate::json::{is_default, null_is_empty};

/// SERVER.REMOVE and SERVER.EVACUATE.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MetaServerRemoveRequest {
    /// The server's name.
    pub peer: String,
    /// The server's peer id; wins over the name.
    #[serde(skip_serializing_if = "is_default")]
    pub peer_id: String,
}

/// META.RESCUE: lower the quorum, unsafely.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MetaRescueRequest {
    pub quorum_needed: i64,
}

/// Answer to META.RESCUE, by every server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MetaRescueResponse {
    pub server: String,
    pub server_id: String,
    #[serde(skip_serializing_if = "is_default")]
    pub prev_quorum: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub new_quorum: i64,
}
reply!(
    MetaRescueResponse,
    "meta_rescue_response",
    r#","server":"","server_id":"""#
);

/// ACCOUNT.STREAM.MOVE: away from a server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamMoveRequest {
    #[serde(skip_serializing_if = "is_default")]
    pub server: String,
    #[serde(skip_serializing_if = "is_default")]
    pub cluster: String,
    #[serde(skip_serializing_if = "is_default")]
    pub domain: String,
    #[serde(skip_serializing_if = "is_default", deserialize_with = "null_is_empty")]
    pub tags: Vec<String>,
}

/// Answer to ACCOUNT.PURGE.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AccountPurgeResponse {
    #[serde(skip_serializing_if = "is_default")]
    pub initiated: bool,
}
reply!(AccountPurgeResponse, "account_purge_response");

/// The answer to anything, when JetStream is not there for the account. Always an error.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SystemResponse {}
reply!(SystemResponse, "system_response");

/// The answer to anything, when too many requests wait. Always an error.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OverloadedResponse {}
reply!(OverloadedResponse, "system_overloaded");
