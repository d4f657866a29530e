//! The way back: identity, log, documents, blocks in parallel, then the log's tail.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::assets::{
    ASSET_FILE, ASSETS_DIR, CONSUMERS_DIR, KEY_CONTEXT, KEY_FILE, QUARANTINE_DIR, RESTORING_DIR,
    TRASH_DIR, discard, new_key, remove_all,
};
use super::document::{AssetDocument, Read};
use super::identity;
use super::names::{Incarnation, group_of};
use super::orphans::Orphans;
use super::{Assets, Catalog, CatalogError, CatalogSettings, Laggard, Stream, StreamOptions};
use crate::consumer::{ConsumerState, LoggedConsumer, RecoveringConsumer};
use crate::crypt::Key;
use crate::crypt::wrap::{Unwrapped, unwrap, wrap};
use crate::disk::{Disk, create_dirs, read_all, replace};
use crate::error::StoreError;
use crate::file::{Cache, FileSettings, FileStream, Recovering, StreamDamage, Surroundings};
use crate::limits::META_FILE_MAX;
use crate::log::{Entry, GroupId, Log, LogDamage, LogFindings, LogSettings, Missing};
use crate::state::Limits;

const LOCK_FILE: &str = "lock";
const LOG_KEY_FILE: &str = "log.key";
const LOG_DIR: &str = "log";

/// How far the opening is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub streams_done: usize,
    pub streams: usize,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    pub streams: Vec<FoundStream>,
    /// Moved out of the way now, or kept from an earlier start.
    pub quarantined: Vec<Quarantined>,
    pub log: LogFindings,
    /// Groups with entries in the log and no document: something that was there is missing.
    pub unknown_groups: Vec<GroupId>,
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
}

/// A stream between its document and its messages.
struct Opening {
    stream: Stream,
    recovering: Option<Recovering>,
}

impl Catalog {
    /// Opens a data directory (creating it), and brings back what is in it. `new` becomes its identity when it has none; `boot` names this
    /// run of the machine, as the operating system does. `progress` is called from several threads.
    ///
    /// # Errors
    /// The directory is in use, cannot be read, or is sealed under an unknown key. Damage to single assets is no error: it is in [`Found`].
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
        for part in [
            LOG_DIR,
            ASSETS_DIR,
            RESTORING_DIR,
            TRASH_DIR,
            QUARANTINE_DIR,
        ] {
            let path = dir.join(part);
            create_dirs(&*disk, &path).map_err(|e| io("creating", &path, &e))?;
        }
        let start = identity::begin(&*disk, dir, new, boot)?;
        let (log, mut findings) = open_log(&disk, dir, &settings)?;
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
            _lock: lock,
        };
        let mut found = Found {
            log: findings,
            ..Found::default()
        };
        catalog.empty_trash();
        catalog.discard_unfinished()?;
        let mut openings = catalog.read_documents(&mut found)?;
        catalog.read_blocks(&mut openings, progress)?;
        catalog.replay(openings, &mut found)?;
        catalog.list_quarantine(&mut found)?;
        Ok((catalog, found))
    }

    /// What an earlier process had begun to remove. What cannot be removed now is tried again at the next start.
    fn empty_trash(&self) {
        let trash = self.dir.join(TRASH_DIR);
        let Ok(entries) = self.disk().list(&trash) else {
            return;
        };
        for entry in entries {
            if remove_all(self.disk(), &trash.join(&entry.name)).is_ok()
                && let Some(group) = group_of(&entry.name)
            {
                self.around.log.removed(group);
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

    /// Every stream and consumer that has a good document; the others go to quarantine.
    fn read_documents(&self, found: &mut Found) -> Result<Vec<Opening>, CatalogError> {
        let root = self.dir.join(ASSETS_DIR);
        let mut openings = Vec::new();
        for account in self.list(&root)? {
            let account_dir = root.join(account);
            for name in self.list(&account_dir)? {
                let dir = account_dir.join(&name);
                if group_of(&name).is_some_and(|group| self.around.log.is_forgotten(group)) {
                    self.finish_deletion(&dir, &name);
                    continue;
                }
                match self.read_document(&dir.join(ASSET_FILE))? {
                    Ok(document) => openings.push(self.opening(dir, document, found)?),
                    Err(why) => self.quarantine(&dir, &why, found)?,
                }
            }
        }
        Ok(openings)
    }

    fn list(&self, dir: &Path) -> Result<Vec<String>, CatalogError> {
        let entries = self
            .disk()
            .list(dir)
            .map_err(|e| StoreError::io("listing", dir, &e))?;
        Ok(entries.into_iter().map(|entry| entry.name).collect())
    }

    /// The deletion is durable in the log; what it left is removed now, or at the next start.
    fn finish_deletion(&self, dir: &Path, name: &str) {
        if discard(self.disk(), dir, &self.dir.join(TRASH_DIR)).is_ok()
            && let Some(group) = group_of(name)
        {
            self.around.log.removed(group);
        }
    }

    fn opening(
        &self,
        dir: PathBuf,
        document: AssetDocument,
        found: &mut Found,
    ) -> Result<Opening, CatalogError> {
        let mut stream = Stream {
            dir,
            document,
            consumers: Default::default(),
        };
        let consumers_dir = stream.dir.join(CONSUMERS_DIR);
        if !self.exists(&consumers_dir)? {
            self.make_dirs(&consumers_dir)?;
        }
        for name in self.list(&consumers_dir)? {
            let path = consumers_dir.join(&name);
            if group_of(&name).is_some_and(|group| self.around.log.is_forgotten(group)) {
                if self.disk().remove(&path).is_ok()
                    && self.disk().sync_dir(&consumers_dir).is_ok()
                    && let Some(group) = group_of(&name)
                {
                    self.around.log.removed(group);
                }
                continue;
            }
            // A document that was being written; the one it would have replaced counts.
            if name.ends_with(".new") {
                continue;
            }
            match self.read_document(&path)? {
                Ok(document) => {
                    stream.consumers.insert(document.consumer.clone(), document);
                }
                Err(why) => self.quarantine(&path, &why, found)?,
            }
        }
        Ok(Opening {
            stream,
            recovering: None,
        })
    }

    fn exists(&self, path: &Path) -> Result<bool, CatalogError> {
        self.disk()
            .exists(path)
            .map_err(|e| StoreError::io("reading", path, &e).into())
    }

    /// The document at a place, or why there is none.
    fn read_document(&self, path: &Path) -> Result<Result<AssetDocument, String>, CatalogError> {
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

    /// Out of the way, not out of the world.
    fn quarantine(&self, path: &Path, why: &str, found: &mut Found) -> Result<(), CatalogError> {
        let dir = self.dir.join(QUARANTINE_DIR);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let mut to = dir.join(&*name);
        let mut number = 1_u32;
        while self.exists(&to)? {
            to = dir.join(format!("{name}.{number}"));
            number = number.saturating_add(1);
        }
        let io = |e: &std::io::Error| StoreError::io("moving", path, e);
        self.disk().rename(path, &to).map_err(|e| io(&e))?;
        for above in [path.parent(), Some(&*dir)].into_iter().flatten() {
            self.disk().sync_dir(above).map_err(|e| io(&e))?;
        }
        found.quarantined.push(Quarantined {
            place: to,
            why: why.to_owned(),
        });
        Ok(())
    }

    fn list_quarantine(&self, found: &mut Found) -> Result<(), CatalogError> {
        let dir = self.dir.join(QUARANTINE_DIR);
        for name in self.list(&dir)? {
            let place = dir.join(name);
            if !found.quarantined.iter().any(|q| q.place == place) {
                found.quarantined.push(Quarantined {
                    place,
                    why: "kept from an earlier start".to_owned(),
                });
            }
        }
        Ok(())
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
                    Err(error) => {
                        failed.lock().get_or_insert(error);
                    }
                }
                let streams_done = done.fetch_add(1, Ordering::Relaxed).saturating_add(1);
                progress(Progress {
                    streams_done,
                    streams: total,
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
    fn replay(&self, openings: Vec<Opening>, found: &mut Found) -> Result<(), CatalogError> {
        let log = &self.around.log;
        let quarantine = self.dir.join(QUARANTINE_DIR);
        let orphans = Orphans::new(Arc::clone(&self.around.disk), &quarantine);
        let mut back = Back::new(log, openings, orphans);
        back.tell_missing(&found.log.missing);
        let mut failed = None;
        log.replay(&mut |entry| {
            if let Err(error) = back.replay(&entry) {
                failed.get_or_insert(error);
            }
        })?;
        if let Some(error) = failed {
            return Err(error.into());
        }
        let mut assets = self.assets.lock();
        let (position, orphans) = back.finish(&mut assets, found);
        log.leave_out_to(position);
        for (group, place) in orphans.settle(log)? {
            found.unknown_groups.push(group);
            found.quarantined.push(Quarantined {
                place,
                why: "entries of the log whose stream or consumer is not there".to_owned(),
            });
        }
        Ok(())
    }
}

/// Everything that takes entries.
struct Back {
    streams: Vec<(Stream, Option<Recovering>)>,
    consumers: Vec<(AssetDocument, RecoveringConsumer)>,
    groups: HashMap<GroupId, Slot>,
    orphans: Orphans,
}

#[derive(Clone, Copy)]
enum Slot {
    Stream(usize),
    Consumer(usize),
}

impl Back {
    fn new(log: &Arc<Log>, openings: Vec<Opening>, orphans: Orphans) -> Self {
        let mut this = Self {
            streams: Vec::new(),
            consumers: Vec::new(),
            groups: HashMap::new(),
            orphans,
        };
        for opening in openings {
            let group = opening.stream.document.incarnation.group();
            this.groups.insert(group, Slot::Stream(this.streams.len()));
            for document in opening.stream.consumers.values() {
                let group = document.incarnation.group();
                this.groups
                    .insert(group, Slot::Consumer(this.consumers.len()));
                this.consumers.push((
                    document.clone(),
                    RecoveringConsumer::new(Arc::clone(log), group),
                ));
            }
            this.streams.push((opening.stream, opening.recovering));
        }
        this
    }

    fn tell_missing(&mut self, missing: &[Missing]) {
        for missing in missing {
            match self.groups.get(&missing.group) {
                Some(Slot::Stream(index)) => {
                    if let Some((_, Some(stream))) = self.streams.get_mut(*index) {
                        stream.entries_are_missing();
                    }
                }
                Some(Slot::Consumer(index)) => {
                    if let Some((_, consumer)) = self.consumers.get_mut(*index) {
                        consumer.entries_are_missing();
                    }
                }
                None => {}
            }
        }
    }

    fn replay(&mut self, entry: &Entry<'_>) -> Result<(), StoreError> {
        match self.groups.get(&entry.group) {
            Some(Slot::Stream(index)) => {
                if let Some((_, Some(stream))) = self.streams.get_mut(*index) {
                    stream.replay(entry)?;
                }
            }
            Some(Slot::Consumer(index)) => {
                if let Some((_, consumer)) = self.consumers.get_mut(*index) {
                    consumer.replay(entry);
                }
            }
            None => self.orphans.take(entry)?,
        }
        Ok(())
    }

    /// Fills the table and what was found; the highest position that any stream knows, and what belongs to nobody.
    fn finish(self, assets: &mut Assets, found: &mut Found) -> (u64, Orphans) {
        let mut highest = 0;
        let mut consumers: HashMap<GroupId, RecoveringConsumer> = self
            .consumers
            .into_iter()
            .map(|(document, consumer)| (document.incarnation.group(), consumer))
            .collect();
        for (stream, recovering) in self.streams {
            let Some(recovering) = recovering else {
                continue;
            };
            highest = highest.max(recovering.position());
            let (store, damage) = recovering.finish();
            let document = &stream.document;
            let mut back = Vec::new();
            for (name, consumer) in &stream.consumers {
                let group = consumer.incarnation.group();
                assets.groups.insert(
                    group,
                    Laggard {
                        account: document.account.clone(),
                        stream: document.stream.clone(),
                        consumer: Some(name.clone()),
                    },
                );
                if let Some(recovering) = consumers.remove(&group) {
                    let (store, state, damage) = recovering.finish();
                    back.push(FoundConsumer {
                        name: name.clone(),
                        incarnation: consumer.incarnation,
                        meta: consumer.meta.clone(),
                        store,
                        state,
                        damage,
                    });
                }
            }
            assets.groups.insert(
                document.incarnation.group(),
                Laggard {
                    account: document.account.clone(),
                    stream: document.stream.clone(),
                    consumer: None,
                },
            );
            found.streams.push(FoundStream {
                account: document.account.clone(),
                name: document.stream.clone(),
                incarnation: document.incarnation,
                meta: document.meta.clone(),
                options: StreamOptions::from_code(document.options),
                store,
                damage,
                consumers: back,
            });
            let id = (document.account.clone(), document.stream.clone());
            assets.streams.insert(id, stream);
        }
        (highest, self.orphans)
    }
}

fn open_log(
    disk: &Arc<dyn Disk>,
    dir: &Path,
    settings: &CatalogSettings,
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
    Ok(Log::open(
        Arc::clone(disk),
        &dir.join(LOG_DIR),
        log_settings,
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
