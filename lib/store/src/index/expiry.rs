//! Which messages expire by a TTL of their own and when, and which ones never do.

use std::collections::BTreeSet;

use super::sequences::SequenceSet;
use crate::message::{Timestamp, Ttl};

/// TTLs of the messages of one stream. Messages that live as long as the stream allows are not in here; what `max_age` takes is found at
/// the front of the stream, past those that never expire.
#[derive(Debug, Clone, Default)]
pub struct Expiry {
    deadlines: BTreeSet<(Timestamp, u64)>,
    never: SequenceSet,
}

impl Expiry {
    pub fn insert(&mut self, sequence: u64, ttl: Ttl) {
        match ttl {
            Ttl::Stream => {}
            Ttl::Until(deadline) => {
                self.deadlines.insert((deadline, sequence));
            }
            Ttl::Never => {
                self.never.insert(sequence);
            }
        }
    }

    /// Forgets a message; `ttl` is what it was inserted with.
    pub fn remove(&mut self, sequence: u64, ttl: Ttl) {
        match ttl {
            Ttl::Stream => {}
            Ttl::Until(deadline) => {
                self.deadlines.remove(&(deadline, sequence));
            }
            Ttl::Never => {
                self.never.remove(sequence);
            }
        }
    }

    /// The message whose TTL ends first, the lower sequence of two that end together.
    pub fn first(&self) -> Option<(Timestamp, u64)> {
        self.deadlines.first().copied()
    }

    /// Messages whose TTL has ended by `now`, in the order in which they end.
    pub fn ended(&self, now: Timestamp) -> impl Iterator<Item = u64> {
        self.deadlines
            .range(..=(now, u64::MAX))
            .map(|&(_, sequence)| sequence)
    }

    /// Whether this message never expires.
    pub fn is_never(&self, sequence: u64) -> bool {
        !self.never.is_empty() && self.never.contains(sequence)
    }

    /// The first sequence at or above `from` that `max_age` may take, whether it has a message or not.
    pub fn may_age(&self, from: u64) -> u64 {
        if self.never.is_empty() {
            return from;
        }
        self.never.next_absent(from)
    }

    pub fn is_empty(&self) -> bool {
        self.deadlines.is_empty() && self.never.is_empty()
    }

    pub fn clear(&mut self) {
        *self = Self::default();
    }
}
