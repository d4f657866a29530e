//! Where a message comes from: the reply subject of a delivery, and the header of a sourced message.

use nats_api::jetstream::headers::{BATCH_PREFIX, EXPECTED_PREFIX, STREAM_SOURCE};
use nats_proto::header::{EMPTY_BLOCK, block};
use nats_proto::subject;
use nats_store::Timestamp;

use crate::publish::headers::decimal;

const ACK_TOKENS_V1: usize = 9;
const ACK_TOKENS_V2: usize = 11;

/// What the reply subject of a delivery says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered<'a> {
    pub stream: &'a [u8],
    pub consumer: &'a [u8],
    pub deliveries: u64,
    /// In the upstream.
    pub sequence: u64,
    /// The number of the delivery.
    pub delivery: u64,
    /// When the upstream stored it.
    pub time: Timestamp,
    /// Messages that follow, this one included.
    pub pending: u64,
}

impl<'a> Delivered<'a> {
    /// Reads `$JS.ACK.…` in either form.
    pub fn parse(reply: &'a [u8]) -> Option<Self> {
        let rest = reply.strip_prefix(b"$JS.ACK.")?;
        let mut tokens = subject::tokens(rest);
        match subject::token_count(reply) {
            ACK_TOKENS_V1 => {}
            ACK_TOKENS_V2.. => {
                // Domain and account.
                tokens.nth(1)?;
            }
            _ => return None,
        }
        Some(Self {
            stream: tokens.next()?,
            consumer: tokens.next()?,
            deliveries: decimal(tokens.next()?)?,
            sequence: decimal(tokens.next()?)?,
            delivery: decimal(tokens.next()?)?,
            time: time(tokens.next()?)?,
            pending: decimal(tokens.next()?)?,
        })
    }
}

fn time(token: &[u8]) -> Option<Timestamp> {
    std::str::from_utf8(token).ok()?.parse().ok().map(Timestamp)
}

/// What the `Nats-Stream-Source` header of a stored message says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The upstream with filters and transforms; empty in forms older than 2.10, which know the stream's name only.
    pub name: String,
    pub stream: String,
    pub sequence: u64,
    /// Which incarnation of the upstream; empty when the header does not say.
    pub identity: String,
}

impl Origin {
    /// Reads all forms that were ever written: the acknowledgement subject itself, `stream seq`, and
    /// `stream seq filter transform subject [identity]`.
    pub fn parse(header: &[u8]) -> Option<Self> {
        if header.starts_with(b"$JS.ACK.") {
            let delivered = Delivered::parse(header)?;
            return Some(Self {
                name: String::new(),
                stream: String::from_utf8_lossy(delivered.stream).into_owned(),
                sequence: delivered.sequence,
                identity: String::new(),
            });
        }
        let header = std::str::from_utf8(header).ok()?;
        let fields: Vec<&str> = header.split(' ').collect();
        let (stream, sequence) = match *fields {
            [stream, sequence] | [stream, sequence, _, _, ..] => (stream, sequence),
            _ => return None,
        };
        let name = match *fields {
            [_, _, filter, transform, ..] => format!("{stream} {filter} {transform}"),
            _ => String::new(),
        };
        Some(Self {
            name,
            stream: stream.to_owned(),
            sequence: decimal(sequence.as_bytes())?,
            identity: fields.get(5).copied().unwrap_or_default().to_owned(),
        })
    }
}

/// The headers of a mirrored message: without what was only meant for the upstream.
pub(super) fn mirrored(headers: &[u8]) -> Vec<u8> {
    let headers = block::remove_prefix(headers, EXPECTED_PREFIX.as_bytes());
    block::remove_prefix(&headers, BATCH_PREFIX.as_bytes()).into_owned()
}

/// The headers of a sourced message: also with where it comes from, instead of where that got it from.
pub(super) fn sourced(
    headers: &[u8],
    name: &str,
    sequence: u64,
    subject: &[u8],
    identity: &str,
) -> Vec<u8> {
    let headers = mirrored(headers);
    let headers = block::remove_all(&headers, STREAM_SOURCE.as_bytes());
    let (stream, rest) = name.split_once(' ').unwrap_or((name, "> >"));
    let headers = match &*headers {
        b"" => EMPTY_BLOCK,
        headers => headers,
    };
    let mut out = headers.strip_suffix(b"\r\n").unwrap_or(headers).to_vec();
    out.extend_from_slice(format!("{STREAM_SOURCE}: {stream} {sequence} {rest} ").as_bytes());
    out.extend_from_slice(subject);
    if !identity.is_empty() {
        out.push(b' ');
        out.extend_from_slice(identity.as_bytes());
    }
    out.extend_from_slice(b"\r\n\r\n");
    out
}
