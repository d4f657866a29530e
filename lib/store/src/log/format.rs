//! The log's bytes: segment headers, batches, entries. The page `docs/store-format.md` says the same in a table.

use crate::codec::{Reader, crc, place_mark};

/// First bytes of a segment; the last one is the version.
pub const SEGMENT_MAGIC: [u8; 8] = *b"NATSLOG\x01";
pub const SEGMENT_HEADER: usize = 64;
pub const BATCH_MAGIC: u32 = u32::from_le_bytes(*b"LBT1");
pub const BATCH_HEADER: usize = 40;
pub const ENTRY_HEADER: usize = 28;

/// The batch is the table of groups at the segment's start; it takes no room in the log's positions.
pub const FLAG_TABLE: u32 = 1;
/// The body is sealed; sixteen bytes longer than the room it takes.
pub const FLAG_SEALED: u32 = 2;

/// One owner of entries: a stream, a consumer, later a consensus group. Zero is the log itself, one the catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub u64);

impl GroupId {
    /// The log's own entries.
    pub const LOG: Self = Self(0);
    /// Documents of consumers that are not in files yet, see `catalog`.
    pub const CATALOG: Self = Self(1);
}

/// The header of a segment file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentHeader {
    pub number: u64,
    /// The position at which its first batch begins.
    pub base: u64,
    /// Where the log ended before this segment. Less than `base` only when positions were left out on purpose.
    pub previous_end: u64,
    /// Checksum of the header of the batch before, zero at the log's beginning.
    pub previous_batch: u32,
    /// Makes this segment's keys different from every other's.
    pub salt: [u8; 16],
}

impl SegmentHeader {
    pub fn encode(&self) -> [u8; SEGMENT_HEADER] {
        let mut bytes = [0; SEGMENT_HEADER];
        let mut at = Writer::new(&mut bytes);
        at.put(&SEGMENT_MAGIC);
        at.put(&self.number.to_le_bytes());
        at.put(&self.base.to_le_bytes());
        at.put(&self.previous_end.to_le_bytes());
        at.put(&self.previous_batch.to_le_bytes());
        at.put(&self.salt);
        at.put(&[0; 8]);
        at.finish();
        bytes
    }

    pub fn decode(bytes: &[u8; SEGMENT_HEADER]) -> Option<Self> {
        let mut reader = checked(bytes)?;
        if reader.array::<8>()? != SEGMENT_MAGIC {
            return None;
        }
        Self::fields(&mut reader)
    }

    fn fields(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            number: reader.u64()?,
            base: reader.u64()?,
            previous_end: reader.u64()?,
            previous_batch: reader.u32()?,
            salt: reader.array()?,
        })
    }

    /// What a damaged header said, as far as the number of its file and the first batch behind it tell. The rest is taken as it reads:
    /// where the log ended before, unless the checksum knows better, and the salt, with which nothing opens when it is wrong.
    pub fn restored(bytes: &[u8; SEGMENT_HEADER], number: u64, first: &BatchHeader) -> Self {
        let mut reader = Reader::new(bytes.get(SEGMENT_MAGIC.len()..).unwrap_or_default());
        let read = Self::fields(&mut reader);
        let base = first.position;
        let usual = Self {
            number,
            base,
            previous_end: base,
            previous_batch: first.previous,
            salt: read.map_or([0; 16], |read| read.salt),
        };
        let previous_end = read.map_or(base, |read| read.previous_end);
        let as_read = Self {
            previous_end,
            ..usual
        };
        let is_usual = usual.encode().last_chunk::<4>() == bytes.last_chunk::<4>();
        match is_usual || previous_end > base {
            true => usual,
            false => as_read,
        }
    }
}

/// The header of a batch: everything that one write put down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchHeader {
    /// Bytes of the body as stored.
    pub stored: u32,
    /// Bytes of the body as they count in positions.
    pub length: u32,
    pub position: u64,
    /// Checksum of the header of the batch before.
    pub previous: u32,
    pub entries: u32,
    /// Over the checksums of the entries, so that the chain of headers binds their content.
    pub digest: u32,
    pub flags: u32,
}

impl BatchHeader {
    pub fn encode(&self) -> [u8; BATCH_HEADER] {
        let mut bytes = [0; BATCH_HEADER];
        let mut at = Writer::new(&mut bytes);
        at.put(&BATCH_MAGIC.to_le_bytes());
        at.put(&self.stored.to_le_bytes());
        at.put(&self.length.to_le_bytes());
        at.put(&self.position.to_le_bytes());
        at.put(&self.previous.to_le_bytes());
        at.put(&self.entries.to_le_bytes());
        at.put(&self.digest.to_le_bytes());
        at.put(&self.flags.to_le_bytes());
        at.finish();
        bytes
    }

    pub fn decode(bytes: &[u8; BATCH_HEADER]) -> Option<Self> {
        if !bytes.starts_with(&BATCH_MAGIC.to_le_bytes()) {
            return None;
        }
        let mut reader = checked(bytes)?;
        reader.u32()?;
        Some(Self {
            stored: reader.u32()?,
            length: reader.u32()?,
            position: reader.u64()?,
            previous: reader.u32()?,
            entries: reader.u32()?,
            digest: reader.u32()?,
            flags: reader.u32()?,
        })
    }

    /// What the next batch names as the one before it.
    pub fn mark(&self) -> u32 {
        let bytes = self.encode();
        bytes
            .last_chunk::<4>()
            .map_or(0, |last| u32::from_le_bytes(*last))
    }

    pub fn is_table(&self) -> bool {
        self.flags & FLAG_TABLE != 0
    }

    /// Where the log goes on behind this batch.
    pub fn end(&self) -> Option<u64> {
        if self.is_table() {
            return Some(self.position);
        }
        self.position.checked_add(u64::from(self.length))
    }
}

/// Fills an array from the front; its last four bytes are the checksum of the rest.
struct Writer<'a> {
    bytes: &'a mut [u8],
    at: usize,
}

impl<'a> Writer<'a> {
    fn new(bytes: &'a mut [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    fn put(&mut self, part: &[u8]) {
        let end = self.at.saturating_add(part.len());
        if let Some(place) = self.bytes.get_mut(self.at..end) {
            place.copy_from_slice(part);
        }
        self.at = end;
    }

    fn finish(self) {
        let Some((body, sum)) = self.bytes.split_last_chunk_mut::<4>() else {
            return;
        };
        *sum = crc(body).to_le_bytes();
    }
}

/// A reader of everything before the checksum, when it holds.
fn checked(bytes: &[u8]) -> Option<Reader<'_>> {
    let (body, sum) = bytes.split_last_chunk::<4>()?;
    (u32::from_le_bytes(*sum) == crc(body)).then(|| Reader::new(body))
}

/// One entry as it is read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    pub group: GroupId,
    /// The how-manieth entry of its group this is, from 1.
    pub count: u64,
    /// Says to the group what `bytes` are.
    pub kind: u8,
    pub bytes: &'a [u8],
    /// The log's position behind this entry.
    pub end: u64,
}

/// Appends an entry that begins at `position` to a batch; its checksum.
pub fn put_entry(
    to: &mut Vec<u8>,
    position: u64,
    group: GroupId,
    count: u64,
    kind: u8,
    parts: &[&[u8]],
) -> u32 {
    let start = to.len();
    let length: usize = parts.iter().map(|part| part.len()).sum();
    to.reserve(length.saturating_add(ENTRY_HEADER));
    to.extend_from_slice(&[0; 4]);
    to.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
    to.extend_from_slice(&group.0.to_le_bytes());
    to.extend_from_slice(&count.to_le_bytes());
    to.extend_from_slice(&[kind, 0, 0, 0]);
    for part in parts {
        to.extend_from_slice(part);
    }
    let entry = to.get(start..).unwrap_or_default();
    let sum = crc(entry.get(4..).unwrap_or_default()) ^ place_mark(position);
    crate::codec::patch_u32(to, start, sum);
    sum
}

/// What lies at the front of a batch's rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parsed<'a> {
    Good {
        entry: Entry<'a>,
        sum: u32,
        size: usize,
    },
    /// The checksum does not hold; `size` is what the entry says of itself, if that is possible at all.
    Bad { size: Option<usize> },
}

/// Reads the entry at the front of `bytes`, which begins at `position`.
pub fn parse_entry(bytes: &[u8], position: u64) -> Parsed<'_> {
    parse(bytes, position).unwrap_or(Parsed::Bad { size: None })
}

fn parse(bytes: &[u8], position: u64) -> Option<Parsed<'_>> {
    let mut reader = Reader::new(bytes);
    let sum = reader.u32()?;
    let length = usize::try_from(reader.u32()?).ok()?;
    let size = length.checked_add(ENTRY_HEADER)?;
    let entry = bytes.get(..size)?;
    if crc(entry.get(4..)?) ^ place_mark(position) != sum {
        return Some(Parsed::Bad { size: Some(size) });
    }
    let group = GroupId(reader.u64()?);
    let count = reader.u64()?;
    let [kind, _, _, _] = reader.array::<4>()?;
    Some(Parsed::Good {
        entry: Entry {
            group,
            count,
            kind,
            bytes: reader.take(length)?,
            end: position.checked_add(size as u64)?,
        },
        sum,
        size,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn headers_come_back_as_they_went() {
        let segment = SegmentHeader {
            number: 3,
            base: 700,
            previous_end: 699,
            previous_batch: 7,
            salt: [9; 16],
        };
        assert_eq!(SegmentHeader::decode(&segment.encode()), Some(segment));
        let batch = BatchHeader {
            stored: 16,
            length: 16,
            position: 7,
            previous: 8,
            entries: 1,
            digest: 4,
            flags: 0,
        };
        assert_eq!(BatchHeader::decode(&batch.encode()), Some(batch));
    }

    #[test]
    fn an_entry_does_not_hold_at_another_position() {
        let mut bytes = Vec::new();
        put_entry(&mut bytes, 100, GroupId(7), 1, 2, &[b"ab", b"c"]);
        assert!(matches!(
            parse_entry(&bytes, 100),
            Parsed::Good { entry, .. } if entry.bytes == b"abc" && entry.kind == 2 && entry.end == 131
        ));
        assert!(matches!(
            parse_entry(&bytes, 101),
            Parsed::Bad { size: Some(31) }
        ));
    }

    proptest! {
        #[test]
        fn any_bytes_are_parsed_without_harm(bytes: Vec<u8>, position: u64) {
            let _ = parse_entry(&bytes, position);
        }

        #[test]
        fn no_flipped_bit_goes_unnoticed(at in 0_usize..31, bit in 0_u32..8) {
            let mut bytes = Vec::new();
            put_entry(&mut bytes, 100, GroupId(7), 1, 2, &[b"abc"]);
            bytes[at] ^= 1_u8 << bit;
            let noticed = matches!(parse_entry(&bytes, 100), Parsed::Bad { .. });
            prop_assert!(noticed);
        }
    }
}
