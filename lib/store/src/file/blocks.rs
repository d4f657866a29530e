//! Which block and chunk has a sequence, and how much of a block is still wanted.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use super::chunk::BlockHeader;
use crate::crypt::Sealer;
use crate::message::Timestamp;

/// A chunk in a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkPlace {
    /// Where its header begins in the file.
    pub at: u64,
    /// Bytes of the body as stored.
    pub stored: u32,
    pub first: u64,
    pub last: u64,
    /// The latest time of its messages.
    pub newest: Timestamp,
    /// Its records can be overwritten where they lie.
    pub plain: bool,
}

/// A block: a file, or what will become one.
#[derive(Debug)]
pub struct Block {
    pub number: u64,
    pub header: BlockHeader,
    pub sealer: Option<Sealer>,
    /// First and last record, whether they are still wanted or not. Of the last block: including what is not in a chunk yet.
    pub first: u64,
    pub last: u64,
    /// Messages in it.
    pub live: u64,
    /// Their bytes, as the stream counts.
    pub live_bytes: u64,
    pub chunks: Vec<ChunkPlace>,
    /// Bytes of the file when everything up to the last chunk is written.
    pub size: u64,
    /// Checksum of the last header.
    pub mark: u32,
    /// The file exists.
    pub created: bool,
    /// Takes no more records.
    pub closed: bool,
}

impl Block {
    pub fn new(header: BlockHeader, sealer: Option<Sealer>, first: u64) -> Self {
        Self {
            number: header.number,
            mark: header.mark(),
            header,
            sealer,
            first,
            last: first,
            live: 0,
            live_bytes: 0,
            chunks: Vec::new(),
            size: super::chunk::BLOCK_HEADER as u64,
            created: false,
            closed: false,
        }
    }

    /// The chunk that a sequence would be in.
    pub fn chunk(&self, sequence: u64) -> Option<&ChunkPlace> {
        let index = self.chunks.partition_point(|chunk| chunk.last < sequence);
        self.chunks
            .get(index)
            .filter(|chunk| chunk.first <= sequence)
    }
}

/// All blocks of a stream, ascending by sequence.
#[derive(Debug, Default)]
pub struct Blocks {
    pub all: VecDeque<Block>,
}

impl Blocks {
    /// The index of the block that a sequence would be in.
    pub fn index(&self, sequence: u64) -> Option<usize> {
        let index = self.all.partition_point(|block| block.last < sequence);
        self.all
            .get(index)
            .is_some_and(|block| block.first <= sequence)
            .then_some(index)
    }

    pub fn find(&self, sequence: u64) -> Option<&Block> {
        self.all.get(self.index(sequence)?)
    }
}

pub fn block_path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:08}.blk"))
}

/// The number of a block from its file's name; `None` for other files.
pub fn block_number(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".blk")?;
    if digits.len() < 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}
