//! The one check that every message goes through before it is stored.

use std::borrow::Cow;

use nats_api::errors::ApiError;
use nats_api::jetstream::StreamConfig;
use nats_api::jetstream::headers::{ROLLUP_ALL, ROLLUP_SUBJECT, TTL};
use nats_proto::header::block;
use nats_store::{Storage, StreamStore, Timestamp, Ttl};

use super::counter::{Counter, Number};
use super::headers::{PublishHeaders, given};
use super::schedule::Scheduling;
use super::staged::Staged;
use super::ttl::AskedTtl;
use super::{expected, room, schedule};
use crate::stream::{Dedupe, Quota};

/// The stream as the check sees it.
pub struct View<'a> {
    pub config: &'a StreamConfig,
    pub storage: Storage,
    pub store: &'a dyn StreamStore,
    pub last_sequence: u64,
    pub dedupe: &'a Dedupe,
    /// The id of the message that was stored last, empty when it had none.
    pub last_message_id: &'a [u8],
    pub quota: &'a dyn Quota,
    /// The largest message that a client may publish, bytes.
    pub max_payload: usize,
    pub now: Timestamp,
}

/// A message that wants to be stored.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// As it will be stored, after the stream's transform.
    pub subject: &'a [u8],
    pub headers: &'a [u8],
    pub payload: &'a [u8],
    /// What is in `headers`.
    pub found: &'a PublishHeaders<'a>,
    pub origin: Origin,
    /// False when the stream keeps only what somebody is interested in, and nobody is.
    pub is_wanted: bool,
}

/// Where a message comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Somebody published it.
    Client,
    /// Another stream, which has checked it. It is stored as it is there.
    Source,
    /// This stream: produced by a schedule, or a marker.
    Own,
}

/// What is stored, and what has to happen beside.
#[derive(Debug)]
pub struct Accepted<'a> {
    pub headers: Cow<'a, [u8]>,
    pub payload: Cow<'a, [u8]>,
    pub ttl: Ttl,
    /// Empty when it has none.
    pub message_id: &'a [u8],
    pub rollup: Option<Rollup>,
    /// The message is a schedule, due for the first time then.
    pub schedule_due: Option<Timestamp>,
    /// The schedule on this subject is done with.
    pub schedule_purge: Option<&'a [u8]>,
    /// The counter's sum.
    pub counter: Option<String>,
    /// False: it is acknowledged and not stored.
    pub is_wanted: bool,
    /// As it counts in the store.
    pub size: u64,
}

/// Which messages a message replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rollup {
    Subject,
    All,
}

/// Why a message is not stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It was stored before, under this sequence.
    Duplicate(u64),
    Error(ApiError),
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        Self::Error(error)
    }
}

/// Decides whether a message may be stored, and as what. The order of the rules is the reference server's for a single server, since a
/// publisher that breaks two of them sees which one is reported; the reference checks batches in another order, here there is one.
///
/// `staged` are the messages that are accepted and not stored yet; this one is added when it is accepted.
///
/// # Errors
/// [`Refusal`].
pub fn check<'a>(
    view: &View<'_>,
    candidate: &Candidate<'a>,
    mut staged: Option<&mut Staged>,
) -> Result<Accepted<'a>, Refusal> {
    room::record(view, candidate)?;
    if view.config.sealed {
        return Err(ApiError::STREAM_SEALED.error().into());
    }
    room::message(view, candidate.headers.len(), candidate.payload.len())?;
    let asked = if candidate.headers.is_empty() {
        Asked::default()
    } else {
        check_headers(view, candidate, staged.as_deref_mut())?
    };
    if asked.increment.is_none() && view.config.allow_msg_counter {
        return Err(ApiError::MESSAGE_INCR_MISSING.error().into());
    }
    let mut accepted = Accepted {
        headers: match asked.scheduling.headers {
            Some(headers) => Cow::Owned(headers),
            None => Cow::Borrowed(candidate.headers),
        },
        payload: Cow::Borrowed(candidate.payload),
        ttl: Ttl::Stream,
        message_id: given(candidate.found.message_id).unwrap_or_default(),
        rollup: asked.rollup,
        schedule_due: asked.scheduling.due,
        schedule_purge: asked.scheduling.purge,
        counter: None,
        is_wanted: candidate.is_wanted,
        size: 0,
    };
    if let Some(increment) = asked.increment
        && view.config.allow_msg_counter
    {
        count(
            view,
            candidate,
            &increment,
            staged.as_deref_mut(),
            &mut accepted,
        )?;
        // The sum may be longer than the increment.
        room::message(view, accepted.headers.len(), accepted.payload.len())?;
    }
    view.quota.admit_any()?;
    if !accepted.is_wanted {
        return Ok(accepted);
    }
    complete(view, candidate, staged, &mut accepted)?;
    Ok(accepted)
}

/// The checks that only concern what will really be stored.
fn complete(
    view: &View<'_>,
    candidate: &Candidate<'_>,
    staged: Option<&mut Staged>,
    accepted: &mut Accepted<'_>,
) -> Result<(), ApiError> {
    if candidate.found.ttl.is_some() {
        live(view, candidate.found.ttl, accepted)?;
    }
    accepted.size = room::size(
        view,
        candidate.subject,
        accepted.headers.len(),
        accepted.payload.len(),
    );
    view.quota.admit(accepted.size)?;
    room::discard_new(
        view,
        candidate.subject,
        accepted.size,
        candidate.found.rollup.is_some(),
        staged.as_deref(),
    )?;
    if let Some(staged) = staged {
        staged.add(
            candidate.subject,
            accepted.size,
            accepted.schedule_due.is_some(),
        );
        if !accepted.message_id.is_empty() {
            staged.message_ids.insert(accepted.message_id.into());
        }
    }
    Ok(())
}

/// What the headers ask for.
#[derive(Default)]
struct Asked<'a> {
    increment: Option<Number>,
    rollup: Option<Rollup>,
    scheduling: Scheduling<'a>,
}

fn check_headers<'a>(
    view: &View<'_>,
    candidate: &Candidate<'a>,
    mut staged: Option<&mut Staged>,
) -> Result<Asked<'a>, Refusal> {
    let found = candidate.found;
    let increment = check_increment(view, candidate)?;
    expected::stream(view, candidate)?;
    let is_published = candidate.origin == Origin::Client;
    if candidate.origin != Origin::Source
        && !view.config.allow_msg_ttl
        && !matches!(AskedTtl::parse(found.ttl), Ok(AskedTtl::None) | Err(_))
    {
        return Err(ApiError::MESSAGE_TTL_DISABLED.error().into());
    }
    expected::last_subject_sequence(view, candidate, staged.as_deref_mut())?;
    expected::last_sequence_of_stream(view, candidate, staged.as_deref())?;
    let mut scheduling = Scheduling::default();
    if is_published {
        scheduling = schedule::check(view, candidate, staged.as_deref())?;
        if given(found.stream_source).is_some() {
            return Err(ApiError::MESSAGE_SOURCE_HDR_NOT_ALLOWED.error().into());
        }
    } else if found.schedule_next == Some(PURGE) {
        scheduling.purge = given(found.scheduler);
    }
    check_duplicate(view, candidate, staged.as_deref())?;
    expected::last_message_id(view, candidate)?;
    let rollup = check_rollup(view, candidate, staged.as_deref())?;
    Ok(Asked {
        increment,
        // A schedule always replaces the one before it.
        rollup: rollup.or(scheduling.due.map(|_| Rollup::Subject)),
        scheduling,
    })
}

const PURGE: &[u8] = nats_api::jetstream::headers::SCHEDULE_NEXT_PURGE.as_bytes();

/// `Nats-Incr` stands alone: no body, no expectations, no rollup.
fn check_increment(view: &View<'_>, candidate: &Candidate<'_>) -> Result<Option<Number>, ApiError> {
    let found = candidate.found;
    let Some(text) = given(found.increment) else {
        return Ok(None);
    };
    let increment = Number::parse(text).ok_or_else(|| ApiError::MESSAGE_INCR_INVALID.error())?;
    if candidate.origin == Origin::Source {
        return Ok(Some(increment));
    }
    if !view.config.allow_msg_counter {
        return Err(ApiError::MESSAGE_INCR_DISABLED.error());
    }
    if !candidate.payload.is_empty() {
        return Err(ApiError::MESSAGE_INCR_PAYLOAD.error());
    }
    let excluded = [
        found.rollup,
        found.expected_stream,
        found.expected_last_message_id,
        found.expected_last_subject_sequence_subject,
        found.expected_last_sequence,
        found.expected_last_subject_sequence,
    ];
    if excluded.into_iter().any(|value| given(value).is_some()) {
        return Err(ApiError::MESSAGE_INCR_INVALID.error());
    }
    Ok(Some(increment))
}

/// A mirror keeps what its origin kept; everybody else remembers ids.
fn check_duplicate(
    view: &View<'_>,
    candidate: &Candidate<'_>,
    staged: Option<&Staged>,
) -> Result<(), Refusal> {
    let Some(id) = given(candidate.found.message_id) else {
        return Ok(());
    };
    if view.config.mirror.is_some() {
        return Ok(());
    }
    if let Some(sequence) = view.dedupe.find(id, view.now) {
        return Err(Refusal::Duplicate(sequence));
    }
    if staged.is_some_and(|staged| staged.message_ids.contains(id)) {
        return Err(ApiError::ATOMIC_PUBLISH_CONTAINS_DUPLICATE_MESSAGE
            .error()
            .into());
    }
    Ok(())
}

fn check_rollup(
    view: &View<'_>,
    candidate: &Candidate<'_>,
    staged: Option<&Staged>,
) -> Result<Option<Rollup>, ApiError> {
    let Some(value) = given(candidate.found.rollup) else {
        return Ok(None);
    };
    let refuse = |why: &str| Err(ApiError::STREAM_ROLLUP_FAILED.error_with(&[("err", &why)]));
    let is_permitted = view.config.allow_rollup_hdrs && !view.config.deny_purge;
    if !is_permitted && candidate.origin != Origin::Source {
        return refuse("rollup not permitted");
    }
    let rollup = if value.eq_ignore_ascii_case(ROLLUP_SUBJECT.as_bytes()) {
        if staged.is_some_and(|s| s.subject(candidate.subject).is_some()) {
            return refuse("batch rollup sub invalid");
        }
        Rollup::Subject
    } else if value.eq_ignore_ascii_case(ROLLUP_ALL.as_bytes()) {
        if staged.is_some_and(|s| s.messages > 0) {
            return refuse("batch rollup all invalid");
        }
        Rollup::All
    } else {
        let value = String::from_utf8_lossy(value).to_lowercase();
        return refuse(&format!("rollup value invalid: {value:?}"));
    };
    // Sourced into a stream that does not roll up, the message is kept and replaces nothing.
    Ok(Some(rollup).filter(|_| is_permitted))
}

/// Replaces increment by sum.
fn count(
    view: &View<'_>,
    candidate: &Candidate<'_>,
    increment: &Number,
    staged: Option<&mut Staged>,
    accepted: &mut Accepted<'_>,
) -> Result<(), ApiError> {
    let subject = candidate.subject;
    let running = staged
        .as_ref()
        .and_then(|s| s.counters.get(subject).cloned());
    let mut counter = match running {
        Some(counter) => counter,
        None => stored_counter(view, subject)?,
    };
    let counted = counter.add(
        increment,
        subject,
        given(candidate.found.stream_source),
        candidate.headers,
        candidate.payload,
    )?;
    if let Some(headers) = counted.headers {
        accepted.headers = Cow::Owned(headers);
    }
    accepted.payload = Cow::Owned(counted.payload);
    accepted.counter = Some(counted.value);
    let whole = accepted
        .headers
        .len()
        .saturating_add(accepted.payload.len());
    if whole > view.max_payload {
        return Err(ApiError::STREAM_MESSAGE_EXCEEDS_MAXIMUM.error());
    }
    if let Some(staged) = staged {
        staged.counters.insert(subject.into(), counter);
    }
    Ok(())
}

fn stored_counter(view: &View<'_>, subject: &[u8]) -> Result<Counter, ApiError> {
    let Some(state) = view.store.subject(subject) else {
        return Ok(Counter::default());
    };
    match view.store.load(state.last_sequence).map_err(store_failed)? {
        Some(last) => Counter::read(last.headers(), last.payload()),
        None => Ok(Counter::default()),
    }
}

/// How long the message lives. A life shorter than that of a delete marker would end while the marker still hides it.
fn live(
    view: &View<'_>,
    asked: Option<&[u8]>,
    accepted: &mut Accepted<'_>,
) -> Result<(), ApiError> {
    let asked = AskedTtl::parse(asked).map_err(|_| ApiError::MESSAGE_TTL_INVALID.error())?;
    let mut seconds = match asked {
        AskedTtl::None => return Ok(()),
        AskedTtl::Never => {
            accepted.ttl = Ttl::Never;
            return Ok(());
        }
        AskedTtl::Seconds(seconds) => seconds,
    };
    let marker = room::limit(view.config.subject_delete_marker_ttl.0).map(|ns| ns / NANOS);
    if let Some(least) = marker
        && view.config.max_msgs_per_subject != 1
        && seconds < least
    {
        seconds = least;
        let headers = block::remove_all(&accepted.headers, TTL.as_bytes());
        let headers = block::append(&headers, TTL.as_bytes(), least.to_string().as_bytes());
        accepted.headers = Cow::Owned(headers.map_err(|_| ApiError::MESSAGE_TTL_INVALID.error())?);
    }
    if view.config.allow_msg_ttl {
        accepted.ttl = Ttl::Until(view.now.plus(seconds.saturating_mul(NANOS)));
    }
    Ok(())
}

const NANOS: u64 = 1_000_000_000;

/// The store refuses, or cannot be read (10077).
pub(crate) fn store_failed(why: impl std::fmt::Display) -> ApiError {
    ApiError::STREAM_STORE_FAILED.error_with(&[("err", &why)])
}
