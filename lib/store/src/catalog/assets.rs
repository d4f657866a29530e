//! Creating, updating and deleting.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::document::AssetDocument;
use super::names::{Incarnation, asset_name, file_name};
use super::{Assets, Catalog, CatalogError, Laggard, Stream, StreamOptions};
use crate::consumer::LoggedConsumer;
use crate::crypt::{Key, wrap};
use crate::disk::{create_dirs, replace};
use crate::error::StoreError;
use crate::file::{FileSettings, FileStream};
use crate::log::{GroupId, Log};
use crate::state::Limits;
use crate::store::Upkeep;

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
    /// Creates a stream; durable when this returns. `meta` is the configuration as the rooms above write it; `incarnation` was never used.
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
        let group = assets.free_group(incarnation, &self.around.log)?;
        let document = AssetDocument {
            account: account.to_owned(),
            stream: name.to_owned(),
            consumer: String::new(),
            incarnation,
            options: options.code(),
            meta: meta.to_vec(),
        };
        let account_dir = self.dir.join(ASSETS_DIR).join(file_name(account));
        let dir = account_dir.join(asset_name(name, &incarnation));
        self.make_dirs(&account_dir)?;
        self.make_dirs(&dir.join(CONSUMERS_DIR))?;
        let key = self.new_stream_key(&dir)?;
        // The document comes last: a directory without one is not a stream yet.
        self.write_document(&dir.join(ASSET_FILE), &document)?;
        assets.groups.insert(
            group,
            Laggard {
                account: account.to_owned(),
                stream: name.to_owned(),
                consumer: None,
            },
        );
        assets.streams.insert(
            id,
            Stream {
                dir: dir.clone(),
                document,
                consumers: Default::default(),
            },
        );
        let settings = FileSettings {
            compress: options.compress,
            key,
            ..FileSettings::default()
        };
        Ok(FileStream::create(
            self.around.clone(),
            dir,
            group,
            settings,
            limits,
        ))
    }

    /// Puts another configuration on record; durable when this returns.
    pub fn update_stream(
        &self,
        account: &str,
        name: &str,
        incarnation: Incarnation,
        meta: &[u8],
        options: StreamOptions,
    ) -> Result<(), CatalogError> {
        let mut assets = self.assets.lock();
        let stream = assets.stream(account, name, incarnation)?;
        let document = AssetDocument {
            meta: meta.to_vec(),
            options: options.code(),
            ..stream.document.clone()
        };
        self.write_document(&stream.dir.join(ASSET_FILE), &document)?;
        stream.document = document;
        Ok(())
    }

    /// Deletes a stream with its consumers; it will not come back when this returns. What is returned removes its files, on any thread.
    pub fn delete_stream(
        &self,
        account: &str,
        name: &str,
        incarnation: Incarnation,
    ) -> Result<Upkeep, CatalogError> {
        let mut assets = self.assets.lock();
        let stream = assets.stream(account, name, incarnation)?;
        let dir = stream.dir.clone();
        let mut groups: Vec<GroupId> = stream
            .consumers
            .values()
            .map(|consumer| consumer.incarnation.group())
            .collect();
        groups.push(incarnation.group());
        let log = &self.around.log;
        let mut last = log.durable();
        for group in &groups {
            last = log.forget(*group)?;
        }
        log.commit(last)?;
        assets
            .streams
            .remove(&(account.to_owned(), name.to_owned()));
        for group in &groups {
            assets.groups.remove(group);
        }
        drop(assets);
        let around = self.around.clone();
        let trash = self.dir.join(TRASH_DIR);
        Ok(Box::new(move || {
            discard(&*around.disk, &dir, &trash)?;
            for group in groups {
                around.log.removed(group);
            }
            Ok(())
        }))
    }

    /// Creates a consumer; durable when this returns.
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
        self.write_document(&consumer_path(&home.dir, &document), &document)?;
        home.consumers.insert(name.to_owned(), document);
        assets.groups.insert(
            group,
            Laggard {
                account: account.to_owned(),
                stream: stream.to_owned(),
                consumer: Some(name.to_owned()),
            },
        );
        Ok(LoggedConsumer::new(Arc::clone(&self.around.log), group))
    }

    /// Puts another configuration of a consumer on record; durable when this returns.
    pub fn update_consumer(
        &self,
        account: &str,
        stream: &str,
        name: &str,
        incarnation: Incarnation,
        meta: &[u8],
    ) -> Result<(), CatalogError> {
        let mut assets = self.assets.lock();
        let home = assets.any_stream(account, stream)?;
        let dir = home.dir.clone();
        let known = home.consumer(name, incarnation)?;
        let document = AssetDocument {
            meta: meta.to_vec(),
            ..known.clone()
        };
        self.write_document(&consumer_path(&dir, &document), &document)?;
        *known = document;
        Ok(())
    }

    /// Deletes a consumer; it will not come back when this returns.
    pub fn delete_consumer(
        &self,
        account: &str,
        stream: &str,
        name: &str,
        incarnation: Incarnation,
    ) -> Result<(), CatalogError> {
        let mut assets = self.assets.lock();
        let home = assets.any_stream(account, stream)?;
        let dir = home.dir.clone();
        let path = consumer_path(&dir, home.consumer(name, incarnation)?);
        let group = incarnation.group();
        let log = &self.around.log;
        let position = log.forget(group)?;
        log.commit(position)?;
        if let Ok(home) = assets.any_stream(account, stream) {
            home.consumers.remove(name);
        }
        assets.groups.remove(&group);
        drop(assets);
        // From here on it is gone; a file that stays is removed at the next start, because the log remembers.
        let removed = self
            .disk()
            .remove(&path)
            .and_then(|()| self.disk().sync_dir(&dir.join(CONSUMERS_DIR)));
        if removed.is_ok() {
            log.removed(group);
        }
        Ok(())
    }

    pub(super) fn make_dirs(&self, path: &Path) -> Result<(), CatalogError> {
        create_dirs(self.disk(), path).map_err(|e| StoreError::io("creating", path, &e).into())
    }

    pub(super) fn write_document(
        &self,
        path: &Path,
        document: &AssetDocument,
    ) -> Result<(), CatalogError> {
        let bytes = document
            .encode(self.settings.key.as_ref())
            .ok_or(CatalogError::NoRandomness)?;
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

pub fn consumer_path(stream_dir: &Path, document: &AssetDocument) -> PathBuf {
    stream_dir
        .join(CONSUMERS_DIR)
        .join(asset_name(&document.consumer, &document.incarnation))
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
        if group == GroupId::LOG || self.groups.contains_key(&group) || log.count(group) > 0 {
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
    fn consumer(
        &mut self,
        name: &str,
        incarnation: Incarnation,
    ) -> Result<&mut AssetDocument, CatalogError> {
        let consumer = self
            .consumers
            .get_mut(name)
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
