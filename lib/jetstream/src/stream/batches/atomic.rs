//! Atomic batches: all or none.

use std::borrow::Cow;

use nats_api::errors::ApiError;
use nats_api::jetstream::advisory::{BatchAbandonReason, BatchAbandoned};
use nats_api::jetstream::headers::{
    BATCH_COMMIT, BATCH_COMMIT_END, BATCH_COMMIT_STORE, EXPECTED_LAST_MSG_ID, REQUIRED_API_LEVEL,
};
use nats_proto::header::block;
use nats_store::{Erase, StoreError, Timestamp};

use super::Batched;
use crate::config::stream::metadata;
use crate::context::Context;
use crate::effects::{Effects, Kind};
use crate::limits::{BATCH_BYTES_MAX, BATCH_ID_LEN_MAX};
use crate::publish::headers::{decimal, given};
use crate::publish::{
    Accepted, AckTail, Candidate, Origin, PublishHeaders, Refusal, Staged, store_failed,
};
use crate::stream::advise::{event_id, send_event};
use crate::stream::republish::api_time;
use crate::stream::{BatchKind, Outcome, Stream};

pub(super) const TIMED_OUT: BatchAbandonReason = BatchAbandonReason::Timeout;

/// Messages that are kept aside.
#[derive(Debug)]
pub(in crate::stream) struct AtomicBatch {
    messages: Vec<Aside>,
    pub(super) bytes: usize,
    pub(super) deadline: Timestamp,
}

#[derive(Debug)]
struct Aside {
    /// As it will be stored.
    subject: Box<[u8]>,
    headers: Box<[u8]>,
    payload: Box<[u8]>,
}

/// What a message of a batch says about its place in it.
struct Place {
    sequence: u64,
    commit: Commit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Commit {
    No,
    /// This is the last message.
    WithThis,
    /// The one before was the last; this one only says so.
    EndOfBatch,
    Unknown,
}

impl Place {
    /// Messages that are to be stored when this is the end.
    fn size(&self) -> u64 {
        match self.commit {
            Commit::EndOfBatch => self.sequence.saturating_sub(1),
            _ => self.sequence,
        }
    }
}

/// Why a message ends its batch, and whether listeners are told.
struct End {
    error: ApiError,
    abandoned: Option<BatchAbandonReason>,
}

impl From<ApiError> for End {
    fn from(error: ApiError) -> Self {
        Self {
            error,
            abandoned: None,
        }
    }
}

impl Stream {
    /// Takes a message that says it belongs to the atomic batch `id`.
    pub(in crate::stream) fn publish_atomic(
        &mut self,
        cx: &mut Context<'_>,
        id: &[u8],
        batched: Batched<'_>,
        out: &mut Effects,
    ) -> Outcome {
        self.time_out_batches(cx, out);
        let reply = batched.message.reply;
        let place = match self.enter(cx, id, &batched) {
            Ok(place) => place,
            Err(error) => return self.refuse(Refusal::Error(error), reply, out),
        };
        match self.put_aside(cx, id, &place, &batched) {
            Ok(()) if place.commit == Commit::No => {
                // Not yet stored, only received.
                if self.rules.answers && !reply.is_empty() {
                    out.send(Kind::PubAck, reply, b"", b"", b"");
                }
                Outcome::Staged
            }
            Ok(()) => self.commit(cx, id, &place, reply, out),
            Err(end) => {
                self.batches.take_atomic(id, &*self.quota);
                if let Some(reason) = end.abandoned {
                    self.announce_abandoned(id, reason, cx, out);
                }
                self.refuse(Refusal::Error(end.error), reply, out)
            }
        }
    }

    /// The checks that leave the batch alone; opens it with its first message.
    fn enter(
        &mut self,
        cx: &Context<'_>,
        id: &[u8],
        batched: &Batched<'_>,
    ) -> Result<Place, ApiError> {
        let message = batched.message;
        self.check_batched(message.subject, batched.headers, message.payload)?;
        if !self.config.allow_atomic {
            return Err(ApiError::ATOMIC_PUBLISH_DISABLED.error());
        }
        if id.len() > BATCH_ID_LEN_MAX {
            return Err(ApiError::ATOMIC_PUBLISH_INVALID_BATCH_ID.error());
        }
        let sequence = given(batched.found.batch_sequence)
            .and_then(decimal)
            .ok_or_else(|| ApiError::ATOMIC_PUBLISH_MISSING_SEQ.error())?;
        let commit = match batched.found.batch_commit {
            None => Commit::No,
            Some(value) if value == BATCH_COMMIT_STORE.as_bytes() => Commit::WithThis,
            Some(value) if value == BATCH_COMMIT_END.as_bytes() => Commit::EndOfBatch,
            Some(_) => Commit::Unknown,
        };
        let place = Place { sequence, commit };
        if self.batches.atomic.contains_key(id) {
            return Ok(place);
        }
        let limits = self.environment.batches;
        if place.sequence != 1 {
            if place.size() > limits.size {
                return Err(too_large(limits.size));
            }
            return Err(ApiError::ATOMIC_PUBLISH_INCOMPLETE_BATCH.error());
        }
        if self.batches.atomic.len() >= limits.atomic_per_stream
            || !self.quota.open_batch(BatchKind::Atomic)
        {
            return Err(ApiError::ATOMIC_PUBLISH_TOO_MANY_INFLIGHT.error());
        }
        let batch = AtomicBatch {
            messages: Vec::new(),
            bytes: 0,
            deadline: cx.now,
        };
        self.batches.atomic.insert(id.into(), batch);
        Ok(place)
    }

    /// Adds the message to its batch, unless it only says that the batch is complete.
    fn put_aside(
        &mut self,
        cx: &mut Context<'_>,
        id: &[u8],
        place: &Place,
        batched: &Batched<'_>,
    ) -> Result<(), End> {
        if place.commit == Commit::Unknown {
            return Err(ApiError::ATOMIC_PUBLISH_INVALID_BATCH_COMMIT.error().into());
        }
        let headers = served_headers(batched)?;
        let limits = self.environment.batches;
        let mut room = Vec::new();
        let subject: Box<[u8]> = self
            .transformed(cx, batched.message.subject, &mut room)
            .into();
        let batches = &mut self.batches;
        let Some(batch) = batches.atomic.get_mut(id) else {
            return Err(ApiError::ATOMIC_PUBLISH_INCOMPLETE_BATCH.error().into());
        };
        batch.deadline = cx.now.plus(limits.timeout);
        let expected = (batch.messages.len() as u64).saturating_add(1);
        if place.sequence != expected || place.size() == 0 {
            return Err(End {
                error: ApiError::ATOMIC_PUBLISH_INCOMPLETE_BATCH.error(),
                abandoned: Some(BatchAbandonReason::Incomplete),
            });
        }
        if place.size() > limits.size {
            return Err(End {
                error: too_large(limits.size),
                abandoned: Some(BatchAbandonReason::Large),
            });
        }
        if place.commit != Commit::EndOfBatch {
            let payload = batched.message.payload;
            let bytes = subject
                .len()
                .saturating_add(headers.len())
                .saturating_add(payload.len());
            if batches.bytes.saturating_add(bytes) > BATCH_BYTES_MAX {
                return Err(End {
                    error: ApiError::ATOMIC_PUBLISH_TOO_MANY_INFLIGHT.error(),
                    abandoned: Some(BatchAbandonReason::Large),
                });
            }
            batch.bytes = batch.bytes.saturating_add(bytes);
            batches.bytes = batches.bytes.saturating_add(bytes);
            batch.messages.push(Aside {
                subject,
                headers: headers.into_owned().into(),
                payload: payload.into(),
            });
        }
        let deadline = batch.deadline;
        batches.review_at(deadline);
        Ok(())
    }

    /// Stores the whole batch, or nothing of it.
    fn commit(
        &mut self,
        cx: &mut Context<'_>,
        id: &[u8],
        place: &Place,
        reply: &[u8],
        out: &mut Effects,
    ) -> Outcome {
        let Some(mut batch) = self.batches.take_atomic(id, &*self.quota) else {
            let error = ApiError::ATOMIC_PUBLISH_INCOMPLETE_BATCH.error();
            return self.refuse(Refusal::Error(error), reply, out);
        };
        if place.commit == Commit::EndOfBatch
            && let Some(last) = batch.messages.last_mut()
        {
            let key = BATCH_COMMIT.as_bytes();
            let marked = block::append(&last.headers, key, BATCH_COMMIT_STORE.as_bytes());
            last.headers = marked.unwrap_or_else(|_| last.headers.to_vec()).into();
        }
        let scanned: Vec<PublishHeaders<'_>> = batch
            .messages
            .iter()
            .map(|aside| PublishHeaders::scan(&aside.headers))
            .collect();
        let accepted = match self.check_all(cx, &batch, &scanned) {
            Ok(accepted) => accepted,
            Err(error) => return self.refuse(Refusal::Error(error), reply, out),
        };
        match self.keep_all(cx, &batch, &accepted, out) {
            Ok(sequence) => {
                let count = accepted.len() as u64;
                self.acknowledge(sequence, AckTail::Batch { id, count }, reply, out);
                Outcome::Stored(sequence)
            }
            Err(error) => {
                self.answer_error(&store_failed(&error), reply, out);
                Outcome::Failed(error)
            }
        }
    }

    fn check_all<'a>(
        &self,
        cx: &Context<'_>,
        batch: &'a AtomicBatch,
        scanned: &'a [PublishHeaders<'a>],
    ) -> Result<Vec<Accepted<'a>>, ApiError> {
        let mut staged = Staged::default();
        let mut all = Vec::with_capacity(batch.messages.len());
        for (aside, found) in batch.messages.iter().zip(scanned) {
            if given(found.expected_last_message_id).is_some() {
                return Err(ApiError::ATOMIC_PUBLISH_UNSUPPORTED_HEADER_BATCH
                    .error_with(&[("header", &EXPECTED_LAST_MSG_ID)]));
            }
            let candidate = Candidate {
                subject: &aside.subject,
                headers: &aside.headers,
                payload: &aside.payload,
                found,
                origin: Origin::Client,
                is_wanted: self.is_wanted(&aside.subject),
            };
            match self.check(cx, &candidate, Some(&mut staged)) {
                Ok(accepted) => all.push(accepted),
                Err(Refusal::Error(error)) => return Err(error),
                Err(Refusal::Duplicate(_)) => {
                    return Err(ApiError::ATOMIC_PUBLISH_CONTAINS_DUPLICATE_MESSAGE.error());
                }
            }
        }
        Ok(all)
    }

    /// The last sequence. After a failure, or a crash, nothing of the batch is left, and what it replaced is still there.
    fn keep_all(
        &mut self,
        cx: &mut Context<'_>,
        batch: &AtomicBatch,
        accepted: &[Accepted<'_>],
        out: &mut Effects,
    ) -> Result<u64, StoreError> {
        self.store.begin_group()?;
        let kept = self.keep_each(cx, batch, accepted, out);
        self.store.end_group().and(kept)
    }

    fn keep_each(
        &mut self,
        cx: &mut Context<'_>,
        batch: &AtomicBatch,
        accepted: &[Accepted<'_>],
        out: &mut Effects,
    ) -> Result<u64, StoreError> {
        let before = self.store.state();
        let mut last = before.last_sequence;
        for (aside, accepted) in batch.messages.iter().zip(accepted) {
            match self.keep(cx, &aside.subject, accepted, out) {
                Ok(sequence) => last = sequence,
                Err(error) => {
                    for sequence in before.last_sequence.saturating_add(1)..=last {
                        let _ = self.store.remove(sequence, Erase::No, &mut self.removals);
                    }
                    self.after_removals(cx, before.bytes, out);
                    return Err(error);
                }
            }
        }
        Ok(last)
    }

    pub(super) fn announce_abandoned(
        &self,
        id: &[u8],
        reason: BatchAbandonReason,
        cx: &mut Context<'_>,
        out: &mut Effects,
    ) {
        let event = BatchAbandoned {
            account: self.environment.account.to_string(),
            stream: self.config.name.clone(),
            domain: self.environment.domain.to_string(),
            batch: String::from_utf8_lossy(id).into_owned(),
            reason,
            ..BatchAbandoned::new(event_id(cx.random), api_time(cx.now))
        };
        send_event(&event.subject(), &event, out);
    }
}

/// The headers as they are stored: the level that the publisher asks for has been looked at.
fn served_headers<'a>(batched: &Batched<'a>) -> Result<Cow<'a, [u8]>, End> {
    match given(batched.found.required_api_level) {
        None => Ok(Cow::Borrowed(batched.headers)),
        Some(level) if metadata::is_level_served(level) => Ok(block::remove_all(
            batched.headers,
            REQUIRED_API_LEVEL.as_bytes(),
        )),
        Some(_) => Err(End {
            error: ApiError::REQUIRED_API_LEVEL.error(),
            abandoned: Some(BatchAbandonReason::Unsupported),
        }),
    }
}

fn too_large(most: u64) -> ApiError {
    ApiError::ATOMIC_PUBLISH_TOO_LARGE_BATCH.error_with(&[("size", &most)])
}
