//! How a consumer is called, and what is done with what it changed.

use nats_store::{StoreError, Timestamp};

use super::index::Id;
use super::{Consumers, Slot};
use crate::consumer::{Consumer, Fate, Pumped, StreamView, Turn};
use crate::context::Context;
use crate::effects::Effects;
use crate::limits::{CONSUMER_PUMP_MAX, CONSUMER_TIMERS_STEP, STREAM_PUMP_MAX};
use crate::stream::Stream;

/// How long a failure to read for a consumer is shown.
const READ_FAULT_NANOS: u64 = 60_000_000_000;

impl Stream {
    /// Calls one consumer and takes over what it changed. `None` when there is no such consumer.
    pub(in crate::stream) fn turn<R>(
        &mut self,
        id: Id,
        cx: &mut Context<'_>,
        out: &mut Effects,
        act: impl FnOnce(&mut Consumer, &mut Turn<'_, '_>) -> R,
    ) -> Option<R> {
        let view = StreamView {
            config: &self.config,
            account: &self.environment.account,
            domain: &self.environment.domain,
            max_payload: self.environment.max_payload as u64,
            ack_v2: self.environment.ack_v2,
        };
        let consumers = &mut self.consumers;
        let slot = consumers.slots.get_mut(id as usize)?.as_mut()?;
        let (before, now) = (out.len(), cx.now);
        let mut turn = Turn {
            cx,
            stream: &view,
            store: &*self.store,
            effects: out,
            changes: &mut consumers.changes,
        };
        if !slot.is_awake && slot.epoch != consumers.epoch {
            match slot.consumer.catch_up(&mut turn) {
                Ok(()) => slot.epoch = consumers.epoch,
                Err(error) => turn.changes.faults.push(error),
            }
        }
        let result = act(&mut slot.consumer, &mut turn);
        if !consumers.take_changes(id, now) {
            out.void_answers(before);
        }
        Some(result)
    }

    /// A turn that may leave deliveries for later.
    pub(super) fn pumping_turn(
        &mut self,
        id: Id,
        cx: &mut Context<'_>,
        out: &mut Effects,
        act: impl FnOnce(&mut Consumer, &mut Turn<'_, '_>) -> Pumped,
    ) {
        match self.turn(id, cx, out, act) {
            Some(Pumped::More) => {
                self.consumers.more.insert(id);
            }
            Some(Pumped::Done) => {
                self.consumers.more.remove(&id);
            }
            Some(Pumped::Skipped) | None => {}
        }
    }

    /// Does for consumers what is due: their timers, then a bounded round of deliveries in which each gets its part.
    pub(in crate::stream) fn run_consumers(&mut self, cx: &mut Context<'_>, out: &mut Effects) {
        if self.consumers.fault().is_some() {
            self.consumers.keep_again(cx.now);
        }
        for _ in 0..CONSUMER_TIMERS_STEP {
            let Some(id) = self.consumers.pop_timer(cx) else {
                break;
            };
            match self.turn(id, cx, out, Consumer::tick) {
                Some(Fate::Inactive) => self.end_inactive(id, cx, out),
                Some(Fate::Lives(Pumped::More)) => {
                    self.consumers.more.insert(id);
                }
                Some(Fate::Lives(Pumped::Done | Pumped::Skipped)) | None => {}
            }
        }
        let mut budget = STREAM_PUMP_MAX;
        while budget > 0
            && let Some(id) = self.consumers.next_in_turn()
        {
            let most = budget.min(CONSUMER_PUMP_MAX);
            self.pumping_turn(id, cx, out, |consumer, turn| consumer.pump(turn, most));
            budget -= most;
        }
        self.settle(cx, out);
    }
}

impl Consumers {
    /// Logs what a consumer changed, notes what it needs no more, and files it under what it waits for now. False when the changes could not be
    /// kept: whoever was told that they count must not be told.
    #[must_use]
    pub(super) fn take_changes(&mut self, id: Id, now: Timestamp) -> bool {
        let Some(Some(slot)) = self.slots.get_mut(id as usize) else {
            return true;
        };
        let mut is_kept = true;
        if !self.changes.is_empty() {
            self.settled.append(&mut self.changes.settled);
            if let Some(error) = self.changes.faults.pop() {
                self.read_fault = Some((error, now));
            }
            // An answer that changes nothing says that an earlier change counts: that one has to be kept first.
            let is_behind = self.unkept.contains(&id);
            if !self.changes.deltas.is_empty() || self.changes.answered && is_behind {
                match keep(slot, &self.changes.deltas, is_behind) {
                    Ok(()) => {
                        self.unkept.remove(&id);
                    }
                    Err(error) => {
                        is_kept = false;
                        self.keep_fault = Some(error);
                        self.unkept.insert(id);
                    }
                }
            }
            // Positions and acknowledgements become durable soon; only who was told that an acknowledgement counts may rely on it. What a
            // crash forgets of the rest is delivered again.
            if self.changes.answered {
                self.staged = self.staged.max(slot.kept.staged());
            }
            self.changes.clear();
        }
        let is_awake = slot.consumer.num_waiting() > 0 || slot.consumer.config().is_push();
        if is_awake != slot.is_awake {
            slot.is_awake = is_awake;
            let filter = slot.consumer.filter();
            if is_awake {
                self.awake.insert(filter, id);
            } else {
                self.awake.remove(filter, id);
                slot.epoch = self.epoch;
            }
        }
        // A timer that comes too early finds nothing to do and is set again; only one that would come too late is moved.
        if let Some(at) = slot.consumer.deadline()
            && slot.timer.is_none_or(|timer| at < timer)
        {
            if let Some(timer) = slot.timer.replace(at) {
                self.timers.remove(&(timer, id));
            }
            self.timers.insert((at, id));
        }
        is_kept
    }

    /// Tries again to keep what could not be kept; forgets failures to read that are long past.
    pub(in crate::stream) fn keep_again(&mut self, now: Timestamp) {
        while let Some(id) = self.unkept.first().copied() {
            if let Some(Some(slot)) = self.slots.get_mut(id as usize)
                && let Err(error) = slot.kept.checkpoint(slot.consumer.state())
            {
                self.keep_fault = Some(error);
                return;
            }
            self.unkept.remove(&id);
        }
        self.keep_fault = None;
        if let Some((_, at)) = &self.read_fault
            && now.since(*at) > READ_FAULT_NANOS
        {
            self.read_fault = None;
        }
    }

    fn pop_timer(&mut self, cx: &Context<'_>) -> Option<Id> {
        let &(at, id) = self.timers.first().filter(|(at, _)| *at <= cx.now)?;
        self.timers.remove(&(at, id));
        if let Some(Some(slot)) = self.slots.get_mut(id as usize) {
            slot.timer = None;
        }
        Some(id)
    }

    /// The next consumer that could deliver more.
    fn next_in_turn(&mut self) -> Option<Id> {
        let next = self.more.range(self.cursor..).next();
        let id = *next.or_else(|| self.more.first())?;
        self.cursor = id.wrapping_add(1);
        Some(id)
    }
}

/// After a failure the whole state is kept instead: what was left out is in it.
fn keep(
    slot: &mut Slot,
    deltas: &[nats_store::ConsumerDelta],
    is_behind: bool,
) -> Result<(), StoreError> {
    if is_behind {
        return slot.kept.checkpoint(slot.consumer.state());
    }
    slot.kept.stage(deltas)?;
    if slot.kept.wants_checkpoint() {
        slot.kept.checkpoint(slot.consumer.state())?;
    }
    Ok(())
}
