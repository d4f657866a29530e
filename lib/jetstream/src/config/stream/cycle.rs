//! Streams that would feed themselves.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use nats_api::errors::ApiError;
use nats_api::jetstream::StreamConfig;
use nats_proto::subject;

use super::{Surroundings, invalid};

/// Follows sources and mirrors from stream to stream. Coming to a stream for the second time is a cycle if its source's filter lets
/// through what that stream takes. Upstreams in other accounts and domains cannot be followed.
pub(super) fn check(config: &StreamConfig, around: &dyn Surroundings) -> Result<(), ApiError> {
    if config.sources.is_empty() && config.mirror.is_none() {
        return Ok(());
    }
    let mut to_visit = VecDeque::from([Arc::new(config.clone())]);
    let mut visited = BTreeSet::new();
    while let Some(config) = to_visit.pop_front() {
        visited.insert(config.name.clone());
        for source in config.sources.iter().filter(|s| s.external.is_none()) {
            if visited.contains(&source.name) {
                if lets_through(&config.subjects, &source.filter_subject) {
                    return Err(invalid("detected cycle"));
                }
            } else if let Some(next) = around.stream(&source.name) {
                to_visit.push_back(next);
            }
        }
        if let Some(mirror) = config.mirror.as_ref().filter(|m| m.external.is_none()) {
            if visited.contains(&mirror.name) {
                return Err(invalid("detected cycle"));
            }
            to_visit.extend(around.stream(&mirror.name));
        }
    }
    Ok(())
}

fn lets_through(subjects: &[String], filter: &str) -> bool {
    filter.is_empty()
        || subjects
            .iter()
            .any(|taken| subject::collides(taken.as_bytes(), filter.as_bytes()))
}
