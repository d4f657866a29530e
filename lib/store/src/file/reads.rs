//! Answers: from the indexes, and messages from chunks.

use super::stream::{FileStream, damaged};
use crate::error::StoreError;
use crate::limits::{PENDING_SCAN_MAX, SUBJECT_BUDGET};
use crate::message::{Message, Timestamp};
use crate::state::{Pending, StreamState};
use crate::store::Filter;
use crate::subjects::Answer;

impl FileStream {
    pub(super) fn figures(&self) -> StreamState {
        StreamState {
            messages: self.contents.messages,
            bytes: self.contents.bytes,
            first_sequence: self.contents.first,
            first_time: self.first_time(),
            last_sequence: self.contents.last,
            last_time: self.contents.last_time,
            subjects: self.contents.subjects.len(),
            deleted: self.contents.deleted(),
            lost: self.contents.lost.count(),
        }
    }

    pub(super) fn load_message(&self, sequence: u64) -> Result<Option<Message>, StoreError> {
        if self.contents.contains(sequence) {
            return self.fetch(sequence).map(Some);
        }
        if self.contents.lost.contains(sequence) {
            return Err(damaged(sequence, "it cannot be read"));
        }
        Ok(None)
    }

    pub(super) fn next_message(
        &self,
        filter: &Filter,
        from: u64,
    ) -> Result<Option<Message>, StoreError> {
        let found = if self.contents.subjects.is_all(filter) {
            self.contents.next(from)
        } else {
            match self.contents.subjects.next(filter, from, SUBJECT_BUDGET) {
                Answer::Exactly(found) => found,
                Answer::TooMany => return self.scan_forward(filter, from),
            }
        };
        self.pass_lost(from, found.unwrap_or(u64::MAX))?;
        found.map(|sequence| self.fetch(sequence)).transpose()
    }

    /// So many subjects match that a message of them is near.
    fn scan_forward(&self, filter: &Filter, from: u64) -> Result<Option<Message>, StoreError> {
        let mut at = from;
        while let Some(next) = self.contents.next(at) {
            self.pass_lost(at, next)?;
            let message = self.fetch(next)?;
            if filter.matches(message.subject()) {
                return Ok(Some(message));
            }
            at = next.saturating_add(1);
        }
        self.pass_lost(at, u64::MAX)?;
        Ok(None)
    }

    /// A message that cannot be read might be the one that is looked for: it is an error, never passed over.
    fn pass_lost(&self, from: u64, to: u64) -> Result<(), StoreError> {
        if self.contents.lost.is_empty() {
            return Ok(());
        }
        match self.contents.lost.next(from) {
            Some(lost) if lost < to => Err(damaged(lost, "it cannot be read")),
            _ => Ok(()),
        }
    }

    pub(super) fn previous_message(
        &self,
        filter: &Filter,
        to: u64,
    ) -> Result<Option<Message>, StoreError> {
        let found = if filter.is_all() {
            self.contents.previous(to)
        } else {
            match self.contents.subjects.previous(filter, to, SUBJECT_BUDGET) {
                Answer::Exactly(found) => found,
                Answer::TooMany => return self.scan_backward(filter, to),
            }
        };
        self.pass_lost(found.unwrap_or(0), to)?;
        found.map(|sequence| self.fetch(sequence)).transpose()
    }

    fn scan_backward(&self, filter: &Filter, to: u64) -> Result<Option<Message>, StoreError> {
        let mut at = to;
        while let Some(next) = self.contents.previous(at) {
            self.pass_lost(next, at)?;
            let message = self.fetch(next)?;
            if filter.matches(message.subject()) {
                return Ok(Some(message));
            }
            let Some(before) = next.checked_sub(1) else {
                break;
            };
            at = before;
        }
        Ok(None)
    }

    pub(super) fn count_pending(
        &self,
        filter: &Filter,
        from: u64,
        last_per_subject: bool,
    ) -> Result<Pending, StoreError> {
        let contents = &self.contents;
        let messages = if !last_per_subject && contents.subjects.is_all(filter) {
            let from = from.max(contents.first);
            let span = contents.last.saturating_add(1).saturating_sub(from);
            if contents.messages == 0 {
                0
            } else {
                span.saturating_sub(contents.missing.count_from(from))
            }
        } else {
            self.count_filtered(filter, from, last_per_subject)?
        };
        Ok(Pending {
            messages,
            through: contents.last,
        })
    }

    /// From the counters of branches; from the index; from the messages themselves when those are fewer than the subjects to look at.
    fn count_filtered(
        &self,
        filter: &Filter,
        from: u64,
        last_per_subject: bool,
    ) -> Result<u64, StoreError> {
        if !last_per_subject
            && filter.literal().is_none()
            && let Some(counted) = self.contents.branches.count(filter, from)
        {
            let here = match counted.look_to {
                Some(to) => self.count_by_looking(filter, from, to)?,
                None => 0,
            };
            return Ok(counted.messages.saturating_add(here));
        }
        let waiting = self.contents.last.saturating_add(1).saturating_sub(from);
        let few = waiting < PENDING_SCAN_MAX && !last_per_subject;
        let budget = if few { SUBJECT_BUDGET } else { u64::MAX };
        let subjects = &self.contents.subjects;
        match subjects.pending(filter, from, last_per_subject, budget) {
            Answer::Exactly(count) => Ok(count),
            Answer::TooMany => self.count_by_looking(filter, from, u64::MAX),
        }
    }

    fn count_by_looking(&self, filter: &Filter, from: u64, to: u64) -> Result<u64, StoreError> {
        let mut count = 0_u64;
        let mut at = from;
        while let Some(next) = self.contents.next(at).filter(|&next| next <= to) {
            if filter.matches(self.fetch(next)?.subject()) {
                count = count.saturating_add(1);
            }
            at = next.saturating_add(1);
        }
        Ok(count)
    }

    pub(super) fn first_not_older(&self, time: Timestamp) -> Result<u64, StoreError> {
        for block in &self.blocks.all {
            for place in &block.chunks {
                if place.newest < time || place.last < self.contents.first {
                    continue;
                }
                let chunk = self.chunk_at(block, place)?;
                let found = chunk
                    .records()
                    .find(|r| r.time >= time && self.contents.contains(r.sequence));
                if let Some(record) = found {
                    return Ok(record.sequence);
                }
            }
        }
        let mut from = self.tail.first;
        while !self.tail.is_empty()
            && let Some(next) = self.contents.next(from)
        {
            let found = self.tail.record_at(next);
            if found.is_some_and(|(_, record)| record.time >= time) {
                return Ok(next);
            }
            from = next.saturating_add(1);
        }
        Ok(self.contents.last.saturating_add(1))
    }
}
