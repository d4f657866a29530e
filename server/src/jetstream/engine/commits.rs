//! Group commit: whoever finds no commit under way commits for all, and everybody who comes meanwhile shares the next one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nats_store::{Position, StoreError};
use parking_lot::Mutex;

use super::{Lane, Machine};
use crate::router::Blocking;

/// The log as the engine needs it.
pub trait CommitLog: Send + Sync + 'static {
    /// Everything at or below this survives a crash.
    fn durable(&self) -> Position;
    /// Writes and syncs everything that was staged before the call. Blocks.
    fn commit(&self) -> Result<Position, StoreError>;
}

/// Lanes whose effects wait for the log.
pub struct Commits<M> {
    log: Arc<dyn CommitLog>,
    waiting: Mutex<Vec<Arc<Lane<M>>>>,
    /// Held by the thread that commits.
    committing: Mutex<()>,
    /// The last commit failed.
    failing: AtomicBool,
}

impl<M: Machine> Commits<M> {
    pub fn new(log: Arc<dyn CommitLog>) -> Self {
        Self {
            log,
            waiting: Mutex::default(),
            committing: Mutex::new(()),
            failing: AtomicBool::new(false),
        }
    }

    pub fn durable(&self) -> Position {
        self.log.durable()
    }

    /// The last commit failed.
    pub fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }

    /// Sees to it that nobody waits whom no thread commits for.
    pub fn settle_waiting(&self) {
        let lane = self.waiting.lock().pop();
        if let Some(lane) = lane {
            self.settle(lane);
        }
    }

    /// Has the lane's effects leave with the next commit, which is the caller's to cause.
    pub fn leave(&self, lane: Arc<Lane<M>>) {
        self.waiting.lock().push(lane);
    }

    /// Sees to it that the lane's effects leave once they are durable: by this thread, or by the one that commits at the moment.
    pub fn settle(&self, lane: Arc<Lane<M>>) {
        self.waiting.lock().push(lane);
        loop {
            let Some(turn) = self.committing.try_lock() else {
                // Its holder looks for waiting lanes again after it has let go.
                return;
            };
            while !self.waiting.lock().is_empty() {
                self.commit();
            }
            drop(turn);
            if self.waiting.lock().is_empty() {
                return;
            }
        }
    }

    /// As [`Commits::settle`], for a thread that has other work: it commits once at most, in `blocking`. True when lanes are left that nobody
    /// commits for: then somebody must call [`Commits::settle_waiting`].
    pub fn settle_once(&self, lane: Arc<Lane<M>>, blocking: Blocking<'_>) -> bool {
        self.waiting.lock().push(lane);
        let Some(turn) = self.committing.try_lock() else {
            return false;
        };
        blocking(&mut || self.commit());
        drop(turn);
        !self.waiting.lock().is_empty()
    }

    /// Commits for whoever waits.
    fn commit(&self) {
        let outcome = self.log.commit();
        self.failing.store(outcome.is_err(), Ordering::Relaxed);
        // After the commit: lanes that came during it may be served as well; those that were not keep waiting.
        let lanes = std::mem::take(&mut *self.waiting.lock());
        match outcome {
            Ok(durable) => {
                let still: Vec<_> = lanes
                    .into_iter()
                    .filter(|lane| lane.release(durable))
                    .collect();
                self.waiting.lock().extend(still);
            }
            Err(error) => {
                let durable = self.log.durable();
                for lane in lanes {
                    lane.fail(durable, &error);
                }
            }
        }
    }
}
