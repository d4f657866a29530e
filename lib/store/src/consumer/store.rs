//! Where a consumer's changes go.

use super::{ConsumerDelta, ConsumerState};
use crate::error::StoreError;
use crate::store::Position;

/// Keeps what a consumer must not forget. One owner; nobody else writes.
pub trait ConsumerStore: Send {
    /// Takes changes, in order. They are durable when the log has committed [`ConsumerStore::staged`].
    ///
    /// # Errors
    /// Nothing was taken; the consumer goes on without (its deliveries may repeat after a crash) or stops, as its stream decides.
    fn stage(&mut self, deltas: &[ConsumerDelta]) -> Result<(), StoreError>;

    /// As [`crate::StreamStore::staged`].
    fn staged(&self) -> Option<Position>;

    /// True when so much was staged since the last checkpoint that another one is due.
    fn wants_checkpoint(&self) -> bool;

    /// Keeps the whole state, which is what all changes up to now come to, so that they need not be kept one by one.
    ///
    /// # Errors
    /// The old state and the changes are still there.
    fn checkpoint(&mut self, state: &ConsumerState) -> Result<(), StoreError>;
}

/// Forgets everything: for consumers that live in memory.
#[derive(Debug, Default, Clone, Copy)]
pub struct Forgetful;

impl ConsumerStore for Forgetful {
    fn stage(&mut self, _: &[ConsumerDelta]) -> Result<(), StoreError> {
        Ok(())
    }

    fn staged(&self) -> Option<Position> {
        None
    }

    fn wants_checkpoint(&self) -> bool {
        false
    }

    fn checkpoint(&mut self, _: &ConsumerState) -> Result<(), StoreError> {
        Ok(())
    }
}
