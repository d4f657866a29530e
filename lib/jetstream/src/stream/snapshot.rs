//! What a snapshot takes from a stream, piece by piece, while the stream goes on.

use std::sync::Arc;

use nats_api::jetstream::{ConsumerConfig, StreamConfig, StreamState};
use nats_store::{ConsumerState, Filter, Message, StoreError};

use super::Stream;
use crate::limits::SNAPSHOT_STEP_MESSAGES;

/// The stream as it was when the snapshot began.
pub struct Snapshot {
    pub config: Arc<StreamConfig>,
    pub state: StreamState,
    pub consumers: Vec<SnapshotConsumer>,
}

/// One consumer as it was.
pub struct SnapshotConsumer {
    pub name: Box<str>,
    pub config: Arc<ConsumerConfig>,
    pub state: ConsumerState,
}

impl Stream {
    /// The beginning of a snapshot: figures, and what consumers remember unless they are left out. Consumers that belong to a mirror or
    /// source elsewhere are none of the stream's own. `None`: they remember more than `most` bytes.
    pub fn begin_snapshot(&self, with_consumers: bool, most: usize) -> Option<Snapshot> {
        let mut consumers = Vec::new();
        let mut size = 0_usize;
        if with_consumers {
            for consumer in self.consumers.each().filter(|c| !c.config().direct) {
                let state = consumer.state();
                size = size
                    .saturating_add(state.unacked.heap_size())
                    .saturating_add(state.redelivered.len().saturating_mul(24));
                if size > most {
                    return None;
                }
                consumers.push(SnapshotConsumer {
                    name: consumer.name().into(),
                    config: consumer.config().clone(),
                    state: state.clone(),
                });
            }
        }
        Some(Snapshot {
            config: self.config.clone(),
            state: self.api_state(),
            consumers,
        })
    }

    /// The next messages from `from` on, not beyond `last`: some, so that the stream is not held up. Empty at the end.
    ///
    /// # Errors
    /// A message cannot be read, or was lost: it is not passed over.
    pub fn snapshot_step(
        &self,
        from: u64,
        last: u64,
        bytes: usize,
    ) -> Result<Vec<Message>, StoreError> {
        let mut step = Vec::new();
        let (mut at, mut size) = (from, 0_usize);
        while size < bytes && step.len() < SNAPSHOT_STEP_MESSAGES && at <= last {
            let Some(message) = self.store.next(&Filter::ALL, at)? else {
                break;
            };
            if message.sequence > last {
                break;
            }
            at = message.sequence.saturating_add(1);
            size = size
                .saturating_add(message.body().len())
                .saturating_add(message.subject().len());
            step.push(message);
        }
        Ok(step)
    }
}
