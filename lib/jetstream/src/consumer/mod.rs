//! The consumer machine: which message goes to whom, and what comes back.
//!
//! **What lives here.** [`Consumer`]. Its durable part is a [`nats_store::ConsumerState`]; every change of that is a
//! [`nats_store::ConsumerDelta`], applied here and handed out to be logged. All else (who waits, what is overdue, who is pinned) is made
//! anew after a restart. A file per subject: `create` and `start` (where it begins), `pull` (requests), `deliver` (the loop that hands out
//! messages), `ack` (what comes back), `expire` (what does not), `push` (delivery without requests), `pin` (priority groups), `settings`
//! (update, pause, reset), `info`.
//!
//! **Who may call.** The stream that owns it, with a [`Turn`] for every input; nothing here calls back. After each call the stream takes
//! [`Changes`] and logs the deltas; effects of the kind `Answer` wait for that log.
//!
//! **What never happens here.** No clock: the engine calls [`Consumer::tick`] at [`Consumer::deadline`]. No search through the stream:
//! `num_pending` is counted, the store is asked when a consumer is made and when its filter changes.
//!
//! Start with [`Consumer::pump`].

#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)
)]

mod ack;
mod ack_subject;
mod advisory;
mod create;
mod deliver;
mod expire;
mod info;
mod pin;
mod pull;
mod push;
mod redelivery;
mod removal;
mod settings;
mod start;
mod statuses;
mod turn;
mod waiting;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use nats_api::jetstream::{AckPolicy, ConsumerConfig, Retention};
use nats_store::{ConsumerDelta, ConsumerState, Filter, Timestamp};

pub use ack_subject::AckToken;
pub use create::Parts;
pub use deliver::Pumped;
pub use expire::Fate;
pub use pull::PUMP_MOST;
pub use settings::Closing;
pub use turn::{Changes, StreamView, Turn};

use pin::Pin;
use push::Push;
use redelivery::{Again, Overdue};
use start::SkipList;
use waiting::Waiting;

/// A consumer.
pub struct Consumer {
    name: Box<str>,
    config: Arc<ConsumerConfig>,
    created: Timestamp,
    filter: Filter,
    /// What survives a restart.
    state: ConsumerState,
    /// The stream sequence from which the next message is looked for.
    next: u64,
    /// Matching messages from `next` on.
    pending: u64,
    /// Messages up to here are in `pending`, if they match.
    counted: u64,
    /// The messages to begin with, when only the last of each subject is wanted.
    skip: Option<Box<SkipList>>,
    waiting: Waiting,
    again: Again,
    overdue: Overdue,
    pin: Option<Box<Pin>>,
    push: Option<Box<Push>>,
    /// Pace of delivery: rate limit and replay.
    pace: Option<Box<push::Pace>>,
    /// The end of the pause is still to be announced.
    is_paused: bool,
    last_delivered: Option<Timestamp>,
    last_acked: Option<Timestamp>,
    /// The last sign of life of a client, and after how long without one the consumer goes. Zero: never.
    last_active: Timestamp,
    inactive_after: u64,
    /// `$JS.ACK.<stream>.<consumer>.`
    ack_prefix: Box<[u8]>,
}

impl Consumer {
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn config(&self) -> &Arc<ConsumerConfig> {
        &self.config
    }

    pub fn created(&self) -> Timestamp {
        self.created
    }

    /// The subjects that it wants; the stream's index of consumers is made of these.
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// What has to be kept to recover it.
    pub fn state(&self) -> &ConsumerState {
        &self.state
    }

    /// Acknowledgements mean something. Otherwise nobody listens on its acknowledgement subjects.
    pub fn takes_acks(&self) -> bool {
        !matches!(
            self.config.ack_policy,
            AckPolicy::None | AckPolicy::FlowControl
        )
    }

    /// Whether this consumer still wants the message, so that an interest or work-queue stream has to keep it.
    pub fn needs(&self, sequence: u64, subject: &[u8]) -> bool {
        if !self.filter.matches(subject) {
            return false;
        }
        let waits = match self.config.ack_policy {
            AckPolicy::None | AckPolicy::All | AckPolicy::FlowControl => {
                sequence > self.state.ack_floor.stream
            }
            AckPolicy::Explicit => {
                sequence > self.state.ack_floor.stream
                    && (sequence >= self.next || self.state.unacked.contains(sequence))
            }
        };
        // A message that was given up stays.
        waits || self.state.redelivered.contains_key(&sequence)
    }

    /// Bytes of memory that it takes, configuration included.
    pub fn heap_size(&self) -> usize {
        let config = &*self.config;
        let texts = config.durable_name.capacity()
            + config.name.capacity()
            + config.description.capacity()
            + config.filter_subject.capacity()
            + config.deliver_subject.capacity();
        let metadata: usize = config
            .metadata
            .iter()
            .map(|(key, value)| key.capacity() + value.capacity() + 48)
            .sum();
        let filters: usize = self.filter.patterns().iter().map(|p| p.len() + 16).sum();
        size_of::<Self>()
            + size_of::<ConsumerConfig>()
            + texts
            + metadata
            + filters
            + self.name.len()
            + self.ack_prefix.len()
            + self.state.unacked.heap_size()
            + self.state.redelivered.len() * 24
            + self.waiting.heap_size()
            + self.again.heap_size()
            + self.overdue.heap_size()
    }

    /// Changes the durable state and hands the change out.
    fn change(&mut self, turn: &mut Turn<'_, '_>, delta: ConsumerDelta) {
        self.state.apply(&delta);
        turn.changes.stage(delta);
    }

    fn is_push(&self) -> bool {
        self.push.is_some()
    }

    fn is_stalled(&self) -> bool {
        usize::try_from(self.config.max_ack_pending)
            .is_ok_and(|most| most > 0 && self.state.unacked.len() >= most)
    }

    /// Whether an interest or work-queue stream wants to hear when a message is delivered without acknowledgement.
    fn settles_on_delivery(&self, turn: &Turn<'_, '_>) -> bool {
        self.config.ack_policy == AckPolicy::None
            && turn.stream.config.retention != Retention::Limits
    }
}

/// Nanoseconds of a configured duration; negative ones count as zero.
fn nanos(duration: nats_api::time::Nanos) -> u64 {
    u64::try_from(duration.0).unwrap_or(0)
}
