//! One message, before and after it is stored.

use bytes::Bytes;

/// Nanoseconds since 1970, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// This time and `nanos` more; the end of the calendar is not passed.
    #[must_use]
    pub fn plus(self, nanos: u64) -> Self {
        Self(self.0.saturating_add_unsigned(nanos))
    }

    /// This time less `nanos`.
    #[must_use]
    pub fn minus(self, nanos: u64) -> Self {
        Self(self.0.saturating_sub_unsigned(nanos))
    }

    /// Nanoseconds from `earlier` to this time, zero when `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> u64 {
        u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0)
    }
}

/// A message that a stream accepted and the store shall keep. Headers are the raw block from `NATS/1.0` to the empty line, or empty.
#[derive(Debug, Clone, Copy)]
pub struct NewMessage<'a> {
    pub subject: &'a [u8],
    pub headers: &'a [u8],
    pub payload: &'a [u8],
    pub time: Timestamp,
    /// When this message expires by a TTL of its own, whatever the stream's `max_age` says. `None`: by `max_age` only.
    pub ttl: Ttl,
}

/// How long one message lives, beside the stream's `max_age`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ttl {
    /// As long as `max_age` allows.
    #[default]
    Stream,
    /// Until this time.
    Until(Timestamp),
    /// For ever: `max_age` does not remove it (`Nats-TTL: never`).
    Never,
}

/// A message as the store returns it: one shared buffer, cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub sequence: u64,
    pub time: Timestamp,
    /// Subject, headers and payload, one after the other.
    bytes: Bytes,
    headers_at: u32,
    payload_at: u32,
}

impl Message {
    /// A message whose `bytes` are subject, headers and payload in a row; the two marks are clamped into the buffer.
    pub fn new(
        sequence: u64,
        time: Timestamp,
        bytes: Bytes,
        headers_at: u32,
        payload_at: u32,
    ) -> Self {
        let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let payload_at = payload_at.min(len);
        Self {
            sequence,
            time,
            bytes,
            headers_at: headers_at.min(payload_at),
            payload_at,
        }
    }

    pub fn subject(&self) -> &[u8] {
        self.bytes
            .get(..self.headers_at as usize)
            .unwrap_or_default()
    }

    /// The raw header block, empty when the message has none.
    pub fn headers(&self) -> &[u8] {
        self.bytes
            .get(self.headers_at as usize..self.payload_at as usize)
            .unwrap_or_default()
    }

    /// Headers and payload in one piece.
    pub fn body(&self) -> &[u8] {
        self.bytes
            .get(self.headers_at as usize..)
            .unwrap_or_default()
    }

    pub fn payload(&self) -> &[u8] {
        self.bytes
            .get(self.payload_at as usize..)
            .unwrap_or_default()
    }
}

/// Where messages are kept; it decides what they count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Storage {
    File,
    Memory,
}

impl Storage {
    /// Bytes that a message counts against `max_bytes` and in `state.bytes`, from the lengths of its parts.
    ///
    /// The figures that users see must agree with the reference server's. It counts its file record (22 bytes of fixed fields, the
    /// subject, 4 bytes and the headers where there are any, the payload, 8 bytes of checksum), and in memory the parts and 16 bytes.
    pub fn message_size(self, subject: usize, headers: usize, payload: usize) -> u64 {
        let fixed = match (self, headers) {
            (Self::Memory, _) => 16,
            (Self::File, 0) => 22 + 8,
            (Self::File, _) => 22 + 4 + 8,
        };
        (subject as u64)
            .saturating_add(headers as u64)
            .saturating_add(payload as u64)
            .saturating_add(fixed)
    }
}
