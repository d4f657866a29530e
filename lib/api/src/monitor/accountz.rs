//! `/accountz`: the accounts, and everything about one of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::json::is_default;
use crate::monitor::subsz::SublistStats;
use crate::system::latency::ServiceLatency;
use crate::time::{Nanos, Timestamp};

/// The names of the accounts, or the details of one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Accountz {
    pub server_id: String,
    pub now: Timestamp,
    #[serde(skip_serializing_if = "is_default")]
    pub system_account: String,
    #[serde(skip_serializing_if = "is_default")]
    pub accounts: Vec<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub account_detail: Option<AccountInfo>,
}

/// Everything about one account. Also the reply of `$SYS.REQ.ACCOUNT.<acc>.INFO`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AccountInfo {
    pub account_name: String,
    pub update_time: Timestamp,
    #[serde(skip_serializing_if = "is_default")]
    pub is_system: bool,
    pub expired: bool,
    pub complete: bool,
    pub jetstream_enabled: bool,
    pub leafnode_connections: i64,
    pub client_connections: i64,
    pub subscriptions: u32,
    #[serde(skip_serializing_if = "is_default")]
    pub mappings: BTreeMap<String, Vec<MapDest>>,
    #[serde(skip_serializing_if = "is_default")]
    pub exports: Vec<AccountExport>,
    #[serde(skip_serializing_if = "is_default")]
    pub imports: Vec<AccountImport>,
    #[serde(skip_serializing_if = "is_default")]
    pub jwt: String,
    #[serde(skip_serializing_if = "is_default")]
    pub issuer_key: String,
    #[serde(skip_serializing_if = "is_default")]
    pub name_tag: String,
    #[serde(skip_serializing_if = "is_default")]
    pub tags: Vec<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub decoded_jwt: Option<Value>,
    #[serde(skip_serializing_if = "is_default")]
    pub validation_result_jwt: Vec<ValidationIssue>,
    #[serde(skip_serializing_if = "is_default")]
    pub revoked_user: BTreeMap<String, Timestamp>,
    #[serde(skip_serializing_if = "is_default")]
    pub sublist_stats: Option<SublistStats>,
    #[serde(skip_serializing_if = "is_default")]
    pub responses: BTreeMap<String, AccountImport>,
}

/// One destination of a subject mapping.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MapDest {
    pub subject: String,
    /// Percent.
    pub weight: u8,
    /// Only in this cluster.
    #[serde(skip_serializing_if = "is_default")]
    pub cluster: String,
}

/// Something that an account offers to others.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AccountExport {
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    #[serde(skip_serializing_if = "is_default")]
    pub subject: String,
    /// `stream` or `service`.
    #[serde(rename = "type", skip_serializing_if = "is_default")]
    pub export_type: String,
    #[serde(skip_serializing_if = "is_default")]
    pub token_req: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub revocations: BTreeMap<String, i64>,
    /// `Singleton`, `Stream` or `Chunked`.
    #[serde(skip_serializing_if = "is_default")]
    pub response_type: String,
    #[serde(skip_serializing_if = "is_default")]
    pub response_threshold: Nanos,
    #[serde(skip_serializing_if = "is_default")]
    pub service_latency: Option<LatencySampling>,
    #[serde(skip_serializing_if = "is_default")]
    pub account_token_position: u32,
    #[serde(skip_serializing_if = "is_default")]
    pub advertise: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub allow_trace: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub description: String,
    #[serde(skip_serializing_if = "is_default")]
    pub info_url: String,
    #[serde(skip_serializing_if = "is_default")]
    pub approved_accounts: Vec<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub revoked_activations: BTreeMap<String, Timestamp>,
}

/// Something that an account takes from another.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AccountImport {
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    #[serde(skip_serializing_if = "is_default")]
    pub subject: String,
    #[serde(skip_serializing_if = "is_default")]
    pub account: String,
    #[serde(skip_serializing_if = "is_default")]
    pub token: String,
    #[serde(skip_serializing_if = "is_default")]
    pub to: String,
    #[serde(skip_serializing_if = "is_default")]
    pub local_subject: String,
    /// `stream` or `service`.
    #[serde(rename = "type", skip_serializing_if = "is_default")]
    pub import_type: String,
    #[serde(skip_serializing_if = "is_default")]
    pub allow_trace: bool,
    pub invalid: bool,
    pub share: bool,
    pub tracking: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub tracking_header: BTreeMap<String, Vec<String>>,
    #[serde(skip_serializing_if = "is_default")]
    pub latency: Option<LatencySampling>,
    #[serde(skip_serializing_if = "is_default")]
    pub m1: Option<ServiceLatency>,
}

/// How often the latency of a service is measured and where the results go.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LatencySampling {
    /// Percent, or the word `headers`.
    pub sampling: Value,
    pub results: String,
}

/// What is wrong with an account's JWT.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ValidationIssue {
    pub description: String,
    pub blocking: bool,
    pub time_check: bool,
}

/// Which account to report; none means the list of names.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AccountzOptions {
    pub account: String,
}
