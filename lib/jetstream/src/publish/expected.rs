//! What the publisher expects the stream to be like.

use nats_api::errors::ApiError;
use nats_proto::subject;
use nats_store::Filter;

use super::check::{Candidate, View, store_failed};
use super::headers::{given, sequence};
use super::staged::Staged;

pub(super) fn stream(view: &View<'_>, candidate: &Candidate<'_>) -> Result<(), ApiError> {
    match given(candidate.found.expected_stream) {
        Some(name) if name != view.config.name.as_bytes() => {
            Err(ApiError::STREAM_NOT_MATCH.error())
        }
        _ => Ok(()),
    }
}

/// `Nats-Expected-Last-Subject-Sequence`, perhaps of another subject or pattern.
pub(super) fn last_subject_sequence(
    view: &View<'_>,
    candidate: &Candidate<'_>,
    staged: Option<&mut Staged>,
) -> Result<(), ApiError> {
    let found = candidate.found;
    let of = given(found.expected_last_subject_sequence_subject);
    let Some(expected) = sequence(found.expected_last_subject_sequence) else {
        return match of {
            Some(_) => Err(ApiError::STREAM_EXPECTED_LAST_SEQ_PER_SUBJECT_INVALID.error()),
            None => Ok(()),
        };
    };
    let of = of.unwrap_or(candidate.subject);
    let known = staged.as_ref().and_then(|s| s.expected.get(of).copied());
    if let Some(staged) = &staged
        && staged.subject(of).is_some()
    {
        // Its sequence is not known before the batch is stored.
        return Err(ApiError::STREAM_WRONG_LAST_SEQUENCE_CONSTANT.error());
    }
    let last = match known {
        Some(last) => last,
        None => last_sequence(view, of)?,
    };
    if last != expected {
        return Err(wrong_last_sequence(last));
    }
    if let (Some(staged), None) = (staged, known) {
        staged.expected.insert(of.into(), last);
    }
    Ok(())
}

/// The last sequence of a subject or pattern, 0 when it has no message.
fn last_sequence(view: &View<'_>, of: &[u8]) -> Result<u64, ApiError> {
    if subject::is_literal(of) {
        return Ok(view.store.subject(of).map_or(0, |s| s.last_sequence));
    }
    let last = view.store.previous(&Filter::any([of]), u64::MAX);
    match last {
        Ok(message) => Ok(message.map_or(0, |m| m.sequence)),
        Err(error) => Err(store_failed(error)),
    }
}

/// `Nats-Expected-Last-Sequence`. Inside of a batch only the first message can say that.
pub(super) fn last_sequence_of_stream(
    view: &View<'_>,
    candidate: &Candidate<'_>,
    staged: Option<&Staged>,
) -> Result<(), ApiError> {
    let Some(expected) = sequence(candidate.found.expected_last_sequence) else {
        return Ok(());
    };
    let staged = staged.map_or(0, |s| s.messages);
    let last = view.last_sequence.saturating_add(staged);
    if expected != last {
        return Err(wrong_last_sequence(last));
    }
    if staged > 0 {
        return Err(ApiError::STREAM_WRONG_LAST_SEQUENCE_CONSTANT.error());
    }
    Ok(())
}

pub(super) fn last_message_id(view: &View<'_>, candidate: &Candidate<'_>) -> Result<(), ApiError> {
    match given(candidate.found.expected_last_message_id) {
        Some(id) if id != view.last_message_id => {
            let last = String::from_utf8_lossy(view.last_message_id);
            Err(ApiError::STREAM_WRONG_LAST_MSG_ID.error_with(&[("id", &last)]))
        }
        _ => Ok(()),
    }
}

fn wrong_last_sequence(last: u64) -> ApiError {
    ApiError::STREAM_WRONG_LAST_SEQUENCE.error_with(&[("seq", &last)])
}
