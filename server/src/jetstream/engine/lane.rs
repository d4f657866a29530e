//! One stream's place in the engine.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Waker;
use std::time::Duration;

use nats_jetstream::{Context, Effects, Interest};
use nats_store::{Position, StoreError, Timestamp};
use parking_lot::{Mutex, MutexGuard};

use super::{Batch, Engine, Input, InputKind, Mailbox, MailboxLimits, Posted};
use crate::interest::Lagging;
use crate::limits::STREAM_PAUSE_MAX;
use crate::router::{Blocking, Cycle, FollowUp};

/// Names a lane for the timers.
pub type LaneId = u64;

/// A stream with its consumers, as the engine drives it.
pub trait Machine: Send + 'static {
    /// Takes one input.
    fn input(
        &mut self,
        cx: &mut Context<'_>,
        kind: InputKind,
        input: &Input<'_>,
        out: &mut Effects,
    );
    /// Called after every round of inputs and whenever [`Machine::deadline`] has passed.
    fn tick(&mut self, cx: &mut Context<'_>, out: &mut Effects);
    /// When [`Machine::tick`] has something to do without any input. In the past when it is not done yet.
    fn deadline(&self) -> Option<Timestamp>;
    /// How far the log must be committed before effects of what was done so far may leave. `None`: they may leave.
    fn staged(&self) -> Option<Position>;
    /// What is read of messages up to this sequence may leave at any time.
    fn durable_through(&self) -> u64;
    /// What was staged did not become durable.
    fn commit_failed(&mut self, cx: &mut Context<'_>, error: &StoreError, out: &mut Effects);
}

/// Where effects go, and who listens there.
pub trait Outlet: Interest + Send + Sync + 'static {
    fn release(&self, effects: &Effects);
    /// Sends what may leave although the log cannot be written ([`nats_jetstream::Effect::is_safe`]), and nothing else.
    fn release_safe(&self, effects: &Effects, durable_through: u64);
    /// What was decided is void: publishers are told, what is safe is sent, everything else is dropped.
    fn fail(&self, effects: &Effects, durable_through: u64, error: &StoreError);
}

/// What a lane runs: its machine and the memory that its rounds reuse.
pub struct Seat<M> {
    pub machine: M,
    batch: Batch,
    random: u64,
}

/// One stream's place in the engine.
pub struct Lane<M> {
    pub id: LaneId,
    engine: Arc<Engine<M>>,
    mailbox: Mailbox,
    seat: Mutex<Seat<M>>,
    effects: Mutex<Waiting>,
    outlet: Arc<dyn Outlet>,
    /// When the timers will call, in nanoseconds; `i64::MAX` is never.
    timer: AtomicU64,
    /// See [`Machine::durable_through`]: as of the last round.
    safe: AtomicU64,
    /// A commit failed and the machine has not been told yet.
    failed: Mutex<Option<StoreError>>,
    has_failed: AtomicBool,
}

/// What a round came to.
struct Round<R> {
    result: R,
    /// Its effects wait for the log: whoever ran it sees to the commit.
    waits: bool,
}

/// Effects in the order of decision, each with what it waits for.
#[derive(Default)]
struct Waiting {
    queue: VecDeque<(Position, Effects)>,
    spare: Vec<Effects>,
}

/// How long a machine waits that is due and can do nothing, nanoseconds.
const RETRY_NANOS: u64 = 10_000_000;

/// Inputs that a connection's own thread takes to the stream; more are left to the engine's threads.
const HERE_MAX: usize = 4;

/// Emptied effect lists that a lane keeps.
const SPARE_EFFECTS: usize = 4;

impl<M: Machine> Lane<M> {
    pub fn new(
        engine: &Arc<Engine<M>>,
        machine: M,
        outlet: Arc<dyn Outlet>,
        limits: MailboxLimits,
        seed: u64,
    ) -> Arc<Self> {
        Arc::new(Self {
            id: engine.next_id(),
            engine: engine.clone(),
            mailbox: Mailbox::new(limits),
            seat: Mutex::new(Seat {
                machine,
                batch: Batch::default(),
                random: seed,
            }),
            effects: Mutex::default(),
            outlet,
            timer: AtomicU64::new(u64::MAX),
            safe: AtomicU64::new(0),
            failed: Mutex::default(),
            has_failed: AtomicBool::new(false),
        })
    }

    /// Leaves an input for the stream. Quick; called on connections' threads.
    pub fn post(self: &Arc<Self>, kind: InputKind, input: &Input<'_>) -> Posted {
        let posted = self.mailbox.post(kind, input);
        if posted == Posted::Wake {
            self.engine.enqueue(self.clone());
        }
        posted
    }

    /// As [`Lane::post`], and the stream is run at the end of the connection's batch. A client that waits for an answer gets it without a change of
    /// threads, if little waits. Where no answer is wanted the engine's threads do it: hundreds of acknowledgements in one read are one round, while
    /// told of the first of them they would take a few at a time and be woken for each.
    pub fn leave(self: &Arc<Self>, cx: &mut Cycle, kind: InputKind, input: &Input<'_>) -> Posted {
        let posted = self.mailbox.post(kind, input);
        match posted {
            Posted::Wake if input.reply.is_empty() => cx.leave_elsewhere(self.clone()),
            Posted::Wake => cx.leave(self.clone()),
            Posted::Crowded | Posted::Full => cx.note_lagging(self.clone()),
            Posted::Queued | Posted::Closed => {}
        }
        posted
    }

    /// Lets the machine run soon, for another reason than an input.
    pub fn nudge(self: &Arc<Self>) {
        if self.mailbox.nudge() {
            self.engine.enqueue(self.clone());
        }
    }

    /// A panic is a bug of ours in one stream: that stream stops, the others go on.
    pub(super) fn guarded(self: &Arc<Self>, run: impl FnOnce()) {
        if std::panic::catch_unwind(AssertUnwindSafe(run)).is_err() {
            tracing::error!(
                "a JetStream stream stopped because of an internal error; it takes nothing until the server restarts"
            );
            self.close();
        }
    }

    /// One round: everything that waits, then the timers of the machine.
    pub fn run(self: &Arc<Self>) {
        let seat = self.seat.lock();
        if self.round(seat, |_, _, _| ()).waits {
            self.engine.commits().settle(self.clone());
        }
    }

    /// Runs `f` on the machine, after everything that was posted before. Effects leave when the log allows. Blocks while the lane runs.
    pub fn with<R>(
        self: &Arc<Self>,
        f: impl FnOnce(&mut M, &mut Context<'_>, &mut Effects) -> R,
    ) -> R {
        let seat = self.seat.lock();
        let round = self.round(seat, f);
        if round.waits {
            self.engine.commits().settle(self.clone());
        }
        round.result
    }

    /// As [`Lane::with`], unless the lane is busy for longer than this.
    pub fn with_soon<R>(
        self: &Arc<Self>,
        patience: Duration,
        f: impl FnOnce(&mut M, &mut Context<'_>, &mut Effects) -> R,
    ) -> Option<R> {
        let seat = self.seat.try_lock_for(patience)?;
        let round = self.round(seat, f);
        if round.waits {
            self.engine.commits().settle(self.clone());
        }
        Some(round.result)
    }

    /// As [`Lane::with`], for a caller that holds a lock which others need: it commits nothing. The caller sees to that with a [`Lane::with`] once it has
    /// let go; until somebody commits, the effects wait.
    pub fn decide<R>(
        self: &Arc<Self>,
        f: impl FnOnce(&mut M, &mut Context<'_>, &mut Effects) -> R,
    ) -> R {
        let seat = self.seat.lock();
        let round = self.round(seat, f);
        if round.waits {
            self.engine.commits().leave(self.clone());
        }
        round.result
    }

    fn round<R>(
        self: &Arc<Self>,
        mut seat: MutexGuard<'_, Seat<M>>,
        f: impl FnOnce(&mut M, &mut Context<'_>, &mut Effects) -> R,
    ) -> Round<R> {
        let mut out = self.effects.lock().spare.pop().unwrap_or_default();
        let Seat {
            machine,
            batch,
            random,
        } = &mut *seat;
        let mut cx = Context {
            now: self.engine.now(),
            random,
            interest: &*self.outlet,
        };
        if self.has_failed.swap(false, Ordering::AcqRel)
            && let Some(error) = self.failed.lock().take()
        {
            machine.commit_failed(&mut cx, &error, &mut out);
        }
        self.mailbox.take(batch);
        for (kind, input) in batch.iter() {
            machine.input(&mut cx, kind, &input, &mut out);
            self.mailbox.count_done();
        }
        let result = f(machine, &mut cx, &mut out);
        machine.tick(&mut cx, &mut out);
        let staged = machine.staged();
        let durable_through = machine.durable_through();
        self.safe.store(durable_through, Ordering::Release);
        let now = cx.now;
        let deadline = machine.deadline();
        // Not done yet: it stopped so that others get their turn. If it did nothing at all, something keeps it from doing it.
        let has_more = deadline.is_some_and(|at| at <= now);
        let idle = has_more && out.is_empty();
        self.set_timer(match has_more {
            true => idle.then(|| now.plus(RETRY_NANOS)),
            false => deadline,
        });
        if !out.is_empty() && self.engine.commits().is_failing() {
            // Readers of what is durable do not wait for a log that cannot be written.
            self.outlet.release_safe(&out, durable_through);
            out.keep_unsafe(durable_through);
        }
        // Under the seat's lock, so that effects queue up in the order of decision.
        // Nobody waits for what has no effects: it becomes durable with the next commit, the upkeep's at the latest.
        let waits = match out.is_empty() {
            true => {
                self.effects.lock().spare.push(out);
                false
            }
            false => self.queue(staged, out),
        };
        drop(seat);
        if !waits {
            self.release(Position(u64::MAX));
        }
        if has_more && !idle {
            self.nudge();
        }
        Round { result, waits }
    }

    /// Appends to the effects that wait. True when they have to wait for the log.
    fn queue(&self, staged: Option<Position>, out: Effects) -> bool {
        let mut waiting = self.effects.lock();
        let behind = waiting.queue.back().map(|(position, _)| *position);
        // What waits for nothing still waits for what was decided before it.
        let position = staged.max(behind).unwrap_or_default();
        waiting.queue.push_back((position, out));
        position > self.engine.commits().durable()
    }

    /// Sends what the log has committed. True when something still waits.
    pub(super) fn release(&self, durable: Position) -> bool {
        let durable = durable.min(self.engine.commits().durable());
        let mut waiting = self.effects.lock();
        while let Some((position, _)) = waiting.queue.front() {
            if *position > durable {
                return true;
            }
            let Some((_, mut effects)) = waiting.queue.pop_front() else {
                break;
            };
            // Under the lock: effects leave in the order of decision, whoever sends them.
            self.outlet.release(&effects);
            effects.clear();
            if waiting.spare.len() < SPARE_EFFECTS {
                waiting.spare.push(effects);
            }
        }
        false
    }

    /// The log failed: everything that waits for more than `durable` is void.
    pub(super) fn fail(self: &Arc<Self>, durable: Position, error: &StoreError) {
        self.release(durable);
        let mut waiting = self.effects.lock();
        for (_, mut effects) in waiting.queue.drain(..).collect::<Vec<_>>() {
            let safe = self.safe.load(Ordering::Acquire);
            self.outlet.fail(&effects, safe, error);
            effects.clear();
        }
        drop(waiting);
        *self.failed.lock() = Some(error.clone());
        self.has_failed.store(true, Ordering::Release);
        self.nudge();
    }

    fn set_timer(self: &Arc<Self>, deadline: Option<Timestamp>) {
        let at = deadline.map_or(u64::MAX, |t| u64::try_from(t.0).unwrap_or(0));
        let before = self.timer.swap(at, Ordering::AcqRel);
        if at != before {
            self.engine.set_timer(self, before, at);
        }
    }

    /// The timers called: the lane has no timer any more.
    pub(super) fn timer_fired(self: &Arc<Self>, at: u64) {
        let _ = self
            .timer
            .compare_exchange(at, u64::MAX, Ordering::AcqRel, Ordering::Acquire);
        self.nudge();
    }

    /// The stream is gone: takes nothing any more and has no timer. What was decided still leaves.
    pub fn close(self: &Arc<Self>) {
        self.mailbox.close();
        self.set_timer(None);
    }
}

impl<M: Machine> Lagging for Lane<M> {
    fn begin_wait(&self) -> Option<u64> {
        self.mailbox.begin_pause()
    }

    fn wait_for_room(&self, waker: &Waker) -> bool {
        self.mailbox.wait_for_room(waker)
    }

    fn patience(&self) -> Duration {
        STREAM_PAUSE_MAX
    }

    fn gave_up_waiting(&self, taken: u64) {
        self.mailbox.gave_up_waiting(taken);
    }
}

impl<M: Machine> FollowUp for Lane<M> {
    fn here(self: Arc<Self>, blocking: Blocking<'_>) {
        if self.mailbox.len() <= HERE_MAX
            && let Some(seat) = self.seat.try_lock()
        {
            self.guarded(|| {
                if self.round(seat, |_, _, _| ()).waits {
                    self.engine.settle_here(&self, blocking);
                }
            });
        } else {
            self.engine.enqueue(self.clone());
        }
    }

    fn elsewhere(self: Arc<Self>) {
        self.engine.enqueue(self.clone());
    }
}
