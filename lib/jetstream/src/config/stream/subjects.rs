//! Rules about the subjects that a stream takes.

use nats_api::errors::ApiError;
use nats_api::jetstream::StreamConfig;
use nats_proto::subject;

use super::invalid;

/// Subjects of JetStream itself, which answers on them.
const JETSTREAM_SPACES: [&[u8]; 3] = [b"$JS.>", b"$JSC.>", b"$NRG.>"];
const JETSTREAM_EVENTS: &[u8] = b"$JS.EVENT.>";
const SYSTEM_SPACE: &[u8] = b"$SYS.>";
const SYSTEM_ACCOUNTS: &[u8] = b"$SYS.ACCOUNT.>";

/// A stream without subjects and upstreams takes its own name.
pub(super) fn complete(config: &mut StreamConfig) -> Result<(), ApiError> {
    if config.subjects.is_empty() {
        if config.mirror.is_none() && config.sources.is_empty() {
            config.subjects.push(config.name.clone());
        }
        return Ok(());
    }
    for (index, taken) in config.subjects.iter().enumerate() {
        if !subject::is_valid(taken.as_bytes()) {
            return Err(invalid("invalid subject"));
        }
        check_reserved(config, taken)?;
        let later = config.subjects.iter().skip(index + 1);
        // Equal subjects overlap too, and that is how they are reported.
        for other in later {
            if subject::collides(other.as_bytes(), taken.as_bytes()) {
                return Err(invalid(format_args!(
                    "subject {taken:?} overlaps with {other:?}"
                )));
            }
        }
    }
    Ok(())
}

/// An acknowledgement on a subject that somebody waits for an answer on would be taken for that answer.
fn check_reserved(config: &StreamConfig, taken: &str) -> Result<(), ApiError> {
    if taken == ">" {
        if !config.no_ack {
            return Err(invalid("capturing all subjects requires no-ack to be true"));
        }
        if config.num_replicas != 1 {
            return Err(invalid("capturing all subjects requires replicas of 1"));
        }
    }
    if config.no_ack {
        return Ok(());
    }
    let taken = taken.as_bytes();
    let collides = |space: &[u8]| subject::collides(taken, space);
    if JETSTREAM_SPACES.iter().any(|space| collides(space))
        && !subject::is_subset(taken, JETSTREAM_EVENTS)
    {
        return Err(invalid(
            "subjects that overlap with jetstream api require no-ack to be true",
        ));
    }
    if collides(SYSTEM_SPACE) && !subject::is_subset(taken, SYSTEM_ACCOUNTS) {
        return Err(invalid(
            "subjects that overlap with system api require no-ack to be true",
        ));
    }
    Ok(())
}
