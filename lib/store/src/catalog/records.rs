//! Streams and consumers on record: first in the log, where one sync serves many of them, later in files.
//!
//! Entries of the group [`GroupId::CATALOG`]: one was made, or has another configuration. [`Catalog::tidy`] moves what the log should not
//! keep any longer into files, many at a time, and removes files of what is no more.
//!
//! **States of a document.** in the log -> in its file -> (changed) in the log, an older one in its file -> in its file. Deleted:
//! the log knows it; what file there is goes later.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::assets::{TRASH_DIR, consumer_path, remove_all};
use super::document::AssetDocument;
use super::names::Incarnation;
use super::{Assets, Catalog, CatalogError, Consumer, Stream};
use crate::codec::Reader;
use crate::disk::DiskFile;
use crate::error::StoreError;
use crate::file::Home;
use crate::limits::DOCUMENTS_FILED_AT_ONCE;
use crate::log::{Checkpoint, Document, GroupId, Log};
use crate::store::Position;

/// The entry of a consumer's document: `[16]` incarnation of its stream, one copy of the document, not sealed (the log is).
const KIND_CONSUMER: u8 = 1;

/// The entry of a stream's document: one copy of it, not sealed either.
const KIND_STREAM: u8 = 2;

/// Files of a stream or consumer that is no more.
#[derive(Debug, Clone)]
pub(super) struct Gone {
    pub group: GroupId,
    pub path: PathBuf,
    /// A stream's directory.
    pub is_dir: bool,
    /// It may go when the log has committed this.
    pub forgotten: Position,
}

/// A document on its way into its file.
struct Filing {
    group: GroupId,
    home: Arc<Home>,
    path: PathBuf,
    document: AssetDocument,
    /// What is filed; when the consumer has another one by then, that one is still in the log only.
    meta: Arc<[u8]>,
}

impl Catalog {
    /// Puts a consumer's document into the log. Under the lock of the assets, so that [`Catalog::tidy`] knows what is behind it.
    pub(super) fn log_consumer(
        &self,
        stream: Incarnation,
        document: &AssetDocument,
    ) -> Result<Position, CatalogError> {
        let copy = document.copy(None).ok_or(CatalogError::NoRandomness)?;
        let parts: [&[u8]; 2] = [&stream.0, &copy];
        Ok(self
            .around
            .log
            .stage(GroupId::CATALOG, KIND_CONSUMER, &parts)?)
    }

    /// Puts a stream's document into the log; as [`Catalog::log_consumer`].
    pub(super) fn log_stream(&self, document: &AssetDocument) -> Result<Position, CatalogError> {
        let copy = document.copy(None).ok_or(CatalogError::NoRandomness)?;
        Ok(self
            .around
            .log
            .stage(GroupId::CATALOG, KIND_STREAM, &[&copy])?)
    }

    /// Moves documents into files where the log should not keep them any longer, and removes what was deleted left. Blocks for the disk; nobody
    /// who creates or deletes waits for it. To be called now and then, after [`Catalog::laggards`].
    ///
    /// # Errors
    /// What could not be written or removed; the next call tries again.
    pub fn tidy(&self) -> Result<(), CatalogError> {
        let _one_at_a_time = self.filing.lock();
        if self.around.log.is_laggard(GroupId::CATALOG) {
            self.file_documents()?;
        }
        self.remove_gone()
    }

    fn file_documents(&self) -> Result<(), CatalogError> {
        let log = &self.around.log;
        let (checkpoint, mut left) = {
            let assets = self.assets.lock();
            if !assets.offline.is_empty() {
                // The log may have a newer document of a stream whose file cannot be read.
                return Ok(());
            }
            let checkpoint = Checkpoint {
                position: assets.documented.0,
                count: log.count(GroupId::CATALOG),
                note: Vec::new(),
            };
            (checkpoint, assets.unfiled.len())
        };
        while left > 0 {
            let some = left.min(DOCUMENTS_FILED_AT_ONCE);
            left = left.saturating_sub(some);
            let (homes, batch) = self.assets.lock().take_unfiled(some);
            let written = self
                .settle_homes(&homes)
                .and_then(|()| self.write_files(&batch));
            let mut assets = self.assets.lock();
            for filing in &batch {
                match written.is_ok() {
                    true => assets.is_filed(filing),
                    false => assets.unfiled.push_back(filing.group),
                }
            }
            if written.is_err() {
                assets.unfiled.extend(homes.iter().map(|(group, _)| *group));
            }
            drop(assets);
            written?;
        }
        Ok(log.checkpoint(GroupId::CATALOG, checkpoint)?)
    }

    fn settle_homes(&self, homes: &[(GroupId, Arc<Home>)]) -> Result<(), CatalogError> {
        for (group, home) in homes {
            match home.settle() {
                // It is deleted meanwhile, with the directory.
                Err(_) if !self.assets.lock().groups.contains_key(group) => {}
                settled => settled?,
            }
        }
        Ok(())
    }

    /// Writes all, syncs all, renames all: a crash in between leaves old files or new ones.
    fn write_files(&self, batch: &[Filing]) -> Result<(), CatalogError> {
        let disk = self.disk();
        let mut written: Vec<(&Filing, PathBuf, Arc<dyn DiskFile>)> = Vec::new();
        for filing in batch {
            // Its directory comes first.
            let put = filing.home.settle().and_then(|()| {
                let new = unfinished(&filing.path);
                let content = self.content(&filing.document).ok().unwrap_or_default();
                let file = put_down(disk, &new, &content)
                    .map_err(|e| StoreError::io("writing", &new, &e))?;
                Ok((filing, new, file))
            });
            match put {
                Ok(one) => written.push(one),
                // Its stream is deleted meanwhile, with the directory.
                Err(_) if !self.assets.lock().groups.contains_key(&filing.group) => {}
                Err(e) => return Err(e.into()),
            }
        }
        for (_, path, file) in &written {
            file.sync()
                .map_err(|e| StoreError::io("syncing", path, &e))?;
        }
        let mut dirs = BTreeSet::new();
        for (filing, new, _) in &written {
            disk.rename(new, &filing.path)
                .map_err(|e| StoreError::io("renaming", new, &e))?;
            dirs.extend(filing.path.parent());
        }
        for dir in dirs {
            disk.sync_dir(dir)
                .map_err(|e| StoreError::io("syncing", dir, &e))?;
        }
        Ok(())
    }

    /// Removes the files of what was deleted, once that is durable.
    fn remove_gone(&self) -> Result<(), CatalogError> {
        let durable = self.around.log.durable();
        let gone = {
            let mut assets = self.assets.lock();
            let (gone, later) = std::mem::take(&mut assets.gone)
                .into_iter()
                .partition::<Vec<_>, _>(|gone| gone.forgotten <= durable);
            assets.gone = later;
            gone
        };
        if gone.is_empty() {
            return Ok(());
        }
        let (moved, mut failed) = self.move_away(&gone)?;
        for (index, aside) in moved {
            let Some(gone) = gone.get(index) else {
                continue;
            };
            // Out of the way is not removed: what of a directory stays now goes at the next start, and until then its end is remembered.
            let left = aside.map_or(Ok(()), |aside| remove_all(self.disk(), &aside));
            match left {
                Ok(()) => self.around.log.removed(gone.group),
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(()), |error| Err(error.into()))
    }

    /// Takes files and directories out of the assets, all names durable with one sync for each directory. Which of them that were, with the places where
    /// directories are now; what failed is tried again later.
    fn move_away(&self, gone: &[Gone]) -> Result<(Away, Option<StoreError>), StoreError> {
        let (disk, trash) = (self.disk(), self.dir.join(TRASH_DIR));
        let mut dirs: BTreeSet<&Path> = BTreeSet::from([&*trash]);
        let (mut moved, mut failed) = (Vec::new(), None);
        for (index, gone) in gone.iter().enumerate() {
            let aside = gone
                .is_dir
                .then(|| trash.join(gone.path.file_name().unwrap_or_default()));
            let done = match &aside {
                Some(aside) => disk.rename(&gone.path, aside),
                None => disk.remove(&gone.path),
            };
            match done {
                Ok(()) => {
                    dirs.extend(gone.path.parent());
                    moved.push((index, aside));
                }
                // A consumer's file went with its stream, or was never written.
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => moved.push((index, None)),
                Err(e) => {
                    failed = Some(StoreError::io("removing", &gone.path, &e));
                    self.assets.lock().gone.push(gone.clone());
                }
            }
        }
        for dir in dirs {
            match disk.sync_dir(dir) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                    // The log goes on remembering them; the next start finds what is left.
                    return Err(StoreError::io("syncing", dir, &e));
                }
                _ => {}
            }
        }
        Ok((moved, failed))
    }
}

/// Indexes of what was taken out of the assets, and where directories are now.
type Away = Vec<(usize, Option<PathBuf>)>;

/// Where a document is written before it takes the place of the one before.
pub(super) fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(UNFINISHED);
    PathBuf::from(name)
}

/// Ending of the names of documents that were being written.
pub(super) const UNFINISHED: &str = ".new";

fn put_down(
    disk: &dyn crate::disk::Disk,
    path: &Path,
    bytes: &[u8],
) -> std::io::Result<Arc<dyn DiskFile>> {
    if disk.exists(path)? {
        disk.remove(path)?;
    }
    let file = disk.create(path)?;
    file.write_at(bytes, 0)?;
    Ok(file)
}

impl Assets {
    /// Some of those of whom only the log has the document: streams, and consumers, which count as having a file from now on.
    fn take_unfiled(&mut self, most: usize) -> (Vec<(GroupId, Arc<Home>)>, Vec<Filing>) {
        let (mut homes, mut filings) = (Vec::new(), Vec::new());
        for _ in 0..most {
            let Some(group) = self.unfiled.pop_front() else {
                break;
            };
            // Deleted meanwhile.
            let Some(laggard) = self.groups.get(&group).cloned() else {
                continue;
            };
            let id = (laggard.account, laggard.stream);
            let Some(stream) = self.streams.get_mut(&id) else {
                continue;
            };
            match laggard.consumer {
                None => homes.push((group, Arc::clone(&stream.home))),
                Some(name) => filings.extend(stream.filing(group, id, name)),
            }
        }
        (homes, filings)
    }

    fn is_filed(&mut self, filing: &Filing) {
        let document = &filing.document;
        let id = (document.account.clone(), document.stream.clone());
        let home = self.streams.get_mut(&id);
        if let Some(consumer) = home.and_then(|home| home.consumers.get_mut(&document.consumer))
            && let Some(meta) = &consumer.in_log
            && Arc::ptr_eq(meta, &filing.meta)
        {
            consumer.in_log = None;
        }
    }
}

/// A stream's document in the log.
pub(super) struct LoggedStream {
    pub document: AssetDocument,
    /// The log's position behind it.
    pub end: u64,
}

/// A consumer's document in the log.
pub(super) struct LoggedConsumerDocument {
    pub stream: Incarnation,
    pub document: AssetDocument,
    pub end: u64,
}

/// Documents of the log as they are put beside those of the files.
#[derive(Default)]
pub(super) struct Logged {
    /// Up to here, files have what the log says.
    pub filed: u64,
    /// Streams by the group of their identity, each with its last document.
    pub streams: BTreeMap<GroupId, LoggedStream>,
    /// Consumers, oldest first.
    pub consumers: Vec<LoggedConsumerDocument>,
    /// Entries that make no sense.
    pub damaged: bool,
}

impl Logged {
    /// Reads the entries, those of deleted assets left out.
    pub fn read(log: &Log, entries: Vec<Document>) -> Self {
        let mut this = Self {
            filed: log
                .last_checkpoint(GroupId::CATALOG)
                .map_or(0, |known| known.position),
            ..Self::default()
        };
        for entry in entries {
            if this.take(log, &entry).is_none() {
                this.damaged = true;
            }
        }
        this
    }

    fn take(&mut self, log: &Log, entry: &Document) -> Option<()> {
        let end = entry.end;
        match entry.kind {
            KIND_STREAM => {
                let document = AssetDocument::from_copy(&entry.bytes)?;
                let group = document.incarnation.group();
                if !log.is_forgotten(group) {
                    self.streams.insert(group, LoggedStream { document, end });
                }
            }
            KIND_CONSUMER => {
                let stream = Incarnation(Reader::new(&entry.bytes).array()?);
                let document = AssetDocument::from_copy(entry.bytes.get(stream.0.len()..)?)?;
                let group = document.incarnation.group();
                if document.consumer.is_empty() {
                    return None;
                }
                if !log.is_forgotten(group) && !log.is_forgotten(stream.group()) {
                    self.consumers.push(LoggedConsumerDocument {
                        stream,
                        document,
                        end,
                    });
                }
            }
            _ => return None,
        }
        Some(())
    }

    /// Whether a document of the log counts more than what the file of the same asset says.
    pub fn counts(&self, end: u64, logged: &AssetDocument, filed: Option<&AssetDocument>) -> bool {
        match filed {
            Some(filed) => end > self.filed && filed != logged,
            None => true,
        }
    }
}

impl LoggedConsumerDocument {
    /// The entry that it was, for those who keep it.
    pub fn copy(&self) -> Vec<u8> {
        self.document.copy(None).unwrap_or_default()
    }
}

impl Stream {
    /// What is to be written of a consumer whose document stands in the log.
    fn filing(&mut self, group: GroupId, id: (String, String), name: String) -> Option<Filing> {
        let consumer = self.consumers.get_mut(&name)?;
        let meta = consumer.in_log.clone()?;
        consumer.has_file = true;
        let (account, stream) = id;
        let document = AssetDocument {
            account,
            stream,
            consumer: name,
            incarnation: consumer.incarnation,
            options: 0,
            meta: meta.to_vec(),
        };
        Some(Filing {
            group,
            home: Arc::clone(&self.home),
            path: consumer_path(&self.dir, &document.consumer, &document.incarnation),
            document,
            meta,
        })
    }

    /// Notes a consumer whose document stands in the log.
    pub(super) fn note_logged(&mut self, document: &AssetDocument, has_file: bool) {
        let consumer = Consumer {
            incarnation: document.incarnation,
            in_log: Some(Arc::from(&*document.meta)),
            has_file,
        };
        self.consumers.insert(document.consumer.clone(), consumer);
    }
}
