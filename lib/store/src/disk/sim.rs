//! A disk in memory that behaves as badly as a test asks for.
//!
//! **What lives here.** [`SimDisk`]: a small file system that knows, for every byte and every name, whether it would survive a crash.
//! [`SimDisk::crash`] yields the disk as the next start finds it; [`Trouble`] says what else goes wrong.
//!
//! **Who may call.** Tests of this crate and `dev/sim`. It is deterministic: what happens depends on the calls and the seed only.
//!
//! **What never happens here.** No real file is touched.
//!
//! **Locks.** One mutex around everything.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{DirEntry, Disk, DiskFile};

/// What a torn write is torn along.
pub const SECTOR: usize = 512;
/// A chunk that a lying disk rolls back.
pub const CHUNK: usize = 4096;

/// How much of `len` bytes at `at` a process leaves that dies while it writes them. Behind the end of a file any number; over bytes that are
/// there whole sectors, for the kernel copies pages and a disk writes sectors.
fn torn_length(at: usize, len: usize, size: usize) -> usize {
    let end = at.saturating_add(len);
    if end >= size {
        return len;
    }
    (end / SECTOR * SECTOR).saturating_sub(at)
}

/// What survives a crash of what was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Survives {
    /// Nothing: power loss with a large cache.
    Synced,
    /// Everything: the process was killed, the machine went on.
    All,
    /// Any subset: names in order within a directory, data sector by sector; what is missing of a longer file reads as zeros.
    Some { seed: u64 },
}

/// An operation that changes or secures something. Reads do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Op {
    CreateDir,
    Create,
    Write,
    Sync,
    Cut,
    Rename,
    Remove,
    SyncDir,
    Read,
}

/// A failure to inject: the next `times` operations of this kind on paths that contain `path` fail with `kind`.
#[derive(Debug, Clone)]
pub struct Trouble {
    pub op: Op,
    pub path: String,
    pub times: u64,
    pub kind: io::ErrorKind,
}

/// The disk. Clones are the same disk.
#[derive(Debug, Clone, Default)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    inodes: BTreeMap<u64, Inode>,
    next_inode: u64,
    /// Names as the running process sees them.
    names: BTreeMap<PathBuf, u64>,
    /// Names as they would be after a power loss.
    durable: BTreeMap<PathBuf, u64>,
    /// Changes of names not yet durable, oldest first.
    changes: Vec<Change>,
    operations: u64,
    stop_at: Option<u64>,
    /// The operation at which the process is killed happens in part.
    torn_stop: Option<u64>,
    stopped: bool,
    capacity: Option<u64>,
    troubles: Vec<Trouble>,
    locked: BTreeSet<PathBuf>,
    trace: Option<Vec<(Op, PathBuf)>>,
}

#[derive(Debug, Clone, Default)]
struct Inode {
    dir: bool,
    content: Vec<u8>,
    durable: Vec<u8>,
    /// Ranges of `content` that are not synced, in order.
    writes: Vec<Write>,
}

#[derive(Debug, Clone)]
enum Write {
    Bytes { at: usize, bytes: Vec<u8> },
    Cut { size: usize },
}

#[derive(Debug, Clone)]
struct Change {
    dirs: Vec<PathBuf>,
    what: Named,
}

#[derive(Debug, Clone)]
enum Named {
    Added(PathBuf, u64),
    Renamed(PathBuf, PathBuf),
    Removed(PathBuf),
}

impl SimDisk {
    /// An empty disk with a root directory `/`.
    pub fn new() -> Self {
        let disk = Self::default();
        let mut state = disk.state();
        state.inodes.insert(
            0,
            Inode {
                dir: true,
                ..Inode::default()
            },
        );
        state.next_inode = 1;
        state.names.insert(PathBuf::from("/"), 0);
        state.durable.insert(PathBuf::from("/"), 0);
        drop(state);
        disk
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many operations that change or secure something were begun.
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// The `n`-th operation from the disk's birth (1 is the first) and all after it do not happen: the process is gone.
    pub fn stop_at(&self, n: u64) {
        self.state().stop_at = Some(n);
    }

    /// As [`SimDisk::stop_at`], but a write that is the `n`-th operation happens in part, chosen by the seed.
    pub fn stop_torn_at(&self, n: u64, seed: u64) {
        let mut state = self.state();
        state.stop_at = Some(n);
        state.torn_stop = Some(seed);
    }

    /// Whether the process was stopped.
    pub fn is_stopped(&self) -> bool {
        self.state().stopped
    }

    /// No more than this many bytes in all files together. `None`: no bound.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.state().capacity = bytes;
    }

    /// Adds a failure.
    pub fn add_trouble(&self, trouble: Trouble) {
        self.state().troubles.push(trouble);
    }

    /// No more failures.
    pub fn clear_troubles(&self) {
        self.state().troubles.clear();
    }

    /// From now on notes every operation.
    pub fn start_trace(&self) {
        self.state().trace = Some(Vec::new());
    }

    /// What was noted since [`SimDisk::start_trace`].
    pub fn take_trace(&self) -> Vec<(Op, PathBuf)> {
        self.state().trace.take().unwrap_or_default()
    }

    /// Every file's path and length, by path.
    pub fn files(&self) -> Vec<(PathBuf, u64)> {
        let state = self.state();
        state
            .names
            .iter()
            .filter_map(|(path, id)| {
                let inode = state.inodes.get(id)?;
                (!inode.dir).then(|| (path.clone(), inode.content.len() as u64))
            })
            .collect()
    }

    /// A file's bytes as they are now.
    pub fn contents(&self, path: &Path) -> Option<Vec<u8>> {
        let state = self.state();
        let inode = state.inodes.get(state.names.get(path)?)?;
        (!inode.dir).then(|| inode.content.clone())
    }

    /// Puts bytes into a file, durable at once, as if they had rotted there.
    pub fn damage(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.state();
        let Some(id) = state.names.get(path).copied() else {
            return;
        };
        if let Some(inode) = state.inodes.get_mut(&id) {
            change(&mut inode.content);
            inode.durable.clone_from(&inode.content);
            inode.writes.clear();
        }
    }

    /// Flips one bit.
    pub fn flip(&self, path: &Path, byte: usize, bit: u8) {
        self.damage(path, |bytes| {
            if let Some(byte) = bytes.get_mut(byte) {
                *byte ^= 1_u8.rotate_left(u32::from(bit % 8));
            }
        });
    }

    /// Puts back the 4 KiB chunk number `chunk` of a file as it was in `old`; what `old` had not yet reads as zeros.
    pub fn roll_back(&self, path: &Path, old: &[u8], chunk: usize) {
        self.damage(path, |bytes| {
            let start = chunk.saturating_mul(CHUNK);
            let end = start.saturating_add(CHUNK).min(bytes.len());
            for at in start..end {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = old.get(at).copied().unwrap_or(0);
                }
            }
        });
    }

    /// The disk as the next start finds it. This disk is stopped.
    pub fn crash(&self, survives: Survives) -> Self {
        let mut state = self.state();
        state.stopped = true;
        let mut random = match survives {
            Survives::Some { seed } => Random(seed),
            Survives::Synced | Survives::All => Random(0),
        };
        let names = match survives {
            Survives::Synced => state.durable.clone(),
            Survives::All => state.names.clone(),
            Survives::Some { .. } => surviving_names(&state, &mut random),
        };
        let mut inodes = BTreeMap::new();
        for id in names.values() {
            let Some(inode) = state.inodes.get(id) else {
                continue;
            };
            let content = match survives {
                Survives::Synced => inode.durable.clone(),
                Survives::All => inode.content.clone(),
                Survives::Some { .. } => surviving_bytes(inode, &mut random),
            };
            inodes.insert(
                *id,
                Inode {
                    dir: inode.dir,
                    durable: content.clone(),
                    content,
                    writes: Vec::new(),
                },
            );
        }
        Self {
            state: Arc::new(Mutex::new(State {
                inodes,
                next_inode: state.next_inode,
                durable: names.clone(),
                names,
                ..State::default()
            })),
        }
    }
}

/// Names with any of the changes that were not durable; within a directory a change survives only when those before it do.
fn surviving_names(state: &State, random: &mut Random) -> BTreeMap<PathBuf, u64> {
    let mut names = state.durable.clone();
    let mut closed: BTreeSet<&Path> = BTreeSet::new();
    for change in &state.changes {
        let possible = change.dirs.iter().all(|dir| !closed.contains(&**dir));
        if possible && random.coin() {
            apply_change(&mut names, &change.what);
        } else {
            closed.extend(change.dirs.iter().map(|dir| &**dir));
        }
    }
    // What lies in a directory that did not survive is gone with it.
    let all = names.clone();
    names.retain(|path, _| {
        path.ancestors()
            .skip(1)
            .all(|above| all.contains_key(above))
    });
    names
}

fn apply_change(names: &mut BTreeMap<PathBuf, u64>, change: &Named) {
    match change {
        Named::Added(path, id) => {
            names.insert(path.clone(), *id);
        }
        Named::Removed(path) => {
            names.remove(path);
        }
        Named::Renamed(from, to) => {
            let moved: Vec<(PathBuf, u64)> = names
                .iter()
                .filter(|(path, _)| path.starts_with(from))
                .map(|(path, id)| (path.clone(), *id))
                .collect();
            for (path, id) in moved {
                names.remove(&path);
                let rest = path.strip_prefix(from).unwrap_or(Path::new(""));
                let new = if rest.as_os_str().is_empty() {
                    to.clone()
                } else {
                    to.join(rest)
                };
                names.insert(new, id);
            }
        }
    }
}

/// Content with any subset of the sectors that were not synced.
fn surviving_bytes(inode: &Inode, random: &mut Random) -> Vec<u8> {
    let mut content = inode.durable.clone();
    // Often everything or nothing: these are the likely cases, and each must be tried.
    let mode = random.next() % 4;
    for write in &inode.writes {
        match write {
            Write::Bytes { at, bytes } => {
                for (start, sector) in sectors(*at, bytes) {
                    let keep = match mode {
                        0 => false,
                        1 => true,
                        _ => random.coin(),
                    };
                    if keep {
                        put(&mut content, start, sector);
                    }
                }
            }
            Write::Cut { size } => {
                if random.coin() {
                    content.truncate(*size);
                }
            }
        }
    }
    // The length may have become durable before the bytes.
    if mode != 0 && random.coin() && inode.content.len() > content.len() {
        content.resize(inode.content.len(), 0);
    }
    content
}

/// A write cut along the sectors of the file.
fn sectors(at: usize, bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut start = at;
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let room = SECTOR.saturating_sub(start % SECTOR).max(1);
        let (sector, after) = rest.split_at(room.min(rest.len()));
        let from = start;
        start = start.saturating_add(sector.len());
        rest = after;
        Some((from, sector))
    })
}

fn put(content: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    let end = at.saturating_add(bytes.len());
    if content.len() < end {
        content.resize(end, 0);
    }
    if let Some(place) = content.get_mut(at..end) {
        place.copy_from_slice(bytes);
    }
}

/// Splitmix: the same seed, the same fate.
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn coin(&mut self) -> bool {
        self.next() & 1 == 1
    }
}

impl State {
    /// Counts an operation and says whether it happens.
    fn begin(&mut self, op: Op, path: &Path) -> io::Result<()> {
        if self.stopped {
            return Err(gone());
        }
        if op != Op::Read {
            self.operations = self.operations.saturating_add(1);
            if self.stop_at.is_some_and(|n| self.operations >= n) {
                self.stopped = true;
                return Err(gone());
            }
        }
        if let Some(trace) = &mut self.trace {
            trace.push((op, path.to_path_buf()));
        }
        let shown = path.to_string_lossy();
        for trouble in &mut self.troubles {
            if trouble.op == op && trouble.times > 0 && shown.contains(&*trouble.path) {
                trouble.times = trouble.times.saturating_sub(1);
                return Err(trouble.kind.into());
            }
        }
        Ok(())
    }

    fn used(&self) -> u64 {
        self.names
            .values()
            .filter_map(|id| self.inodes.get(id))
            .map(|inode| inode.content.len() as u64)
            .sum()
    }

    fn require_parent(&self, path: &Path) -> io::Result<PathBuf> {
        let parent = path.parent().ok_or(io::ErrorKind::NotFound)?;
        let id = self.names.get(parent).ok_or(io::ErrorKind::NotFound)?;
        match self.inodes.get(id) {
            Some(inode) if inode.dir => Ok(parent.to_path_buf()),
            _ => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    fn add(&mut self, path: &Path, dir: bool) -> io::Result<u64> {
        let parent = self.require_parent(path)?;
        if self.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let id = self.next_inode;
        self.next_inode = id.saturating_add(1);
        self.inodes.insert(
            id,
            Inode {
                dir,
                ..Inode::default()
            },
        );
        self.names.insert(path.to_path_buf(), id);
        self.changes.push(Change {
            dirs: vec![parent],
            what: Named::Added(path.to_path_buf(), id),
        });
        Ok(id)
    }
}

fn gone() -> io::Error {
    io::Error::other("the simulated process is gone")
}

#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    id: u64,
    /// Under which it was opened; for troubles and traces.
    path: PathBuf,
}

impl SimFile {
    fn with<T>(&self, op: Op, act: impl FnOnce(&mut State, u64) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.disk.state();
        state.begin(op, &self.path)?;
        act(&mut state, self.id)
    }
}

impl DiskFile for SimFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let at = usize::try_from(offset).map_err(io::Error::other)?;
        let mut state = self.disk.state();
        let running = !state.stopped;
        if let Err(error) = state.begin(Op::Write, &self.path) {
            // The process died in the middle of this write.
            if let (true, true, Some(seed)) = (running, state.stopped, state.torn_stop)
                && let Some(inode) = state.inodes.get_mut(&self.id)
            {
                let written = usize::try_from(Random(seed).next()).unwrap_or(usize::MAX);
                let part = torn_length(at, written % bytes.len().max(1), inode.content.len());
                let part = bytes.get(..part).unwrap_or_default();
                put(&mut inode.content, at, part);
                inode.writes.push(Write::Bytes {
                    at,
                    bytes: part.to_vec(),
                });
            }
            return Err(error);
        }
        let len = state
            .inodes
            .get(&self.id)
            .map_or(0, |inode| inode.content.len());
        let grows = at.saturating_add(bytes.len()).saturating_sub(len) as u64;
        if grows > 0
            && state
                .capacity
                .is_some_and(|most| state.used().saturating_add(grows) > most)
        {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let inode = state.inodes.get_mut(&self.id).ok_or_else(gone)?;
        put(&mut inode.content, at, bytes);
        inode.writes.push(Write::Bytes {
            at,
            bytes: bytes.to_vec(),
        });
        Ok(())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.with(Op::Read, |state, id| {
            let inode = state.inodes.get(&id).ok_or_else(gone)?;
            let at = usize::try_from(offset).unwrap_or(usize::MAX);
            let from = inode.content.get(at..).unwrap_or_default();
            let len = from.len().min(buffer.len());
            if let (Some(to), Some(from)) = (buffer.get_mut(..len), from.get(..len)) {
                to.copy_from_slice(from);
            }
            Ok(len)
        })
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        let result = state.begin(Op::Sync, &self.path);
        if state.stopped {
            return result;
        }
        let inode = state.inodes.get_mut(&self.id).ok_or_else(gone)?;
        // After a failed sync the kernel calls the pages clean: a second sync succeeds and saves nothing of them.
        for write in std::mem::take(&mut inode.writes) {
            match write {
                Write::Bytes { at, bytes } if result.is_ok() => {
                    put(&mut inode.durable, at, &bytes);
                }
                Write::Cut { size } if result.is_ok() => inode.durable.truncate(size),
                _ => {}
            }
        }
        result
    }

    fn size(&self) -> io::Result<u64> {
        let state = self.disk.state();
        Ok(state.inodes.get(&self.id).ok_or_else(gone)?.content.len() as u64)
    }

    fn cut(&self, size: u64) -> io::Result<()> {
        let size = usize::try_from(size).map_err(io::Error::other)?;
        self.with(Op::Cut, |state, id| {
            let inode = state.inodes.get_mut(&id).ok_or_else(gone)?;
            inode.content.truncate(size);
            inode.writes.push(Write::Cut { size });
            Ok(())
        })
    }
}

impl Disk for SimDisk {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.begin(Op::CreateDir, path)?;
        state.add(path, true).map(|_| ())
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.state();
        state.begin(Op::Create, path)?;
        let id = state.add(path, false)?;
        Ok(Arc::new(SimFile {
            disk: self.clone(),
            id,
            path: path.to_path_buf(),
        }))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.state();
        state.begin(Op::Read, path)?;
        let id = *state.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        if state.inodes.get(&id).is_some_and(|inode| inode.dir) {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        Ok(Arc::new(SimFile {
            disk: self.clone(),
            id,
            path: path.to_path_buf(),
        }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.begin(Op::Rename, from)?;
        if !state.names.contains_key(from) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let dirs = vec![state.require_parent(from)?, state.require_parent(to)?];
        if state.names.keys().any(|path| path.parent() == Some(to)) {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        let what = Named::Renamed(from.to_path_buf(), to.to_path_buf());
        apply_change(&mut state.names, &what);
        state.changes.push(Change { dirs, what });
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.begin(Op::Remove, path)?;
        if !state.names.contains_key(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        if state.names.keys().any(|below| below.parent() == Some(path)) {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        let parent = state.require_parent(path)?;
        state.names.remove(path);
        state.changes.push(Change {
            dirs: vec![parent],
            what: Named::Removed(path.to_path_buf()),
        });
        Ok(())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.begin(Op::SyncDir, path)?;
        if !state.names.contains_key(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let changes = std::mem::take(&mut state.changes);
        for change in changes {
            if change.dirs.iter().any(|dir| dir == path) {
                apply_change(&mut state.durable, &change.what);
            } else {
                state.changes.push(change);
            }
        }
        Ok(())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        let mut state = self.state();
        state.begin(Op::Read, path)?;
        if !state.names.contains_key(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let mut entries: Vec<DirEntry> = state
            .names
            .iter()
            .filter(|(name, _)| name.parent() == Some(path))
            .map(|(name, id)| DirEntry {
                name: name
                    .file_name()
                    .map(|name| name.to_string_lossy().into_owned())
                    .unwrap_or_default(),
                is_dir: state.inodes.get(id).is_some_and(|inode| inode.dir),
            })
            .collect();
        entries.sort();
        Ok(entries)
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        let mut state = self.state();
        state.begin(Op::Read, path)?;
        Ok(state.names.contains_key(path))
    }

    fn free_space(&self, _path: &Path) -> io::Result<u64> {
        let state = self.state();
        Ok(state
            .capacity
            .map_or(u64::MAX, |most| most.saturating_sub(state.used())))
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send + Sync>> {
        let mut state = self.state();
        if state.stopped {
            return Err(gone());
        }
        if !state.locked.insert(path.to_path_buf()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(SimLock {
            disk: self.clone(),
            path: path.to_path_buf(),
        }))
    }
}

struct SimLock {
    disk: SimDisk,
    path: PathBuf,
}

impl Drop for SimLock {
    fn drop(&mut self) {
        self.disk.state().locked.remove(&self.path);
    }
}

#[cfg(test)]
mod tests;
