//! Rules about mirrors and sources.

use std::collections::BTreeSet;

use nats_api::errors::ApiError;
use nats_api::errors::Entry;
use nats_api::jetstream::subjects::API_PREFIX;
use nats_api::jetstream::{SourceConsumer, StreamConfig, StreamSource};
use nats_proto::subject;
use nats_proto::transform::Transform;

use super::{Surroundings, invalid, is_valid_name, pedantic_error, upstream_name};

/// What the streams that are named say, to be checked once all of them are known.
#[derive(Default)]
struct Seen {
    subjects: Vec<String>,
    delivery_prefixes: Vec<String>,
    api_prefixes: Vec<String>,
}

pub(super) fn check(
    config: &mut StreamConfig,
    around: &dyn Surroundings,
    pedantic: bool,
) -> Result<(), ApiError> {
    let mut seen = Seen::default();
    if let Some(mirror) = config.mirror.clone() {
        check_mirror_alone(config)?;
        check_mirror(config, &mirror)?;
        look_at_origin(config, &mirror, around, pedantic, &mut seen)?;
    }
    if !config.sources.is_empty() && config.allow_msg_schedules {
        return Err(ApiError::SOURCE_WITH_MSG_SCHEDULES.error());
    }
    let mut names = BTreeSet::new();
    let mut consumers = BTreeSet::new();
    for source in &config.sources {
        check_source(source, &mut names, &mut consumers)?;
        look_at_source(config, source, around, &mut seen)?;
    }
    check_prefixes(&seen)
}

/// What a mirror excludes.
fn check_mirror_alone(config: &StreamConfig) -> Result<(), ApiError> {
    let excluded: [(bool, &Entry); 7] = [
        (config.first_seq > 0, ApiError::MIRROR_WITH_FIRST_SEQ),
        (!config.subjects.is_empty(), ApiError::MIRROR_WITH_SUBJECTS),
        (!config.sources.is_empty(), ApiError::MIRROR_WITH_SOURCES),
        (config.allow_msg_counter, ApiError::MIRROR_WITH_COUNTERS),
        (config.allow_atomic, ApiError::MIRROR_WITH_ATOMIC_PUBLISH),
        (config.allow_batched, ApiError::MIRROR_WITH_BATCH_PUBLISH),
        (
            config.allow_msg_schedules,
            ApiError::MIRROR_WITH_MSG_SCHEDULES,
        ),
    ];
    match excluded.iter().find(|(is_set, _)| *is_set) {
        Some((_, error)) => Err(error.error()),
        None => Ok(()),
    }
}

fn check_mirror(config: &StreamConfig, mirror: &StreamSource) -> Result<(), ApiError> {
    if let Some(consumer) = &mirror.consumer
        && !is_valid_consumer(mirror, consumer)
    {
        return Err(ApiError::MIRROR_DURABLE_CONSUMER_CFG_INVALID.error());
    }
    let transforms = &mirror.subject_transforms;
    if !mirror.filter_subject.is_empty() && !transforms.is_empty() {
        return Err(ApiError::MIRROR_MULTIPLE_FILTERS_NOT_ALLOWED.error());
    }
    if config.subject_delete_marker_ttl.0 > 0 {
        return Err(invalid("subject delete markers forbidden on mirrors"));
    }
    for (outer, transform) in transforms.iter().enumerate() {
        check_transform_source(&transform.src, ApiError::MIRROR_INVALID_SUBJECT_FILTER)?;
        check_destination(
            &transform.src,
            &transform.dest,
            ApiError::MIRROR_INVALID_TRANSFORM_DESTINATION,
        )?;
        let collides = transforms.iter().enumerate().any(|(inner, other)| {
            inner != outer && subject::collides(transform.src.as_bytes(), other.src.as_bytes())
        });
        if collides {
            return Err(ApiError::MIRROR_OVERLAPPING_SUBJECT_FILTERS.error());
        }
    }
    Ok(())
}

/// The origin need not be there; when it is, sizes must fit, and its direct gets are inherited.
fn look_at_origin(
    config: &mut StreamConfig,
    mirror: &StreamSource,
    around: &dyn Surroundings,
    pedantic: bool,
    seen: &mut Seen,
) -> Result<(), ApiError> {
    if seen.remember_external(mirror) {
        return Ok(());
    }
    if !is_valid_name(&mirror.name) {
        return Err(ApiError::MIRROR_INVALID_STREAM_NAME.error());
    }
    let Some(origin) = around.stream(&mirror.name) else {
        return Ok(());
    };
    seen.subjects.extend(origin.subjects.iter().cloned());
    if is_too_small(config, &origin) {
        return Err(ApiError::MIRROR_MAX_MESSAGE_SIZE_TOO_BIG.error());
    }
    if pedantic && config.mirror_direct != origin.allow_direct {
        return Err(pedantic_error(
            "origin stream has direct get set, mirror has it disabled",
        ));
    }
    config.mirror_direct = origin.allow_direct;
    Ok(())
}

fn check_source(
    source: &StreamSource,
    names: &mut BTreeSet<String>,
    consumers: &mut BTreeSet<String>,
) -> Result<(), ApiError> {
    if !is_valid_name(&source.name) {
        return Err(ApiError::SOURCE_INVALID_STREAM_NAME.error());
    }
    if !names.insert(upstream_name::full(source)) {
        return Err(ApiError::SOURCE_DUPLICATE_DETECTED.error());
    }
    let transforms = &source.subject_transforms;
    if !source.filter_subject.is_empty() && !transforms.is_empty() {
        return Err(ApiError::SOURCE_MULTIPLE_FILTERS_NOT_ALLOWED.error());
    }
    for transform in transforms {
        check_transform_source(&transform.src, ApiError::SOURCE_INVALID_SUBJECT_FILTER)?;
        check_destination(
            &transform.src,
            &transform.dest,
            ApiError::SOURCE_INVALID_TRANSFORM_DESTINATION,
        )?;
    }
    let overlap = transforms.iter().enumerate().any(|(outer, transform)| {
        transforms.iter().enumerate().any(|(inner, other)| {
            inner != outer && subject::is_subset(transform.src.as_bytes(), other.src.as_bytes())
        })
    });
    if overlap {
        return Err(ApiError::SOURCE_OVERLAPPING_SUBJECT_FILTERS.error());
    }
    let Some(consumer) = &source.consumer else {
        return Ok(());
    };
    if !is_valid_consumer(source, consumer) {
        return Err(ApiError::SOURCE_DURABLE_CONSUMER_CFG_INVALID.error());
    }
    if !consumers.insert(upstream_name::with_consumer(source)) {
        return Err(ApiError::SOURCE_DURABLE_CONSUMER_DUPLICATE_DETECTED.error());
    }
    Ok(())
}

fn look_at_source(
    config: &StreamConfig,
    source: &StreamSource,
    around: &dyn Surroundings,
    seen: &mut Seen,
) -> Result<(), ApiError> {
    if seen.remember_external(source) {
        return Ok(());
    }
    let Some(origin) = around.stream(&source.name) else {
        return Ok(());
    };
    seen.subjects.extend(origin.subjects.iter().cloned());
    if is_too_small(config, &origin) {
        return Err(ApiError::SOURCE_MAX_MESSAGE_SIZE_TOO_BIG.error());
    }
    Ok(())
}

impl Seen {
    /// Takes note of an external upstream's prefixes; false when the upstream is in this account.
    fn remember_external(&mut self, source: &StreamSource) -> bool {
        let Some(external) = &source.external else {
            return false;
        };
        if !external.deliver.is_empty() {
            self.delivery_prefixes.push(external.deliver.clone());
        }
        if !external.api.is_empty() {
            self.api_prefixes.push(external.api.clone());
        }
        true
    }
}

fn check_prefixes(seen: &Seen) -> Result<(), ApiError> {
    for prefix in &seen.delivery_prefixes {
        if !subject::is_valid_publish(prefix.as_bytes()) {
            return Err(
                ApiError::STREAM_INVALID_EXTERNAL_DELIVERY_SUBJ.error_with(&[("prefix", prefix)])
            );
        }
        let overlapped = seen.subjects.iter().find(|taken| {
            let delivered = format!("{prefix}.{taken}");
            subject::collides(taken.as_bytes(), delivered.as_bytes())
        });
        if let Some(taken) = overlapped {
            return Err(ApiError::STREAM_EXTERNAL_DEL_PREFIX_OVERLAPS
                .error_with(&[("prefix", prefix), ("subject", taken)]));
        }
    }
    for prefix in &seen.api_prefixes {
        if !subject::is_valid_publish(prefix.as_bytes()) {
            return Err(invalid(format_args!(
                "stream external api prefix {prefix:?} must be a valid subject without wildcards"
            )));
        }
        if subject::collides(prefix.as_bytes(), API_PREFIX.as_bytes()) {
            return Err(ApiError::STREAM_EXTERNAL_API_OVERLAP
                .error_with(&[("prefix", prefix), ("subject", &API_PREFIX)]));
        }
    }
    Ok(())
}

/// A message of the origin may be larger than this stream takes.
fn is_too_small(config: &StreamConfig, origin: &StreamConfig) -> bool {
    config.max_msg_size > 0 && origin.max_msg_size > 0 && config.max_msg_size < origin.max_msg_size
}

/// A consumer made beforehand knows where it begins and what it filters.
fn is_valid_consumer(source: &StreamSource, consumer: &SourceConsumer) -> bool {
    is_valid_name(&consumer.name)
        && subject::is_valid_publish(consumer.deliver_subject.as_bytes())
        && source.opt_start_seq == 0
        && source.opt_start_time.is_none()
        && source.filter_subject.is_empty()
}

fn check_transform_source(source: &str, error: &Entry) -> Result<(), ApiError> {
    if !source.is_empty() && !subject::is_valid(source.as_bytes()) {
        let why = format!("invalid subject {source}");
        return Err(error.error_with(&[("err", &why)]));
    }
    Ok(())
}

/// An empty destination keeps subjects as they are.
pub(super) fn check_destination(
    source: &str,
    destination: &str,
    error: &Entry,
) -> Result<(), ApiError> {
    if destination.is_empty() {
        return Ok(());
    }
    match Transform::new(source, destination) {
        Ok(_) => Ok(()),
        Err(why) => Err(error.error_with(&[("err", &why)])),
    }
}

/// Filters of upstreams are looked at last, when a stream is about to be made.
pub(super) fn check_filters(config: &StreamConfig) -> Result<(), ApiError> {
    let refuse = |why: String| Err(ApiError::STREAM_CREATE.error_with(&[("err", &why)]));
    let is_bad = |filter: &str| !filter.is_empty() && !subject::is_valid(filter.as_bytes());
    if let Some(mirror) = &config.mirror
        && is_bad(&mirror.filter_subject)
    {
        return refuse(format!(
            "subject filter '{}' for the mirror invalid subject",
            mirror.filter_subject
        ));
    }
    match config.sources.iter().find(|s| is_bad(&s.filter_subject)) {
        Some(source) => refuse(format!(
            "subject filter '{}' for the source: invalid subject",
            source.filter_subject
        )),
        None => Ok(()),
    }
}
