//! An ordered consumer: every message of a stream once, in order, without acknowledgements, made anew whenever something
//! is amiss.
//!
//! It is a push consumer that the server forgets soon after we stop listening. Deliveries are numbered; a number that does
//! not follow, a heartbeat that knows of more deliveries than came, silence, or another connection mean that something was
//! lost: then a new consumer starts behind the last message that was handed out. Source: ADR-17.
//!
//! States: *reading* an [`Incarnation`], *making* the next one, *ended*. What is being made is kept between two calls, so
//! that a reader who gives up waiting and asks again finds it where it was.

use std::pin::Pin;
use std::time::Duration;

use nats_api::errors::ApiError;
use nats_api::jetstream::{AckPolicy, ConsumerConfig, ConsumerInfo, DeliverPolicy, ReplayPolicy};
use nats_api::time::{Nanos, Timestamp};

use super::context::JetStream;
use super::error::JetStreamError;
use super::message::{JetStreamMessage, MessageInfo};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::push::{Control, silence_of};
use crate::limits;
use crate::message::Message;
use crate::registry::PendingLimits;
use crate::shared::{Standing, Status};
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
    state: State,
    /// As the server first answered.
    first: ConsumerInfo,
    /// Where the next incarnation begins; absent when it begins as the first one did.
    resume_at: Option<u64>,
    resets: u64,
}

enum State {
    Reading(Incarnation),
    Making(Making),
    Ended,
}

/// With where the new one begins.
type Making =
    Pin<Box<dyn Future<Output = Result<(Incarnation, Option<u64>), JetStreamError>> + Send>>;

/// What an ordered consumer has to say.
pub(super) enum Step {
    Message(JetStreamMessage),
    /// Everything that was there is delivered.
    Idle,
}

/// One consumer on the server. Dropping it stops listening and deletes what the server would otherwise keep for a while.
struct Incarnation {
    js: JetStream,
    stream: String,
    name: String,
    subscription: Subscription,
    standing: Standing,
    next_sequence: u64,
    /// When silence means something; a reader that looks again and again does not move it.
    silent_at: Option<Instant>,
    /// The server knows nothing of it, or no more.
    gone: bool,
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
        let (incarnation, first) =
            Incarnation::make(self.clone(), stream.to_owned(), &options, None).await?;
        // "From now on" is now, not when a connection was lost and found.
        let resume_at = (options.deliver_policy == DeliverPolicy::New)
            .then(|| first.delivered.stream_seq.saturating_add(1));
        Ok(OrderedConsumer {
            js: self.clone(),
            stream: stream.to_owned(),
            options,
            state: State::Reading(incarnation),
            first,
            resume_at,
            resets: 0,
        })
    }
}

impl OrderedConsumer {
    /// The next message. Waits as long as it takes; `None` after an error, and when the client is closed. The future may be
    /// dropped and asked again: nothing gets lost.
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
        loop {
            let heard = match &mut self.state {
                State::Ended => return None,
                State::Making(making) => match making.as_mut().await {
                    Ok((incarnation, resume_at)) => {
                        self.resume_at = resume_at;
                        self.state = State::Reading(incarnation);
                        continue;
                    }
                    Err(error) => {
                        self.state = State::Ended;
                        return match error {
                            JetStreamError::Closed => None,
                            error => Some(Err(error)),
                        };
                    }
                },
                State::Reading(current) => current.hear(self.options.heartbeat).await,
            };
            match heard {
                Heard::Message(message) => {
                    if let Some(step) = self.take(message).await {
                        return Some(Ok(step));
                    }
                }
                Heard::Lost(why) => self.reset(why),
                Heard::End => self.state = State::Ended,
            }
        }
    }

    /// What came: a message of the stream, or a word of the consumer.
    async fn take(&mut self, message: Message) -> Option<Step> {
        let State::Reading(current) = &mut self.state else {
            return None;
        };
        let Some(control) = Control::of(&message) else {
            let Some(sequence) = current.follows(&message) else {
                self.reset("a delivery is missing");
                return None;
            };
            self.resume_at = Some(sequence.saturating_add(1));
            let client = self.js.client().clone();
            return Some(Step::Message(JetStreamMessage::new(message, client)));
        };
        if current.knows_less_than(&control) {
            self.reset("a heartbeat knows of other deliveries");
            return None;
        }
        if let Err(error) = control.answer(self.js.client()).await {
            tracing::debug!(target: "nats_client", "flow control: {error}");
        }
        matches!(control, Control::Heartbeat { stalled: None, .. }).then_some(Step::Idle)
    }

    /// What the server said when the consumer was first made: how much is there to read.
    pub fn first_info(&self) -> &ConsumerInfo {
        &self.first
    }

    /// Name of the consumer as it is now; it changes when it is made anew. Empty in between.
    pub fn name(&self) -> &str {
        match &self.state {
            State::Reading(current) => &current.name,
            State::Making(_) | State::Ended => "",
        }
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
        let State::Reading(current) = &mut self.state else {
            return Ok(());
        };
        current.gone = true;
        match self.js.delete_consumer(&self.stream, &current.name).await {
            Err(error) if error.is_not_found() => Ok(()),
            other => other,
        }
    }

    fn reset(&mut self, why: &str) {
        tracing::debug!(target: "nats_client", stream = self.stream, "ordered consumer: {why}; making it anew");
        self.resets += 1;
        let next = make_again(
            self.js.clone(),
            self.stream.clone(),
            self.options.clone(),
            self.resume_at,
        );
        self.state = State::Making(Box::pin(next));
    }
}

/// Makes the next incarnation, with growing pauses between attempts.
async fn make_again(
    js: JetStream,
    stream: String,
    options: OrderedOptions,
    mut resume_at: Option<u64>,
) -> Result<(Incarnation, Option<u64>), JetStreamError> {
    let mut attempts = 0;
    loop {
        connected(&js).await?;
        attempts += 1;
        if let Some(at) = resume_at
            && is_another(&js, &stream, at).await
        {
            // All of it is news.
            resume_at = (options.deliver_policy == DeliverPolicy::New).then_some(1);
        }
        let making = Incarnation::make(js.clone(), stream.clone(), &options, resume_at);
        let error = match making.await {
            Ok((made, _)) => return Ok((made, resume_at)),
            Err(error) => error,
        };
        let hopeless = error.is(ApiError::STREAM_NOT_FOUND)
            || matches!(error, JetStreamError::Closed | JetStreamError::Name { .. });
        if hopeless || attempts >= limits::ORDERED_ATTEMPTS {
            return Err(error);
        }
        tracing::debug!(target: "nats_client", stream, "ordered consumer: {error}; trying again");
        tokio::time::sleep(limits::ORDERED_PAUSE * attempts.min(10)).await;
    }
}

/// Whether the stream ends before what was read of it: then it is another one of the same name, and a consumer that begins
/// behind that would wait for long. A client that may not ask does not know.
async fn is_another(js: &JetStream, stream: &str, at: u64) -> bool {
    let info = js.stream_info(stream).await;
    info.is_ok_and(|info| info.state.last_seq.saturating_add(1) < at)
}

/// Waits as long as the client looks for a server: that is not the consumer's fault.
async fn connected(js: &JetStream) -> Result<(), JetStreamError> {
    let mut status = js.client().shared().status.subscribe();
    let settled = |now: &Status| !matches!(now, Status::Connecting | Status::Reconnecting);
    match status.wait_for(settled).await.map(|now| *now) {
        Ok(Status::Closed) | Err(_) => Err(JetStreamError::Closed),
        Ok(_) => Ok(()),
    }
}

/// What came to an incarnation.
enum Heard {
    Message(Message),
    Lost(&'static str),
    /// The client is closed.
    End,
}

impl Incarnation {
    /// In a task of its own: a consumer that is asked for and not wanted any more can be deleted only when it is there.
    async fn make(
        js: JetStream,
        stream: String,
        options: &OrderedOptions,
        resume_at: Option<u64>,
    ) -> Result<(Self, ConsumerInfo), JetStreamError> {
        let (made, result) = oneshot::channel();
        let options = options.clone();
        tokio::spawn(async move {
            // Nobody there: it is dropped.
            let _ = made.send(Self::ask_for(js, stream, &options, resume_at).await);
        });
        result.await.unwrap_or(Err(JetStreamError::Closed))
    }

    async fn ask_for(
        js: JetStream,
        stream: String,
        options: &OrderedOptions,
        resume_at: Option<u64>,
    ) -> Result<(Self, ConsumerInfo), JetStreamError> {
        let client = js.client();
        let standing = Standing::begin(client.shared());
        let inbox = client.new_inbox();
        let subscribe = SubscribeOptions {
            limits: PendingLimits::UNLIMITED,
            ..SubscribeOptions::default()
        };
        let subscription = client.subscribe_with(&inbox, subscribe).await?;
        let config = options.consumer(inbox, resume_at);
        let mut made = Self {
            name: config.name.clone(),
            js,
            stream,
            subscription,
            standing,
            next_sequence: 1,
            silent_at: None,
            gone: false,
        };
        match made.js.create_consumer(&made.stream, &config).await {
            Ok(info) => {
                made.name.clone_from(&info.name);
                Ok((made, info))
            }
            Err(error) => {
                // After silence it may be there all the same.
                made.gone = !matches!(error, JetStreamError::Request(_));
                Err(error)
            }
        }
    }

    /// Waits for anything.
    async fn hear(&mut self, heartbeat: Duration) -> Heard {
        let until = *self
            .silent_at
            .get_or_insert_with(|| Instant::now() + silence_of(heartbeat));
        tokio::select! {
            biased;
            message = self.subscription.next() => match message {
                Some(message) => {
                    self.silent_at = None;
                    Heard::Message(message)
                }
                None => Heard::End,
            },
            () = self.standing.lost() => Heard::Lost("the connection was lost"),
            () = tokio::time::sleep_until(until) => Heard::Lost("no heartbeat"),
        }
    }

    /// The sequence in the stream of the delivery that was due. Notes it.
    fn follows(&mut self, message: &Message) -> Option<u64> {
        let info = message.reply().and_then(MessageInfo::parse)?;
        if info.consumer_sequence != self.next_sequence {
            return None;
        }
        self.next_sequence += 1;
        Some(info.stream_sequence)
    }

    /// Whether a heartbeat knows of other deliveries than those that came.
    fn knows_less_than(&self, control: &Control) -> bool {
        match control {
            Control::Heartbeat {
                last_consumer: Some(last),
                ..
            } => last.saturating_add(1) != self.next_sequence,
            _ => false,
        }
    }
}

impl Drop for Incarnation {
    fn drop(&mut self) {
        self.subscription.unsubscribe();
        if self.gone {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let (js, stream) = (self.js.clone(), std::mem::take(&mut self.stream));
        let name = std::mem::take(&mut self.name);
        runtime.spawn(async move {
            // Whether it worked or not: the server deletes it by itself, only later.
            let _ = js.delete_consumer(&stream, &name).await;
        });
    }
}

impl OrderedOptions {
    /// The consumer that delivers to `deliver_subject`.
    fn consumer(&self, deliver_subject: String, resume_at: Option<u64>) -> ConsumerConfig {
        let mut config = ConsumerConfig {
            name: format!("{}{}", self.name_prefix, nats_proto::nuid::next().as_str()),
            deliver_policy: self.deliver_policy,
            opt_start_seq: self.opt_start_seq,
            opt_start_time: self.opt_start_time,
            ack_policy: AckPolicy::None,
            ack_wait: Nanos::from(limits::ORDERED_ACK_WAIT),
            max_deliver: 1,
            replay_policy: self.replay_policy,
            flow_control: true,
            headers_only: self.headers_only,
            deliver_subject,
            idle_heartbeat: Nanos::from(self.heartbeat),
            inactive_threshold: Nanos::from(self.inactive_threshold),
            num_replicas: 1,
            mem_storage: true,
            ..ConsumerConfig::default()
        };
        match self.filter_subjects.as_slice() {
            [one] => config.filter_subject = one.clone(),
            many => config.filter_subjects = many.to_vec(),
        }
        if let Some(sequence) = resume_at {
            config.deliver_policy = DeliverPolicy::ByStartSequence;
            config.opt_start_seq = sequence;
            config.opt_start_time = None;
        }
        config
    }
}

impl std::fmt::Debug for OrderedConsumer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OrderedConsumer")
            .field("stream", &self.stream)
            .field("name", &self.name())
            .field("resume_at", &self.resume_at)
            .finish_non_exhaustive()
    }
}
