//! Where a restored stream is until it is one.

use nats_api::errors::ApiError;
use nats_jetstream::archive::Shelf;
use nats_jetstream::stream::Quota;
use nats_store::catalog::Restoring;
use nats_store::{Limits, MemoryStore, StoreError, StreamStore};

use crate::jetstream::usage::StreamQuota;

/// Bytes after which what came is made durable and its files are closed.
const KEEP_UP_BYTES: u64 = 256 << 20;

/// Messages that nobody sees yet. They count for the account meanwhile; dropped, they are gone.
pub struct Filling {
    pub place: Place,
    quota: StreamQuota,
    /// What the account is charged with.
    charged: u64,
    since: u64,
}

/// A file store or a memory store.
pub enum Place {
    File(Box<Restoring>),
    Memory(Box<MemoryStore>),
}

impl Filling {
    pub fn in_files(restoring: Restoring, quota: StreamQuota) -> Self {
        Self::new(Place::File(Box::new(restoring)), quota)
    }

    pub fn in_memory(quota: StreamQuota) -> Self {
        Self::new(
            Place::Memory(Box::new(MemoryStore::new(Limits::default()))),
            quota,
        )
    }

    fn new(place: Place, quota: StreamQuota) -> Self {
        Self {
            place,
            quota,
            charged: 0,
            since: 0,
        }
    }

    /// The messages, no longer charged: the stream will see to that.
    pub fn take(mut self) -> Place {
        self.discharge();
        let nothing = Place::Memory(Box::new(MemoryStore::new(Limits::default())));
        std::mem::replace(&mut self.place, nothing)
    }

    fn discharge(&mut self) {
        self.quota.resized(std::mem::take(&mut self.charged), 0);
    }
}

impl Shelf for Filling {
    fn store(&mut self) -> Result<&mut dyn StreamStore, StoreError> {
        Ok(match &mut self.place {
            Place::File(restoring) => restoring.store()?,
            Place::Memory(store) => &mut **store,
        })
    }

    fn admit(&mut self, bytes: u64) -> Result<(), ApiError> {
        self.quota.admit_restored(bytes)?;
        let charged = self.charged.saturating_add(bytes);
        self.quota.resized(self.charged, charged);
        self.charged = charged;
        Ok(())
    }

    fn stored(&mut self, bytes: u64) -> Result<(), StoreError> {
        self.since = self.since.saturating_add(bytes);
        match &mut self.place {
            Place::File(restoring) if self.since > KEEP_UP_BYTES => {
                self.since = 0;
                restoring.keep_up()
            }
            _ => Ok(()),
        }
    }
}

impl Drop for Filling {
    fn drop(&mut self) {
        self.discharge();
    }
}
