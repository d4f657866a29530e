//! Removals of every kind: which sequences, staged as one entry, then taken out.

use super::stream::{FileStream, damaged};
use crate::error::StoreError;
use crate::message::{Message, Timestamp, Ttl};
use crate::state::{Limits, Removals, RemovedWhy};
use crate::store::Erase;

/// Messages taken out under one entry of the log, at most: bounds the entry and the messages held in memory meanwhile.
const REMOVE_AT_ONCE: usize = 65_536;

impl FileStream {
    pub(super) fn apply_limits(
        &mut self,
        limits: Limits,
        removed: &mut Removals,
    ) -> Result<(), StoreError> {
        if self.is_fenced {
            // They are enforced when the stream can be read again.
            self.limits = limits;
            return Ok(());
        }
        self.refuse()?;
        let gone = self.over_limits(&limits)?;
        self.take_out(&gone, 0, RemovedWhy::Limit, removed)?;
        self.limits = limits;
        Ok(())
    }

    /// What these limits take from what is there, in the order in which it goes.
    fn over_limits(&self, limits: &Limits) -> Result<Vec<u64>, StoreError> {
        let mut gone = Vec::new();
        if let Some(most) = limits.max_per_subject {
            self.contents.subjects.above(most, |_, sequences| {
                let mut over = sequences.count().saturating_sub(most);
                let mut from = 0;
                while over > 0
                    && let Some(next) = sequences.next(from)
                {
                    gone.push(next);
                    from = next.saturating_add(1);
                    over = over.saturating_sub(1);
                }
            });
        }
        let mut messages = self.contents.messages.saturating_sub(gone.len() as u64);
        let mut bytes = self.contents.bytes;
        if limits.max_bytes.is_some() {
            for sequence in &gone {
                bytes = bytes.saturating_sub(super::stream::size_of(&self.fetch(*sequence)?));
            }
        }
        let mut already = gone.clone();
        already.sort_unstable();
        let mut from = 0;
        while messages > limits.max_messages.unwrap_or(u64::MAX)
            || bytes > limits.max_bytes.unwrap_or(u64::MAX)
        {
            let Some(next) = self.contents.next(from) else {
                break;
            };
            from = next.saturating_add(1);
            if already.binary_search(&next).is_ok() {
                continue;
            }
            if limits.max_bytes.is_some() {
                bytes = bytes.saturating_sub(super::stream::size_of(&self.fetch(next)?));
            }
            messages = messages.saturating_sub(1);
            gone.push(next);
        }
        Ok(gone)
    }

    /// Removes these, which are there, and makes the last sequence at least `last`. One entry of the log: all or nothing survives a crash.
    pub(super) fn take_out(
        &mut self,
        gone: &[u64],
        last: u64,
        why: RemovedWhy,
        removed: &mut Removals,
    ) -> Result<(), StoreError> {
        if gone.is_empty() && last <= self.contents.last {
            return Ok(());
        }
        self.refuse_fenced()?;
        // Everything is read before anything changes, as far as that fits.
        let mut found: Vec<(Message, Ttl)> = Vec::new();
        for sequence in gone.iter().take(REMOVE_AT_ONCE) {
            found.push(self.fetch_with_ttl(*sequence)?);
        }
        let mut sorted = gone.to_vec();
        self.stage_marks(&mut sorted, last)?;
        for (sequence, (message, ttl)) in gone.iter().zip(&found) {
            self.drop_message(*sequence, message, *ttl, why, removed);
        }
        for sequence in gone.iter().skip(REMOVE_AT_ONCE) {
            match self.fetch_with_ttl(*sequence) {
                Ok((message, ttl)) => self.drop_message(*sequence, &message, ttl, why, removed),
                // It is removed as far as the log is concerned; what is derived follows when the stream is opened again.
                Err(error) => self.fault = Some(error),
            }
        }
        self.contents.reach(last);
        self.after_write();
        Ok(())
    }

    pub(super) fn skip_to(&mut self, last: u64) -> Result<(), StoreError> {
        if last < self.contents.last {
            return Err(StoreError::OutOfOrder {
                given: last,
                last: self.contents.last,
            });
        }
        if last > self.contents.last {
            self.refuse()?;
            self.stage_marks(&mut [], last)?;
            self.contents.reach(last);
        }
        Ok(())
    }

    pub(super) fn remove_one(
        &mut self,
        sequence: u64,
        erase: Erase,
        removed: &mut Removals,
    ) -> Result<bool, StoreError> {
        self.refuse_fenced()?;
        if !self.contents.contains(sequence) {
            if self.contents.lost.contains(sequence) {
                return Err(damaged(sequence, "it cannot be read"));
            }
            return Ok(false);
        }
        if erase == Erase::Secure {
            return self.erase(sequence, removed).map(|()| true);
        }
        let (message, ttl) = self.fetch_with_ttl(sequence)?;
        self.stage_marks(&mut [sequence], 0)?;
        self.drop_message(sequence, &message, ttl, RemovedWhy::Asked, removed);
        self.after_write();
        Ok(true)
    }

    pub(super) fn expire_messages(
        &mut self,
        now: Timestamp,
        most: usize,
        removed: &mut Removals,
    ) -> Result<(), StoreError> {
        let gone = self.expired_messages(now, most)?;
        self.take_out(&gone, 0, RemovedWhy::Age, removed)
    }

    /// First what `max_age` takes from the front, then TTLs in the order in which they end.
    pub(super) fn expired_messages(
        &self,
        now: Timestamp,
        most: usize,
    ) -> Result<Vec<u64>, StoreError> {
        if self.is_fenced {
            return Ok(Vec::new());
        }
        let mut from = 0;
        let ageing = std::iter::from_fn(|| {
            let next = self.next_ageing(from)?;
            from = next.saturating_add(1);
            Some(self.time_of(next).map(|time| (next, time)))
        });
        self.contents
            .expiry
            .due(now, self.limits.max_age, most, ageing)
    }

    /// The first message at or behind `from` that `max_age` may take.
    fn next_ageing(&self, from: u64) -> Option<u64> {
        let mut from = from;
        loop {
            let next = self.contents.next(from)?;
            let may = self.contents.expiry.may_age(next);
            if may == next {
                return Some(next);
            }
            from = may;
        }
    }

    fn time_of(&self, sequence: u64) -> Result<Timestamp, StoreError> {
        if sequence == self.contents.first {
            return Ok(self.first_time());
        }
        Ok(self.fetch(sequence)?.time)
    }

    pub(super) fn next_to_expire(&self) -> Option<Timestamp> {
        if self.is_fenced {
            return None;
        }
        let by_ttl = self.contents.expiry.first().map(|(deadline, _)| deadline);
        let by_age = self.limits.max_age.and_then(|max_age| {
            let next = self.next_ageing(0)?;
            Some(self.time_of(next).ok()?.plus(max_age))
        });
        match (by_age, by_ttl) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (one, other) => one.or(other),
        }
    }
}
