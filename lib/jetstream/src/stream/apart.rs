//! A stream stops and gives back what it was made of, to be recovered from it later without a look at the disk.

use std::sync::Arc;

use nats_api::jetstream::{ConsumerConfig, StreamConfig};
use nats_store::{ConsumerState, ConsumerStore, Limits, MemoryStore, StreamStore, Timestamp};

use super::Stream;
use super::batches::Batches;
use super::schedules::Schedules;
use crate::consumer::Closing;
use crate::context::Context;
use crate::effects::Effects;

/// What a stream was made of.
pub struct TakenApart {
    pub config: Arc<StreamConfig>,
    pub created: Timestamp,
    pub store: Box<dyn StreamStore>,
    pub consumers: Vec<ApartConsumer>,
}

/// What one of its consumers was made of.
pub struct ApartConsumer {
    pub config: Arc<ConsumerConfig>,
    pub created: Timestamp,
    pub state: ConsumerState,
    pub kept: Box<dyn ConsumerStore>,
}

impl Stream {
    /// Ends the stream here without deleting anything. Whoever waits for its messages is told; nothing may be asked of it afterwards.
    /// Consumers that feed other streams are left out: those make them anew.
    pub fn take_apart(&mut self, cx: &mut Context<'_>, out: &mut Effects) -> TakenApart {
        self.stop_upstreams();
        self.give_up_batches();
        self.schedules = Schedules::default();
        let consumers = self.take_consumers(cx, Closing::Shutdown, out);
        let bytes = self.store.state().bytes;
        let empty = Box::new(MemoryStore::new(Limits::default()));
        let store = std::mem::replace(&mut self.store, empty);
        self.quota.resized(bytes, 0);
        TakenApart {
            config: self.config.clone(),
            created: self.created,
            store,
            consumers,
        }
    }

    /// Forgets all open batches.
    pub(super) fn give_up_batches(&mut self) {
        let given_up = std::mem::take(&mut self.batches);
        given_up.count_out(&*self.quota);
    }
}

impl Batches {
    fn count_out(self, quota: &dyn super::Quota) {
        let (atomic, fast) = self.open();
        for _ in 0..atomic {
            quota.close_batch(super::BatchKind::Atomic);
        }
        for _ in 0..fast {
            quota.close_batch(super::BatchKind::Fast);
        }
    }
}
