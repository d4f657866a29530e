//! A message that a consumer delivered, and what a reader says about it.

use std::time::Duration;

use nats_api::jetstream::{NakOptions, PullRequest, headers};
use nats_api::time::{Nanos, Timestamp};
use nats_proto::header::HeaderMap;

use super::context::encode;
use super::error::JetStreamError;
use crate::client::Client;
use crate::error::RequestError;
use crate::message::Message;

/// A message delivered by a consumer. It has to be acknowledged unless the consumer asks for none.
///
/// ```no_run
/// # async fn example(message: nats_client::jetstream::JetStreamMessage) -> Result<(), Box<dyn std::error::Error>> {
/// let info = message.info()?;
/// println!("{} of {}, delivered {} times", info.stream_sequence, info.stream, info.delivered);
/// message.ack().await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct JetStreamMessage {
    message: Message,
    client: Client,
}

/// Where a message stands in its stream and consumer. Source: the reply subject of the delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageInfo<'a> {
    pub domain: Option<&'a str>,
    pub stream: &'a str,
    pub consumer: &'a str,
    /// How often it was delivered, this time included.
    pub delivered: u64,
    pub stream_sequence: u64,
    pub consumer_sequence: u64,
    /// When it was stored.
    pub published: Timestamp,
    /// Messages that this consumer has still to deliver.
    pub pending: u64,
}

impl<'a> MessageInfo<'a> {
    /// Reads the reply subject of a delivery: `$JS.ACK.` and 7 more tokens, or the longer form with domain and account.
    pub fn parse(reply: &'a str) -> Option<Self> {
        let mut tokens = reply.strip_prefix("$JS.ACK.")?.split('.');
        let long = match reply.split('.').count() {
            9 => false,
            11.. => true,
            _ => return None,
        };
        let domain = if long {
            let domain = tokens.next()?;
            let _account = tokens.next()?;
            Some(domain).filter(|domain| *domain != "_")
        } else {
            None
        };
        let stream = tokens.next()?;
        let consumer = tokens.next()?;
        let mut number = || tokens.next()?.parse::<u64>().ok();
        Some(Self {
            domain,
            stream,
            consumer,
            delivered: number()?,
            stream_sequence: number()?,
            consumer_sequence: number()?,
            published: Timestamp::from_unix_nanos(i128::from(number()?)),
            pending: number()?,
        })
    }
}

impl JetStreamMessage {
    pub(super) fn new(message: Message, client: Client) -> Self {
        Self { message, client }
    }

    /// The message as it came.
    pub fn message(&self) -> &Message {
        &self.message
    }

    pub fn into_message(self) -> Message {
        self.message
    }

    /// The subject the message was stored under.
    pub fn subject(&self) -> &str {
        self.message.subject()
    }

    pub fn payload(&self) -> &[u8] {
        self.message.payload()
    }

    /// The payload as text, with replacement characters where it is not UTF-8.
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        self.message.text()
    }

    pub fn headers(&self) -> Option<HeaderMap> {
        self.message.headers()
    }

    /// First value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.message.header(name)
    }

    /// The pin that this delivery belongs to, with the policy of a pinned client.
    pub fn pin_id(&self) -> Option<&str> {
        self.header(headers::PIN_ID)
    }

    /// Where the message stands in its stream and consumer.
    ///
    /// # Errors
    /// [`JetStreamError::NothingToAcknowledge`] when the message was not delivered by a consumer.
    pub fn info(&self) -> Result<MessageInfo<'_>, JetStreamError> {
        self.message
            .reply()
            .and_then(MessageInfo::parse)
            .ok_or(JetStreamError::NothingToAcknowledge)
    }

    /// Acknowledges: done with it. Returns when the acknowledgement stands in the write buffer;
    /// [`JetStreamMessage::double_ack`] also waits until it is safe.
    ///
    /// # Errors
    /// As [`Client::publish`].
    pub async fn ack(&self) -> Result<(), JetStreamError> {
        self.answer(b"+ACK").await
    }

    /// Acknowledges and waits until the server has recorded it.
    ///
    /// # Errors
    /// [`JetStreamError::ConsumerGone`]; no answer within `timeout`: then it may or may not be recorded.
    pub async fn double_ack(&self, timeout: Duration) -> Result<(), JetStreamError> {
        self.ask(b"+ACK", timeout).await
    }

    /// Gives the message back, to be delivered again at once or after `delay`.
    ///
    /// # Errors
    /// As [`Client::publish`].
    pub async fn nak(&self, delay: Option<Duration>) -> Result<(), JetStreamError> {
        match delay {
            None => self.answer(b"-NAK").await,
            Some(delay) => {
                let mut body = b"-NAK ".to_vec();
                let delay = Nanos::from(delay);
                body.extend_from_slice(&encode(&NakOptions { delay })?);
                self.answer(&body).await
            }
        }
    }

    /// Says that the message is being worked on: the time to acknowledge begins anew.
    ///
    /// # Errors
    /// As [`Client::publish`].
    pub async fn in_progress(&self) -> Result<(), JetStreamError> {
        self.answer(b"+WPI").await
    }

    /// Gives up on the message: it is not delivered again. The reason goes into an advisory.
    ///
    /// # Errors
    /// As [`Client::publish`]; a reason that is longer than a line.
    pub async fn term(&self, reason: Option<&str>) -> Result<(), JetStreamError> {
        match reason {
            None => self.answer(b"+TERM").await,
            Some(reason) => self.answer(format!("+TERM {reason}").as_bytes()).await,
        }
    }

    /// Acknowledges and asks for more, which come to `reply`.
    ///
    /// # Errors
    /// As [`Client::publish`].
    pub async fn ack_next(&self, reply: &str, request: &PullRequest) -> Result<(), JetStreamError> {
        let to = self.reply()?;
        let mut body = b"+NXT ".to_vec();
        body.extend_from_slice(&encode(request)?);
        Ok(self.client.publish_with_reply(to, reply, body).await?)
    }

    fn reply(&self) -> Result<&str, JetStreamError> {
        self.message
            .reply()
            .ok_or(JetStreamError::NothingToAcknowledge)
    }

    async fn answer(&self, body: &[u8]) -> Result<(), JetStreamError> {
        Ok(self.client.publish(self.reply()?, body).await?)
    }

    async fn ask(&self, body: &[u8], timeout: Duration) -> Result<(), JetStreamError> {
        match self
            .client
            .request(self.reply()?, None, body, timeout)
            .await
        {
            Ok(_) => Ok(()),
            Err(RequestError::NoResponders { subject }) => Err(JetStreamError::ConsumerGone(
                format!("nobody takes acknowledgements on {subject:?}"),
            )),
            Err(error) => Err(error.into()),
        }
    }
}

impl std::fmt::Debug for JetStreamMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.message.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_the_reply_subject_are_read_and_others_are_not() {
        let short = MessageInfo::parse("$JS.ACK.S.C.2.10.5.1700000000000000001.7").unwrap();
        assert_eq!(short.domain, None);
        assert_eq!((short.stream, short.consumer), ("S", "C"));
        assert_eq!(short.delivered, 2);
        assert_eq!((short.stream_sequence, short.consumer_sequence), (10, 5));
        assert_eq!(short.published.unix_nanos(), 1_700_000_000_000_000_001);
        assert_eq!(short.pending, 7);
        let long = MessageInfo::parse("$JS.ACK.hub.acchash.S.C.2.10.5.1.7").unwrap();
        assert_eq!((long.domain, long.stream), (Some("hub"), "S"));
        let more = MessageInfo::parse("$JS.ACK._.acchash.S.C.2.10.5.1.7.token").unwrap();
        assert_eq!((more.domain, more.pending), (None, 7));
        for reply in [
            "",
            "_INBOX.x",
            "$JS.ACK.S.C.2.10.5.1",
            "$JS.ACK.S.C.2.10.5.1.7.8",
            "$JS.ACK.S.C.x.10.5.1.7",
            "$JS.ACK.S.C.-1.10.5.1.7",
        ] {
            assert_eq!(MessageInfo::parse(reply), None, "{reply}");
        }
    }
}
