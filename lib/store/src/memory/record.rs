//! One message as it lies in a chunk.
//!
//! ```text
//! flags u8, time i64, [deadline i64], subject length u16 or u32, [headers length u32], payload length u32, subject, headers, payload
//! ```

use std::ops::Range;

use crate::error::StoreError;
use crate::message::{NewMessage, Storage, Timestamp, Ttl};

const HAS_DEADLINE: u8 = 1;
const NEVER: u8 = 2;
const HAS_HEADERS: u8 = 4;
const LONG_SUBJECT: u8 = 8;

/// The most that fixed fields take.
const FIXED_MAX: usize = 1 + 8 + 8 + 4 + 4 + 4;

/// A message in the memory of its chunk.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record<'a> {
    pub(super) time: Timestamp,
    pub(super) ttl: Ttl,
    /// Subject, headers and payload in a row.
    pub(super) body: &'a [u8],
    pub(super) headers_at: u32,
    pub(super) payload_at: u32,
    /// Where `body` begins in the record.
    body_at: usize,
}

impl<'a> Record<'a> {
    pub(super) fn subject(&self) -> &'a [u8] {
        self.body
            .get(..self.headers_at as usize)
            .unwrap_or_default()
    }

    pub(super) fn size(&self) -> u64 {
        let subject = self.headers_at as usize;
        let headers = self.payload_at as usize - subject;
        let payload = self.body.len() - self.payload_at as usize;
        Storage::Memory.message_size(subject, headers, payload)
    }

    /// Bytes that the whole record takes.
    pub(super) fn len(&self) -> usize {
        self.body_at + self.body.len()
    }

    /// Where subject, headers and payload lie in a chunk whose record begins at `at`.
    pub(super) fn body_range(&self, at: usize) -> Range<usize> {
        at + self.body_at..at + self.len()
    }
}

/// How many bytes the record of `message` takes at most.
///
/// # Errors
/// [`StoreError::TooLarge`] when a position in it would not fit into 32 bits.
pub(super) fn len_max(message: &NewMessage<'_>) -> Result<usize, StoreError> {
    let lens = [
        message.subject.len(),
        message.headers.len(),
        message.payload.len(),
        FIXED_MAX,
    ];
    let len = lens.into_iter().fold(0usize, usize::saturating_add);
    if u32::try_from(len).is_err() {
        return Err(StoreError::TooLarge {
            size: len as u64,
            max: u64::from(u32::MAX),
        });
    }
    Ok(len)
}

/// Appends the record of `message`; its lengths were checked by [`len_max`].
pub(super) fn write(to: &mut Vec<u8>, message: &NewMessage<'_>) {
    let mut flags = 0;
    let deadline = match message.ttl {
        Ttl::Stream => None,
        Ttl::Never => {
            flags |= NEVER;
            None
        }
        Ttl::Until(deadline) => {
            flags |= HAS_DEADLINE;
            Some(deadline)
        }
    };
    let short = u16::try_from(message.subject.len());
    if short.is_err() {
        flags |= LONG_SUBJECT;
    }
    if !message.headers.is_empty() {
        flags |= HAS_HEADERS;
    }
    to.push(flags);
    to.extend_from_slice(&message.time.0.to_le_bytes());
    if let Some(deadline) = deadline {
        to.extend_from_slice(&deadline.0.to_le_bytes());
    }
    match short {
        Ok(short) => to.extend_from_slice(&short.to_le_bytes()),
        Err(_) => to.extend_from_slice(&(message.subject.len() as u32).to_le_bytes()),
    }
    if !message.headers.is_empty() {
        to.extend_from_slice(&(message.headers.len() as u32).to_le_bytes());
    }
    to.extend_from_slice(&(message.payload.len() as u32).to_le_bytes());
    to.extend_from_slice(message.subject);
    to.extend_from_slice(message.headers);
    to.extend_from_slice(message.payload);
}

/// Reads the record that begins `bytes`, which [`write`] wrote.
pub(super) fn read(bytes: &[u8]) -> Record<'_> {
    let mut fields = Fields { bytes, at: 0 };
    let [flags] = fields.take();
    let time = Timestamp(i64::from_le_bytes(fields.take()));
    let ttl = if flags & HAS_DEADLINE != 0 {
        Ttl::Until(Timestamp(i64::from_le_bytes(fields.take())))
    } else if flags & NEVER != 0 {
        Ttl::Never
    } else {
        Ttl::Stream
    };
    let subject_len = if flags & LONG_SUBJECT != 0 {
        u32::from_le_bytes(fields.take())
    } else {
        u32::from(u16::from_le_bytes(fields.take()))
    };
    let headers_len = if flags & HAS_HEADERS != 0 {
        u32::from_le_bytes(fields.take())
    } else {
        0
    };
    let payload_len = u32::from_le_bytes(fields.take());
    let payload_at = subject_len + headers_len;
    let end = fields.at + (payload_at + payload_len) as usize;
    Record {
        time,
        ttl,
        body: &bytes[fields.at..end],
        headers_at: subject_len,
        payload_at,
        body_at: fields.at,
    }
}

struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Fields<'_> {
    #[inline]
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let mut field = [0; N];
        field.copy_from_slice(&self.bytes[self.at..self.at + N]);
        self.at += N;
        field
    }
}
