//! Rules about single values and about features that exclude each other.

use std::time::Duration;

use nats_api::errors::ApiError;
use nats_api::jetstream::{Discard, PersistMode, Retention, Storage, StreamConfig};
use nats_api::time::{Nanos, friendly};

use super::{invalid, is_valid_name, pedantic_error};
use crate::limits::{
    DESCRIPTION_LEN_MAX, DUPLICATE_WINDOW_DEFAULT, MARKER_TTL_MIN, METADATA_LEN_MAX, NAME_LEN_MAX,
    REPLICAS_MAX, WINDOW_MIN,
};

/// Name, description and metadata.
pub(super) fn check_texts(config: &StreamConfig) -> Result<(), ApiError> {
    if !is_valid_name(&config.name) {
        return Err(invalid(
            "stream name is required and can not contain '.', '*', '>', '\\', '/'",
        ));
    }
    if config.name.len() > NAME_LEN_MAX {
        return Err(invalid(format_args!(
            "stream name is too long, maximum allowed is {NAME_LEN_MAX}"
        )));
    }
    if config.description.len() > DESCRIPTION_LEN_MAX {
        return Err(invalid(format_args!(
            "stream description is too long, maximum allowed is {DESCRIPTION_LEN_MAX}"
        )));
    }
    let metadata_len: usize = config
        .metadata
        .iter()
        .map(|(key, value)| key.len() + value.len())
        .sum();
    if metadata_len > METADATA_LEN_MAX {
        return Err(invalid(format_args!(
            "stream metadata exceeds maximum size of {METADATA_LEN_MAX} bytes"
        )));
    }
    Ok(())
}

/// Replicas, and the limits for which zero and everything below -1 mean "no limit", which is written -1.
pub(super) fn complete_numbers(config: &mut StreamConfig, pedantic: bool) -> Result<(), ApiError> {
    if config.num_replicas == 0 {
        config.num_replicas = 1;
    }
    if config.num_replicas > REPLICAS_MAX {
        return Err(invalid(format_args!("maximum replicas is {REPLICAS_MAX}")));
    }
    if config.num_replicas < 0 {
        return Err(ApiError::REPLICAS_COUNT_CANNOT_BE_NEGATIVE.error());
    }
    unlimited(&mut config.max_msgs, "max_msgs", pedantic)?;
    unlimited(
        &mut config.max_msgs_per_subject,
        "max_msgs_per_subject",
        pedantic,
    )?;
    unlimited(&mut config.max_bytes, "max_bytes", pedantic)?;
    let mut size = i64::from(config.max_msg_size);
    unlimited(&mut size, "max_msg_size", pedantic)?;
    config.max_msg_size = i32::try_from(size).unwrap_or(-1);
    unlimited(&mut config.max_consumers, "max_consumers", pedantic)
}

fn unlimited(value: &mut i64, name: &str, pedantic: bool) -> Result<(), ApiError> {
    if pedantic && *value < -1 {
        return Err(pedantic_error(format_args!("{name} must be set to -1")));
    }
    if *value == 0 || *value < -1 {
        *value = -1;
    }
    Ok(())
}

/// `max_age` and `duplicate_window`. `server_max` is the longest window that the server allows; zero is no limit.
pub(super) fn complete_windows(
    config: &mut StreamConfig,
    server_max: i64,
    pedantic: bool,
) -> Result<(), ApiError> {
    let max_age = config.max_age.0;
    if max_age < 0 {
        return Err(invalid("max age can not be negative"));
    }
    if max_age != 0 && max_age < WINDOW_MIN {
        return Err(invalid("max age needs to be >= 100ms"));
    }
    let takes_publishes = config.mirror.is_none() && config.sources.is_empty();
    if config.duplicate_window.0 == 0 && takes_publishes {
        config.duplicate_window = Nanos(default_window(max_age, server_max, pedantic)?);
    }
    let window = config.duplicate_window.0;
    if window < 0 {
        return Err(invalid("duplicates window can not be negative"));
    }
    if max_age != 0 && window > max_age {
        return Err(invalid("duplicates window can not be larger then max age"));
    }
    if server_max > 0 && window > server_max {
        return Err(invalid(format_args!(
            "duplicates window can not be larger then server limit of {}",
            friendly(Duration::from(Nanos(server_max)))
        )));
    }
    if window > 0 && window < WINDOW_MIN {
        return Err(invalid("duplicates window needs to be >= 100ms"));
    }
    Ok(())
}

fn default_window(max_age: i64, server_max: i64, pedantic: bool) -> Result<i64, ApiError> {
    let mut window = DUPLICATE_WINDOW_DEFAULT;
    if server_max > 0 && window > server_max {
        if pedantic {
            return Err(pedantic_error(
                "duplicate window limits are higher than current limits",
            ));
        }
        window = server_max;
    }
    if max_age != 0 && max_age < window {
        if pedantic {
            return Err(pedantic_error(
                "duplicate window cannot be bigger than max age",
            ));
        }
        window = max_age;
    }
    Ok(window)
}

/// Which features go together, and which ones switch others on.
pub(super) fn complete_features(config: &mut StreamConfig, pedantic: bool) -> Result<(), ApiError> {
    if config.deny_purge && config.allow_rollup_hdrs {
        return Err(invalid("roll-ups require the purge permission"));
    }
    if config.allow_msg_counter {
        check_counter(config)?;
    }
    check_discard_per_subject(config)?;
    complete_markers(config, pedantic)?;
    if config.allow_msg_schedules {
        if config.discard == Discard::New {
            return Err(invalid("message scheduling cannot use discard new"));
        }
        if !config.allow_rollup_hdrs {
            if pedantic {
                return Err(invalid(
                    "message scheduling cannot be set if roll-ups are disabled",
                ));
            }
            (config.allow_rollup_hdrs, config.deny_purge) = (true, false);
        }
    }
    if config.persist_mode == PersistMode::Async {
        check_async(config)?;
    }
    Ok(())
}

fn check_counter(config: &StreamConfig) -> Result<(), ApiError> {
    if config.discard == Discard::New {
        return Err(invalid("counter stream cannot use discard new"));
    }
    if config.allow_msg_ttl {
        return Err(invalid("counter stream cannot use message TTLs"));
    }
    if config.allow_msg_schedules {
        return Err(invalid("counter stream cannot use message schedules"));
    }
    if config.retention != Retention::Limits {
        return Err(invalid("counter stream can only use limits retention"));
    }
    Ok(())
}

pub(super) fn check_discard_per_subject(config: &StreamConfig) -> Result<(), ApiError> {
    if !config.discard_new_per_subject {
        return Ok(());
    }
    if config.discard != Discard::New {
        return Err(invalid(
            "discard new per subject requires discard new policy to be set",
        ));
    }
    if config.max_msgs_per_subject <= 0 {
        return Err(invalid(
            "discard new per subject requires max msgs per subject > 0",
        ));
    }
    Ok(())
}

fn complete_markers(config: &mut StreamConfig, pedantic: bool) -> Result<(), ApiError> {
    let ttl = config.subject_delete_marker_ttl.0;
    if ttl < 0 {
        return Err(invalid("subject delete marker TTL must not be negative"));
    }
    if ttl == 0 {
        return Ok(());
    }
    if ttl < MARKER_TTL_MIN {
        return Err(invalid(
            "subject delete marker TTL must be at least 1 second",
        ));
    }
    if !config.allow_msg_ttl {
        if pedantic {
            return Err(invalid(
                "subject delete marker cannot be set if message TTLs are disabled",
            ));
        }
        config.allow_msg_ttl = true;
    }
    if !config.allow_rollup_hdrs {
        if pedantic {
            return Err(invalid(
                "subject delete marker cannot be set if roll-ups are disabled",
            ));
        }
        (config.allow_rollup_hdrs, config.deny_purge) = (true, false);
    }
    Ok(())
}

fn check_async(config: &StreamConfig) -> Result<(), ApiError> {
    if config.storage != Storage::File {
        return Err(invalid(
            "async persist mode is only supported on file storage",
        ));
    }
    if config.num_replicas > 1 {
        return Err(invalid(
            "async persist mode is not supported on replicated streams",
        ));
    }
    if config.allow_atomic {
        return Err(invalid(
            "async persist mode is not supported with atomic batch publish",
        ));
    }
    Ok(())
}
