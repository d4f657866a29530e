//! `/healthz`: is the server fit for work?

use serde::{Deserialize, Serialize};

use crate::json::is_default;

/// The state of health. Over HTTP `status_code` is the status of the response and not in the document.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Healthz {
    /// `ok`, `unavailable` or `error`.
    pub status: String,
    #[serde(skip_serializing_if = "is_default")]
    pub status_code: u16,
    #[serde(skip_serializing_if = "is_default")]
    pub error: String,
    /// With `details` instead of `error`.
    #[serde(skip_serializing_if = "is_default")]
    pub errors: Vec<HealthzError>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HealthzError {
    /// `CONNECTION`, `BAD_REQUEST`, `JETSTREAM`, `ACCOUNT`, `STREAM` or `CONSUMER`.
    #[serde(rename = "type")]
    pub error_type: String,
    #[serde(skip_serializing_if = "is_default")]
    pub account: String,
    #[serde(skip_serializing_if = "is_default")]
    pub stream: String,
    #[serde(skip_serializing_if = "is_default")]
    pub consumer: String,
    #[serde(skip_serializing_if = "is_default")]
    pub error: String,
}

/// What to check.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HealthzOptions {
    /// The old name of `js-enabled-only`.
    #[serde(rename = "js-enabled", skip_serializing_if = "is_default")]
    pub js_enabled: bool,
    #[serde(rename = "js-enabled-only", skip_serializing_if = "is_default")]
    pub js_enabled_only: bool,
    #[serde(rename = "js-server-only", skip_serializing_if = "is_default")]
    pub js_server_only: bool,
    #[serde(rename = "js-meta-only", skip_serializing_if = "is_default")]
    pub js_meta_only: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub account: String,
    #[serde(skip_serializing_if = "is_default")]
    pub stream: String,
    #[serde(skip_serializing_if = "is_default")]
    pub consumer: String,
    #[serde(skip_serializing_if = "is_default")]
    pub details: bool,
}
