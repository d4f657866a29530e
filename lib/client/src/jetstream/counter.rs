//! Counters: subjects of a stream whose messages are added up by the server. Source: ADR-49.
//!
//! Numbers are texts here as on the wire: they may be of any size.

use std::collections::BTreeMap;

use nats_api::jetstream::{CounterSources, CounterValue, MsgGetRequest, headers};

use super::context::JetStream;
use super::error::JetStreamError;
use super::publish::PublishOptions;
use super::stored::StreamMessage;

/// The counters of a stream that was made for them (`allow_msg_counter` and `allow_direct`).
///
/// ```no_run
/// # async fn example(js: nats_client::jetstream::JetStream) -> Result<(), Box<dyn std::error::Error>> {
/// let counter = js.counter("VOTES").await?;
/// let total = counter.add("votes.yes", 1).await?;
/// println!("{total} say yes");
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Counter {
    js: JetStream,
    stream: String,
}

/// A counter as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CounterEntry {
    pub subject: String,
    pub value: String,
    /// What was added last.
    pub increment: Option<String>,
    /// By stream, by subject: what came from there.
    pub sources: CounterSources,
    pub sequence: u64,
}

impl JetStream {
    /// Takes hold of a stream's counters.
    ///
    /// # Errors
    /// The stream is missing, or is not one of counters.
    pub async fn counter(&self, stream: &str) -> Result<Counter, JetStreamError> {
        let config = self.stream_info(stream).await?.config;
        for (allowed, field) in [
            (config.allow_msg_counter, "allow_msg_counter"),
            (config.allow_direct, "allow_direct"),
        ] {
            if !allowed {
                return Err(JetStreamError::Argument(format!(
                    "stream {stream:?} holds no counters: {field} is not set"
                )));
            }
        }
        Ok(Counter {
            js: self.clone(),
            stream: stream.to_owned(),
        })
    }
}

impl Counter {
    /// Adds to a counter and returns its new value.
    ///
    /// # Errors
    /// The stream refuses it.
    pub async fn add(&self, subject: &str, delta: i64) -> Result<String, JetStreamError> {
        self.add_text(subject, &format!("{delta:+}")).await
    }

    /// [`Counter::add`] with a number of any size: a sign and digits.
    ///
    /// # Errors
    /// As [`Counter::add`]; a text that is no such number.
    pub async fn add_text(&self, subject: &str, delta: &str) -> Result<String, JetStreamError> {
        let digits = delta.strip_prefix(['+', '-']).unwrap_or_default();
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(JetStreamError::Argument(format!(
                "{delta:?} is not a sign and digits"
            )));
        }
        let options = PublishOptions::new().header(headers::INCR, delta);
        let ack = self.js.publish_with(subject, b"", &options).await?;
        if ack.val.is_empty() {
            return Err(JetStreamError::Answer(
                "an acknowledgement without a value".into(),
            ));
        }
        Ok(ack.val)
    }

    /// A counter as it stands.
    ///
    /// # Errors
    /// [`JetStreamError::is_not_found`] when nothing was ever added.
    pub async fn get(&self, subject: &str) -> Result<CounterEntry, JetStreamError> {
        let message = self.js.direct_get_last(&self.stream, subject).await?;
        CounterEntry::read(message)
    }

    /// The counters whose subjects match.
    ///
    /// # Errors
    /// As [`JetStream::direct_get_batch`].
    pub async fn get_all(
        &self,
        subjects: Vec<String>,
    ) -> Result<Vec<CounterEntry>, JetStreamError> {
        let mut found = BTreeMap::new();
        let mut request = MsgGetRequest {
            multi_last: subjects,
            batch: 1000,
            ..MsgGetRequest::default()
        };
        loop {
            let mut page = self.js.direct_get_batch(&self.stream, &request).await?;
            let before = found.len();
            while let Some(message) = page.next().await {
                let entry = CounterEntry::read(message?)?;
                found.insert(entry.subject.clone(), entry);
            }
            let end = page.end().unwrap_or_default();
            if end.num_pending == 0 || found.len() == before {
                return Ok(found.into_values().collect());
            }
            request.seq = end.last_sequence.saturating_add(1);
            request.up_to_seq = end.up_to_sequence.unwrap_or_default();
        }
    }
}

impl CounterEntry {
    fn read(message: StreamMessage) -> Result<Self, JetStreamError> {
        let value: CounterValue = serde_json::from_slice(&message.payload)
            .map_err(|error| JetStreamError::Answer(error.to_string()))?;
        let sources = match message.headers.last(headers::COUNTER_SOURCES) {
            Some(text) => serde_json::from_str(text)
                .map_err(|error| JetStreamError::Answer(error.to_string()))?,
            None => CounterSources::new(),
        };
        Ok(Self {
            value: value.val,
            increment: message.headers.last(headers::INCR).map(str::to_owned),
            sources,
            sequence: message.sequence,
            subject: message.subject,
        })
    }
}
