//! One message as it lies in a block and in the log.
//!
//! ```text
//!  0 u32 length of the whole record      4 u32 checksum of everything behind it, mixed with group and sequence
//!  8 u64 sequence                       16 i64 time, nanoseconds
//! 24 u32 length of the headers          28 u16 length of the subject
//! 30 u8  flags                          31 u8  zero
//! 32 [i64 when it expires]  subject  headers  payload
//! ```

use crate::codec::{Reader, crc, patch_u32, place_mark};
use crate::error::StoreError;
use crate::limits::RECORD_MAX;
use crate::log::GroupId;
use crate::message::{NewMessage, Timestamp, Ttl};

pub const RECORD_HEADER: usize = 32;

const FLAG_UNTIL: u8 = 1;
const FLAG_NEVER: u8 = 2;
/// Its parts were overwritten.
const FLAG_ERASED: u8 = 4;

/// A record as it is read back; it borrows from the block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    pub sequence: u64,
    pub time: Timestamp,
    pub ttl: Ttl,
    pub erased: bool,
    pub subject: &'a [u8],
    pub headers: usize,
    /// Where the subject begins, from the record's beginning.
    pub subject_at: usize,
    /// The whole record.
    pub len: usize,
}

impl Record<'_> {
    pub fn payload_len(&self) -> usize {
        self.len
            .saturating_sub(self.subject_at)
            .saturating_sub(self.subject.len())
            .saturating_sub(self.headers)
    }
}

/// The length that a message's record will have.
pub fn record_len(message: &NewMessage<'_>) -> Result<usize, StoreError> {
    let parts = [message.subject, message.headers, message.payload];
    let body = parts
        .iter()
        .fold(RECORD_HEADER, |sum, part| sum.saturating_add(part.len()));
    let len = match message.ttl {
        Ttl::Until(_) => body.saturating_add(8),
        Ttl::Stream | Ttl::Never => body,
    };
    if len as u64 > RECORD_MAX || message.subject.len() > usize::from(u16::MAX) {
        return Err(StoreError::TooLarge {
            size: len as u64,
            max: RECORD_MAX,
        });
    }
    Ok(len)
}

/// Appends a record of `len` bytes, as [`record_len`] said.
pub fn put_record(
    to: &mut Vec<u8>,
    group: GroupId,
    sequence: u64,
    message: &NewMessage<'_>,
    len: usize,
) {
    let start = to.len();
    let flags = match message.ttl {
        Ttl::Stream => 0,
        Ttl::Until(_) => FLAG_UNTIL,
        Ttl::Never => FLAG_NEVER,
    };
    let len32 = u32::try_from(len).unwrap_or(u32::MAX);
    let headers = u32::try_from(message.headers.len()).unwrap_or(u32::MAX);
    let subject = u16::try_from(message.subject.len()).unwrap_or(u16::MAX);
    to.reserve(len);
    to.extend_from_slice(&len32.to_le_bytes());
    to.extend_from_slice(&[0; 4]);
    to.extend_from_slice(&sequence.to_le_bytes());
    to.extend_from_slice(&message.time.0.to_le_bytes());
    to.extend_from_slice(&headers.to_le_bytes());
    to.extend_from_slice(&subject.to_le_bytes());
    to.extend_from_slice(&[flags, 0]);
    if let Ttl::Until(deadline) = message.ttl {
        to.extend_from_slice(&deadline.0.to_le_bytes());
    }
    to.extend_from_slice(message.subject);
    to.extend_from_slice(message.headers);
    to.extend_from_slice(message.payload);
    sign(to, start, group, sequence);
}

/// Overwrites a record's parts: what is left says that there was a message of this length, and nothing of it.
pub fn erase_record(bytes: &mut [u8], group: GroupId, sequence: u64) {
    let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    bytes.fill(0);
    patch_u32(bytes, 0, len);
    if let Some(place) = bytes.get_mut(8..).and_then(<[u8]>::first_chunk_mut::<8>) {
        *place = sequence.to_le_bytes();
    }
    if let Some(flags) = bytes.get_mut(30) {
        *flags = FLAG_ERASED;
    }
    sign(bytes, 0, group, sequence);
}

fn sign(bytes: &mut [u8], start: usize, group: GroupId, sequence: u64) {
    let body = bytes.get(start.saturating_add(8)..).unwrap_or_default();
    let sum = crc(body) ^ mark(group, sequence);
    patch_u32(bytes, start.saturating_add(4), sum);
}

fn mark(group: GroupId, sequence: u64) -> u32 {
    place_mark(group.0 ^ sequence.rotate_left(32))
}

/// Reads the record at the front of `bytes` without its checksum: only for bytes that were checked before.
pub fn read_record(bytes: &[u8]) -> Option<Record<'_>> {
    let mut reader = Reader::new(bytes);
    let len = usize::try_from(reader.u32()?).ok()?;
    reader.u32()?;
    let sequence = reader.u64()?;
    let time = Timestamp(reader.i64()?);
    let headers = usize::try_from(reader.u32()?).ok()?;
    let subject_len = usize::from(reader.u16()?);
    let flags = reader.u8()?;
    reader.u8()?;
    let (ttl, subject_at) = match flags & (FLAG_UNTIL | FLAG_NEVER) {
        0 => (Ttl::Stream, RECORD_HEADER),
        FLAG_UNTIL => (Ttl::Until(Timestamp(reader.i64()?)), 40),
        _ => (Ttl::Never, RECORD_HEADER),
    };
    let subject = reader.take(subject_len)?;
    let payload_at = subject_at.checked_add(subject_len)?.checked_add(headers)?;
    if payload_at > len || len > bytes.len() {
        return None;
    }
    Some(Record {
        sequence,
        time,
        ttl,
        erased: flags & FLAG_ERASED != 0,
        subject,
        headers,
        subject_at,
        len,
    })
}

/// The length that the record at the front of `bytes` gives itself, when it fits.
pub fn peek_len(bytes: &[u8]) -> Option<usize> {
    let len = usize::try_from(Reader::new(bytes).u32()?).ok()?;
    (len >= RECORD_HEADER && len <= bytes.len()).then_some(len)
}

/// Reads and checks the record at the front of `bytes`.
pub fn check_record(bytes: &[u8], group: GroupId) -> Option<Record<'_>> {
    let len = peek_len(bytes)?;
    let whole = bytes.get(..len)?;
    let record = read_record(whole)?;
    let sum = u32::from_le_bytes(*whole.get(4..)?.first_chunk::<4>()?);
    (crc(whole.get(8..)?) ^ mark(group, record.sequence) == sum).then_some(record)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record(message: &NewMessage<'_>) -> Vec<u8> {
        let mut bytes = Vec::new();
        let len = record_len(message).unwrap();
        put_record(&mut bytes, GroupId(5), 9, message, len);
        assert_eq!(bytes.len(), len);
        bytes
    }

    proptest! {
        #[test]
        fn a_record_comes_back_as_it_went(
            subject in proptest::collection::vec(any::<u8>(), 0..40),
            headers: Vec<u8>,
            payload: Vec<u8>,
            time: i64,
            until: Option<i64>,
        ) {
            let ttl = until.map_or(Ttl::Never, |at| Ttl::Until(Timestamp(at)));
            let message = NewMessage {
                subject: &subject,
                headers: &headers,
                payload: &payload,
                time: Timestamp(time),
                ttl,
            };
            let bytes = record(&message);
            let back = check_record(&bytes, GroupId(5)).unwrap();
            prop_assert_eq!(back.subject, &*subject);
            prop_assert_eq!((back.headers, back.payload_len()), (headers.len(), payload.len()));
            prop_assert_eq!((back.ttl, back.time, back.sequence), (ttl, Timestamp(time), 9));
            prop_assert!(check_record(&bytes, GroupId(6)).is_none());
        }

        #[test]
        fn any_bytes_are_read_without_harm(bytes: Vec<u8>) {
            let _ = check_record(&bytes, GroupId(5));
            let _ = read_record(&bytes);
        }

        #[test]
        fn no_flipped_bit_goes_unnoticed(at in 0_usize..38, bit in 0_u32..8) {
            let message = NewMessage {
                subject: b"a.b",
                headers: b"",
                payload: b"xyz",
                time: Timestamp(4),
                ttl: Ttl::Stream,
            };
            let mut bytes = record(&message);
            bytes[at] ^= 1_u8 << bit;
            let noticed = check_record(&bytes, GroupId(5)).is_none();
            prop_assert!(noticed);
        }
    }

    #[test]
    fn an_erased_record_says_nothing_but_its_length_and_sequence() {
        let message = NewMessage {
            subject: b"secret",
            headers: b"",
            payload: b"secret",
            time: Timestamp(4),
            ttl: Ttl::Stream,
        };
        let mut bytes = record(&message);
        let len = bytes.len();
        erase_record(&mut bytes, GroupId(5), 9);
        let back = check_record(&bytes, GroupId(5)).unwrap();
        assert!(back.erased && back.sequence == 9 && back.len == len);
        assert!(!bytes.windows(3).any(|window| window == b"sec"));
    }
}
