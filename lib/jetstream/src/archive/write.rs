//! Writing the newer form.

use std::collections::VecDeque;

use nats_api::jetstream::{ConsumerConfig, StreamState};
use nats_store::{ConsumerState, Message, Timestamp};

use super::MAGIC;
use super::consumer::{Document, StateDocument};
use super::entries::{CONSUMER_PREFIX, STATE_ENTRY, put_uvarint, put_varint};
use super::frames;

/// Plain bytes of one frame.
const FRAME_BYTES: usize = 256 * 1024;

/// Makes an archive piece by piece. Bytes gather until somebody takes them.
///
/// ```
/// # use nats_jetstream::archive::Writer;
/// # use nats_api::jetstream::StreamState;
/// # use nats_store::Timestamp;
/// let mut writer = Writer::new(&StreamState::default(), Timestamp(7))?;
/// writer.end();
/// let mut chunk = Vec::new();
/// while writer.take(1024, &mut chunk) > 0 {}
/// assert!(chunk.starts_with(b"\xff\x06\x00\x00S2sTwO"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Writer {
    plain: Vec<u8>,
    ready: VecDeque<u8>,
    frame: Vec<u8>,
    begun: bool,
    ended: bool,
    now: Timestamp,
    last: u64,
}

impl Writer {
    /// The beginning. `state.consumer_count` consumers have to follow, then messages.
    ///
    /// # Errors
    /// The state cannot be written as JSON.
    pub fn new(state: &StreamState, now: Timestamp) -> serde_json::Result<Self> {
        let mut writer = Self {
            plain: MAGIC.to_vec(),
            now,
            last: state.last_seq,
            ..Self::default()
        };
        let json = serde_json::to_vec(state)?;
        writer.entry(STATE_ENTRY.as_bytes(), now, 0, 0, &json);
        Ok(writer)
    }

    /// The next consumer; its state as far as it concerns messages that are in the archive.
    ///
    /// # Errors
    /// It cannot be written as JSON.
    pub fn consumer(
        &mut self,
        name: &str,
        config: &ConsumerConfig,
        state: &ConsumerState,
    ) -> serde_json::Result<()> {
        let json = serde_json::to_vec(&Document {
            config: Some(Box::new(config.clone())),
            state: Some(StateDocument::bounded(state, self.last)),
        })?;
        let name = format!("{CONSUMER_PREFIX}{name}");
        self.entry(name.as_bytes(), self.now, 0, 0, &json);
        Ok(())
    }

    /// The next message.
    pub fn message(&mut self, message: &Message) {
        let headers = message.headers().len();
        self.entry(
            message.subject(),
            message.time,
            message.sequence,
            headers,
            message.body(),
        );
    }

    /// Everything has come.
    pub fn end(&mut self) {
        self.entry(b"", Timestamp(0), 0, 0, b"");
        self.ended = true;
        self.close_frame();
    }

    fn entry(&mut self, name: &[u8], time: Timestamp, sequence: u64, headers: usize, body: &[u8]) {
        let payload = body.len().saturating_sub(headers);
        put_uvarint(&mut self.plain, name.len() as u64);
        put_varint(&mut self.plain, time.0);
        put_uvarint(&mut self.plain, sequence);
        put_uvarint(&mut self.plain, headers as u64);
        put_uvarint(&mut self.plain, payload as u64);
        self.plain.extend_from_slice(name);
        self.plain.extend_from_slice(body);
        if self.plain.len() >= FRAME_BYTES {
            self.close_frame();
        }
    }

    fn close_frame(&mut self) {
        for piece in self.plain.chunks(FRAME_BYTES) {
            self.frame.clear();
            frames::put(&mut self.frame, piece, !self.begun);
            self.begun = true;
            self.ready.extend(&self.frame);
        }
        self.plain.clear();
    }

    /// Bytes that can be taken.
    pub fn ready(&self) -> usize {
        self.ready.len()
    }

    /// Moves up to `most` bytes that are ready to the end of `chunk`; how many it were.
    pub fn take(&mut self, most: usize, chunk: &mut Vec<u8>) -> usize {
        let count = most.min(self.ready.len());
        chunk.extend(self.ready.drain(..count));
        count
    }
}
