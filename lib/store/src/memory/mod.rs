//! A stream's messages in memory: lost when the process ends, and nothing to wait for before an acknowledgement.
//!
//! **What lives here.** [`MemoryStore`]. Messages lie one behind the other in chunks of 64 KiB (`chunks`, `chunk`, `record`); a reader gets a
//! slice of a chunk, only what lies in the chunk that is still being filled is copied. The indexes are those of all stores.
//!
//! **Who may call.** Stream machines, through [`StreamStore`]. **What never happens here.** No clock, no locks, no I/O; an append fails
//! only when its sequence is not a new one, the message is larger than 4 GiB, or the subject index is full.

mod chunk;
mod chunks;
mod record;

use std::ops::ControlFlow;

use chunks::Chunks;

use crate::error::StoreError;
use crate::index::{Branches, Expiry};
use crate::message::{Message, NewMessage, Storage, Timestamp};
use crate::state::{Limits, Pending, Removals, Removed, RemovedWhy, StreamState, SubjectState};
use crate::store::{Erase, Filter, Position, Purge, StreamStore};
use crate::subjects::{Answer, SubjectIndex};

/// How many messages are looked at before the subject index is asked where the next one of a filter is.
const SCAN_FIRST: usize = 32;

/// Messages of one stream, in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    limits: Limits,
    chunks: Chunks,
    subjects: SubjectIndex,
    branches: Branches,
    expiry: Expiry,
    /// Every message below never expires: where to begin to look for what `max_age` takes.
    age_from: u64,
    bytes: u64,
    last_sequence: u64,
    last_time: Timestamp,
}

impl MemoryStore {
    /// An empty store with these limits. To begin at another sequence than 1, purge it with `below`.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    fn after_last(&self) -> u64 {
        self.last_sequence.saturating_add(1)
    }

    fn take(&mut self, sequence: u64, why: RemovedWhy, removed: &mut Removals) -> bool {
        let Some(record) = self.chunks.get(sequence) else {
            return false;
        };
        let subject = record.subject();
        let size = record.size();
        let left = self.subjects.remove(subject, sequence);
        removed.push(Removed {
            sequence,
            subject,
            size,
            why,
            last_of_subject: left == Some(0),
        });
        self.bytes = self.bytes.saturating_sub(size);
        self.branches.remove(subject, sequence);
        self.expiry.remove(sequence, record.ttl);
        self.chunks.remove(sequence)
    }

    fn take_first(&mut self, why: RemovedWhy, removed: &mut Removals) -> bool {
        match self.chunks.first() {
            Some((first, _)) => self.take(first, why, removed),
            None => false,
        }
    }

    fn enforce_subject(&mut self, subject: &[u8], count: u64, removed: &mut Removals) {
        let most = self.limits.max_per_subject.unwrap_or(u64::MAX);
        for _ in most..count {
            let first = self.subjects.get(subject).and_then(|s| s.next(0));
            if let Some(first) = first {
                self.take(first, RemovedWhy::Limit, removed);
            }
        }
    }

    fn enforce_totals(&mut self, removed: &mut Removals) {
        let messages = self.limits.max_messages.unwrap_or(u64::MAX);
        let bytes = self.limits.max_bytes.unwrap_or(u64::MAX);
        while (self.chunks.count() > messages || self.bytes > bytes)
            && self.take_first(RemovedWhy::Limit, removed)
        {}
    }

    /// What `max_age` takes, in that order: everything but what never expires.
    fn ageing(&self) -> impl Iterator<Item = (u64, Timestamp)> {
        let mut from = self.age_from;
        std::iter::from_fn(move || {
            loop {
                let (sequence, record) = self.chunks.from(from).next()?;
                from = self.expiry.may_age(sequence);
                if from == sequence {
                    from = sequence.saturating_add(1);
                    return Some((sequence, record.time));
                }
            }
        })
    }

    /// The message that has expired by `now` and goes first: by age, then by its own TTL.
    fn next_expired(&mut self, now: Timestamp) -> Option<u64> {
        if let Some(max_age) = self.limits.max_age {
            let oldest = self.ageing().next();
            self.age_from = oldest.map_or_else(|| self.after_last(), |(sequence, _)| sequence);
            if let Some((sequence, time)) = oldest
                && time.plus(max_age) <= now
            {
                return Some(sequence);
            }
        }
        let (deadline, sequence) = self.expiry.first()?;
        (deadline <= now).then_some(sequence)
    }

    fn count_by_looking(&self, filter: &Filter, from: u64, last_per_subject: bool) -> u64 {
        let is_last = |subject: &[u8], sequence: u64| {
            let after = sequence.saturating_add(1);
            let sequences = self.subjects.get(subject);
            sequences.is_some_and(|s| s.next(after).is_none())
        };
        let counts = |sequence: u64, subject: &[u8]| {
            filter.matches(subject) && (!last_per_subject || is_last(subject, sequence))
        };
        self.chunks
            .from(from)
            .filter(|(sequence, record)| counts(*sequence, record.subject()))
            .count() as u64
    }

    /// Asks the index and looks at messages in turn, each time with twice the effort, until one of them knows: the cost is that of the
    /// cheaper one, whether the filter matches one subject of a million or every other one.
    fn search<'a>(
        mut scan: impl Iterator<Item = (u64, record::Record<'a>)>,
        filter: &Filter,
        ask: impl Fn(u64) -> Answer<Option<u64>>,
    ) -> Option<u64> {
        let mut effort = SCAN_FIRST;
        loop {
            for _ in 0..effort {
                let (sequence, record) = scan.next()?;
                if filter.matches(record.subject()) {
                    return Some(sequence);
                }
            }
            if let Answer::Exactly(found) = ask(effort as u64) {
                return found;
            }
            effort = effort.saturating_mul(2);
        }
    }
}

impl StreamStore for MemoryStore {
    fn storage(&self) -> Storage {
        Storage::Memory
    }

    fn state(&self) -> StreamState {
        let messages = self.chunks.count();
        let (first_sequence, first_time) = match self.chunks.first() {
            Some((sequence, record)) => (sequence, record.time),
            None => (self.after_last(), Timestamp::default()),
        };
        StreamState {
            messages,
            bytes: self.bytes,
            first_sequence,
            first_time,
            last_sequence: self.last_sequence,
            last_time: self.last_time,
            subjects: self.subjects.len(),
            deleted: self
                .after_last()
                .saturating_sub(first_sequence)
                .saturating_sub(messages),
            lost: 0,
        }
    }

    fn limits(&self) -> Limits {
        self.limits
    }

    fn set_limits(&mut self, limits: Limits, removed: &mut Removals) -> Result<(), StoreError> {
        self.limits = limits;
        if let Some(most) = limits.max_per_subject {
            let mut above: Vec<(Box<[u8]>, u64)> = Vec::new();
            self.subjects.above(most, |subject, sequences| {
                above.push((subject.into(), sequences.count()));
            });
            for (subject, count) in above {
                self.enforce_subject(&subject, count, removed);
            }
        }
        self.enforce_totals(removed);
        Ok(())
    }

    fn append(
        &mut self,
        sequence: u64,
        message: &NewMessage<'_>,
        removed: &mut Removals,
    ) -> Result<(), StoreError> {
        if sequence <= self.last_sequence {
            return Err(StoreError::OutOfOrder {
                given: sequence,
                last: self.last_sequence,
            });
        }
        record::len_max(message)?;
        let of_subject = self.subjects.insert(message.subject, sequence)?;
        self.chunks.push(sequence, message)?;
        self.bytes = self.bytes.saturating_add(Storage::Memory.message_size(
            message.subject.len(),
            message.headers.len(),
            message.payload.len(),
        ));
        self.branches.push(message.subject, sequence);
        self.expiry.insert(sequence, message.ttl);
        self.last_sequence = sequence;
        self.last_time = message.time;
        self.enforce_subject(message.subject, of_subject, removed);
        self.enforce_totals(removed);
        Ok(())
    }

    fn skip(&mut self, last: u64) -> Result<(), StoreError> {
        if last < self.last_sequence {
            return Err(StoreError::OutOfOrder {
                given: last,
                last: self.last_sequence,
            });
        }
        self.last_sequence = last;
        Ok(())
    }

    fn remove(
        &mut self,
        sequence: u64,
        _erase: Erase,
        removed: &mut Removals,
    ) -> Result<bool, StoreError> {
        Ok(self.take(sequence, RemovedWhy::Asked, removed))
    }

    fn purge(&mut self, purge: &Purge, removed: &mut Removals) -> Result<u64, StoreError> {
        let before = self.chunks.count();
        let below = purge.below.unwrap_or(u64::MAX);
        let keep = purge.keep.unwrap_or(0);
        if purge.filter.is_all() {
            let from_below = self.chunks.count_from(below);
            let chosen = before.saturating_sub(from_below).saturating_sub(keep);
            for _ in 0..chosen {
                self.take_first(RemovedWhy::Purge, removed);
            }
            if let (Some(below), None) = (purge.below, purge.keep) {
                self.last_sequence = self.last_sequence.max(below.saturating_sub(1));
            }
        } else {
            let mut chosen = self.subjects.sequences_below(&purge.filter, below);
            let keep = usize::try_from(keep).unwrap_or(usize::MAX);
            chosen.truncate(chosen.len().saturating_sub(keep));
            for sequence in chosen {
                self.take(sequence, RemovedWhy::Purge, removed);
            }
        }
        Ok(before - self.chunks.count())
    }

    fn expire(
        &mut self,
        now: Timestamp,
        most: usize,
        removed: &mut Removals,
    ) -> Result<(), StoreError> {
        for _ in 0..most {
            let Some(sequence) = self.next_expired(now) else {
                break;
            };
            self.take(sequence, RemovedWhy::Age, removed);
        }
        Ok(())
    }

    fn expired(&self, now: Timestamp, most: usize) -> Result<Vec<u64>, StoreError> {
        self.expiry
            .due(now, self.limits.max_age, most, self.ageing().map(Ok))
    }

    fn next_expiry(&self) -> Option<Timestamp> {
        let by_age = self
            .limits
            .max_age
            .and_then(|max_age| Some(self.ageing().next()?.1.plus(max_age)));
        let by_ttl = self.expiry.first().map(|(deadline, _)| deadline);
        match (by_age, by_ttl) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (one, other) => one.or(other),
        }
    }

    fn load(&self, sequence: u64) -> Result<Option<Message>, StoreError> {
        Ok(self.chunks.load(sequence))
    }

    fn next(&self, filter: &Filter, from: u64) -> Result<Option<Message>, StoreError> {
        let found = if self.subjects.is_all(filter) {
            self.chunks.next(from)
        } else if let Some(literal) = filter.literal() {
            self.subjects.get(literal).and_then(|s| s.next(from))
        } else {
            Self::search(self.chunks.from(from), filter, |budget| {
                self.subjects.next(filter, from, budget)
            })
        };
        Ok(found.and_then(|sequence| self.chunks.load(sequence)))
    }

    fn previous(&self, filter: &Filter, to: u64) -> Result<Option<Message>, StoreError> {
        let found = if let Some(literal) = filter.literal() {
            self.subjects.get(literal).and_then(|s| s.previous(to))
        } else {
            Self::search(self.chunks.back_from(to), filter, |budget| {
                self.subjects.previous(filter, to, budget)
            })
        };
        Ok(found.and_then(|sequence| self.chunks.load(sequence)))
    }

    fn subject(&self, literal: &[u8]) -> Option<SubjectState> {
        self.subjects.get(literal).map(|s| s.state())
    }

    fn subjects(
        &self,
        filter: &Filter,
        visit: &mut dyn FnMut(&[u8], SubjectState) -> ControlFlow<()>,
    ) {
        self.subjects.visit(filter, |subject, sequences| {
            visit(subject, sequences.state())
        });
    }

    fn last_sequences(
        &self,
        filter: &Filter,
        up_to: u64,
        most: usize,
    ) -> Result<Option<Vec<u64>>, StoreError> {
        Ok(self.subjects.last_sequences(filter, up_to, most))
    }

    fn pending(
        &self,
        filter: &Filter,
        from: u64,
        last_per_subject: bool,
    ) -> Result<Pending, StoreError> {
        let through = self.last_sequence;
        let waiting = self.chunks.count_from(from);
        if !last_per_subject && self.subjects.is_all(filter) {
            return Ok(Pending {
                messages: waiting,
                through,
            });
        }
        if !last_per_subject
            && filter.literal().is_none()
            && let Some(counted) = self.branches.count(filter, from)
        {
            let look_to = counted.look_to.unwrap_or(0);
            let looked = self.chunks.from(from).take_while(|&(s, _)| s <= look_to);
            let matching = looked.filter(|(_, record)| filter.matches(record.subject()));
            let messages = counted.messages.saturating_add(matching.count() as u64);
            return Ok(Pending { messages, through });
        }
        // Looking at what waits is cheaper than at every subject when little waits.
        let by_index = self
            .subjects
            .pending(filter, from, last_per_subject, waiting);
        let messages = match by_index {
            Answer::Exactly(messages) => messages,
            Answer::TooMany => self.count_by_looking(filter, from, last_per_subject),
        };
        Ok(Pending { messages, through })
    }

    fn sequence_at(&self, time: Timestamp) -> Result<u64, StoreError> {
        let found = self.chunks.at_time(time);
        Ok(found.unwrap_or_else(|| self.after_last()))
    }

    fn gaps(&self, visit: &mut dyn FnMut(u64, u64) -> ControlFlow<()>) {
        let Some((first, _)) = self.chunks.first() else {
            return;
        };
        let mut expected = first;
        let present = self.chunks.from(0).map(|(sequence, _)| sequence);
        for sequence in present.chain([self.after_last()]) {
            if sequence > expected && visit(expected, sequence - expected).is_break() {
                return;
            }
            expected = sequence.saturating_add(1);
        }
    }

    fn durable_through(&self) -> u64 {
        self.state().last_sequence
    }

    fn staged(&self) -> Option<Position> {
        None
    }

    fn fault(&self) -> Option<StoreError> {
        None
    }
}

#[cfg(test)]
mod tests;
