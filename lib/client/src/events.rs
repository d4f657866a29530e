//! What happens to a connection besides messages.

use std::sync::Arc;

use tokio::sync::broadcast;

use crate::error::ServerError;
use crate::limits;

/// Something that happened to the connection. Texts never hold credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The first connection stands. Only seen after `retry_on_initial_connect`, or by the event callback.
    Connected { url: String },
    /// The connection is lost; the client looks for another server.
    Disconnected { url: String, reason: String },
    /// A connection stands again, perhaps to another server. Subscriptions are in place.
    Reconnected { url: String },
    /// An attempt to connect to one server failed; others follow.
    ConnectFailed { url: String, error: String },
    /// The server will shut down soon and wants its clients to move.
    LameDuck { url: String },
    /// The cluster announced servers that the pool did not hold.
    DiscoveredServers { urls: Vec<String> },
    /// A subscription is over its limit and loses messages. Sent once until it has room again.
    SlowConsumer {
        sid: u64,
        subject: Arc<str>,
        /// Messages that this subscription lost since it was made.
        dropped: u64,
    },
    /// The server sent `-ERR`.
    ServerError(ServerError),
    /// The reader of events was too slow and missed this many.
    Missed(u64),
    /// The client is closed for good.
    Closed { reason: String },
}

impl std::fmt::Display for Event {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Connected { url } => write!(f, "connected to {url}"),
            Self::Disconnected { url, reason } => write!(f, "disconnected from {url}: {reason}"),
            Self::Reconnected { url } => write!(f, "reconnected to {url}"),
            Self::ConnectFailed { url, error } => write!(f, "could not connect to {url}: {error}"),
            Self::LameDuck { url } => write!(f, "{url} is about to shut down (lame duck mode)"),
            Self::DiscoveredServers { urls } => write!(f, "discovered {}", urls.join(", ")),
            Self::SlowConsumer {
                sid,
                subject,
                dropped,
            } => write!(
                f,
                "slow consumer: subscription {sid} on {subject:?} lost {dropped} messages"
            ),
            Self::ServerError(error) => write!(f, "server error: {error}"),
            Self::Missed(count) => write!(f, "{count} events were missed"),
            Self::Closed { reason } => write!(f, "closed: {reason}"),
        }
    }
}

/// Where events go: to every [`Events`] and to the callback of the options.
pub(crate) struct EventHub {
    sender: broadcast::Sender<Event>,
    callback: Option<Callback>,
}

pub(crate) type Callback = Arc<dyn Fn(&Event) + Send + Sync>;

impl EventHub {
    pub(crate) fn new(callback: Option<Callback>) -> Self {
        Self {
            sender: broadcast::Sender::new(limits::EVENTS),
            callback,
        }
    }

    pub(crate) fn emit(&self, event: Event) {
        tracing::debug!(target: "nats_client", "{event}");
        if let Some(callback) = &self.callback {
            callback(&event);
        }
        // Nobody listening is fine.
        let _ = self.sender.send(event);
    }

    pub(crate) fn subscribe(&self) -> Events {
        Events {
            receiver: self.sender.subscribe(),
            closed: false,
        }
    }
}

/// Reader of the events that happen after it was made.
#[derive(Debug)]
pub struct Events {
    receiver: broadcast::Receiver<Event>,
    closed: bool,
}

impl Events {
    /// The next event; `None` after [`Event::Closed`].
    pub async fn next(&mut self) -> Option<Event> {
        if self.closed {
            return None;
        }
        let event = match self.receiver.recv().await {
            Ok(event) => event,
            Err(broadcast::error::RecvError::Lagged(count)) => Event::Missed(count),
            Err(broadcast::error::RecvError::Closed) => return None,
        };
        self.closed = matches!(event, Event::Closed { .. });
        Some(event)
    }
}
