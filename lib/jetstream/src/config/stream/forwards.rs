//! Rules about the subject transform and about republishing.

use nats_api::errors::ApiError;
use nats_api::jetstream::StreamConfig;
use nats_proto::subject;
use nats_proto::transform::Transform;

use super::upstreams::check_destination;
use super::{invalid, pedantic_error};

pub(super) fn complete(config: &mut StreamConfig, pedantic: bool) -> Result<(), ApiError> {
    if let Some(transform) = &config.subject_transform {
        if !transform.src.is_empty() && !subject::is_valid(transform.src.as_bytes()) {
            let why = format!("invalid subject {}", transform.src);
            return Err(ApiError::STREAM_TRANSFORM_INVALID_SOURCE.error_with(&[("err", &why)]));
        }
        check_destination(
            &transform.src,
            &transform.dest,
            ApiError::STREAM_TRANSFORM_INVALID_DESTINATION,
        )?;
    }
    complete_republish(config, pedantic)
}

fn complete_republish(config: &mut StreamConfig, pedantic: bool) -> Result<(), ApiError> {
    let Some(republish) = &mut config.republish else {
        return Ok(());
    };
    if republish.src.is_empty() {
        if pedantic {
            return Err(pedantic_error("republish source can not be empty"));
        }
        republish.src = ">".to_owned();
    }
    // From everything to everything is a cycle, unless all that the stream takes is renamed before.
    if republish.src == ">"
        && republish.dest == ">"
        && let Some(transform) = &config.subject_transform
        && let [only] = &*config.subjects
        && *only == transform.src
    {
        if pedantic {
            return Err(pedantic_error(
                "implicit republish based on subject transform",
            ));
        }
        republish.src.clone_from(&transform.dest);
        republish.dest.clone_from(&transform.dest);
    }
    let forms_cycle = config
        .subjects
        .iter()
        .any(|taken| subject::collides(republish.dest.as_bytes(), taken.as_bytes()));
    if forms_cycle {
        return Err(invalid(
            "stream configuration for republish destination forms a cycle",
        ));
    }
    if Transform::new(&republish.src, &republish.dest).is_err() {
        return Err(invalid(format_args!(
            "stream configuration for republish with transform from '{}' to '{}' not valid",
            republish.src, republish.dest
        )));
    }
    Ok(())
}
