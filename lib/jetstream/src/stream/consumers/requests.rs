//! What the API asks of consumers.

use std::sync::Arc;

use nats_api::errors::ApiError;
use nats_api::jetstream::{
    ConsumerConfig, ConsumerInfo, ConsumerPauseResponse, ConsumerResetResponse, Retention,
};
use nats_api::time::Timestamp as ApiTime;
use nats_store::{ConsumerState, ConsumerStore, StoreError, Timestamp};

use super::index::Id;
use crate::config::consumer::metadata as consumer_metadata;
use crate::consumer::{Closing, Consumer, Parts, StreamView, Turn};
use crate::context::Context;
use crate::effects::Effects;
use crate::stream::republish::api_time;
use crate::stream::{ApartConsumer, Stream};

/// A consumer to be made.
pub struct NewConsumer {
    pub name: Box<str>,
    /// Checked and complete, see [`crate::config`].
    pub config: Arc<ConsumerConfig>,
    pub created: Timestamp,
    /// Where its changes go.
    pub kept: Box<dyn ConsumerStore>,
}

impl Stream {
    /// Names in their order.
    pub fn consumer_names(&self) -> impl Iterator<Item = &str> {
        self.consumers.by_name.keys().map(|name| &**name)
    }

    /// How many consumers count against limits.
    pub fn limitable_consumers(&self) -> usize {
        self.consumers.limitable()
    }

    pub fn consumer_config(&self, name: &str) -> Option<&Arc<ConsumerConfig>> {
        let slot = self.consumers.slot(self.consumers.id(name)?)?;
        Some(slot.consumer.config())
    }

    /// Makes a consumer that is not there yet, and says so to whoever listens.
    ///
    /// # Errors
    /// There is one with this name (10013), or the store cannot be read (10012).
    pub fn create_consumer(
        &mut self,
        cx: &mut Context<'_>,
        new: NewConsumer,
        out: &mut Effects,
    ) -> Result<ConsumerInfo, ApiError> {
        if self.consumers.id(&new.name).is_some() {
            return Err(ApiError::CONSUMER_NAME_EXIST.error());
        }
        let name = new.name.clone();
        let kept = new.kept;
        let parts = Parts {
            name: new.name,
            config: new.config,
            created: new.created,
        };
        let made = self.loose_turn(cx, out, |turn| Consumer::create(turn, parts));
        let consumer = made.map_err(|error| create_failed(&error))?;
        self.settle_in(consumer, kept, cx, out);
        self.consumer_info(cx, &name, out)
    }

    /// Brings a consumer back. `state` is what was kept of it.
    ///
    /// # Errors
    /// As [`Stream::create_consumer`].
    pub fn recover_consumer(
        &mut self,
        cx: &mut Context<'_>,
        new: NewConsumer,
        state: ConsumerState,
        out: &mut Effects,
    ) -> Result<(), ApiError> {
        if self.consumers.id(&new.name).is_some() {
            return Err(ApiError::CONSUMER_NAME_EXIST.error());
        }
        let kept = new.kept;
        let parts = Parts {
            name: new.name,
            config: new.config,
            created: new.created,
        };
        let made = self.loose_turn(cx, out, |turn| Consumer::recover(turn, parts, state));
        let consumer = made.map_err(|error| create_failed(&error))?;
        self.settle_in(consumer, kept, cx, out);
        Ok(())
    }

    /// Changes a consumer to a configuration that was checked; the caller keeps it durable.
    ///
    /// # Errors
    /// There is none (10014), or the store cannot be read (10012).
    pub fn update_consumer(
        &mut self,
        cx: &mut Context<'_>,
        name: &str,
        config: Arc<ConsumerConfig>,
        out: &mut Effects,
    ) -> Result<ConsumerInfo, ApiError> {
        let id = self.known(name)?;
        self.consumers.unfile(id);
        let updated = self.turn(id, cx, out, |consumer, turn| consumer.update(turn, config));
        self.consumers.file(id, cx.now);
        match updated {
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(create_failed(&error)),
            None => return Err(ApiError::CONSUMER_NOT_FOUND.error()),
        }
        self.consumers.more.insert(id);
        self.settle(cx, out);
        self.consumer_info(cx, name, out)
    }

    /// # Errors
    /// There is none (10014).
    pub fn delete_consumer(
        &mut self,
        cx: &mut Context<'_>,
        name: &str,
        out: &mut Effects,
    ) -> Result<(), ApiError> {
        let id = self.known(name)?;
        self.end_consumer(id, cx, out);
        Ok(())
    }

    /// # Errors
    /// There is none (10014).
    pub fn consumer_info(
        &mut self,
        cx: &mut Context<'_>,
        name: &str,
        out: &mut Effects,
    ) -> Result<ConsumerInfo, ApiError> {
        let id = self.known(name)?;
        let info = self.turn(id, cx, out, Consumer::info);
        let info = info.ok_or_else(|| ApiError::CONSUMER_NOT_FOUND.error())?;
        Ok(self.shown(info))
    }

    /// An info as answers show it: the configuration's metadata say what server this is.
    fn shown(&self, mut info: ConsumerInfo) -> ConsumerInfo {
        if let Some(config) = &mut info.config {
            consumer_metadata::add_dynamic(config, &self.environment.version);
        }
        info
    }

    /// All of them in the order of their names, each with whether it belongs to another stream's mirror or source.
    pub fn consumer_infos(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut Effects,
    ) -> Vec<(bool, ConsumerInfo)> {
        let ids: Vec<Id> = self.consumers.by_name.values().copied().collect();
        let info = |id: Id| {
            self.turn(id, cx, out, |consumer, turn| {
                (consumer.config().direct, consumer.info(turn))
            })
        };
        ids.into_iter().filter_map(info).collect()
    }

    /// One page of those that are shown, in the order of their names: how many there are, and the infos from `offset` on.
    pub fn consumer_page(
        &mut self,
        cx: &mut Context<'_>,
        offset: usize,
        most: usize,
        out: &mut Effects,
    ) -> (usize, Vec<ConsumerInfo>) {
        let page = self.consumers.shown(offset, most);
        let ids: Vec<Id> = page.into_iter().map(|(_, id)| id).collect();
        let infos = ids
            .into_iter()
            .filter_map(|id| self.turn(id, cx, out, Consumer::info));
        let infos = infos.collect();
        (self.shown_consumers(), infos)
    }

    /// One page of the names of those that are shown: how many there are, and the names from `offset` on.
    pub fn consumer_names_page(&self, offset: usize, most: usize) -> (usize, Vec<String>) {
        let page = self.consumers.shown(offset, most);
        let names = page.into_iter().map(|(name, _)| name.to_owned()).collect();
        (self.shown_consumers(), names)
    }

    pub(in crate::stream) fn shown_consumers(&self) -> usize {
        self.consumers.len() - self.consumers.hidden
    }

    /// CONSUMER.PAUSE: a time that has passed resumes. The caller keeps the changed configuration durable.
    ///
    /// # Errors
    /// As [`Stream::update_consumer`].
    pub fn pause_consumer(
        &mut self,
        cx: &mut Context<'_>,
        name: &str,
        until: ApiTime,
        out: &mut Effects,
    ) -> Result<ConsumerPauseResponse, ApiError> {
        let old = self.consumer_config(name);
        let mut config = (**old.ok_or_else(|| ApiError::CONSUMER_NOT_FOUND.error())?).clone();
        let now = api_time(cx.now);
        config.pause_until = (until > now).then_some(until);
        consumer_metadata::set_static(&mut config);
        let info = self.update_consumer(cx, name, Arc::new(config), out)?;
        Ok(ConsumerPauseResponse {
            paused: info.paused,
            pause_until: until,
            pause_remaining: info.pause_remaining,
        })
    }

    /// CONSUMER.UNPIN.
    ///
    /// # Errors
    /// There is none (10014), or it has no such group (10160).
    pub fn unpin_consumer(
        &mut self,
        cx: &mut Context<'_>,
        name: &str,
        group: &str,
        out: &mut Effects,
    ) -> Result<(), ApiError> {
        let id = self.known(name)?;
        let unpinned = self.turn(id, cx, out, |consumer, turn| consumer.unpin(turn, group));
        unpinned.unwrap_or_else(|| Err(ApiError::CONSUMER_NOT_FOUND.error()))?;
        self.consumers.more.insert(id);
        self.settle(cx, out);
        Ok(())
    }

    /// CONSUMER.RESET. Zero: behind the acknowledgement floor.
    ///
    /// # Errors
    /// There is none (10014), or it cannot begin there (10204).
    pub fn reset_consumer(
        &mut self,
        cx: &mut Context<'_>,
        name: &str,
        sequence: u64,
        out: &mut Effects,
    ) -> Result<ConsumerResetResponse, ApiError> {
        let id = self.known(name)?;
        let reset = self.turn(id, cx, out, |consumer, turn| consumer.reset(turn, sequence));
        let reset_seq = reset.unwrap_or_else(|| Err(ApiError::CONSUMER_NOT_FOUND.error()))?;
        self.consumers.more.insert(id);
        self.settle(cx, out);
        let info = self.consumer_info(cx, name, out)?;
        Ok(ConsumerResetResponse { info, reset_seq })
    }

    /// Keeps the whole state of a consumer, so that the log need not keep every change of it. Nothing happens when there is none.
    ///
    /// # Errors
    /// What could not be kept. The log has it; another call tries again.
    pub fn checkpoint_consumer(&mut self, name: &str) -> Result<(), StoreError> {
        let Some(id) = self.consumers.id(name) else {
            return Ok(());
        };
        self.consumers.checkpoint(id)
    }

    /// Names of consumers that ended because no client came for too long. Whoever keeps consumers durable forgets them.
    pub fn take_gone_consumers(&mut self) -> Vec<Box<str>> {
        std::mem::take(&mut self.consumers.gone)
    }

    /// All consumers end, without being deleted one by one: the stream goes, or the server.
    pub fn close_consumers(&mut self, cx: &mut Context<'_>, why: Closing, out: &mut Effects) {
        let ids: Vec<Id> = self.consumers.by_name.values().copied().collect();
        for id in ids {
            self.turn(id, cx, out, |consumer, turn| consumer.close(turn, why));
            self.consumers.remove(id);
        }
        self.consumers.settled.clear();
    }

    /// As [`Stream::close_consumers`], and gives back what they were made of.
    pub(in crate::stream) fn take_consumers(
        &mut self,
        cx: &mut Context<'_>,
        why: Closing,
        out: &mut Effects,
    ) -> Vec<ApartConsumer> {
        let ids: Vec<Id> = self.consumers.by_name.values().copied().collect();
        let mut apart = Vec::with_capacity(ids.len());
        for id in ids {
            self.turn(id, cx, out, |consumer, turn| consumer.close(turn, why));
            let Some(slot) = self.consumers.take(id) else {
                continue;
            };
            if slot.consumer.config().direct {
                continue;
            }
            apart.push(ApartConsumer {
                config: slot.consumer.config().clone(),
                created: slot.consumer.created(),
                state: slot.consumer.state().clone(),
                kept: slot.kept,
            });
        }
        self.consumers.settled.clear();
        apart
    }

    pub(super) fn end_inactive(&mut self, id: Id, cx: &mut Context<'_>, out: &mut Effects) {
        if let Some(name) = self.consumers.slot(id).map(|s| s.consumer.name().into()) {
            self.consumers.gone.push(name);
        }
        self.end_consumer(id, cx, out);
    }

    fn end_consumer(&mut self, id: Id, cx: &mut Context<'_>, out: &mut Effects) {
        self.turn(id, cx, out, |consumer, turn| {
            consumer.close(turn, Closing::Deleted);
        });
        let Some(consumer) = self.consumers.remove(id) else {
            return;
        };
        if self.config.retention == Retention::Interest {
            self.sweep(consumer.filter().clone());
        }
        self.settle(cx, out);
    }

    /// What a consumer must not forget.
    pub fn consumer_state(&self, name: &str) -> Option<&ConsumerState> {
        let slot = self.consumers.slot(self.consumers.id(name)?)?;
        Some(slot.consumer.state())
    }

    fn known(&self, name: &str) -> Result<Id, ApiError> {
        self.consumers
            .id(name)
            .ok_or_else(|| ApiError::CONSUMER_NOT_FOUND.error())
    }

    /// A turn for a consumer that has no place yet; what it changes stays in `changes`.
    fn loose_turn<R>(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut Effects,
        act: impl FnOnce(&mut Turn<'_, '_>) -> R,
    ) -> R {
        let view = StreamView {
            config: &self.config,
            account: &self.environment.account,
            domain: &self.environment.domain,
            max_payload: self.environment.max_payload as u64,
            ack_v2: self.environment.ack_v2,
        };
        act(&mut Turn {
            cx,
            stream: &view,
            store: &*self.store,
            effects: out,
            changes: &mut self.consumers.changes,
        })
    }

    fn settle_in(
        &mut self,
        consumer: Consumer,
        kept: Box<dyn ConsumerStore>,
        cx: &mut Context<'_>,
        out: &mut Effects,
    ) {
        // It exists when what it put into the log is durable.
        self.wait_for(kept.staged());
        let id = self.consumers.insert(consumer, kept);
        // What cannot be kept now is kept with the next turn that can.
        let _ = self.consumers.take_changes(id, cx.now);
        // Making it delivers nothing; its first turn does.
        self.consumers.more.insert(id);
        self.settle(cx, out);
    }
}

impl super::Consumers {
    fn checkpoint(&mut self, id: Id) -> Result<(), StoreError> {
        match self.slots.get_mut(id as usize) {
            Some(Some(slot)) => slot.kept.checkpoint(slot.consumer.state()),
            _ => Ok(()),
        }
    }

    /// Takes a consumer out of the indexes, before its filter changes.
    fn unfile(&mut self, id: Id) {
        if let Some(Some(slot)) = self.slots.get_mut(id as usize) {
            let filter = slot.consumer.filter();
            self.all.remove(filter, id);
            if slot.is_awake {
                self.awake.remove(filter, id);
                slot.is_awake = false;
                slot.epoch = self.epoch;
            }
        }
    }

    fn file(&mut self, id: Id, now: Timestamp) {
        if let Some(Some(slot)) = self.slots.get_mut(id as usize) {
            self.all.insert(slot.consumer.filter(), id);
        }
        let _ = self.take_changes(id, now);
    }
}

fn create_failed(error: &StoreError) -> ApiError {
    ApiError::CONSUMER_CREATE.error_with(&[("err", error)])
}
