//! The rules about one configuration, in the reference server's order.

use std::fmt::Display;
use std::time::Duration;

use nats_api::errors::ApiError;
use nats_api::jetstream::{
    AccountLimits, AckPolicy, ConsumerConfig, DeliverPolicy, PriorityPolicy, Retention,
};
use nats_api::time;
use nats_proto::subject;

use super::Rules;
use crate::config::{invalid, is_valid_name};
use crate::limits;

pub(super) fn check(
    config: &ConsumerConfig,
    rules: &Rules<'_>,
    account: &AccountLimits,
) -> Result<(), ApiError> {
    check_names(config)?;
    check_replicas(config, rules)?;
    check_acks(config)?;
    if config.description.len() > limits::DESCRIPTION_LEN_MAX {
        let max = limits::DESCRIPTION_LEN_MAX;
        return Err(ApiError::CONSUMER_DESCRIPTION_TOO_LONG.error_with(&[("max", &max)]));
    }
    if config.is_push() {
        check_push(config, rules)?;
    } else {
        check_pull(config, rules)?;
    }
    check_bounds(config, rules, account)?;
    check_filters(config)?;
    check_start(config)?;
    check_sampling(config)?;
    if config.flow_control && config.idle_heartbeat.0 == 0 {
        return Err(ApiError::CONSUMER_WITH_FLOW_CONTROL_NEEDS_HEARTBEATS.error());
    }
    let both = !config.durable_name.is_empty() && !config.name.is_empty();
    if both && config.name != config.durable_name {
        return Err(ApiError::CONSUMER_CREATE_DURABLE_AND_NAME_MISMATCH.error());
    }
    let metadata = config.metadata.iter().map(|(k, v)| k.len() + v.len());
    if metadata.sum::<usize>() > limits::METADATA_LEN_MAX {
        let limit = format!("{}KB", limits::METADATA_LEN_MAX / 1024);
        return Err(ApiError::CONSUMER_METADATA_LENGTH.error_with(&[("limit", &limit)]));
    }
    check_groups(config)?;
    let placement = rules.stream.placement.as_ref();
    if placement.is_some_and(|placement| !placement.preferred.is_empty()) {
        return Err(invalid("preferred server not permitted in placement"));
    }
    Ok(())
}

fn check_names(config: &ConsumerConfig) -> Result<(), ApiError> {
    if !config.name.is_empty() && !is_valid_name(&config.name) {
        return Err(invalid(
            "consumer name can not contain '.', '*', '>', '\\', '/'",
        ));
    }
    if !config.durable_name.is_empty() && !is_valid_name(&config.durable_name) {
        return Err(invalid(
            "consumer durable name can not contain '.', '*', '>', '\\', '/'",
        ));
    }
    Ok(())
}

fn check_replicas(config: &ConsumerConfig, rules: &Rules<'_>) -> Result<(), ApiError> {
    let (own, stream) = (config.num_replicas, rules.stream.num_replicas);
    if own > 0 && own > stream {
        return Err(ApiError::CONSUMER_REPLICAS_EXCEEDS_STREAM.error());
    }
    if own < 0 {
        return Err(ApiError::REPLICAS_COUNT_CANNOT_BE_NEGATIVE.error());
    }
    if rules.stream.retention != Retention::Limits && own != 0 && own != stream {
        return Err(ApiError::CONSUMER_REPLICAS_SHOULD_MATCH_STREAM.error());
    }
    Ok(())
}

fn check_acks(config: &ConsumerConfig) -> Result<(), ApiError> {
    if config.backoff.iter().any(|wait| wait.0 < 0) {
        return Err(ApiError::CONSUMER_BACK_OFF_NEGATIVE.error());
    }
    if config.ack_wait.0 < 0 {
        return Err(ApiError::CONSUMER_ACK_WAIT_NEGATIVE.error());
    }
    if config.ack_policy == AckPolicy::FlowControl {
        check_flow_control_acks(config)?;
    }
    check_backoff(config)
}

/// There is no use in more steps than deliveries.
pub(super) fn check_backoff(config: &ConsumerConfig) -> Result<(), ApiError> {
    let steps = i64::try_from(config.backoff.len()).unwrap_or(i64::MAX);
    if steps > 0 && config.max_deliver != -1 && steps > config.max_deliver {
        return Err(ApiError::CONSUMER_MAX_DELIVER_BACKOFF.error());
    }
    Ok(())
}

fn check_flow_control_acks(config: &ConsumerConfig) -> Result<(), ApiError> {
    if !config.is_push() {
        return Err(ApiError::CONSUMER_ACK_FC_REQUIRES_PUSH.error());
    }
    if !config.flow_control {
        return Err(ApiError::CONSUMER_ACK_FC_REQUIRES_FC.error());
    }
    if config.idle_heartbeat.0 != limits::FLOW_CONTROL_ACK_HEARTBEAT {
        return Err(invalid("flow control ack policy heartbeat needs to be 1s"));
    }
    if config.max_ack_pending <= 0 {
        return Err(ApiError::CONSUMER_ACK_FC_REQUIRES_MAX_ACK_PENDING.error());
    }
    if config.ack_wait.0 != 0 || !config.backoff.is_empty() {
        return Err(ApiError::CONSUMER_ACK_FC_REQUIRES_NO_ACK_WAIT.error());
    }
    if config.max_deliver > 0 {
        return Err(ApiError::CONSUMER_ACK_FC_REQUIRES_NO_MAX_DELIVER.error());
    }
    Ok(())
}

fn check_push(config: &ConsumerConfig, rules: &Rules<'_>) -> Result<(), ApiError> {
    let to = config.deliver_subject.as_bytes();
    if subject::has_wildcard(to) {
        return Err(ApiError::CONSUMER_DELIVER_TO_WILDCARDS.error());
    }
    if !subject::is_valid(to) {
        return Err(ApiError::CONSUMER_INVALID_DELIVER_SUBJECT.error());
    }
    let mut subjects = rules.stream.subjects.iter();
    if subjects.any(|own| subject::is_subset(to, own.as_bytes())) {
        return Err(ApiError::CONSUMER_DELIVER_CYCLE.error());
    }
    if config.max_waiting != 0 {
        return Err(ApiError::CONSUMER_PUSH_MAX_WAITING.error());
    }
    if config.max_ack_pending > 0 && config.ack_policy == AckPolicy::None {
        return Err(ApiError::CONSUMER_MAX_PENDING_ACK_POLICY_REQUIRED.error());
    }
    let heartbeat = config.idle_heartbeat.0;
    if heartbeat > 0 && heartbeat < limits::IDLE_HEARTBEAT_MIN {
        return Err(ApiError::CONSUMER_SMALL_HEARTBEAT.error());
    }
    Ok(())
}

fn check_pull(config: &ConsumerConfig, rules: &Rules<'_>) -> Result<(), ApiError> {
    if config.ack_policy == AckPolicy::None && rules.stream.retention == Retention::WorkQueue {
        return Err(ApiError::CONSUMER_PULL_REQUIRES_ACK.error());
    }
    if config.rate_limit_bps > 0 {
        return Err(ApiError::CONSUMER_PULL_WITH_RATE_LIMIT.error());
    }
    if config.idle_heartbeat.0 > 0 {
        return Err(ApiError::CONSUMER_HB_REQUIRES_PUSH.error());
    }
    if config.flow_control {
        return Err(ApiError::CONSUMER_FC_REQUIRES_PUSH.error());
    }
    let expires = config.max_expires.0;
    if expires != 0 && expires < limits::MAX_EXPIRES_MIN {
        return Err(ApiError::CONSUMER_MAX_REQUEST_EXPIRES_TOO_SMALL.error());
    }
    let most = rules.server.max_request_batch;
    if most > 0 && config.max_batch > most {
        return Err(ApiError::CONSUMER_MAX_REQUEST_BATCH_EXCEEDED.error_with(&[("limit", &most)]));
    }
    Ok(())
}

fn check_bounds(
    config: &ConsumerConfig,
    rules: &Rules<'_>,
    account: &AccountLimits,
) -> Result<(), ApiError> {
    let stream = &rules.stream.consumer_limits;
    let bounds = [
        rules.server.max_ack_pending,
        account.max_ack_pending,
        stream.max_ack_pending,
    ];
    for limit in bounds {
        if limit > 0 && config.max_ack_pending > limit {
            return Err(ApiError::CONSUMER_MAX_PENDING_ACK_EXCESS.error_with(&[("limit", &limit)]));
        }
    }
    let threshold = stream.inactive_threshold;
    if threshold.0 > 0 && config.inactive_threshold > threshold {
        let limit = time::friendly(Duration::from(threshold));
        return Err(ApiError::CONSUMER_INACTIVE_THRESHOLD_EXCESS.error_with(&[("limit", &limit)]));
    }
    if config.direct && !config.is_push() {
        return Err(ApiError::CONSUMER_DIRECT_REQUIRES_PUSH.error());
    }
    if config.direct && config.is_durable() {
        return Err(ApiError::CONSUMER_DIRECT_REQUIRES_EPHEMERAL.error());
    }
    Ok(())
}

fn check_filters(config: &ConsumerConfig) -> Result<(), ApiError> {
    let bad_subject = || invalid("invalid subject");
    let one = config.filter_subject.as_bytes();
    if !one.is_empty() && !config.filter_subjects.is_empty() {
        return Err(ApiError::CONSUMER_DUPLICATE_FILTER_SUBJECTS.error());
    }
    if !one.is_empty() && !subject::is_valid(one) {
        return Err(bad_subject());
    }
    if config.filter_subjects.iter().any(String::is_empty) {
        return Err(ApiError::CONSUMER_EMPTY_FILTER.error());
    }
    let filters = config.filters();
    for (place, filter) in filters.iter().enumerate() {
        if !subject::is_valid(filter.as_bytes()) {
            return Err(bad_subject());
        }
        let mut others = filters.iter().enumerate().filter(|(at, _)| *at != place);
        if others.any(|(_, other)| subject::is_subset(filter.as_bytes(), other.as_bytes())) {
            return Err(ApiError::CONSUMER_OVERLAPPING_SUBJECT_FILTERS.error());
        }
    }
    Ok(())
}

/// The deliver policy and the places to start at have to fit.
fn check_start(config: &ConsumerConfig) -> Result<(), ApiError> {
    let has_sequence = config.opt_start_seq > 0;
    let has_time = config.opt_start_time.is_some();
    let also = |policy: &str, what: &str| {
        invalid_policy(format_args!(
            "consumer delivery policy is deliver {policy}, but optional start {what} is also set"
        ))
    };
    let missing = |policy: &str, what: &str| {
        invalid_policy(format_args!(
            "consumer delivery policy is deliver {policy}, but optional {what} is not set"
        ))
    };
    let name = match config.deliver_policy {
        DeliverPolicy::ByStartSequence => {
            return match (has_sequence, has_time) {
                (false, _) => Err(missing("by start sequence", "start sequence")),
                (true, true) => Err(also("by start sequence", "time")),
                (true, false) => Ok(()),
            };
        }
        DeliverPolicy::ByStartTime => {
            return match (has_time, has_sequence) {
                (false, _) => Err(missing("by start time", "start time")),
                (true, true) => Err(also("by start time", "start sequence")),
                (true, false) => Ok(()),
            };
        }
        DeliverPolicy::All => "all",
        DeliverPolicy::Last => "last",
        DeliverPolicy::New => "new",
        DeliverPolicy::LastPerSubject => "last per subject",
    };
    if has_sequence {
        return Err(also(name, "sequence"));
    }
    if has_time {
        return Err(also(name, "time"));
    }
    if config.deliver_policy == DeliverPolicy::LastPerSubject && config.filters().is_empty() {
        return Err(missing(name, "filter subject"));
    }
    Ok(())
}

/// A whole number, with or without a per cent sign.
fn check_sampling(config: &ConsumerConfig) -> Result<(), ApiError> {
    let text = &config.sample_freq;
    if text.is_empty() {
        return Ok(());
    }
    let number = text.strip_suffix('%').unwrap_or(text);
    let why = match number.parse::<i64>() {
        Ok(0..) => return Ok(()),
        // The reference server has nothing to say about a negative one.
        Ok(_) => "<nil>".to_owned(),
        Err(error) => {
            let out_of_range = matches!(
                error.kind(),
                std::num::IntErrorKind::PosOverflow | std::num::IntErrorKind::NegOverflow
            );
            let what = if out_of_range {
                "value out of range"
            } else {
                "invalid syntax"
            };
            format!("strconv.Atoi: parsing {number:?}: {what}")
        }
    };
    Err(ApiError::CONSUMER_INVALID_SAMPLING.error_with(&[("err", &why)]))
}

fn check_groups(config: &ConsumerConfig) -> Result<(), ApiError> {
    if config.priority_policy == PriorityPolicy::None {
        if !config.priority_groups.is_empty() {
            return Err(ApiError::CONSUMER_PRIORITY_GROUP_WITH_POLICY_NONE.error());
        }
        if config.priority_timeout.0 > 0 {
            return Err(ApiError::CONSUMER_PINNED_TTL_WITHOUT_PRIORITY_POLICY_NONE.error());
        }
        return Ok(());
    }
    if config.is_push() {
        return Err(ApiError::CONSUMER_PUSH_WITH_PRIORITY_GROUP.error());
    }
    if config.priority_groups.is_empty() {
        return Err(ApiError::CONSUMER_PRIORITY_POLICY_WITHOUT_GROUP.error());
    }
    for group in &config.priority_groups {
        if group.is_empty() {
            return Err(ApiError::CONSUMER_EMPTY_GROUP_NAME.error());
        }
        if !is_valid_group(group) {
            return Err(ApiError::CONSUMER_INVALID_GROUP_NAME.error());
        }
    }
    Ok(())
}

/// Whether this can be the name of a priority group.
pub fn is_valid_group(name: &str) -> bool {
    (1..=limits::GROUP_NAME_LEN_MAX).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'_' | b'=' | b'-'))
}

fn invalid_policy(why: impl Display) -> ApiError {
    ApiError::CONSUMER_INVALID_POLICY.error_with(&[("err", &why)])
}
