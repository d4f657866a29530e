//! Messages as a stream holds them: looked up one by one, or many at once by direct gets.

use std::time::Duration;

use bytes::Bytes;
use nats_api::jetstream::{MsgGetRequest, StoredMessage, headers};
use nats_api::time::Timestamp;
use nats_proto::header::HeaderMap;

use super::context::{JetStream, check_name, encode};
use super::error::JetStreamError;
use crate::error::RequestError;
use crate::message::Message;
use crate::subscription::Subscription;

/// A message in a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamMessage {
    /// The stream that answered, which may be a mirror.
    pub stream: String,
    pub subject: String,
    pub sequence: u64,
    pub time: Timestamp,
    /// Headers of the publisher; those that a direct get adds are taken out.
    pub headers: HeaderMap,
    pub payload: Bytes,
}

/// What a direct get writes into the headers of its answer.
const ADDED: [&str; 6] = [
    headers::STREAM,
    headers::SUBJECT,
    headers::SEQUENCE,
    headers::TIME_STAMP,
    headers::NUM_PENDING,
    headers::LAST_SEQUENCE,
];

impl StreamMessage {
    pub(super) fn from_stored(stream: &str, message: StoredMessage) -> Self {
        Self {
            stream: stream.to_owned(),
            subject: message.subject,
            sequence: message.seq,
            time: message.time,
            headers: HeaderMap::parse_lenient(&message.hdrs).0,
            payload: message.data.into(),
        }
    }

    /// Reads the answer to a direct get.
    fn from_direct(message: &Message) -> Result<Self, JetStreamError> {
        let mut all = message.headers().unwrap_or_default();
        if let Some(status) = message.status() {
            return Err(JetStreamError::Status {
                status,
                description: all.description().to_owned(),
            });
        }
        let missing = || JetStreamError::Answer("a direct get without its headers".into());
        let take = |name| all.last(name).map(str::to_owned).ok_or_else(missing);
        let (stream, subject) = (take(headers::STREAM)?, take(headers::SUBJECT)?);
        let sequence = take(headers::SEQUENCE)?.parse().map_err(|_| missing())?;
        let time = take(headers::TIME_STAMP)?.parse().map_err(|_| missing())?;
        for name in ADDED {
            all.remove(name);
        }
        Ok(Self {
            stream,
            subject,
            sequence,
            time,
            headers: all,
            payload: message.payload_bytes(),
        })
    }
}

impl JetStream {
    /// One message from any server that holds the stream, or from a mirror. The stream must allow direct gets; the answer
    /// may be older than that of the leader.
    ///
    /// # Errors
    /// [`JetStreamError::is_not_found`] when there is no such message; [`JetStreamError::NoDirectGet`] when the stream
    /// is missing or does not allow direct gets.
    pub async fn direct_get(
        &self,
        stream: &str,
        request: &MsgGetRequest,
    ) -> Result<StreamMessage, JetStreamError> {
        check_name("stream", stream)?;
        let body = encode(request)?;
        self.direct(stream, self.api().direct_get(stream), &body)
            .await
    }

    /// The last message of a subject.
    ///
    /// # Errors
    /// As [`JetStream::direct_get`].
    pub async fn direct_get_last(
        &self,
        stream: &str,
        subject: &str,
    ) -> Result<StreamMessage, JetStreamError> {
        check_name("stream", stream)?;
        self.direct(stream, self.api().direct_get_last(stream, subject), b"")
            .await
    }

    async fn direct(
        &self,
        stream: &str,
        subject: String,
        body: &[u8],
    ) -> Result<StreamMessage, JetStreamError> {
        let answer = self
            .client()
            .request(&subject, None, body, self.request_timeout())
            .await;
        match answer {
            Ok(answer) => StreamMessage::from_direct(&answer),
            Err(RequestError::NoResponders { .. }) => Err(JetStreamError::NoDirectGet {
                stream: stream.to_owned(),
            }),
            Err(error) => Err(error.into()),
        }
    }

    /// Many messages with one request: a batch from a sequence or time on ([`MsgGetRequest::batch`]), or the last of each
    /// subject ([`MsgGetRequest::multi_last`]).
    ///
    /// ```no_run
    /// # async fn example(js: nats_client::jetstream::JetStream) -> Result<(), Box<dyn std::error::Error>> {
    /// use nats_client::jetstream::MsgGetRequest;
    /// let request = MsgGetRequest { multi_last: vec!["sensors.>".into()], ..Default::default() };
    /// let mut latest = js.direct_get_batch("SENSORS", &request).await?;
    /// while let Some(message) = latest.next().await {
    ///     let message = message?;
    ///     println!("{} {}", message.subject, message.sequence);
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// When the request could not be sent. Everything later comes from [`DirectMessages::next`].
    pub async fn direct_get_batch(
        &self,
        stream: &str,
        request: &MsgGetRequest,
    ) -> Result<DirectMessages, JetStreamError> {
        check_name("stream", stream)?;
        let body = encode(request)?;
        let subject = self.api().direct_get(stream);
        let inbox = self.client().new_inbox();
        let subscription = self.client().subscribe(&inbox).await?;
        self.client()
            .publish_with_reply(&subject, &inbox, body)
            .await?;
        Ok(DirectMessages {
            subscription,
            stream: stream.to_owned(),
            wait: self.request_timeout(),
            end: None,
            ended: false,
        })
    }
}

/// The answers to a direct get of many.
pub struct DirectMessages {
    subscription: Subscription,
    stream: String,
    wait: Duration,
    end: Option<DirectEnd>,
    ended: bool,
}

/// What the end of a direct get of many says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DirectEnd {
    /// Messages that would follow.
    pub num_pending: u64,
    /// The last sequence that was sent.
    pub last_sequence: u64,
    /// Where the last messages of many subjects were looked up: the next request says the same for a consistent view.
    pub up_to_sequence: Option<u64>,
}

impl DirectMessages {
    /// The next message; `None` at the end.
    ///
    /// # Errors
    /// [`JetStreamError::is_not_found`] when nothing matches, other refusals, or silence. Nothing follows an error.
    pub async fn next(&mut self) -> Option<Result<StreamMessage, JetStreamError>> {
        if self.ended {
            return None;
        }
        let message = match tokio::time::timeout(self.wait, self.subscription.next()).await {
            Ok(Some(message)) => message,
            Ok(None) => return self.fail(JetStreamError::Closed),
            Err(_) => {
                let error = RequestError::TimedOut(self.wait);
                return self.fail(JetStreamError::Request(error));
            }
        };
        if message.is_no_responders() {
            let stream = std::mem::take(&mut self.stream);
            return self.fail(JetStreamError::NoDirectGet { stream });
        }
        if message.status() == Some(204) {
            let number = |name| message.header(name).and_then(|text| text.parse().ok());
            self.end = Some(DirectEnd {
                num_pending: number(headers::NUM_PENDING).unwrap_or_default(),
                last_sequence: number(headers::LAST_SEQUENCE).unwrap_or_default(),
                up_to_sequence: number(headers::UP_TO_SEQUENCE),
            });
            self.ended = true;
            return None;
        }
        match StreamMessage::from_direct(&message) {
            Ok(message) => Some(Ok(message)),
            Err(error) => self.fail(error),
        }
    }

    /// All messages.
    ///
    /// # Errors
    /// As [`DirectMessages::next`].
    pub async fn collect(&mut self) -> Result<Vec<StreamMessage>, JetStreamError> {
        let mut all = Vec::new();
        while let Some(message) = self.next().await {
            all.push(message?);
        }
        Ok(all)
    }

    /// What the end said, once [`DirectMessages::next`] has returned `None`.
    pub fn end(&self) -> Option<DirectEnd> {
        self.end
    }

    fn fail(&mut self, error: JetStreamError) -> Option<Result<StreamMessage, JetStreamError>> {
        self.ended = true;
        Some(Err(error))
    }
}
