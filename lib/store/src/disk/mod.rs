//! The disk as the store sees it: few operations, each one something that can fail, be lost or be torn.
//!
//! **What lives here.** The traits [`Disk`] and [`DiskFile`]; [`RealDisk`], the operating system's; [`SimDisk`], a disk in memory that loses
//! what was not synced, tears writes, runs full, fails and rots when a test tells it to.
//!
//! **Who may call.** The rooms of this crate that keep something (`log`, `file`, `consumer`, `catalog`). Nobody else touches files.
//!
//! **What never happens here.** No retry and no policy: an error goes up as it came. Nothing is read into memory that nobody asked for.
//!
//! **Locks.** `SimDisk` has one around its state. `RealDisk` has none.
//!
//! **Where to start reading.** [`Disk`].

mod real;
pub mod sim;

use std::io;
use std::path::Path;
use std::sync::Arc;

pub use real::RealDisk;
pub use sim::SimDisk;

/// A handle of an open file. Writes and reads name their offset; there is no position.
pub trait DiskFile: Send + Sync + std::fmt::Debug {
    /// Writes all of `bytes` at `offset`, growing the file as needed. Not durable before [`DiskFile::sync`].
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Reads up to `buffer.len()` bytes from `offset`; fewer only at the end of the file.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Makes what was written, and the length, durable. After an error nobody knows what is on disk: never call it again for the same bytes.
    fn sync(&self) -> io::Result<()>;

    /// The file's length in bytes.
    fn size(&self) -> io::Result<u64>;

    /// Cuts a torn tail. Nothing that was ever acknowledged may lie behind `size`.
    fn cut(&self, size: u64) -> io::Result<()>;
}

/// One entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DirEntry {
    pub name: String,
    pub is_dir: bool,
}

/// A file system. Names (creation, renaming, removal) are durable only after [`Disk::sync_dir`] of each directory concerned.
pub trait Disk: Send + Sync + std::fmt::Debug {
    /// Makes one directory; its parent must exist. `AlreadyExists` when there is something of that name.
    fn create_dir(&self, path: &Path) -> io::Result<()>;

    /// Creates a file that must not exist yet.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;

    /// Opens an existing file for reading and writing.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;

    /// Gives a file or directory another name, replacing a file of that name at once.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file, or an empty directory.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes creations, renamings and removals in this directory durable.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;

    /// What is in a directory, by name.
    fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>>;

    /// Whether there is a file or directory of this name.
    fn exists(&self, path: &Path) -> io::Result<bool>;

    /// Free bytes for this process on the device of `path`.
    fn free_space(&self, path: &Path) -> io::Result<u64>;

    /// Takes the lock of one process on a file (created when missing); released when the guard is dropped or the process ends.
    /// `WouldBlock` when another process has it.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send + Sync>>;
}

/// Reads a whole file of at most `most` bytes.
pub fn read_all(file: &dyn DiskFile, most: u64) -> io::Result<Vec<u8>> {
    let size = file.size()?;
    let len = usize::try_from(size.min(most)).unwrap_or(usize::MAX);
    if size > most {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("{size} bytes are more than the {most} that such a file may have"),
        ));
    }
    let mut bytes = vec![0; len];
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        let read = file.read_at(rest, filled as u64)?;
        if read == 0 {
            break;
        }
        filled = filled.saturating_add(read);
    }
    bytes.truncate(filled);
    Ok(bytes)
}

/// Puts a whole small file in place: written under another name, synced, renamed, and the name made durable. After a crash there is the old
/// content or the new one, complete.
pub fn replace(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    if disk.exists(&new)? {
        disk.remove(&new)?;
    }
    let file = disk.create(&new)?;
    let written = file.write_at(bytes, 0).and_then(|()| file.sync());
    drop(file);
    if let Err(error) = written {
        // Half a file takes room, which may be what is missing.
        let _ = disk.remove(&new);
        return Err(error);
    }
    disk.rename(&new, path)?;
    match path.parent() {
        Some(parent) => disk.sync_dir(parent),
        None => Ok(()),
    }
}

/// Overwrites a whole file with zeros, durably. Nothing when it is not there.
pub fn overwrite(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    if !disk.exists(path)? {
        return Ok(());
    }
    let file = disk.open(path)?;
    let size = file.size()?;
    let zeros = vec![0; 1024 * 1024];
    let mut at = 0;
    while at < size {
        let len = usize::try_from(size.saturating_sub(at))
            .unwrap_or(usize::MAX)
            .min(zeros.len());
        file.write_at(zeros.get(..len).unwrap_or_default(), at)?;
        at = at.saturating_add(len as u64);
    }
    file.sync()
}

/// Makes every missing directory down to `path`, each name durable.
pub fn create_dirs(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    if disk.exists(path)? {
        return Ok(());
    }
    let Some(parent) = path.parent() else {
        return Ok(());
    };
    // The first part of a relative path.
    let parent = match parent.as_os_str().is_empty() {
        true => Path::new("."),
        false => parent,
    };
    create_dirs(disk, parent)?;
    match disk.create_dir(path) {
        Ok(()) => disk.sync_dir(parent),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}
