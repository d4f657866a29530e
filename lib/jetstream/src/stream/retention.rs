//! Interest and work-queue streams: a message goes when everybody who wants it has had it.

use std::collections::VecDeque;

use nats_api::jetstream::Retention;
use nats_store::{Erase, Filter, Position, StoreError};

use super::Stream;
use crate::context::Context;
use crate::effects::Effects;
use crate::limits::SWEEP_STEP;

/// A look at messages of which nobody may be left who wants them, some of them at a time.
#[derive(Debug)]
struct Sweep {
    filter: Filter,
    next: u64,
    last: u64,
}

#[derive(Debug, Default)]
pub(super) struct Sweeps(VecDeque<Sweep>);

impl Sweeps {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The removal of settled messages, of which nobody is told: what they need not wait for.
///
/// A crash that forgets it leaves messages whose acknowledgements were kept, which [`Stream::reconcile`] finds.
#[derive(Debug, Default)]
pub(super) struct Unhurried {
    /// What was staged before the first of them, and behind the last one. Only meaningful while nothing else was staged since.
    before: Option<Position>,
    behind: Option<Position>,
}

impl Unhurried {
    fn add(&mut self, before: Option<Position>, behind: Option<Position>) {
        if self.behind.is_none() || self.behind != before {
            self.before = before;
        }
        self.behind = behind;
    }

    /// How far effects wait when this much is staged.
    pub fn leave_out(&self, staged: Option<Position>) -> Option<Position> {
        match staged {
            Some(_) if staged == self.behind => self.before,
            staged => staged,
        }
    }
}

impl Stream {
    /// Removes the messages that consumers have settled since the last time, if nobody else needs them.
    pub(super) fn settle(&mut self, cx: &mut Context<'_>, out: &mut Effects) {
        while let Some(mut settled) = self.consumers.take_settled() {
            if self.config.retention != Retention::Limits {
                settled.sort_unstable();
                settled.dedup();
                for sequence in settled.drain(..) {
                    // A store that fails says so in `fault`; the message stays and is removed when it is settled again or swept.
                    if self.is_settled(sequence).unwrap_or(false) {
                        let _ = self.drop_message(cx, sequence, out);
                    }
                }
            }
            self.consumers.give_back(settled);
        }
    }

    /// A work queue has one consumer for each message; else all that want the message must have settled it.
    fn is_settled(&mut self, sequence: u64) -> Result<bool, StoreError> {
        if self.config.retention == Retention::WorkQueue || self.consumers.len() == 1 {
            return Ok(true);
        }
        let Some(message) = self.store.load(sequence)? else {
            return Ok(false);
        };
        Ok(!self.consumers.need(sequence, message.subject()))
    }

    fn drop_message(
        &mut self,
        cx: &mut Context<'_>,
        sequence: u64,
        out: &mut Effects,
    ) -> Result<(), StoreError> {
        let bytes = self.store.state().bytes;
        let before = self.store.staged();
        self.store.remove(sequence, Erase::No, &mut self.removals)?;
        self.unhurried.add(before, self.store.staged());
        self.after_removals(cx, bytes, out);
        Ok(())
    }

    /// After a start, when all consumers are back: removes what they have settled, in case a crash came between the two. A consumer that did
    /// not come back may need any message, so then this must not be called.
    pub fn reconcile(&mut self) {
        if self.config.retention != Retention::Limits
            && let Some(last) = self.consumers.last_delivered()
        {
            self.sweep_to(Filter::ALL, last);
        }
    }

    /// Messages in this filter may have lost the last one who wants them.
    pub(super) fn sweep(&mut self, filter: Filter) {
        self.sweep_to(filter, u64::MAX);
    }

    fn sweep_to(&mut self, filter: Filter, last: u64) {
        let state = self.store.state();
        if state.messages > 0 {
            self.sweeps.0.push_back(Sweep {
                filter,
                next: state.first_sequence,
                last: state.last_sequence.min(last),
            });
        }
    }

    /// Whether nobody wants the message any more. In a work queue a message that no consumer asks for waits for one.
    fn is_left(&mut self, sequence: u64, subject: &[u8]) -> bool {
        let waits = self.config.retention == Retention::WorkQueue && !self.consumers.want(subject);
        !waits && !self.consumers.need(sequence, subject)
    }

    pub(super) fn run_sweeps(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut Effects,
    ) -> Result<(), StoreError> {
        let mut budget = SWEEP_STEP;
        while budget > 0
            && let Some(sweep) = self.sweeps.0.front_mut()
        {
            budget -= 1;
            let found = match self.store.next(&sweep.filter, sweep.next) {
                Err(StoreError::Damaged { sequence, .. }) => {
                    sweep.next = sequence.max(sweep.next).saturating_add(1);
                    continue;
                }
                found => found?,
            };
            let Some(message) = found.filter(|message| message.sequence <= sweep.last) else {
                self.sweeps.0.pop_front();
                continue;
            };
            sweep.next = message.sequence.saturating_add(1);
            if self.is_left(message.sequence, message.subject()) {
                self.drop_message(cx, message.sequence, out)?;
            }
        }
        Ok(())
    }
}
