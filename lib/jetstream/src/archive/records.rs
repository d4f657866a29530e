//! Records in a block file of the reference server's store.
//!
//! ```text
//! u32 length of all, bit 31: has headers   u64 sequence, bit 63: erased, bit 62: says that the sequence was removed   i64 time
//! u16 length of the subject   subject   [u32 length of the headers]   headers   payload
//! u64 HighwayHash of sequence and time, subject, headers and payload; the key is the SHA-256 of "<stream>-<block>"
//! ```

use std::io::Read;

use highway::{HighwayHash, HighwayHasher, Key};
use nats_store::Timestamp;
use sha2::{Digest, Sha256};

use super::consumer::{MAGIC, Numbers};
use super::frames::{exactly, fill};
use super::{ArchiveError, ArchivedMessage, Visit};
use crate::limits::{ARCHIVE_SEQUENCE_MAX, RECORD_LEN_MAX};

const HEADER: usize = 22;
const CHECKSUM: usize = 8;
const HAS_HEADERS: u32 = 1 << 31;
const ERASED: u64 = 1 << 63;
const REMOVED: u64 = 1 << 62;
/// Blocks that are compressed on disk are not in archives.
const COMPRESSED: &[u8] = b"cmp";

/// A checksum as the reference server's store makes them.
pub fn checksum(key: &str, parts: &[&[u8]]) -> u64 {
    let digest = Sha256::digest(key.as_bytes());
    let mut words = [0; 4];
    for (word, bytes) in words.iter_mut().zip(digest.chunks_exact(8)) {
        *word = u64::from_le_bytes(bytes.try_into().unwrap_or_default());
    }
    let mut hasher = HighwayHasher::new(Key(words));
    for part in parts {
        hasher.append(part);
    }
    hasher.finalize64()
}

/// Which messages of a block were removed without a trace in it.
#[derive(Debug, Default)]
pub struct Gone {
    /// Everything before this.
    first: u64,
    /// And these, ascending.
    removed: Vec<u64>,
}

impl Gone {
    fn contains(&self, sequence: u64) -> bool {
        sequence < self.first || self.removed.binary_search(&sequence).is_ok()
    }

    /// Reads an index file: magic, version, uvarints of messages and bytes, first (and a varint time), last (and time), how many are
    /// removed; eight bytes of checksum; the removed ones as distances from the first.
    pub fn read(bytes: &[u8]) -> Result<Self, &'static str> {
        let mut numbers = Numbers(bytes);
        let version = match numbers.byte().zip(numbers.byte()) {
            Some((MAGIC, version)) => version,
            _ => return Err("it has an unknown form"),
        };
        let gone = Self::read_numbers(&mut numbers, version).ok_or("it is damaged")?;
        match version {
            1 => Ok(gone),
            _ if gone.removed.is_empty() => Ok(gone),
            _ => Err("it lists removed messages in a form that no release had"),
        }
    }

    fn read_numbers(numbers: &mut Numbers<'_>, version: u8) -> Option<Self> {
        for _ in 0..2 {
            numbers.unsigned()?;
        }
        let first = numbers.unsigned()? & !ERASED;
        numbers.signed()?;
        numbers.unsigned()?;
        numbers.signed()?;
        let count = numbers.unsigned()?;
        for _ in 0..CHECKSUM {
            numbers.byte()?;
        }
        let mut removed = Vec::new();
        for _ in 0..count {
            if version != 1 {
                return Some(Self {
                    first,
                    removed: vec![first],
                });
            }
            removed.push(first.checked_add(numbers.unsigned()?)?);
        }
        removed.sort_unstable();
        Some(Self { first, removed })
    }
}

/// Shows what is in block `number` of stream `name`, which has `size` bytes.
pub fn read(
    name: &str,
    number: u64,
    size: u64,
    gone: &Gone,
    source: &mut dyn Read,
    visit: &mut dyn Visit,
) -> Result<(), ArchiveError> {
    let key = format!("{name}-{number}");
    let mut source = source.take(size);
    let mut body = Vec::new();
    let mut is_first = true;
    loop {
        let mut header = [0; HEADER];
        match fill(&mut source, &mut header)? {
            0 if source.limit() == 0 => return Ok(()),
            HEADER => {}
            _ if source.limit() > 0 => return Err(ArchiveError::Truncated),
            _ => return Err(damaged(number, "it ends within a record")),
        }
        if std::mem::take(&mut is_first) && header.starts_with(COMPRESSED) {
            return Err(ArchiveError::Unexpected(format!(
                "block {number} is compressed"
            )));
        }
        let mut filter = Filter { gone, visit };
        record(&key, number, &header, &mut source, &mut body, &mut filter)?;
    }
}

/// Lets through what is not gone.
struct Filter<'a> {
    gone: &'a Gone,
    visit: &'a mut dyn Visit,
}

impl Filter<'_> {
    fn message(&mut self, message: &ArchivedMessage<'_>) -> Result<(), ArchiveError> {
        if self.gone.contains(message.sequence) {
            return self.visit.removed(message.sequence);
        }
        let (headers, payload) = (message.headers.len(), message.payload.len());
        self.visit.admit(headers as u64, payload as u64)?;
        self.visit.message(message)
    }
}

fn record(
    key: &str,
    number: u64,
    header: &[u8; HEADER],
    source: &mut std::io::Take<&mut dyn Read>,
    body: &mut Vec<u8>,
    filter: &mut Filter<'_>,
) -> Result<(), ArchiveError> {
    let head = Head::read(header).ok_or_else(|| damaged(number, "a record"))?;
    let len = u64::from(head.len).checked_sub(HEADER as u64);
    let len = len
        .filter(|len| *len <= source.limit() && *len <= RECORD_LEN_MAX)
        .ok_or_else(|| damaged(number, "the length of a record"))?;
    body.clear();
    body.resize(usize::try_from(len).unwrap_or_default(), 0);
    exactly(source, body)?;
    let record = Record::read(&head, body).ok_or_else(|| damaged(number, "a record"))?;
    let signed = header.get(4..20).unwrap_or_default();
    let sum = checksum(
        key,
        &[signed, record.subject, record.headers, record.payload],
    );
    if sum != record.sum {
        return Err(damaged(number, "the checksum of a record does not hold"));
    }
    let sequence = head.sequence & !(ERASED | REMOVED);
    if sequence > ARCHIVE_SEQUENCE_MAX {
        return Err(damaged(number, "a sequence"));
    }
    if head.sequence & (ERASED | REMOVED) != 0 {
        return filter.visit.removed(sequence);
    }
    if sequence == 0 {
        // An erased one of old, which does not say what it was.
        return Ok(());
    }
    filter.message(&ArchivedMessage {
        sequence,
        time: Timestamp(head.time),
        subject: record.subject,
        headers: record.headers,
        payload: record.payload,
    })
}

fn damaged(number: u64, what: &str) -> ArchiveError {
    ArchiveError::Damaged(format!("block {number}: {what}"))
}

struct Head {
    len: u32,
    has_headers: bool,
    sequence: u64,
    time: i64,
    subject: usize,
}

impl Head {
    fn read(bytes: &[u8; HEADER]) -> Option<Self> {
        let (len, rest) = bytes.split_first_chunk::<4>()?;
        let (sequence, rest) = rest.split_first_chunk::<8>()?;
        let (time, rest) = rest.split_first_chunk::<8>()?;
        let subject = rest.first_chunk::<2>()?;
        let len = u32::from_le_bytes(*len);
        Some(Self {
            len: len & !HAS_HEADERS,
            has_headers: len & HAS_HEADERS != 0,
            sequence: u64::from_le_bytes(*sequence),
            time: i64::from_le_bytes(*time),
            subject: usize::from(u16::from_le_bytes(*subject)),
        })
    }
}

struct Record<'a> {
    subject: &'a [u8],
    headers: &'a [u8],
    payload: &'a [u8],
    sum: u64,
}

impl<'a> Record<'a> {
    fn read(head: &Head, body: &'a [u8]) -> Option<Self> {
        let (body, sum) = body.split_last_chunk::<CHECKSUM>()?;
        let (subject, rest) = body.split_at_checked(head.subject)?;
        let (headers, payload) = match head.has_headers {
            true => {
                let (len, rest) = rest.split_first_chunk::<4>()?;
                rest.split_at_checked(usize::try_from(u32::from_le_bytes(*len)).ok()?)?
            }
            false => (&[][..], rest),
        };
        Some(Self {
            subject,
            headers,
            payload,
            sum: u64::from_le_bytes(*sum),
        })
    }
}
