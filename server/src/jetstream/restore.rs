//! Streams that come out of archives: where they are filled, and how they become streams of their account.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use nats_api::errors::ApiError;
use nats_api::jetstream::{ConsumerConfig, ConsumerCreateRequest, StreamConfig};
use nats_jetstream::archive::ArchivedConsumer;
use nats_jetstream::config::consumer::{self as consumer, Admission, Rules, Siblings};
use nats_jetstream::config::stream as config;
use nats_jetstream::stream::Stream;
use nats_store::{ConsumerState, Storage, Timestamp};

use super::JetStream;
use super::account::JsAccount;
use super::snapshot::Filling;
use super::streams::{open_doors, seed, start_upstreams_of};
use super::usage::{StreamQuota, storage_of};

/// A consumer of a stream that comes, checked and complete.
pub struct AdmittedConsumer {
    pub config: ConsumerConfig,
    pub created: Timestamp,
    pub state: ConsumerState,
}

impl JetStream {
    /// A place for the messages of a stream that nobody sees before [`JetStream::adopt`].
    ///
    /// # Errors
    /// The store cannot (10062).
    pub(super) fn begin_restore(
        &self,
        account: &JsAccount,
        config: &StreamConfig,
    ) -> Result<Filling, ApiError> {
        let quota = StreamQuota {
            usage: account.usage.clone(),
            storage: storage_of(config),
            replicas: config.num_replicas,
        };
        if quota.storage == Storage::Memory {
            return Ok(Filling::in_memory(quota));
        }
        self.vault
            .begin_restore(&account.account.name, config)
            .map(|restoring| Filling::in_files(restoring, quota))
            .map_err(|e| failed(&e))
    }

    /// Makes a stream of what was filled: it is there with everything when this returns, or not at all.
    ///
    /// # Errors
    /// Meanwhile there is another stream of that name (10130) or on its subjects (10065), a consumer cannot be as it is, or the store
    /// cannot (10062).
    pub(super) fn adopt(
        &self,
        account: &Arc<JsAccount>,
        config: StreamConfig,
        created: Timestamp,
        filling: Filling,
        consumers: Vec<ArchivedConsumer>,
    ) -> Result<(), ApiError> {
        let _changes = account.changes.lock();
        account.check_open()?;
        let config = config::restore(&config.name.clone(), config, &**account)?;
        let consumers = self.admit(account, &config, created, consumers)?;
        let owner = &*account.account.name;
        let (store, consumers) = self
            .vault
            .finish_restore(owner, &config, created, filling.take(), consumers)
            .map_err(|e| failed(&e))?;
        account.usage.reserve(&config, 1);
        let parts = self.parts(account, config.clone(), created, store);
        let stream = match Stream::recover(parts, self.engine.now()) {
            Ok(stream) => stream,
            Err(error) => {
                account.usage.reserve(&config, -1);
                if let Err(e) = self.vault.delete_stream(owner, &config.name) {
                    tracing::error!("JetStream stream {}: {e}", config.name);
                }
                return Err(error);
            }
        };
        // Consumers first: where interest decides, a message must not come before them.
        let entry = self.lane_of(account, stream);
        if self.recover_consumers(account, &entry, consumers) {
            entry.lane.with(|seat, _, _| seat.stream.reconcile());
        }
        open_doors(account, &entry);
        entry
            .lane
            .with(|seat, cx, out| seat.stream.announce_created(cx, out));
        start_upstreams_of(&entry);
        Ok(())
    }

    /// Checks and completes consumers as if they were made one after the other.
    fn admit(
        &self,
        account: &JsAccount,
        stream: &StreamConfig,
        created: Timestamp,
        consumers: Vec<ArchivedConsumer>,
    ) -> Result<Vec<AdmittedConsumer>, ApiError> {
        let limits = account.usage.limits(stream.num_replicas)?;
        let rules = Rules {
            stream,
            server: self.settings.consumers,
            account: Some(&limits),
        };
        let mut admitted = Admitted {
            account,
            configs: BTreeMap::new(),
        };
        let mut random = seed();
        let mut all = Vec::new();
        for archived in consumers {
            let named = |why: &dyn std::fmt::Display| {
                failed(&format!("consumer {:?}: {why}", archived.name))
            };
            let mut config = archived.config;
            // An ephemeral one of an older server has its name elsewhere.
            if config.name.is_empty() && config.durable_name.is_empty() {
                config.name.clone_from(&archived.name);
            }
            let pause_until = config.pause_until;
            let request = ConsumerCreateRequest {
                stream_name: stream.name.clone(),
                config,
                ..ConsumerCreateRequest::default()
            };
            let config = match consumer::admit(request, &rules, &admitted, &mut random) {
                Ok(Admission::Create(config)) if config.name == archived.name => *config,
                Ok(_) => return Err(named(&"its name is another one in its configuration")),
                Err(error) => return Err(named(&error.description)),
            };
            let config = ConsumerConfig {
                pause_until,
                ..config
            };
            admitted.configs.insert(config.name.clone(), config.clone());
            all.push(AdmittedConsumer {
                config,
                created: archived.created.unwrap_or(created),
                state: archived.state,
            });
        }
        Ok(all)
    }
}

/// The consumers so far.
struct Admitted<'a> {
    account: &'a JsAccount,
    configs: BTreeMap<String, ConsumerConfig>,
}

impl Siblings for Admitted<'_> {
    fn get(&self, name: &str) -> Option<&ConsumerConfig> {
        self.configs.get(name)
    }

    fn limitable(&self) -> usize {
        let counts = |config: &&ConsumerConfig| !config.direct && !config.sourcing;
        self.configs.values().filter(counts).count()
    }

    fn each(&self, visit: &mut dyn FnMut(&str, &ConsumerConfig) -> ControlFlow<()>) {
        for (name, config) in &self.configs {
            if visit(name, config).is_break() {
                return;
            }
        }
    }

    fn listens(&self, subject: &str) -> bool {
        self.account
            .account
            .interest
            .has_interest(subject.as_bytes())
    }
}

fn failed(error: &dyn std::fmt::Display) -> ApiError {
    ApiError::STREAM_RESTORE.error_with(&[("err", &error)])
}
