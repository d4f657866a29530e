//! What happens by itself when time goes on.

use nats_store::{ConsumerDelta, Timestamp, Unacked};

use super::pull::PUMP_MOST;
use super::waiting::earlier;
use super::{Consumer, Pumped, Turn, nanos};

/// What a tick means for the consumer as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Lives(Pumped),
    /// No client for too long: the stream deletes it.
    Inactive,
}

impl Consumer {
    /// When [`Consumer::tick`] has something to do next. It may find that it has not, after all.
    pub fn deadline(&self) -> Option<Timestamp> {
        let mut at = earlier(self.overdue.first(), self.waiting.due());
        at = earlier(at, self.pin.as_ref().map(|pin| pin.until()));
        at = earlier(at, self.push.as_ref().and_then(|push| push.due()));
        at = earlier(at, self.pace.as_ref().and_then(|pace| pace.due()));
        if self.is_paused {
            at = earlier(at, self.pause_end());
        }
        earlier(at, self.inactive_at())
    }

    /// Time went on.
    pub fn tick(&mut self, turn: &mut Turn<'_, '_>) -> Fate {
        let now = turn.cx.now;
        if self.is_paused && !self.paused_at(now) {
            self.is_paused = false;
            self.announce_pause(turn);
        }
        self.expire_unacked(turn);
        self.review_due(turn);
        self.time_out_pin(turn);
        self.beat(turn);
        if let Some(pace) = &mut self.pace {
            pace.release(now);
        }
        let pumped = self.pump(turn, PUMP_MOST);
        if self.inactive_at().is_some_and(|at| at <= now) && !self.has_sign_of_life(turn) {
            return Fate::Inactive;
        }
        Fate::Lives(pumped)
    }

    /// The last look before an inactive consumer goes.
    fn has_sign_of_life(&mut self, turn: &mut Turn<'_, '_>) -> bool {
        let now = turn.cx.now;
        if self.is_push() {
            return false;
        }
        self.review_waiting(turn);
        if !self.waiting.is_empty() {
            self.last_active = now;
            return true;
        }
        // A client may still be working on what it got; the countdown begins when the last of that is overdue.
        let last = self.state.unacked.iter().map(|w| self.overdue_at(w)).max();
        match last {
            Some(at) if at.plus(self.inactive_after) > now && at != Timestamp::default() => {
                self.last_active = at;
                true
            }
            _ => false,
        }
    }

    fn inactive_at(&self) -> Option<Timestamp> {
        let counts =
            self.inactive_after > 0 && self.push.as_ref().is_none_or(|push| !push.is_active());
        counts.then(|| self.last_active.plus(self.inactive_after))
    }

    /// The most deliveries of one message.
    pub(super) fn max_deliver(&self) -> Option<u64> {
        u64::try_from(self.config.max_deliver)
            .ok()
            .filter(|n| *n > 0)
    }

    /// Which step of patience applies to a message.
    fn lane(&self, stream: u64) -> usize {
        let steps = self.config.backoff.len();
        let again = self.state.deliveries(stream).saturating_sub(1);
        usize::try_from(again)
            .unwrap_or(usize::MAX)
            .min(steps.saturating_sub(1))
    }

    /// How long the acknowledgement of a message may take. Zero: for ever.
    fn patience(&self, stream: u64) -> u64 {
        if self.config.ack_wait.0 <= 0 {
            return 0;
        }
        let step = self.config.backoff.get(self.lane(stream));
        nanos(step.copied().unwrap_or(self.config.ack_wait))
    }

    fn overdue_at(&self, waits: &Unacked) -> Timestamp {
        waits.time.plus(self.patience(waits.stream))
    }

    /// Whether an entry among the overdue still counts.
    fn counts(&self, stream: u64, at: Timestamp) -> bool {
        self.state
            .unacked
            .get(stream)
            .is_some_and(|waits| self.overdue_at(waits) == at && !self.again.contains(stream))
    }

    /// An acknowledgement is waited for from `time` on.
    pub(super) fn schedule(&mut self, stream: u64, time: Timestamp) {
        let patience = self.patience(stream);
        if patience > 0 {
            let lane = self.lane(stream);
            self.overdue.note(lane, time.plus(patience), stream);
            self.tidy_overdue();
        }
    }

    /// The message is to be delivered again at `at`.
    pub(super) fn defer(&mut self, turn: &mut Turn<'_, '_>, stream: u64, at: Timestamp) {
        let time = at.minus(self.patience(stream));
        self.change(turn, ConsumerDelta::Deferred { stream, time });
        self.last_delivered = Some(turn.cx.now);
        if self.config.ack_wait.0 > 0 {
            self.overdue.note_odd(at, stream);
        }
    }

    /// Makes the schedule anew from what waits: after a restart, or when the patience is another one.
    pub(super) fn schedule_all(&mut self) {
        self.overdue.clear();
        if self.config.ack_wait.0 <= 0 {
            return;
        }
        let mut all: Vec<(Timestamp, u64, usize)> = self
            .state
            .unacked
            .iter()
            .map(|waits| {
                (
                    self.overdue_at(waits),
                    waits.stream,
                    self.lane(waits.stream),
                )
            })
            .collect();
        all.sort_unstable();
        for (at, stream, lane) in all {
            self.overdue.note(lane, at, stream);
        }
    }

    pub(super) fn tidy_overdue(&mut self) {
        if !self.overdue.is_crowded(self.state.unacked.len()) {
            return;
        }
        let mut overdue = std::mem::take(&mut self.overdue);
        overdue.tidy(|stream, at| self.counts(stream, at));
        self.overdue = overdue;
    }

    /// Queues what is overdue, in stream order, and gives up what was delivered often enough.
    fn expire_unacked(&mut self, turn: &mut Turn<'_, '_>) {
        let now = turn.cx.now;
        if self.overdue.first().is_none_or(|at| at > now) {
            return;
        }
        let mut overdue = std::mem::take(&mut self.overdue);
        let mut streams = Vec::new();
        overdue.take(now, |stream, at| self.counts(stream, at), &mut streams);
        self.overdue = overdue;
        for stream in streams {
            match self.max_deliver() {
                Some(most) if self.state.deliveries(stream) >= most => {
                    self.give_up(turn, stream, most);
                }
                _ => self.again.push(stream),
            }
        }
    }

    /// A message was delivered `most` times. It waits no longer, is told about, and stays in the stream.
    pub(super) fn give_up(&mut self, turn: &mut Turn<'_, '_>, stream: u64, most: u64) {
        self.again.remove(stream);
        self.announce_max_deliver(turn, stream, most);
        let deliveries = most;
        self.change(turn, ConsumerDelta::GivenUp { stream, deliveries });
    }
}
