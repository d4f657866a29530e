//! What one read of one connection gathers before it lets others act.

use std::sync::Arc;

use super::run::Run;
use super::trace::Trace;
use crate::account::TrafficSnapshot;
use crate::interest::{Lagging, Receiver, Sub};

/// What a batch leaves to be done when it is over: a stream has to look at what came for it.
pub trait FollowUp: Send + Sync {
    /// Does it on this thread, or has it done elsewhere if it may take long. `blocking` runs what waits for the disk.
    fn here(self: Arc<Self>, blocking: Blocking<'_>);
    /// Has it done by somebody else.
    fn elsewhere(self: Arc<Self>);
}

/// Runs something that blocks, in whatever way the thread can afford it.
pub type Blocking<'a> = &'a dyn Fn(&mut dyn FnMut());

/// Gathers the consequences of a batch: receivers to wake, who lags, subscriptions that ended, traffic.
///
/// Statistics are summed here and published once per batch: four shared counters per message cost a fifth of the throughput.
#[derive(Default)]
pub struct Cycle {
    wake: Vec<Arc<Receiver>>,
    /// Who has more waiting than a producer should add to.
    lagging: Vec<Arc<dyn Lagging>>,
    /// Subscriptions whose last delivery this batch made.
    ended: Vec<Arc<Sub>>,
    follow_ups: Vec<Arc<dyn FollowUp>>,
    /// Those for which nobody waits.
    unhurried: Vec<Arc<dyn FollowUp>>,
    /// Of the publisher's own account.
    pub traffic: TrafficSnapshot,
    /// Matches that the publisher's cache answered.
    pub remembered: u64,
    rng: Rng,
    /// Receivers that lag far behind miss messages (`no_fast_producer_stall`).
    pub drop_when_slow: bool,
    /// How many imports the current message has crossed.
    pub hops: usize,
    /// The trace of the message at hand, if it has one.
    pub trace: Option<Box<Trace>>,
    /// Messages in a row to one subject that wait to be delivered together.
    pub run: Run,
}

thread_local! {
    /// The lists keep their memory from batch to batch.
    static SPARE: std::cell::Cell<Option<Box<Cycle>>> = const { std::cell::Cell::new(None) };
}

impl Cycle {
    /// An empty cycle. `drop_when_slow`: receivers that lag far behind miss messages instead of slowing their producers.
    pub fn take(drop_when_slow: bool) -> Box<Self> {
        let mut cx = SPARE.take().unwrap_or_default();
        cx.drop_when_slow = drop_when_slow;
        cx
    }

    /// Notes a delivery of the message at hand, or why there was none. True when it was only to be traced: nothing goes out then.
    #[inline]
    pub fn trace_egress(&mut self, to: &Receiver, sub: &Sub, error: &str) -> bool {
        match &mut self.trace {
            None => false,
            Some(trace) => {
                trace.egress(to, sub, error);
                trace.only
            }
        }
    }

    /// Counts what went to a connection. What the server itself takes in (streams, imports, requests to it) was sent to nobody.
    #[inline]
    pub fn sent(&mut self, msgs: u64, bytes: u64) {
        self.traffic.out_msgs += msgs;
        self.traffic.out_bytes += bytes;
    }

    /// Keeps the memory of an emptied cycle for the next one. What is left to be done is done by others.
    pub fn give_back(mut self: Box<Self>) {
        self.hops = 0;
        for left in self.follow_ups.drain(..).chain(self.unhurried.drain(..)) {
            left.elsewhere();
        }
        SPARE.set(Some(self));
    }

    /// The receiver was promised a flush: it is woken at the end of the batch.
    #[inline]
    pub fn owe_wake(&mut self, receiver: &Arc<Receiver>) {
        self.wake.push(receiver.clone());
    }

    /// Called once per batch for a receiver: its queue remembers that it was noted.
    #[inline]
    pub fn note_congested(&mut self, receiver: &Arc<Receiver>) {
        self.lagging.push(receiver.clone());
    }

    /// Notes somebody that may have been noted before.
    pub fn note_lagging(&mut self, one: Arc<dyn Lagging>) {
        let known =
            |other: &Arc<dyn Lagging>| std::ptr::addr_eq(Arc::as_ptr(other), Arc::as_ptr(&one));
        if !self.lagging.iter().any(known) {
            self.lagging.push(one);
        }
    }

    /// Leaves something for the end of the batch; the publisher waits for it.
    pub fn leave(&mut self, follow_up: Arc<dyn FollowUp>) {
        self.follow_ups.push(follow_up);
    }

    /// Leaves something that others do after the end of the batch.
    pub fn leave_elsewhere(&mut self, follow_up: Arc<dyn FollowUp>) {
        self.unhurried.push(follow_up);
    }

    pub fn take_follow_ups(&mut self) -> Vec<Arc<dyn FollowUp>> {
        std::mem::take(&mut self.follow_ups)
    }

    pub fn end_sub(&mut self, sub: &Arc<Sub>) {
        self.ended.push(sub.clone());
    }

    pub fn take_ended(&mut self) -> Vec<Arc<Sub>> {
        std::mem::take(&mut self.ended)
    }

    /// Wakes everybody who was delivered to, except the caller's own connection, which flushes by itself.
    pub fn wake_all(&mut self, except: Option<&Arc<Receiver>>) {
        for r in self.wake.drain(..) {
            if except.is_none_or(|own| !Arc::ptr_eq(own, &r)) {
                r.outbox.wake();
            }
        }
    }

    pub fn take_lagging(&mut self) -> Vec<Arc<dyn Lagging>> {
        std::mem::take(&mut self.lagging)
    }

    #[inline]
    pub fn random(&mut self) -> u32 {
        self.rng.next()
    }
}

/// A small fast generator for choices where an adversary gains nothing by guessing.
struct Rng(u64);

impl Default for Rng {
    fn default() -> Self {
        use std::hash::BuildHasher as _;
        let seed = foldhash::fast::RandomState::default().hash_one(0u8);
        Self(seed | 1)
    }
}

impl Rng {
    #[inline]
    fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 32) as u32
    }
}
