//! What a store knows about itself, and what it hands back when messages go.

use crate::limits::REMOVALS_LISTED_MAX;
use crate::message::Timestamp;

/// Room that an emptied list keeps.
const REMOVALS_KEPT: usize = 4096;

/// The figures of a stream's state. Cheap to read: kept up to date with every operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StreamState {
    pub messages: u64,
    pub bytes: u64,
    /// Sequence of the first message; `last_sequence + 1` when there is none.
    pub first_sequence: u64,
    pub first_time: Timestamp,
    /// Sequence given last, 0 before the first message. Never goes down.
    pub last_sequence: u64,
    pub last_time: Timestamp,
    /// Distinct subjects that have a message.
    pub subjects: u64,
    /// Messages missing between first and last (removed one by one, not from the front).
    pub deleted: u64,
    /// Messages that are known to have existed and cannot be read any more.
    pub lost: u64,
}

/// What a store enforces by itself on every append, oldest messages first. `None` is "no limit".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    pub max_messages: Option<u64>,
    pub max_bytes: Option<u64>,
    pub max_per_subject: Option<u64>,
    /// Nanoseconds.
    pub max_age: Option<u64>,
}

/// Why a message left the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RemovedWhy {
    /// `max_msgs`, `max_bytes` or `max_msgs_per_subject`.
    Limit,
    /// `max_age` or its own TTL.
    Age,
    /// A removal by sequence.
    Asked,
    Purge,
}

/// One message that left the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Removed<'a> {
    pub sequence: u64,
    pub subject: &'a [u8],
    /// As [`crate::message::Storage::message_size`] counts.
    pub size: u64,
    pub why: RemovedWhy,
    /// No message of this subject is left.
    pub last_of_subject: bool,
}

/// Collects what an operation removed; reused by its owner so that removing costs no allocation in the long run.
///
/// What is beyond [`REMOVALS_LISTED_MAX`](crate::limits::REMOVALS_LISTED_MAX) is counted and not listed: whoever wants to know looks at what is left.
#[derive(Debug, Default)]
pub struct Removals {
    entries: Vec<Entry>,
    subjects: Vec<u8>,
    omitted: u64,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    sequence: u64,
    size: u64,
    subject_end: usize,
    why: RemovedWhy,
    last_of_subject: bool,
}

impl Removals {
    pub fn push(&mut self, removed: Removed<'_>) {
        if self.entries.len() >= REMOVALS_LISTED_MAX {
            self.omitted = self.omitted.saturating_add(1);
            return;
        }
        self.subjects.extend_from_slice(removed.subject);
        self.entries.push(Entry {
            sequence: removed.sequence,
            size: removed.size,
            subject_end: self.subjects.len(),
            why: removed.why,
            last_of_subject: removed.last_of_subject,
        });
    }

    pub fn iter(&self) -> impl Iterator<Item = Removed<'_>> {
        let mut start = 0;
        self.entries.iter().map(move |entry| {
            let subject = self
                .subjects
                .get(start..entry.subject_end)
                .unwrap_or_default();
            start = entry.subject_end;
            Removed {
                sequence: entry.sequence,
                subject,
                size: entry.size,
                why: entry.why,
                last_of_subject: entry.last_of_subject,
            }
        })
    }

    /// So many more were removed.
    pub fn omit(&mut self, count: u64) {
        self.omitted = self.omitted.saturating_add(count);
    }

    /// Removed and not listed.
    pub fn omitted(&self) -> u64 {
        self.omitted
    }

    /// All that were removed.
    pub fn len(&self) -> usize {
        let omitted = usize::try_from(self.omitted).unwrap_or(usize::MAX);
        self.entries.len().saturating_add(omitted)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets everything, keeps the room.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.subjects.clear();
        self.omitted = 0;
        // What a large purge needed is not kept.
        self.entries.shrink_to(REMOVALS_KEPT);
        self.subjects.shrink_to(REMOVALS_KEPT);
    }
}

/// What a store knows about one subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SubjectState {
    pub messages: u64,
    pub first_sequence: u64,
    pub last_sequence: u64,
}

/// How many messages wait from some sequence on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pending {
    pub messages: u64,
    /// The count holds for everything up to and including this sequence (the last one when it was made).
    pub through: u64,
}
