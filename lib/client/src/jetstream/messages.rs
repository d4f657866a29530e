//! Messages of a pull consumer without end: the next request goes out before the last is used up.
//!
//! States: *asked* (the server owes us messages), *short* (fewer are owed than the threshold: ask for more). A request
//! that is lost (the server went away, the connection broke, heartbeats stopped) is forgotten, and a new one made. Without a
//! connection nothing is asked for: a request that waited for the next one would stand beside the new one there.

use std::sync::Arc;
use std::time::Duration;

use nats_api::time::Nanos;
use tokio::sync::watch;
use tokio::time::Instant;

use super::error::JetStreamError;
use super::message::JetStreamMessage;
use super::pull::{Left, Priority, Shared, Sorted, TOO_LARGE, heartbeat_within};
use crate::limits;
use crate::message::Message;
use crate::registry::PendingLimits;
use crate::shared::Status;
use crate::subscription::{SubscribeOptions, Subscription};

/// How much is asked for ahead of need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessagesOptions {
    /// The server may owe us so many messages at a time.
    pub max_messages: usize,
    /// The server may owe us so many bytes at a time. Zero for no bound.
    pub max_bytes: usize,
    /// How long one request stands.
    pub expires: Duration,
    /// The server speaks at least this often. `None` chooses.
    pub heartbeat: Option<Duration>,
    /// Ask for more when fewer messages (or bytes) are owed than this part of the maximum, in percent.
    pub threshold_percent: u8,
    pub priority: Priority,
}

impl Default for MessagesOptions {
    /// 500 messages, requests of 30 s, more at half.
    fn default() -> Self {
        Self {
            max_messages: limits::MESSAGES_AHEAD,
            max_bytes: 0,
            expires: limits::FETCH_EXPIRES,
            heartbeat: None,
            threshold_percent: 50,
            priority: Priority::default(),
        }
    }
}

impl MessagesOptions {
    pub fn max_messages(mut self, max_messages: usize) -> Self {
        self.max_messages = max_messages;
        self
    }

    pub fn max_bytes(mut self, max_bytes: usize) -> Self {
        self.max_bytes = max_bytes;
        self
    }

    pub fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }
}

/// Messages of a pull consumer, without end. Requests go out while it is read; dropping it ends them.
///
/// ```no_run
/// # async fn example(consumer: nats_client::jetstream::PullConsumer) -> Result<(), Box<dyn std::error::Error>> {
/// let mut messages = consumer.messages(Default::default()).await?;
/// while let Some(message) = messages.next().await {
///     message?.ack().await?;
/// }
/// # Ok(()) }
/// ```
pub struct Messages {
    consumer: Arc<Shared>,
    options: MessagesOptions,
    heartbeat: Option<Duration>,
    inbox: String,
    subscription: Subscription,
    status: watch::Receiver<Status>,
    /// What the server owes us.
    owed: Owed,
    /// When silence means something; a reader that looks again and again does not move it.
    silent_at: Option<Instant>,
    /// Requests in a row that nobody took.
    unserved: u32,
    /// The pause before the next request.
    not_before: Option<Instant>,
    /// Requests in a row whose bytes were too few for the next message.
    too_small: u32,
    raw: Vec<Message>,
    ended: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Owed {
    messages: u64,
    bytes: u64,
}

impl Messages {
    pub(super) async fn start(
        consumer: Arc<Shared>,
        options: MessagesOptions,
    ) -> Result<Self, JetStreamError> {
        if options.max_messages == 0 {
            return Err(JetStreamError::Argument(
                "max_messages must not be 0".into(),
            ));
        }
        let client = consumer.js.client();
        let inbox = client.new_inbox();
        // What was asked for always has room.
        let subscribe = SubscribeOptions {
            limits: PendingLimits::UNLIMITED,
            ..SubscribeOptions::default()
        };
        let subscription = client.subscribe_with(&inbox, subscribe).await?;
        let mut status = client.shared().status.subscribe();
        status.mark_unchanged();
        let heartbeat = heartbeat_within(options.heartbeat, options.expires);
        Ok(Self {
            consumer,
            options,
            heartbeat,
            inbox,
            subscription,
            status,
            owed: Owed::default(),
            silent_at: None,
            unserved: 0,
            not_before: None,
            too_small: 0,
            raw: Vec::new(),
            ended: false,
        })
    }

    /// The next message. Waits as long as it takes; `None` after an error that ends it, and when the client is closed.
    ///
    /// # Errors
    /// The consumer is gone, or refuses the request. Lost requests and connections are made good silently. The future may be
    /// dropped and asked again: nothing gets lost.
    pub async fn next(&mut self) -> Option<Result<JetStreamMessage, JetStreamError>> {
        loop {
            if self.ended {
                return None;
            }
            if let Err(error) = self.ask_if_short().await {
                return self.fail(error);
            }
            let message = match self.subscription.try_next() {
                Some(message) => message,
                None => match self.wait().await {
                    Ok(Some(message)) => message,
                    Ok(None) => continue,
                    Err(error) => return self.fail(error),
                },
            };
            match self.take(message) {
                Ok(Some(message)) => return Some(Ok(message)),
                Ok(None) => {}
                Err(error) => return self.fail(error),
            }
        }
    }

    /// Waits for messages and moves those that are there, at most 1,024, to the end of `batch`. Returns how many; 0 when
    /// it has ended. The fastest way to read.
    ///
    /// # Errors
    /// As [`Messages::next`].
    pub async fn next_batch(
        &mut self,
        batch: &mut Vec<JetStreamMessage>,
    ) -> Result<usize, JetStreamError> {
        let before = batch.len();
        while batch.len() == before {
            if self.ended {
                return Ok(0);
            }
            let first = match self.ask_if_short().await {
                Ok(()) => match self.subscription.try_next() {
                    Some(message) => Ok(Some(message)),
                    None => self.wait().await,
                },
                Err(error) => Err(error),
            };
            match first {
                Ok(Some(message)) => self.raw.push(message),
                Ok(None) => continue,
                Err(error) => {
                    self.ended = true;
                    return match error {
                        JetStreamError::Closed => Ok(0),
                        error => Err(error),
                    };
                }
            }
            while self.raw.len() < limits::BATCH_MESSAGES
                && let Some(message) = self.subscription.try_next()
            {
                self.raw.push(message);
            }
            let mut raw = std::mem::take(&mut self.raw);
            for message in raw.drain(..) {
                match self.take(message) {
                    Ok(message) => batch.extend(message),
                    Err(error) => {
                        self.ended = true;
                        return Err(error);
                    }
                }
            }
            self.raw = raw;
        }
        Ok(batch.len() - before)
    }

    /// Messages that the server still owes us for requests under way.
    pub fn owed(&self) -> u64 {
        self.owed.messages
    }

    /// Takes note of a connection that came or went. True when something may be asked for.
    fn connected(&mut self) -> bool {
        if self.status.has_changed().is_ok_and(|changed| changed) {
            let now = *self.status.borrow_and_update();
            if now != Status::Draining {
                // The server forgets requests of a connection that breaks.
                self.owed = Owed::default();
                self.silent_at = None;
            }
        }
        *self.status.borrow() == Status::Connected
    }

    async fn ask_if_short(&mut self) -> Result<(), JetStreamError> {
        if self.ended || !self.connected() {
            return Ok(());
        }
        let max = Owed {
            messages: self.options.max_messages as u64,
            bytes: self.options.max_bytes as u64,
        };
        let part = u64::from(self.options.threshold_percent.clamp(1, 100));
        let is_short = |owed: u64, max: u64| {
            owed.saturating_mul(100) <= max.saturating_mul(part) && owed < max
        };
        let short_of_bytes = max.bytes > 0 && is_short(self.owed.bytes, max.bytes);
        if !is_short(self.owed.messages, max.messages) && !short_of_bytes {
            return Ok(());
        }
        if max.messages <= self.owed.messages || (max.bytes > 0 && max.bytes <= self.owed.bytes) {
            return Ok(());
        }
        let more = Owed {
            messages: max.messages - self.owed.messages,
            bytes: max.bytes.saturating_sub(self.owed.bytes),
        };
        if let Some(until) = self.not_before {
            tokio::time::sleep_until(until).await;
            self.not_before = None;
        }
        let mut request = self.consumer.request(&self.options.priority);
        request.batch = i64::try_from(more.messages).unwrap_or(i64::MAX);
        request.max_bytes = i64::try_from(more.bytes).unwrap_or(i64::MAX);
        request.expires = Nanos::from(self.options.expires);
        request.idle_heartbeat = self.heartbeat.map(Nanos::from).unwrap_or_default();
        self.consumer.send(&self.inbox, &request).await?;
        self.owed.messages += more.messages;
        self.owed.bytes += more.bytes;
        Ok(())
    }

    /// Waits for anything. `None` when it is time to look whether something has to be asked for.
    async fn wait(&mut self) -> Result<Option<Message>, JetStreamError> {
        if self.ended {
            return Err(JetStreamError::Closed);
        }
        // Without heartbeats the request ends by itself, and says so.
        let patience = self
            .heartbeat
            .map_or(
                self.options.expires.saturating_add(limits::FETCH_GRACE),
                |beat| beat * 2,
            )
            .min(limits::WAIT_MAX);
        let until = *self
            .silent_at
            .get_or_insert_with(|| Instant::now() + patience);
        tokio::select! {
            biased;
            message = self.subscription.next() => match message {
                Some(message) => {
                    self.silent_at = None;
                    Ok(Some(message))
                }
                None => Err(JetStreamError::Closed),
            },
            _ = self.status.changed() => {
                // Seen by `connected`.
                self.status.mark_changed();
                Ok(None)
            }
            () = tokio::time::sleep_until(until) => {
                tracing::debug!(target: "nats_client", consumer = &*self.consumer.name, "no word for {patience:?}; asking again");
                self.owed = Owed::default();
                self.silent_at = None;
                Ok(None)
            }
        }
    }

    /// What a message means: something to hand out, or a change of what is owed.
    fn take(&mut self, message: Message) -> Result<Option<JetStreamMessage>, JetStreamError> {
        let size = message.size() as u64;
        self.silent_at = None;
        match self.consumer.sort(message) {
            Sorted::Message(message) => {
                self.unserved = 0;
                self.too_small = 0;
                self.owed.messages = self.owed.messages.saturating_sub(1);
                self.owed.bytes = self.owed.bytes.saturating_sub(size);
                let client = self.consumer.js.client().clone();
                Ok(Some(JetStreamMessage::new(message, client)))
            }
            Sorted::Heartbeat => Ok(None),
            Sorted::Ended(left) => {
                self.settle(left);
                Ok(None)
            }
            Sorted::TooLarge(left) => {
                // The first may have had the rest of the bytes only; the second had them all.
                self.too_small += 1;
                if self.too_small > 2 {
                    return Err(JetStreamError::Status {
                        status: 409,
                        description: TOO_LARGE.to_owned(),
                    });
                }
                self.settle(left);
                Ok(None)
            }
            Sorted::Again => {
                self.owed = Owed::default();
                Ok(None)
            }
            Sorted::Failed(JetStreamError::ConsumerGone(why))
                if self.unserved < limits::PULLS_UNSERVED && !why.starts_with("Consumer") =>
            {
                // A leader that is being elected looks the same as a consumer that is not there.
                self.unserved += 1;
                self.not_before = Some(Instant::now() + limits::PULL_PAUSE * self.unserved);
                self.owed = Owed::default();
                Ok(None)
            }
            Sorted::Failed(error) => Err(error),
        }
    }

    /// A request ended with so much still owed.
    fn settle(&mut self, left: Left) {
        match left.messages {
            Some(messages) => {
                self.owed.messages = self.owed.messages.saturating_sub(messages);
                let bytes = left.bytes.unwrap_or_default();
                self.owed.bytes = self.owed.bytes.saturating_sub(bytes);
            }
            None => self.owed = Owed::default(),
        }
    }

    fn fail(&mut self, error: JetStreamError) -> Option<Result<JetStreamMessage, JetStreamError>> {
        self.ended = true;
        match error {
            JetStreamError::Closed => None,
            error => Some(Err(error)),
        }
    }
}
