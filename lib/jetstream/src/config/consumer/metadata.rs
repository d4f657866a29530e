//! The level of the API that a consumer needs, kept in its metadata.

use nats_api::jetstream::{AckPolicy, ConsumerConfig, PriorityPolicy};

use crate::config::stream::metadata::{
    API_LEVEL, REQUIRED_LEVEL_KEY, SERVER_LEVEL_KEY, SERVER_VERSION_KEY,
};

/// The level that this configuration needs.
pub fn required_level(config: &ConsumerConfig) -> u32 {
    let is_paused = config.pause_until.is_some_and(|until| !until.is_never());
    let has_groups = config.priority_policy != PriorityPolicy::None
        || config.priority_timeout.0 != 0
        || !config.priority_groups.is_empty();
    if config.ack_policy == AckPolicy::FlowControl {
        4
    } else {
        u32::from(is_paused || has_groups)
    }
}

/// Writes the level that is needed; what belongs into answers only goes.
pub fn set_static(config: &mut ConsumerConfig) {
    remove_dynamic(config);
    let level = required_level(config).to_string();
    config.metadata.insert(REQUIRED_LEVEL_KEY.to_owned(), level);
}

/// The metadata as answers show it.
pub fn add_dynamic(config: &mut ConsumerConfig, server_version: &str) {
    let metadata = &mut config.metadata;
    metadata.insert(SERVER_VERSION_KEY.to_owned(), server_version.to_owned());
    metadata.insert(SERVER_LEVEL_KEY.to_owned(), API_LEVEL.to_string());
}

/// Takes the level over from a stored configuration, so that two configurations can be compared.
pub(super) fn copy_static(config: &mut ConsumerConfig, from: &ConsumerConfig) {
    remove_dynamic(config);
    match from.metadata.get(REQUIRED_LEVEL_KEY) {
        Some(level) => config
            .metadata
            .insert(REQUIRED_LEVEL_KEY.to_owned(), level.clone()),
        None => config.metadata.remove(REQUIRED_LEVEL_KEY),
    };
}

fn remove_dynamic(config: &mut ConsumerConfig) {
    config.metadata.remove(SERVER_VERSION_KEY);
    config.metadata.remove(SERVER_LEVEL_KEY);
}
