//! The naive store: a list of messages, and every answer by looking at all of them.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use bytes::Bytes;

use crate::error::StoreError;
use crate::message::{Message, NewMessage, Storage, Timestamp, Ttl};
use crate::state::{Limits, Pending, Removals, Removed, RemovedWhy, StreamState, SubjectState};
use crate::store::{Erase, Filter, Position, Purge, StreamStore};

/// See the module. Ascending by sequence.
#[derive(Debug, Clone)]
pub struct NaiveStore {
    storage: Storage,
    limits: Limits,
    kept: Vec<Kept>,
    last_sequence: u64,
    last_time: Timestamp,
}

#[derive(Debug, Clone)]
struct Kept {
    message: Message,
    ttl: Ttl,
}

impl NaiveStore {
    /// A model of a store that counts bytes as `storage` does.
    pub fn new(storage: Storage, limits: Limits) -> Self {
        Self {
            storage,
            limits,
            kept: Vec::new(),
            last_sequence: 0,
            last_time: Timestamp::default(),
        }
    }

    /// Sequences of everything that is there.
    pub fn sequences(&self) -> impl Iterator<Item = u64> {
        self.kept.iter().map(|kept| kept.message.sequence)
    }

    fn size(&self, kept: &Kept) -> u64 {
        let message = &kept.message;
        self.storage.message_size(
            message.subject().len(),
            message.headers().len(),
            message.payload().len(),
        )
    }

    fn bytes(&self) -> u64 {
        self.kept.iter().map(|kept| self.size(kept)).sum()
    }

    fn take(&mut self, index: usize, why: RemovedWhy, removed: &mut Removals) {
        let kept = self.kept.remove(index);
        let subject = kept.message.subject();
        removed.push(Removed {
            sequence: kept.message.sequence,
            subject,
            size: self.size(&kept),
            why,
            last_of_subject: self.kept.iter().all(|k| k.message.subject() != subject),
        });
    }

    fn enforce_subject(&mut self, subject: &[u8], removed: &mut Removals) {
        let most = self.limits.max_per_subject.unwrap_or(u64::MAX);
        loop {
            let mut of_subject = (0..self.kept.len())
                .filter(|&i| self.kept[i].message.subject() == subject)
                .collect::<Vec<_>>()
                .into_iter();
            if of_subject.len() as u64 <= most {
                return;
            }
            let Some(first) = of_subject.next() else {
                return;
            };
            self.take(first, RemovedWhy::Limit, removed);
        }
    }

    fn enforce_totals(&mut self, removed: &mut Removals) {
        while self.kept.len() as u64 > self.limits.max_messages.unwrap_or(u64::MAX)
            || self.bytes() > self.limits.max_bytes.unwrap_or(u64::MAX)
        {
            self.take(0, RemovedWhy::Limit, removed);
        }
    }

    fn by_subject(&self, filter: &Filter) -> BTreeMap<&[u8], Vec<u64>> {
        let mut subjects: BTreeMap<&[u8], Vec<u64>> = BTreeMap::new();
        for kept in &self.kept {
            let subject = kept.message.subject();
            if filter.matches(subject) {
                let sequences = subjects.entry(subject).or_default();
                sequences.push(kept.message.sequence);
            }
        }
        subjects
    }

    /// Which message expires next: first what `max_age` takes from the front, messages that never expire left out; then TTLs in the order
    /// in which they end, and of their sequences.
    fn expiring(&self, now: Timestamp) -> Option<usize> {
        let front = self.kept.iter().position(|kept| kept.ttl != Ttl::Never);
        if let (Some(front), Some(max_age)) = (front, self.limits.max_age)
            && self.kept[front].message.time.plus(max_age) <= now
        {
            return Some(front);
        }
        let deadlines = self.kept.iter().enumerate().filter_map(|(i, kept)| {
            let Ttl::Until(deadline) = kept.ttl else {
                return None;
            };
            (deadline <= now).then_some((deadline, i))
        });
        deadlines.min().map(|(_, i)| i)
    }
}

fn subject_state(sequences: &[u64]) -> SubjectState {
    SubjectState {
        messages: sequences.len() as u64,
        first_sequence: sequences.first().copied().unwrap_or_default(),
        last_sequence: sequences.last().copied().unwrap_or_default(),
    }
}

impl StreamStore for NaiveStore {
    fn storage(&self) -> Storage {
        self.storage
    }

    fn state(&self) -> StreamState {
        let first = self.kept.first();
        let messages = self.kept.len() as u64;
        let first_sequence = first.map_or(self.last_sequence + 1, |k| k.message.sequence);
        StreamState {
            messages,
            bytes: self.bytes(),
            first_sequence,
            first_time: first.map_or_else(Timestamp::default, |k| k.message.time),
            last_sequence: self.last_sequence,
            last_time: self.last_time,
            subjects: self.by_subject(&Filter::ALL).len() as u64,
            deleted: self.last_sequence + 1 - first_sequence - messages,
            lost: 0,
        }
    }

    fn limits(&self) -> Limits {
        self.limits
    }

    fn set_limits(&mut self, limits: Limits, removed: &mut Removals) -> Result<(), StoreError> {
        self.limits = limits;
        let subjects: Vec<Vec<u8>> = self
            .by_subject(&Filter::ALL)
            .into_keys()
            .map(<[u8]>::to_vec)
            .collect();
        for subject in subjects {
            self.enforce_subject(&subject, removed);
        }
        self.enforce_totals(removed);
        Ok(())
    }

    fn append(
        &mut self,
        sequence: u64,
        new: &NewMessage<'_>,
        removed: &mut Removals,
    ) -> Result<(), StoreError> {
        if sequence <= self.last_sequence {
            return Err(StoreError::OutOfOrder {
                given: sequence,
                last: self.last_sequence,
            });
        }
        let bytes = [new.subject, new.headers, new.payload].concat();
        let headers_at = u32::try_from(new.subject.len()).unwrap_or(u32::MAX);
        let headers = u32::try_from(new.headers.len()).unwrap_or(u32::MAX);
        let payload_at = headers_at.saturating_add(headers);
        self.kept.push(Kept {
            message: Message::new(
                sequence,
                new.time,
                Bytes::from(bytes),
                headers_at,
                payload_at,
            ),
            ttl: new.ttl,
        });
        self.last_sequence = sequence;
        self.last_time = new.time;
        self.enforce_subject(new.subject, removed);
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
        _: Erase,
        removed: &mut Removals,
    ) -> Result<bool, StoreError> {
        let found = self
            .kept
            .iter()
            .position(|kept| kept.message.sequence == sequence);
        if let Some(index) = found {
            self.take(index, RemovedWhy::Asked, removed);
        }
        Ok(found.is_some())
    }

    fn purge(&mut self, purge: &Purge, removed: &mut Removals) -> Result<u64, StoreError> {
        let mut chosen: Vec<u64> = self
            .kept
            .iter()
            .filter(|kept| purge.filter.matches(kept.message.subject()))
            .map(|kept| kept.message.sequence)
            .filter(|&sequence| purge.below.is_none_or(|below| sequence < below))
            .collect();
        if let Some(keep) = purge.keep {
            let keep = usize::try_from(keep).unwrap_or(usize::MAX);
            chosen.truncate(chosen.len().saturating_sub(keep));
        }
        for &sequence in &chosen {
            let index = self
                .kept
                .iter()
                .position(|kept| kept.message.sequence == sequence);
            if let Some(index) = index {
                self.take(index, RemovedWhy::Purge, removed);
            }
        }
        if let (true, Some(below), None) = (purge.filter.is_all(), purge.below, purge.keep) {
            self.last_sequence = self.last_sequence.max(below.saturating_sub(1));
        }
        Ok(chosen.len() as u64)
    }

    fn expire(
        &mut self,
        now: Timestamp,
        most: usize,
        removed: &mut Removals,
    ) -> Result<(), StoreError> {
        for _ in 0..most {
            let Some(index) = self.expiring(now) else {
                return Ok(());
            };
            self.take(index, RemovedWhy::Age, removed);
        }
        Ok(())
    }

    fn expired(&self, now: Timestamp, most: usize) -> Result<Vec<u64>, StoreError> {
        let mut rest = self.clone();
        let mut removed = Removals::default();
        rest.expire(now, most, &mut removed)?;
        Ok(removed.iter().map(|removed| removed.sequence).collect())
    }

    fn next_expiry(&self) -> Option<Timestamp> {
        let front = self.kept.iter().find(|kept| kept.ttl != Ttl::Never);
        let by_age = self
            .limits
            .max_age
            .and_then(|max_age| Some(front?.message.time.plus(max_age)));
        let deadlines = self.kept.iter().filter_map(|kept| match kept.ttl {
            Ttl::Until(deadline) => Some(deadline),
            _ => None,
        });
        deadlines.chain(by_age).min()
    }

    fn load(&self, sequence: u64) -> Result<Option<Message>, StoreError> {
        let found = self
            .kept
            .iter()
            .find(|kept| kept.message.sequence == sequence);
        Ok(found.map(|kept| kept.message.clone()))
    }

    fn next(&self, filter: &Filter, from: u64) -> Result<Option<Message>, StoreError> {
        let found = self
            .kept
            .iter()
            .find(|kept| kept.message.sequence >= from && filter.matches(kept.message.subject()));
        Ok(found.map(|kept| kept.message.clone()))
    }

    fn previous(&self, filter: &Filter, to: u64) -> Result<Option<Message>, StoreError> {
        let found = self
            .kept
            .iter()
            .rev()
            .find(|kept| kept.message.sequence <= to && filter.matches(kept.message.subject()));
        Ok(found.map(|kept| kept.message.clone()))
    }

    fn subject(&self, literal: &[u8]) -> Option<SubjectState> {
        let subjects = self.by_subject(&Filter::ALL);
        subjects.get(literal).map(|s| subject_state(s))
    }

    fn subjects(
        &self,
        filter: &Filter,
        visit: &mut dyn FnMut(&[u8], SubjectState) -> ControlFlow<()>,
    ) {
        for (subject, sequences) in self.by_subject(filter) {
            if visit(subject, subject_state(&sequences)).is_break() {
                return;
            }
        }
    }

    fn last_sequences(
        &self,
        filter: &Filter,
        up_to: u64,
        most: usize,
    ) -> Result<Option<Vec<u64>>, StoreError> {
        let mut found: Vec<u64> = self
            .by_subject(filter)
            .into_values()
            .filter_map(|sequences| sequences.into_iter().filter(|&s| s <= up_to).max())
            .collect();
        found.sort_unstable();
        Ok((found.len() <= most).then_some(found))
    }

    fn pending(
        &self,
        filter: &Filter,
        from: u64,
        last_per_subject: bool,
    ) -> Result<Pending, StoreError> {
        let messages = self
            .by_subject(filter)
            .into_values()
            .map(|sequences| {
                let waiting = sequences.iter().filter(|&&s| s >= from).count();
                if last_per_subject {
                    waiting.min(1) as u64
                } else {
                    waiting as u64
                }
            })
            .sum();
        Ok(Pending {
            messages,
            through: self.last_sequence,
        })
    }

    fn sequence_at(&self, time: Timestamp) -> Result<u64, StoreError> {
        let found = self.kept.iter().find(|kept| kept.message.time >= time);
        Ok(found.map_or(self.last_sequence + 1, |kept| kept.message.sequence))
    }

    fn gaps(&self, visit: &mut dyn FnMut(u64, u64) -> ControlFlow<()>) {
        let first = self.state().first_sequence;
        let mut gap: Option<(u64, u64)> = None;
        for sequence in first..=self.last_sequence {
            let there = self.sequences().any(|s| s == sequence);
            gap = match (gap, there) {
                (None, true) => None,
                (None, false) => Some((sequence, 1)),
                (Some((start, count)), false) => Some((start, count + 1)),
                (Some((start, count)), true) => {
                    if visit(start, count).is_break() {
                        return;
                    }
                    None
                }
            };
        }
        if let Some((start, count)) = gap {
            let _ = visit(start, count);
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
