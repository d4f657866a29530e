//! What is on disk, and the log that makes it durable.
//!
//! Between the rooms above, which know names and configurations, and the catalog of `nats-store`, which knows identities and bytes. Streams in
//! memory are not kept: they end with the process, as in the reference.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use nats_api::jetstream::{Compression, ConsumerConfig, StreamConfig};
use nats_jetstream::stream::TakenApart;
use nats_store::catalog::{
    Catalog, CatalogError, CatalogSettings, Found as OpeningFound, FoundStream, Incarnation,
    Laggard, Quarantined, RestoredConsumer, Restoring, StreamOptions,
};
use nats_store::disk::RealDisk;
use nats_store::log::Promise;
use nats_store::{
    ConsumerState, ConsumerStore, Forgetful, Limits, MemoryStore, Position, Storage, StoreError,
    StreamStore, Timestamp,
};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::engine::CommitLog;
use super::lost::Lost;
use super::recovery::Recovery;
use super::restore::AdmittedConsumer;
use super::settings::Settings;
use super::snapshot::Place;
use super::usage::storage_of;
use crate::options::SyncPolicy;

/// How often the reference syncs by default when an interval is asked for without saying which.
const SYNC_INTERVAL: Duration = Duration::from_secs(120);

/// Why something cannot be kept or brought back.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    #[error("the store in {dir}: {source}")]
    Open {
        dir: PathBuf,
        #[source]
        source: CatalogError,
    },
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error("no random numbers for a new identity")]
    NoRandomness,
    #[error("the configuration cannot be written: {0}")]
    Document(#[from] serde_json::Error),
}

/// What is on record about a stream.
#[derive(Serialize, Deserialize)]
struct StreamDocument {
    /// Nanoseconds since 1970.
    created: i64,
    config: StreamConfig,
}

/// What is on record about a consumer.
#[derive(Serialize, Deserialize)]
struct ConsumerDocument {
    created: i64,
    config: ConsumerConfig,
}

/// Account, stream, and consumer or nothing.
type Name = (String, String, String);

/// What a stream or consumer is known by on disk.
#[derive(Clone, Copy)]
struct Kept {
    incarnation: Incarnation,
    created: i64,
}

/// The server's store of streams.
pub struct Vault {
    catalog: Arc<Catalog>,
    kept: Mutex<BTreeMap<Name, Kept>>,
    found: Mutex<HashMap<String, Vec<Found>>>,
    /// What was found damaged when the store was opened and belongs to no stream that could say so, in sentences.
    damage: Vec<String>,
    trouble: Arc<Trouble>,
    /// With a sync interval: how long what was acknowledged may be unsynced.
    pub sync_every: Option<Duration>,
}

/// A stream as it was found on disk.
pub struct Found {
    pub config: StreamConfig,
    pub created: Timestamp,
    pub store: Box<dyn StreamStore>,
    pub consumers: Vec<FoundConsumer>,
    /// Every consumer that the stream had is among them, as far as anybody can tell.
    pub has_all_consumers: bool,
}

/// A consumer as it was found on disk.
pub struct FoundConsumer {
    pub config: ConsumerConfig,
    pub created: Timestamp,
    /// `None` when it cannot be read: it begins again behind what the stream knows to be acknowledged.
    pub state: Option<ConsumerState>,
    pub kept: Box<dyn ConsumerStore>,
}

impl Vault {
    /// Opens the directory and brings back what is there; what is there and cannot be brought back.
    ///
    /// # Errors
    /// See [`VaultError`].
    pub fn open(settings: &Settings, recovery: &Recovery) -> Result<(Self, Vec<Lost>), VaultError> {
        let sync_every = match settings.sync {
            SyncPolicy::Every(every) if every.is_zero() => Some(SYNC_INTERVAL),
            SyncPolicy::Every(every) => Some(every),
            SyncPolicy::Default | SyncPolicy::Always => None,
        };
        let options = CatalogSettings {
            promise: match sync_every {
                Some(_) => Promise::Written,
                None => Promise::Synced,
            },
            key: settings.key.clone(),
            previous_key: settings.previous_key.clone(),
            threads: settings.workers,
            ..CatalogSettings::default()
        };
        let dir = settings.store_dir.clone();
        let opened = Catalog::open(
            Arc::new(RealDisk),
            &dir,
            new_life()?,
            &boot_id(),
            options,
            &|progress| recovery.note(progress),
        );
        let (catalog, found) = opened.map_err(|source| {
            recovery.is_given_up();
            VaultError::Open {
                dir: dir.clone(),
                source,
            }
        })?;
        let vault = Self {
            catalog: Arc::new(catalog),
            kept: Mutex::default(),
            found: Mutex::default(),
            damage: damage_of(&found),
            trouble: Arc::default(),
            sync_every,
        };
        vault.report(&found);
        // Where the log is damaged, there may have been a consumer of which nothing is left.
        let nothing_is_missing =
            found.quarantined.is_empty() && found.log.damage.is_empty() && !documents_lost(&found);
        let offline = found.offline.iter().map(|offline| Lost {
            account: offline.account.clone(),
            stream: offline.stream.clone(),
            why: offline.why.to_string(),
            is_aside: false,
        });
        let mut lost: Vec<Lost> = offline.collect();
        lost.extend(found.quarantined.iter().filter_map(aside));
        recovery.is_over(found.streams.len());
        for stream in found.streams {
            lost.extend(vault.note(stream, nothing_is_missing));
        }
        Ok((vault, lost))
    }

    /// Says what was not as it should be.
    fn report(&self, found: &OpeningFound) {
        if self.catalog.start().is_tail_untrusted() && self.sync_every.is_some() {
            tracing::warn!(
                "JetStream: the machine stopped without a clean end; what was acknowledged in the last sync interval may be missing"
            );
        }
        if let Some(cut) = &found.log.cut {
            tracing::warn!(
                "JetStream: {} bytes of unfinished writes cut off {} at {}",
                cut.bytes,
                cut.file.display(),
                cut.offset
            );
        }
        for damage in &self.damage {
            tracing::error!("JetStream: {damage}");
        }
        let is_said = |gone: &&Quarantined| gone.is_known || gone.owner.is_some();
        for gone in found.quarantined.iter().filter(is_said) {
            let place = gone.place.display();
            tracing::error!("JetStream: kept in quarantine: {place}: {}", gone.why);
        }
        for offline in &found.offline {
            tracing::error!(
                "JetStream stream {} > {} stays as it is on disk, closed, until the server starts again and can read it: {}",
                offline.account,
                offline.stream,
                offline.why
            );
        }
    }

    /// Remembers what was found, until its account asks for it. The stream, if nobody knows how to run it.
    fn note(&self, found: FoundStream, mut has_all_consumers: bool) -> Option<Lost> {
        let name = format!("{} > {}", found.account, found.name);
        for damage in &found.damage {
            let file = damage.file.display();
            tracing::error!("JetStream stream {name}: {file}: {}", damage.what);
        }
        let document: StreamDocument = match serde_json::from_slice(&found.meta) {
            Ok(document) => document,
            Err(e) => {
                let why = format!("its configuration cannot be read: {e}");
                tracing::error!("JetStream stream {name}: {why}");
                return Some(Lost {
                    account: found.account,
                    stream: found.name,
                    why,
                    is_aside: false,
                });
            }
        };
        let mut consumers = Vec::new();
        for consumer in found.consumers {
            let whole = format!("{name} > {}", consumer.name);
            if let Some(damage) = consumer.damage {
                tracing::error!(
                    "JetStream consumer {whole}: {damage}; messages may be delivered again"
                );
            }
            match serde_json::from_slice::<ConsumerDocument>(&consumer.meta) {
                Ok(document) => {
                    let name = (found.account.clone(), found.name.clone(), consumer.name);
                    let kept = Kept {
                        incarnation: consumer.incarnation,
                        created: document.created,
                    };
                    self.kept.lock().insert(name, kept);
                    consumers.push(FoundConsumer {
                        config: document.config,
                        created: Timestamp(document.created),
                        state: consumer.state,
                        kept: Box::new(consumer.store),
                    });
                }
                Err(e) => {
                    has_all_consumers = false;
                    tracing::error!(
                        "JetStream consumer {whole}: its configuration cannot be read: {e}"
                    );
                }
            }
        }
        let kept = Kept {
            incarnation: found.incarnation,
            created: document.created,
        };
        let name = (found.account.clone(), found.name, String::new());
        self.kept.lock().insert(name, kept);
        let back = Found {
            config: document.config,
            created: Timestamp(document.created),
            store: Box::new(found.store),
            consumers,
            has_all_consumers,
        };
        self.found
            .lock()
            .entry(found.account)
            .or_default()
            .push(back);
        None
    }

    pub fn damage(&self) -> &[String] {
        &self.damage
    }

    /// What of the log nobody waits for.
    pub fn tail(&self) -> Tail {
        Tail(CatalogLog {
            catalog: self.catalog.clone(),
            trouble: self.trouble.clone(),
        })
    }

    pub fn log(&self) -> Arc<dyn CommitLog> {
        Arc::new(CatalogLog {
            catalog: self.catalog.clone(),
            trouble: self.trouble.clone(),
        })
    }

    /// Puts a stream on record. It is durable when the log has committed what its store says that it staged.
    ///
    /// # Errors
    /// See [`VaultError`].
    pub fn create_stream(
        &self,
        account: &str,
        config: &StreamConfig,
        created: Timestamp,
    ) -> Result<Box<dyn StreamStore>, VaultError> {
        if storage_of(config) == Storage::Memory {
            return Ok(Box::new(MemoryStore::new(Limits::default())));
        }
        let kept = Kept {
            incarnation: new_life()?,
            created: created.0,
        };
        let meta = stream_document(config, kept)?;
        let store = self.catalog.create_stream(
            account,
            &config.name,
            kept.incarnation,
            &meta,
            options_of(config),
            Limits::default(),
        )?;
        let name = (account.to_owned(), config.name.clone(), String::new());
        self.kept.lock().insert(name, kept);
        Ok(Box::new(store))
    }

    /// A place where a stream's messages are put before anybody knows of it.
    ///
    /// # Errors
    /// See [`VaultError`].
    pub fn begin_restore(
        &self,
        account: &str,
        config: &StreamConfig,
    ) -> Result<Restoring, VaultError> {
        let (name, life) = (&config.name, new_life()?);
        Ok(self
            .catalog
            .begin_restore(account, name, life, options_of(config))?)
    }

    /// Makes a stream of what was put there, with its consumers, in one step.
    ///
    /// # Errors
    /// See [`VaultError`].
    pub fn finish_restore(
        &self,
        account: &str,
        config: &StreamConfig,
        created: Timestamp,
        filled: Place,
        consumers: Vec<AdmittedConsumer>,
    ) -> Result<(Box<dyn StreamStore>, Vec<FoundConsumer>), VaultError> {
        let restoring = match filled {
            Place::File(restoring) => restoring,
            Place::Memory(store) => {
                let forgetful = consumers.into_iter().map(|c| found(c, Box::new(Forgetful)));
                return Ok((store, forgetful.collect()));
            }
        };
        let own = Kept {
            incarnation: restoring.incarnation(),
            created: created.0,
        };
        let (in_files, forgetful): (Vec<_>, Vec<_>) =
            consumers.into_iter().partition(|c| !c.config.mem_storage);
        let mut restored = Vec::new();
        for consumer in &in_files {
            let kept = Kept {
                incarnation: new_life()?,
                created: consumer.created.0,
            };
            restored.push(RestoredConsumer {
                name: consumer.config.name.clone(),
                incarnation: kept.incarnation,
                meta: consumer_document(&consumer.config, kept)?,
                state: consumer.state.clone(),
            });
        }
        let meta = stream_document(config, own)?;
        let (store, stores) = self.catalog.finish_restore(*restoring, &meta, &restored)?;
        let mut kept = self.kept.lock();
        let name = |consumer: &str| (account.to_owned(), config.name.clone(), consumer.to_owned());
        kept.insert(name(""), own);
        for (restored, consumer) in restored.iter().zip(&in_files) {
            let one = Kept {
                incarnation: restored.incarnation,
                created: consumer.created.0,
            };
            kept.insert(name(&restored.name), one);
        }
        let in_files = in_files.into_iter().zip(stores);
        let mut all: Vec<_> = in_files
            .map(|(c, store)| found(c, Box::new(store)))
            .collect();
        all.extend(forgetful.into_iter().map(|c| found(c, Box::new(Forgetful))));
        Ok((Box::new(store), all))
    }

    /// What has to be committed for the new configuration to be durable.
    ///
    /// # Errors
    /// See [`VaultError`].
    pub fn update_stream(
        &self,
        account: &str,
        config: &StreamConfig,
    ) -> Result<Option<Position>, VaultError> {
        let Some(kept) = self.find(account, &config.name, "") else {
            return Ok(None);
        };
        let meta = stream_document(config, kept)?;
        let name = &config.name;
        let options = options_of(config);
        let catalog = &self.catalog;
        let position = catalog.update_stream(account, name, kept.incarnation, &meta, options)?;
        Ok(Some(position))
    }

    /// Deletes a stream and its consumers for ever; what has to be committed for that. The files go after that, see [`Vault::tidy`].
    ///
    /// # Errors
    /// See [`VaultError`].
    pub fn delete_stream(
        &self,
        account: &str,
        stream: &str,
    ) -> Result<Option<Position>, VaultError> {
        let Some(kept) = self.find(account, stream, "") else {
            return Ok(None);
        };
        let forgotten = self
            .catalog
            .delete_stream(account, stream, kept.incarnation)?;
        let mut kept = self.kept.lock();
        let first = (account.to_owned(), stream.to_owned(), String::new());
        while let Some((name, _)) = kept.range(first.clone()..).next()
            && name.0 == account
            && name.1 == stream
        {
            let name = name.clone();
            kept.remove(&name);
        }
        Ok(Some(forgotten))
    }

    /// Puts a consumer on record, unless it or its stream lives in memory. It is durable when the log has committed what it says that it staged.
    ///
    /// # Errors
    /// See [`VaultError`].
    pub fn create_consumer(
        &self,
        account: &str,
        stream: &str,
        config: &ConsumerConfig,
        created: Timestamp,
    ) -> Result<Box<dyn ConsumerStore>, VaultError> {
        let in_memory = config.mem_storage || config.direct;
        if in_memory || self.find(account, stream, "").is_none() {
            return Ok(Box::new(Forgetful));
        }
        let kept = Kept {
            incarnation: new_life()?,
            created: created.0,
        };
        let meta = consumer_document(config, kept)?;
        let name = &config.name;
        let store = self
            .catalog
            .create_consumer(account, stream, name, kept.incarnation, &meta)?;
        let name = (account.to_owned(), stream.to_owned(), name.clone());
        self.kept.lock().insert(name, kept);
        Ok(Box::new(store))
    }

    /// What has to be committed for the new configuration to be durable.
    ///
    /// # Errors
    /// See [`VaultError`].
    pub fn update_consumer(
        &self,
        account: &str,
        stream: &str,
        config: &ConsumerConfig,
    ) -> Result<Option<Position>, VaultError> {
        let Some(kept) = self.find(account, stream, &config.name) else {
            return Ok(None);
        };
        let meta = consumer_document(config, kept)?;
        let name = &config.name;
        let catalog = &self.catalog;
        let position = catalog.update_consumer(account, stream, name, kept.incarnation, &meta)?;
        Ok(Some(position))
    }

    /// Deletes a consumer for ever; what has to be committed for that. One that cannot be deleted comes back with the next start, which is said.
    pub fn delete_consumer(&self, account: &str, stream: &str, consumer: &str) -> Option<Position> {
        let kept = self.find(account, stream, consumer)?;
        let gone = self
            .catalog
            .delete_consumer(account, stream, consumer, kept.incarnation);
        match gone {
            Ok(position) => {
                let name = (account.to_owned(), stream.to_owned(), consumer.to_owned());
                self.kept.lock().remove(&name);
                Some(position)
            }
            Err(e) => {
                tracing::error!("JetStream consumer {stream} > {consumer}: {e}");
                None
            }
        }
    }

    /// Frees the name of a stream that was put aside.
    ///
    /// # Errors
    /// See [`VaultError`].
    pub fn release(&self, account: &str, stream: &str) -> Result<bool, VaultError> {
        Ok(self.catalog.release(account, stream)?)
    }

    /// Keeps what a stream was made of, as if it had been found when the store was opened: its account has no JetStream for now.
    pub fn put_back(&self, account: &str, parts: TakenApart) {
        let consumers = parts.consumers.into_iter().map(|consumer| FoundConsumer {
            config: (*consumer.config).clone(),
            created: consumer.created,
            state: Some(consumer.state),
            kept: consumer.kept,
        });
        let back = Found {
            config: (*parts.config).clone(),
            created: parts.created,
            store: parts.store,
            consumers: consumers.collect(),
            // Nothing was interrupted, so there is nothing to make up for.
            has_all_consumers: false,
        };
        let mut found = self.found.lock();
        found.entry(account.to_owned()).or_default().push(back);
    }

    /// Takes what was found for an account when the store was opened.
    pub fn recover(&self, account: &str) -> Vec<Found> {
        self.found.lock().remove(account).unwrap_or_default()
    }

    /// Accounts for which something was found that nobody has taken.
    pub fn unclaimed(&self) -> Vec<String> {
        self.found.lock().keys().cloned().collect()
    }

    /// Streams and consumers whose checkpoint would let old log go.
    pub fn laggards(&self) -> Vec<Laggard> {
        self.catalog.laggards()
    }

    /// What [`Vault::laggards`] named could not be asked; it is named again.
    pub fn ask_again(&self, laggard: &Laggard) {
        self.catalog.ask_again(laggard);
    }

    /// Documents go from the log into files, and files of what was deleted go. Blocks; nobody waits for it.
    pub fn tidy(&self) {
        if let Err(e) = self.catalog.tidy() {
            tracing::warn!("JetStream: housekeeping waits: {e}");
        }
    }

    /// Work that is due now and then: old log goes, a log that failed is tried again, what was only written is synced.
    pub fn maintain(&self, sync: bool) {
        let log = self.catalog.log();
        log.make_room();
        let committed = log.commit(log.staged()).map(|_| ());
        let synced = if sync { log.sync() } else { Ok(()) };
        if log.held_bytes() > 0
            && log.fault().is_none_or(|fault| fault.may_pass())
            && let Err(e) = log.keep_reserve()
        {
            tracing::warn!("JetStream: no reserve for a full disk: {e}");
        }
        let trimmed = log.trim().map(|_| ());
        for e in [committed, synced, trimmed]
            .into_iter()
            .filter_map(Result::err)
        {
            self.trouble.tell(&e);
        }
        if log.fault().is_none() && self.trouble.is_over() {
            tracing::info!("JetStream: the log takes writes again");
        }
    }

    /// Lets go of messages in memory that nobody read since the last call; how many bytes that were.
    pub fn age_cache(&self) -> usize {
        self.catalog.age_cache()
    }

    /// Why nothing can be made durable at the moment.
    pub fn fault(&self) -> Option<StoreError> {
        self.catalog.log().fault()
    }

    /// The end: everything is on disk, and the directory is marked as left in order.
    pub fn close(&self) {
        if let Err(e) = self.catalog.close() {
            tracing::error!("JetStream: the store is not left in order: {e}");
        }
    }

    fn find(&self, account: &str, stream: &str, consumer: &str) -> Option<Kept> {
        let name = (account.to_owned(), stream.to_owned(), consumer.to_owned());
        self.kept.lock().get(&name).copied()
    }
}

fn found(consumer: AdmittedConsumer, kept: Box<dyn ConsumerStore>) -> FoundConsumer {
    FoundConsumer {
        config: consumer.config,
        created: consumer.created,
        state: Some(consumer.state),
        kept,
    }
}

/// The stream that was put aside and keeps its name.
fn aside(gone: &Quarantined) -> Option<Lost> {
    let (account, stream) = gone.owner.clone()?;
    let place = gone.place.display();
    Some(Lost {
        account,
        stream,
        why: format!(
            "damaged: {}; put aside, in {place}; deleting the stream frees its name",
            gone.why
        ),
        is_aside: true,
    })
}

/// Documents of streams or consumers are missing, or everything of one but its entries.
fn documents_lost(found: &OpeningFound) -> bool {
    found.documents_missing || !found.unknown_groups.is_empty()
}

/// What is damaged beside the streams: in the log, in documents, and what was put aside now.
fn damage_of(found: &OpeningFound) -> Vec<String> {
    let in_log = found.log.damage.iter().map(|damage| {
        let (file, offset) = (damage.file.display(), damage.offset);
        format!("damage in {file} at {offset}: {}", damage.what)
    });
    let aside = found.quarantined.iter();
    let aside = aside.filter(|gone| !gone.is_known && gone.owner.is_none());
    let aside = aside.map(|gone| {
        let place = gone.place.display();
        format!("kept in quarantine: {place}: {}", gone.why)
    });
    let missing = found
        .documents_missing
        .then(|| "documents of streams or consumers are missing or damaged in the log".to_owned());
    let unknown = Some(found.unknown_groups.len()).filter(|count| *count > 0);
    let unknown = unknown
        .map(|count| format!("{count} streams or consumers of the log have no document any more"));
    in_log.chain(aside).chain(missing).chain(unknown).collect()
}

fn options_of(config: &StreamConfig) -> StreamOptions {
    StreamOptions {
        compress: config.compression == Compression::S2,
    }
}

fn stream_document(config: &StreamConfig, kept: Kept) -> Result<Vec<u8>, VaultError> {
    Ok(serde_json::to_vec(&StreamDocument {
        created: kept.created,
        config: config.clone(),
    })?)
}

fn consumer_document(config: &ConsumerConfig, kept: Kept) -> Result<Vec<u8>, VaultError> {
    Ok(serde_json::to_vec(&ConsumerDocument {
        created: kept.created,
        config: config.clone(),
    })?)
}

fn new_life() -> Result<Incarnation, VaultError> {
    let mut raw = [0; 16];
    getrandom::fill(&mut raw).map_err(|_| VaultError::NoRandomness)?;
    Ok(Incarnation(raw))
}

/// Names this run of the machine. An empty name never equals another: what was not synced is not trusted then.
fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map(|id| id.trim().to_owned())
        .unwrap_or_default()
}

/// What is wrong with the log: told once, not at every attempt.
#[derive(Default)]
struct Trouble(Mutex<Option<String>>);

impl Trouble {
    fn tell(&self, error: &StoreError) {
        let text = error.to_string();
        let mut told = self.0.lock();
        if told.as_deref() != Some(&text) {
            tracing::error!("JetStream: {text}");
            *told = Some(text);
        }
    }

    /// Whether there was any.
    fn is_over(&self) -> bool {
        self.0.lock().take().is_some()
    }
}

/// The catalog's log as the engine commits it.
struct CatalogLog {
    catalog: Arc<Catalog>,
    trouble: Arc<Trouble>,
}

impl CommitLog for CatalogLog {
    fn durable(&self) -> Position {
        self.catalog.log().durable()
    }

    fn commit(&self) -> Result<Position, StoreError> {
        let log = self.catalog.log();
        log.commit(log.staged())
            .inspect_err(|error| self.trouble.tell(error))
    }
}

/// The end of the log, as far as it is only in memory.
pub struct Tail(CatalogLog);

impl Tail {
    /// Waits until there is one. False once it was ended.
    pub fn wait(&self) -> bool {
        self.0.catalog.log().wait_for_work()
    }

    /// Whoever waits stops, and nobody waits from now on.
    pub fn end(&self) {
        self.0.catalog.log().end_waits();
    }

    pub fn has_failed(&self) -> bool {
        self.0.catalog.log().fault().is_some()
    }

    /// Blocks. A failure is told as any other of the log.
    pub fn commit(&self) {
        // Others may have done it meanwhile.
        if !self.has_failed() && self.0.durable() < self.0.catalog.log().staged() {
            let _told = self.0.commit();
        }
    }
}
