//! What is read from the messages when a stream comes back.

use nats_api::jetstream::headers::MSG_ID;
use nats_proto::header::block;
use nats_store::{Filter, StoreError, Timestamp};

use super::Stream;

impl Stream {
    pub(super) fn rebuild(&mut self, now: Timestamp) -> Result<(), StoreError> {
        self.rebuild_dedupe(now)
    }

    /// Reads the ids of the window, and that of the last message. A message that cannot be read has no id; the store reports it.
    fn rebuild_dedupe(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let window = u64::try_from(self.config.duplicate_window.0).unwrap_or(0);
        if window == 0 {
            return Ok(());
        }
        let last = self.store.state().last_sequence;
        let mut sequence = self.store.sequence_at(now.minus(window))?;
        while sequence <= last {
            match self.store.next(&Filter::ALL, sequence) {
                Ok(Some(message)) => {
                    let id = block::find_value(message.headers(), MSG_ID.as_bytes());
                    let id = id.unwrap_or_default();
                    self.dedupe.remember(id, message.sequence, message.time);
                    if message.sequence == last {
                        self.last_message_id = id.to_vec();
                    }
                    sequence = message.sequence.saturating_add(1);
                }
                Ok(None) => break,
                Err(StoreError::Damaged { sequence: at, .. }) => {
                    sequence = at.max(sequence).saturating_add(1);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
