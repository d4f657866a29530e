//! What an administrator changes: the configuration, a pause, where it reads, and that it goes.

use std::sync::Arc;

use nats_api::errors::ApiError;
use nats_api::jetstream::advisory::Action;
use nats_api::jetstream::{AckPolicy, ConsumerConfig, DeliverPolicy};
use nats_store::{ConsumerDelta, Filter, StoreError, Timestamp};

use super::pull::PUMP_MOST;
use super::push::Pace;
use super::{Consumer, Pumped, Turn};

/// Why a consumer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closing {
    /// It is deleted.
    Deleted,
    /// Another server leads it now.
    LostLeadership,
    /// The server stops.
    Shutdown,
}

impl Consumer {
    /// Takes a configuration that [`crate::config::consumer`] let through. The caller keeps it durable.
    ///
    /// # Errors
    /// The store cannot say what is there for a changed filter.
    pub fn update(
        &mut self,
        turn: &mut Turn<'_, '_>,
        config: Arc<ConsumerConfig>,
    ) -> Result<Pumped, StoreError> {
        let old = std::mem::replace(&mut self.config, config);
        let new = Arc::clone(&self.config);
        if new.deliver_subject != old.deliver_subject {
            self.redeliver_all(turn);
        }
        if (new.ack_wait, &new.backoff) != (old.ack_wait, &old.backoff) {
            self.schedule_all();
        }
        if new.rate_limit_bps != old.rate_limit_bps {
            match &mut self.pace {
                Some(pace) => pace.set_rate(turn, &new),
                None => self.pace = Pace::new(turn, &new),
            }
        }
        if new.inactive_threshold != old.inactive_threshold {
            self.set_inactive_after(turn);
            self.last_active = turn.cx.now;
        }
        if new.pause_until.unwrap_or_default() != old.pause_until.unwrap_or_default() {
            self.note_pause(turn);
            self.announce_pause(turn);
        }
        if !same_filters(&new, &old) {
            self.filter = Filter::any(new.filters());
            if self.skip.is_some() {
                self.make_skip_list(turn, self.next)?;
            }
            self.count_pending(turn)?;
        }
        self.interest_changed(turn);
        if new.sourcing {
            // Whoever sources from here asks with the whole configuration, and goes on behind what it has stored.
            self.begin_at(turn, self.state.ack_floor.stream.saturating_add(1))?;
        }
        Ok(self.pump(turn, PUMP_MOST))
    }

    /// Everything that waits is delivered again at once: there is somebody else to deliver to.
    fn redeliver_all(&mut self, turn: &mut Turn<'_, '_>) {
        let waiting: Vec<u64> = self.state.unacked.iter().map(|w| w.stream).collect();
        for stream in waiting {
            match self.max_deliver() {
                Some(most) if self.state.deliveries(stream) >= most => {
                    self.give_up(turn, stream, most);
                }
                _ => self.again.push(stream),
            }
        }
    }

    /// The end of the pause, if one is set.
    pub(super) fn pause_end(&self) -> Option<Timestamp> {
        let until = self.config.pause_until.filter(|until| !until.is_never())?;
        Some(Timestamp(
            i64::try_from(until.unix_nanos()).unwrap_or(i64::MAX),
        ))
    }

    pub(super) fn paused_at(&self, now: Timestamp) -> bool {
        self.pause_end().is_some_and(|end| end > now)
    }

    pub(super) fn note_pause(&mut self, turn: &Turn<'_, '_>) {
        self.is_paused = self.paused_at(turn.cx.now);
    }

    /// Begins again: at `sequence`, or behind the acknowledgement floor when that is zero. The sequence that will be looked at first.
    ///
    /// # Errors
    /// The deliver policy does not allow that place (10204).
    pub fn reset(&mut self, turn: &mut Turn<'_, '_>, sequence: u64) -> Result<u64, ApiError> {
        let next = self.reset_place(turn, sequence)?.max(1);
        if let Err(error) = self.begin_at(turn, next) {
            turn.changes.faults.push(error.clone());
            return Err(invalid_reset(&error));
        }
        self.settle_below(turn, next);
        self.pump(turn, PUMP_MOST);
        Ok(next)
    }

    fn begin_at(&mut self, turn: &mut Turn<'_, '_>, next: u64) -> Result<(), StoreError> {
        self.change(turn, ConsumerDelta::Started { next });
        self.again.clear();
        self.overdue.clear();
        self.skip = None;
        self.next = next;
        self.last_delivered = None;
        self.last_acked = None;
        self.count_pending(turn)
    }

    fn reset_place(&self, turn: &Turn<'_, '_>, sequence: u64) -> Result<u64, ApiError> {
        if sequence == 0 {
            return Ok(self.state.ack_floor.stream.saturating_add(1));
        }
        match self.config.deliver_policy {
            DeliverPolicy::All => Ok(sequence),
            DeliverPolicy::ByStartSequence if sequence < self.config.opt_start_seq => {
                Err(invalid_reset("below start seq"))
            }
            DeliverPolicy::ByStartTime => {
                let time = self.config.opt_start_time.map_or(0, |t| t.unix_nanos());
                let time = Timestamp(i64::try_from(time).unwrap_or(i64::MAX));
                let first = turn
                    .store
                    .sequence_at(time)
                    .map_err(|e| invalid_reset(&e))?;
                if sequence < first {
                    return Err(invalid_reset("below start time"));
                }
                Ok(sequence)
            }
            DeliverPolicy::ByStartSequence => Ok(sequence),
            _ => Err(invalid_reset("not allowed")),
        }
    }

    /// Messages before the new place are not needed by this consumer any more.
    fn settle_below(&self, turn: &mut Turn<'_, '_>, next: u64) {
        if turn.stream.config.retention == nats_api::jetstream::Retention::Limits {
            return;
        }
        let mut from = turn.store.state().first_sequence;
        while let Ok(Some(message)) = turn.store.next(&self.filter, from) {
            if message.sequence >= next {
                break;
            }
            turn.settled(message.sequence);
            from = message.sequence.saturating_add(1);
        }
    }

    /// It ends: whoever waits is told, and so is whoever listens for advisories when it is deleted.
    pub fn close(&mut self, turn: &mut Turn<'_, '_>, why: Closing) {
        if why == Closing::Deleted {
            self.announce(turn, Action::Delete);
        }
        self.end_all(turn, why);
    }

    /// Whether acknowledgements cover all messages before, so that the floor says everything.
    pub fn acknowledges_in_order(&self) -> bool {
        matches!(
            self.config.ack_policy,
            AckPolicy::All | AckPolicy::FlowControl
        )
    }
}

/// The same filters, in whatever order.
fn same_filters(a: &ConsumerConfig, b: &ConsumerConfig) -> bool {
    let (a, b) = (a.filters(), b.filters());
    a.len() == b.len() && a.iter().all(|filter| b.contains(filter))
}

fn invalid_reset(why: impl std::fmt::Display) -> ApiError {
    ApiError::CONSUMER_INVALID_RESET.error_with(&[("err", &why)])
}
