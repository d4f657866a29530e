//! The configuration changes.

use std::sync::Arc;

use nats_api::errors::ApiError;
use nats_api::jetstream::advisory::Action;
use nats_api::jetstream::{ConsumerConfig, Retention, StreamConfig};
use nats_store::Filter;

use super::Stream;
use super::rules::Rules;
use crate::context::Context;
use crate::effects::Effects;
use crate::publish::{store_failed, store_limits};

impl Stream {
    /// Takes a configuration that [`crate::config::stream::update`] has checked, and enforces what is stricter in it.
    ///
    /// # Errors
    /// Consumers that exceed the new limits (10069), a transform that is none (10052), or the store fails (10077).
    pub fn update(
        &mut self,
        cx: &mut Context<'_>,
        config: Arc<StreamConfig>,
        out: &mut Effects,
    ) -> Result<(), ApiError> {
        self.check_consumer_limits(&config)?;
        self.rules = Rules::new(&config, &self.environment)?;
        let becomes_interest =
            config.retention == Retention::Interest && self.config.retention != Retention::Interest;
        self.dedupe
            .set_window(u64::try_from(config.duplicate_window.0).unwrap_or(0));
        let upstreams_change =
            (&config.mirror, &config.sources) != (&self.config.mirror, &self.config.sources);
        self.config = config;
        if upstreams_change {
            self.start_upstreams(cx, out).map_err(store_failed)?;
        }
        self.end_forbidden_batches();
        let bytes = self.store.state().bytes;
        self.store
            .set_limits(store_limits(&self.config), &mut self.removals)
            .map_err(store_failed)?;
        self.after_removals(cx, bytes, out);
        if becomes_interest && !self.consumers.is_empty() {
            self.sweep(Filter::ALL);
        }
        self.announce(Action::Modify, cx, out);
        Ok(())
    }

    /// Consumers must not exceed what the stream allows them from now on.
    fn check_consumer_limits(&self, new: &StreamConfig) -> Result<(), ApiError> {
        let (limits, old) = (new.consumer_limits, self.config.consumer_limits);
        let stricter = |new: i64, old: i64| (new > 0 && new != old).then_some(new);
        let inactive = stricter(limits.inactive_threshold.0, old.inactive_threshold.0);
        let pending = stricter(limits.max_ack_pending, old.max_ack_pending);
        if inactive.is_none() && pending.is_none() {
            return Ok(());
        }
        let exceeds = |config: &ConsumerConfig| {
            inactive.is_some_and(|most| config.inactive_threshold.0 > most)
                || pending.is_some_and(|most| config.max_ack_pending > most)
        };
        let names: Vec<&str> = self
            .consumer_names()
            .filter(|name| self.consumer_config(name).is_some_and(|c| exceeds(c)))
            .collect();
        if names.is_empty() {
            return Ok(());
        }
        let why = format!("change to limits violates consumers: {}", names.join(", "));
        Err(ApiError::STREAM_UPDATE.error_with(&[("err", &why)]))
    }
}
