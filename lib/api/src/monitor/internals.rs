//! Pages and requests about the inside of the process: `/ipqueuesz`, EXPVARZ, PROFILEZ.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::json::is_default;
use crate::time::Nanos;

/// Internal queues by name.
pub type Ipqueuesz = BTreeMap<String, IpqueueszQueue>;

/// One internal queue.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct IpqueueszQueue {
    pub pending: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub in_progress: i64,
}

/// Which queues to report.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct IpqueueszOptions {
    /// Also queues with nothing in them.
    pub all: bool,
    /// Only names that contain it. Over HTTP the parameter is `queues`.
    pub filter: String,
}

/// Variables of the running process.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Expvarz {
    pub memstats: Value,
    pub cmdline: Value,
}

/// A profile of the running process.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Profilez {
    /// Base64.
    pub profile: Option<String>,
    pub error: String,
}

/// Which profile to take.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProfilezOptions {
    pub name: String,
    pub debug: i64,
    /// At most 15 seconds.
    #[serde(skip_serializing_if = "is_default")]
    pub duration: Nanos,
}
