//! Requests about streams and their answers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::account::AccountInfo;
use super::reply::{Reply, extend, read, reply};
use super::stream::{Placement, StreamConfig};
use super::stream_info::{StreamInfo, StreamState};
use crate::decode::{self, DecodeError, Mode};
use crate::json::{base64, is_default, null_is_empty};
use crate::time::Timestamp;

reply!(AccountInfo, "account_info_response");

/// STREAM.CREATE and STREAM.UPDATE: a configuration, and whether the server may complete it silently.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StreamConfigRequest {
    pub config: StreamConfig,
    /// Refuse what would have to be changed, instead of changing it.
    pub pedantic: bool,
}

#[derive(Serialize)]
struct Pedantic {
    #[serde(skip_serializing_if = "is_default")]
    pedantic: bool,
}

impl StreamConfigRequest {
    /// Reads a request body. The flag stands among the fields of the configuration.
    pub fn decode(json: &[u8], mode: Mode) -> Result<Self, DecodeError> {
        let Some(mut tree) = decode::tree(json)? else {
            return Ok(Self::default());
        };
        let flag = tree
            .as_object_mut()
            .and_then(|members| decode::take(members, "pedantic"));
        let pedantic = match flag {
            None | Some(serde_json::Value::Null) => false,
            Some(value) => value.as_bool().ok_or_else(|| {
                DecodeError::wrong_type("StreamConfigRequest", "pedantic", "bool")
            })?,
        };
        Ok(Self {
            config: decode::from_tree(&tree, mode)?,
            pedantic,
        })
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut out = b"{}".to_vec();
        extend(&mut out, &self.config);
        extend(
            &mut out,
            &Pedantic {
                pedantic: self.pedantic,
            },
        );
        out
    }
}

/// Answer to STREAM.CREATE, and the last answer of a restore.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StreamCreateResponse {
    pub info: StreamInfo,
    /// The request was a create. A reference server says so too when an equal stream was there already.
    pub did_create: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(default)]
#[derive(Default)]
struct DidCreate {
    #[serde(skip_serializing_if = "is_default")]
    did_create: bool,
}

impl Reply for StreamCreateResponse {
    const TYPE: &'static str = "io.nats.jetstream.api.v1.stream_create_response";

    fn write(&self, out: &mut Vec<u8>) {
        let did_create = self.did_create;
        extend(out, &self.info);
        extend(out, &DidCreate { did_create });
    }

    fn read(json: &[u8]) -> serde_json::Result<Self> {
        Ok(Self {
            info: read(json)?,
            did_create: read::<DidCreate>(json)?.did_create,
        })
    }
}

/// Answer to STREAM.UPDATE and to requests that move a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StreamUpdateResponse {
    pub info: StreamInfo,
}

impl Reply for StreamUpdateResponse {
    const TYPE: &'static str = "io.nats.jetstream.api.v1.stream_update_response";

    fn write(&self, out: &mut Vec<u8>) {
        extend(out, &self.info);
    }

    fn read(json: &[u8]) -> serde_json::Result<Self> {
        Ok(Self { info: read(json)? })
    }
}

/// STREAM.INFO.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamInfoRequest {
    /// The first subject of the page.
    pub offset: i64,
    /// Name every deleted sequence.
    #[serde(skip_serializing_if = "is_default")]
    pub deleted_details: bool,
    /// Count messages per subject for subjects that match.
    #[serde(skip_serializing_if = "is_default")]
    pub subjects_filter: String,
}

/// Where a page stands in the whole list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Page {
    pub total: i64,
    pub offset: i64,
    pub limit: i64,
}

/// Answer to STREAM.INFO; the page is that of the subjects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StreamInfoResponse {
    pub page: Page,
    pub info: StreamInfo,
}

impl Reply for StreamInfoResponse {
    const TYPE: &'static str = "io.nats.jetstream.api.v1.stream_info_response";
    const BESIDE_ERROR: &'static str = r#","total":0,"offset":0,"limit":0"#;

    fn write(&self, out: &mut Vec<u8>) {
        extend(out, &self.page);
        extend(out, &self.info);
    }

    fn read(json: &[u8]) -> serde_json::Result<Self> {
        Ok(Self {
            page: read(json)?,
            info: read(json)?,
        })
    }
}

/// STREAM.NAMES and STREAM.LIST: those streams that take this subject.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamListRequest {
    pub offset: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub subject: String,
}

/// Answer to STREAM.NAMES.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamNamesResponse {
    pub total: i64,
    pub offset: i64,
    pub limit: i64,
    #[serde(deserialize_with = "null_is_empty")]
    pub streams: Vec<String>,
}

/// Answer to STREAM.LIST.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamListResponse {
    pub total: i64,
    pub offset: i64,
    pub limit: i64,
    #[serde(deserialize_with = "null_is_empty")]
    pub streams: Vec<StreamInfo>,
    /// Streams whose servers did not answer.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "null_is_empty")]
    pub missing: Vec<String>,
    /// Streams that this server cannot run, and why.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "null_is_empty")]
    pub offline: BTreeMap<String, String>,
}

reply!(
    StreamNamesResponse,
    "stream_names_response",
    r#","total":0,"offset":0,"limit":0,"streams":[]"#
);
reply!(
    StreamListResponse,
    "stream_list_response",
    r#","total":0,"offset":0,"limit":0,"streams":[]"#
);

/// STREAM.PURGE. `seq` and `keep` exclude each other.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamPurgeRequest {
    /// Everything below this sequence.
    #[serde(skip_serializing_if = "is_default")]
    pub seq: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub filter: String,
    /// So many of the newest stay.
    #[serde(skip_serializing_if = "is_default")]
    pub keep: u64,
}

/// Answer to STREAM.PURGE.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamPurgeResponse {
    #[serde(skip_serializing_if = "is_default")]
    pub success: bool,
    pub purged: u64,
}
reply!(
    StreamPurgeResponse,
    "stream_purge_response",
    r#","purged":0"#
);

/// Answers that only say "done".
macro_rules! done {
    ($($(#[$doc:meta])* $document:ident $name:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default)]
        pub struct $document {
            #[serde(skip_serializing_if = "is_default")]
            pub success: bool,
        }
        reply!($document, $name);
    )*};
}

done! {
    /// Answer to STREAM.DELETE.
    StreamDeleteResponse "stream_delete_response";
    /// Answer to STREAM.MSG.DELETE.
    MsgDeleteResponse "stream_msg_delete_response";
    /// Answer to CONSUMER.DELETE.
    ConsumerDeleteResponse "consumer_delete_response";
    /// Answer to STREAM.PEER.REMOVE.
    StreamRemovePeerResponse "stream_remove_peer_response";
    /// Answer to STREAM.PEER.EVACUATE.
    StreamEvacuatePeerResponse "stream_evacuate_peer_response";
    /// Answer to STREAM.CANCEL_MOVE.
    StreamCancelMoveResponse "stream_cancel_move_response";
    /// Answer to STREAM.LEADER.STEPDOWN.
    StreamLeaderStepdownResponse "stream_leader_stepdown_response";
    /// Answer to CONSUMER.LEADER.STEPDOWN.
    ConsumerLeaderStepdownResponse "consumer_leader_stepdown_response";
    /// Answer to META.LEADER.STEPDOWN.
    MetaLeaderStepdownResponse "meta_leader_stepdown_response";
    /// Answer to SERVER.REMOVE and SERVER.EVACUATE.
    MetaServerRemoveResponse "meta_server_remove_response";
}

/// STREAM.MSG.GET and DIRECT.GET. The first three ask for one message; the rest is for direct gets of many.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MsgGetRequest {
    #[serde(skip_serializing_if = "is_default")]
    pub seq: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub last_by_subj: String,
    /// The first at or after `seq` whose subject matches.
    #[serde(skip_serializing_if = "is_default")]
    pub next_by_subj: String,
    #[serde(skip_serializing_if = "is_default")]
    pub batch: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub max_bytes: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub start_time: Option<Timestamp>,
    /// The last message of each subject that matches one of these.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "null_is_empty")]
    pub multi_last: Vec<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub up_to_seq: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub up_to_time: Option<Timestamp>,
    /// Leave the message's own headers out.
    #[serde(skip_serializing_if = "is_default")]
    pub no_hdr: bool,
}

/// A message as STREAM.MSG.GET shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StoredMessage {
    pub subject: String,
    pub seq: u64,
    /// The whole header block, in base64.
    #[serde(skip_serializing_if = "is_default", with = "base64")]
    pub hdrs: Vec<u8>,
    /// In base64.
    #[serde(skip_serializing_if = "is_default", with = "base64")]
    pub data: Vec<u8>,
    pub time: Timestamp,
}

/// Answer to STREAM.MSG.GET.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MsgGetResponse {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<StoredMessage>,
}
reply!(MsgGetResponse, "stream_msg_get_response");

/// STREAM.MSG.DELETE.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MsgDeleteRequest {
    pub seq: u64,
    /// Do not overwrite the bytes.
    #[serde(skip_serializing_if = "is_default")]
    pub no_erase: bool,
}

/// STREAM.SNAPSHOT: send the stream to a subject.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamSnapshotRequest {
    pub deliver_subject: String,
    #[serde(skip_serializing_if = "is_default")]
    pub no_consumers: bool,
    /// Bytes of one chunk.
    #[serde(skip_serializing_if = "is_default")]
    pub chunk_size: i64,
    /// Bytes under way before an acknowledgement is awaited.
    #[serde(skip_serializing_if = "is_default")]
    pub window_size: i64,
    /// Check every message first.
    #[serde(skip_serializing_if = "is_default")]
    pub jsck: bool,
}

/// Answer to STREAM.SNAPSHOT, before the first chunk.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamSnapshotResponse {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<StreamConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<StreamState>,
}
reply!(StreamSnapshotResponse, "stream_snapshot_response");

/// STREAM.RESTORE; also the `backup.json` beside an archive.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamRestoreRequest {
    pub config: StreamConfig,
    pub state: StreamState,
}

/// Answer to STREAM.RESTORE: where the chunks go.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamRestoreResponse {
    pub deliver_subject: String,
}
reply!(
    StreamRestoreResponse,
    "stream_restore_response",
    r#","deliver_subject":"""#
);

/// STREAM.PEER.REMOVE and STREAM.PEER.EVACUATE.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamRemovePeerRequest {
    pub peer: String,
}

/// STREAM.LEADER.STEPDOWN, CONSUMER.LEADER.STEPDOWN, META.LEADER.STEPDOWN.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LeaderStepdownRequest {
    #[serde(skip_serializing_if = "is_default")]
    pub placement: Option<Placement>,
}
