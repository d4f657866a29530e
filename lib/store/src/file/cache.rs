//! Chunks that were read, and files that are open: shared by all streams, both bounded.

use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::Arc;

use foldhash::fast::FixedState;
use parking_lot::Mutex;

use super::chunk::Chunk;
use crate::disk::{Disk, DiskFile};
use crate::error::StoreError;
use crate::log::GroupId;

/// A chunk by group, block and place in the block.
pub type ChunkKey = (GroupId, u64, u64);

/// See the module. Locks: one for chunks, one for files; each held for a look-up.
#[derive(Debug)]
pub struct Cache {
    chunks: Mutex<Chunks>,
    files: Mutex<Files>,
}

#[derive(Debug)]
struct Chunks {
    found: HashMap<ChunkKey, Slot, FixedState>,
    /// In the order of arrival; one that was used since gets another round.
    order: VecDeque<ChunkKey>,
    bytes: usize,
    most: usize,
}

#[derive(Debug)]
struct Slot {
    chunk: Chunk,
    /// It was read since its last round in the queue.
    used: bool,
    /// It came, or was read, since the last [`Cache::age`].
    recent: bool,
}

#[derive(Debug)]
struct Files {
    open: HashMap<(GroupId, u64), Arc<dyn DiskFile>, FixedState>,
    order: VecDeque<(GroupId, u64)>,
    most: usize,
}

impl Cache {
    /// At most `bytes` of chunks (one may go above) and `files` open files.
    pub fn new(bytes: usize, files: usize) -> Self {
        Self {
            chunks: Mutex::new(Chunks {
                found: HashMap::default(),
                order: VecDeque::new(),
                bytes: 0,
                most: bytes,
            }),
            files: Mutex::new(Files {
                open: HashMap::default(),
                order: VecDeque::new(),
                most: files,
            }),
        }
    }

    pub fn chunk(&self, key: ChunkKey) -> Option<Chunk> {
        let mut chunks = self.chunks.lock();
        let slot = chunks.found.get_mut(&key)?;
        slot.used = true;
        slot.recent = true;
        Some(slot.chunk.clone())
    }

    pub fn keep(&self, key: ChunkKey, chunk: Chunk) {
        let mut chunks = self.chunks.lock();
        let size = chunk.len();
        let slot = Slot {
            chunk,
            used: false,
            recent: true,
        };
        match chunks.found.insert(key, slot) {
            Some(old) => chunks.bytes = chunks.bytes.saturating_sub(old.chunk.len()),
            None => chunks.order.push_back(key),
        }
        chunks.bytes = chunks.bytes.saturating_add(size);
        chunks.shrink();
    }

    /// Lets go of what nobody read since the last call; how many bytes that were.
    pub fn age(&self) -> usize {
        let mut chunks = self.chunks.lock();
        let before = chunks.bytes;
        let mut left = 0_usize;
        chunks.found.retain(|_, slot| {
            let stays = std::mem::replace(&mut slot.recent, false);
            if stays {
                left = left.saturating_add(slot.chunk.len());
            }
            stays
        });
        chunks.bytes = left;
        let Chunks { found, order, .. } = &mut *chunks;
        order.retain(|key| found.contains_key(key));
        before.saturating_sub(left)
    }

    /// The chunk is not what it was.
    pub fn drop_chunk(&self, key: ChunkKey) {
        let mut chunks = self.chunks.lock();
        if let Some(old) = chunks.found.remove(&key) {
            chunks.bytes = chunks.bytes.saturating_sub(old.chunk.len());
            chunks.order.retain(|known| *known != key);
        }
    }

    /// A block's file, opened when it is not.
    pub fn file(
        &self,
        disk: &dyn Disk,
        group: GroupId,
        block: u64,
        path: &Path,
    ) -> Result<Arc<dyn DiskFile>, StoreError> {
        let key = (group, block);
        if let Some(file) = self.files.lock().open.get(&key) {
            return Ok(Arc::clone(file));
        }
        let file = disk
            .open(path)
            .map_err(|e| StoreError::io("opening", path, &e))?;
        let mut files = self.files.lock();
        if files.open.insert(key, Arc::clone(&file)).is_none() {
            files.order.push_back(key);
        }
        while files.open.len() > files.most {
            let Some(oldest) = files.order.pop_front() else {
                break;
            };
            files.open.remove(&oldest);
        }
        Ok(file)
    }

    /// The block is gone.
    pub fn drop_file(&self, group: GroupId, block: u64) {
        let mut files = self.files.lock();
        if files.open.remove(&(group, block)).is_some() {
            files.order.retain(|known| *known != (group, block));
        }
    }
}

impl Chunks {
    fn shrink(&mut self) {
        while self.bytes > self.most && self.order.len() > 1 {
            let Some(oldest) = self.order.pop_front() else {
                return;
            };
            match self.found.get_mut(&oldest) {
                Some(slot) if slot.used => {
                    slot.used = false;
                    self.order.push_back(oldest);
                }
                Some(_) => {
                    if let Some(old) = self.found.remove(&oldest) {
                        self.bytes = self.bytes.saturating_sub(old.chunk.len());
                    }
                }
                None => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn what_nobody_reads_goes_and_what_is_read_stays() {
        let cache = Cache::new(1 << 20, 1);
        let key = |place| (GroupId(1), 1, place);
        for place in 0..3 {
            let chunk = Chunk::new(Bytes::from(vec![7; 100]), Default::default());
            cache.keep(key(place), chunk);
        }
        assert_eq!(cache.age(), 0, "they have just come");
        assert!(cache.chunk(key(1)).is_some());
        let size = cache.chunk(key(1)).map_or(0, |chunk| chunk.len());
        assert_eq!(cache.age(), 2 * size);
        assert!(cache.chunk(key(0)).is_none() && cache.chunk(key(1)).is_some());
        cache.age();
        assert_eq!(cache.age(), size);
        assert_eq!(cache.chunks.lock().order.len(), 0);
    }
}
