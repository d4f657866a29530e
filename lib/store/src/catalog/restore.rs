//! Whole streams that come from elsewhere: filled in a directory of their own, and moved in place in one step.
//!
//! Nothing of a stream that is being restored is in the log, and its directory is not among the assets. So a crash leaves nothing that
//! anybody takes for a stream; what it leaves is removed at the next start, since `restoring` holds nothing that was ever promised.
//!
//! **States.** filling -> its consumers' states in the log, under groups whose documents are still in `restoring` -> moved (the stream is
//! there, with everything) or abandoned.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::assets::{
    ASSET_FILE, ASSETS_DIR, CONSUMERS_DIR, RESTORING_DIR, TRASH_DIR, consumer_path, discard,
};
use super::document::AssetDocument;
use super::names::{Incarnation, asset_name, file_name, group_of};
use super::{Catalog, CatalogError, Consumer, Laggard, Stream, StreamOptions};
use crate::consumer::{ConsumerState, ConsumerStore, LoggedConsumer};
use crate::error::StoreError;
use crate::file::{FileSettings, FileStream, Surroundings};
use crate::log::{GroupId, Log};
use crate::store::{Position, StreamStore};

/// A stream that is being filled. Dropped before it is finished, it takes its files with it.
#[derive(Debug)]
pub struct Restoring {
    /// Where the messages go; nobody else has it. `None` once it is finished.
    store: Option<FileStream>,
    around: Surroundings,
    dir: PathBuf,
    trash: PathBuf,
    account: String,
    name: String,
    incarnation: Incarnation,
    options: StreamOptions,
    /// Consumers of which the log knows something.
    staged: Vec<GroupId>,
}

/// A consumer that comes with the stream.
#[derive(Debug, Clone)]
pub struct RestoredConsumer {
    pub name: String,
    pub incarnation: Incarnation,
    /// Its configuration, as the rooms above write it.
    pub meta: Vec<u8>,
    pub state: ConsumerState,
}

impl Restoring {
    /// The identity that the stream will have.
    pub fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// Where the messages go.
    ///
    /// # Errors
    /// The restore is over.
    pub fn store(&mut self) -> Result<&mut FileStream, StoreError> {
        self.store.as_mut().ok_or_else(over)
    }

    /// Makes what came so far durable in files of its own; lets go of open files. To be called now and then.
    ///
    /// # Errors
    /// The disk cannot; the restore is over.
    pub fn keep_up(&mut self) -> Result<(), StoreError> {
        match self.store()?.checkpoint()? {
            Some(rest) => rest(),
            None => Ok(()),
        }
    }

    /// Everything has come: the last of it becomes durable.
    fn complete(&mut self) -> Result<(), StoreError> {
        // A checkpoint rewrites a few blocks at most and may leave more to do; nothing that it leaves is missing.
        self.keep_up()?;
        match self.store()?.fault() {
            Some(fault) => Err(fault),
            None => Ok(()),
        }
    }

    fn forget(&mut self) -> Result<(), StoreError> {
        forget(&self.around.log, &std::mem::take(&mut self.staged))
    }
}

impl Drop for Restoring {
    fn drop(&mut self) {
        if self.store.take().is_none() {
            return;
        }
        let groups = self.staged.clone();
        // What cannot be removed now is removed at the next start.
        if self.forget().is_ok() && discard(&*self.around.disk, &self.dir, &self.trash).is_ok() {
            for group in groups {
                self.around.log.removed(group);
            }
        }
    }
}

fn over() -> StoreError {
    StoreError::Frozen("the restore is over".into())
}

fn forget(log: &Log, groups: &[GroupId]) -> Result<(), StoreError> {
    if groups.is_empty() {
        return Ok(());
    }
    log.commit(log.forget_all(groups)?).map(|_| ())
}

impl Catalog {
    /// Begins to fill a stream that nobody sees before [`Catalog::finish_restore`].
    ///
    /// # Errors
    /// There is a stream of this name, or the disk cannot.
    pub fn begin_restore(
        &self,
        account: &str,
        name: &str,
        incarnation: Incarnation,
        options: StreamOptions,
    ) -> Result<Restoring, CatalogError> {
        {
            let assets = self.assets.lock();
            let id = (account.to_owned(), name.to_owned());
            if assets.streams.contains_key(&id) {
                return Err(CatalogError::Exists(format!("stream {name}")));
            }
            assets.check_online(account, name)?;
            assets.free_group(incarnation, &self.around.log)?;
        }
        let dir = self
            .dir
            .join(RESTORING_DIR)
            .join(asset_name(name, &incarnation));
        self.make_dirs(&dir.join(CONSUMERS_DIR))?;
        let settings = FileSettings {
            compress: options.compress,
            key: self.new_stream_key(&dir)?,
            ..FileSettings::default()
        };
        let around = self.around.clone();
        let group = incarnation.group();
        Ok(Restoring {
            store: Some(FileStream::fill(
                around.clone(),
                dir.clone(),
                group,
                settings,
            )),
            around,
            dir,
            trash: self.dir.join(TRASH_DIR),
            account: account.to_owned(),
            name: name.to_owned(),
            incarnation,
            options,
            staged: Vec::new(),
        })
    }

    /// Makes a stream of what was filled, with these consumers: all of it is durable and in place when this returns, or nothing.
    ///
    /// # Errors
    /// Somebody made a stream of this name meanwhile, or the disk cannot.
    pub fn finish_restore(
        &self,
        mut restoring: Restoring,
        meta: &[u8],
        consumers: &[RestoredConsumer],
    ) -> Result<(FileStream, Vec<LoggedConsumer>), CatalogError> {
        restoring.complete()?;
        let document = AssetDocument {
            account: restoring.account.clone(),
            stream: restoring.name.clone(),
            consumer: String::new(),
            incarnation: restoring.incarnation,
            options: restoring.options.code(),
            meta: meta.to_vec(),
        };
        let mut stream = Stream {
            dir: restoring.dir.clone(),
            home: self.home_of(&restoring.dir, None),
            document,
            consumers: Default::default(),
        };
        let mut kept = Vec::new();
        for consumer in consumers {
            kept.push(self.restore_consumer(&mut restoring, &mut stream, consumer)?);
        }
        self.write_document(&stream.dir.join(ASSET_FILE), &stream.document)?;
        let log = &self.around.log;
        log.commit(log.staged())?;
        let store = self.move_in(restoring, stream)?;
        Ok((store, kept))
    }

    /// The document first: whoever finds the state in the log can find out that it is to be forgotten.
    fn restore_consumer(
        &self,
        restoring: &mut Restoring,
        stream: &mut Stream,
        consumer: &RestoredConsumer,
    ) -> Result<LoggedConsumer, CatalogError> {
        let group = self
            .assets
            .lock()
            .free_group(consumer.incarnation, &self.around.log)?;
        let document = AssetDocument {
            account: restoring.account.clone(),
            stream: restoring.name.clone(),
            consumer: consumer.name.clone(),
            incarnation: consumer.incarnation,
            options: 0,
            meta: consumer.meta.clone(),
        };
        let path = consumer_path(&stream.dir, &consumer.name, &consumer.incarnation);
        self.write_document(&path, &document)?;
        let known = Consumer {
            incarnation: consumer.incarnation,
            in_log: None,
            has_file: true,
        };
        stream.consumers.insert(consumer.name.clone(), known);
        let mut kept = LoggedConsumer::new(self.around.log.clone(), group);
        restoring.staged.push(group);
        kept.checkpoint(&consumer.state)?;
        Ok(kept)
    }

    /// The one step that makes it a stream.
    fn move_in(
        &self,
        mut restoring: Restoring,
        mut stream: Stream,
    ) -> Result<FileStream, CatalogError> {
        let account_dir = self
            .dir
            .join(ASSETS_DIR)
            .join(file_name(&restoring.account));
        self.make_dirs(&account_dir)?;
        let to = account_dir.join(asset_name(&restoring.name, &restoring.incarnation));
        let mut assets = self.assets.lock();
        let id = (restoring.account.clone(), restoring.name.clone());
        if assets.streams.contains_key(&id) {
            return Err(CatalogError::Exists(format!("stream {}", restoring.name)));
        }
        self.rename_durably(&restoring.dir, &to).inspect_err(|_| {
            // Wherever it lies now, it must not come back: nobody is told that it is there.
            restoring.staged.push(restoring.incarnation.group());
            if self.disk().exists(&to).unwrap_or(true) {
                restoring.dir.clone_from(&to);
            }
        })?;
        stream.dir.clone_from(&to);
        stream.home = self.home_of(&to, None);
        let laggard = |consumer| Laggard {
            account: restoring.account.clone(),
            stream: restoring.name.clone(),
            consumer,
        };
        let group = restoring.incarnation.group();
        assets.groups.insert(group, laggard(None));
        for (name, consumer) in &stream.consumers {
            let group = consumer.incarnation.group();
            assets.groups.insert(group, laggard(Some(name.clone())));
        }
        let home = Arc::clone(&stream.home);
        assets.streams.insert(id, stream);
        drop(assets);
        let mut store = restoring.store.take().ok_or_else(over)?;
        store.open_up(to);
        Ok(store.at_home(home, Position(0)))
    }

    fn rename_durably(&self, from: &Path, to: &Path) -> Result<(), StoreError> {
        let disk = self.disk();
        disk.rename(from, to)
            .map_err(|e| StoreError::io("renaming", from, &e))?;
        for above in [to.parent(), from.parent()].into_iter().flatten() {
            disk.sync_dir(above)
                .map_err(|e| StoreError::io("syncing", above, &e))?;
        }
        Ok(())
    }

    /// What a process that ended in the middle has left of streams that never were: out of the log, out of the way.
    pub(super) fn discard_unfinished(
        &self,
        still_there: &mut BTreeSet<GroupId>,
    ) -> Result<(), CatalogError> {
        let root = self.dir.join(RESTORING_DIR);
        let io = |path: &Path, e: &std::io::Error| StoreError::io("listing", path, e);
        let disk = self.disk();
        let log = &self.around.log;
        for left in disk.list(&root).map_err(|e| io(&root, &e))? {
            let dir = root.join(&left.name);
            let consumers = dir.join(CONSUMERS_DIR);
            let mut groups: Vec<GroupId> = Vec::new();
            if disk.exists(&consumers).map_err(|e| io(&consumers, &e))? {
                let names = disk.list(&consumers).map_err(|e| io(&consumers, &e))?;
                groups.extend(names.iter().filter_map(|entry| group_of(&entry.name)));
            }
            groups.extend(group_of(&left.name));
            groups.retain(|group| log.count(*group) > 0 || log.last_checkpoint(*group).is_some());
            forget(log, &groups)?;
            // What cannot be removed now is tried again at the next start.
            if discard(disk, &dir, &self.dir.join(TRASH_DIR)).is_err() {
                still_there.extend(groups);
            }
        }
        Ok(())
    }
}
