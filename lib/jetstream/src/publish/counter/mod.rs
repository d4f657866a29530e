//! Counters: each message of a subject carries the sum so far, and where sums came from other streams.
//!
//! **What lives here.** [`Counter`] turns an increment into the next sum; [`Number`] is a whole number of any size. **Who may call.** The
//! check of a publish. **What never happens here.** No reading of stores: the last message is handed in.

mod number;

use nats_api::errors::ApiError;
use nats_api::jetstream::headers::{COUNTER_SOURCES, INCR};
use nats_api::jetstream::{CounterSources, CounterValue};
use nats_proto::header::block;

pub use number::Number;

/// A counter's sum, and the sums that other streams contributed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counter {
    pub total: Number,
    pub sources: CounterSources,
}

/// A counter message as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// `None` when the headers stay as they came.
    pub headers: Option<Vec<u8>>,
    pub payload: Vec<u8>,
    /// The sum, for the acknowledgement.
    pub value: String,
}

impl Counter {
    /// What the last message of a subject says.
    ///
    /// # Errors
    /// Its body or its `Nats-Counter-Sources` is not what a counter writes (10172).
    pub fn read(headers: &[u8], payload: &[u8]) -> Result<Self, ApiError> {
        let total = value(payload)?;
        let sources =
            match super::headers::given(block::find_value(headers, COUNTER_SOURCES.as_bytes())) {
                Some(json) => serde_json::from_slice(json)
                    .map_err(|_| ApiError::MESSAGE_COUNTER_BROKEN.error())?,
                None => CounterSources::new(),
            };
        Ok(Self { total, sources })
    }

    /// Adds what a message brings. `source` is the `Nats-Stream-Source` header of a message from another stream: then the payload is the
    /// sum over there, of which only the difference to what came before counts, so that repeated and missed messages do not matter.
    ///
    /// # Errors
    /// 10172 when a sourced payload is no counter's.
    pub fn add(
        &mut self,
        increment: &Number,
        subject: &[u8],
        source: Option<&[u8]>,
        headers: &[u8],
        payload: &[u8],
    ) -> Result<Counted, ApiError> {
        let mut new_headers = None;
        let mut increment = increment.clone();
        if let Some(source) = source {
            increment = self.replace_source(source, subject, payload)?;
            new_headers = Some(set(headers, INCR, &increment.to_string())?);
        }
        self.total = self.total.plus(&increment);
        let value = self.total.to_string();
        if !self.sources.is_empty() {
            let json = serde_json::to_string(&self.sources)
                .map_err(|_| ApiError::MESSAGE_COUNTER_BROKEN.error())?;
            let headers = new_headers.as_deref().unwrap_or(headers);
            new_headers = Some(set(headers, COUNTER_SOURCES, &json)?);
        }
        Ok(Counted {
            headers: new_headers,
            payload: format!("{{\"val\":\"{value}\"}}").into_bytes(),
            value,
        })
    }

    /// Remembers the sum over there; what it grew by.
    fn replace_source(
        &mut self,
        source: &[u8],
        subject: &[u8],
        payload: &[u8],
    ) -> Result<Number, ApiError> {
        let theirs = value(payload)?;
        let source = String::from_utf8_lossy(source);
        let mut fields = source.split(' ');
        let stream = fields.next().unwrap_or_default().to_owned();
        let original = match fields.nth(3) {
            Some(original) => original.to_owned(),
            None => String::from_utf8_lossy(subject).into_owned(),
        };
        let slot = self
            .sources
            .entry(stream)
            .or_default()
            .entry(original)
            .or_default();
        let before = Number::parse(slot.as_bytes()).unwrap_or_default();
        *slot = theirs.to_string();
        Ok(theirs.minus(&before))
    }
}

/// The number in a counter's body. A body that is JSON and names no number counts as zero, as in the reference.
fn value(payload: &[u8]) -> Result<Number, ApiError> {
    // A list would be read as a document without names.
    if !payload.trim_ascii_start().starts_with(b"{") {
        return Err(ApiError::MESSAGE_COUNTER_BROKEN.error());
    }
    let body: CounterValue =
        serde_json::from_slice(payload).map_err(|_| ApiError::MESSAGE_COUNTER_BROKEN.error())?;
    Ok(Number::parse(body.val.as_bytes()).unwrap_or_default())
}

fn set(headers: &[u8], key: &str, value: &str) -> Result<Vec<u8>, ApiError> {
    block::set(headers, key.as_bytes(), value.as_bytes())
        .map_err(|_| ApiError::MESSAGE_COUNTER_BROKEN.error())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        Number::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_local_increment_changes_the_sum_and_keeps_the_headers() {
        let mut counter = Counter::read(b"", br#"{"val":"40"}"#).unwrap();
        let counted = counter
            .add(
                &number("2"),
                b"c",
                None,
                b"NATS/1.0\r\nNats-Incr: 2\r\n\r\n",
                b"",
            )
            .unwrap();
        assert_eq!(counted.headers, None);
        assert_eq!(counted.payload, br#"{"val":"42"}"#);
        assert_eq!(counted.value, "42");
    }

    #[test]
    fn a_sourced_sum_counts_by_its_difference() {
        let mut counter = Counter::default();
        let add = |counter: &mut Counter, theirs: &str| {
            let payload = format!("{{\"val\":\"{theirs}\"}}");
            let headers = b"NATS/1.0\r\nNats-Incr: 9\r\n\r\n";
            counter
                .add(
                    &number("9"),
                    b"c",
                    Some(b"EU 1 > > eu.c"),
                    headers,
                    payload.as_bytes(),
                )
                .unwrap()
        };
        assert_eq!(add(&mut counter, "10").value, "10");
        assert_eq!(add(&mut counter, "10").value, "10");
        let counted = add(&mut counter, "7");
        assert_eq!(counted.value, "7");
        assert_eq!(
            String::from_utf8(counted.headers.unwrap()).unwrap(),
            "NATS/1.0\r\nNats-Incr: -3\r\nNats-Counter-Sources: {\"EU\":{\"eu.c\":\"7\"}}\r\n\r\n"
        );
    }

    #[test]
    fn a_body_that_no_counter_wrote_is_broken() {
        for body in [&b""[..], b"5", b"[]", b"{\"val\":5}"] {
            let error = Counter::read(b"", body).unwrap_err();
            assert_eq!(error.err_code, 10_172, "{body:?}");
        }
        assert_eq!(Counter::read(b"", b"{}").unwrap().total, number("0"));
        let headers = b"NATS/1.0\r\nNats-Counter-Sources: no\r\n\r\n";
        assert!(Counter::read(headers, b"{}").is_err());
    }
}
