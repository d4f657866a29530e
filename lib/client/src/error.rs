//! What can go wrong, by the call that it goes wrong in.

use nats_proto::encode::EncodeError;
use nats_proto::server_op::ParseError;
use nats_proto::subject::InvalidSubject;

/// A `-ERR` line of a server, understood.
///
/// Source: reference server behaviour, inventory section 1.4.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    #[error("Authorization Violation: the server refused these credentials")]
    AuthorizationViolation,
    /// One of the texts about credentials that were good once: expired or revoked.
    #[error("{0}")]
    CredentialsEnded(String),
    #[error("Permissions Violation for Publish to {subject:?}")]
    PublishDenied { subject: String },
    #[error("Permissions Violation for Publish with Reply of {reply:?}")]
    ReplyDenied { reply: String },
    #[error("Permissions Violation for Subscription to {subject:?}{}", queue_suffix(.queue))]
    SubscribeDenied {
        subject: String,
        queue: Option<String>,
    },
    #[error("Stale Connection: the server had no answer to its pings")]
    StaleConnection,
    #[error("Maximum Payload Violation")]
    MaximumPayload,
    #[error("{0}")]
    MaximumConnections(String),
    #[error("maximum subscriptions exceeded")]
    MaximumSubscriptions,
    #[error("Secure Connection - TLS Required")]
    TlsRequired,
    #[error("{0}")]
    Other(String),
}

fn queue_suffix(queue: &Option<String>) -> String {
    queue
        .as_ref()
        .map(|queue| format!(" using queue {queue:?}"))
        .unwrap_or_default()
}

impl ServerError {
    /// Reads the text of a `-ERR`, without its apostrophes.
    pub fn from_text(text: &str) -> Self {
        let lower = text.to_ascii_lowercase();
        if let Some(permission) = permission(text, &lower) {
            return permission;
        }
        match lower.as_str() {
            "authorization violation" => Self::AuthorizationViolation,
            "authentication timeout" => Self::CredentialsEnded(text.to_owned()),
            "stale connection" => Self::StaleConnection,
            "maximum payload violation" => Self::MaximumPayload,
            "maximum subscriptions exceeded" => Self::MaximumSubscriptions,
            "secure connection - tls required" => Self::TlsRequired,
            _ if lower.contains("authentication expired")
                || lower.contains("authentication revoked") =>
            {
                Self::CredentialsEnded(text.to_owned())
            }
            _ if lower.starts_with("maximum") && lower.contains("connections exceeded") => {
                Self::MaximumConnections(text.to_owned())
            }
            _ => Self::Other(text.to_owned()),
        }
    }

    /// Whether the server refuses who we are, rather than what we did.
    pub fn is_authentication(&self) -> bool {
        matches!(
            self,
            Self::AuthorizationViolation | Self::CredentialsEnded(_)
        )
    }
}

fn permission(text: &str, lower: &str) -> Option<ServerError> {
    let quoted = |part: &str| {
        let from = text.get(part.len()..)?;
        let from = from.split_once('"')?.1;
        Some(from.split_once('"')?.0.to_owned())
    };
    for prefix in [
        "permissions violation for publish with reply of ",
        "permissions violation for publish to ",
        "permissions violation for subscription to ",
    ] {
        if !lower.starts_with(prefix) {
            continue;
        }
        let name = quoted(prefix)?;
        return Some(if prefix.contains("reply") {
            ServerError::ReplyDenied { reply: name }
        } else if prefix.contains("publish") {
            ServerError::PublishDenied { subject: name }
        } else {
            let queue = text
                .split_once("using queue \"")
                .and_then(|(_, rest)| rest.split_once('"'))
                .map(|(queue, _)| queue.to_owned());
            ServerError::SubscribeDenied {
                subject: name,
                queue,
            }
        });
    }
    None
}

/// Why no connection came about.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    #[error("server URL {url:?}: {problem}")]
    Url { url: String, problem: String },
    #[error("no server to connect to: name one, for example nats://127.0.0.1:4222")]
    NoServers,
    #[error("{url}: {source}")]
    Io {
        url: String,
        #[source]
        source: std::io::Error,
    },
    #[error("{url}: no answer within {after:?} ({step})")]
    TimedOut {
        url: String,
        after: std::time::Duration,
        step: &'static str,
    },
    #[error("{url}: {source}")]
    Server {
        url: String,
        #[source]
        source: ServerError,
    },
    #[error("{url}: {problem}")]
    Protocol { url: String, problem: String },
    #[error("{url}: TLS: {problem}")]
    Tls { url: String, problem: String },
    #[error("{url}: TLS is wanted, but the server does not offer it")]
    TlsNotOffered { url: String },
    #[error("credentials: {0}")]
    Credentials(String),
    #[error("inbox prefix {prefix:?}: {problem}")]
    InboxPrefix {
        prefix: String,
        problem: InvalidSubject,
    },
}

impl ConnectError {
    /// Whether the server refused who we are.
    pub fn is_authentication(&self) -> bool {
        matches!(self, Self::Server { source, .. } if source.is_authentication())
    }
}

/// Why a message was not accepted for sending.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    #[error("invalid message: {0}")]
    Invalid(#[from] EncodeError),
    #[error("invalid subject: {0}")]
    Subject(#[from] InvalidSubject),
    #[error("message of {size} bytes is larger than the server accepts ({max} bytes)")]
    PayloadTooLarge { size: usize, max: usize },
    #[error("the server does not support headers")]
    HeadersNotSupported,
    #[error("disconnected, and the pending buffer of {limit} bytes is full")]
    PendingBufferFull { limit: usize },
    #[error("the write buffer is full")]
    WouldBlock,
    #[error("the message asks for no answer: it has no reply subject")]
    NoReplySubject,
    #[error("the connection is draining")]
    Draining,
    #[error("the connection is closed")]
    Closed,
}

/// Why a subscription was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubscribeError {
    #[error("invalid subject: {0}")]
    Subject(#[from] InvalidSubject),
    #[error("invalid subscription: {0}")]
    Invalid(#[from] EncodeError),
    #[error("invalid queue group {0:?}: it must not be empty and holds no blanks")]
    QueueGroup(String),
    #[error("the connection is draining")]
    Draining,
    #[error("the connection is closed")]
    Closed,
}

/// Why a round trip to the server did not complete.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FlushError {
    #[error("no answer from the server within {0:?}")]
    TimedOut(std::time::Duration),
    #[error("the connection was lost before the server answered")]
    Disconnected,
    #[error("the connection is closed")]
    Closed,
}

/// Why a request has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    #[error("no responders are available on {subject:?}")]
    NoResponders { subject: String },
    #[error("no answer within {0:?}")]
    TimedOut(std::time::Duration),
    #[error("not allowed: {0}")]
    Denied(ServerError),
    #[error(transparent)]
    Publish(#[from] PublishError),
    #[error(transparent)]
    Subscribe(#[from] SubscribeError),
    #[error("the connection is closed")]
    Closed,
}

/// Why a drain did not complete.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DrainError {
    #[error("messages were still waiting after {0:?}; the connection was closed without them")]
    TimedOut(std::time::Duration),
    #[error(transparent)]
    Flush(#[from] FlushError),
    #[error("the connection is closed")]
    Closed,
}

/// Why a connection ended.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Lost {
    #[error("the server closed the connection")]
    Eof,
    #[error("{0}")]
    Io(String),
    #[error("no answer to {0} pings")]
    Stale(u32),
    #[error("protocol error: {0}")]
    Protocol(#[from] ParseError),
    #[error("{0}")]
    Server(ServerError),
    #[error("asked to reconnect")]
    Forced,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_the_server_are_understood() {
        let table = [
            (
                "Authorization Violation",
                ServerError::AuthorizationViolation,
            ),
            (
                "authorization violation",
                ServerError::AuthorizationViolation,
            ),
            ("Stale Connection", ServerError::StaleConnection),
            (
                "maximum subscriptions exceeded",
                ServerError::MaximumSubscriptions,
            ),
            (
                "User Authentication Expired",
                ServerError::CredentialsEnded("User Authentication Expired".into()),
            ),
            (
                "maximum account active connections exceeded",
                ServerError::MaximumConnections(
                    "maximum account active connections exceeded".into(),
                ),
            ),
            (
                "Permissions Violation for Publish to \"a.b\"",
                ServerError::PublishDenied {
                    subject: "a.b".into(),
                },
            ),
            (
                "Permissions Violation for Publish with Reply of \"r\"",
                ServerError::ReplyDenied { reply: "r".into() },
            ),
            (
                "Permissions Violation for Subscription to \"a.>\" using queue \"q\"",
                ServerError::SubscribeDenied {
                    subject: "a.>".into(),
                    queue: Some("q".into()),
                },
            ),
            (
                "Permissions Violation for Subscription to \"a\"",
                ServerError::SubscribeDenied {
                    subject: "a".into(),
                    queue: None,
                },
            ),
            ("", ServerError::Other(String::new())),
            (
                "Permissions Violation for Publish to ",
                ServerError::Other("Permissions Violation for Publish to ".into()),
            ),
        ];
        for (text, error) in table {
            assert_eq!(ServerError::from_text(text), error, "{text:?}");
        }
    }
}
