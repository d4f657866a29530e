//! What can be known about a stream without reading a message: figures, which sequences are there, subjects, what expires. All of it is
//! derived from records and marks, and built anew when a store is opened.

use crate::error::StoreError;
use crate::index::{Branches, Expiry, SequenceSet, Span};
use crate::message::{Timestamp, Ttl};
use crate::subjects::SubjectIndex;

/// See the module.
#[derive(Debug, Default)]
pub struct Contents {
    pub subjects: SubjectIndex,
    pub branches: Branches,
    pub expiry: Expiry,
    /// Between first and last: removed, or left out.
    pub missing: SequenceSet,
    /// Of the missing ones: those that should be there and cannot be read.
    pub lost: SequenceSet,
    pub messages: u64,
    pub bytes: u64,
    /// `last + 1` when there is no message.
    pub first: u64,
    pub last: u64,
    pub last_time: Timestamp,
}

/// What the index must know of one message.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    pub sequence: u64,
    pub subject: &'a [u8],
    pub ttl: Ttl,
    pub size: u64,
}

impl Contents {
    pub fn new() -> Self {
        Self {
            first: 1,
            ..Self::default()
        }
    }

    /// Takes in a message behind the last one.
    pub fn admit(&mut self, message: &Known<'_>, time: Timestamp) -> Result<(), StoreError> {
        self.subjects.insert(message.subject, message.sequence)?;
        self.branches.push(message.subject, message.sequence);
        self.expiry.insert(message.sequence, message.ttl);
        self.reach(message.sequence.saturating_sub(1));
        if self.messages == 0 {
            self.first = message.sequence;
        }
        self.messages = self.messages.saturating_add(1);
        self.bytes = self.bytes.saturating_add(message.size);
        self.last = message.sequence;
        self.last_time = time;
        Ok(())
    }

    /// The last sequence is at least this; those between count as missing.
    pub fn reach(&mut self, last: u64) {
        if last <= self.last {
            return;
        }
        if self.messages > 0 {
            self.missing.push(Span {
                first: self.last.saturating_add(1),
                last,
            });
        }
        self.last = last;
        if self.messages == 0 {
            self.first = last.saturating_add(1);
        }
    }

    /// Takes everything out; what was given stays given.
    pub fn empty(&mut self) {
        *self = Self {
            first: self.last.saturating_add(1),
            last: self.last,
            last_time: self.last_time,
            ..Self::default()
        };
    }

    /// Takes a message out that is there; whether its subject has none left.
    pub fn forget(&mut self, message: &Known<'_>) -> bool {
        let left = self.subjects.remove(message.subject, message.sequence);
        self.branches.remove(message.subject, message.sequence);
        self.expiry.remove(message.sequence, message.ttl);
        self.messages = self.messages.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(message.size);
        self.vacate(message.sequence);
        left == Some(0)
    }

    /// The sequence is there no more; first and the set of missing ones follow.
    fn vacate(&mut self, sequence: u64) {
        if self.messages == 0 {
            self.first = self.last.saturating_add(1);
            self.missing.clear();
            self.lost.clear();
        } else if sequence == self.first {
            self.first = self.missing.next_absent(sequence.saturating_add(1));
            self.missing.remove_below(self.first);
            self.lost.remove_below(self.first);
        } else {
            self.missing.insert(sequence);
        }
    }

    /// Messages behind the last one cannot be read.
    pub fn lose(&mut self, span: Span) {
        self.reach(span.last);
        self.lost.push(span);
    }

    /// Where the stream begins and what is missing from there on, as if what cannot be read were there.
    pub fn first_and_missing(&self) -> (u64, SequenceSet) {
        let Some(lost) = self.lost.first() else {
            return (self.first, self.missing.clone());
        };
        let first = self.first.min(lost);
        let mut missing = SequenceSet::new();
        // Before the first message that can be read: everything but the lost ones.
        let mut at = first;
        let before = self
            .lost
            .spans(0)
            .take_while(|span| span.first < self.first);
        let here = Span {
            first: self.first,
            last: self.first,
        };
        for span in before.chain([here]) {
            if at < span.first {
                missing.push(Span {
                    first: at,
                    last: span.first.saturating_sub(1),
                });
            }
            at = span.last.saturating_add(1);
        }
        for span in self.missing.spans(0) {
            missing.push(span);
        }
        for span in self.lost.spans(0) {
            for sequence in span.first..=span.last {
                missing.remove(sequence);
            }
        }
        (first, missing)
    }

    pub fn contains(&self, sequence: u64) -> bool {
        sequence >= self.first
            && sequence <= self.last
            && self.messages > 0
            && (self.missing.is_empty() || !self.missing.contains(sequence))
    }

    /// The first message at or behind `from`.
    pub fn next(&self, from: u64) -> Option<u64> {
        if self.messages == 0 {
            return None;
        }
        let from = from.max(self.first);
        let next = if self.missing.is_empty() {
            from
        } else {
            self.missing.next_absent(from)
        };
        (next <= self.last).then_some(next)
    }

    /// The last message at or before `to`.
    pub fn previous(&self, to: u64) -> Option<u64> {
        let mut at = to.min(self.last);
        while at >= self.first && self.messages > 0 {
            if !self.missing.contains(at) {
                return Some(at);
            }
            // A span of missing ones is passed in one step when it is known where it begins.
            let span = self.missing.spans(at).next()?;
            at = span.first.min(at).checked_sub(1)?;
        }
        None
    }

    pub fn deleted(&self) -> u64 {
        self.last
            .saturating_add(1)
            .saturating_sub(self.first)
            .saturating_sub(self.messages)
    }
}
