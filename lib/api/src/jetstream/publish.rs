//! What a publisher hears: acknowledgements, the flow of fast batches; and what counters hold.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::errors::ApiError;
use crate::json::is_default;

/// A message is stored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PubAck {
    pub stream: String,
    #[serde(skip_serializing_if = "is_default")]
    pub domain: String,
    pub seq: u64,
    /// The message was there already, at `seq`.
    #[serde(skip_serializing_if = "is_default")]
    pub duplicate: bool,
    /// The value of a counter after this message.
    #[serde(skip_serializing_if = "is_default")]
    pub val: String,
    /// The id of the batch that this acknowledgement ends.
    #[serde(skip_serializing_if = "is_default")]
    pub batch: String,
    /// Messages in the batch.
    #[serde(skip_serializing_if = "is_default")]
    pub count: u64,
}

/// The answer to a publish: an acknowledgement or an error. It carries no type.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PubAckResponse {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ApiError>,
    pub stream: String,
    #[serde(skip_serializing_if = "is_default")]
    pub domain: String,
    pub seq: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub duplicate: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub val: String,
    #[serde(skip_serializing_if = "is_default")]
    pub batch: String,
    #[serde(skip_serializing_if = "is_default")]
    pub count: u64,
}

impl PubAckResponse {
    /// A refusal by `stream`.
    pub fn refused(stream: impl Into<String>, error: ApiError) -> Self {
        Self {
            error: Some(error),
            stream: stream.into(),
            ..Self::default()
        }
    }

    /// Acknowledged or refused.
    pub fn into_result(self) -> Result<PubAck, ApiError> {
        match self.error {
            Some(error) => Err(error),
            None => Ok(PubAck {
                stream: self.stream,
                seq: self.seq,
                domain: self.domain,
                duplicate: self.duplicate,
                val: self.val,
                batch: self.batch,
                count: self.count,
            }),
        }
    }
}

impl From<PubAck> for PubAckResponse {
    fn from(ack: PubAck) -> Self {
        Self {
            error: None,
            stream: ack.stream,
            seq: ack.seq,
            domain: ack.domain,
            duplicate: ack.duplicate,
            val: ack.val,
            batch: ack.batch,
            count: ack.count,
        }
    }
}

/// What the server says while a fast batch is under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum BatchFlow {
    /// Everything up to `seq` is stored; the next word comes after `msgs` messages.
    Ack { seq: u64, msgs: u16 },
    /// Messages from `last_seq` to before `seq` did not arrive.
    Gap { last_seq: u64, seq: u64 },
    /// The message with this sequence was refused.
    Err { seq: u64, error: ApiError },
}

/// The body of a message in a stream of counters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CounterValue {
    /// A whole number of any size.
    pub val: String,
}

/// The `Nats-Counter-Sources` header: by stream, by subject, the value that came from there.
pub type CounterSources = BTreeMap<String, BTreeMap<String, String>>;
