//! A pull consumer in the hand: batches that are fetched, and the status messages that end one.

use std::sync::Arc;
use std::time::Duration;

use nats_api::jetstream::{ConsumerInfo, PullRequest, headers};
use nats_api::time::Nanos;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::context::{JetStream, encode};
use super::error::JetStreamError;
use super::message::JetStreamMessage;
use super::messages::{Messages, MessagesOptions};
use crate::error::RequestError;
use crate::limits;
use crate::message::Message;
use crate::shared::Standing;
use crate::subscription::{SubscribeOptions, Subscription};

/// A pull consumer. Cloning is cheap; clones share the pin of a priority group.
///
/// ```no_run
/// # async fn example(js: nats_client::jetstream::JetStream) -> Result<(), Box<dyn std::error::Error>> {
/// use nats_client::jetstream::{AckPolicy, ConsumerConfig, FetchOptions};
/// let consumer = js
///     .create_pull_consumer("ORDERS", &ConsumerConfig {
///         durable_name: "billing".into(),
///         ack_policy: AckPolicy::Explicit,
///         ..ConsumerConfig::default()
///     })
///     .await?;
/// let mut batch = consumer.fetch(FetchOptions::messages(100)).await?;
/// while let Some(message) = batch.next().await {
///     let message = message?;
///     println!("{}: {}", message.subject(), message.text());
///     message.ack().await?;
/// }
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct PullConsumer {
    pub(super) shared: Arc<Shared>,
}

pub(super) struct Shared {
    pub(super) js: JetStream,
    pub(super) stream: Box<str>,
    pub(super) name: Box<str>,
    next_subject: Box<str>,
    /// The pin that the server gave us, with the policy of a pinned client.
    pin: Mutex<Option<String>>,
}

/// What a client of a consumer with priority groups says about itself. Empty for others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Priority {
    pub group: String,
    /// Overflow: serve me when at least so many messages are pending.
    pub min_pending: u64,
    /// Overflow: or when at least so many await acknowledgement.
    pub min_ack_pending: u64,
    /// Prioritized: 0 to 9, lower is served first.
    pub priority: u8,
}

impl Priority {
    /// A member of a group, without more.
    pub fn group(group: impl Into<String>) -> Self {
        Self {
            group: group.into(),
            ..Self::default()
        }
    }
}

/// What one fetch asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchOptions {
    /// At most so many messages.
    pub max_messages: usize,
    /// At most so many bytes: subject, reply, headers and payload. Zero for no bound.
    pub max_bytes: usize,
    /// End after this long.
    pub expires: Duration,
    /// Do not wait for messages that are not there yet.
    pub no_wait: bool,
    /// The server speaks at least this often. `None` chooses; at most half of `expires`.
    pub heartbeat: Option<Duration>,
    pub priority: Priority,
}

impl FetchOptions {
    /// At most so many messages, within 30 s.
    pub fn messages(max_messages: usize) -> Self {
        Self {
            max_messages,
            max_bytes: 0,
            expires: limits::FETCH_EXPIRES,
            no_wait: false,
            heartbeat: None,
            priority: Priority::default(),
        }
    }

    /// At most so many bytes, within 30 s.
    pub fn bytes(max_bytes: usize) -> Self {
        Self {
            max_bytes,
            ..Self::messages(limits::FETCH_BYTES_MESSAGES)
        }
    }

    pub fn expires(mut self, expires: Duration) -> Self {
        self.expires = expires;
        self
    }

    pub fn no_wait(mut self) -> Self {
        self.no_wait = true;
        self
    }

    pub fn heartbeat(mut self, heartbeat: Duration) -> Self {
        self.heartbeat = Some(heartbeat);
        self
    }

    pub fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }
}

impl PullConsumer {
    pub(super) fn new(js: JetStream, stream: &str, name: &str) -> Self {
        let next_subject = js.api().consumer_msg_next(stream, name);
        Self {
            shared: Arc::new(Shared {
                js,
                stream: stream.into(),
                name: name.into(),
                next_subject: next_subject.into(),
                pin: Mutex::default(),
            }),
        }
    }

    pub fn stream(&self) -> &str {
        &self.shared.stream
    }

    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// What the server says about it now.
    ///
    /// # Errors
    /// The consumer or its stream is gone.
    pub async fn info(&self) -> Result<ConsumerInfo, JetStreamError> {
        self.shared
            .js
            .consumer_info(&self.shared.stream, &self.shared.name)
            .await
    }

    /// Asks for one batch of messages.
    ///
    /// # Errors
    /// When the request could not be sent. Everything later comes from [`Fetch::next`].
    pub async fn fetch(&self, options: FetchOptions) -> Result<Fetch, JetStreamError> {
        let client = self.shared.js.client();
        let standing = Standing::begin(client.shared());
        let inbox = client.new_inbox();
        let subscription = client
            .subscribe_with(&inbox, SubscribeOptions::default())
            .await?;
        let waits = !options.no_wait;
        let heartbeat = waits
            .then(|| heartbeat_within(options.heartbeat, options.expires))
            .flatten();
        let mut request = self.shared.request(&options.priority);
        request.batch = i64::try_from(options.max_messages).unwrap_or(i64::MAX);
        request.max_bytes = i64::try_from(options.max_bytes).unwrap_or(i64::MAX);
        request.no_wait = options.no_wait;
        if waits {
            request.expires = Nanos::from(options.expires);
        }
        request.idle_heartbeat = heartbeat.map(Nanos::from).unwrap_or_default();
        self.shared.send(&inbox, &request).await?;
        let patience = if waits {
            options.expires.saturating_add(limits::FETCH_GRACE)
        } else {
            self.shared.js.request_timeout()
        };
        let patience = patience.min(limits::WAIT_MAX);
        Ok(Fetch {
            consumer: Arc::clone(&self.shared),
            subscription,
            standing,
            remaining: options.max_messages,
            patience,
            deadline: Instant::now() + patience,
            heartbeat,
            silent_at: None,
            ended: false,
        })
    }

    /// The next message, or `None` when none comes within `expires`. Dropping the future gives up what was under way: a
    /// message that had been sent comes again when its time to be acknowledged is over.
    ///
    /// # Errors
    /// As [`Fetch::next`].
    pub async fn next(
        &self,
        expires: Duration,
    ) -> Result<Option<JetStreamMessage>, JetStreamError> {
        let mut batch = self
            .fetch(FetchOptions::messages(1).expires(expires))
            .await?;
        batch.next().await.transpose()
    }

    /// Messages without end, asked for ahead of need.
    ///
    /// # Errors
    /// When the subscription could not be made. Everything later comes from [`Messages::next`].
    pub async fn messages(&self, options: MessagesOptions) -> Result<Messages, JetStreamError> {
        Messages::start(Arc::clone(&self.shared), options).await
    }
}

impl std::fmt::Debug for PullConsumer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PullConsumer")
            .field("stream", &self.shared.stream)
            .field("name", &self.shared.name)
            .finish_non_exhaustive()
    }
}

/// The heartbeat to ask for: what is wished, else a sixth of the wait; never more than half, and none for short waits.
pub(super) fn heartbeat_within(wished: Option<Duration>, expires: Duration) -> Option<Duration> {
    let chosen =
        wished.unwrap_or((expires / 6).clamp(limits::HEARTBEAT_MIN, limits::HEARTBEAT_MAX));
    let chosen = chosen.min(expires / 2);
    (chosen >= limits::HEARTBEAT_MIN || wished.is_some())
        .then_some(chosen)
        .filter(|chosen| !chosen.is_zero())
}

impl Shared {
    /// A request with what the priority group wants to know.
    pub(super) fn request(&self, priority: &Priority) -> PullRequest {
        let pin = self.pin.lock().clone();
        PullRequest {
            group: priority.group.clone(),
            min_pending: i64::try_from(priority.min_pending).unwrap_or(i64::MAX),
            min_ack_pending: i64::try_from(priority.min_ack_pending).unwrap_or(i64::MAX),
            id: pin.unwrap_or_default(),
            priority: i64::from(priority.priority),
            ..PullRequest::default()
        }
    }

    pub(super) async fn send(
        &self,
        inbox: &str,
        request: &PullRequest,
    ) -> Result<(), JetStreamError> {
        let body = encode(request)?;
        self.js
            .client()
            .publish_with_reply(&self.next_subject, inbox, body)
            .await?;
        Ok(())
    }

    /// Tells messages from what the server says about the request.
    pub(super) fn sort(&self, message: Message) -> Sorted {
        let Some(status) = message.status() else {
            if let Some(pin) = message.header(headers::PIN_ID) {
                let mut known = self.pin.lock();
                if known.as_deref() != Some(pin) {
                    *known = Some(pin.to_owned());
                }
            }
            return Sorted::Message(message);
        };
        let number = |name| message.header(name).and_then(|text| text.parse().ok());
        let left = Left {
            messages: number(headers::PENDING_MESSAGES),
            bytes: number(headers::PENDING_BYTES),
        };
        let description = message.status_description().unwrap_or_default();
        match status {
            100 => Sorted::Heartbeat,
            404 | 408 => Sorted::Ended(left),
            409 if description.eq_ignore_ascii_case("Batch Completed") => Sorted::Ended(left),
            409 if description.eq_ignore_ascii_case(TOO_LARGE) => Sorted::TooLarge(left),
            409 if is_lost_server(&description) => Sorted::Again,
            409 if description.eq_ignore_ascii_case("Consumer Deleted") => {
                Sorted::Failed(JetStreamError::ConsumerGone(description))
            }
            423 => {
                *self.pin.lock() = None;
                Sorted::Again
            }
            503 => Sorted::Failed(JetStreamError::ConsumerGone(format!(
                "nobody serves {:?} of stream {:?}",
                self.name, self.stream
            ))),
            _ => Sorted::Failed(JetStreamError::Status {
                status,
                description,
            }),
        }
    }
}

/// The next message does not fit into the bytes that are left of the request.
pub(super) const TOO_LARGE: &str = "Message Size Exceeds MaxBytes";

/// The request is gone with the server that held it; another may be asked.
fn is_lost_server(description: &str) -> bool {
    ["Leadership Change", "Server Shutdown"]
        .iter()
        .any(|text| description.eq_ignore_ascii_case(text))
}

/// What a request had not got when it ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Left {
    pub(super) messages: Option<u64>,
    pub(super) bytes: Option<u64>,
}

/// What came on the inbox of a request.
pub(super) enum Sorted {
    Message(Message),
    Heartbeat,
    /// The request is over, in good order.
    Ended(Left),
    /// The request is over: the next message is larger than what is left of its bytes.
    TooLarge(Left),
    /// The request is over; the same may be asked again.
    Again,
    Failed(JetStreamError),
}

/// One batch, as it comes. Dropping it gives up the rest of the request.
pub struct Fetch {
    consumer: Arc<Shared>,
    subscription: Subscription,
    standing: Standing,
    remaining: usize,
    /// From the request to `deadline`.
    patience: Duration,
    /// The server says that the request is over, and has done so by then.
    deadline: Instant,
    heartbeat: Option<Duration>,
    /// When silence means something; a reader that looks again and again does not move it.
    silent_at: Option<Instant>,
    ended: bool,
}

impl Fetch {
    /// The next message of the batch; `None` at its end: it is complete, or the time is over, or nothing more is there.
    ///
    /// # Errors
    /// The request is refused, the consumer is gone, the connection was lost ([`JetStreamError::ConnectionLost`]), or the
    /// server fell silent. Nothing follows an error. The future may be dropped and asked again: nothing gets lost.
    pub async fn next(&mut self) -> Option<Result<JetStreamMessage, JetStreamError>> {
        while !self.ended {
            let message = match self.subscription.try_next() {
                Some(message) => message,
                None => match self.wait().await {
                    Ok(message) => message,
                    Err(error) => return self.fail(error),
                },
            };
            self.silent_at = None;
            match self.consumer.sort(message) {
                Sorted::Message(message) => {
                    self.remaining = self.remaining.saturating_sub(1);
                    self.ended = self.remaining == 0;
                    let client = self.consumer.js.client().clone();
                    return Some(Ok(JetStreamMessage::new(message, client)));
                }
                Sorted::Heartbeat => {}
                Sorted::Ended(_) | Sorted::TooLarge(_) => break,
                Sorted::Again => {
                    return self.fail(JetStreamError::Status {
                        status: 409,
                        description: "the request was lost; fetch again".into(),
                    });
                }
                Sorted::Failed(error) => return self.fail(error),
            }
        }
        self.ended = true;
        None
    }

    /// Waits for anything. The server tells the end of a request: its silence is none.
    async fn wait(&mut self) -> Result<Message, JetStreamError> {
        // Two heartbeats may be late, or one lost.
        let silence = self.heartbeat.map(|beat| {
            *self
                .silent_at
                .get_or_insert_with(|| Instant::now() + beat * 2)
        });
        let until = silence.map_or(self.deadline, |silence| silence.min(self.deadline));
        tokio::select! {
            biased;
            message = self.subscription.next() => message.ok_or(JetStreamError::Closed),
            () = self.standing.lost() => Err(JetStreamError::ConnectionLost),
            () = tokio::time::sleep_until(until) => Err(match self.heartbeat {
                Some(beat) if until < self.deadline => JetStreamError::NoHeartbeat(beat * 2),
                _ => JetStreamError::Request(RequestError::TimedOut(self.patience)),
            }),
        }
    }

    /// The whole batch.
    ///
    /// # Errors
    /// As [`Fetch::next`].
    pub async fn collect(mut self) -> Result<Vec<JetStreamMessage>, JetStreamError> {
        let mut all = Vec::new();
        while let Some(message) = self.next().await {
            all.push(message?);
        }
        Ok(all)
    }

    fn fail(&mut self, error: JetStreamError) -> Option<Result<JetStreamMessage, JetStreamError>> {
        self.ended = true;
        Some(Err(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heartbeat_is_at_most_half_of_the_wait_and_short_waits_have_none() {
        let seconds = Duration::from_secs;
        assert_eq!(heartbeat_within(None, seconds(30)), Some(seconds(5)));
        assert_eq!(heartbeat_within(None, seconds(3)), Some(seconds(1)));
        assert_eq!(heartbeat_within(None, Duration::from_millis(500)), None);
        assert_eq!(
            heartbeat_within(Some(seconds(60)), seconds(30)),
            Some(seconds(15))
        );
        assert_eq!(heartbeat_within(Some(Duration::ZERO), seconds(30)), None);
    }
}
