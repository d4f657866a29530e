//! `/accstatz`: how much each account is used.

use serde::{Deserialize, Serialize};

use crate::json::{is_default, null_is_empty};
use crate::time::Timestamp;

/// Use of the accounts that have connections (or of all, when asked).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AccountStatz {
    pub server_id: String,
    pub now: Timestamp,
    #[serde(deserialize_with = "null_is_empty")]
    pub account_statz: Vec<AccountStat>,
}

/// Use of one account on this server.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AccountStat {
    pub acc: String,
    /// The account's name tag, else its name.
    pub name: String,
    pub conns: i64,
    pub leafnodes: i64,
    pub total_conns: i64,
    pub num_subscriptions: u32,
    pub sent: DataStats,
    pub received: DataStats,
    pub slow_consumers: i64,
}

/// Messages and bytes, and how many of them went over which kind of link.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DataStats {
    pub msgs: i64,
    pub bytes: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub gateways: Option<MsgBytes>,
    #[serde(skip_serializing_if = "is_default")]
    pub routes: Option<MsgBytes>,
    #[serde(skip_serializing_if = "is_default")]
    pub leafs: Option<MsgBytes>,
}

/// Messages and their bytes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MsgBytes {
    pub msgs: i64,
    pub bytes: i64,
}

/// Which accounts to report.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AccountStatzOptions {
    #[serde(deserialize_with = "null_is_empty")]
    pub accounts: Vec<String>,
    pub include_unused: bool,
}
