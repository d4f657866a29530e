//! What is read from the messages when a stream comes back.

use nats_api::jetstream::headers::MSG_ID;
use nats_proto::header::block;
use nats_store::{Filter, Message, StoreError, StreamStore, Timestamp};

use super::Stream;
use crate::publish::PublishHeaders;

impl Stream {
    pub(super) fn rebuild(&mut self, now: Timestamp) -> Result<(), StoreError> {
        self.knows_ids = false;
        if self.config.allow_msg_schedules {
            self.rebuild_schedules(now)?;
        }
        Ok(())
    }

    /// Before a message with an id is checked: the ids of the window are read when they are needed for the first time. Most streams never
    /// need them, and reading the last two minutes of a busy one takes long.
    pub(super) fn know_ids(
        &mut self,
        found: &PublishHeaders<'_>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let needed = found.message_id.is_some() || found.expected_last_message_id.is_some();
        if needed && !self.knows_ids {
            self.rebuild_dedupe(now)?;
            self.knows_ids = true;
        }
        Ok(())
    }

    /// Reads every message: nothing else says which of them are schedules.
    fn rebuild_schedules(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let Self {
            store, schedules, ..
        } = self;
        visit(&**store, 1, |message| {
            let found = PublishHeaders::scan(message.headers());
            schedules.track(
                message.subject(),
                message.sequence,
                message.time,
                now,
                &found,
            );
        })
    }

    /// Reads the ids of the window, and that of the last message. A message that cannot be read has no id; the store reports it.
    fn rebuild_dedupe(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let window = u64::try_from(self.config.duplicate_window.0).unwrap_or(0);
        if window == 0 {
            return Ok(());
        }
        let first = self.store.sequence_at(now.minus(window))?;
        let last = self.store.state().last_sequence;
        let Self {
            store,
            dedupe,
            last_message_id,
            ..
        } = self;
        visit(&**store, first, |message| {
            let id = block::find_value(message.headers(), MSG_ID.as_bytes());
            let id = id.unwrap_or_default();
            dedupe.remember(id, message.sequence, message.time);
            if message.sequence == last {
                *last_message_id = id.to_vec();
            }
        })
    }
}

/// Visits every message from `first` on that can be read; the store itself reports the others.
fn visit(
    store: &dyn StreamStore,
    first: u64,
    mut see: impl FnMut(&Message),
) -> Result<(), StoreError> {
    let mut sequence = first;
    loop {
        match store.next(&Filter::ALL, sequence) {
            Ok(Some(message)) => {
                see(&message);
                sequence = message.sequence.saturating_add(1);
            }
            Ok(None) => return Ok(()),
            Err(StoreError::Damaged { sequence: at, .. }) => {
                sequence = at.max(sequence).saturating_add(1);
            }
            Err(error) => return Err(error),
        }
    }
}
