//! Secure erase: when the call returns, the bytes of the message are overwritten where the stream keeps them.
//!
//! The removal is durable first. Then the record is overwritten in place by one that says nothing, and synced; a crash in the middle leaves a
//! record that does not hold, of a message that is known to be removed, which is no damage. A chunk that is compressed or sealed
//! cannot be changed in place: its block is written anew without the message, and the old file is overwritten before it is removed.
//! The log's copy goes with its segment: [`crate::log::Log::scrub`] sees to it that this is soon, and that the segment is overwritten.

use std::sync::Arc;

use super::blocks::block_path;
use super::chunk::CHUNK_HEADER;
use super::record::erase_record;
use super::stream::{FileStream, damaged};
use crate::error::StoreError;
use crate::state::{Removals, RemovedWhy};

impl FileStream {
    /// Removes one message, which is there, and overwrites it.
    pub(super) fn erase(
        &mut self,
        sequence: u64,
        removed: &mut Removals,
    ) -> Result<(), StoreError> {
        let (message, ttl) = self.fetch_with_ttl(sequence)?;
        let in_tail = !self.tail.is_empty() && sequence >= self.tail.first;
        if !in_tail {
            // What is complete goes to its file first, so that there is one place to overwrite.
            self.around.log.commit(self.staged)?;
            self.write_chunks()?;
        }
        self.stage_marks(&mut [sequence], 0)?;
        self.around.log.scrub(self.staged);
        if in_tail {
            self.erase_in_tail(sequence);
            self.drop_message(sequence, &message, ttl, RemovedWhy::Asked, removed);
            return Ok(());
        }
        let at = self.place_to_overwrite(sequence)?;
        self.around.log.commit(self.staged)?;
        self.drop_message(sequence, &message, ttl, RemovedWhy::Asked, removed);
        // From here on the message is gone; what fails now is reported, and the bytes are still there.
        match at {
            Place::Record {
                block,
                chunk,
                at,
                len,
            } => {
                self.around.cache.drop_chunk((self.group, block, chunk));
                self.overwrite_record(sequence, block, at, len)
            }
            Place::Sealed { block } => self.write_block_anew(block),
        }
    }

    fn erase_in_tail(&mut self, sequence: u64) {
        let Some((at, len)) = self.tail.record_at(sequence).map(|(at, r)| (at, r.len)) else {
            return;
        };
        if let Some(record) = self.tail.bytes.get_mut(at..at.saturating_add(len)) {
            erase_record(record, self.group, sequence);
        }
    }

    fn place_to_overwrite(&self, sequence: u64) -> Result<Place, StoreError> {
        let missing = || damaged(sequence, "no chunk has it");
        let block = self.blocks.find(sequence).ok_or_else(missing)?;
        let place = *block.chunk(sequence).ok_or_else(missing)?;
        if !place.plain {
            return Ok(Place::Sealed {
                block: block.number,
            });
        }
        let chunk = self.read_chunk(block, &place)?;
        let (at, len) = chunk.place(sequence).ok_or_else(missing)?;
        Ok(Place::Record {
            block: block.number,
            chunk: place.at,
            at: place
                .at
                .saturating_add(CHUNK_HEADER as u64)
                .saturating_add(at as u64),
            len,
        })
    }

    fn overwrite_record(
        &mut self,
        sequence: u64,
        block: u64,
        at: u64,
        len: usize,
    ) -> Result<(), StoreError> {
        let path = block_path(&self.dir, block);
        let mut record = vec![0; len];
        erase_record(&mut record, self.group, sequence);
        let file = self
            .around
            .disk
            .open(&path)
            .map_err(|e| StoreError::io("opening", &path, &e))?;
        file.write_at(&record, at)
            .map_err(|e| StoreError::io("overwriting", &path, &e))?;
        if let Err(error) = file.sync() {
            let error = StoreError::io("syncing", &path, &error);
            self.upkeep.lock().failed = Some(error.clone());
            self.around.log.want_checkpoint(self.group);
            return Err(error);
        }
        Ok(())
    }

    /// The block is written anew without what was removed, named instead of the old one, and the old one overwritten.
    fn write_block_anew(&mut self, number: u64) -> Result<(), StoreError> {
        if let Some(index) = self.blocks.all.iter().position(|b| b.number == number) {
            self.close_last_block()?;
            self.rewrite(index..index.saturating_add(1))?;
        }
        // A removal that took the block's last message has left it among the dead ones.
        self.scrub.push(number);
        self.changed = true;
        match self.begin_checkpoint()? {
            Some(upkeep) => upkeep(),
            None => Err(StoreError::Frozen(Arc::from(
                "a checkpoint is under way; the message is removed, its bytes go with the next one",
            ))),
        }
    }
}

/// Where the bytes are.
enum Place {
    Record {
        block: u64,
        chunk: u64,
        at: u64,
        len: usize,
    },
    Sealed {
        block: u64,
    },
}
