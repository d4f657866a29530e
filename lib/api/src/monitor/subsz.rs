//! `/subsz`: the subscription index and its subscriptions.

use serde::{Deserialize, Serialize};

use crate::json::{is_default, plain_float};
use crate::time::Timestamp;

/// Counts of the subscription index over all accounts and, when asked for, a page of subscriptions.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Subsz {
    pub server_id: String,
    pub now: Timestamp,
    pub num_subscriptions: u32,
    pub num_cache: u32,
    pub num_inserts: u64,
    pub num_removes: u64,
    pub num_matches: u64,
    /// Between 0 and 1.
    #[serde(serialize_with = "plain_float")]
    pub cache_hit_rate: f64,
    pub max_fanout: u32,
    #[serde(serialize_with = "plain_float")]
    pub avg_fanout: f64,
    pub total: i64,
    pub offset: i64,
    pub limit: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub subscriptions_list: Vec<SubDetail>,
}

/// The counts of one account's subscription index.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SublistStats {
    pub num_subscriptions: u32,
    pub num_cache: u32,
    pub num_inserts: u64,
    pub num_removes: u64,
    pub num_matches: u64,
    #[serde(serialize_with = "plain_float")]
    pub cache_hit_rate: f64,
    pub max_fanout: u32,
    #[serde(serialize_with = "plain_float")]
    pub avg_fanout: f64,
}

/// One subscription.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SubDetail {
    #[serde(skip_serializing_if = "is_default")]
    pub account: String,
    #[serde(skip_serializing_if = "is_default")]
    pub account_tag: String,
    pub subject: String,
    #[serde(skip_serializing_if = "is_default")]
    pub qgroup: String,
    pub sid: String,
    /// Delivered so far.
    pub msgs: i64,
    /// Ends after so many.
    #[serde(skip_serializing_if = "is_default")]
    pub max: i64,
    pub cid: u64,
}

/// What to report about subscriptions.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SubszOptions {
    pub offset: i64,
    pub limit: i64,
    pub subscriptions: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub account: String,
    /// Only subscriptions that this subject would reach.
    #[serde(skip_serializing_if = "is_default")]
    pub test: String,
}
