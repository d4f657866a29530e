//! What is kept on disk, and whose it is: streams and consumers by account and name, each with a document and an identity.
//!
//! **What lives here.** [`Catalog`]: opens a server's data directory, brings back what is there in parallel ([`Catalog::open`]), creates, updates
//! and deletes. `names` and `document` have the forms; `open`, `gather` and `back` the way back; `assets` the changes; `records` consumers in the log and in files;
//! `restore` the way in for whole streams; `offline` streams that cannot be read; `aside` the quarantine.
//!
//! ```text
//! <dir>/lock  identity  log.key
//!       log/<number>.log
//!       assets/<account>/<stream>.<group>/  asset  key  state  <number>.blk
//!                                           consumers/<consumer>.<group>
//!       restoring/    streams that are being filled from archives; what a process leaves there goes at the next start
//!       trash/        what was deleted, until it is removed
//!       quarantine/   what could not be understood
//! ```
//!
//! **Who may call.** The server's JetStream room.
//!
//! **What never happens here.** Nothing is deleted but by [`Catalog::delete_stream`] and [`Catalog::delete_consumer`] with the identity of what
//! is meant. What is unknown or damaged is moved to quarantine, and said.
//!
//! **Locks.** One around the table of assets, held for look-ups and changes of streams' files; none is held while streams are read. One for moving
//! documents of consumers from the log into files (`records`); nobody who creates or deletes waits for it.
//!
//! **Where to start reading.** [`Catalog::open`].

mod aside;
mod assets;
mod back;
#[cfg(test)]
mod crash_tests;
mod document;
#[cfg(test)]
mod fault_tests;
mod gather;
mod identity;
mod names;
mod offline;
mod open;
mod orphans;
mod records;
mod restore;
#[cfg(test)]
mod restore_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod unreadable_tests;

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;

pub use document::AssetDocument;
pub use identity::Start;
pub use names::Incarnation;
pub use offline::Offline;
pub use open::{Found, FoundConsumer, FoundStream, Progress, Quarantined};
pub use restore::{RestoredConsumer, Restoring};

use records::Gone;

use crate::crypt::Key;
use crate::disk::Disk;
use crate::error::StoreError;
use crate::file::{Home, Surroundings};
use crate::limits::{CACHE_BYTES, OPEN_FILES_MAX};
use crate::log::{GroupId, Log, Promise};
use crate::store::Position;

/// How a server keeps its assets.
#[derive(Debug, Clone)]
pub struct CatalogSettings {
    /// What an acknowledgement promises.
    pub promise: Promise,
    /// Everything new is sealed under this key.
    pub key: Option<Key>,
    /// What is sealed under this one is re-wrapped when it is opened.
    pub previous_key: Option<Key>,
    /// Chunks kept in memory for reading, bytes.
    pub cache_bytes: usize,
    /// Files kept open for reading.
    pub open_files: usize,
    /// Streams brought back at the same time.
    pub threads: usize,
    /// Bytes of log after which streams are asked for checkpoints.
    pub log_held_bytes: u64,
}

impl Default for CatalogSettings {
    fn default() -> Self {
        Self {
            promise: Promise::Synced,
            key: None,
            previous_key: None,
            cache_bytes: CACHE_BYTES,
            open_files: OPEN_FILES_MAX,
            threads: 2,
            log_held_bytes: crate::limits::LOG_HELD_BYTES,
        }
    }
}

/// How one stream's messages are kept; on record with the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StreamOptions {
    /// New messages are compressed.
    pub compress: bool,
}

impl StreamOptions {
    fn code(self) -> u8 {
        u8::from(self.compress)
    }

    fn from_code(code: u8) -> Self {
        Self {
            compress: code & 1 != 0,
        }
    }
}

/// Why something cannot be opened, created or deleted.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CatalogError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("another process uses {0}")]
    InUse(PathBuf),
    #[error("{0} is already there")]
    Exists(String),
    #[error("{0} is not there")]
    Missing(String),
    /// What is there has another identity than what was meant.
    #[error("{name} is {found}, not {given}")]
    OtherLife {
        name: String,
        given: Incarnation,
        found: Incarnation,
    },
    #[error(
        "{0} is sealed under a key that is not configured: it belongs into `key`, after a change into `prev_key`"
    )]
    WrongKey(PathBuf),
    #[error("{0} is damaged")]
    Damaged(PathBuf),
    /// A stream of this name is on disk and cannot be read.
    #[error("it is there and cannot be read: {0}")]
    Offline(StoreError),
    /// A stream of this name was put aside, see [`Catalog::release`].
    #[error("it is damaged and was put aside, in {0}")]
    Aside(PathBuf),
    #[error("the operating system gave no random numbers")]
    NoRandomness,
}

/// A stream or consumer that has something in the log which keeps old segments alive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Laggard {
    pub account: String,
    pub stream: String,
    /// `None`: the stream itself.
    pub consumer: Option<String>,
}

/// The assets of a server. Shared by reference.
pub struct Catalog {
    around: Surroundings,
    dir: PathBuf,
    settings: CatalogSettings,
    start: Start,
    assets: Mutex<Assets>,
    /// Held while documents are moved into files, and files of what was deleted are removed. Before `assets`.
    filing: Mutex<()>,
    /// Held as long as this process uses the directory.
    _lock: Box<dyn Send + Sync>,
}

impl std::fmt::Debug for Catalog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Catalog")
            .field("dir", &self.dir)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct Assets {
    streams: BTreeMap<(String, String), Stream>,
    /// Streams that cannot be read, by the names of their account and of themselves as names of files, and why.
    offline: BTreeMap<(String, String), StoreError>,
    /// Streams that are in quarantine and keep their names, in the same way, and where they are.
    aside: BTreeMap<(String, String), Vec<PathBuf>>,
    groups: BTreeMap<GroupId, Laggard>,
    /// Streams and consumers whose documents stand in the log only.
    unfiled: VecDeque<GroupId>,
    /// Where the last of these documents ends in the log.
    documented: Position,
    /// Files and directories of what was deleted.
    gone: Vec<Gone>,
}

#[derive(Debug)]
struct Stream {
    dir: PathBuf,
    home: Arc<Home>,
    document: AssetDocument,
    consumers: BTreeMap<String, Consumer>,
}

#[derive(Debug)]
struct Consumer {
    incarnation: Incarnation,
    /// Its configuration, as long as only the log has it.
    in_log: Option<Arc<[u8]>>,
    /// There is a file with a configuration of it, or one is being written.
    has_file: bool,
}

impl Catalog {
    /// Gives memory back that nobody used since the last call; how many bytes. What is needed again is read again.
    pub fn age_cache(&self) -> usize {
        self.around.cache.age()
    }

    /// The log: to commit, to wait, and to keep it short ([`Log::trim`]).
    pub fn log(&self) -> &Arc<Log> {
        &self.around.log
    }

    /// Identity of the directory, and how the last process left it.
    pub fn start(&self) -> &Start {
        &self.start
    }

    /// Free bytes on the device, as far as this process may use them.
    pub fn free_space(&self) -> Result<u64, StoreError> {
        self.disk()
            .free_space(&self.dir)
            .map_err(|e| StoreError::io("asking", &self.dir, &e))
    }

    fn disk(&self) -> &dyn Disk {
        &*self.around.disk
    }

    /// Streams whose `StoreStream::checkpoint` and consumers whose `ConsumerStore::checkpoint` would let old log go; the most backward first.
    /// Ask every few seconds, and call [`Log::trim`] when they are done.
    pub fn laggards(&self) -> Vec<Laggard> {
        let groups = self.around.log.laggards();
        let assets = self.assets.lock();
        groups
            .iter()
            .filter_map(|group| assets.groups.get(group).cloned())
            .collect()
    }

    /// The next [`Catalog::laggards`] names this one too: it could not be asked.
    pub fn ask_again(&self, laggard: &Laggard) {
        let assets = self.assets.lock();
        let id = (laggard.account.clone(), laggard.stream.clone());
        let Some(stream) = assets.streams.get(&id) else {
            return;
        };
        let life = match &laggard.consumer {
            None => Some(&stream.document.incarnation),
            Some(name) => stream.consumers.get(name).map(|c| &c.incarnation),
        };
        if let Some(life) = life {
            self.around.log.want_checkpoint(life.group());
        }
    }

    /// The end of this process, after the last checkpoint of every stream: commits, trims, and marks the directory as left in order.
    pub fn close(&self) -> Result<(), CatalogError> {
        let log = &self.around.log;
        log.commit(log.staged())?;
        if self.settings.promise == Promise::Written {
            log.sync()?;
        }
        // What cannot be removed now is removed at the next start; the log remembers it.
        let _ = self.tidy();
        log.trim()?;
        identity::mark_clean(self.disk(), &self.dir, &self.start, log.durable().0)
    }
}
