//! Atomic batches: messages that a stream stores all or none. Source: ADR-50.

use nats_api::jetstream::{PubAck, headers};
use nats_proto::nuid;

use super::context::JetStream;
use super::error::JetStreamError;
use super::publish::PublishOptions;

/// Messages that are stored all or none. The stream must allow it (`allow_atomic`); it gives a batch up when nothing comes
/// for ten seconds. Dropping a batch gives it up too.
///
/// ```no_run
/// # async fn example(js: nats_client::jetstream::JetStream) -> Result<(), Box<dyn std::error::Error>> {
/// let mut batch = js.atomic_batch();
/// batch.add("account.joe", "-10").await?;
/// batch.add("account.ann", "+10").await?;
/// let ack = batch.commit("ledger", "joe to ann 10").await?;
/// println!("{} messages, the last is {}", ack.count, ack.seq);
/// # Ok(()) }
/// ```
pub struct AtomicBatch {
    js: JetStream,
    id: String,
    /// Of the last message.
    sequence: u64,
}

impl JetStream {
    /// Begins an atomic batch; nothing is sent yet.
    pub fn atomic_batch(&self) -> AtomicBatch {
        AtomicBatch {
            js: self.clone(),
            id: nuid::next().as_str().to_owned(),
            sequence: 0,
        }
    }
}

impl AtomicBatch {
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Messages so far.
    pub fn len(&self) -> u64 {
        self.sequence
    }

    pub fn is_empty(&self) -> bool {
        self.sequence == 0
    }

    /// Adds a message. The first waits until the server has taken it, so that a stream that does not allow batches says so
    /// at once; the others are sent without waiting.
    ///
    /// # Errors
    /// The message cannot be sent, or the stream refuses the batch.
    pub async fn add(
        &mut self,
        subject: &str,
        payload: impl AsRef<[u8]>,
    ) -> Result<(), JetStreamError> {
        self.add_with(subject, payload, PublishOptions::new()).await
    }

    /// [`AtomicBatch::add`] with what the stream shall check or do. Only the first message may expect a last sequence of
    /// the stream.
    ///
    /// # Errors
    /// As [`AtomicBatch::add`].
    pub async fn add_with(
        &mut self,
        subject: &str,
        payload: impl AsRef<[u8]>,
        options: PublishOptions,
    ) -> Result<(), JetStreamError> {
        let options = self.numbered(options);
        if self.sequence == 0 {
            // Without an answer it may have been taken: the batch cannot begin anew.
            self.sequence = 1;
            return self.first(subject, payload.as_ref(), &options).await;
        }
        self.js
            .client()
            .publish_with_headers(subject, options.headers()?, payload)
            .await?;
        // One that was not sent has no number: it is no gap.
        self.sequence += 1;
        Ok(())
    }

    /// The answer to the first message is empty when it is taken.
    async fn first(
        &self,
        subject: &str,
        payload: &[u8],
        options: &PublishOptions,
    ) -> Result<(), JetStreamError> {
        let headers = options.headers()?;
        let timeout = self.js.request_timeout();
        let answer = self
            .js
            .client()
            .request(subject, Some(headers), payload, timeout)
            .await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(crate::error::RequestError::NoResponders { subject }) => {
                return Err(JetStreamError::NoStream { subject });
            }
            Err(error) => return Err(error.into()),
        };
        if answer.payload().is_empty() {
            return Ok(());
        }
        super::publish::read_ack(&answer)?;
        Err(JetStreamError::Answer(
            "the server stored the message by itself: it does not know batches".into(),
        ))
    }

    /// Adds the last message and stores the batch.
    ///
    /// # Errors
    /// The stream refuses the batch; nothing of it is stored then. Without an answer it may or may not be.
    pub async fn commit(
        self,
        subject: &str,
        payload: impl AsRef<[u8]>,
    ) -> Result<PubAck, JetStreamError> {
        self.commit_with(subject, payload, PublishOptions::new())
            .await
    }

    /// [`AtomicBatch::commit`] with what the stream shall check or do.
    ///
    /// # Errors
    /// As [`AtomicBatch::commit`].
    pub async fn commit_with(
        self,
        subject: &str,
        payload: impl AsRef<[u8]>,
        options: PublishOptions,
    ) -> Result<PubAck, JetStreamError> {
        let options = self
            .numbered(options)
            .header(headers::BATCH_COMMIT, headers::BATCH_COMMIT_STORE);
        self.js.publish_with(subject, payload, &options).await
    }

    /// Stores the batch as it is, without another message. `subject` is any that the stream takes.
    ///
    /// # Errors
    /// As [`AtomicBatch::commit`].
    pub async fn commit_end(self, subject: &str) -> Result<PubAck, JetStreamError> {
        let options = self
            .numbered(PublishOptions::new())
            .header(headers::BATCH_COMMIT, headers::BATCH_COMMIT_END);
        self.js.publish_with(subject, b"", &options).await
    }

    /// The next message of the batch.
    fn numbered(&self, options: PublishOptions) -> PublishOptions {
        let number = self.sequence + 1;
        options
            .header(headers::BATCH_ID, &self.id)
            .header(headers::BATCH_SEQUENCE, &number.to_string())
    }
}
