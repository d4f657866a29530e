//! The words with which a stream answers a publisher.

use std::io::Write;

use nats_api::errors::ApiError;
use nats_api::jetstream::PubAckResponse;

/// Writes acknowledgements of one stream. Everything up to the sequence is prepared.
#[derive(Debug, Clone)]
pub struct AckWriter {
    /// `{"stream":"S","seq":`
    prefix: Box<[u8]>,
    stream: Box<str>,
}

/// What an acknowledgement says beside the sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AckTail<'a> {
    Plain,
    Duplicate,
    /// The value of a counter.
    Counter(&'a str),
    Batch {
        id: &'a [u8],
        count: u64,
    },
    DuplicateInBatch {
        id: &'a [u8],
        count: u64,
    },
}

impl AckWriter {
    /// `domain` is empty when the server has none.
    pub fn new(stream: &str, domain: &str) -> Self {
        let mut prefix = b"{\"stream\":".to_vec();
        push_json_text(&mut prefix, stream.as_bytes());
        if !domain.is_empty() {
            prefix.extend_from_slice(b",\"domain\":");
            push_json_text(&mut prefix, domain.as_bytes());
        }
        prefix.extend_from_slice(b",\"seq\":");
        Self {
            prefix: prefix.into(),
            stream: stream.into(),
        }
    }

    /// Appends an acknowledgement.
    pub fn write(&self, out: &mut Vec<u8>, sequence: u64, tail: AckTail<'_>) {
        out.extend_from_slice(&self.prefix);
        push_decimal(out, sequence);
        let (id, count) = match tail {
            AckTail::Plain => return out.push(b'}'),
            AckTail::Duplicate => return out.extend_from_slice(b",\"duplicate\": true}"),
            AckTail::Counter(value) => {
                out.extend_from_slice(b",\"val\":");
                push_json_text(out, value.as_bytes());
                return out.push(b'}');
            }
            AckTail::Batch { id, count } => (id, count),
            AckTail::DuplicateInBatch { id, count } => {
                out.extend_from_slice(b",\"duplicate\": true");
                (id, count)
            }
        };
        out.extend_from_slice(b",\"batch\":");
        push_json_text(out, id);
        out.extend_from_slice(b",\"count\":");
        push_decimal(out, count);
        out.push(b'}');
    }

    /// A refusal.
    pub fn refusal(&self, error: &ApiError) -> Vec<u8> {
        let answer = PubAckResponse::refused(&*self.stream, error.clone());
        // Our documents have text keys and nothing that can fail to be written.
        serde_json::to_vec(&answer).unwrap_or_default()
    }
}

/// Appends a number without going through the formatting machinery.
pub(crate) fn push_decimal(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0u8; 20];
    let mut start = digits.len();
    for slot in digits.iter_mut().rev() {
        *slot = b'0' + (number % 10) as u8;
        start -= 1;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(start..).unwrap_or_default());
}

/// Appends a JSON string; bytes that are no text become the replacement character.
fn push_json_text(out: &mut Vec<u8>, text: &[u8]) {
    if text
        .iter()
        .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\') || *byte == b' ')
    {
        out.push(b'"');
        out.extend_from_slice(text);
        out.push(b'"');
        return;
    }
    let quoted = serde_json::to_string(&String::from_utf8_lossy(text)).unwrap_or_default();
    let _ = out.write_all(quoted.as_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(domain: &str, sequence: u64, tail: AckTail<'_>) -> String {
        let mut out = Vec::new();
        AckWriter::new("S", domain).write(&mut out, sequence, tail);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn acknowledgements_are_those_of_the_reference_byte_for_byte() {
        let table = [
            (AckTail::Plain, r#"{"stream":"S","seq":7}"#),
            (
                AckTail::Duplicate,
                r#"{"stream":"S","seq":7,"duplicate": true}"#,
            ),
            (
                AckTail::Counter("-3"),
                r#"{"stream":"S","seq":7,"val":"-3"}"#,
            ),
            (
                AckTail::Batch {
                    id: b"b\"1",
                    count: 3,
                },
                r#"{"stream":"S","seq":7,"batch":"b\"1","count":3}"#,
            ),
        ];
        for (tail, text) in table {
            assert_eq!(written("", 7, tail), text);
        }
        assert_eq!(
            written("hub", 1, AckTail::Plain),
            r#"{"stream":"S","domain":"hub","seq":1}"#
        );
        let refusal = AckWriter::new("S", "hub").refusal(&ApiError::STREAM_NOT_MATCH.error());
        assert_eq!(
            String::from_utf8(refusal).unwrap(),
            r#"{"error":{"code":400,"err_code":10060,"description":"expected stream does not match"},"stream":"S","seq":0}"#
        );
    }

    proptest! {
        #[test]
        fn numbers_are_written_in_decimal(number in any::<u64>()) {
            let mut out = Vec::new();
            push_decimal(&mut out, number);
            prop_assert_eq!(String::from_utf8(out).unwrap(), number.to_string());
        }

        #[test]
        fn any_batch_id_gives_valid_json(id in proptest::collection::vec(any::<u8>(), 0..20)) {
            let text = written("", 1, AckTail::Batch { id: &id, count: 1 });
            prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{}", text);
        }
    }
}
