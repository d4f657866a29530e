//! What a stream says about itself: [`StreamInfo`], its state, its servers, its upstreams.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::stream::{ExternalStream, Placement, Retention, StreamConfig, SubjectTransform};
use crate::errors::ApiError;
use crate::json::{is_default, null_is_empty};
use crate::time::{Nanos, Timestamp};

/// Everything about a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamInfo {
    pub config: StreamConfig,
    pub created: Timestamp,
    pub state: StreamState,
    #[serde(skip_serializing_if = "is_default")]
    pub domain: String,
    #[serde(skip_serializing_if = "is_default")]
    pub cluster: Option<ClusterInfo>,
    #[serde(skip_serializing_if = "is_default")]
    pub mirror: Option<StreamSourceInfo>,
    #[serde(skip_serializing_if = "is_default", deserialize_with = "null_is_empty")]
    pub sources: Vec<StreamSourceInfo>,
    /// Itself and its mirrors, nearest first.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "null_is_empty")]
    pub alternates: Vec<StreamAlternate>,
    /// What an acknowledgement promises, in words. A field of ours; other servers leave it out.
    #[serde(skip_serializing_if = "is_default")]
    pub durability: String,
    /// When this was written.
    pub ts: Timestamp,
}

/// What a stream holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamState {
    pub messages: u64,
    pub bytes: u64,
    pub first_seq: u64,
    pub first_ts: Timestamp,
    pub last_seq: u64,
    pub last_ts: Timestamp,
    #[serde(skip_serializing_if = "is_default")]
    pub num_subjects: u64,
    /// Messages per subject, when asked for.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "null_is_empty")]
    pub subjects: BTreeMap<String, u64>,
    #[serde(skip_serializing_if = "is_default")]
    pub num_deleted: u64,
    /// Sequences between first and last that are gone, when asked for.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "null_is_empty")]
    pub deleted: Vec<u64>,
    #[serde(skip_serializing_if = "is_default")]
    pub lost: Option<LostStreamData>,
    pub consumer_count: u64,
}

/// Messages that damage took.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LostStreamData {
    #[serde(deserialize_with = "null_is_empty")]
    pub msgs: Vec<u64>,
    pub bytes: u64,
}

/// The servers that keep an asset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClusterInfo {
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    #[serde(skip_serializing_if = "is_default")]
    pub raft_group: String,
    #[serde(skip_serializing_if = "is_default")]
    pub leader: String,
    #[serde(skip_serializing_if = "is_default")]
    pub leader_since: Option<Timestamp>,
    #[serde(skip_serializing_if = "is_default")]
    pub system_account: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub traffic_account: String,
    #[serde(skip_serializing_if = "is_default", deserialize_with = "null_is_empty")]
    pub replicas: Vec<PeerInfo>,
    #[serde(skip_serializing_if = "is_default")]
    pub desired: Option<DesiredClusterInfo>,
}

/// A follower.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PeerInfo {
    pub name: String,
    /// Seen recently and caught up.
    pub current: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub offline: bool,
    /// How long ago it was heard of.
    pub active: Nanos,
    /// Operations behind the leader.
    #[serde(skip_serializing_if = "is_default")]
    pub lag: u64,
    pub peer: String,
    /// Assigned, but not yet a member.
    #[serde(skip_serializing_if = "is_default")]
    pub pending: bool,
}

/// Where an asset is moving to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DesiredClusterInfo {
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    #[serde(skip_serializing_if = "is_default", deserialize_with = "null_is_empty")]
    pub replicas: Vec<PeerInfo>,
    #[serde(skip_serializing_if = "is_default")]
    pub origin: Option<DesiredOrigin>,
    #[serde(skip_serializing_if = "is_default")]
    pub status: Option<DesiredStatus>,
}

/// What holds until a move is done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DesiredOrigin {
    pub replicas: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub placement: Option<Placement>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention: Option<Retention>,
}

/// What a move is waiting for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DesiredStatus {
    pub description: String,
    /// `meta`, `membership`, `snapshot`, `catchup`, `quorum`, `blocked` or `unavailable`.
    #[serde(rename = "type")]
    pub status_type: String,
    #[serde(skip_serializing_if = "is_default")]
    pub err: String,
}

/// How an upstream is doing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamSourceInfo {
    pub name: String,
    #[serde(skip_serializing_if = "is_default")]
    pub external: Option<ExternalStream>,
    pub lag: u64,
    /// The last sequence that came.
    #[serde(skip_serializing_if = "is_default")]
    pub seq: u64,
    /// How long ago something came; -1 when nothing ever did.
    pub active: Nanos,
    #[serde(skip_serializing_if = "is_default")]
    pub error: Option<ApiError>,
    #[serde(skip_serializing_if = "is_default")]
    pub filter_subject: String,
    #[serde(skip_serializing_if = "is_default", deserialize_with = "null_is_empty")]
    pub subject_transforms: Vec<SubjectTransform>,
}

/// A stream that can be read in the place of another.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamAlternate {
    pub name: String,
    #[serde(skip_serializing_if = "is_default")]
    pub domain: String,
    pub cluster: String,
}
