//! What an update may change.

use nats_api::errors::ApiError;
use nats_api::jetstream::{Discard, Retention, StreamConfig, StreamConfigRequest};
use nats_api::time::Nanos;

use super::{Surroundings, basics, check, invalid, metadata};

/// Checks a STREAM.UPDATE request. `name` stands in the subject of the request.
///
/// # Errors
/// The first rule that is broken, in the reference server's order.
pub fn update(
    name: &str,
    request: StreamConfigRequest,
    around: &dyn Surroundings,
) -> Result<StreamConfig, ApiError> {
    let mut config = check(request.config, around, request.pedantic)?;
    if name != config.name {
        return Err(ApiError::STREAM_MISMATCH.error());
    }
    let Some(old) = around.stream(name) else {
        return Err(ApiError::STREAM_NOT_FOUND.error());
    };
    let old = &*old;
    metadata::set_static(&mut config);
    if around.is_standalone() && config.num_replicas > 1 {
        return Err(ApiError::STREAM_REPLICAS_NOT_SUPPORTED.error());
    }
    check_change(old, &config)?;
    if config.sealed {
        seal(&mut config);
    }
    around.fits(&config, Some(old))?;
    if around.overlaps(&config.subjects, Some(&config.name)) {
        return Err(ApiError::STREAM_SUBJECT_OVERLAP.error());
    }
    Ok(config)
}

/// A sealed stream keeps what it has, for ever.
fn seal(config: &mut StreamConfig) {
    config.max_age = Nanos(0);
    config.discard = Discard::New;
    (config.deny_delete, config.deny_purge) = (true, true);
    config.allow_rollup_hdrs = false;
}

fn check_change(old: &StreamConfig, new: &StreamConfig) -> Result<(), ApiError> {
    if new.name != old.name {
        return Err(invalid("stream configuration name must match original"));
    }
    if new.storage != old.storage {
        return Err(invalid(
            "stream configuration update can not change storage type",
        ));
    }
    if new.retention != old.retention
        && (new.retention == Retention::WorkQueue || old.retention == Retention::WorkQueue)
    {
        return Err(invalid(
            "stream configuration update can not change retention policy to/from workqueue",
        ));
    }
    let undone = [
        (old.sealed, new.sealed, "unseal a sealed stream"),
        (
            old.deny_delete,
            new.deny_delete,
            "cancel deny message deletes",
        ),
        (old.deny_purge, new.deny_purge, "cancel deny purge"),
    ];
    for (before, after, what) in undone {
        if before && !after {
            return Err(invalid(format_args!(
                "stream configuration update can not {what}"
            )));
        }
    }
    // A mirror may become a stream of its own right, not another mirror.
    if new.mirror.is_some() && new.mirror != old.mirror {
        return Err(ApiError::STREAM_MIRROR_NOT_UPDATABLE.error());
    }
    basics::check_discard_per_subject(new)?;
    if old.allow_msg_ttl && !new.allow_msg_ttl {
        return Err(invalid("message TTL status can not be disabled"));
    }
    if new.allow_msg_counter != old.allow_msg_counter {
        return Err(invalid(
            "stream configuration update can not change message counter setting",
        ));
    }
    if old.allow_msg_schedules && !new.allow_msg_schedules {
        return Err(invalid("message schedules can not be disabled"));
    }
    if old.persist_mode != new.persist_mode {
        return Err(invalid(
            "stream configuration update can not change persist mode",
        ));
    }
    Ok(())
}
