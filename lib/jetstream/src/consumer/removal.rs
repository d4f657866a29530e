//! Messages that leave the stream under the consumer.

use nats_store::{ConsumerDelta, Place, StoreError};

use super::ack_subject::AckToken;
use super::pull::PUMP_MOST;
use super::{Consumer, Pumped, Turn, advisory};

impl Consumer {
    /// A message left the stream, whatever the reason. The engine calls [`Consumer::pump`] when all of a batch are told.
    pub fn removed(&mut self, turn: &mut Turn<'_, '_>, sequence: u64, subject: &[u8]) {
        if self.counts_as_pending(sequence, subject) {
            self.pending = self.pending.saturating_sub(1);
        }
        if self.state.unacked.contains(sequence) {
            self.drop_removed(turn, sequence);
        } else if self.state.redelivered.contains_key(&sequence) {
            self.change(turn, ConsumerDelta::Forgotten { stream: sequence });
        }
    }

    /// Whether a message is one of those that [`Consumer::pending`] counts.
    fn counts_as_pending(&self, sequence: u64, subject: &[u8]) -> bool {
        if sequence < self.next || sequence > self.counted || !self.filter.matches(subject) {
            return false;
        }
        match &self.skip {
            Some(skip) if sequence <= skip.resume => {
                skip.sequences.binary_search(&sequence).is_ok()
            }
            _ => true,
        }
    }

    /// A message that waits for an acknowledgement is gone: as good as terminated.
    pub(super) fn drop_removed(&mut self, turn: &mut Turn<'_, '_>, stream: u64) {
        let deliveries = self.state.deliveries(stream);
        self.again.remove(stream);
        let Some(waits) = self.state.unacked.get(stream).copied() else {
            return;
        };
        self.change(turn, ConsumerDelta::Acked { stream });
        self.last_acked = Some(turn.cx.now);
        let token = AckToken {
            stream,
            consumer: waits.consumer,
            deliveries,
        };
        self.announce_terminated(turn, token, advisory::REMOVED);
    }

    /// Many messages left the stream at once, too many to be told one by one: looks at what is left.
    ///
    /// # Errors
    /// The store cannot say.
    pub fn purged(&mut self, turn: &mut Turn<'_, '_>) -> Result<Pumped, StoreError> {
        self.look_again(turn)?;

        if self.state.unacked.is_empty() {
            // Nothing before the next message is of any interest.
            let place = Place {
                consumer: self.state.delivered.consumer,
                stream: self.next.saturating_sub(1),
            };
            if place.stream > self.state.delivered.stream {
                let moved = ConsumerDelta::Moved {
                    delivered: place,
                    ack_floor: place,
                };
                self.change(turn, moved);
            }
        }
        self.count_pending(turn)?;
        Ok(self.pump(turn, PUMP_MOST))
    }

    /// Makes up for messages that came and went while nobody waited here and it was not told.
    ///
    /// # Errors
    /// The store cannot say.
    pub fn catch_up(&mut self, turn: &mut Turn<'_, '_>) -> Result<(), StoreError> {
        self.look_again(turn)?;
        self.count_pending(turn)
    }

    fn look_again(&mut self, turn: &mut Turn<'_, '_>) -> Result<(), StoreError> {
        let state = turn.store.state();
        self.next = self.next.max(state.first_sequence);
        if let Some(skip) = &mut self.skip {
            let mut there = std::collections::VecDeque::new();
            for sequence in std::mem::take(&mut skip.sequences) {
                if turn.store.load(sequence)?.is_some() {
                    there.push_back(sequence);
                }
            }
            if there.is_empty() {
                self.next = self.next.max(skip.resume.saturating_add(1));
                self.skip = None;
            } else {
                skip.sequences = there;
            }
        }
        self.drop_missing(turn)
    }

    /// Lets go of what waits for acknowledgement, or is remembered, and is not in the stream any more.
    fn drop_missing(&mut self, turn: &mut Turn<'_, '_>) -> Result<(), StoreError> {
        let waiting: Vec<u64> = self.state.unacked.iter().map(|w| w.stream).collect();
        for stream in waiting {
            if is_missing(turn, stream)? {
                self.again.remove(stream);
                self.change(turn, ConsumerDelta::Acked { stream });
            }
        }
        let remembered: Vec<u64> = self.state.redelivered.keys().copied().collect();
        for stream in remembered {
            if is_missing(turn, stream)? {
                self.change(turn, ConsumerDelta::Forgotten { stream });
            }
        }
        Ok(())
    }

    /// After a restart: makes the state fit the stream, which may have lost its end in a crash.
    pub(super) fn reconcile(&mut self, turn: &mut Turn<'_, '_>) -> Result<(), StoreError> {
        let last = turn.store.state().last_sequence;
        self.drop_missing(turn)?;
        if self.state.delivered.consumer > 0 && self.state.delivered.stream > last {
            // Messages that come now take the sequences of those that were lost; they must be delivered.
            let mut delivered = self.state.delivered;
            delivered.stream = last;
            let mut ack_floor = self.state.ack_floor;
            ack_floor.stream = ack_floor.stream.min(last);
            self.change(
                turn,
                ConsumerDelta::Moved {
                    delivered,
                    ack_floor,
                },
            );
            self.next = last.saturating_add(1);
        }
        Ok(())
    }
}

/// A message that cannot be read is not missing.
fn is_missing(turn: &Turn<'_, '_>, stream: u64) -> Result<bool, StoreError> {
    match turn.store.load(stream) {
        Ok(found) => Ok(found.is_none()),
        Err(StoreError::Damaged { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}
