//! The stream machine: one stream's configuration, messages, and everything that happens to them.
//!
//! **What lives here.** [`Stream`]. It owns its store and decides what is stored, what leaves, who is told. A file per thing that happens:
//! `publish`, `remove` (delete, purge, expiry), `retention` (interest and work queues), `get` and `direct` (reading), `info`, `update`, `snapshot`,
//! `schedules`, `republish`; `consumers` owns the consumers.
//!
//! **Who may call.** The engine, which orders the inputs, and `dev/sim`.
//!
//! **What never happens here.** No clock: time is [`Context::now`](crate::Context); the engine calls [`Stream::tick`] at
//! [`Stream::deadline`]. No waiting for disks: what is in [`Effects`](crate::Effects) may be sent once the log has committed
//! [`nats_store::StreamStore::staged`].
//!
//! Start with [`Stream::publish`].

#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)
)]

mod advise;
mod apart;
mod batches;
mod consumers;
mod dedupe;
mod direct;
mod environment;
mod get;
mod info;
mod places;
mod publish;
mod quota;
mod recover;
mod remove;
mod republish;
mod retention;
mod rules;
mod schedules;
mod snapshot;
mod tick;
mod update;
mod upstreams;

#[cfg(test)]
pub(crate) mod tests;

use std::sync::Arc;

use nats_api::errors::ApiError;
use nats_api::jetstream::StreamConfig;
use nats_store::{Position, Removals, StoreError, StreamState, StreamStore, Timestamp, Upkeep};

pub(crate) use advise::event_id;
pub(crate) use republish::api_time;

pub use apart::{ApartConsumer, TakenApart};
pub use consumers::NewConsumer;
pub use dedupe::Dedupe;
pub use environment::{BatchLimits, Environment};
pub use publish::Outcome;
pub use quota::{BatchKind, Quota, Unlimited};
pub use snapshot::{Snapshot, SnapshotConsumer};

use batches::Batches;
use consumers::Consumers;
use retention::{Sweeps, Unhurried};
use rules::Rules;
use schedules::Schedules;
use upstreams::Upstreams;

/// A stream.
pub struct Stream {
    config: Arc<StreamConfig>,
    created: Timestamp,
    environment: Arc<Environment>,
    rules: Rules,
    store: Box<dyn StreamStore>,
    quota: Box<dyn Quota>,
    dedupe: Dedupe,
    /// The ids of the messages from before the last start were read, or there are none.
    knows_ids: bool,
    /// The id of the message that was stored last, empty when it had none.
    last_message_id: Vec<u8>,
    schedules: Schedules,
    batches: Batches,
    consumers: Consumers,
    sweeps: Sweeps,
    unhurried: Unhurried,
    upstreams: Upstreams,
    /// When a sequence was given last to a message that nobody wanted.
    skipped: Timestamp,
    /// What operations on the store removed; empty between inputs.
    removals: Removals,
    /// Room for a transformed subject; empty between inputs.
    subject: Vec<u8>,
}

/// What a stream is made of.
pub struct Parts {
    /// Checked and complete, see [`crate::config::stream`].
    pub config: StreamConfig,
    pub created: Timestamp,
    pub store: Box<dyn StreamStore>,
    pub quota: Box<dyn Quota>,
    pub environment: Arc<Environment>,
}

impl Stream {
    /// A new stream on an empty store.
    ///
    /// # Errors
    /// The store fails, or a transform of the configuration is none (10052): then it was not checked.
    pub fn create(parts: Parts) -> Result<Self, ApiError> {
        let first = parts.config.first_seq;
        let mut stream = Self::assemble(parts)?;
        if first > 1 {
            stream
                .store
                .skip(first - 1)
                .map_err(crate::publish::store_failed)?;
        }
        Ok(stream)
    }

    /// A stream whose messages are there: reads what has to be known about them, and enforces the limits.
    ///
    /// # Errors
    /// As [`Stream::create`].
    pub fn recover(parts: Parts, now: Timestamp) -> Result<Self, ApiError> {
        let mut stream = Self::assemble(parts)?;
        let bytes = stream.store.state().bytes;
        stream.rebuild(now).map_err(crate::publish::store_failed)?;
        stream.quota.resized(bytes, stream.store.state().bytes);
        Ok(stream)
    }

    fn assemble(parts: Parts) -> Result<Self, ApiError> {
        let rules = Rules::new(&parts.config, &parts.environment)?;
        let window = u64::try_from(parts.config.duplicate_window.0).unwrap_or(0);
        let mut stream = Self {
            config: Arc::new(parts.config),
            created: parts.created,
            environment: parts.environment,
            rules,
            store: parts.store,
            quota: parts.quota,
            dedupe: Dedupe::new(window),
            knows_ids: true,
            last_message_id: Vec::new(),
            schedules: Schedules::default(),
            batches: Batches::default(),
            consumers: Consumers::default(),
            sweeps: Sweeps::default(),
            unhurried: Unhurried::default(),
            upstreams: Upstreams::default(),
            skipped: Timestamp::default(),
            removals: Removals::default(),
            subject: Vec::new(),
        };
        stream.quota.resized(0, stream.store.state().bytes);
        let limits = crate::publish::store_limits(&stream.config);
        let bytes = stream.store.state().bytes;
        stream
            .store
            .set_limits(limits, &mut stream.removals)
            .map_err(crate::publish::store_failed)?;
        // Nobody is there yet who would have to be told.
        stream.removals.clear();
        stream.quota.resized(bytes, stream.store.state().bytes);
        Ok(stream)
    }

    pub fn config(&self) -> &Arc<StreamConfig> {
        &self.config
    }

    pub fn name(&self) -> &str {
        &self.config.name
    }

    pub fn created(&self) -> Timestamp {
        self.created
    }

    pub fn state(&self) -> StreamState {
        self.store.state()
    }

    pub fn store(&self) -> &dyn StreamStore {
        &*self.store
    }

    /// How far the log must be committed before effects of what was done so far may leave: messages and consumers together.
    pub fn staged(&self) -> Option<Position> {
        let messages = self.unhurried.leave_out(self.store.staged());
        messages.max(self.consumers.staged())
    }

    /// Messages up to this sequence are durable.
    pub fn durable_through(&self) -> u64 {
        self.store.durable_through()
    }

    /// What is decided from now on leaves when the log has committed this: a consumer's document, or its end.
    pub fn wait_for(&mut self, position: Option<Position>) {
        self.consumers.wait_for(position);
    }

    /// Lets the store move what the log keeps into files of its own; see [`StreamStore::checkpoint`].
    ///
    /// # Errors
    /// What could not be written. The log keeps it; another call tries again.
    pub fn checkpoint(&mut self) -> Result<Option<Upkeep>, StoreError> {
        self.store.checkpoint()
    }

    /// Why the stream takes no messages, what of it is damaged, or why a consumer's progress is not kept.
    pub fn fault(&self) -> Option<StoreError> {
        self.store.fault().or_else(|| self.consumers.fault())
    }
}
