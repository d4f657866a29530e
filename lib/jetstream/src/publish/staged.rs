//! What has been accepted and is not stored yet.

use std::collections::{HashMap, HashSet};

use super::counter::Counter;

/// Messages that were accepted and are not in the store yet: those of a batch before it commits, or those that a log has not committed.
/// The check of the next message counts them in.
#[derive(Debug, Default)]
pub struct Staged {
    pub(super) messages: u64,
    pub(super) bytes: u64,
    pub(super) subjects: HashMap<Box<[u8]>, StagedSubject>,
    pub(super) message_ids: HashSet<Box<[u8]>>,
    pub(super) counters: HashMap<Box<[u8]>, Counter>,
    /// The last sequence of a subject when it was looked up for an expectation.
    pub(super) expected: HashMap<Box<[u8]>, u64>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct StagedSubject {
    pub messages: u64,
    /// The last staged message of the subject is a schedule.
    pub is_schedule: bool,
}

impl Staged {
    pub(super) fn subject(&self, subject: &[u8]) -> Option<&StagedSubject> {
        self.subjects.get(subject)
    }

    pub(super) fn add(&mut self, subject: &[u8], size: u64, is_schedule: bool) {
        self.messages = self.messages.saturating_add(1);
        self.bytes = self.bytes.saturating_add(size);
        let entry = self.subjects.entry(subject.into()).or_default();
        entry.messages = entry.messages.saturating_add(1);
        entry.is_schedule = is_schedule;
    }
}
