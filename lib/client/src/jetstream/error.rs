//! What can go wrong with JetStream.

use std::time::Duration;

use nats_api::errors::{ApiError, Entry};
use nats_api::jetstream::ReplyError;
use nats_proto::header::HeaderError;

use crate::error::{PublishError, RequestError, SubscribeError};

/// Why a JetStream call has no result.
///
/// ```
/// use nats_client::jetstream::{ApiError, JetStreamError};
/// fn is_missing(error: &JetStreamError) -> bool {
///     error.is(ApiError::STREAM_NOT_FOUND) || error.is(ApiError::CONSUMER_NOT_FOUND)
/// }
/// # assert!(is_missing(&JetStreamError::Api(ApiError::STREAM_NOT_FOUND.error())));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JetStreamError {
    /// The server refused. [`ApiError::err_code`] says why; see [`JetStreamError::is`].
    #[error(transparent)]
    Api(#[from] ApiError),
    #[error(
        "nobody answers on {subject:?}: JetStream is not enabled on the server or for this account, or the domain is wrong"
    )]
    NotEnabled { subject: String },
    #[error(
        "nobody answers direct gets of stream {stream:?}: it is missing, or does not allow them"
    )]
    NoDirectGet { stream: String },
    #[error("no stream takes {subject:?}, or JetStream is not enabled")]
    NoStream { subject: String },
    #[error("{what} name {name:?}: {problem}")]
    Name {
        what: &'static str,
        name: String,
        problem: &'static str,
    },
    #[error("invalid argument: {0}")]
    Argument(String),
    #[error("invalid header: {0}")]
    Header(#[from] HeaderError),
    #[error(transparent)]
    Request(RequestError),
    #[error(transparent)]
    Publish(PublishError),
    #[error(transparent)]
    Subscribe(SubscribeError),
    #[error("the server's answer makes no sense: {0}")]
    Answer(String),
    /// What a consumer, or a direct get, answered instead of messages.
    #[error("{status} {description}")]
    Status { status: u16, description: String },
    /// What was asked for on the connection before is not answered on the next: ask again.
    #[error("the connection was lost before the whole answer had come; ask again")]
    ConnectionLost,
    #[error("nothing was heard from the consumer for {0:?}")]
    NoHeartbeat(Duration),
    /// It was deleted, or never was there.
    #[error("the consumer is gone: {0}")]
    ConsumerGone(String),
    /// Publishing waited for acknowledgements in vain.
    #[error("{outstanding} messages were not acknowledged within {after:?}")]
    NotAcknowledged { outstanding: usize, after: Duration },
    #[error("the message was not delivered by a consumer: there is nothing to acknowledge")]
    NothingToAcknowledge,
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("the connection is closed")]
    Closed,
}

impl JetStreamError {
    /// Whether the server refused with this error of the table.
    pub fn is(&self, entry: &Entry) -> bool {
        self.err_code() == Some(entry.err_code)
    }

    /// The JetStream error code, when the server refused with one. The numbers by name: [`super::code`].
    pub fn err_code(&self) -> Option<u16> {
        match self {
            Self::Api(error) if error.err_code != 0 => Some(error.err_code),
            _ => None,
        }
    }

    /// What the server said, when it refused.
    pub fn api(&self) -> Option<&ApiError> {
        match self {
            Self::Api(error) => Some(error),
            _ => None,
        }
    }

    /// Whether something that was asked for does not exist: a stream, a consumer, a message.
    pub fn is_not_found(&self) -> bool {
        match self {
            Self::Api(error) => error.code == 404,
            Self::Status { status, .. } => *status == 404,
            _ => false,
        }
    }
}

impl From<RequestError> for JetStreamError {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::NoResponders { subject } => Self::NotEnabled { subject },
            RequestError::Closed => Self::Closed,
            RequestError::Publish(error) => error.into(),
            RequestError::Subscribe(error) => error.into(),
            other => Self::Request(other),
        }
    }
}

impl From<PublishError> for JetStreamError {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::Closed => Self::Closed,
            other => Self::Publish(other),
        }
    }
}

impl From<SubscribeError> for JetStreamError {
    fn from(error: SubscribeError) -> Self {
        match error {
            SubscribeError::Closed => Self::Closed,
            other => Self::Subscribe(other),
        }
    }
}

impl From<ReplyError> for JetStreamError {
    fn from(error: ReplyError) -> Self {
        match error {
            ReplyError::Api(error) => Self::Api(error),
            other => Self::Answer(other.to_string()),
        }
    }
}
