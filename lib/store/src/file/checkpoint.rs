//! From the log to the stream's own files: after a checkpoint the log is not needed for what came before.
//!
//! The document `state` names every block with its valid size and last checksum, and every sequence that is missing between first and last.
//! It is replaced as a whole, and names only what was synced before. So a block that is not in it means nothing, and bytes behind
//! a block's size mean nothing; everything in it must be there, or it is damage.

use std::path::PathBuf;
use std::sync::Arc;

use super::blocks::block_path;
use super::home::Home;
use super::marks::{put_set, read_set};
use super::stream::{FileStream, Surroundings, UpkeepState};
use crate::codec::{Reader, crc, put_signed, put_varint};
use crate::disk::{DiskFile, replace};
use crate::error::StoreError;
use crate::index::SequenceSet;
use crate::limits::FILES_REMOVED_AT_ONCE;
use crate::log::{Checkpoint, GroupId};
use crate::message::Timestamp;
use crate::store::Upkeep;
use parking_lot::Mutex;

/// Name of the document in the stream's directory.
pub const STATE_FILE: &str = "state";
const MAGIC: [u8; 8] = *b"NATSSTA\x01";

/// The document.
#[derive(Debug, Clone, Default)]
pub struct StateDocument {
    pub group: u64,
    /// Entries of the log that end here or before are in the blocks.
    pub position: u64,
    /// How many entries that were.
    pub count: u64,
    pub first: u64,
    pub last: u64,
    pub last_time: Timestamp,
    pub next_block: u64,
    pub blocks: Vec<BlockRow>,
    /// Between first and last; not those that should be there and could not be read.
    pub missing: SequenceSet,
}

/// A block as it must be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockRow {
    pub number: u64,
    pub first: u64,
    pub last: u64,
    pub size: u64,
    /// Checksum of the last header.
    pub mark: u32,
}

impl StateDocument {
    /// What a stream has before its first checkpoint.
    pub fn young() -> Self {
        Self {
            first: 1,
            next_block: 1,
            ..Self::default()
        }
    }

    /// The file's content: the document twice, so that one damaged copy does not matter.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        for number in [
            self.group,
            self.position,
            self.count,
            self.first,
            self.last,
            self.next_block,
        ] {
            put_varint(&mut bytes, number);
        }
        put_signed(&mut bytes, self.last_time.0);
        put_varint(&mut bytes, self.blocks.len() as u64);
        for row in &self.blocks {
            for number in [row.number, row.first, row.last, row.size] {
                put_varint(&mut bytes, number);
            }
            bytes.extend_from_slice(&row.mark.to_le_bytes());
        }
        put_set(&mut bytes, &self.missing);
        let sum = crc(&bytes);
        bytes.extend_from_slice(&sum.to_le_bytes());
        bytes.extend_from_within(..);
        bytes
    }

    /// Reads the file's content; `None` when both copies are damaged.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (one, other) = bytes.split_at(bytes.len() / 2);
        Self::decode_copy(one).or_else(|| Self::decode_copy(other))
    }

    fn decode_copy(bytes: &[u8]) -> Option<Self> {
        let (body, sum) = bytes.split_last_chunk::<4>()?;
        if u32::from_le_bytes(*sum) != crc(body) {
            return None;
        }
        let mut reader = Reader::new(body);
        if reader.array::<8>()? != MAGIC {
            return None;
        }
        let mut document = Self {
            group: reader.varint()?,
            position: reader.varint()?,
            count: reader.varint()?,
            first: reader.varint()?,
            last: reader.varint()?,
            next_block: reader.varint()?,
            last_time: Timestamp(reader.signed()?),
            ..Self::default()
        };
        for _ in 0..reader.varint()? {
            document.blocks.push(BlockRow {
                number: reader.varint()?,
                first: reader.varint()?,
                last: reader.varint()?,
                size: reader.varint()?,
                mark: reader.u32()?,
            });
        }
        document.missing = read_set(&mut reader)?;
        Some(document)
    }
}

/// Everything that is left to do once the stream goes on.
struct Work {
    around: Surroundings,
    group: GroupId,
    dir: PathBuf,
    home: Option<Arc<Home>>,
    files: Vec<(PathBuf, Arc<dyn DiskFile>)>,
    names_changed: bool,
    document: Vec<u8>,
    /// `None`: the log does not know the stream yet.
    checkpoint: Option<Checkpoint>,
    dead: Vec<u64>,
    scrub: Vec<u64>,
    upkeep: Arc<Mutex<UpkeepState>>,
}

impl FileStream {
    /// Begins a checkpoint of everything done so far: writes what is not written. What is left (syncing, replacing the document) is the
    /// caller's to run, on any thread; the stream goes on meanwhile. `None`: nothing changed, or one is under way.
    pub(super) fn begin_checkpoint(&mut self) -> Result<Option<Upkeep>, StoreError> {
        {
            // A document that names only what could be read would give up the rest.
            if self.is_fenced || self.upkeep.lock().running {
                return Ok(None);
            }
            self.open_again_if_failed()?;
            let mut upkeep = self.upkeep.lock();
            self.changed |= std::mem::take(&mut upkeep.again);
            self.dead.append(&mut upkeep.left);
            self.scrub.append(&mut upkeep.unscrubbed);
        }
        if !self.changed && self.dead.is_empty() {
            return Ok(None);
        }
        self.seal_tail()?;
        self.around.log.commit(self.staged)?;
        self.write_chunks()?;
        if self.around.log.wants_room() && self.is_last_block_sparse() {
            self.close_last_block()?;
        }
        match self.compact() {
            // What it would have given back is not there to be used first; the log has more, or the next removal does.
            Err(error) if error.may_pass() => {}
            done => done?,
        }
        let document = self.document();
        let work = Work {
            around: self.around.clone(),
            group: self.group,
            dir: self.dir.clone(),
            home: self.home.clone(),
            files: std::mem::take(&mut self.unsynced),
            names_changed: std::mem::take(&mut self.names_changed),
            checkpoint: (!self.is_filling).then(|| Checkpoint {
                position: document.position,
                count: document.count,
                note: Vec::new(),
            }),
            document: document.encode(),
            dead: std::mem::take(&mut self.dead),
            scrub: std::mem::take(&mut self.scrub),
            upkeep: Arc::clone(&self.upkeep),
        };
        // Whatever is written from now on must be synced again.
        self.writing = None;
        self.changed = false;
        self.upkeep.lock().running = true;
        Ok(Some(Box::new(move || work.run())))
    }

    fn document(&self) -> StateDocument {
        let (first, missing) = self.contents.first_and_missing();
        StateDocument {
            group: self.group.0,
            position: self.staged.0,
            count: self.around.log.count(self.group),
            first,
            last: self.contents.last,
            last_time: self.contents.last_time,
            next_block: self.next_block,
            blocks: self
                .blocks
                .all
                .iter()
                .map(|block| BlockRow {
                    number: block.number,
                    first: block.first,
                    last: block.last,
                    size: block.size,
                    mark: block.mark,
                })
                .collect(),
            missing,
        }
    }
}

impl Work {
    fn run(mut self) -> Result<(), StoreError> {
        let upkeep = Arc::clone(&self.upkeep);
        let (log, group) = (Arc::clone(&self.around.log), self.group);
        let is_logged = self.checkpoint.is_some();
        let synced = self.sync_blocks();
        let named = synced.clone().and_then(|()| self.name_them());
        let (gone, outcome) = match named {
            Ok(()) => self.remove_dead(),
            Err(error) => (0, Err(error)),
        };
        let mut state = upkeep.lock();
        state.running = false;
        let left = self.dead.split_off(gone.min(self.dead.len()));
        let is_left = |number: &u64| left.contains(number);
        state
            .unscrubbed
            .extend(self.scrub.iter().copied().filter(is_left));
        let has_more = !left.is_empty();
        state.left.extend(left);
        if let Err(error) = &synced {
            // After a failed sync nobody knows what the file holds, and a second one would succeed and mean nothing.
            state.failed = Some(error.clone());
        } else if outcome.is_err() {
            state.again = true;
        } else {
            (state.openings, state.patience) = (0, 0);
        }
        drop(state);
        if (outcome.is_err() || has_more) && is_logged {
            log.want_checkpoint(group);
        }
        outcome
    }

    fn sync_blocks(&self) -> Result<(), StoreError> {
        for (path, file) in &self.files {
            file.sync()
                .map_err(|e| StoreError::io("syncing", path, &e))?;
        }
        if self.names_changed {
            self.around
                .disk
                .sync_dir(&self.dir)
                .map_err(|e| StoreError::io("syncing", &self.dir, &e))?;
        }
        Ok(())
    }

    fn name_them(&self) -> Result<(), StoreError> {
        let path = self.dir.join(STATE_FILE);
        self.home.as_ref().map_or(Ok(()), |home| home.settle())?;
        replace(&*self.around.disk, &path, &self.document)
            .map_err(|e| StoreError::io("replacing", &path, &e))?;
        match &self.checkpoint {
            Some(checkpoint) => self.around.log.checkpoint(self.group, checkpoint.clone()),
            None => Ok(()),
        }
    }

    /// Removes files that nothing names any more, some at a time, those first that have to be overwritten. How many are done with.
    fn remove_dead(&mut self) -> (usize, Result<(), StoreError>) {
        let scrub = &self.scrub;
        self.dead.sort_by_key(|number| !scrub.contains(number));
        let some = self.scrub.len().max(FILES_REMOVED_AT_ONCE);
        for (done, &number) in self.dead.iter().take(some).enumerate() {
            if let Err(error) = self.remove_block(number) {
                return (done, Err(error));
            }
        }
        (some.min(self.dead.len()), Ok(()))
    }

    fn remove_block(&self, number: u64) -> Result<(), StoreError> {
        let disk = &*self.around.disk;
        let path = block_path(&self.dir, number);
        if self.scrub.contains(&number) {
            crate::disk::overwrite(disk, &path)
                .map_err(|e| StoreError::io("overwriting", &path, &e))?;
        }
        match disk.remove(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                Err(StoreError::io("removing", &path, &e))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::Span;

    #[test]
    fn a_document_survives_one_damaged_copy() {
        let mut missing = SequenceSet::new();
        missing.push(Span { first: 4, last: 9 });
        let document = StateDocument {
            group: 7,
            position: 100,
            count: 3,
            first: 2,
            last: 20,
            last_time: Timestamp(-5),
            next_block: 3,
            blocks: vec![BlockRow {
                number: 1,
                first: 1,
                last: 20,
                size: 4711,
                mark: 99,
            }],
            missing,
        };
        let bytes = document.encode();
        for at in 0..bytes.len() {
            let mut rotten = bytes.clone();
            rotten[at] ^= 1;
            let back = StateDocument::decode(&rotten).unwrap();
            assert_eq!(back.blocks, document.blocks);
            assert_eq!((back.last, back.last_time), (20, Timestamp(-5)));
            assert_eq!(back.missing.count(), 6);
        }
    }
}
