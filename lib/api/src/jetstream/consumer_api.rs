//! Requests about consumers and their answers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::consumer::{ConsumerConfig, ConsumerInfo};
use super::reply::{Reply, extend, read, reply};
use crate::json::{is_default, null_is_empty};
use crate::time::{Nanos, Timestamp};

/// What a create request may do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ConsumerAction {
    #[default]
    #[serde(rename = "")]
    CreateOrUpdate,
    #[serde(rename = "update")]
    Update,
    #[serde(rename = "create")]
    Create,
}

/// CONSUMER.CREATE and CONSUMER.DURABLE.CREATE.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConsumerCreateRequest {
    pub stream_name: String,
    pub config: ConsumerConfig,
    pub action: ConsumerAction,
    /// Refuse what would have to be changed, instead of changing it.
    #[serde(skip_serializing_if = "is_default")]
    pub pedantic: bool,
}

/// Answer to CONSUMER.CREATE and CONSUMER.DURABLE.CREATE.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConsumerCreateResponse {
    pub info: ConsumerInfo,
}

impl Reply for ConsumerCreateResponse {
    const TYPE: &'static str = "io.nats.jetstream.api.v1.consumer_create_response";

    fn write(&self, out: &mut Vec<u8>) {
        extend(out, &self.info);
    }

    fn read(json: &[u8]) -> serde_json::Result<Self> {
        Ok(Self { info: read(json)? })
    }
}

/// Answer to CONSUMER.INFO.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConsumerInfoResponse {
    pub info: ConsumerInfo,
}

impl Reply for ConsumerInfoResponse {
    const TYPE: &'static str = "io.nats.jetstream.api.v1.consumer_info_response";

    fn write(&self, out: &mut Vec<u8>) {
        extend(out, &self.info);
    }

    fn read(json: &[u8]) -> serde_json::Result<Self> {
        Ok(Self { info: read(json)? })
    }
}

/// CONSUMER.NAMES and CONSUMER.LIST.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConsumerListRequest {
    pub offset: i64,
}

/// Answer to CONSUMER.NAMES.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConsumerNamesResponse {
    pub total: i64,
    pub offset: i64,
    pub limit: i64,
    #[serde(deserialize_with = "null_is_empty")]
    pub consumers: Vec<String>,
}

/// Answer to CONSUMER.LIST.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConsumerListResponse {
    pub total: i64,
    pub offset: i64,
    pub limit: i64,
    #[serde(deserialize_with = "null_is_empty")]
    pub consumers: Vec<ConsumerInfo>,
    /// Consumers whose servers did not answer.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "null_is_empty")]
    pub missing: Vec<String>,
    /// Consumers that this server cannot run, and why.
    #[serde(skip_serializing_if = "is_default", deserialize_with = "null_is_empty")]
    pub offline: BTreeMap<String, String>,
}

reply!(
    ConsumerNamesResponse,
    "consumer_names_response",
    r#","total":0,"offset":0,"limit":0,"consumers":[]"#
);
reply!(
    ConsumerListResponse,
    "consumer_list_response",
    r#","total":0,"offset":0,"limit":0,"consumers":[]"#
);

/// CONSUMER.PAUSE. A time that has passed, or [`Timestamp::NEVER`], resumes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConsumerPauseRequest {
    pub pause_until: Timestamp,
}

/// Answer to CONSUMER.PAUSE.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConsumerPauseResponse {
    pub paused: bool,
    pub pause_until: Timestamp,
    #[serde(skip_serializing_if = "is_default")]
    pub pause_remaining: Nanos,
}
reply!(
    ConsumerPauseResponse,
    "consumer_pause_response",
    r#","paused":false,"pause_until":"0001-01-01T00:00:00Z""#
);

/// CONSUMER.UNPIN.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConsumerUnpinRequest {
    pub group: String,
}

/// Answer to CONSUMER.UNPIN.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConsumerUnpinResponse {}
reply!(ConsumerUnpinResponse, "consumer_unpin_response");

/// CONSUMER.RESET. Zero, or an empty body: to the acknowledgement floor.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConsumerResetRequest {
    #[serde(skip_serializing_if = "is_default")]
    pub seq: u64,
}

/// Answer to CONSUMER.RESET.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConsumerResetResponse {
    pub info: ConsumerInfo,
    /// The first sequence that will be delivered.
    pub reset_seq: u64,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct ResetSeq {
    reset_seq: u64,
}

impl Reply for ConsumerResetResponse {
    const TYPE: &'static str = "io.nats.jetstream.api.v1.consumer_reset_response";
    const BESIDE_ERROR: &'static str = r#","reset_seq":0"#;

    fn write(&self, out: &mut Vec<u8>) {
        let reset_seq = self.reset_seq;
        extend(out, &self.info);
        extend(out, &ResetSeq { reset_seq });
    }

    fn read(json: &[u8]) -> serde_json::Result<Self> {
        Ok(Self {
            info: read(json)?,
            reset_seq: read::<ResetSeq>(json)?.reset_seq,
        })
    }
}

/// CONSUMER.MSG.NEXT: send me messages.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PullRequest {
    /// How long the request waits. Zero: for ever.
    #[serde(skip_serializing_if = "is_default")]
    pub expires: Nanos,
    #[serde(skip_serializing_if = "is_default")]
    pub batch: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub max_bytes: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub no_wait: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub idle_heartbeat: Nanos,
    #[serde(skip_serializing_if = "is_default")]
    pub group: String,
    #[serde(skip_serializing_if = "is_default")]
    pub min_pending: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub min_ack_pending: i64,
    /// The pin that this client holds.
    #[serde(skip_serializing_if = "is_default")]
    pub id: String,
    /// 0 to 9; lower is served first.
    #[serde(skip_serializing_if = "is_default")]
    pub priority: i64,
}

impl PullRequest {
    /// Reads a body: nothing is a batch of one, a number is a batch, and an object says it all. Anything else is a batch of
    /// one too. Values are not checked.
    ///
    /// # Errors
    /// When it begins as an object and is none.
    pub fn decode(body: &[u8]) -> Result<Self, serde_json::Error> {
        let body = body.trim_ascii();
        if body.first() == Some(&b'{') {
            // The quick way reads what most clients write; the other one knows `null` and names in any case.
            return serde_json::from_slice(body)
                .or_else(|error| crate::decode::lenient(body).map_err(|_| error));
        }
        let batch = std::str::from_utf8(body)
            .ok()
            .and_then(|text| text.parse().ok())
            .unwrap_or(1);
        Ok(Self {
            batch,
            ..Self::default()
        })
    }
}

/// The body after `-NAK`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NakOptions {
    /// When to deliver again.
    pub delay: Nanos,
}
