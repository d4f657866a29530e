//! What a configuration may say, and what it is completed to.
//!
//! **What lives here.** [`stream`] and [`consumer`]: every rule for the configuration of either, in the order in which the reference server
//! applies them, because a client that breaks two rules sees which one is reported.
//!
//! **Who may call.** The engine, before it makes or changes an asset. What lies outside of one configuration (other streams, limits of
//! the account, other consumers) is asked through [`stream::Surroundings`] and [`consumer::Siblings`].
//!
//! **What never happens here.** No state is changed; a check returns the completed configuration or the error to send.

pub mod consumer;
pub mod stream;

use std::fmt::Display;

use nats_api::errors::ApiError;

/// Whether `name` can name a stream or a consumer.
pub fn is_valid_name(name: &str) -> bool {
    !name.is_empty() && !name.contains([' ', '\t', '\r', '\n', '\x0c', '.', '*', '>', '\\', '/'])
}

/// The configuration cannot be as it is (10052).
pub(crate) fn invalid(why: impl Display) -> ApiError {
    ApiError::STREAM_INVALID_CONFIG.error_with(&[("err", &why)])
}

/// A pedantic client left to the server what it wants to say itself (10157).
pub(crate) fn pedantic_error(why: impl Display) -> ApiError {
    ApiError::PEDANTIC.error_with(&[("err", &why)])
}
