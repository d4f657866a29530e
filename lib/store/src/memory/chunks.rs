//! All messages of a stream, in chunks.
//!
//! Only the last chunk is open. A chunk without messages goes at once, one that is mostly empty is written anew and joined with a
//! neighbour when both are small, so that memory follows what is there, whatever is removed.

use std::collections::VecDeque;

use super::chunk::{ALONE_BYTES, CHUNK_BYTES, Chunk};
use super::record::{self, Record};
use crate::error::StoreError;
use crate::message::{Message, NewMessage, Timestamp};

/// The first room of a stream's only chunk; doubled while it grows.
const FIRST_BYTES: usize = 512;

#[derive(Debug, Default)]
pub(super) struct Chunks {
    chunks: VecDeque<Chunk>,
    count: u64,
}

impl Chunks {
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Appends a message whose sequence is above all others.
    pub(super) fn push(
        &mut self,
        sequence: u64,
        message: &NewMessage<'_>,
    ) -> Result<(), StoreError> {
        let len = record::len_max(message)?;
        let alone = len >= ALONE_BYTES;
        let fits = |last: &Chunk| !alone && last.takes(sequence, len);
        if !self.chunks.back().is_some_and(fits) {
            let full = self.chunks.back().is_some_and(Chunk::is_open);
            self.close_last();
            let capacity = if alone {
                len
            } else if full && !self.chunks.is_empty() {
                CHUNK_BYTES
            } else {
                FIRST_BYTES
            };
            self.chunks.push_back(Chunk::new(sequence, capacity));
        }
        if let Some(last) = self.chunks.back_mut() {
            last.push(sequence, message);
            if alone {
                last.close();
            }
        }
        self.count += 1;
        Ok(())
    }

    fn close_last(&mut self) {
        let Some(last) = self.chunks.back_mut() else {
            return;
        };
        last.close();
        if last.is_sparse() {
            self.rewrite(self.chunks.len() - 1);
        }
    }

    /// Index of the chunk that holds `sequence`, if any does.
    fn index_of(&self, sequence: u64) -> Option<usize> {
        // Most of what is asked for is new.
        if let Some(last) = self.chunks.back()
            && last.base() <= sequence
        {
            return Some(self.chunks.len() - 1);
        }
        self.chunks
            .partition_point(|chunk| chunk.base() <= sequence)
            .checked_sub(1)
    }

    pub(super) fn get(&self, sequence: u64) -> Option<Record<'_>> {
        self.chunks.get(self.index_of(sequence)?)?.get(sequence)
    }

    pub(super) fn load(&self, sequence: u64) -> Option<Message> {
        self.chunks.get(self.index_of(sequence)?)?.load(sequence)
    }

    /// Forgets a message. False when there is none.
    pub(super) fn remove(&mut self, sequence: u64) -> bool {
        let Some(index) = self.index_of(sequence) else {
            return false;
        };
        let Some(chunk) = self.chunks.get_mut(index) else {
            return false;
        };
        if !chunk.remove(sequence) {
            return false;
        }
        self.count -= 1;
        if chunk.live() == 0 {
            self.chunks.remove(index);
        } else if index > 0 && !chunk.is_open() && chunk.is_sparse() {
            // The first chunk is left alone: it is being emptied from the front.
            self.rewrite(index);
        }
        true
    }

    /// Writes a closed chunk anew without what was removed, together with a neighbour when both are small.
    fn rewrite(&mut self, index: usize) {
        let Some(chunk) = self.chunks.get(index) else {
            return;
        };
        let small = |neighbour: &&Chunk| {
            !neighbour.is_open() && neighbour.live_bytes() + chunk.live_bytes() <= CHUNK_BYTES / 2
        };
        let left = index.checked_sub(1).and_then(|i| self.chunks.get(i));
        if let Some(left) = left.filter(small)
            && let Some(joined) = Chunk::join(&[left, chunk])
        {
            self.chunks[index - 1] = joined;
            self.chunks.remove(index);
        } else if let Some(right) = self.chunks.get(index + 1).filter(small)
            && let Some(joined) = Chunk::join(&[chunk, right])
        {
            self.chunks[index] = joined;
            self.chunks.remove(index + 1);
        } else if let Some(alone) = Chunk::join(&[chunk]) {
            self.chunks[index] = alone;
        }
    }

    /// The first message at or above `from`.
    pub(super) fn next(&self, from: u64) -> Option<u64> {
        self.from(from).next().map(|(sequence, _)| sequence)
    }

    pub(super) fn first(&self) -> Option<(u64, Record<'_>)> {
        self.from(0).next()
    }

    /// Messages from `from` on, ascending.
    pub(super) fn from(&self, from: u64) -> impl Iterator<Item = (u64, Record<'_>)> {
        let start = self.index_of(from).unwrap_or(0);
        self.chunks
            .range(start..)
            .flat_map(move |chunk| chunk.from(from))
    }

    /// Messages up to `to`, descending.
    pub(super) fn back_from(&self, to: u64) -> impl Iterator<Item = (u64, Record<'_>)> {
        let end = self.index_of(to).map_or(0, |index| index + 1);
        self.chunks
            .range(..end)
            .rev()
            .flat_map(move |chunk| chunk.back_from(to))
    }

    /// How many messages are at or above `from`.
    pub(super) fn count_from(&self, from: u64) -> u64 {
        let Some(index) = self.index_of(from) else {
            return self.count;
        };
        let here = self.chunks[index].count_from(from) as u64;
        let live = |chunk: &Chunk| chunk.live() as u64;
        // Add up the side with fewer chunks.
        if index < self.chunks.len() / 2 {
            let to_here: u64 = self.chunks.range(..=index).map(live).sum();
            self.count - to_here + here
        } else {
            here + self.chunks.range(index + 1..).map(live).sum::<u64>()
        }
    }

    /// The first message that is not older than `time`.
    pub(super) fn at_time(&self, time: Timestamp) -> Option<u64> {
        self.chunks
            .iter()
            .filter(|chunk| chunk.time_max() >= time)
            .flat_map(|chunk| chunk.from(0))
            .find(|(_, record)| record.time >= time)
            .map(|(sequence, _)| sequence)
    }
}
