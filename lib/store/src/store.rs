//! The one trait behind which streams keep their messages.

use std::ops::ControlFlow;

use nats_proto::subject;

use crate::error::StoreError;
use crate::message::{Message, NewMessage, Storage, Timestamp};
use crate::state::{Limits, Pending, Removals, StreamState, SubjectState};

/// Which subjects: none given is every subject; else any of the patterns, which do not overlap.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    patterns: Vec<Box<[u8]>>,
}

impl Filter {
    /// Every subject.
    pub const ALL: Self = Self {
        patterns: Vec::new(),
    };

    /// Any of these patterns. `>` among them makes it [`Filter::ALL`].
    pub fn any<P: AsRef<[u8]>>(patterns: impl IntoIterator<Item = P>) -> Self {
        let patterns: Vec<Box<[u8]>> = patterns.into_iter().map(|p| p.as_ref().into()).collect();
        if patterns.iter().any(|p| &**p == b">") {
            return Self::ALL;
        }
        Self { patterns }
    }

    pub fn is_all(&self) -> bool {
        self.patterns.is_empty()
    }

    pub fn patterns(&self) -> &[Box<[u8]>] {
        &self.patterns
    }

    /// The one literal subject, when the filter is just that.
    pub fn literal(&self) -> Option<&[u8]> {
        match &*self.patterns {
            [one] if !subject::has_wildcard(one) => Some(one),
            _ => None,
        }
    }

    pub fn matches(&self, literal: &[u8]) -> bool {
        self.is_all() || self.patterns.iter().any(|p| subject::matches(literal, p))
    }
}

/// What a purge takes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Purge {
    pub filter: Filter,
    /// Only messages below this sequence. `None`: all.
    pub below: Option<u64>,
    /// Leave this many of the newest (of the filtered ones). Excludes `below`.
    pub keep: Option<u64>,
}

/// How a message by sequence is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Erase {
    /// Forgotten; its bytes go when its file does.
    No,
    /// Overwritten where it lies, before the removal is durable.
    Secure,
}

/// How far along its log a store must be durable for everything it did so far to survive a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position(pub u64);

/// The part of a checkpoint that waits for the disk.
pub type Upkeep = Box<dyn FnOnce() -> Result<(), StoreError> + Send>;

/// Messages by sequence, with the indexes that JetStream needs. One owner; no locks; nobody else writes.
///
/// Every write takes effect at once for reads, and becomes durable when the log has committed [`StreamStore::staged`]. After an error of a
/// write the store is as it was before that call, or frozen ([`StoreError::Frozen`]).
pub trait StreamStore: Send {
    fn storage(&self) -> Storage;

    fn state(&self) -> StreamState;

    fn limits(&self) -> Limits;

    /// Sets the limits and enforces them.
    fn set_limits(&mut self, limits: Limits, removed: &mut Removals) -> Result<(), StoreError>;

    /// Appends under `sequence`, which must be above the last one (sequences left out count as deleted), then enforces the limits.
    /// What went because of them stands in `removed` and is durable together with this message.
    fn append(
        &mut self,
        sequence: u64,
        message: &NewMessage<'_>,
        removed: &mut Removals,
    ) -> Result<(), StoreError>;

    /// Makes `last` the last sequence; those between the old last and it count as deleted. Times of the state do not change.
    fn skip(&mut self, last: u64) -> Result<(), StoreError>;

    /// Removes one message. False when there is none (any more).
    fn remove(
        &mut self,
        sequence: u64,
        erase: Erase,
        removed: &mut Removals,
    ) -> Result<bool, StoreError>;

    /// Removes what the purge says; the number of messages removed. A purge of everything leaves `first_sequence` at `last_sequence + 1`;
    /// with `below` beyond the last sequence, both move there, so that the next message gets `below`.
    fn purge(&mut self, purge: &Purge, removed: &mut Removals) -> Result<u64, StoreError>;

    /// What is done until [`StreamStore::end_group`] survives a crash together or not at all.
    ///
    /// # Errors
    /// Nothing can be written at the moment.
    fn begin_group(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    /// See [`StreamStore::begin_group`].
    ///
    /// # Errors
    /// The store is frozen: what was done since is in memory only.
    fn end_group(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Removes what has expired by `now`, by `max_age` or by its own TTL, at most `most` messages at a time (call again while it removes `most`).
    fn expire(
        &mut self,
        now: Timestamp,
        most: usize,
        removed: &mut Removals,
    ) -> Result<(), StoreError>;

    /// What [`StreamStore::expire`] would remove now, at most `most` sequences in that order. For streams that put a marker in the place of
    /// what expires, before it goes.
    fn expired(&self, now: Timestamp, most: usize) -> Result<Vec<u64>, StoreError>;

    /// When [`StreamStore::expire`] has something to do next.
    fn next_expiry(&self) -> Option<Timestamp>;

    /// The message with this sequence, `None` when it was removed or never was.
    fn load(&self, sequence: u64) -> Result<Option<Message>, StoreError>;

    /// The first message at or after `from` whose subject is in `filter`.
    fn next(&self, filter: &Filter, from: u64) -> Result<Option<Message>, StoreError>;

    /// The last message at or before `to` whose subject is in `filter`.
    fn previous(&self, filter: &Filter, to: u64) -> Result<Option<Message>, StoreError>;

    /// State of one literal subject.
    fn subject(&self, literal: &[u8]) -> Option<SubjectState>;

    /// Visits the subjects in `filter` that have messages, in byte order, until the visitor breaks. Must not grow with the number of subjects
    /// outside of the filter.
    fn subjects(
        &self,
        filter: &Filter,
        visit: &mut dyn FnMut(&[u8], SubjectState) -> ControlFlow<()>,
    );

    /// Sequences of the last message of each subject in `filter` at or before `up_to`, ascending; `None` when there are more than `most`.
    fn last_sequences(
        &self,
        filter: &Filter,
        up_to: u64,
        most: usize,
    ) -> Result<Option<Vec<u64>>, StoreError>;

    /// Counts the messages from `from` on whose subject is in `filter`: exact, and cheap by indexes.
    /// With `last_per_subject` only the last message of each subject counts.
    fn pending(
        &self,
        filter: &Filter,
        from: u64,
        last_per_subject: bool,
    ) -> Result<Pending, StoreError>;

    /// The first sequence whose message is not older than `time`; `last_sequence + 1` when all are older.
    fn sequence_at(&self, time: Timestamp) -> Result<u64, StoreError>;

    /// Visits the gaps between first and last as (first missing, how many), ascending.
    fn gaps(&self, visit: &mut dyn FnMut(u64, u64) -> ControlFlow<()>);

    /// Once the log has committed this, everything done so far is durable. `None`: nothing to wait for (memory, or all is durable).
    fn staged(&self) -> Option<Position>;

    /// Messages up to this sequence are durable. While the log cannot be written they can be given away all the same.
    fn durable_through(&self) -> u64;

    /// Why this store takes no writes, or what of it is damaged. `None` when all is well.
    fn fault(&self) -> Option<StoreError>;

    /// Begins to move what the log keeps into the store's own files, so that the log need not keep it. What is returned syncs files: it is run
    /// on a thread that may wait, while the store goes on. `None`: nothing to do. Call it for the streams that `Catalog::laggards` names, and
    /// for all before the end.
    ///
    /// # Errors
    /// What could not be written. The log keeps it; another call tries again.
    fn checkpoint(&mut self) -> Result<Option<Upkeep>, StoreError> {
        Ok(None)
    }
}
