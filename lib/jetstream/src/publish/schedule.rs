//! Headers that make a message a schedule, or that take one back.

use nats_api::errors::ApiError;
use nats_api::jetstream::headers::{ROLLUP, ROLLUP_SUBJECT, SCHEDULE, SCHEDULE_NEXT_PURGE};
use nats_proto::header::block;
use nats_proto::subject;
use nats_store::Timestamp;

use super::check::{Candidate, View, store_failed};
use super::headers::given;
use super::staged::Staged;
use super::ttl::AskedTtl;
use crate::schedule::Schedule;

/// What the headers say about schedules.
#[derive(Debug, Default)]
pub(super) struct Scheduling<'a> {
    /// The message is a schedule, due for the first time then.
    pub due: Option<Timestamp>,
    /// The headers with the rollup that every schedule has.
    pub headers: Option<Vec<u8>>,
    /// The schedule on this subject is done with.
    pub purge: Option<&'a [u8]>,
}

pub(super) fn check<'a>(
    view: &View<'_>,
    candidate: &Candidate<'a>,
    staged: Option<&Staged>,
) -> Result<Scheduling<'a>, ApiError> {
    let mut scheduling = Scheduling::default();
    let found = candidate.found;
    let is_allowed = view.config.allow_msg_schedules;
    let schedule = match Schedule::parse(found.schedule, found.schedule_time_zone) {
        Ok(schedule) => schedule,
        Err(_) if !is_allowed => return Err(ApiError::MESSAGE_SCHEDULES_DISABLED.error()),
        Err(error) => return Err(error.api_error()),
    };
    if let Some(schedule) = schedule {
        let due = schedule
            .next(view.now, view.now)
            .ok_or(ApiError::MESSAGE_SCHEDULES_PATTERN_INVALID)
            .map_err(|error| {
                if is_allowed {
                    error
                } else {
                    ApiError::MESSAGE_SCHEDULES_DISABLED
                }
                .error()
            })?;
        if !is_allowed {
            return Err(ApiError::MESSAGE_SCHEDULES_DISABLED.error());
        }
        scheduling.due = Some(due);
        scheduling.headers = check_schedule(view, candidate)?;
    }
    if let Some(next) = given(found.schedule_next) {
        scheduling.purge = Some(check_purge(view, candidate, next, staged)?);
    } else if given(found.scheduler).is_some() {
        return Err(ApiError::MESSAGE_SCHEDULES_SCHEDULER_INVALID.error());
    }
    Ok(scheduling)
}

/// TTL, rollup, target and source of a schedule. Headers, when a rollup has to be added.
fn check_schedule(view: &View<'_>, candidate: &Candidate<'_>) -> Result<Option<Vec<u8>>, ApiError> {
    let found = candidate.found;
    if AskedTtl::parse(found.schedule_ttl).is_err() {
        return Err(ApiError::MESSAGE_SCHEDULES_TTL_INVALID.error());
    }
    if given(found.schedule_rollup).is_some_and(|rollup| rollup != ROLLUP_SUBJECT.as_bytes()) {
        return Err(ApiError::MESSAGE_SCHEDULES_ROLLUP_INVALID.error());
    }
    if given(found.schedule_ttl).is_some() && !view.config.allow_msg_ttl {
        return Err(ApiError::MESSAGE_TTL_DISABLED.error());
    }
    let target = given(found.schedule_target)
        .filter(|target| subject::is_valid_publish(target) && *target != candidate.subject)
        .ok_or_else(|| ApiError::MESSAGE_SCHEDULES_TARGET_INVALID.error())?;
    let source = given(found.schedule_source);
    if source.is_some_and(|source| {
        source == target || source == candidate.subject || !subject::is_valid_publish(source)
    }) {
        return Err(ApiError::MESSAGE_SCHEDULES_SOURCE_INVALID.error());
    }
    let takes = |literal: &[u8]| {
        let subjects = &view.config.subjects;
        subjects
            .iter()
            .any(|taken| subject::collides(taken.as_bytes(), literal))
    };
    if !takes(target) {
        return Err(ApiError::MESSAGE_SCHEDULES_TARGET_INVALID.error());
    }
    if source.is_some_and(|source| !takes(source)) {
        return Err(ApiError::MESSAGE_SCHEDULES_SOURCE_INVALID.error());
    }
    match given(found.rollup) {
        None => block::append(
            candidate.headers,
            ROLLUP.as_bytes(),
            ROLLUP_SUBJECT.as_bytes(),
        )
        .map(Some)
        .map_err(|_| ApiError::MESSAGE_SCHEDULES_ROLLUP_INVALID.error()),
        Some(rollup) if rollup.eq_ignore_ascii_case(ROLLUP_SUBJECT.as_bytes()) => Ok(None),
        Some(_) => Err(ApiError::MESSAGE_SCHEDULES_ROLLUP_INVALID.error()),
    }
}

/// A client may say with a message that a schedule is done with. The subject whose schedule goes.
fn check_purge<'a>(
    view: &View<'_>,
    candidate: &Candidate<'a>,
    next: &[u8],
    staged: Option<&Staged>,
) -> Result<&'a [u8], ApiError> {
    let invalid = || ApiError::MESSAGE_SCHEDULES_SCHEDULER_INVALID.error();
    if next != SCHEDULE_NEXT_PURGE.as_bytes() {
        return Err(invalid());
    }
    let scheduler = given(candidate.found.scheduler)
        .filter(|s| *s != candidate.subject && subject::is_valid_publish(s))
        .ok_or_else(invalid)?;
    if !view.config.allow_msg_schedules {
        return Err(ApiError::MESSAGE_SCHEDULES_DISABLED.error());
    }
    // What is not there may be purged: it may have been purged already.
    let is_schedule = match staged.and_then(|s| s.subject(scheduler)) {
        Some(staged) => staged.is_schedule,
        None => is_stored_schedule(view, scheduler)?,
    };
    if is_schedule {
        Ok(scheduler)
    } else {
        Err(invalid())
    }
}

fn is_stored_schedule(view: &View<'_>, scheduler: &[u8]) -> Result<bool, ApiError> {
    let Some(state) = view.store.subject(scheduler) else {
        return Ok(true);
    };
    let last = view.store.load(state.last_sequence).map_err(store_failed)?;
    Ok(last.is_none_or(|message| {
        given(block::find_value(message.headers(), SCHEDULE.as_bytes())).is_some()
    }))
}
