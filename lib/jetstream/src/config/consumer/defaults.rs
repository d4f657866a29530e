//! What a configuration leaves out, filled in.

use nats_api::errors::ApiError;
use nats_api::jetstream::{AccountLimits, AckPolicy, ConsumerConfig, PriorityPolicy};
use nats_api::time::Nanos;

use super::Rules;
use crate::config::pedantic_error;
use crate::limits;

/// Fills in. When `pedantic`, what would have to be corrected is refused instead.
pub(super) fn complete(
    config: &mut ConsumerConfig,
    rules: &Rules<'_>,
    account: &AccountLimits,
    pedantic: bool,
) -> Result<(), ApiError> {
    correct_negatives(config, pedantic)?;
    if !config.is_push() && config.max_waiting == 0 {
        config.max_waiting = limits::MAX_WAITING_DEFAULT;
    }
    let waits_for_acks = matches!(config.ack_policy, AckPolicy::Explicit | AckPolicy::All);
    if config.ack_wait.0 == 0 && waits_for_acks {
        config.ack_wait = Nanos(limits::ACK_WAIT_DEFAULT);
    }
    if let Some(first) = config.backoff.first().copied() {
        if pedantic && config.ack_wait != first {
            return Err(pedantic_error(
                "first backoff value has to equal batch AckWait",
            ));
        }
        config.ack_wait = first;
    }
    complete_from_stream(config, rules, pedantic)?;
    if config.max_ack_pending == 0 && config.ack_policy != AckPolicy::None {
        let bounds = [rules.server.max_ack_pending, account.max_ack_pending];
        let least = bounds.into_iter().filter(|bound| *bound > 0).min();
        let default = limits::MAX_ACK_PENDING_DEFAULT;
        config.max_ack_pending = least.map_or(default, |least| least.min(default));
    }
    let batch = rules.server.max_request_batch;
    if !config.is_push() && config.max_batch == 0 && batch > 0 {
        if pedantic {
            return Err(pedantic_error(
                "max_request_batch must be set if it's JetStream limits are set",
            ));
        }
        config.max_batch = batch;
    }
    if config.priority_policy == PriorityPolicy::PinnedClient && config.priority_timeout.0 == 0 {
        config.priority_timeout = Nanos(limits::PRIORITY_TIMEOUT_DEFAULT);
    }
    if config.ack_policy == AckPolicy::FlowControl && !pedantic {
        config.flow_control = true;
        config.idle_heartbeat = Nanos(limits::FLOW_CONTROL_ACK_HEARTBEAT);
    }
    Ok(())
}

fn correct_negatives(config: &mut ConsumerConfig, pedantic: bool) -> Result<(), ApiError> {
    let refuse = |why: &str| match pedantic {
        true => Err(pedantic_error(why)),
        false => Ok(()),
    };
    if config.max_deliver < -1 {
        refuse("max_deliver must be set to -1")?;
    }
    if config.max_deliver == 0 || config.max_deliver < -1 {
        config.max_deliver = -1;
    }
    let number = |value: &mut i64, least: i64, why: &str| -> Result<(), ApiError> {
        if *value < least {
            refuse(why)?;
            *value = least;
        }
        Ok(())
    };
    number(
        &mut config.max_waiting,
        0,
        "max_waiting must not be negative",
    )?;
    number(
        &mut config.max_ack_pending,
        -1,
        "max_ack_pending must be set to -1",
    )?;
    number(&mut config.max_batch, 0, "max_batch must not be negative")?;
    number(
        &mut config.max_expires.0,
        0,
        "max_expires must not be negative",
    )?;
    number(&mut config.max_bytes, 0, "max_bytes must not be negative")?;
    number(
        &mut config.idle_heartbeat.0,
        0,
        "idle_heartbeat must not be negative",
    )?;
    let threshold = &mut config.inactive_threshold.0;
    number(threshold, 0, "inactive_threshold must not be negative")?;
    let timeout = &mut config.priority_timeout.0;
    number(timeout, 0, "priority_timeout must not be negative")
}

fn complete_from_stream(
    config: &mut ConsumerConfig,
    rules: &Rules<'_>,
    pedantic: bool,
) -> Result<(), ApiError> {
    let stream = &rules.stream.consumer_limits;
    if config.max_ack_pending == 0 {
        if pedantic && stream.max_ack_pending > 0 {
            return Err(pedantic_error(
                "max_ack_pending must be set if it's configured in stream limits",
            ));
        }
        config.max_ack_pending = stream.max_ack_pending;
    }
    if config.inactive_threshold.0 == 0 {
        if pedantic && stream.inactive_threshold.0 > 0 {
            return Err(pedantic_error(
                "inactive_threshold must be set if it's configured in stream limits",
            ));
        }
        config.inactive_threshold = stream.inactive_threshold;
    }
    Ok(())
}
