//! When a stream takes nothing: why, and what still goes.

use std::sync::Arc;

use super::stream::FileStream;
use crate::error::StoreError;
use crate::limits::UNWRITTEN_MAX;

impl FileStream {
    /// Nothing of the stream changes any more, here or on the disk: what `error` kept from being read may be read by another opening.
    pub(super) fn fence(&mut self, error: &StoreError) {
        self.is_fenced = true;
        let mut upkeep = self.upkeep.lock();
        upkeep.failed.get_or_insert_with(|| {
            StoreError::Frozen(Arc::from(format!(
                "{error}; nothing of the stream changes until the server starts again and can read it"
            )))
        });
    }

    /// Why nothing changes at all, not even in memory.
    pub(super) fn refuse_fenced(&self) -> Result<(), StoreError> {
        match self.is_fenced {
            true => self.refuse_all(),
            false => Ok(()),
        }
    }

    /// Why nothing can be removed at the moment: it is not known what the files hold.
    pub(super) fn refuse_all(&self) -> Result<(), StoreError> {
        match &self.upkeep.lock().failed {
            Some(failed) => Err(failed.clone()),
            None => Ok(()),
        }
    }

    /// Why nothing can be written at the moment.
    pub(super) fn refuse(&self) -> Result<(), StoreError> {
        self.refuse_all()?;
        match &self.fault {
            Some(fault) if self.unwritten_bytes > UNWRITTEN_MAX => Err(fault.clone()),
            _ => Ok(()),
        }
    }
}
