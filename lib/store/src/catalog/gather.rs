//! Documents of streams and consumers, from their files and from the log, put together.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use super::assets::{
    ASSET_FILE, ASSETS_DIR, CONSUMERS_DIR, KEY_FILE, TRASH_DIR, consumer_path, discard, remove_all,
};
use super::document::AssetDocument;
use super::names::{Incarnation, group_of};
use super::open::Found;
use super::orphans::Orphans;
use super::records::{Logged, LoggedConsumerDocument, UNFINISHED};
use super::{Catalog, CatalogError, Consumer, Stream};
use crate::disk::DirEntry;
use crate::error::StoreError;
use crate::file::{Home, Recovering};
use crate::log::{Entry, GroupId, LogDamage};
use crate::store::Position;

/// A stream between its document and its messages.
pub(super) struct Opening {
    pub stream: Stream,
    /// Documents of the stream's consumers, by name.
    pub consumers: BTreeMap<String, AssetDocument>,
    pub recovering: Option<Recovering>,
    pub broken: Option<Broken>,
}

/// Why a stream cannot be opened.
pub(super) enum Broken {
    /// Nobody can, ever.
    Key(String),
    /// Not now.
    Unreadable(StoreError),
}

/// What the first steps of an opening know and the later ones need.
pub(super) struct Gathered {
    pub openings: Vec<Opening>,
    /// Account and name of each of them.
    pub names: BTreeSet<(String, String)>,
    /// What the log says that is not in files.
    pub logged: Logged,
    /// Streams and consumers whose documents stand in the log only.
    pub unfiled: Vec<GroupId>,
    /// Deleted groups of which something is left that could not be removed.
    pub left: BTreeSet<GroupId>,
    pub orphans: Orphans,
}

impl Catalog {
    /// Every stream and consumer that has a good document; the others go to quarantine, or stay where they are when the disk cannot say.
    pub(super) fn read_documents(
        &self,
        gathered: &mut Gathered,
        found: &mut Found,
    ) -> Result<(), CatalogError> {
        let root = self.dir.join(ASSETS_DIR);
        for account in self.only_dirs(&root, found)? {
            let account_dir = root.join(account);
            for name in self.only_dirs(&account_dir, found)? {
                let dir = account_dir.join(&name);
                if group_of(&name).is_some_and(|group| self.around.log.is_forgotten(group)) {
                    // The deletion is durable in the log; what it left is removed now, or at the next start.
                    if discard(self.disk(), &dir, &self.dir.join(TRASH_DIR)).is_err() {
                        gathered.left.extend(group_of(&name));
                    }
                    continue;
                }
                let group = group_of(&name);
                if let Err(error) = self.read_stream(&dir, group, gathered, found) {
                    self.leave_offline(&dir, error, found)?;
                }
            }
        }
        Ok(())
    }

    /// The documents of one stream and its consumers.
    fn read_stream(
        &self,
        dir: &Path,
        group: Option<GroupId>,
        gathered: &mut Gathered,
        found: &mut Found,
    ) -> Result<(), CatalogError> {
        let logged = group.and_then(|group| gathered.logged.streams.remove(&group));
        let read = self.read_document(&dir.join(ASSET_FILE))?;
        match (read, logged) {
            (read, Some(logged))
                if gathered
                    .logged
                    .counts(logged.end, &logged.document, read.as_ref().ok()) =>
            {
                gathered.unfiled.extend(group);
                self.open_stream(dir, logged.document, true, gathered, found)
            }
            (Ok(document), _) => self.open_stream(dir, document, false, gathered, found),
            // A stream that was being made when the process ended, and nobody was told of.
            (Err(_), _) if self.is_bare(dir)? => Ok(()),
            (Err(why), _) => self.put_stream_aside(dir, &why, found),
        }
    }

    /// Names of directories; what is none does not belong there.
    fn only_dirs(&self, dir: &Path, found: &mut Found) -> Result<Vec<String>, CatalogError> {
        let mut names = Vec::new();
        for entry in self.entries(dir)? {
            match entry.is_dir {
                true => names.push(entry.name),
                false => self.quarantine(&dir.join(entry.name), "it is no directory", found)?,
            }
        }
        Ok(names)
    }

    /// Whether a document may stand where it was found: copies of directories and files are not what they say.
    fn check_place(
        &self,
        dir: &Path,
        document: &AssetDocument,
        gathered: &mut Gathered,
    ) -> Result<(), &'static str> {
        if dir != self.stream_dir(document) || !document.consumer.is_empty() {
            return Err("its document belongs to another directory");
        }
        let name = (document.account.clone(), document.stream.clone());
        match gathered.names.insert(name) {
            true => Ok(()),
            false => Err("another stream has its name"),
        }
    }

    /// Nothing but empty directories, and perhaps a key that opens nothing, or a document that was never finished: those go.
    fn is_bare(&self, dir: &Path) -> Result<bool, CatalogError> {
        let consumers = dir.join(CONSUMERS_DIR);
        let expected = |name: &String| {
            let name = name.strip_suffix(UNFINISHED).unwrap_or(name);
            [CONSUMERS_DIR, KEY_FILE, ASSET_FILE].contains(&name)
        };
        let is_bare = !self.exists(&dir.join(ASSET_FILE))?
            && self.list(dir)?.iter().all(expected)
            && (!self.exists(&consumers)? || self.list(&consumers)?.is_empty());
        if is_bare {
            // If it stays it is found again.
            let _ = remove_all(self.disk(), dir);
        }
        Ok(is_bare)
    }

    /// What stands in the log about streams and consumers.
    pub(super) fn read_logged(&self, found: &mut Found) -> Logged {
        let entries = std::mem::take(&mut found.log.documents);
        self.assets.lock().documented = Position(entries.last().map_or(0, |last| last.end));
        let logged = Logged::read(&self.around.log, entries);
        let mut missing = found.log.missing.iter();
        found.documents_missing =
            logged.damaged || missing.any(|missing| missing.group == GroupId::CATALOG);
        logged
    }

    /// Streams whose directories were not durable yet: everything that they have is in the log.
    pub(super) fn make_logged_streams(
        &self,
        gathered: &mut Gathered,
        found: &mut Found,
    ) -> Result<(), CatalogError> {
        for (group, logged) in std::mem::take(&mut gathered.logged.streams) {
            let dir = self.stream_dir(&logged.document);
            let was_filed = logged.end <= gathered.logged.filed;
            if was_filed || self.around.log.last_checkpoint(group).is_some() {
                found.log.damage.push(LogDamage {
                    file: dir,
                    offset: 0,
                    what: "the directory of a stream is not there",
                });
                continue;
            }
            gathered.unfiled.push(group);
            let opened = self
                .make_dirs_for_now(&dir)
                .and_then(|()| self.open_stream(&dir, logged.document, true, gathered, found));
            if let Err(error) = opened {
                self.leave_offline(&dir, error, found)?;
            }
        }
        Ok(())
    }

    pub(super) fn home_of(&self, dir: &Path, missing: Option<Vec<u8>>) -> Arc<Home> {
        Home::new(Arc::clone(&self.around.disk), dir.join(ASSET_FILE), missing)
    }

    /// Reads the documents of a stream's consumers. With `from_log` its own is not in its file.
    fn open_stream(
        &self,
        dir: &Path,
        document: AssetDocument,
        from_log: bool,
        gathered: &mut Gathered,
        found: &mut Found,
    ) -> Result<(), CatalogError> {
        if let Err(why) = self.check_place(dir, &document, gathered) {
            return self.quarantine(dir, why, found);
        }
        let missing = match from_log {
            true => Some(self.content(&document)?),
            false => None,
        };
        let mut stream = Stream {
            home: self.home_of(dir, missing),
            dir: dir.to_path_buf(),
            document,
            consumers: Default::default(),
        };
        let consumers = self.read_consumers(&mut stream, &mut gathered.left, found)?;
        gathered.openings.push(Opening {
            stream,
            consumers,
            recovering: None,
            broken: None,
        });
        Ok(())
    }

    /// Documents of a stream's consumers in their files, by name.
    fn read_consumers(
        &self,
        stream: &mut Stream,
        left: &mut BTreeSet<GroupId>,
        found: &mut Found,
    ) -> Result<BTreeMap<String, AssetDocument>, CatalogError> {
        let mut consumers = BTreeMap::new();
        let consumers_dir = stream.dir.join(CONSUMERS_DIR);
        if !self.exists(&consumers_dir)? {
            self.make_dirs(&consumers_dir)?;
        }
        let mut has_removed = false;
        for DirEntry { name, is_dir } in self.entries(&consumers_dir)? {
            let path = consumers_dir.join(&name);
            if is_dir {
                self.quarantine(&path, "it is no document", found)?;
                continue;
            }
            if group_of(&name).is_some_and(|group| self.around.log.is_forgotten(group)) {
                has_removed = true;
                if self.disk().remove(&path).is_err() {
                    left.extend(group_of(&name));
                }
                continue;
            }
            // A document that was being written; the one it would have replaced counts.
            if name.ends_with(UNFINISHED) {
                // It is overwritten or in nobody's way if it stays.
                let _ = self.disk().remove(&path);
                continue;
            }
            match self.read_document(&path)? {
                Ok(document)
                    if !is_consumer_of(stream, &path, &document)
                        || consumers.contains_key(&document.consumer) =>
                {
                    let why = "its document belongs to another consumer";
                    self.quarantine(&path, why, found)?;
                }
                Ok(document) => {
                    let consumer = Consumer {
                        incarnation: document.incarnation,
                        in_log: None,
                        has_file: true,
                    };
                    let name = document.consumer.clone();
                    stream.consumers.insert(name.clone(), consumer);
                    consumers.insert(name, document);
                }
                Err(why) => self.quarantine(&path, &why, found)?,
            }
        }
        if has_removed {
            self.disk()
                .sync_dir(&consumers_dir)
                .map_err(|e| StoreError::io("syncing", &consumers_dir, &e))?;
        }
        Ok(consumers)
    }

    /// Puts consumers that stand in the log to their streams.
    pub(super) fn place_consumers(
        &self,
        gathered: &mut Gathered,
        found: &mut Found,
    ) -> Result<(), CatalogError> {
        let homes: BTreeMap<Incarnation, usize> = gathered
            .openings
            .iter()
            .enumerate()
            .map(|(index, opening)| (opening.stream.document.incarnation, index))
            .collect();
        for logged in std::mem::take(&mut gathered.logged.consumers) {
            let home = homes.get(&logged.stream).copied();
            match home.and_then(|home| gathered.openings.get_mut(home)) {
                Some(opening) => {
                    let known = opening.consumers.get(&logged.document.consumer);
                    if gathered.logged.counts(logged.end, &logged.document, known) {
                        gathered.unfiled.push(logged.document.incarnation.group());
                        self.place_consumer(opening, logged, found)?;
                    }
                }
                // Its stream cannot be read: it stays in the log.
                None if !found.offline.is_empty() => {}
                // Its stream is not there: kept where the stream's entries are kept.
                None => gathered.orphans.take(&Entry {
                    group: logged.document.incarnation.group(),
                    count: 0,
                    kind: 0,
                    bytes: &logged.copy(),
                    end: logged.end,
                })?,
            }
        }
        Ok(())
    }

    fn place_consumer(
        &self,
        opening: &mut Opening,
        logged: LoggedConsumerDocument,
        found: &mut Found,
    ) -> Result<(), CatalogError> {
        let (stream, document) = (&mut opening.stream, logged.document);
        let name = &document.consumer;
        let known = stream.consumers.get(name).filter(|known| known.has_file);
        let other = known
            .map(|known| known.incarnation)
            .filter(|life| *life != document.incarnation);
        if let Some(other) = other {
            let path = consumer_path(&stream.dir, name, &other);
            let why = "a consumer whose name belongs to another one by now";
            self.quarantine(&path, why, found)?;
        }
        let has_file = known.is_some() && other.is_none();
        stream.note_logged(&document, has_file);
        opening.consumers.insert(name.clone(), document);
        Ok(())
    }
}

/// Whether a consumer's document says what its place says.
fn is_consumer_of(stream: &Stream, path: &Path, document: &AssetDocument) -> bool {
    let (home, name) = (&stream.document, &document.consumer);
    (&document.account, &document.stream) == (&home.account, &home.stream)
        && !name.is_empty()
        && path == consumer_path(&stream.dir, name, &document.incarnation)
}
