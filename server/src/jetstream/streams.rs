//! Making, changing, deleting and bringing back streams.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nats_api::errors::ApiError;
use nats_api::jetstream::StreamConfig;
use nats_jetstream::stream::{Environment, NewConsumer, Parts, Stream};
use nats_store::{StreamStore, Timestamp};

use super::account::{JsAccount, StreamEntry};
use super::door::Ingest;
use super::engine::{Lane, MailboxLimits};
use super::listening::Listening;
use super::lost::Lost;
use super::seat::StreamSeat;
use super::usage::{StreamQuota, storage_of};
use super::vault::FoundConsumer;
use super::{JetStream, JetStreamError};

impl JetStream {
    /// Makes a stream from a configuration that was checked. The caller holds the account's `changes`.
    ///
    /// # Errors
    /// The store cannot keep it (10049 and its like).
    pub(super) fn create_stream(
        &self,
        account: &Arc<JsAccount>,
        config: StreamConfig,
    ) -> Result<(), ApiError> {
        account.check_open()?;
        self.check_not_lost(&account.account.name, &config.name)?;
        let created = self.engine.now();
        let store = self
            .vault
            .create_stream(&account.account.name, &config, created)
            .map_err(|e| store_failed(&e))?;
        account.usage.reserve(&config, 1);
        let made = Stream::create(self.parts(account, config.clone(), created, store));
        let stream = match made {
            Ok(stream) => stream,
            Err(error) => {
                account.usage.reserve(&config, -1);
                if let Err(e) = self
                    .vault
                    .delete_stream(&account.account.name, &config.name)
                {
                    tracing::error!("JetStream stream {}: {e}", config.name);
                }
                return Err(error);
            }
        };
        let entry = self.settle_in(account, stream);
        // Whoever asked is answered through the lane, after the account is free for others.
        entry
            .lane
            .decide(|seat, cx, out| seat.stream.announce_created(cx, out));
        start_upstreams_of(&entry);
        Ok(())
    }

    /// Gives a stream its lane and its place in the account.
    fn settle_in(&self, account: &Arc<JsAccount>, stream: Stream) -> Arc<StreamEntry> {
        let entry = self.lane_of(account, stream);
        open_doors(account, &entry);
        entry
    }

    /// Gives a stream its lane; nobody can reach it yet.
    pub(super) fn lane_of(&self, account: &Arc<JsAccount>, stream: Stream) -> Arc<StreamEntry> {
        let config = stream.config().clone();
        let is_mirror_current = Arc::new(AtomicBool::new(false));
        let lane = Lane::new(
            &self.engine,
            StreamSeat {
                listening: Listening::new(account, stream.name()),
                is_mirror_current: is_mirror_current.clone(),
                stream,
                is_over: false,
                account: account.account.name.clone(),
                jetstream: self.me.clone(),
            },
            account.outlet.clone(),
            MailboxLimits {
                messages: self.settings.buffered_messages,
                bytes: self.settings.buffered_bytes,
            },
            seed(),
        );
        Arc::new(StreamEntry::new(
            config,
            lane,
            is_mirror_current,
            account.deliver_to.clone(),
        ))
    }

    pub(super) fn parts(
        &self,
        account: &Arc<JsAccount>,
        config: StreamConfig,
        created: Timestamp,
        store: Box<dyn StreamStore>,
    ) -> Parts {
        let quota = StreamQuota {
            usage: account.usage.clone(),
            storage: storage_of(&config),
            replicas: config.num_replicas,
        };
        Parts {
            config,
            created,
            store,
            quota: Box::new(quota),
            environment: Arc::new(Environment {
                account: (*account.account.name).into(),
                domain: self.settings.domain.as_deref().unwrap_or_default().into(),
                version: self.settings.version.as_str().into(),
                max_payload: self.settings.max_payload,
                batches: self.settings.batches,
                ack_v2: self.settings.ack_v2,
                sync_every: self.vault.sync_every,
            }),
        }
    }

    /// Changes a stream to a configuration that was checked. The caller holds the account's `changes`.
    pub(super) fn update_stream(
        &self,
        account: &Arc<JsAccount>,
        entry: &Arc<StreamEntry>,
        config: StreamConfig,
    ) -> Result<(), ApiError> {
        account.check_open()?;
        let old = entry.config();
        let position = self
            .vault
            .update_stream(&account.account.name, &config)
            .map_err(|e| store_failed(&e))?;
        let config = Arc::new(config);
        entry.lane.decide(|seat, cx, out| {
            seat.stream.wait_for(position);
            seat.stream.update(cx, config.clone(), out)
        })?;
        account.usage.reserve(&old, -1);
        account.usage.reserve(&config, 1);
        let moved = old.subjects != config.subjects;
        account.change(entry, config);
        if moved {
            entry.place(&account.account, |s| Ingest::subscription(s, entry));
        }
        Ok(())
    }

    /// Deletes a stream with all that is in it. The caller holds the account's `changes`.
    pub(super) fn delete_stream(
        &self,
        account: &Arc<JsAccount>,
        entry: &Arc<StreamEntry>,
    ) -> Result<(), ApiError> {
        account.check_open()?;
        entry.displace(&account.account);
        account.take(&entry.name);
        entry.lane.decide(|seat, cx, out| {
            seat.is_over = true;
            seat.stream.close_deleted(cx, out);
        });
        entry.lane.close();
        account.usage.reserve(&entry.config(), -1);
        let forgotten = self
            .vault
            .delete_stream(&account.account.name, &entry.name)
            .map_err(|e| store_failed(&e))?;
        // Whoever is told that it is deleted is told when that is durable.
        entry
            .lane
            .decide(|seat, _, _| seat.stream.wait_for(forgotten));
        Ok(())
    }

    /// Deletes all streams of an account, running or only on disk. Durable when it returns.
    ///
    /// # Errors
    /// A stream cannot be deleted (10050), or the log cannot be written (10077).
    pub(super) fn purge_account(&self, name: &str) -> Result<(), ApiError> {
        let known = self.account(name);
        let mut streams = 0;
        if let Some(account) = &known {
            let _changes = account.changes.lock();
            for entry in account.all() {
                self.delete_stream(account, &entry)?;
                streams += 1;
            }
        }
        // An account that gets JetStream meanwhile would take them.
        let _one_at_a_time = self.changing.lock();
        for found in self.vault.recover(name) {
            self.vault
                .delete_stream(name, &found.config.name)
                .map_err(|e| ApiError::STREAM_DELETE.error_with(&[("err", &e)]))?;
            streams += 1;
        }
        tracing::info!(
            "Purge request for account {name} (streams: {streams}, hasAccount: {})",
            known.is_some()
        );
        self.vault
            .log()
            .commit()
            .map(|_| ())
            .map_err(|e| store_failed(&e))
    }

    /// A consumer has ended because no client came for too long.
    pub(super) fn forget_consumer(&self, account: &str, stream: &str, consumer: &str) {
        if let Some(entry) = self.account(account).and_then(|a| a.find(stream)) {
            entry.remove_consumer(consumer);
        }
        self.vault.delete_consumer(account, stream, consumer);
    }

    /// Stops an account's streams. What they are goes back to where it was found, for when the account gets JetStream again.
    pub(super) fn put_away(&self, account: &Arc<JsAccount>) {
        let _changes = account.changes.lock();
        account.is_closed.store(true, Ordering::Release);
        for entry in account.all() {
            entry.displace(&account.account);
            account.take(&entry.name);
            let parts = entry.lane.with(|seat, cx, out| {
                seat.is_over = true;
                seat.stream.take_apart(cx, out)
            });
            entry.lane.close();
            account.usage.reserve(&entry.config(), -1);
            self.vault.put_back(&account.account.name, parts);
        }
    }

    /// Lets mirrors and sources go on that were brought back, once all accounts that they may refer to are there.
    pub fn start_upstreams(&self) {
        for account in self.accounts() {
            for entry in account.all() {
                start_upstreams_of(&entry);
            }
        }
    }

    /// Brings an account's streams back from disk.
    pub(super) fn recover(&self, account: &Arc<JsAccount>) -> Result<(), JetStreamError> {
        let now = self.engine.now();
        for found in self.vault.recover(&account.account.name) {
            account.usage.reserve(&found.config, 1);
            let name = found.config.name.clone();
            let parts = self.parts(account, found.config, found.created, found.store);
            match Stream::recover(parts, now) {
                Ok(stream) => {
                    // Consumers first: where interest decides, a message must not come before them.
                    let entry = self.lane_of(account, stream);
                    let all_came = self.recover_consumers(account, &entry, found.consumers);
                    if all_came && found.has_all_consumers {
                        entry.lane.with(|seat, _, _| seat.stream.reconcile());
                    }
                    open_doors(account, &entry);
                }
                Err(error) => {
                    self.lose(Lost {
                        account: account.account.name.to_string(),
                        stream: name,
                        why: error.description,
                        is_aside: false,
                    });
                }
            }
        }
        Ok(())
    }
}

/// The stream takes messages from here on.
pub(super) fn open_doors(account: &Arc<JsAccount>, entry: &Arc<StreamEntry>) {
    account.add(entry.clone());
    entry.place(&account.account, |s| Ingest::subscription(s, entry));
    entry.lane.nudge();
}

impl JetStream {
    /// True when all came back.
    pub(super) fn recover_consumers(
        &self,
        account: &Arc<JsAccount>,
        entry: &Arc<StreamEntry>,
        consumers: Vec<FoundConsumer>,
    ) -> bool {
        let mut all_came = true;
        for found in consumers {
            let name = found.config.name.clone();
            let new = NewConsumer {
                name: name.as_str().into(),
                config: Arc::new(found.config),
                created: found.created,
                kept: found.kept,
            };
            let config = new.config.clone();
            let back = entry.lane.with(|seat, cx, out| {
                seat.stream
                    .recover_consumer(cx, new, found.state.unwrap_or_default(), out)
            });
            match back {
                Ok(()) => entry.add_consumer(&config),
                Err(error) => {
                    all_came = false;
                    tracing::error!(
                        "JetStream consumer {} > {} > {name} cannot be brought back: {error}",
                        account.account.name,
                        entry.name
                    );
                }
            }
        }
        all_came
    }
}

/// Begins to talk to a stream's upstreams; nothing changes for those that it talks to already.
pub(super) fn start_upstreams_of(entry: &Arc<StreamEntry>) {
    let config = entry.config();
    if config.mirror.is_none() && config.sources.is_empty() {
        return;
    }
    let started = entry
        .lane
        .with(|seat, cx, out| seat.stream.start_upstreams(cx, out));
    if let Err(error) = started {
        tracing::error!(
            "JetStream stream {} cannot read how far it got with its upstreams: {error}",
            entry.name
        );
    }
}

pub(super) fn seed() -> u64 {
    let mut raw = [0; 8];
    // Nothing secret depends on it: it spreads what streams choose.
    let _ = getrandom::fill(&mut raw);
    u64::from_ne_bytes(raw)
}

pub(super) fn store_failed(error: &dyn std::fmt::Display) -> ApiError {
    ApiError::STREAM_STORE_FAILED.error_with(&[("err", &error)])
}
