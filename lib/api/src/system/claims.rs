//! Answers to requests about the tokens of accounts (`$SYS.REQ.CLAIMS.…`, `$SYS.REQ.ACCOUNT.<id>.CLAIMS.…`).

use serde::{Deserialize, Serialize};

use super::ServerInfo;
use crate::json::is_default;

/// The answer to a token that was pushed, and to a deletion.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClaimUpdateReply {
    pub server: ServerInfo,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<ClaimUpdateStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ClaimUpdateError>,
}

/// It was done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClaimUpdateStatus {
    #[serde(skip_serializing_if = "is_default")]
    pub account: String,
    #[serde(skip_serializing_if = "is_default")]
    pub code: u16,
    #[serde(skip_serializing_if = "is_default")]
    pub message: String,
}

/// It was not done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClaimUpdateError {
    #[serde(skip_serializing_if = "is_default")]
    pub account: String,
    pub code: u16,
    #[serde(skip_serializing_if = "is_default")]
    pub description: String,
}

/// The accounts that have a token on this server. The members stand in this order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClaimList {
    pub data: Vec<String>,
    pub server: ServerInfo,
}
