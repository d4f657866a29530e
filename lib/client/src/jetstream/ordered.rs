//! An ordered consumer: every message of a stream once, in order, without acknowledgements, made anew whenever something
//! is amiss.
//!
//! It is a push consumer that the server forgets soon after we stop listening. Deliveries are numbered; a number that does
//! not follow, a heartbeat that knows of more deliveries than came, or silence mean that something was lost: then a new
//! consumer starts behind the last message that was handed out. Source: ADR-17.

use std::time::Duration;

use nats_api::errors::ApiError;
use nats_api::jetstream::{AckPolicy, ConsumerConfig, ConsumerInfo, DeliverPolicy, ReplayPolicy};
use nats_api::time::{Nanos, Timestamp};

use super::context::JetStream;
use super::error::JetStreamError;
use super::message::{JetStreamMessage, MessageInfo};
use super::push::{Control, silence_after};
use crate::limits;
use crate::message::Message;
use crate::registry::PendingLimits;
use crate::shared::Status;
use crate::subscription::{SubscribeOptions, Subscription};

/// What an ordered consumer reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderedOptions {
    /// Only subjects that match one of these; empty for all.
    pub filter_subjects: Vec<String>,
    pub deliver_policy: DeliverPolicy,
    pub opt_start_seq: u64,
    pub opt_start_time: Option<Timestamp>,
    pub replay_policy: ReplayPolicy,
    pub headers_only: bool,
    pub heartbeat: Duration,
    /// How long the server keeps it when nobody listens.
    pub inactive_threshold: Duration,
    /// Names begin with this.
    pub name_prefix: String,
}

impl Default for OrderedOptions {
    fn default() -> Self {
        Self {
            filter_subjects: Vec::new(),
            deliver_policy: DeliverPolicy::All,
            opt_start_seq: 0,
            opt_start_time: None,
            replay_policy: ReplayPolicy::Instant,
            headers_only: false,
            heartbeat: limits::ORDERED_HEARTBEAT,
            inactive_threshold: limits::ORDERED_INACTIVE,
            name_prefix: String::new(),
        }
    }
}

impl OrderedOptions {
    /// Subjects that match.
    pub fn filter(subject: impl Into<String>) -> Self {
        Self {
            filter_subjects: vec![subject.into()],
            ..Self::default()
        }
    }

    pub fn deliver_policy(mut self, policy: DeliverPolicy) -> Self {
        self.deliver_policy = policy;
        self
    }

    /// From this sequence on.
    pub fn from_sequence(mut self, sequence: u64) -> Self {
        self.deliver_policy = DeliverPolicy::ByStartSequence;
        self.opt_start_seq = sequence;
        self
    }

    pub fn headers_only(mut self) -> Self {
        self.headers_only = true;
        self
    }
}

/// Every message of a stream once, in order. Dropping it lets the server forget it.
///
/// ```no_run
/// # async fn example(js: nats_client::jetstream::JetStream) -> Result<(), Box<dyn std::error::Error>> {
/// use nats_client::jetstream::OrderedOptions;
/// let mut all = js.ordered_consumer("ORDERS", OrderedOptions::filter("orders.new")).await?;
/// while let Some(message) = all.next().await {
///     let message = message?;
///     println!("{}: {}", message.info()?.stream_sequence, message.text());
/// }
/// # Ok(()) }
/// ```
pub struct OrderedConsumer {
    js: JetStream,
    stream: String,
    options: OrderedOptions,
    /// Absent between two incarnations.
    current: Option<Incarnation>,
    /// As the server first answered.
    first: ConsumerInfo,
    last_stream_sequence: u64,
    /// Attempts to make a new consumer since the last that worked.
    attempts: u32,
    resets: u64,
    ended: bool,
}

/// What an ordered consumer has to say.
pub(super) enum Step {
    Message(JetStreamMessage),
    /// Everything that was there is delivered.
    Idle,
}

struct Incarnation {
    name: String,
    subscription: Subscription,
    next_sequence: u64,
}

impl JetStream {
    /// Reads a stream in order; see [`OrderedConsumer`].
    ///
    /// # Errors
    /// The stream is missing, or the server refuses the consumer.
    pub async fn ordered_consumer(
        &self,
        stream: &str,
        options: OrderedOptions,
    ) -> Result<OrderedConsumer, JetStreamError> {
        let mut consumer = OrderedConsumer {
            js: self.clone(),
            stream: stream.to_owned(),
            options,
            current: None,
            first: ConsumerInfo::default(),
            last_stream_sequence: 0,
            attempts: 0,
            resets: 0,
            ended: false,
        };
        consumer.first = consumer.create().await?;
        Ok(consumer)
    }
}

impl OrderedConsumer {
    /// The next message. Waits as long as it takes; `None` after an error, and when the client is closed.
    ///
    /// # Errors
    /// The stream is gone, or no consumer could be made again and again.
    pub async fn next(&mut self) -> Option<Result<JetStreamMessage, JetStreamError>> {
        loop {
            match self.step().await? {
                Ok(Step::Message(message)) => return Some(Ok(message)),
                Ok(Step::Idle) => {}
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// The next message, or word that there is none at the moment.
    pub(super) async fn step(&mut self) -> Option<Result<Step, JetStreamError>> {
        while !self.ended {
            if self.current.is_none()
                && let Err(error) = self.revive().await
            {
                self.ended = true;
                return match error {
                    JetStreamError::Closed => None,
                    error => Some(Err(error)),
                };
            }
            let Some(message) = self.wait().await else {
                continue;
            };
            match Control::of(&message) {
                Some(control) => {
                    if self.control(&control).await {
                        return Some(Ok(Step::Idle));
                    }
                }
                None if self.follows(&message) => {
                    let client = self.js.client().clone();
                    let message = JetStreamMessage::new(message, client);
                    return Some(Ok(Step::Message(message)));
                }
                None => self.reset("a delivery is missing"),
            }
        }
        None
    }

    /// What the server said when the consumer was first made: how much is there to read.
    pub fn first_info(&self) -> &ConsumerInfo {
        &self.first
    }

    /// Name of the consumer as it is now; it changes when it is made anew.
    pub fn name(&self) -> &str {
        self.current.as_ref().map_or("", |current| &current.name)
    }

    /// How often it was made anew.
    pub fn resets(&self) -> u64 {
        self.resets
    }

    /// Stops and waits until the server has deleted the consumer.
    ///
    /// # Errors
    /// As [`JetStream::delete_consumer`]; a consumer that is gone already is no error.
    pub async fn stop(mut self) -> Result<(), JetStreamError> {
        self.ended = true;
        let Some(current) = self.current.take() else {
            return Ok(());
        };
        match self.js.delete_consumer(&self.stream, &current.name).await {
            Err(error) if error.is_not_found() => Ok(()),
            other => other,
        }
    }

    async fn create(&mut self) -> Result<ConsumerInfo, JetStreamError> {
        let client = self.js.client();
        let inbox = client.new_inbox();
        let subscribe = SubscribeOptions {
            limits: PendingLimits::UNLIMITED,
            ..SubscribeOptions::default()
        };
        let subscription = client.subscribe_with(&inbox, subscribe).await?;
        let config = self.config(inbox);
        let info = self.js.create_consumer(&self.stream, &config).await?;
        self.current = Some(Incarnation {
            name: info.name.clone(),
            subscription,
            next_sequence: 1,
        });
        Ok(info)
    }

    fn config(&self, deliver_subject: String) -> ConsumerConfig {
        let options = &self.options;
        let mut config = ConsumerConfig {
            name: format!(
                "{}{}",
                options.name_prefix,
                nats_proto::nuid::next().as_str()
            ),
            deliver_policy: options.deliver_policy,
            opt_start_seq: options.opt_start_seq,
            opt_start_time: options.opt_start_time,
            ack_policy: AckPolicy::None,
            ack_wait: Nanos::from(limits::ORDERED_ACK_WAIT),
            max_deliver: 1,
            replay_policy: options.replay_policy,
            flow_control: true,
            headers_only: options.headers_only,
            deliver_subject,
            idle_heartbeat: Nanos::from(options.heartbeat),
            inactive_threshold: Nanos::from(options.inactive_threshold),
            num_replicas: 1,
            mem_storage: true,
            ..ConsumerConfig::default()
        };
        match options.filter_subjects.as_slice() {
            [one] => config.filter_subject = one.clone(),
            many => config.filter_subjects = many.to_vec(),
        }
        if self.last_stream_sequence > 0 {
            config.deliver_policy = DeliverPolicy::ByStartSequence;
            config.opt_start_seq = self.last_stream_sequence.saturating_add(1);
            config.opt_start_time = None;
        }
        config
    }

    /// Makes the next incarnation, with growing pauses between attempts.
    async fn revive(&mut self) -> Result<(), JetStreamError> {
        loop {
            self.connected().await?;
            self.attempts += 1;
            let error = match self.create().await {
                Ok(_) => {
                    self.attempts = 0;
                    return Ok(());
                }
                Err(error) => error,
            };
            let hopeless = error.is(ApiError::STREAM_NOT_FOUND)
                || matches!(error, JetStreamError::Closed | JetStreamError::Name { .. });
            if hopeless || self.attempts >= limits::ORDERED_ATTEMPTS {
                return Err(error);
            }
            tracing::debug!(target: "nats_client", stream = self.stream, "ordered consumer: {error}; trying again");
            tokio::time::sleep(limits::ORDERED_PAUSE * self.attempts.min(10)).await;
        }
    }

    /// Waits as long as the client looks for a server: that is not the consumer's fault.
    async fn connected(&self) -> Result<(), JetStreamError> {
        let mut status = self.js.client().shared().status.subscribe();
        let settled = |now: &Status| !matches!(now, Status::Connecting | Status::Reconnecting);
        match status.wait_for(settled).await.map(|now| *now) {
            Ok(Status::Closed) | Err(_) => Err(JetStreamError::Closed),
            Ok(_) => Ok(()),
        }
    }

    /// Anything that comes. `None` when the incarnation was given up, or the client is closed.
    async fn wait(&mut self) -> Option<Message> {
        let current = self.current.as_mut()?;
        if let Some(message) = current.subscription.try_next() {
            return Some(message);
        }
        let until = silence_after(self.options.heartbeat);
        match tokio::time::timeout_at(until, current.subscription.next()).await {
            Ok(Some(message)) => Some(message),
            Ok(None) => {
                self.ended = true;
                None
            }
            Err(_) => {
                self.reset("no heartbeat");
                None
            }
        }
    }

    /// Whether this is the delivery that was due. Notes it.
    fn follows(&mut self, message: &Message) -> bool {
        let (Some(current), Some(info)) = (
            self.current.as_mut(),
            message.reply().and_then(MessageInfo::parse),
        ) else {
            return false;
        };
        if info.consumer_sequence != current.next_sequence {
            return false;
        }
        current.next_sequence += 1;
        self.last_stream_sequence = info.stream_sequence;
        true
    }

    /// Answers the consumer. True when it has nothing to deliver at the moment.
    async fn control(&mut self, control: &Control) -> bool {
        if let Control::Heartbeat {
            last_consumer: Some(last),
            ..
        } = control
        {
            let known = self.current.as_ref().map(|current| current.next_sequence);
            if known.is_some_and(|next| last.saturating_add(1) != next) {
                self.reset("a heartbeat knows of other deliveries");
                return false;
            }
        }
        if let Err(error) = control.answer(self.js.client()).await {
            tracing::debug!(target: "nats_client", "flow control: {error}");
        }
        matches!(control, Control::Heartbeat { stalled: None, .. })
    }

    fn reset(&mut self, why: &str) {
        tracing::debug!(target: "nats_client", stream = self.stream, "ordered consumer: {why}; making it anew");
        self.resets += 1;
        let Some(old) = self.current.take() else {
            return;
        };
        self.forget(old);
    }

    /// Stops listening, and deletes a consumer that the server would otherwise keep for a while.
    fn forget(&self, old: Incarnation) {
        old.subscription.unsubscribe();
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let (js, stream) = (self.js.clone(), self.stream.clone());
        runtime.spawn(async move {
            // Whether it worked or not: the server deletes it by itself, only later.
            let _ = js.delete_consumer(&stream, &old.name).await;
        });
    }
}

impl Drop for OrderedConsumer {
    fn drop(&mut self) {
        if let Some(current) = self.current.take() {
            self.forget(current);
        }
    }
}

impl std::fmt::Debug for OrderedConsumer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OrderedConsumer")
            .field("stream", &self.stream)
            .field("name", &self.name())
            .field("last_stream_sequence", &self.last_stream_sequence)
            .finish_non_exhaustive()
    }
}
