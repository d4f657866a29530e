//! Neighbouring messages in one piece of memory.

use bytes::Bytes;

use super::record::{self, Record};
use crate::message::{Message, NewMessage, Timestamp};

/// Bytes of messages after which a chunk takes no more. Small in tests, so that they fill many.
pub(super) const CHUNK_BYTES: usize = if cfg!(test) { 1024 } else { 64 * 1024 };

/// A record from this size on gets a chunk of its own, so that it is handed out without being copied from the start.
pub(super) const ALONE_BYTES: usize = CHUNK_BYTES / 8;

/// In [`Entry::at`]: the message was removed.
const GONE: u32 = u32::MAX;

/// Where a message lies.
#[derive(Debug, Clone, Copy)]
struct Entry {
    /// Its sequence, from the chunk's base on.
    offset: u32,
    at: u32,
}

#[derive(Debug)]
enum Data {
    /// Takes messages at its end. What is read from it is copied.
    Open(Vec<u8>),
    /// Does not change any more; what is read from it shares it.
    Closed(Bytes),
}

/// Messages from `base` on, ascending.
#[derive(Debug)]
pub(super) struct Chunk {
    base: u64,
    data: Data,
    entries: Vec<Entry>,
    /// Index of the first entry that is not gone.
    first: usize,
    live: usize,
    live_bytes: usize,
    /// No message in here is younger.
    time_max: Timestamp,
}

impl Chunk {
    /// An empty chunk with room for `capacity` bytes.
    pub(super) fn new(base: u64, capacity: usize) -> Self {
        Self {
            base,
            data: Data::Open(Vec::with_capacity(capacity)),
            entries: Vec::new(),
            first: 0,
            live: 0,
            live_bytes: 0,
            time_max: Timestamp(i64::MIN),
        }
    }

    pub(super) fn base(&self) -> u64 {
        self.base
    }

    pub(super) fn live(&self) -> usize {
        self.live
    }

    pub(super) fn live_bytes(&self) -> usize {
        self.live_bytes
    }

    pub(super) fn time_max(&self) -> Timestamp {
        self.time_max
    }

    pub(super) fn bytes(&self) -> &[u8] {
        match &self.data {
            Data::Open(bytes) => bytes,
            Data::Closed(bytes) => bytes,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.data, Data::Open(_))
    }

    /// Whether a record of `len` bytes with this sequence has its place in here.
    pub(super) fn takes(&self, sequence: u64, len: usize) -> bool {
        let room = match &self.data {
            Data::Open(bytes) => bytes.len() + len <= CHUNK_BYTES,
            Data::Closed(_) => false,
        };
        room && u32::try_from(sequence - self.base).is_ok()
    }

    /// Appends a message that [`Chunk::takes`] said yes to, or the first one of any size.
    pub(super) fn push(&mut self, sequence: u64, message: &NewMessage<'_>) {
        let Data::Open(bytes) = &mut self.data else {
            return;
        };
        let at = bytes.len();
        record::write(bytes, message);
        self.live_bytes += bytes.len() - at;
        self.live += 1;
        self.time_max = self.time_max.max(message.time);
        self.entries.push(Entry {
            offset: (sequence - self.base) as u32,
            at: at as u32,
        });
    }

    /// Takes no more; gives back room that was not used.
    pub(super) fn close(&mut self) {
        if let Data::Open(bytes) = &mut self.data {
            if bytes.capacity() - bytes.len() > CHUNK_BYTES / 8 {
                bytes.shrink_to_fit();
            }
            self.data = Data::Closed(Bytes::from(std::mem::take(bytes)));
            self.entries.shrink_to_fit();
        }
    }

    /// Index of the first entry at or above `sequence`.
    #[inline]
    fn position(&self, sequence: u64) -> usize {
        let offset = sequence.saturating_sub(self.base);
        // Without gaps the offset is the index.
        if let Some(entry) = self.entries.get(offset as usize)
            && u64::from(entry.offset) == offset
        {
            return offset as usize;
        }
        self.entries
            .partition_point(|entry| u64::from(entry.offset) < offset)
    }

    fn sequence(&self, entry: Entry) -> u64 {
        self.base + u64::from(entry.offset)
    }

    fn record(&self, entry: Entry) -> Record<'_> {
        record::read(&self.bytes()[entry.at as usize..])
    }

    fn find(&self, sequence: u64) -> Option<(usize, Entry)> {
        let index = self.position(sequence);
        let entry = *self.entries.get(index)?;
        (entry.at != GONE && self.sequence(entry) == sequence).then_some((index, entry))
    }

    pub(super) fn get(&self, sequence: u64) -> Option<Record<'_>> {
        self.find(sequence).map(|(_, entry)| self.record(entry))
    }

    pub(super) fn load(&self, sequence: u64) -> Option<Message> {
        let (_, entry) = self.find(sequence)?;
        let record = self.record(entry);
        let bytes = match &self.data {
            Data::Open(_) => Bytes::copy_from_slice(record.body),
            Data::Closed(bytes) => bytes.slice(record.body_range(entry.at as usize)),
        };
        Some(Message::new(
            sequence,
            record.time,
            bytes,
            record.headers_at,
            record.payload_at,
        ))
    }

    /// Forgets a message. False when it is not here.
    pub(super) fn remove(&mut self, sequence: u64) -> bool {
        let Some((index, entry)) = self.find(sequence) else {
            return false;
        };
        self.live_bytes -= self.record(entry).len();
        self.live -= 1;
        self.entries[index].at = GONE;
        if index == self.first {
            let gone = self.entries[index..].iter().take_while(|e| e.at == GONE);
            self.first += gone.count();
        }
        true
    }

    /// The first message at or above `from`.
    pub(super) fn next(&self, from: u64) -> Option<u64> {
        self.from(from).next().map(|(sequence, _)| sequence)
    }

    /// Messages from `from` on, ascending.
    pub(super) fn from(&self, from: u64) -> impl Iterator<Item = (u64, Record<'_>)> {
        let start = if from <= self.base {
            self.first
        } else {
            self.position(from).max(self.first)
        };
        self.entries[start..]
            .iter()
            .filter(|entry| entry.at != GONE)
            .map(|&entry| (self.sequence(entry), self.record(entry)))
    }

    /// Messages up to `to`, descending.
    pub(super) fn back_from(&self, to: u64) -> impl Iterator<Item = (u64, Record<'_>)> {
        let end = match to.checked_add(1) {
            Some(after) if after > self.base => self.position(after),
            Some(_) => 0,
            None => self.entries.len(),
        };
        self.entries[..end]
            .iter()
            .rev()
            .filter(|entry| entry.at != GONE)
            .map(|&entry| (self.sequence(entry), self.record(entry)))
    }

    /// How many messages are at or above `from`.
    pub(super) fn count_from(&self, from: u64) -> usize {
        if from <= self.base {
            return self.live;
        }
        let from = self.position(from);
        self.entries[from..]
            .iter()
            .filter(|entry| entry.at != GONE)
            .count()
    }

    /// Whether less than half of the memory is messages.
    pub(super) fn is_sparse(&self) -> bool {
        self.live_bytes * 2 < self.bytes().len()
    }

    /// A closed chunk of the messages of these, which are neighbours. `None` when their sequences are too far apart.
    pub(super) fn join(chunks: &[&Self]) -> Option<Self> {
        let base = chunks.iter().find_map(|chunk| chunk.next(0))?;
        let bytes = chunks.iter().map(|chunk| chunk.live_bytes).sum();
        let live = chunks.iter().map(|chunk| chunk.live).sum();
        let mut data = Vec::with_capacity(bytes);
        let mut entries = Vec::with_capacity(live);
        for chunk in chunks {
            for entry in chunk.entries.iter().filter(|entry| entry.at != GONE) {
                let offset = u32::try_from(chunk.sequence(*entry) - base).ok()?;
                let start = entry.at as usize;
                let end = start + chunk.record(*entry).len();
                let at = data.len() as u32;
                data.extend_from_slice(&chunk.bytes()[start..end]);
                entries.push(Entry { offset, at });
            }
        }
        Some(Self {
            base,
            data: Data::Closed(Bytes::from(data)),
            entries,
            first: 0,
            live,
            live_bytes: bytes,
            time_max: chunks.iter().map(|c| c.time_max).max()?,
        })
    }
}
