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

    /// What has expired by `now`, in the order in which it goes, at most `most`: first what `max_age` takes from the front, `ageing` being all
    /// that it may take with their times, ascending; else the TTL that ended first. A young message at the front keeps older ones behind it
    /// only until its own TTL has ended.
    ///
    /// # Errors
    /// The first one of `ageing`.
    pub fn due<E>(
        &self,
        now: Timestamp,
        max_age: Option<u64>,
        most: usize,
        ageing: impl Iterator<Item = Result<(u64, Timestamp), E>>,
    ) -> Result<Vec<u64>, E> {
        let mut found = Vec::new();
        let mut gone = BTreeSet::new();
        let mut ageing = ageing.take_while(|_| max_age.is_some());
        let mut front = ageing.next().transpose()?;
        let mut ended = self.ended(now);
        while found.len() < most {
            while front.is_some_and(|(sequence, _)| gone.contains(&sequence)) {
                front = ageing.next().transpose()?;
            }
            let old = front.filter(|(_, time)| {
                let end = max_age.map(|max_age| time.plus(max_age));
                end.is_some_and(|end| end <= now)
            });
            let next = match old {
                Some((sequence, _)) => Some(sequence),
                None => ended.by_ref().find(|sequence| !gone.contains(sequence)),
            };
            let Some(sequence) = next else { break };
            found.push(sequence);
            gone.insert(sequence);
        }
        Ok(found)
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
