//! Chunks: what a block file consists of, behind its header. Records gathered to some sixty kilobytes, written, sealed, compressed and
//! read as one.
//!
//! ```text
//! block   "NATSBLK" version  u64 group  u64 block number  u64 zero  salt[16]  u8 cipher  zeros[11]  u32 checksum      (64 bytes)
//! chunk   "CHK1"  u32 stored  u32 plain  u32 records  u64 first  u64 last  u64 block number  u32 checksum of the header before
//!         u32 flags  u32 checksum of the body as stored (compressed or sealed only)  u32 checksum                     (56 bytes)
//! ```

use std::sync::Arc;

use bytes::Bytes;

use super::record::{Record, check_record, peek_len, read_record};
use crate::codec::{Reader, crc, patch_u32};
use crate::crypt::{Cipher, Sealer};
use crate::limits::CHUNK_PLAIN_MAX;
use crate::log::GroupId;
use crate::message::Message;

pub const BLOCK_HEADER: usize = 64;
pub const CHUNK_HEADER: usize = 56;
const BLOCK_MAGIC: [u8; 8] = *b"NATSBLK\x01";
const CHUNK_MAGIC: u32 = u32::from_le_bytes(*b"CHK1");
const FLAG_COMPRESSED: u32 = 1;
const FLAG_SEALED: u32 = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockHeader {
    pub group: GroupId,
    pub number: u64,
    pub salt: [u8; 16],
    pub cipher: Option<Cipher>,
}

impl BlockHeader {
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = BLOCK_MAGIC.to_vec();
        bytes.extend_from_slice(&self.group.0.to_le_bytes());
        bytes.extend_from_slice(&self.number.to_le_bytes());
        bytes.extend_from_slice(&[0; 8]);
        bytes.extend_from_slice(&self.salt);
        bytes.push(self.cipher.map_or(0, Cipher::code));
        bytes.resize(BLOCK_HEADER.saturating_sub(4), 0);
        let sum = crc(&bytes);
        bytes.extend_from_slice(&sum.to_le_bytes());
        bytes
    }

    pub fn decode(bytes: &[u8; BLOCK_HEADER]) -> Option<Self> {
        let mut reader = checked(bytes)?;
        if reader.array::<8>()? != BLOCK_MAGIC {
            return None;
        }
        let group = GroupId(reader.u64()?);
        let number = reader.u64()?;
        reader.u64()?;
        let salt = reader.array()?;
        let cipher = match reader.u8()? {
            0 => None,
            code => Some(Cipher::from_code(code)?),
        };
        Some(Self {
            group,
            number,
            salt,
            cipher,
        })
    }

    /// What the first chunk names as the header before it.
    pub fn mark(&self) -> u32 {
        last_u32(&self.encode())
    }
}

fn checked(bytes: &[u8]) -> Option<Reader<'_>> {
    let (body, sum) = bytes.split_last_chunk::<4>()?;
    (u32::from_le_bytes(*sum) == crc(body)).then(|| Reader::new(body))
}

fn last_u32(bytes: &[u8]) -> u32 {
    bytes
        .last_chunk::<4>()
        .map_or(0, |last| u32::from_le_bytes(*last))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkHeader {
    /// Bytes of the body as stored.
    pub stored: u32,
    /// Bytes of all records.
    pub plain: u32,
    pub records: u32,
    pub first: u64,
    pub last: u64,
    pub block: u64,
    /// Checksum of the header before, the block's or a chunk's.
    pub previous: u32,
    flags: u32,
    body_sum: u32,
}

impl ChunkHeader {
    fn encode(&self) -> [u8; CHUNK_HEADER] {
        let mut bytes = [0; CHUNK_HEADER];
        let head = self.bound();
        if let Some(place) = bytes.first_chunk_mut::<48>() {
            *place = head;
        }
        patch_u32(&mut bytes, 48, self.body_sum);
        let sum = crc(bytes.get(..52).unwrap_or_default());
        patch_u32(&mut bytes, 52, sum);
        bytes
    }

    /// The part of the header that sealing binds.
    fn bound(&self) -> [u8; 48] {
        let mut bytes = [0; 48];
        let mut put = |at: usize, part: &[u8]| {
            if let Some(place) = bytes.get_mut(at..).and_then(|b| b.get_mut(..part.len())) {
                place.copy_from_slice(part);
            }
        };
        put(0, &CHUNK_MAGIC.to_le_bytes());
        put(4, &self.stored.to_le_bytes());
        put(8, &self.plain.to_le_bytes());
        put(12, &self.records.to_le_bytes());
        put(16, &self.first.to_le_bytes());
        put(24, &self.last.to_le_bytes());
        put(32, &self.block.to_le_bytes());
        put(40, &self.previous.to_le_bytes());
        put(44, &self.flags.to_le_bytes());
        bytes
    }

    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = checked(bytes.get(..CHUNK_HEADER)?)?;
        if reader.u32()? != CHUNK_MAGIC {
            return None;
        }
        Some(Self {
            stored: reader.u32()?,
            plain: reader.u32()?,
            records: reader.u32()?,
            first: reader.u64()?,
            last: reader.u64()?,
            block: reader.u64()?,
            previous: reader.u32()?,
            flags: reader.u32()?,
            body_sum: reader.u32()?,
        })
    }

    pub fn mark(&self) -> u32 {
        last_u32(&self.encode())
    }

    /// Records lie there as they are, and can be overwritten and read one by one.
    pub fn is_plain(&self) -> bool {
        self.flags == 0
    }

    /// Bytes of header and body.
    pub fn size(&self) -> u64 {
        u64::from(self.stored).saturating_add(CHUNK_HEADER as u64)
    }
}

/// What is done to a chunk's body on its way to the disk.
#[derive(Debug, Clone, Default)]
pub struct Transform {
    pub compress: bool,
    pub sealer: Option<Sealer>,
}

/// Makes the bytes of a chunk from `bytes`: room for the header, then the records. The place in the block is the piece's number.
pub fn encode_chunk(
    mut bytes: Vec<u8>,
    transform: &Transform,
    place: u64,
    mut header: ChunkHeader,
) -> Option<(ChunkHeader, Bytes)> {
    if transform.compress {
        let plain = bytes.get(CHUNK_HEADER..)?;
        let compressed = minlz::s2::encode(plain);
        // Compression that gains nothing is left out.
        if compressed.len() < plain.len() {
            bytes.truncate(CHUNK_HEADER);
            bytes.extend_from_slice(&compressed);
            header.flags |= FLAG_COMPRESSED;
        }
    }
    let body = bytes.len().checked_sub(CHUNK_HEADER)?;
    header.stored = u32::try_from(body).ok()?;
    if let Some(sealer) = &transform.sealer {
        header.flags |= FLAG_SEALED;
        header.stored = header.stored.checked_add(16)?;
        sealer.seal(place, &header.bound(), &mut bytes, CHUNK_HEADER)?;
    }
    if !header.is_plain() {
        header.body_sum = crc(bytes.get(CHUNK_HEADER..)?);
    }
    bytes
        .get_mut(..CHUNK_HEADER)?
        .copy_from_slice(&header.encode());
    Some((header, Bytes::from(bytes)))
}

/// A header for records from `first` to `last`; the rest is filled in when it is encoded.
pub fn new_header(
    block: u64,
    previous: u32,
    records: usize,
    first: u64,
    last: u64,
    plain: usize,
) -> Option<ChunkHeader> {
    let plain = u32::try_from(plain).ok()?;
    Some(ChunkHeader {
        stored: plain,
        plain,
        records: u32::try_from(records).ok()?,
        first,
        last,
        block,
        previous,
        flags: 0,
        body_sum: 0,
    })
}

/// The plain records of a stored body; `None` when it is not what was written. Records of a plain body are not checked here.
pub fn plain_body(
    header: &ChunkHeader,
    mut body: Vec<u8>,
    sealer: Option<&Sealer>,
    place: u64,
) -> Option<Vec<u8>> {
    if header.is_plain() {
        return Some(body);
    }
    if crc(&body) != header.body_sum {
        return None;
    }
    if header.flags & FLAG_SEALED != 0 {
        sealer?.open(place, &header.bound(), &mut body)?;
    }
    if header.flags & FLAG_COMPRESSED != 0 {
        let plain = usize::try_from(header.plain).ok()?;
        if plain > CHUNK_PLAIN_MAX || minlz::s2::decode_len(&body).ok()?.0 != plain {
            return None;
        }
        body = minlz::s2::decode(&body).ok()?;
    }
    (body.len() as u64 == u64::from(header.plain)).then_some(body)
}

/// A chunk in memory, ready to read messages from.
#[derive(Debug, Clone)]
pub struct Chunk {
    bytes: Bytes,
    /// Where each record begins in `bytes`, by sequence.
    offsets: Arc<[u32]>,
}

impl Chunk {
    /// Records of `bytes` from `at` on, which are known to be good.
    pub fn new(bytes: Bytes, offsets: Vec<u32>) -> Self {
        Self {
            bytes,
            offsets: offsets.into(),
        }
    }

    /// Checks every record of a plain body and finds where they begin. Those that do not hold are left out: the second part says how many
    /// bytes could not be read as records.
    pub fn check(body: Vec<u8>, group: GroupId) -> (Self, usize) {
        let mut offsets = Vec::with_capacity(body.len() / 128);
        let mut bad = 0_usize;
        let mut at = 0_usize;
        while let Some(rest) = body.get(at..).filter(|rest| !rest.is_empty()) {
            let step = match check_record(rest, group) {
                Some(record) => {
                    offsets.extend(u32::try_from(at));
                    record.len
                }
                None => {
                    let step = peek_len(rest)
                        .filter(|len| follows(rest, *len, group))
                        .unwrap_or_else(|| next_good(rest, group));
                    bad = bad.saturating_add(step);
                    step
                }
            };
            at = at.saturating_add(step);
        }
        (Self::new(Bytes::from(body), offsets), bad)
    }

    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    pub fn records(&self) -> impl Iterator<Item = Record<'_>> {
        self.offsets.iter().filter_map(|at| self.record_at(*at))
    }

    fn record_at(&self, at: u32) -> Option<Record<'_>> {
        read_record(self.bytes.get(usize::try_from(at).ok()?..)?)
    }

    fn find(&self, sequence: u64) -> Option<usize> {
        let index = self
            .offsets
            .partition_point(|at| self.record_at(*at).is_some_and(|r| r.sequence < sequence));
        let at = usize::try_from(*self.offsets.get(index)?).ok()?;
        Some(at)
    }

    /// The record with this sequence.
    pub fn record(&self, sequence: u64) -> Option<Record<'_>> {
        let at = self.find(sequence)?;
        read_record(self.bytes.get(at..)?).filter(|record| record.sequence == sequence)
    }

    /// The bytes of the record with this sequence.
    pub fn record_bytes(&self, sequence: u64) -> Option<&[u8]> {
        let (at, len) = self.place(sequence)?;
        self.bytes.get(at..at.checked_add(len)?)
    }

    /// Where the record with this sequence begins, and its length.
    pub fn place(&self, sequence: u64) -> Option<(usize, usize)> {
        let at = self.find(sequence)?;
        let record = read_record(self.bytes.get(at..)?)?;
        (record.sequence == sequence).then_some((at, record.len))
    }

    /// The message with this sequence, without copying.
    pub fn message(&self, sequence: u64) -> Option<Message> {
        let (at, _) = self.place(sequence)?;
        let record = read_record(self.bytes.get(at..)?)?;
        let (from, headers_at, payload_at, to) = parts(&record, at)?;
        Some(Message::new(
            sequence,
            record.time,
            self.bytes.slice(from..to),
            headers_at,
            payload_at,
        ))
    }

    /// The body's bytes.
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }
}

/// A message copied out of the record at the front of `bytes`.
pub fn copy_message(bytes: &[u8]) -> Option<Message> {
    let record = read_record(bytes)?;
    let (from, headers_at, payload_at, to) = parts(&record, 0)?;
    Some(Message::new(
        record.sequence,
        record.time,
        Bytes::copy_from_slice(bytes.get(from..to)?),
        headers_at,
        payload_at,
    ))
}

/// Begin of the parts, the two marks within them, and their end, for a record at `at`.
fn parts(record: &Record<'_>, at: usize) -> Option<(usize, u32, u32, usize)> {
    let from = at.checked_add(record.subject_at)?;
    let to = at.checked_add(record.len)?;
    let headers_at = record.subject.len();
    let payload_at = headers_at.checked_add(record.headers)?;
    Some((
        from,
        u32::try_from(headers_at).ok()?,
        u32::try_from(payload_at).ok()?,
        to,
    ))
}

/// Whether a good record, or nothing, follows `len` bytes.
fn follows(rest: &[u8], len: usize, group: GroupId) -> bool {
    match rest.get(len..) {
        Some([]) => true,
        Some(next) => check_record(next, group).is_some(),
        None => false,
    }
}

/// Bytes up to the next place where a good record begins.
fn next_good(rest: &[u8], group: GroupId) -> usize {
    (1..rest.len())
        .find(|at| {
            rest.get(*at..)
                .is_some_and(|next| check_record(next, group).is_some())
        })
        .unwrap_or(rest.len())
}
