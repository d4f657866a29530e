//! A push consumer in the hand: messages that come to a subject, flow control that is answered, heartbeats that are heard.

use std::time::Duration;

use nats_api::jetstream::{ConsumerConfig, ConsumerInfo, headers};
use tokio::time::Instant;

use super::context::JetStream;
use super::error::JetStreamError;
use super::message::JetStreamMessage;
use crate::client::Client;
use crate::limits;
use crate::message::Message;
use crate::registry::PendingLimits;
use crate::subscription::{SubscribeOptions, Subscription};

/// A push consumer.
///
/// ```no_run
/// # async fn example(js: nats_client::jetstream::JetStream) -> Result<(), Box<dyn std::error::Error>> {
/// use nats_client::jetstream::{AckPolicy, ConsumerConfig};
/// let consumer = js
///     .create_push_consumer("ORDERS", &ConsumerConfig {
///         ack_policy: AckPolicy::Explicit,
///         ..ConsumerConfig::default()
///     })
///     .await?;
/// let mut messages = consumer.messages().await?;
/// while let Some(message) = messages.next().await {
///     message?.ack().await?;
/// }
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct PushConsumer {
    js: JetStream,
    info: ConsumerInfo,
    config: ConsumerConfig,
}

impl PushConsumer {
    pub(super) fn new(js: JetStream, info: ConsumerInfo) -> Result<Self, JetStreamError> {
        let config = info.config.clone().unwrap_or_default();
        if !config.is_push() {
            return Err(JetStreamError::Argument(format!(
                "{:?} is a pull consumer, it has no deliver subject",
                info.name
            )));
        }
        Ok(Self { js, info, config })
    }

    pub fn stream(&self) -> &str {
        &self.info.stream_name
    }

    pub fn name(&self) -> &str {
        &self.info.name
    }

    /// As it was when this was made.
    pub fn cached_info(&self) -> &ConsumerInfo {
        &self.info
    }

    /// Listens where the consumer delivers, as a member of its queue group if it has one.
    ///
    /// # Errors
    /// As [`Client::subscribe`].
    pub async fn messages(&self) -> Result<PushMessages, JetStreamError> {
        let group = &self.config.deliver_group;
        let options = SubscribeOptions {
            queue: (!group.is_empty()).then(|| group.clone()),
            limits: PendingLimits::UNLIMITED,
            ..SubscribeOptions::default()
        };
        let client = self.js.client();
        let subscription = client
            .subscribe_with(&self.config.deliver_subject, options)
            .await?;
        let beat = Duration::from(self.config.idle_heartbeat);
        Ok(PushMessages {
            client: client.clone(),
            subscription,
            // In a queue group a heartbeat goes to one member only.
            heartbeat: (!beat.is_zero() && group.is_empty()).then_some(beat),
            silent_at: None,
        })
    }
}

impl std::fmt::Debug for PushConsumer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PushConsumer")
            .field("stream", &self.stream())
            .field("name", &self.name())
            .finish_non_exhaustive()
    }
}

/// What a push consumer delivers. Dropping it stops listening; the consumer stays.
pub struct PushMessages {
    client: Client,
    subscription: Subscription,
    heartbeat: Option<Duration>,
    /// When silence means something; a reader that looks again and again does not move it.
    silent_at: Option<Instant>,
}

impl PushMessages {
    /// The next message; `None` when the client is closed. Without heartbeats a consumer that is gone is silent for ever.
    /// The future may be dropped and asked again: nothing gets lost.
    ///
    /// # Errors
    /// [`JetStreamError::NoHeartbeat`] when nothing was heard for three heartbeats; reading may go on.
    pub async fn next(&mut self) -> Option<Result<JetStreamMessage, JetStreamError>> {
        loop {
            let message = match self.wait().await? {
                Ok(message) => message,
                Err(error) => return Some(Err(error)),
            };
            match Control::of(&message) {
                None => return Some(Ok(JetStreamMessage::new(message, self.client.clone()))),
                Some(control) => {
                    if let Err(error) = control.answer(&self.client).await {
                        return Some(Err(error));
                    }
                }
            }
        }
    }

    async fn wait(&mut self) -> Option<Result<Message, JetStreamError>> {
        if let Some(message) = self.subscription.try_next() {
            self.silent_at = None;
            return Some(Ok(message));
        }
        let Some(beat) = self.heartbeat else {
            return self.subscription.next().await.map(Ok);
        };
        let patience = silence_of(beat);
        let until = *self
            .silent_at
            .get_or_insert_with(|| Instant::now() + patience);
        let heard = tokio::time::timeout_at(until, self.subscription.next()).await;
        self.silent_at = None;
        match heard {
            Ok(message) => message.map(Ok),
            Err(_) => Some(Err(JetStreamError::NoHeartbeat(patience))),
        }
    }

    /// Stops listening.
    pub fn unsubscribe(&self) {
        self.subscription.unsubscribe();
    }
}

/// A message of the consumer itself, on the way of its messages.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Control {
    /// Answer on this subject when everything before is processed.
    FlowControl(String),
    Heartbeat {
        /// Sequence of the last delivery.
        last_consumer: Option<u64>,
        /// A flow control request that got lost.
        stalled: Option<String>,
    },
}

impl Control {
    /// `None` when it is a message of the stream.
    pub(super) fn of(message: &Message) -> Option<Self> {
        if message.status() != Some(100) {
            return None;
        }
        if let Some(reply) = message.reply() {
            return Some(Self::FlowControl(reply.to_owned()));
        }
        let number = |name| message.header(name).and_then(|text| text.parse().ok());
        Some(Self::Heartbeat {
            last_consumer: number(headers::LAST_CONSUMER),
            stalled: message.header(headers::CONSUMER_STALLED).map(str::to_owned),
        })
    }

    /// Says what the consumer waits for.
    pub(super) async fn answer(&self, client: &Client) -> Result<(), JetStreamError> {
        if let Self::FlowControl(subject)
        | Self::Heartbeat {
            stalled: Some(subject),
            ..
        } = self
        {
            client.publish(subject, b"").await?;
        }
        Ok(())
    }
}

/// Silence that is suspicious.
pub(super) fn silence_of(heartbeat: Duration) -> Duration {
    heartbeat
        .saturating_mul(limits::HEARTBEATS_MISSED)
        .min(limits::WAIT_MAX)
}
