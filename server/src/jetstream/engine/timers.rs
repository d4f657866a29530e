//! When lanes want to be called.

use std::collections::BTreeMap;
use std::sync::Weak;

use super::{Lane, LaneId, Machine};

/// Lanes by the time, in nanoseconds since 1970, at which they want to be called.
pub struct Timers<M> {
    due: BTreeMap<(u64, LaneId), Weak<Lane<M>>>,
}

impl<M> Default for Timers<M> {
    fn default() -> Self {
        Self {
            due: BTreeMap::new(),
        }
    }
}

impl<M: Machine> Timers<M> {
    /// Moves a lane's call; `u64::MAX` is none. True when the first call of all has changed.
    pub fn set(&mut self, lane: LaneId, whom: Weak<Lane<M>>, before: u64, at: u64) -> bool {
        let first = self.next();
        self.due.remove(&(before, lane));
        if at != u64::MAX {
            self.due.insert((at, lane), whom);
        }
        self.next() != first
    }

    pub fn next(&self) -> Option<u64> {
        self.due.keys().next().map(|(at, _)| *at)
    }

    /// Takes the lanes whose time has come.
    pub fn take(&mut self, now: u64) -> Vec<(u64, Weak<Lane<M>>)> {
        let later = self.due.split_off(&(now.saturating_add(1), 0));
        let due = std::mem::replace(&mut self.due, later);
        due.into_iter().map(|((at, _), lane)| (at, lane)).collect()
    }
}
