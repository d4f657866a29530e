//! The level of the API that a stream needs, kept in its metadata.

use nats_api::jetstream::{PersistMode, StreamConfig};

/// The level of the API that this server speaks: that of 2.15.
pub const API_LEVEL: u32 = 5;
/// Stored: the level that the asset needs.
pub const REQUIRED_LEVEL_KEY: &str = "_nats.req.level";
/// Only in answers: the server's version.
pub const SERVER_VERSION_KEY: &str = "_nats.ver";
/// Only in answers: the server's level.
pub const SERVER_LEVEL_KEY: &str = "_nats.level";
/// Only in answers: what is wrong with the stream's storage. A key of ours, where clients expect keys that they do not know.
pub const FAULT_KEY: &str = "_nats.fault";

/// The level that this configuration needs.
pub fn required_level(config: &StreamConfig) -> u32 {
    let needs = [
        (config.allow_batched, 4),
        (config.allow_msg_counter, 2),
        (config.allow_atomic, 2),
        (config.allow_msg_schedules, 2),
        (config.persist_mode == PersistMode::Async, 2),
        (config.allow_msg_ttl, 1),
        (config.subject_delete_marker_ttl.0 > 0, 1),
    ];
    needs
        .iter()
        .filter(|(is_used, _)| *is_used)
        .map(|(_, level)| *level)
        .max()
        .unwrap_or(0)
}

/// Writes the level that is needed; what belongs into answers only goes.
pub fn set_static(config: &mut StreamConfig) {
    remove_dynamic(config);
    let level = required_level(config).to_string();
    config.metadata.insert(REQUIRED_LEVEL_KEY.to_owned(), level);
}

/// The metadata as answers show it.
#[must_use]
pub fn with_dynamic(mut config: StreamConfig, server_version: &str) -> StreamConfig {
    let metadata = &mut config.metadata;
    metadata.insert(SERVER_VERSION_KEY.to_owned(), server_version.to_owned());
    metadata.insert(SERVER_LEVEL_KEY.to_owned(), API_LEVEL.to_string());
    config
}

/// Says in an answer what is wrong with the stream.
pub fn add_fault(config: &mut StreamConfig, fault: &dyn std::fmt::Display) {
    let metadata = &mut config.metadata;
    metadata.insert(FAULT_KEY.to_owned(), fault.to_string());
}

/// Takes the level over from a stored configuration, so that two configurations can be compared.
pub fn copy_static(config: &mut StreamConfig, from: &StreamConfig) {
    remove_dynamic(config);
    match from.metadata.get(REQUIRED_LEVEL_KEY) {
        Some(level) => config
            .metadata
            .insert(REQUIRED_LEVEL_KEY.to_owned(), level.clone()),
        None => config.metadata.remove(REQUIRED_LEVEL_KEY),
    };
}

/// Whether a stored asset that needs `level` can run here.
pub fn is_supported(level: &str) -> bool {
    level.is_empty()
        || level
            .parse::<i64>()
            .is_ok_and(|level| level <= i64::from(API_LEVEL))
}

/// Whether a request that says it needs this level (`Nats-Required-Api-Level`) can be served.
pub fn is_level_served(level: &[u8]) -> bool {
    std::str::from_utf8(level).is_ok_and(is_supported)
}

/// Takes out what belongs into answers only.
pub fn remove_dynamic(config: &mut StreamConfig) {
    config.metadata.remove(SERVER_VERSION_KEY);
    config.metadata.remove(SERVER_LEVEL_KEY);
    config.metadata.remove(FAULT_KEY);
}
