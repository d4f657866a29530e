//! Publishing one message and waiting until it is stored; the headers that a publisher may set.

use std::time::Duration;

use nats_api::jetstream::{PubAck, PubAckResponse, headers};
use nats_proto::header::HeaderMap;

use super::context::JetStream;
use super::error::JetStreamError;
use crate::client::HeaderBlock;
use crate::error::RequestError;
use crate::limits;
use crate::message::Message;

/// How long a message lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageTtl {
    /// At least a second; written in whole seconds when it is whole.
    For(Duration),
    /// Not even the stream's maximum age removes it.
    Never,
}

/// What a message replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rollup {
    /// Everything on its subject.
    Subject,
    /// Everything in the stream.
    All,
}

/// A message with what the stream shall check or do.
///
/// ```
/// use nats_client::jetstream::PublishOptions;
/// let options = PublishOptions::new().msg_id("order-17").expect_last_subject_sequence(42);
/// # let _ = options;
/// ```
#[derive(Debug, Clone, Default)]
pub struct PublishOptions {
    headers: HeaderMap,
    /// Bound of waiting for the acknowledgement; the context's unless set.
    timeout: Option<Duration>,
    /// A header that could not be set.
    problem: Option<nats_proto::header::HeaderError>,
}

impl PublishOptions {
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins with headers of the application's.
    pub fn with_headers(headers: HeaderMap) -> Self {
        Self {
            headers,
            ..Self::default()
        }
    }

    /// Any header. A name or value that cannot stand in a header fails the publish.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Err(problem) = self.headers.insert(name, value) {
            self.problem.get_or_insert(problem);
        }
        self
    }

    /// The stream drops a second message of this id within its duplicate window.
    pub fn msg_id(self, id: &str) -> Self {
        self.header(headers::MSG_ID, id)
    }

    /// Only this stream may take it.
    pub fn expect_stream(self, stream: &str) -> Self {
        self.header(headers::EXPECTED_STREAM, stream)
    }

    /// Only when this is the stream's last sequence.
    pub fn expect_last_sequence(self, sequence: u64) -> Self {
        self.header(headers::EXPECTED_LAST_SEQUENCE, &sequence.to_string())
    }

    /// Only when this is the last sequence on the message's subject; 0 when there is none.
    pub fn expect_last_subject_sequence(self, sequence: u64) -> Self {
        let text = sequence.to_string();
        self.header(headers::EXPECTED_LAST_SUBJECT_SEQUENCE, &text)
    }

    /// [`PublishOptions::expect_last_subject_sequence`] for subjects that match a filter.
    pub fn expect_last_sequence_of(self, filter: &str, sequence: u64) -> Self {
        self.expect_last_subject_sequence(sequence)
            .header(headers::EXPECTED_LAST_SUBJECT_SEQUENCE_SUBJECT, filter)
    }

    /// Only when the last message had this id.
    pub fn expect_last_msg_id(self, id: &str) -> Self {
        self.header(headers::EXPECTED_LAST_MSG_ID, id)
    }

    /// How long the message lives; the stream must allow it.
    pub fn ttl(self, ttl: MessageTtl) -> Self {
        let text = ttl_text(ttl);
        self.header(headers::TTL, &text)
    }

    /// Replaces what was there; the stream must allow it.
    pub fn rollup(self, rollup: Rollup) -> Self {
        let text = match rollup {
            Rollup::Subject => headers::ROLLUP_SUBJECT,
            Rollup::All => headers::ROLLUP_ALL,
        };
        self.header(headers::ROLLUP, text)
    }

    /// Bound of waiting for the acknowledgement.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// The headers so far.
    ///
    /// # Errors
    /// One that was set cannot be written.
    pub fn headers(&self) -> Result<&HeaderMap, JetStreamError> {
        match &self.problem {
            Some(problem) => Err((*problem).into()),
            None => Ok(&self.headers),
        }
    }
}

/// A time to live as its header says it: whole seconds, or a duration.
pub(super) fn ttl_text(ttl: MessageTtl) -> String {
    match ttl {
        MessageTtl::Never => headers::TTL_NEVER.to_owned(),
        MessageTtl::For(duration) if duration.subsec_nanos() == 0 => duration.as_secs().to_string(),
        MessageTtl::For(duration) => nats_api::time::friendly(duration),
    }
}

impl JetStream {
    /// Publishes a message and waits until the stream has stored it.
    ///
    /// # Errors
    /// No stream takes the subject ([`JetStreamError::NoStream`]), the stream refuses the message, or no answer in time:
    /// then the message may or may not be stored, and a `Nats-Msg-Id` makes sending it again safe.
    pub async fn publish(
        &self,
        subject: &str,
        payload: impl AsRef<[u8]>,
    ) -> Result<PubAck, JetStreamError> {
        self.publish_block(subject, None, payload.as_ref(), self.request_timeout())
            .await
    }

    /// Publishes a message with what the stream shall check or do.
    ///
    /// ```no_run
    /// # async fn example(js: nats_client::jetstream::JetStream) -> Result<(), Box<dyn std::error::Error>> {
    /// use nats_client::jetstream::{ApiError, PublishOptions};
    /// let options = PublishOptions::new().expect_last_subject_sequence(0);
    /// match js.publish_with("users.joe", "Joe", &options).await {
    ///     Ok(ack) => println!("stored as {}", ack.seq),
    ///     Err(error) if error.is(ApiError::STREAM_WRONG_LAST_SEQUENCE) => println!("Joe is there already"),
    ///     Err(error) => return Err(error.into()),
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`JetStream::publish`].
    pub async fn publish_with(
        &self,
        subject: &str,
        payload: impl AsRef<[u8]>,
        options: &PublishOptions,
    ) -> Result<PubAck, JetStreamError> {
        let all = options.headers()?;
        let block = (!all.is_empty()).then(|| HeaderBlock::new(all));
        let timeout = options.timeout.unwrap_or(self.request_timeout());
        self.publish_block(subject, block.as_deref(), payload.as_ref(), timeout)
            .await
    }

    async fn publish_block(
        &self,
        subject: &str,
        headers: Option<&[u8]>,
        payload: &[u8],
        timeout: Duration,
    ) -> Result<PubAck, JetStreamError> {
        let client = self.client();
        let mut attempt = 0;
        loop {
            match client
                .request_block(subject, headers, payload, timeout)
                .await
            {
                Ok(answer) => return read_ack(&answer),
                // A stream whose leader is being elected looks the same as none.
                Err(RequestError::NoResponders { .. }) if attempt < limits::PUBLISH_RETRIES => {
                    attempt += 1;
                    tokio::time::sleep(limits::PUBLISH_RETRY_PAUSE).await;
                }
                Err(RequestError::NoResponders { subject }) => {
                    return Err(JetStreamError::NoStream { subject });
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Reads an acknowledgement or a refusal.
pub(super) fn read_ack(answer: &Message) -> Result<PubAck, JetStreamError> {
    if answer.is_no_responders() {
        let subject = String::new();
        return Err(JetStreamError::NoStream { subject });
    }
    if let Some(status) = answer.status() {
        // A stream that has more to store than it can keep up with says so in a status, and in the body.
        let refused: Option<PubAckResponse> = serde_json::from_slice(answer.payload()).ok();
        return match refused.and_then(|refused| refused.error) {
            Some(error) => Err(JetStreamError::Api(error)),
            None => Err(JetStreamError::Status {
                status,
                description: answer.status_description().unwrap_or_default(),
            }),
        };
    }
    let ack: PubAckResponse = serde_json::from_slice(answer.payload())
        .map_err(|error| JetStreamError::Answer(error.to_string()))?;
    if ack.error.is_none() && ack.stream.is_empty() {
        return Err(JetStreamError::Answer(
            "an acknowledgement without a stream".into(),
        ));
    }
    Ok(ack.into_result()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_to_live_are_written_as_servers_read_them() {
        let table = [
            (MessageTtl::Never, "never"),
            (MessageTtl::For(Duration::from_secs(5)), "5"),
            (MessageTtl::For(Duration::from_secs(3600)), "3600"),
            (MessageTtl::For(Duration::from_millis(1500)), "1.5s"),
        ];
        for (ttl, text) in table {
            assert_eq!(ttl_text(ttl), text);
        }
    }

    #[test]
    fn a_header_that_cannot_be_written_fails_the_publish() {
        let options = PublishOptions::new().msg_id("two\r\nlines");
        assert!(matches!(options.headers(), Err(JetStreamError::Header(_))));
        let options = PublishOptions::new().msg_id("one").expect_last_sequence(7);
        let all = options.headers().unwrap();
        assert_eq!(all.first(headers::MSG_ID), Some("one"));
        assert_eq!(all.first(headers::EXPECTED_LAST_SEQUENCE), Some("7"));
    }
}
