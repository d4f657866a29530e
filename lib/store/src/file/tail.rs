//! The newest messages, before they are in a block.

use bytes::Bytes;

use super::chunk::{Chunk, copy_message};
use super::record::{Record, read_record};
use crate::message::{Message, Timestamp};
use crate::store::Position;

/// Records that are not a chunk yet.
#[derive(Debug, Default)]
pub struct Tail {
    /// Room for the chunk's header, then records.
    pub bytes: Vec<u8>,
    pub offsets: Vec<u32>,
    pub first: u64,
    pub last: u64,
    pub newest: Timestamp,
}

impl Tail {
    pub fn is_empty(&self) -> bool {
        self.offsets.is_empty()
    }

    /// Forgets everything, keeps the room.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.offsets.clear();
    }

    pub fn record_at(&self, sequence: u64) -> Option<(usize, Record<'_>)> {
        let index = self.offsets.partition_point(|at| {
            self.read(*at)
                .is_some_and(|record| record.sequence < sequence)
        });
        let at = *self.offsets.get(index)?;
        let record = self.read(at)?;
        (record.sequence == sequence).then_some((usize::try_from(at).ok()?, record))
    }

    fn read(&self, at: u32) -> Option<Record<'_>> {
        read_record(self.bytes.get(usize::try_from(at).ok()?..)?)
    }

    pub fn message(&self, sequence: u64) -> Option<Message> {
        let (at, _) = self.record_at(sequence)?;
        copy_message(self.bytes.get(at..)?)
    }
}

/// A chunk that waits for its entries to be durable, or for room on the disk.
#[derive(Debug)]
pub struct Unwritten {
    pub block: u64,
    pub at: u64,
    pub frame: Bytes,
    pub chunk: Chunk,
    pub position: Position,
}
