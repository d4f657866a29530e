//! Blocks with few messages are written anew without what was removed, small neighbours together. The new block takes the place of the old
//! ones with the next state document; until that is durable the old ones stay.

use std::ops::Range;
use std::sync::Arc;

use super::blocks::{Block, ChunkPlace, block_path};
use super::chunk::{CHUNK_HEADER, Transform, encode_chunk, new_header};
use super::record::read_record;
use super::stream::{FileStream, cipher_refused};
use crate::disk::DiskFile;
use crate::error::StoreError;
use crate::message::Timestamp;

/// Rewritten at most before one checkpoint, so that a stream is not held up for long.
const REWRITES_MAX: usize = 4;

impl FileStream {
    /// Rewrites the blocks for which it is worth it, a few at a time.
    pub(super) fn compact(&mut self) -> Result<(), StoreError> {
        for _ in 0..REWRITES_MAX {
            let Some(range) = self.worth_rewriting() else {
                return Ok(());
            };
            self.rewrite(range)?;
            self.changed = true;
        }
        Ok(())
    }

    /// Neighbours, all written and closed, of which less than half is still wanted; or which are small.
    fn worth_rewriting(&self) -> Option<Range<usize>> {
        let full = self.settings.block_bytes;
        let unwritten = self.unwritten.front().map(|chunk| chunk.block);
        let can = |block: &Block| block.closed && block.created && Some(block.number) != unwritten;
        for (index, block) in self.blocks.all.iter().enumerate() {
            if !can(block) {
                continue;
            }
            if is_sparse(block) {
                return Some(index..index.saturating_add(1));
            }
            let next = index.saturating_add(1);
            if let Some(neighbour) = self.blocks.all.get(next)
                && can(neighbour)
                && block.size.saturating_add(neighbour.size) < full / 2
            {
                return Some(index..next.saturating_add(1));
            }
        }
        None
    }

    /// Whether it would be rewritten if it were closed.
    pub(super) fn is_last_block_sparse(&self) -> bool {
        self.blocks.all.back().is_some_and(is_sparse)
    }

    /// No record is added to the last block any more; everything of it is in its file.
    pub(super) fn close_last_block(&mut self) -> Result<(), StoreError> {
        self.seal_tail()?;
        self.around.log.commit(self.staged)?;
        self.write_chunks()?;
        if let Some(block) = self.blocks.all.back_mut() {
            block.closed = true;
        }
        Ok(())
    }

    /// Writes the messages of these blocks to one new block, which takes their place.
    pub(super) fn rewrite(&mut self, range: Range<usize>) -> Result<(), StoreError> {
        let (Some(first), Some(last)) = (
            self.blocks.all.get(range.start),
            self.blocks.all.get(range.end.saturating_sub(1)),
        ) else {
            return Ok(());
        };
        let (first, last) = (first.first, last.last);
        let mut block = self.fresh_block(first)?;
        block.last = last;
        block.closed = true;
        block.created = true;
        let path = block_path(&self.dir, block.number);
        let file = self
            .around
            .disk
            .create(&path)
            .map_err(|e| StoreError::io("creating", &path, &e))?;
        let written = self.copy_messages(range.clone(), &mut block, &*file);
        if let Err(error) = written {
            // Nothing names it. If it cannot be removed now, the next opening will.
            let _ = self.around.disk.remove(&path);
            return Err(error);
        }
        self.names_changed = true;
        self.unsynced.push((path, Arc::clone(&file)));
        let old: Vec<Block> = self.blocks.all.drain(range.clone()).collect();
        self.blocks.all.insert(range.start, block);
        for block in old {
            self.forget_block(block.number, block.created);
        }
        Ok(())
    }

    fn copy_messages(
        &self,
        range: Range<usize>,
        block: &mut Block,
        file: &dyn DiskFile,
    ) -> Result<(), StoreError> {
        let path = block_path(&self.dir, block.number);
        file.write_at(&block.header.encode(), 0)
            .map_err(|e| StoreError::io("writing", &path, &e))?;
        let mut gathered = Gathered::default();
        for old in self.blocks.all.range(range) {
            for place in &old.chunks {
                let chunk = self.chunk_at(old, place)?;
                for record in chunk.records() {
                    if !self.contents.contains(record.sequence) {
                        continue;
                    }
                    let Some(bytes) = chunk.record_bytes(record.sequence) else {
                        continue;
                    };
                    if gathered.bytes.len().saturating_add(bytes.len()) > self.settings.chunk_bytes
                    {
                        gathered.flush(block, self.settings.compress, file, &path)?;
                    }
                    gathered.add(record.sequence, record.time, bytes);
                }
            }
            block.live = block.live.saturating_add(old.live);
            block.live_bytes = block.live_bytes.saturating_add(old.live_bytes);
        }
        gathered.flush(block, self.settings.compress, file, &path)
    }
}

/// Less than half of it is still wanted.
fn is_sparse(block: &Block) -> bool {
    block.live_bytes.saturating_mul(2) < block.size
}

/// Records of the next chunk.
#[derive(Default)]
struct Gathered {
    bytes: Vec<u8>,
    count: usize,
    first: u64,
    last: u64,
    newest: Timestamp,
}

impl Gathered {
    fn add(&mut self, sequence: u64, time: Timestamp, record: &[u8]) {
        debug_assert!(read_record(record).is_some_and(|r| r.sequence == sequence));
        if self.count == 0 {
            self.bytes.resize(CHUNK_HEADER, 0);
            self.first = sequence;
            self.newest = time;
        }
        self.bytes.extend_from_slice(record);
        self.count = self.count.saturating_add(1);
        self.last = sequence;
        self.newest = self.newest.max(time);
    }

    fn flush(
        &mut self,
        block: &mut Block,
        compress: bool,
        file: &dyn DiskFile,
        path: &std::path::Path,
    ) -> Result<(), StoreError> {
        if self.count == 0 {
            return Ok(());
        }
        let this = std::mem::take(self);
        let plain = this.bytes.len().saturating_sub(CHUNK_HEADER);
        let transform = Transform {
            compress,
            sealer: block.sealer.clone(),
        };
        let header = new_header(
            block.number,
            block.mark,
            this.count,
            this.first,
            this.last,
            plain,
        )
        .ok_or_else(cipher_refused)?;
        let (header, frame) =
            encode_chunk(this.bytes, &transform, block.size, header).ok_or_else(cipher_refused)?;
        file.write_at(&frame, block.size)
            .map_err(|e| StoreError::io("writing", path, &e))?;
        block.chunks.push(ChunkPlace {
            at: block.size,
            stored: header.stored,
            first: this.first,
            last: this.last,
            newest: this.newest,
            plain: header.is_plain(),
        });
        block.size = block.size.saturating_add(header.size());
        block.mark = header.mark();
        Ok(())
    }
}
