//! The schedules that a stream holds, and the messages that they produce.
//!
//! A schedule is the last message of its subject that carries `Nats-Schedule`. What it produces carries `Nats-Scheduler` (the subject of
//! the schedule) and `Nats-Schedule-Next`: `purge`, when the schedule is thereby done, or the time at which it is due again. So the
//! messages of a stream are all there is to know, and [`Schedules::track`] reads them, one by one, as they are stored and after a restart.

use std::collections::{BTreeSet, HashMap};

use nats_api::jetstream::headers::{
    EXPECTED_PREFIX, MSG_ID, ROLLUP, SCHEDULE, SCHEDULE_NEXT, SCHEDULE_NEXT_PURGE, SCHEDULER, TTL,
};
use nats_proto::header::{EMPTY_BLOCK, block};
use nats_store::{Message, StoreError, Timestamp};

use super::Stream;
use super::republish::{push_header, rfc3339};
use crate::context::Context;
use crate::effects::Effects;
use crate::publish::PublishHeaders;
use crate::publish::headers::given;
use crate::schedule::{self, Schedule};

/// What cannot be produced now is tried again after so long, nanoseconds.
const RETRY: u64 = 5 * 1_000_000_000;

/// When which schedule is due.
#[derive(Debug, Default)]
pub(super) struct Schedules {
    by_subject: HashMap<Box<[u8]>, Entry>,
    subjects: HashMap<u64, Box<[u8]>>,
    by_due: BTreeSet<(Timestamp, u64)>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    sequence: u64,
    due: Timestamp,
}

impl Schedules {
    /// Takes note of a stored message: a schedule, the end of one, or something that one has produced.
    pub fn track(
        &mut self,
        subject: &[u8],
        sequence: u64,
        time: Timestamp,
        now: Timestamp,
        found: &PublishHeaders<'_>,
    ) {
        let schedule = Schedule::parse(found.schedule, found.schedule_time_zone);
        let due = schedule.ok().flatten().and_then(|s| s.next(time, now));
        match due {
            Some(due) => self.add(subject, sequence, due),
            None if given(found.scheduler).is_none() => self.remove_subject(subject),
            None => {}
        }
        let next = given(found.schedule_next)
            .and_then(|next| std::str::from_utf8(next).ok())
            .and_then(schedule::rfc3339);
        if let (Some(next), Some(scheduler)) = (next, given(found.scheduler)) {
            self.move_due(scheduler, next);
        }
    }

    fn add(&mut self, subject: &[u8], sequence: u64, due: Timestamp) {
        self.remove_subject(subject);
        self.by_subject
            .insert(subject.into(), Entry { sequence, due });
        self.subjects.insert(sequence, subject.into());
        self.by_due.insert((due, sequence));
    }

    fn remove_subject(&mut self, subject: &[u8]) {
        if let Some(entry) = self.by_subject.remove(subject) {
            self.subjects.remove(&entry.sequence);
            self.by_due.remove(&(entry.due, entry.sequence));
        }
    }

    /// The message with this sequence is gone.
    pub fn remove_sequence(&mut self, sequence: u64) {
        if let Some(subject) = self.subjects.get(&sequence).cloned() {
            self.remove_subject(&subject);
        }
    }

    fn move_due(&mut self, subject: &[u8], due: Timestamp) {
        if let Some(entry) = self.by_subject.get_mut(subject) {
            self.by_due.remove(&(entry.due, entry.sequence));
            entry.due = due;
            self.by_due.insert((due, entry.sequence));
        }
    }

    pub fn is_empty(&self) -> bool {
        self.by_subject.is_empty()
    }

    pub fn deadline(&self) -> Option<Timestamp> {
        self.by_due.first().map(|(due, _)| *due)
    }

    /// What is due, by sequence.
    fn due(&self, now: Timestamp) -> Vec<(u64, Timestamp)> {
        let due = self.by_due.iter().take_while(|(due, _)| *due <= now);
        let mut due: Vec<_> = due.map(|&(due, sequence)| (sequence, due)).collect();
        due.sort_unstable();
        due
    }
}

/// A message that a schedule produces.
struct Produced {
    target: Vec<u8>,
    headers: Vec<u8>,
    payload: Vec<u8>,
}

impl Stream {
    /// Stores what schedules produce now.
    pub(super) fn run_schedules(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut Effects,
    ) -> Result<(), StoreError> {
        for (sequence, due) in self.schedules.due(cx.now) {
            let message = match self.store.load(sequence) {
                Ok(Some(message)) => message,
                Ok(None) | Err(StoreError::Damaged { .. }) => {
                    self.schedules.remove_sequence(sequence);
                    continue;
                }
                Err(error) => return Err(error),
            };
            let Some(produced) = self.produce(&message, due, cx.now)? else {
                self.schedules.remove_sequence(sequence);
                continue;
            };
            let is_stored = self.keep_own(
                cx,
                &produced.target,
                &produced.headers,
                &produced.payload,
                out,
            )?;
            if !is_stored {
                let again = cx.now.plus(RETRY);
                self.schedules.move_due(message.subject(), again);
            }
        }
        Ok(())
    }

    /// What a schedule produces. `None`: it is none that can be followed.
    fn produce(
        &self,
        message: &Message,
        due: Timestamp,
        now: Timestamp,
    ) -> Result<Option<Produced>, StoreError> {
        let found = PublishHeaders::scan(message.headers());
        let schedule = Schedule::parse(found.schedule, found.schedule_time_zone);
        let (Ok(Some(schedule)), Some(target)) = (schedule, given(found.schedule_target)) else {
            return Ok(None);
        };
        let next = if schedule.repeats() {
            match schedule.next(due, now) {
                Some(next) => rfc3339(next),
                None => return Ok(None),
            }
        } else {
            SCHEDULE_NEXT_PURGE.to_owned()
        };
        // The content is the schedule's own until there is something on the subject that it takes it from.
        let source = match given(found.schedule_source) {
            Some(source) => self.last_by_subject(source)?,
            None => None,
        };
        let content = source.as_ref().unwrap_or(message);
        let mut headers = carried_headers(content.headers());
        push_header(&mut headers, SCHEDULER, message.subject());
        push_header(&mut headers, SCHEDULE_NEXT, next.as_bytes());
        if let Some(ttl) = given(found.schedule_ttl) {
            push_header(&mut headers, TTL, ttl);
        }
        if let Some(rollup) = given(found.schedule_rollup) {
            push_header(&mut headers, ROLLUP, rollup);
        }
        headers.extend_from_slice(b"\r\n");
        Ok(Some(Produced {
            target: target.to_vec(),
            headers,
            payload: content.payload().to_vec(),
        }))
    }
}

/// A header block without its end, and without what belongs to the message it comes from.
fn carried_headers(headers: &[u8]) -> Vec<u8> {
    let headers = block::remove_prefix(headers, SCHEDULE.as_bytes());
    let headers = block::remove_prefix(&headers, EXPECTED_PREFIX.as_bytes());
    let headers = block::remove_all(&headers, MSG_ID.as_bytes());
    let headers = block::remove_all(&headers, TTL.as_bytes());
    let headers = block::remove_all(&headers, ROLLUP.as_bytes());
    let headers = if headers.is_empty() {
        EMPTY_BLOCK
    } else {
        &*headers
    };
    headers.strip_suffix(b"\r\n").unwrap_or(headers).to_vec()
}
