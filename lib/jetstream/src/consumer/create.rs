//! Making a consumer, new or from what was kept of it.

use std::sync::Arc;

use nats_api::jetstream::{ConsumerConfig, DeliverPolicy};
use nats_store::{ConsumerDelta, ConsumerState, Filter, StoreError, Timestamp};

use super::push::{Pace, Push};
use super::redelivery::{Again, Overdue};
use super::waiting::Waiting;
use super::{Consumer, Turn, ack_subject, nanos};

/// What a consumer is made of.
#[derive(Debug, Clone)]
pub struct Parts {
    pub name: Box<str>,
    /// Checked and complete, see [`crate::config::consumer`].
    pub config: Arc<ConsumerConfig>,
    pub created: Timestamp,
}

/// Jitter on top of the inactivity threshold of a pull consumer, nanoseconds: a tenth of a second and up to nine more.
const INACTIVE_JITTER: u64 = 100_000_000;
const INACTIVE_JITTER_STEPS: u64 = 9;

impl Consumer {
    /// A new consumer: chooses where it begins and counts what is there for it.
    ///
    /// # Errors
    /// The store cannot say.
    pub fn create(turn: &mut Turn<'_, '_>, parts: Parts) -> Result<Self, StoreError> {
        let mut consumer = Self::assemble(turn, parts);
        consumer.choose_start(turn)?;
        let next = consumer.next;
        consumer.change(turn, ConsumerDelta::Started { next });
        consumer.count_pending(turn)?;
        consumer.bring_up(turn);
        consumer.announce(turn, nats_api::jetstream::advisory::Action::Create);
        Ok(consumer)
    }

    /// A consumer that goes on with the state that was kept.
    ///
    /// # Errors
    /// The store cannot say what waits for it.
    pub fn recover(
        turn: &mut Turn<'_, '_>,
        parts: Parts,
        state: ConsumerState,
    ) -> Result<Self, StoreError> {
        let mut consumer = Self::assemble(turn, parts);
        consumer.state = state;
        consumer.next = consumer.state.delivered.stream.saturating_add(1);
        consumer.reconcile(turn)?;
        if consumer.config.deliver_policy == DeliverPolicy::LastPerSubject
            && consumer.state.delivered.consumer == 0
        {
            consumer.choose_start(turn)?;
        }
        consumer.count_pending(turn)?;
        consumer.schedule_all();
        consumer.bring_up(turn);
        Ok(consumer)
    }

    fn assemble(turn: &mut Turn<'_, '_>, parts: Parts) -> Self {
        let ack_prefix = ack_subject::prefix("ACK", turn.stream, &parts.name);
        let mut consumer = Self {
            filter: Filter::any(parts.config.filters()),
            name: parts.name,
            created: parts.created,
            state: ConsumerState::default(),
            next: 1,
            pending: 0,
            counted: 0,
            skip: None,
            waiting: Waiting::default(),
            again: Again::default(),
            overdue: Overdue::default(),
            pin: None,
            push: None,
            pace: None,
            is_paused: false,
            last_delivered: None,
            last_acked: None,
            last_active: turn.cx.now,
            inactive_after: 0,
            ack_prefix,
            config: parts.config,
        };
        if consumer.config.is_push() {
            consumer.push = Some(Box::new(Push::new(turn, &consumer)));
        }
        consumer.pace = Pace::new(turn, &consumer.config);
        consumer.set_inactive_after(turn);
        consumer
    }

    /// Ready to deliver. The first delivery comes with the next call, so that whoever made the consumer hears how many there are before
    /// they come.
    fn bring_up(&mut self, turn: &mut Turn<'_, '_>) {
        self.note_pause(turn);
        self.note_interest(turn);
    }

    /// How long it lives without a client.
    pub(super) fn set_inactive_after(&mut self, turn: &mut Turn<'_, '_>) {
        let threshold = nanos(self.config.inactive_threshold);
        self.inactive_after = if threshold == 0 || self.is_push() {
            threshold
        } else {
            let steps = turn.cx.random.next() % INACTIVE_JITTER_STEPS;
            threshold.saturating_add(INACTIVE_JITTER.saturating_mul(steps.saturating_add(1)))
        };
    }

    /// Counts the matching messages from the next one on.
    pub(super) fn count_pending(&mut self, turn: &mut Turn<'_, '_>) -> Result<(), StoreError> {
        self.counted = turn.store.state().last_sequence;
        let counted = match &self.skip {
            // What is left of the list, and everything that came after it was made.
            Some(skip) => {
                let behind =
                    turn.store
                        .pending(&self.filter, skip.resume.saturating_add(1), false)?;
                self.counted = self.counted.max(behind.through);
                behind.messages.saturating_add(skip.sequences.len() as u64)
            }
            None => {
                let pending = turn.store.pending(&self.filter, self.next, false)?;
                self.counted = self.counted.max(pending.through);
                pending.messages
            }
        };
        self.pending = counted;
        Ok(())
    }
}
