//! A stream's messages in memory: lost when the process ends, and nothing to wait for before an acknowledgement.
//!
//! **Who may call.** Stream machines, through [`StreamStore`]. **What never happens here.** No clock, no locks, no I/O; an append fails
//! only when its sequence is not a new one or the message is larger than the format allows.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use bytes::Bytes;

use crate::error::StoreError;
use crate::message::{Message, NewMessage, Storage, Timestamp, Ttl};
use crate::state::{Limits, Pending, Removals, Removed, RemovedWhy, StreamState, SubjectState};
use crate::store::{Erase, Filter, Position, Purge, StreamStore};

/// Messages of one stream, in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    limits: Limits,
    messages: BTreeMap<u64, Stored>,
    /// Sequences of each subject that has messages.
    subjects: BTreeMap<Box<[u8]>, BTreeSet<u64>>,
    /// Messages with a TTL of their own, by the time they expire.
    deadlines: BTreeSet<(Timestamp, u64)>,
    bytes: u64,
    last_sequence: u64,
    last_time: Timestamp,
}

#[derive(Debug)]
struct Stored {
    message: Message,
    ttl: Ttl,
}

impl Stored {
    fn size(&self) -> u64 {
        Storage::Memory.message_size(
            self.message.subject().len(),
            self.message.headers().len(),
            self.message.payload().len(),
        )
    }
}

impl MemoryStore {
    /// An empty store with these limits. To begin at another sequence than 1, purge it with `below`.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    fn first_sequence(&self) -> u64 {
        self.messages
            .keys()
            .next()
            .copied()
            .unwrap_or_else(|| self.last_sequence.saturating_add(1))
    }

    fn take(&mut self, sequence: u64, why: RemovedWhy, removed: &mut Removals) -> bool {
        let Some(stored) = self.messages.remove(&sequence) else {
            return false;
        };
        let size = stored.size();
        self.bytes = self.bytes.saturating_sub(size);
        if let Ttl::Until(deadline) = stored.ttl {
            self.deadlines.remove(&(deadline, sequence));
        }
        let subject = stored.message.subject();
        let mut last_of_subject = true;
        if let Some(sequences) = self.subjects.get_mut(subject) {
            sequences.remove(&sequence);
            last_of_subject = sequences.is_empty();
        }
        if last_of_subject {
            self.subjects.remove(subject);
        }
        removed.push(Removed {
            sequence,
            subject,
            size,
            why,
            last_of_subject,
        });
        true
    }

    fn take_first(&mut self, removed: &mut Removals) -> bool {
        let first = self.first_sequence();
        self.take(first, RemovedWhy::Limit, removed)
    }

    fn enforce_subject(&mut self, subject: &[u8], removed: &mut Removals) {
        let Some(most) = self.limits.max_per_subject else {
            return;
        };
        while let Some(sequences) = self.subjects.get(subject)
            && sequences.len() as u64 > most
            && let Some(&first) = sequences.first()
        {
            self.take(first, RemovedWhy::Limit, removed);
        }
    }

    fn enforce_totals(&mut self, removed: &mut Removals) {
        let most = self.limits.max_messages.unwrap_or(u64::MAX);
        while self.messages.len() as u64 > most && self.take_first(removed) {}
        let most = self.limits.max_bytes.unwrap_or(u64::MAX);
        while self.bytes > most && self.take_first(removed) {}
    }

    /// The message that `max_age` removes next: the first one that has not `Ttl::Never`.
    fn oldest(&self) -> Option<(u64, Timestamp)> {
        self.messages
            .iter()
            .find(|(_, stored)| stored.ttl != Ttl::Never)
            .map(|(&sequence, stored)| (sequence, stored.message.time))
    }

    fn matching<'a>(
        &'a self,
        filter: &'a Filter,
    ) -> impl Iterator<Item = (&'a [u8], &'a BTreeSet<u64>)> {
        self.subjects
            .iter()
            .filter(|(subject, _)| filter.matches(subject))
            .map(|(subject, sequences)| (&**subject, sequences))
    }
}

fn subject_state(sequences: &BTreeSet<u64>) -> SubjectState {
    SubjectState {
        messages: sequences.len() as u64,
        first_sequence: sequences.first().copied().unwrap_or_default(),
        last_sequence: sequences.last().copied().unwrap_or_default(),
    }
}

impl StreamStore for MemoryStore {
    fn storage(&self) -> Storage {
        Storage::Memory
    }

    fn state(&self) -> StreamState {
        let messages = self.messages.len() as u64;
        let first_sequence = self.first_sequence();
        let span = self
            .last_sequence
            .saturating_add(1)
            .saturating_sub(first_sequence);
        StreamState {
            messages,
            bytes: self.bytes,
            first_sequence,
            first_time: self
                .messages
                .first_key_value()
                .map(|(_, stored)| stored.message.time)
                .unwrap_or_default(),
            last_sequence: self.last_sequence,
            last_time: self.last_time,
            subjects: self.subjects.len() as u64,
            deleted: span.saturating_sub(messages),
            lost: 0,
        }
    }

    fn limits(&self) -> Limits {
        self.limits
    }

    fn set_limits(&mut self, limits: Limits, removed: &mut Removals) -> Result<(), StoreError> {
        self.limits = limits;
        if let Some(most) = limits.max_per_subject {
            let over: Vec<Box<[u8]>> = self
                .subjects
                .iter()
                .filter(|(_, sequences)| sequences.len() as u64 > most)
                .map(|(subject, _)| subject.clone())
                .collect();
            for subject in over {
                self.enforce_subject(&subject, removed);
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
        let headers_at = message.subject.len();
        let payload_at = headers_at.saturating_add(message.headers.len());
        let size = payload_at.saturating_add(message.payload.len());
        let marks = (u32::try_from(headers_at), u32::try_from(payload_at));
        let (Ok(headers_at), Ok(payload_at), Ok(_)) = (marks.0, marks.1, u32::try_from(size))
        else {
            return Err(StoreError::TooLarge {
                size: size as u64,
                max: u64::from(u32::MAX),
            });
        };
        let bytes = [message.subject, message.headers, message.payload].concat();
        let stored = Stored {
            message: Message::new(
                sequence,
                message.time,
                Bytes::from(bytes),
                headers_at,
                payload_at,
            ),
            ttl: message.ttl,
        };
        self.bytes = self.bytes.saturating_add(stored.size());
        self.messages.insert(sequence, stored);
        self.subjects
            .entry(message.subject.into())
            .or_default()
            .insert(sequence);
        if let Ttl::Until(deadline) = message.ttl {
            self.deadlines.insert((deadline, sequence));
        }
        self.last_sequence = sequence;
        self.last_time = message.time;
        self.enforce_subject(message.subject, removed);
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
        let below = purge.below.unwrap_or(u64::MAX);
        let mut sequences: Vec<u64> = self
            .messages
            .range(..below)
            .filter(|(_, stored)| purge.filter.matches(stored.message.subject()))
            .map(|(&sequence, _)| sequence)
            .collect();
        if let Some(keep) = purge.keep {
            let keep = usize::try_from(keep).unwrap_or(usize::MAX);
            sequences.truncate(sequences.len().saturating_sub(keep));
        }
        for &sequence in &sequences {
            self.take(sequence, RemovedWhy::Purge, removed);
        }
        if let (true, Some(below), None) = (purge.filter.is_all(), purge.below, purge.keep) {
            self.last_sequence = self.last_sequence.max(below.saturating_sub(1));
        }
        Ok(sequences.len() as u64)
    }

    fn expire(
        &mut self,
        now: Timestamp,
        most: usize,
        removed: &mut Removals,
    ) -> Result<(), StoreError> {
        for _ in 0..most {
            let aged = self
                .limits
                .max_age
                .and_then(|max_age| {
                    let (sequence, time) = self.oldest()?;
                    (time.plus(max_age) <= now).then_some(sequence)
                })
                .or_else(|| {
                    let &(deadline, sequence) = self.deadlines.first()?;
                    (deadline <= now).then_some(sequence)
                });
            let Some(sequence) = aged else { break };
            self.take(sequence, RemovedWhy::Age, removed);
        }
        Ok(())
    }

    fn expired(&self, now: Timestamp, most: usize) -> Result<Vec<u64>, StoreError> {
        let ageing = self.messages.iter().filter(|(_, s)| s.ttl != Ttl::Never);
        let is_old = |time: Timestamp| {
            let max_age = self.limits.max_age;
            max_age.is_some_and(|max_age| time.plus(max_age) <= now)
        };
        let by_age: BTreeSet<u64> = ageing
            .take_while(|(_, stored)| is_old(stored.message.time))
            .map(|(&sequence, _)| sequence)
            .take(most)
            .collect();
        let by_ttl = self
            .deadlines
            .iter()
            .take_while(|(deadline, _)| *deadline <= now)
            .map(|&(_, sequence)| sequence)
            .filter(|sequence| !by_age.contains(sequence));
        Ok(by_age.iter().copied().chain(by_ttl).take(most).collect())
    }

    fn next_expiry(&self) -> Option<Timestamp> {
        let by_age = self
            .limits
            .max_age
            .and_then(|max_age| Some(self.oldest()?.1.plus(max_age)));
        let by_ttl = self.deadlines.first().map(|&(deadline, _)| deadline);
        match (by_age, by_ttl) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (one, other) => one.or(other),
        }
    }

    fn load(&self, sequence: u64) -> Result<Option<Message>, StoreError> {
        Ok(self
            .messages
            .get(&sequence)
            .map(|stored| stored.message.clone()))
    }

    fn next(&self, filter: &Filter, from: u64) -> Result<Option<Message>, StoreError> {
        Ok(self
            .messages
            .range(from..)
            .map(|(_, stored)| &stored.message)
            .find(|message| filter.matches(message.subject()))
            .cloned())
    }

    fn previous(&self, filter: &Filter, to: u64) -> Result<Option<Message>, StoreError> {
        Ok(self
            .messages
            .range(..=to)
            .rev()
            .map(|(_, stored)| &stored.message)
            .find(|message| filter.matches(message.subject()))
            .cloned())
    }

    fn subject(&self, literal: &[u8]) -> Option<SubjectState> {
        self.subjects.get(literal).map(subject_state)
    }

    fn subjects(
        &self,
        filter: &Filter,
        visit: &mut dyn FnMut(&[u8], SubjectState) -> ControlFlow<()>,
    ) {
        for (subject, sequences) in self.matching(filter) {
            if visit(subject, subject_state(sequences)).is_break() {
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
        let mut last: Vec<u64> = self
            .matching(filter)
            .filter_map(|(_, sequences)| sequences.range(..=up_to).next_back().copied())
            .take(most.saturating_add(1))
            .collect();
        last.sort_unstable();
        Ok((last.len() <= most).then_some(last))
    }

    fn pending(
        &self,
        filter: &Filter,
        from: u64,
        last_per_subject: bool,
    ) -> Result<Pending, StoreError> {
        let messages = self
            .matching(filter)
            .map(|(_, sequences)| {
                if last_per_subject {
                    u64::from(sequences.last().is_some_and(|&last| last >= from))
                } else {
                    sequences.range(from..).count() as u64
                }
            })
            .sum();
        Ok(Pending {
            messages,
            through: self.last_sequence,
        })
    }

    fn sequence_at(&self, time: Timestamp) -> Result<u64, StoreError> {
        Ok(self
            .messages
            .iter()
            .find(|(_, stored)| stored.message.time >= time)
            .map_or_else(
                || self.last_sequence.saturating_add(1),
                |(&sequence, _)| sequence,
            ))
    }

    fn gaps(&self, visit: &mut dyn FnMut(u64, u64) -> ControlFlow<()>) {
        if self.messages.is_empty() {
            return;
        }
        let mut expected = self.first_sequence();
        let after_last = self.last_sequence.saturating_add(1);
        let ends = self.messages.keys().copied().chain([after_last]);
        for present in ends {
            if present > expected && visit(expected, present.saturating_sub(expected)).is_break() {
                return;
            }
            expected = present.saturating_add(1);
        }
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
