//! The way back: identity, log, documents, blocks in parallel, then the log's tail.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::assets::{
    ASSETS_DIR, KEY_CONTEXT, KEY_FILE, QUARANTINE_DIR, RESTORING_DIR, TRASH_DIR, new_key,
    remove_all,
};
use super::back::Back;
use super::document::{AssetDocument, Read};
use super::gather::{Broken, Gathered, Opening};
use super::identity;
use super::names::{Incarnation, group_of};
use super::offline::Offline;
use super::orphans::Orphans;
use super::{Catalog, CatalogError, CatalogSettings, Stream, StreamOptions};
use crate::consumer::{ConsumerState, LoggedConsumer};
use crate::crypt::Key;
use crate::crypt::wrap::{Unwrapped, unwrap, wrap};
use crate::disk::{DirEntry, Disk, create_dirs, read_all, replace};
use crate::error::StoreError;
use crate::file::{Cache, FileSettings, FileStream, Recovering, StreamDamage, Surroundings};
use crate::limits::META_FILE_MAX;
use crate::log::{GroupId, Log, LogDamage, LogFindings, LogSettings};
use crate::state::Limits;

const LOCK_FILE: &str = "lock";
const LOG_KEY_FILE: &str = "log.key";
const LOG_DIR: &str = "log";

/// Bytes of the log between two words about its progress.
const TAIL_TOLD_EVERY: u64 = 4 * 1024 * 1024;

/// How far the opening is. These are its parts, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// The log is looked through, bytes of its files.
    Log { done: u64, all: u64 },
    /// The documents and blocks of streams are read.
    Streams { done: usize, all: usize },
    /// What the log has on top of that is done again, bytes.
    Tail { done: u64, all: u64 },
}

impl std::fmt::Display for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mib = |bytes: &u64| bytes / (1024 * 1024);
        match self {
            Self::Log { done, all } => {
                write!(f, "{} of {} MiB of the log are read", mib(done), mib(all))
            }
            Self::Streams { done, all } => write!(f, "{done} of {all} streams are read"),
            Self::Tail { done, all } => {
                write!(
                    f,
                    "{} of {} MiB of the log are done again",
                    mib(done),
                    mib(all)
                )
            }
        }
    }
}

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    pub streams: Vec<FoundStream>,
    /// Moved out of the way now, or kept from an earlier start.
    pub quarantined: Vec<Quarantined>,
    /// Left where they are: they are there, and cannot be read.
    pub offline: Vec<Offline>,
    pub log: LogFindings,
    /// Groups with entries in the log and no document: something that was there is missing.
    pub unknown_groups: Vec<GroupId>,
    /// Documents of consumers that were in the log are missing or damaged: there may have been more consumers than are found.
    pub documents_missing: bool,
}

/// A stream that came back.
#[derive(Debug)]
pub struct FoundStream {
    pub account: String,
    pub name: String,
    pub incarnation: Incarnation,
    pub meta: Vec<u8>,
    pub options: StreamOptions,
    /// With the limits that were given to [`Catalog::open`]'s `limits`.
    pub store: FileStream,
    pub damage: Vec<StreamDamage>,
    pub consumers: Vec<FoundConsumer>,
}

/// A consumer that came back.
#[derive(Debug)]
pub struct FoundConsumer {
    pub name: String,
    pub incarnation: Incarnation,
    pub meta: Vec<u8>,
    pub store: LoggedConsumer,
    /// `None`: it never delivered anything.
    pub state: Option<ConsumerState>,
    /// Its state is behind: messages may be delivered again.
    pub damage: Option<&'static str>,
}

/// Something that was not understood; kept, not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    pub place: PathBuf,
    pub why: String,
    /// It was put there by an earlier start.
    pub is_known: bool,
    /// Account and name of the stream that it is. Nobody gets that name until [`Catalog::release`] says so: what is damaged is not absent.
    pub owner: Option<(String, String)>,
}

impl Catalog {
    /// Opens a data directory (creating it), and brings back what is in it. `new` becomes its identity when it has none; `boot` names this
    /// run of the machine, as the operating system does. `progress` is called from several threads.
    ///
    /// # Errors
    /// The directory is in use, cannot be read, or is sealed under an unknown key. What is wrong with single assets is no error: it is in [`Found`].
    pub fn open(
        disk: Arc<dyn Disk>,
        dir: &Path,
        new: Incarnation,
        boot: &str,
        settings: CatalogSettings,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<(Self, Found), CatalogError> {
        let io = |doing, path: &Path, e: &std::io::Error| StoreError::io(doing, path, e);
        create_dirs(&*disk, dir).map_err(|e| io("creating", dir, &e))?;
        let lock = disk.lock(&dir.join(LOCK_FILE)).map_err(|e| {
            if e.kind() == std::io::ErrorKind::WouldBlock {
                CatalogError::InUse(dir.to_path_buf())
            } else {
                io("locking", dir, &e).into()
            }
        })?;
        make_places(&*disk, dir)?;
        let start = identity::begin(&*disk, dir, new, boot)?;
        let (log, mut findings) = open_log(&disk, dir, &settings, progress)?;
        if start.log_end.is_some_and(|end| log.durable().0 < end) {
            // Torn tails are for those who were killed; this log was closed.
            findings.damage.push(LogDamage {
                file: dir.join(LOG_DIR),
                offset: log.durable().0,
                what: "the log ends before the position at which it was closed",
            });
        }
        let catalog = Self {
            around: Surroundings {
                disk,
                log: Arc::new(log),
                cache: Arc::new(Cache::new(settings.cache_bytes, settings.open_files)),
            },
            dir: dir.to_path_buf(),
            settings,
            start,
            assets: Mutex::default(),
            filing: Mutex::default(),
            _lock: lock,
        };
        let mut found = Found {
            log: findings,
            ..Found::default()
        };
        let quarantine = dir.join(QUARANTINE_DIR);
        let mut gathered = Gathered {
            openings: Vec::new(),
            names: BTreeSet::new(),
            logged: catalog.read_logged(&mut found),
            unfiled: Vec::new(),
            left: BTreeSet::new(),
            orphans: Orphans::new(Arc::clone(&catalog.around.disk), &quarantine),
        };
        catalog.empty_trash(&mut gathered.left);
        catalog.discard_unfinished(&mut gathered.left)?;
        catalog.read_documents(&mut gathered, &mut found)?;
        catalog.make_logged_streams(&mut gathered, &mut found)?;
        catalog.around.log.only_left(&gathered.left);
        catalog.read_blocks(&mut gathered.openings, progress)?;
        catalog.put_aside(&mut gathered.openings, &mut found)?;
        catalog.place_consumers(&mut gathered, &mut found)?;
        catalog.replay(gathered, progress, &mut found)?;
        catalog.list_quarantine(&mut found)?;
        Ok((catalog, found))
    }

    /// What an earlier process had begun to remove. What cannot be removed now is tried again at the next start.
    fn empty_trash(&self, left: &mut BTreeSet<GroupId>) {
        let trash = self.dir.join(TRASH_DIR);
        let Ok(entries) = self.disk().list(&trash) else {
            return;
        };
        for entry in entries {
            if remove_all(self.disk(), &trash.join(&entry.name)).is_err() {
                left.extend(group_of(&entry.name));
            }
        }
    }

    fn keys(&self) -> Vec<Key> {
        [&self.settings.key, &self.settings.previous_key]
            .into_iter()
            .flatten()
            .cloned()
            .collect()
    }

    pub(super) fn list(&self, dir: &Path) -> Result<Vec<String>, CatalogError> {
        Ok(self.entries(dir)?.into_iter().map(|e| e.name).collect())
    }

    pub(super) fn entries(&self, dir: &Path) -> Result<Vec<DirEntry>, CatalogError> {
        self.disk()
            .list(dir)
            .map_err(|e| StoreError::io("listing", dir, &e).into())
    }

    pub(super) fn exists(&self, path: &Path) -> Result<bool, CatalogError> {
        self.disk()
            .exists(path)
            .map_err(|e| StoreError::io("reading", path, &e).into())
    }

    /// The document at a place, or why there is none.
    pub(super) fn read_document(
        &self,
        path: &Path,
    ) -> Result<Result<AssetDocument, String>, CatalogError> {
        let io = |e: &std::io::Error| StoreError::io("reading", path, e);
        if !self.exists(path)? {
            return Ok(Err("it has no document".to_owned()));
        }
        let file = self.disk().open(path).map_err(|e| io(&e))?;
        let bytes = match read_all(&*file, META_FILE_MAX) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::FileTooLarge => {
                return Ok(Err("its document is too large".to_owned()));
            }
            Err(e) => return Err(io(&e).into()),
        };
        match AssetDocument::decode(&bytes, &self.keys()) {
            Read::Document { document, stale } => {
                if stale {
                    self.write_document(path, &document)?;
                }
                Ok(Ok(document))
            }
            Read::WrongKey => Err(CatalogError::WrongKey(path.to_path_buf())),
            Read::Damaged => Ok(Err("both copies of its document are damaged".to_owned())),
        }
    }

    /// Blocks of all streams, several at a time.
    fn read_blocks(
        &self,
        openings: &mut [Opening],
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<(), CatalogError> {
        let total = openings.len();
        let next = AtomicUsize::new(0);
        let done = AtomicUsize::new(0);
        let slots: Vec<Mutex<&mut Opening>> = openings.iter_mut().map(Mutex::new).collect();
        let failed: Mutex<Option<CatalogError>> = Mutex::new(None);
        let work = || {
            while let Some(slot) = slots.get(next.fetch_add(1, Ordering::Relaxed)) {
                let mut opening = slot.lock();
                match self.recover(&opening.stream) {
                    Ok(recovering) => opening.recovering = Some(recovering),
                    // Its key is lost, and with it this stream; not the others.
                    Err(CatalogError::Damaged(path)) => {
                        let why = format!("{} is damaged", path.display());
                        opening.broken = Some(Broken::Key(why));
                    }
                    Err(CatalogError::Store(error)) => {
                        opening.broken = Some(Broken::Unreadable(error));
                    }
                    Err(error) => {
                        failed.lock().get_or_insert(error);
                    }
                }
                let streams_done = done.fetch_add(1, Ordering::Relaxed).saturating_add(1);
                progress(Progress::Streams {
                    done: streams_done,
                    all: total,
                });
            }
        };
        let threads = self.settings.threads.clamp(1, total.max(1));
        std::thread::scope(|scope| {
            for _ in 1..threads {
                scope.spawn(work);
            }
            work();
        });
        match failed.into_inner() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// Streams that cannot be opened, and never could, go to quarantine; those that cannot be read now stay where they are.
    fn put_aside(
        &self,
        openings: &mut Vec<Opening>,
        found: &mut Found,
    ) -> Result<(), CatalogError> {
        for opening in std::mem::take(openings) {
            match &opening.broken {
                Some(Broken::Key(why)) => self.put_stream_aside(&opening.stream.dir, why, found)?,
                Some(Broken::Unreadable(error)) => {
                    self.leave_offline(&opening.stream.dir, error.clone().into(), found)?;
                }
                None => openings.push(opening),
            }
        }
        Ok(())
    }

    fn recover(&self, stream: &Stream) -> Result<Recovering, CatalogError> {
        let document = &stream.document;
        let settings = FileSettings {
            compress: StreamOptions::from_code(document.options).compress,
            key: self.stream_key(&stream.dir)?,
            ..FileSettings::default()
        };
        Ok(Recovering::open(
            self.around.clone(),
            stream.dir.clone(),
            document.incarnation.group(),
            settings,
            Limits::default(),
        )?)
    }

    /// The stream's own key, re-wrapped when the operator's key is a new one; a new one for a stream that had none.
    fn stream_key(&self, dir: &Path) -> Result<Option<Key>, CatalogError> {
        asset_key(
            self.disk(),
            &dir.join(KEY_FILE),
            self.settings.key.as_ref(),
            self.settings.previous_key.as_ref(),
        )
    }

    /// Gives the log's tail to those whose it is.
    fn replay(
        &self,
        gathered: Gathered,
        progress: &(dyn Fn(Progress) + Sync),
        found: &mut Found,
    ) -> Result<(), CatalogError> {
        let log = &self.around.log;
        let orphans = match found.offline.is_empty() {
            true => Some(gathered.orphans),
            false => None,
        };
        let mut back = Back::new(log, gathered.openings, orphans);
        back.tell_missing(&found.log.missing);
        let mut failed = None;
        let all = log.held_bytes();
        let begin = log.durable().0.saturating_sub(all);
        let mut told = 0;
        log.replay(&mut |entry| {
            if let Err(error) = back.replay(&entry) {
                failed.get_or_insert(error);
            }
            // Positions have no headers, so that this is a little less than all.
            let done = entry.end.saturating_sub(begin).min(all);
            if done.saturating_sub(told) > TAIL_TOLD_EVERY {
                told = done;
                progress(Progress::Tail { done, all });
            }
        })?;
        if let Some(error) = failed {
            return Err(error.into());
        }
        let mut assets = self.assets.lock();
        assets.unfiled.extend(gathered.unfiled);
        let (position, orphans) = back.finish(&mut assets, found);
        log.leave_out_to(position);
        let settled = orphans.map_or(Ok(Vec::new()), |orphans| orphans.settle(log));
        for (group, place) in settled? {
            found.unknown_groups.push(group);
            found.quarantined.push(Quarantined {
                place,
                why: "entries of the log whose stream or consumer is not there".to_owned(),
                is_known: false,
                owner: None,
            });
        }
        Ok(())
    }
}

/// The directories of a data directory.
fn make_places(disk: &dyn Disk, dir: &Path) -> Result<(), StoreError> {
    for part in [
        LOG_DIR,
        ASSETS_DIR,
        RESTORING_DIR,
        TRASH_DIR,
        QUARANTINE_DIR,
    ] {
        let path = dir.join(part);
        create_dirs(disk, &path).map_err(|e| StoreError::io("creating", &path, &e))?;
    }
    Ok(())
}

fn open_log(
    disk: &Arc<dyn Disk>,
    dir: &Path,
    settings: &CatalogSettings,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<(Log, LogFindings), CatalogError> {
    let key = asset_key(
        &**disk,
        &dir.join(LOG_KEY_FILE),
        settings.key.as_ref(),
        settings.previous_key.as_ref(),
    )?;
    let log_settings = LogSettings {
        promise: settings.promise,
        held_bytes: settings.log_held_bytes,
        key,
        ..LogSettings::default()
    };
    Ok(Log::open_telling(
        Arc::clone(disk),
        &dir.join(LOG_DIR),
        log_settings,
        &|done, all| progress(Progress::Log { done, all }),
    )?)
}

/// The key in a key file, for reading and writing. Without an operator's key: `None`, if there is no file either.
fn asset_key(
    disk: &dyn Disk,
    path: &Path,
    key: Option<&Key>,
    previous: Option<&Key>,
) -> Result<Option<Key>, CatalogError> {
    let io = |e: &std::io::Error| StoreError::io("reading", path, e);
    let exists = disk.exists(path).map_err(|e| io(&e))?;
    let Some(key) = key else {
        return if exists {
            Err(CatalogError::WrongKey(path.to_path_buf()))
        } else {
            Ok(None)
        };
    };
    if !exists {
        return new_key(disk, path, key).map(Some);
    }
    let file = disk.open(path).map_err(|e| io(&e))?;
    let bytes = read_all(&*file, META_FILE_MAX).map_err(|e| io(&e))?;
    match unwrap(key, &bytes, KEY_CONTEXT) {
        Unwrapped::Key(inner) => return Ok(Some(inner.with_cipher(Some(key.cipher())))),
        Unwrapped::Damaged => return Err(CatalogError::Damaged(path.to_path_buf())),
        Unwrapped::WrongKey => {}
    }
    let Some(Unwrapped::Key(inner)) = previous.map(|key| unwrap(key, &bytes, KEY_CONTEXT)) else {
        return Err(CatalogError::WrongKey(path.to_path_buf()));
    };
    let bytes = wrap(key, &inner, KEY_CONTEXT).ok_or(CatalogError::NoRandomness)?;
    replace(disk, path, &bytes).map_err(|e| StoreError::io("writing", path, &e))?;
    Ok(Some(inner.with_cipher(Some(key.cipher()))))
}
