//! Fast batches: any number of messages, with acknowledgements as seldom as the server finds good. Source: ADR-50.
//!
//! The reply subject of every message carries the batch: `<inbox>.<id>.<flow>.<ok|fail>.<sequence>.<operation>.$FI`. The
//! server answers with how often it will acknowledge; we wait when more than two such acknowledgements are due.

use std::fmt::Write as _;
use std::time::Duration;

use nats_api::jetstream::{BatchFlow, PubAck};
use nats_proto::nuid;
use tokio::time::Instant;

use super::context::JetStream;
use super::error::JetStreamError;
use super::publish::{PublishOptions, read_ack};
use crate::error::RequestError;
use crate::limits;
use crate::message::Message;
use crate::subscription::Subscription;

/// What becomes of a batch that lost a message on the way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Gaps {
    /// It ends there.
    #[default]
    Fail,
    /// It goes on without the message.
    Allow,
}

/// How a fast batch works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FastBatchOptions {
    /// Acknowledge at least every so many messages.
    pub flow: u16,
    /// Go on while so many acknowledgements are due.
    pub outstanding_acks: u16,
    pub gaps: Gaps,
}

impl Default for FastBatchOptions {
    fn default() -> Self {
        Self {
            flow: limits::FAST_BATCH_FLOW,
            outstanding_acks: 2,
            gaps: Gaps::Fail,
        }
    }
}

/// Messages that are stored as they come, acknowledged now and then. The stream must allow it (`allow_batched`).
///
/// ```no_run
/// # async fn example(js: nats_client::jetstream::JetStream) -> Result<(), Box<dyn std::error::Error>> {
/// let mut batch = js.fast_batch(Default::default()).await?;
/// for i in 0..100_000 {
///     batch.add("measured.temperature", i.to_string()).await?;
/// }
/// let ack = batch.commit("measured.temperature", "the last").await?;
/// println!("{} messages", ack.count);
/// # Ok(()) }
/// ```
pub struct FastBatch {
    js: JetStream,
    options: FastBatchOptions,
    subscription: Subscription,
    /// The reply subject up to the sequence, with the last dot.
    prefix: String,
    reply: String,
    sequence: u64,
    acked: u64,
    /// The server acknowledges every so many messages.
    every: u64,
    /// A final answer that came early.
    ended: bool,
    gaps: Vec<(u64, u64)>,
    /// The last subject, where the server is reminded of the batch.
    subject: String,
}

#[derive(Clone, Copy)]
enum Operation {
    Start = 0,
    Append = 1,
    Commit = 2,
    CommitEnd = 3,
    Ping = 4,
}

impl JetStream {
    /// Begins a fast batch; nothing is sent yet.
    ///
    /// # Errors
    /// As [`crate::Client::subscribe`].
    pub async fn fast_batch(&self, options: FastBatchOptions) -> Result<FastBatch, JetStreamError> {
        let inbox = self.client().new_inbox();
        let id = nuid::next();
        let subscription = self
            .client()
            .subscribe(&format!("{inbox}.{}.>", id.as_str()))
            .await?;
        let gaps = match options.gaps {
            Gaps::Fail => "fail",
            Gaps::Allow => "ok",
        };
        let flow = options.flow.max(1);
        Ok(FastBatch {
            js: self.clone(),
            options,
            subscription,
            prefix: format!("{inbox}.{}.{flow}.{gaps}.", id.as_str()),
            reply: String::new(),
            sequence: 0,
            acked: 0,
            every: 1,
            ended: false,
            gaps: Vec::new(),
            subject: String::new(),
        })
    }
}

impl FastBatch {
    /// Messages sent so far.
    pub fn len(&self) -> u64 {
        self.sequence
    }

    pub fn is_empty(&self) -> bool {
        self.sequence == 0
    }

    /// Everything up to this message is stored (with [`Gaps::Fail`]), or was dealt with.
    pub fn acknowledged(&self) -> u64 {
        self.acked
    }

    /// Messages that got lost: from the first number to before the second.
    pub fn gaps(&self) -> &[(u64, u64)] {
        &self.gaps
    }

    /// Adds a message; waits when too many acknowledgements are due.
    ///
    /// # Errors
    /// The stream refuses the batch or the message, or acknowledgements stop coming.
    pub async fn add(
        &mut self,
        subject: &str,
        payload: impl AsRef<[u8]>,
    ) -> Result<(), JetStreamError> {
        self.add_with(subject, payload, &PublishOptions::new())
            .await
    }

    /// [`FastBatch::add`] with what the stream shall check or do.
    ///
    /// # Errors
    /// As [`FastBatch::add`].
    pub async fn add_with(
        &mut self,
        subject: &str,
        payload: impl AsRef<[u8]>,
        options: &PublishOptions,
    ) -> Result<(), JetStreamError> {
        self.check_open()?;
        let operation = if self.is_empty() {
            Operation::Start
        } else {
            Operation::Append
        };
        self.send_next(subject, payload.as_ref(), options, operation)
            .await?;
        if self.subject != subject {
            subject.clone_into(&mut self.subject);
        }
        if self.sequence == 1 {
            // Whether the stream does this at all, and how fast.
            let first = self.hear().await?;
            self.flow(&first)?;
        }
        while let Some(message) = self.subscription.try_next() {
            self.flow(&message)?;
        }
        let ahead = self.every * u64::from(self.options.outstanding_acks.max(1));
        while self.acked + ahead <= self.sequence {
            let message = self.hear().await?;
            self.flow(&message)?;
        }
        Ok(())
    }

    /// Adds the last message and ends the batch.
    ///
    /// # Errors
    /// The stream refuses it, or no answer comes.
    pub async fn commit(
        mut self,
        subject: &str,
        payload: impl AsRef<[u8]>,
    ) -> Result<PubAck, JetStreamError> {
        self.check_open()?;
        let options = PublishOptions::new();
        self.send_next(subject, payload.as_ref(), &options, Operation::Commit)
            .await?;
        self.last_word().await
    }

    /// Ends the batch without another message.
    ///
    /// # Errors
    /// As [`FastBatch::commit`]; a batch without a message.
    pub async fn commit_end(mut self) -> Result<PubAck, JetStreamError> {
        self.check_open()?;
        if self.sequence == 0 {
            return Err(JetStreamError::Argument("the batch is empty".into()));
        }
        let (subject, options) = (std::mem::take(&mut self.subject), PublishOptions::new());
        self.send_next(&subject, b"", &options, Operation::CommitEnd)
            .await?;
        self.last_word().await
    }

    fn check_open(&self) -> Result<(), JetStreamError> {
        if self.ended {
            return Err(JetStreamError::Argument("the batch has ended".into()));
        }
        Ok(())
    }

    /// Sends the next message. One that was not sent (an error, a future that is dropped) has no number: it is no gap.
    async fn send_next(
        &mut self,
        subject: &str,
        payload: &[u8],
        options: &PublishOptions,
        operation: Operation,
    ) -> Result<(), JetStreamError> {
        let number = self.sequence + 1;
        self.send(number, subject, payload, options, operation)
            .await?;
        self.sequence = number;
        Ok(())
    }

    async fn send(
        &mut self,
        number: u64,
        subject: &str,
        payload: &[u8],
        options: &PublishOptions,
        operation: Operation,
    ) -> Result<(), JetStreamError> {
        self.reply.clear();
        // Writing into a text cannot fail.
        let _ = write!(
            self.reply,
            "{}{}.{}.$FI",
            self.prefix, number, operation as u8
        );
        let headers = Some(options.headers()?).filter(|all| !all.is_empty());
        self.js
            .client()
            .publish_message(subject, Some(&self.reply), headers, payload)
            .await?;
        Ok(())
    }

    /// The next word of the server. When it is late it is asked for again, once: words can get lost.
    async fn hear(&mut self) -> Result<Message, JetStreamError> {
        let timeout = self.js.request_timeout();
        let deadline = Instant::now() + timeout;
        let reminder = Instant::now() + timeout / 2;
        match tokio::time::timeout_at(reminder, self.subscription.next()).await {
            Ok(Some(message)) => return Ok(message),
            Ok(None) => return Err(JetStreamError::Closed),
            Err(_) => {}
        }
        if self.sequence > 1 && !self.subject.is_empty() {
            let (subject, options) = (self.subject.clone(), PublishOptions::new());
            let number = self.sequence;
            self.send(number, &subject, b"", &options, Operation::Ping)
                .await?;
        }
        match tokio::time::timeout_at(deadline, self.subscription.next()).await {
            Ok(Some(message)) => Ok(message),
            Ok(None) => Err(JetStreamError::Closed),
            Err(_) => Err(not_acknowledged(self.sequence - self.acked, timeout)),
        }
    }

    /// Takes note of what the server says about the flow.
    fn flow(&mut self, message: &Message) -> Result<(), JetStreamError> {
        match serde_json::from_slice(message.payload()) {
            Ok(BatchFlow::Ack { seq, msgs }) => {
                self.acked = self.acked.max(seq);
                self.every = u64::from(msgs.max(1));
                Ok(())
            }
            Ok(BatchFlow::Gap { last_seq, seq }) => {
                if self.gaps.len() < limits::FAST_BATCH_GAPS {
                    self.gaps.push((last_seq, seq));
                }
                Ok(())
            }
            // With gaps allowed the batch goes on without this message; the caller has to know all the same.
            Ok(BatchFlow::Err { error, .. }) => Err(JetStreamError::Api(error)),
            Err(_) => {
                self.ended = true;
                let ack = read_ack(message)?;
                Err(JetStreamError::Answer(format!(
                    "the server ended the batch after {} messages",
                    ack.count
                )))
            }
        }
    }

    /// Waits for the acknowledgement of the whole.
    async fn last_word(&mut self) -> Result<PubAck, JetStreamError> {
        let timeout = self.js.request_timeout();
        let deadline = Instant::now() + timeout;
        loop {
            let message = match tokio::time::timeout_at(deadline, self.subscription.next()).await {
                Ok(Some(message)) => message,
                Ok(None) => return Err(JetStreamError::Closed),
                Err(_) => return Err(JetStreamError::Request(RequestError::TimedOut(timeout))),
            };
            match serde_json::from_slice::<BatchFlow>(message.payload()) {
                Ok(_) => self.flow(&message)?,
                Err(_) => return read_ack(&message),
            }
        }
    }
}

fn not_acknowledged(outstanding: u64, after: Duration) -> JetStreamError {
    JetStreamError::NotAcknowledged {
        outstanding: usize::try_from(outstanding).unwrap_or(usize::MAX),
        after,
    }
}
