//! A configuration, prepared for the way of a message.

use nats_api::errors::ApiError;
use nats_api::jetstream::{Retention, StreamConfig};
use nats_proto::transform::Transform;

use super::Environment;
use crate::publish::AckWriter;

/// What is worked out once for each configuration.
pub(super) struct Rules {
    pub ack: AckWriter,
    /// Publishers are answered.
    pub answers: bool,
    /// Renames subjects before anything else.
    pub transform: Option<Transform>,
    pub republish: Option<Republish>,
    /// Only what somebody is interested in is kept.
    pub needs_interest: bool,
    pub may_roll_up: bool,
}

pub(super) struct Republish {
    pub transform: Transform,
    pub headers_only: bool,
}

impl Rules {
    pub fn new(config: &StreamConfig, environment: &Environment) -> Result<Self, ApiError> {
        let invalid = |error| ApiError::STREAM_INVALID_CONFIG.error_with(&[("err", &error)]);
        let transform = match &config.subject_transform {
            Some(transform) => {
                Some(Transform::new(&transform.src, &transform.dest).map_err(invalid)?)
                    .filter(|transform| !transform.is_identity())
            }
            None => None,
        };
        let republish = match &config.republish {
            Some(republish) => Some(Republish {
                transform: Transform::new(&republish.src, all_if_empty(&republish.dest))
                    .map_err(invalid)?,
                headers_only: republish.headers_only,
            }),
            None => None,
        };
        Ok(Self {
            ack: AckWriter::new(&config.name, &environment.domain),
            answers: !config.no_ack,
            transform,
            republish,
            needs_interest: config.retention == Retention::Interest,
            may_roll_up: config.allow_rollup_hdrs && !config.deny_purge,
        })
    }
}

fn all_if_empty(subject: &str) -> &str {
    if subject.is_empty() { ">" } else { subject }
}
