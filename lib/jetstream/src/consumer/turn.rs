//! What a consumer is handed with every input, and where it puts what it decided.

use nats_api::jetstream::{Retention, StreamConfig};
use nats_store::{ConsumerDelta, StoreError, StreamStore};

use super::statuses;
use crate::context::Context;
use crate::effects::{Effects, Kind};

/// What a consumer needs to know of its stream and its server.
#[derive(Debug, Clone, Copy)]
pub struct StreamView<'a> {
    pub config: &'a StreamConfig,
    pub account: &'a str,
    /// Empty when the server has none.
    pub domain: &'a str,
    /// The largest message that a client may publish, bytes.
    pub max_payload: u64,
    /// Acknowledgement subjects are written in their second form, with domain and account.
    pub ack_v2: bool,
}

/// One input's surroundings. Nothing in it outlives the call.
pub struct Turn<'a, 'c> {
    pub cx: &'a mut Context<'c>,
    pub stream: &'a StreamView<'a>,
    pub store: &'a dyn StreamStore,
    pub effects: &'a mut Effects,
    pub changes: &'a mut Changes,
}

/// What one consumer changed in one call. The stream takes it before it calls the next consumer, and keeps the room.
#[derive(Debug, Default)]
pub struct Changes {
    /// To be logged for this consumer, in this order. A [`Kind::Answer`] to an acknowledgement waits for them, and nothing else does.
    pub deltas: Vec<ConsumerDelta>,
    /// An acknowledgement was answered: the answer must not leave before everything staged for this consumer is durable.
    pub answered: bool,
    /// Stream sequences that this consumer needs no more. Empty on a stream that keeps messages by limits only.
    pub settled: Vec<u64>,
    /// Messages that could not be read. The consumer went past those that are damaged.
    pub faults: Vec<StoreError>,
    /// Room for the reply subject of a delivery.
    pub(super) reply: Vec<u8>,
    /// Room for a status.
    pub(super) block: Vec<u8>,
}

impl Changes {
    /// Forgets everything, keeps the room.
    pub fn clear(&mut self) {
        self.deltas.clear();
        self.answered = false;
        self.settled.clear();
        self.faults.clear();
    }

    pub fn is_empty(&self) -> bool {
        self.deltas.is_empty()
            && !self.answered
            && self.settled.is_empty()
            && self.faults.is_empty()
    }

    pub(super) fn stage(&mut self, delta: ConsumerDelta) {
        if let Some(last) = self.deltas.last_mut()
            && last.join(&delta)
        {
            return;
        }
        self.deltas.push(delta);
    }
}

impl Turn<'_, '_> {
    /// A status for a client: a header block and nothing else.
    pub(super) fn status(&mut self, to: &[u8], block: &[u8]) {
        self.effects.send(Kind::Status, to, b"", block, b"");
    }

    /// The end of a request: `line` says what happened, the numbers what was left of it.
    pub(super) fn ended(&mut self, to: &[u8], line: &str, messages: i64, bytes: i64) {
        let block = &mut self.changes.block;
        statuses::ended(block, line, messages, bytes);
        self.effects.send(Kind::Status, to, b"", block, b"");
    }

    /// The answer to an acknowledgement: empty.
    pub(super) fn answer(&mut self, to: &[u8]) {
        if !to.is_empty() {
            self.changes.answered = true;
            self.effects.send(Kind::Answer, to, b"", b"", b"");
        }
    }

    /// The message is none of this consumer's business any more, if that matters to the stream.
    pub(super) fn settled(&mut self, sequence: u64) {
        if self.stream.config.retention != Retention::Limits {
            self.changes.settled.push(sequence);
        }
    }
}
