//! Creating, updating and deleting.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::document::AssetDocument;
use super::names::{Incarnation, asset_name, file_name};
use super::records::Gone;
use super::{Assets, Catalog, CatalogError, Consumer, Laggard, Stream, StreamOptions};
use crate::consumer::LoggedConsumer;
use crate::crypt::{Key, wrap};
use crate::disk::{create_dirs, replace};
use crate::error::StoreError;
use crate::file::{FileSettings, FileStream, Home};
use crate::log::{GroupId, Log};
use crate::state::Limits;
use crate::store::Position;

/// The document's file in a stream's directory.
pub const ASSET_FILE: &str = "asset";
pub const KEY_FILE: &str = "key";
pub const CONSUMERS_DIR: &str = "consumers";
pub const ASSETS_DIR: &str = "assets";
pub const RESTORING_DIR: &str = "restoring";
pub const TRASH_DIR: &str = "trash";
pub const QUARANTINE_DIR: &str = "quarantine";
pub const KEY_CONTEXT: &[u8] = b"nats store stream key";

impl Catalog {
    /// Creates a stream. `meta` is the configuration as the rooms above write it; `incarnation` was never used. It is durable when the log has
    /// committed [`StreamStore::staged`](crate::StreamStore::staged) of what is returned.
    pub fn create_stream(
        &self,
        account: &str,
        name: &str,
        incarnation: Incarnation,
        meta: &[u8],
        options: StreamOptions,
        limits: Limits,
    ) -> Result<FileStream, CatalogError> {
        let mut assets = self.assets.lock();
        let id = (account.to_owned(), name.to_owned());
        if assets.streams.contains_key(&id) {
            return Err(CatalogError::Exists(format!("stream {name}")));
        }
        assets.check_online(account, name)?;
        let group = assets.free_group(incarnation, &self.around.log)?;
        let document = AssetDocument {
            account: account.to_owned(),
            stream: name.to_owned(),
            consumer: String::new(),
            incarnation,
            options: options.code(),
            meta: meta.to_vec(),
        };
        let dir = self.stream_dir(&document);
        let content = self.content(&document)?;
        self.make_dirs_for_now(&dir)?;
        let key = self.new_stream_key(&dir)?;
        let position = self.log_stream(&document)?;
        let home = Home::new(
            Arc::clone(&self.around.disk),
            dir.join(ASSET_FILE),
            Some(content),
        );
        assets.groups.insert(
            group,
            Laggard {
                account: account.to_owned(),
                stream: name.to_owned(),
                consumer: None,
            },
        );
        assets.unfiled.push_back(group);
        assets.documented = position;
        assets.streams.insert(
            id,
            Stream {
                dir: dir.clone(),
                home: Arc::clone(&home),
                document,
                consumers: Default::default(),
            },
        );
        let settings = FileSettings {
            compress: options.compress,
            key,
            ..FileSettings::default()
        };
        let around = self.around.clone();
        let stream = FileStream::create(around, dir, group, settings, limits);
        Ok(stream.at_home(home, position))
    }

    /// Puts another configuration on record; durable when the log has committed what is returned.
    pub fn update_stream(
        &self,
        account: &str,
        name: &str,
        incarnation: Incarnation,
        meta: &[u8],
        options: StreamOptions,
    ) -> Result<Position, CatalogError> {
        let mut assets = self.assets.lock();
        let stream = assets.stream(account, name, incarnation)?;
        let document = AssetDocument {
            meta: meta.to_vec(),
            options: options.code(),
            ..stream.document.clone()
        };
        let content = self.content(&document)?;
        let position = self.log_stream(&document)?;
        stream.home.change(content);
        stream.document = document;
        assets.unfiled.push_back(incarnation.group());
        assets.documented = position;
        Ok(position)
    }

    /// Deletes a stream with its consumers; it will not come back when the log has committed what is returned. Its files go with
    /// [`Catalog::tidy`] after that.
    pub fn delete_stream(
        &self,
        account: &str,
        name: &str,
        incarnation: Incarnation,
    ) -> Result<Position, CatalogError> {
        let mut assets = self.assets.lock();
        let stream = assets.stream(account, name, incarnation)?;
        let path = stream.dir.clone();
        let mut groups: Vec<GroupId> = stream
            .consumers
            .values()
            .map(|consumer| consumer.incarnation.group())
            .collect();
        let own = incarnation.group();
        groups.push(own);
        let log = &self.around.log;
        let forgotten = log.forget_all(&groups)?;
        for group in groups.iter().filter(|group| **group != own) {
            // Their files are in the directory of the stream, which is remembered.
            log.removed(*group);
        }
        assets
            .streams
            .remove(&(account.to_owned(), name.to_owned()));
        for group in &groups {
            assets.groups.remove(group);
        }
        assets.gone.push(Gone {
            group: own,
            path,
            is_dir: true,
            forgotten,
        });
        Ok(forgotten)
    }

    /// Creates a consumer. It is durable when the log has committed [`ConsumerStore::staged`](crate::ConsumerStore::staged) of what is returned.
    pub fn create_consumer(
        &self,
        account: &str,
        stream: &str,
        name: &str,
        incarnation: Incarnation,
        meta: &[u8],
    ) -> Result<LoggedConsumer, CatalogError> {
        let mut assets = self.assets.lock();
        let group = assets.free_group(incarnation, &self.around.log)?;
        let home = assets.any_stream(account, stream)?;
        if home.consumers.contains_key(name) {
            return Err(CatalogError::Exists(format!("consumer {name}")));
        }
        let document = AssetDocument {
            account: account.to_owned(),
            stream: stream.to_owned(),
            consumer: name.to_owned(),
            incarnation,
            options: 0,
            meta: meta.to_vec(),
        };
        let position = self.log_consumer(home.document.incarnation, &document)?;
        home.note_logged(&document, false);
        assets.groups.insert(
            group,
            Laggard {
                account: account.to_owned(),
                stream: stream.to_owned(),
                consumer: Some(name.to_owned()),
            },
        );
        assets.unfiled.push_back(group);
        assets.documented = position;
        let log = Arc::clone(&self.around.log);
        Ok(LoggedConsumer::behind(log, group, position))
    }

    /// Puts another configuration of a consumer on record; durable when the log has committed what is returned.
    pub fn update_consumer(
        &self,
        account: &str,
        stream: &str,
        name: &str,
        incarnation: Incarnation,
        meta: &[u8],
    ) -> Result<Position, CatalogError> {
        let mut assets = self.assets.lock();
        let home = assets.any_stream(account, stream)?;
        let has_file = home.consumer(name, incarnation)?.has_file;
        let document = AssetDocument {
            account: account.to_owned(),
            stream: stream.to_owned(),
            consumer: name.to_owned(),
            incarnation,
            options: 0,
            meta: meta.to_vec(),
        };
        let position = self.log_consumer(home.document.incarnation, &document)?;
        home.note_logged(&document, has_file);
        assets.unfiled.push_back(incarnation.group());
        assets.documented = position;
        Ok(position)
    }

    /// Deletes a consumer; it will not come back when the log has committed what is returned.
    pub fn delete_consumer(
        &self,
        account: &str,
        stream: &str,
        name: &str,
        incarnation: Incarnation,
    ) -> Result<Position, CatalogError> {
        let mut assets = self.assets.lock();
        let home = assets.any_stream(account, stream)?;
        let path = consumer_path(&home.dir, name, &incarnation);
        let has_file = home.consumer(name, incarnation)?.has_file;
        let group = incarnation.group();
        let log = &self.around.log;
        let position = log.forget(group)?;
        home.consumers.remove(name);
        assets.groups.remove(&group);
        if has_file {
            assets.gone.push(Gone {
                group,
                path,
                is_dir: false,
                forgotten: position,
            });
        } else {
            // Everything that is known of it stands in the log, before its end.
            log.removed(group);
        }
        Ok(position)
    }

    pub(super) fn make_dirs(&self, path: &Path) -> Result<(), CatalogError> {
        create_dirs(self.disk(), path).map_err(|e| StoreError::io("creating", path, &e).into())
    }

    /// Where a stream's files are.
    pub(super) fn stream_dir(&self, document: &AssetDocument) -> PathBuf {
        self.dir
            .join(ASSETS_DIR)
            .join(file_name(&document.account))
            .join(asset_name(&document.stream, &document.incarnation))
    }

    /// Makes a stream's directories without making their names durable: [`Home::settle`] does that before anything in them counts.
    pub(super) fn make_dirs_for_now(&self, dir: &Path) -> Result<(), CatalogError> {
        let disk = self.disk();
        for path in dir
            .parent()
            .into_iter()
            .chain([dir, &dir.join(CONSUMERS_DIR)])
        {
            match disk.create_dir(path) {
                Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => {
                    return Err(StoreError::io("creating", path, &e).into());
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The content of a document's file.
    pub(super) fn content(&self, document: &AssetDocument) -> Result<Vec<u8>, CatalogError> {
        document
            .encode(self.settings.key.as_ref())
            .ok_or(CatalogError::NoRandomness)
    }

    pub(super) fn write_document(
        &self,
        path: &Path,
        document: &AssetDocument,
    ) -> Result<(), CatalogError> {
        let bytes = self.content(document)?;
        replace(self.disk(), path, &bytes).map_err(|e| StoreError::io("writing", path, &e).into())
    }

    /// A key of its own for a new stream, in its file before anything is sealed with it.
    pub(super) fn new_stream_key(&self, dir: &Path) -> Result<Option<Key>, CatalogError> {
        let Some(outer) = &self.settings.key else {
            return Ok(None);
        };
        let path = dir.join(KEY_FILE);
        new_key(self.disk(), &path, outer).map(Some)
    }
}

/// Makes a key and its file.
pub fn new_key(
    disk: &dyn crate::disk::Disk,
    path: &Path,
    outer: &Key,
) -> Result<Key, CatalogError> {
    let inner = Key::fresh(outer.cipher()).ok_or(CatalogError::NoRandomness)?;
    let bytes = wrap::wrap(outer, &inner, KEY_CONTEXT).ok_or(CatalogError::NoRandomness)?;
    replace(disk, path, &bytes).map_err(|e| StoreError::io("writing", path, &e))?;
    Ok(inner)
}

pub fn consumer_path(stream_dir: &Path, name: &str, incarnation: &Incarnation) -> PathBuf {
    stream_dir
        .join(CONSUMERS_DIR)
        .join(asset_name(name, incarnation))
}

/// Removes what was deleted: first out of the way at once, then file by file.
pub fn discard(disk: &dyn crate::disk::Disk, dir: &Path, trash: &Path) -> Result<(), StoreError> {
    let fail = |doing, path: &Path, e: &std::io::Error| StoreError::io(doing, path, e);
    create_dirs(disk, trash).map_err(|e| fail("creating", trash, &e))?;
    let name = dir.file_name().unwrap_or_default();
    let to = trash.join(name);
    disk.rename(dir, &to)
        .map_err(|e| fail("renaming", dir, &e))?;
    for above in [dir.parent(), Some(trash)].into_iter().flatten() {
        disk.sync_dir(above)
            .map_err(|e| fail("syncing", above, &e))?;
    }
    remove_all(disk, &to)
}

/// Removes a directory with everything in it. Only for what lies in the trash.
pub fn remove_all(disk: &dyn crate::disk::Disk, dir: &Path) -> Result<(), StoreError> {
    let fail = |doing, path: &Path, e: &std::io::Error| StoreError::io(doing, path, e);
    for entry in disk.list(dir).map_err(|e| fail("listing", dir, &e))? {
        let path = dir.join(&entry.name);
        if entry.is_dir {
            remove_all(disk, &path)?;
        } else {
            disk.remove(&path)
                .map_err(|e| fail("removing", &path, &e))?;
        }
    }
    disk.remove(dir).map_err(|e| fail("removing", dir, &e))
}

impl Assets {
    /// The group of an identity that nobody has yet.
    pub(super) fn free_group(
        &self,
        incarnation: Incarnation,
        log: &Log,
    ) -> Result<GroupId, CatalogError> {
        let group = incarnation.group();
        let is_reserved = group == GroupId::LOG || group == GroupId::CATALOG;
        if is_reserved || self.groups.contains_key(&group) || log.count(group) > 0 {
            return Err(CatalogError::Exists(format!("identity {incarnation}")));
        }
        Ok(group)
    }

    fn any_stream(&mut self, account: &str, name: &str) -> Result<&mut Stream, CatalogError> {
        self.streams
            .get_mut(&(account.to_owned(), name.to_owned()))
            .ok_or_else(|| CatalogError::Missing(format!("stream {name}")))
    }

    fn stream(
        &mut self,
        account: &str,
        name: &str,
        incarnation: Incarnation,
    ) -> Result<&mut Stream, CatalogError> {
        let stream = self.any_stream(account, name)?;
        same_life(name, incarnation, stream.document.incarnation)?;
        Ok(stream)
    }
}

impl Stream {
    fn consumer(&self, name: &str, incarnation: Incarnation) -> Result<&Consumer, CatalogError> {
        let consumer = self
            .consumers
            .get(name)
            .ok_or_else(|| CatalogError::Missing(format!("consumer {name}")))?;
        same_life(name, incarnation, consumer.incarnation)?;
        Ok(consumer)
    }
}

fn same_life(name: &str, given: Incarnation, found: Incarnation) -> Result<(), CatalogError> {
    if given == found {
        return Ok(());
    }
    Err(CatalogError::OtherLife {
        name: name.to_owned(),
        given,
        found,
    })
}
