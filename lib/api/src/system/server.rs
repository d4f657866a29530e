//! Who speaks: the server part of every event and reply, and the reply to IDZ.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::json::is_default;
use crate::time::Timestamp;

/// The server that sent an event or reply. Also the whole document of the LAMEDUCK and SHUTDOWN events.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServerInfo {
    pub name: String,
    pub host: String,
    pub id: String,
    #[serde(skip_serializing_if = "is_default")]
    pub cluster: String,
    #[serde(skip_serializing_if = "is_default")]
    pub domain: String,
    /// The compatibility version.
    pub ver: String,
    #[serde(skip_serializing_if = "is_default")]
    pub tags: Vec<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub metadata: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "is_default")]
    pub feature_flags: BTreeMap<String, bool>,
    pub jetstream: bool,
    /// See [`JETSTREAM_FLAG`] and its neighbours.
    pub flags: u64,
    /// Rises by one with everything that this server sends about itself.
    pub seq: u64,
    pub time: Timestamp,
}

/// The reply to IDZ.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServerId {
    pub name: String,
    pub host: String,
    pub id: String,
}
/// The server has JetStream enabled.
pub const JETSTREAM_FLAG: u64 = 1;
/// The server understands binary stream snapshots.
pub const BINARY_SNAPSHOT_FLAG: u64 = 2;
/// Consensus traffic of an account may leave the system account.
pub const ACCOUNT_NRG_FLAG: u64 = 4;
