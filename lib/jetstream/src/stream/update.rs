//! The configuration changes.

use std::sync::Arc;

use nats_api::errors::ApiError;
use nats_api::jetstream::StreamConfig;
use nats_api::jetstream::advisory::Action;

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
        self.rules = Rules::new(&config, &self.environment)?;
        self.dedupe
            .set_window(u64::try_from(config.duplicate_window.0).unwrap_or(0));
        self.config = config;
        let bytes = self.store.state().bytes;
        self.store
            .set_limits(store_limits(&self.config), &mut self.removals)
            .map_err(store_failed)?;
        self.after_removals(cx, bytes, out);
        self.announce(Action::Modify, cx, out);
        Ok(())
    }
}
