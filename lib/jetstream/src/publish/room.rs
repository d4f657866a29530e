//! Whether there is room: sizes, limits of server and account, and streams that refuse new messages when they are full.

use nats_api::errors::ApiError;
use nats_api::jetstream::{Discard, StreamConfig};

use super::check::{Candidate, View, store_failed};
use super::staged::Staged;
use crate::limits::{HEADERS_LEN_MAX, RECORD_LEN_MAX};

/// Sizes that no limit of the stream can allow.
pub(super) fn record(view: &View<'_>, candidate: &Candidate<'_>) -> Result<(), ApiError> {
    let size = size(
        view,
        candidate.subject,
        candidate.headers.len(),
        candidate.payload.len(),
    );
    if view.storage == nats_store::Storage::File && size > RECORD_LEN_MAX {
        return Err(store_failed("message too large"));
    }
    Ok(())
}

pub(super) fn size(view: &View<'_>, subject: &[u8], headers: usize, payload: usize) -> u64 {
    view.storage.message_size(subject.len(), headers, payload)
}

/// `max_msg_size` and the 64 KiB of headers.
pub(super) fn message(view: &View<'_>, headers: usize, payload: usize) -> Result<(), ApiError> {
    let whole = headers.saturating_add(payload);
    if usize::try_from(view.config.max_msg_size).is_ok_and(|most| whole > most) {
        return Err(ApiError::STREAM_MESSAGE_EXCEEDS_MAXIMUM.error());
    }
    if headers > HEADERS_LEN_MAX {
        return Err(ApiError::STREAM_HEADER_EXCEEDS_MAXIMUM.error());
    }
    Ok(())
}

/// Streams that discard new messages refuse what does not fit, unless an old message of the same subject makes room.
pub(super) fn discard_new(
    view: &View<'_>,
    subject: &[u8],
    size: u64,
    is_rollup: bool,
    staged: Option<&Staged>,
) -> Result<(), ApiError> {
    let config = view.config;
    if config.discard != Discard::New {
        return Ok(());
    }
    let subject_is_full = is_subject_full(view, subject, staged);
    if subject_is_full && config.discard_new_per_subject && !is_rollup {
        return Err(store_failed("maximum messages per subject exceeded"));
    }
    let (staged_messages, staged_bytes) = staged.map_or((0, 0), |s| (s.messages, s.bytes));
    let state = view.store.state();
    let messages = state.messages.saturating_add(staged_messages);
    if !subject_is_full && limit(config.max_msgs).is_some_and(|most| messages >= most) {
        return Err(store_failed("maximum messages exceeded"));
    }
    let bytes = state
        .bytes
        .saturating_add(staged_bytes)
        .saturating_add(size);
    if limit(config.max_bytes).is_some_and(|most| bytes > most)
        && !(subject_is_full && first_makes_room(view, subject, size)?)
    {
        return Err(store_failed("maximum bytes exceeded"));
    }
    Ok(())
}

fn is_subject_full(view: &View<'_>, subject: &[u8], staged: Option<&Staged>) -> bool {
    let Some(most) = limit(view.config.max_msgs_per_subject) else {
        return false;
    };
    let stored = view.store.subject(subject).map_or(0, |s| s.messages);
    let staged = staged
        .and_then(|s| s.subject(subject))
        .map_or(0, |s| s.messages);
    stored.saturating_add(staged) >= most
}

fn first_makes_room(view: &View<'_>, subject: &[u8], size: u64) -> Result<bool, ApiError> {
    let Some(state) = view.store.subject(subject) else {
        return Ok(false);
    };
    let first = view
        .store
        .load(state.first_sequence)
        .map_err(store_failed)?;
    Ok(first.is_some_and(|first| {
        let freed = view.storage.message_size(
            first.subject().len(),
            first.headers().len(),
            first.payload().len(),
        );
        freed >= size
    }))
}

/// A limit of a configuration: above zero, or none.
pub(crate) fn limit(value: i64) -> Option<u64> {
    u64::try_from(value).ok().filter(|limit| *limit > 0)
}

/// What the store shall enforce by itself. A stream that discards new messages never removes old ones for their number or size.
pub(crate) fn store_limits(config: &StreamConfig) -> nats_store::Limits {
    let removes_old = config.discard == Discard::Old;
    nats_store::Limits {
        max_messages: limit(config.max_msgs).filter(|_| removes_old),
        max_bytes: limit(config.max_bytes).filter(|_| removes_old),
        max_per_subject: limit(config.max_msgs_per_subject),
        max_age: limit(config.max_age.0),
    }
}
