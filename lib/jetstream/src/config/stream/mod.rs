//! Configurations of streams: [`create`] and [`update`] are what the API's requests go through, [`check`] is what both share.
//!
//! Start with [`check`]; `basics` are the rules about single values and pairs of them, `upstreams` about mirrors and sources, `cycle` about
//! loops between streams, `subjects` about what a stream takes, `forwards` about transforms and republishing. `metadata` keeps the level
//! that an asset needs.

mod basics;
mod change;
mod cycle;
mod forwards;
pub mod metadata;
mod subjects;
pub mod upstream_name;
mod upstreams;

use std::sync::Arc;

use nats_api::errors::ApiError;
use nats_api::jetstream::{StreamConfig, StreamConfigRequest};

pub use change::update;

pub use super::is_valid_name;
use super::{invalid, pedantic_error};

/// What a check asks about the account in which the stream lives.
pub trait Surroundings {
    /// The configuration of a stream of the account.
    fn stream(&self, name: &str) -> Option<Arc<StreamConfig>>;

    /// A stream of the account, other than `except`, takes subjects that one of these can match.
    fn overlaps(&self, subjects: &[String], except: Option<&str>) -> bool;

    /// The longest duplicate window that the server allows, nanoseconds; zero is no limit.
    fn duplicate_window_max(&self) -> i64;

    /// Whether the account wants `max_bytes` set, and the largest that it allows (zero or less: any).
    fn max_bytes(&self, config: &StreamConfig) -> MaxBytes;

    /// A single server: no replicas.
    fn is_standalone(&self) -> bool;

    /// The account may have one more stream like this one.
    ///
    /// # Errors
    /// No limits for this number of replicas (10120), too many streams (10027), or not enough room as for [`Surroundings::fits`].
    fn admits(&self, config: &StreamConfig) -> Result<(), ApiError>;

    /// The account and the server have room for the stream; `replaces` is the configuration for which room is reserved already.
    ///
    /// # Errors
    /// 10120, 10002, 10028, 10047 and their like.
    fn fits(&self, config: &StreamConfig, replaces: Option<&StreamConfig>) -> Result<(), ApiError>;
}

/// What an account says about `max_bytes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MaxBytes {
    pub required: bool,
    pub most: i64,
}

/// What a create request comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Creation {
    /// Make a stream with this configuration.
    New(Box<StreamConfig>),
    /// It is there already, with an equal configuration.
    Exists,
}

/// Checks a STREAM.CREATE request. `name` stands in the subject of the request.
///
/// # Errors
/// The first rule that is broken, in the reference server's order.
pub fn create(
    name: &str,
    request: StreamConfigRequest,
    around: &dyn Surroundings,
) -> Result<Creation, ApiError> {
    let StreamConfigRequest {
        mut config,
        pedantic,
    } = request;
    metadata::set_static(&mut config);
    if name != config.name {
        return Err(ApiError::STREAM_MISMATCH.error());
    }
    if name.contains(['\\', '/']) {
        return Err(ApiError::STREAM_NAME_CONTAINS_PATH_SEPARATORS.error());
    }
    if config.sealed {
        return Err(invalid("stream configuration for create can not be sealed"));
    }
    if config.mirror_direct && config.mirror.is_none() {
        return Err(invalid("stream has no mirror but does have mirror direct"));
    }
    around.admits(&config)?;
    let mut config = check(config, around, pedantic)?;
    if around.is_standalone() && config.num_replicas > 1 {
        return Err(ApiError::STREAM_REPLICAS_NOT_SUPPORTED.error());
    }
    if let Some(existing) = around.stream(&config.name) {
        metadata::copy_static(&mut config, &existing);
        if config == *existing {
            return Ok(Creation::Exists);
        }
        return Err(ApiError::STREAM_NAME_EXIST.error());
    }
    around.fits(&config, None)?;
    upstreams::check_filters(&config)?;
    if around.overlaps(&config.subjects, None) {
        return Err(ApiError::STREAM_SUBJECT_OVERLAP.error());
    }
    Ok(Creation::New(Box::new(config)))
}

/// Checks a STREAM.RESTORE request's configuration, with which the stream will come back. A sealed one may.
///
/// # Errors
/// The first rule that is broken. What the reference server finds out only after it has taken the archive (more than one replica, subjects
/// of another stream) is refused here, before it comes.
pub fn restore(
    name: &str,
    mut config: StreamConfig,
    around: &dyn Surroundings,
) -> Result<StreamConfig, ApiError> {
    if config.name.is_empty() {
        name.clone_into(&mut config.name);
    }
    if name != config.name {
        return Err(ApiError::STREAM_MISMATCH.error());
    }
    if name.contains(['\\', '/']) {
        return Err(ApiError::STREAM_NAME_CONTAINS_PATH_SEPARATORS.error());
    }
    metadata::remove_dynamic(&mut config);
    let config = check(config, around, false)?;
    around.admits(&config)?;
    around.fits(&config, None)?;
    if around.stream(&config.name).is_some() {
        return Err(ApiError::STREAM_NAME_EXIST_RESTORE_FAILED.error());
    }
    if around.is_standalone() && config.num_replicas > 1 {
        return Err(ApiError::STREAM_REPLICAS_NOT_SUPPORTED.error());
    }
    upstreams::check_filters(&config)?;
    if around.overlaps(&config.subjects, None) {
        return Err(ApiError::STREAM_SUBJECT_OVERLAP.error());
    }
    Ok(config)
}

/// Checks a configuration by itself and against the streams that it names, and fills in what it leaves out. When `pedantic`, what would
/// have to be changed is refused instead.
///
/// # Errors
/// The first rule that is broken, in the reference server's order.
pub fn check(
    mut config: StreamConfig,
    around: &dyn Surroundings,
    pedantic: bool,
) -> Result<StreamConfig, ApiError> {
    basics::check_texts(&config)?;
    basics::complete_numbers(&mut config, pedantic)?;
    basics::complete_windows(&mut config, around.duplicate_window_max(), pedantic)?;
    basics::complete_features(&mut config, pedantic)?;
    upstreams::check(&mut config, around, pedantic)?;
    cycle::check(&config, around)?;
    subjects::complete(&mut config)?;
    let max_bytes = around.max_bytes(&config);
    if max_bytes.required && config.max_bytes <= 0 {
        return Err(ApiError::STREAM_MAX_BYTES_REQUIRED.error());
    }
    if max_bytes.most > 0 && config.max_bytes > max_bytes.most {
        return Err(ApiError::STREAM_MAX_STREAM_BYTES_EXCEEDED.error());
    }
    forwards::complete(&mut config, pedantic)?;
    if config.placement.as_ref() == Some(&Default::default()) {
        config.placement = None;
    }
    if config
        .placement
        .as_ref()
        .is_some_and(|placement| !placement.preferred.is_empty())
    {
        return Err(invalid("preferred server not permitted in placement"));
    }
    Ok(config)
}
