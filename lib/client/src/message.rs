//! A received message: one reference-counted slice of the read buffer and the places of its parts.

use std::ops::Range;

use bytes::Bytes;
use nats_proto::header::{self, HeaderMap};
use nats_proto::server_op::Delivery;

/// A received message.
///
/// Cloning costs one reference count. The bytes are those that came from the socket, shared with the other messages of
/// the same read (at most 128 KiB, or one large message): whoever keeps few messages for long keeps a copy made by
/// [`Message::detached`] instead.
#[derive(Clone)]
pub struct Message {
    frame: Bytes,
    sid: u64,
    subject: Range<u32>,
    reply: Option<Range<u32>>,
    headers: Option<Range<u32>>,
    payload: Range<u32>,
}

impl Message {
    /// Cuts a delivery out of its frame.
    #[inline]
    pub(crate) fn from_frame(frame: Bytes, delivery: &Delivery) -> Self {
        // The reader bounds a frame far below 4 GiB.
        let short = |range: &Range<usize>| range.start as u32..range.end as u32;
        Self {
            sid: delivery.sid,
            subject: short(&delivery.subject),
            reply: delivery.reply.as_ref().map(short),
            headers: delivery.headers.as_ref().map(short),
            payload: short(&delivery.payload),
            frame,
        }
    }

    /// The subject the message was published to. A subject that is not UTF-8 reads as empty here, see
    /// [`Message::subject_bytes`].
    #[inline]
    pub fn subject(&self) -> &str {
        std::str::from_utf8(self.subject_bytes()).unwrap_or_default()
    }

    /// The subject as it came: subjects are byte strings on the wire.
    #[inline]
    pub fn subject_bytes(&self) -> &[u8] {
        self.part(&self.subject)
    }

    /// The subject that the sender wants answers on.
    #[inline]
    pub fn reply(&self) -> Option<&str> {
        let range = self.reply.as_ref()?;
        std::str::from_utf8(self.part(range)).ok()
    }

    /// The payload, without headers.
    #[inline]
    pub fn payload(&self) -> &[u8] {
        self.part(&self.payload)
    }

    /// The payload as a slice that shares the message's memory.
    pub fn payload_bytes(&self) -> Bytes {
        self.frame
            .slice(self.payload.start as usize..self.payload.end as usize)
    }

    /// The payload as text, with replacement characters where it is not UTF-8.
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(self.payload())
    }

    /// The headers, parsed at every call; `None` when the message has none. Lines that break the rules of a header are
    /// left out.
    pub fn headers(&self) -> Option<HeaderMap> {
        self.header_block()
            .map(|block| HeaderMap::parse_lenient(block).0)
    }

    /// First value of a header, looked up without parsing the others. The name is case-sensitive, as servers treat it.
    pub fn header(&self, name: &str) -> Option<&str> {
        let value = header::block::find_value(self.header_block()?, name.as_bytes())?;
        std::str::from_utf8(value).ok()
    }

    /// The header block as it came, from `NATS/1.0` to the blank line.
    #[inline]
    pub fn header_block(&self) -> Option<&[u8]> {
        self.headers.as_ref().map(|range| self.part(range))
    }

    /// The status in the first header line, such as 503 for "no responders".
    #[inline]
    pub fn status(&self) -> Option<u16> {
        header::block::status(self.header_block()?)
    }

    /// The text behind the status.
    pub fn status_description(&self) -> Option<String> {
        self.headers()
            .map(|headers| headers.description().to_owned())
            .filter(|text| !text.is_empty())
    }

    /// Whether a server says that nobody listens on the subject of a request.
    #[inline]
    pub fn is_no_responders(&self) -> bool {
        self.payload.is_empty() && self.status() == Some(header::STATUS_NO_RESPONDERS)
    }

    /// Id of the subscription that received it, unique in its client.
    #[inline]
    pub fn sid(&self) -> u64 {
        self.sid
    }

    /// Size as limits count it: subject, reply, headers and payload, in bytes.
    #[inline]
    pub fn size(&self) -> usize {
        let len = |range: &Option<Range<u32>>| range.as_ref().map_or(0, |r| r.len());
        self.subject.len() + len(&self.reply) + len(&self.headers) + self.payload.len()
    }

    /// A copy that shares no memory with other messages.
    pub fn detached(&self) -> Self {
        Self {
            frame: Bytes::copy_from_slice(&self.frame),
            ..self.clone()
        }
    }

    #[inline]
    fn part(&self, range: &Range<u32>) -> &[u8] {
        self.frame
            .get(range.start as usize..range.end as usize)
            .unwrap_or_default()
    }
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Message")
            .field("subject", &String::from_utf8_lossy(self.subject_bytes()))
            .field("reply", &self.reply())
            .field("header_bytes", &self.header_block().map(<[u8]>::len))
            .field("payload_bytes", &self.payload.len())
            .finish()
    }
}
