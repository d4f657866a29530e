//! What accounts use of the server's memory and disk, and what they may.
//!
//! Streams on several threads add to the same figures; everything here is an atomic or immutable.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use nats_api::errors::ApiError;
use nats_api::jetstream::{AccountLimits, StreamConfig};
use nats_jetstream::stream::{BatchKind, Quota};
use nats_store::Storage;

/// Bytes by storage.
#[derive(Debug, Default)]
pub struct Bytes {
    memory: AtomicI64,
    file: AtomicI64,
}

impl Bytes {
    fn of(&self, storage: Storage) -> &AtomicI64 {
        match storage {
            Storage::Memory => &self.memory,
            Storage::File => &self.file,
        }
    }

    pub fn get(&self, storage: Storage) -> u64 {
        u64::try_from(self.of(storage).load(Ordering::Relaxed)).unwrap_or(0)
    }

    pub fn add(&self, storage: Storage, delta: i64) {
        self.of(storage).fetch_add(delta, Ordering::Relaxed);
    }
}

/// What the whole server may use and uses.
#[derive(Debug, Default)]
pub struct ServerUsage {
    pub used: Bytes,
    /// What streams with `max_bytes` have been promised.
    pub reserved: Bytes,
    pub max_memory: u64,
    pub max_file: u64,
    /// Open batches of all streams.
    pub atomic_batches: AtomicUsize,
    pub fast_batches: AtomicUsize,
    pub atomic_batches_max: usize,
    pub fast_batches_max: usize,
}

impl ServerUsage {
    pub fn max(&self, storage: Storage) -> u64 {
        match storage {
            Storage::Memory => self.max_memory,
            Storage::File => self.max_file,
        }
    }

    fn is_exceeded(&self, storage: Storage) -> bool {
        self.used.get(storage) > self.max(storage)
    }
}

/// What one account uses and may use.
#[derive(Debug)]
pub struct AccountUsage {
    pub used: Bytes,
    pub reserved: Bytes,
    limits: ArcSwap<AccountLimits>,
    pub server: Arc<ServerUsage>,
}

impl AccountUsage {
    pub fn new(limits: AccountLimits, server: Arc<ServerUsage>) -> Arc<Self> {
        Arc::new(Self {
            used: Bytes::default(),
            reserved: Bytes::default(),
            limits: ArcSwap::from_pointee(limits),
            server,
        })
    }

    pub fn limits(&self) -> Arc<AccountLimits> {
        self.limits.load_full()
    }

    pub fn set_limits(&self, limits: AccountLimits) {
        self.limits.store(Arc::new(limits));
    }

    /// The most that the account may keep in this storage; `None` is any.
    fn max(&self, storage: Storage) -> Option<u64> {
        let limits = self.limits.load();
        let max = match storage {
            Storage::Memory => limits.max_memory,
            Storage::File => limits.max_storage,
        };
        u64::try_from(max).ok()
    }

    /// Promises a stream its `max_bytes`, or takes the promise back.
    pub fn reserve(&self, config: &StreamConfig, sign: i64) {
        let (storage, bytes) = (storage_of(config), config.max_bytes.max(0));
        for reserved in [&self.reserved, &self.server.reserved] {
            reserved.add(storage, bytes.saturating_mul(sign));
        }
    }

    /// Whether `bytes` more may be promised, of which `given` are promised already.
    ///
    /// # Errors
    /// 10002 when the account has no room, 10028 or 10047 when the server has none.
    pub fn can_reserve(&self, storage: Storage, bytes: u64, given: u64) -> Result<(), ApiError> {
        let more = bytes.saturating_sub(given);
        let account = self
            .reserved
            .get(storage)
            .max(self.used.get(storage))
            .saturating_add(more);
        if self.max(storage).is_some_and(|max| account > max) {
            return Err(match storage {
                Storage::Memory => ApiError::ACCOUNT_RESOURCES_EXCEEDED.error(),
                Storage::File => ApiError::ACCOUNT_RESOURCES_EXCEEDED.error(),
            });
        }
        if self.server.reserved.get(storage).saturating_add(more) > self.server.max(storage) {
            return Err(match storage {
                Storage::Memory => ApiError::MEMORY_RESOURCES_EXCEEDED.error(),
                Storage::File => ApiError::STORAGE_RESOURCES_EXCEEDED.error(),
            });
        }
        Ok(())
    }
}

/// Where a stream's messages are kept.
pub fn storage_of(config: &StreamConfig) -> Storage {
    match config.storage {
        nats_api::jetstream::Storage::File => Storage::File,
        nats_api::jetstream::Storage::Memory => Storage::Memory,
    }
}

/// One stream's share of its account's room.
pub struct StreamQuota {
    pub usage: Arc<AccountUsage>,
    pub storage: Storage,
}

impl Quota for StreamQuota {
    fn admit_any(&self) -> Result<(), ApiError> {
        match self.usage.server.is_exceeded(self.storage) {
            true => Err(ApiError::INSUFFICIENT_RESOURCES.error()),
            false => Ok(()),
        }
    }

    fn admit(&self, bytes: u64) -> Result<(), ApiError> {
        let wanted = self.usage.used.get(self.storage).saturating_add(bytes);
        match self.usage.max(self.storage) {
            Some(max) if wanted > max => Err(ApiError::ACCOUNT_RESOURCES_EXCEEDED.error()),
            _ => Ok(()),
        }
    }

    fn resized(&self, from: u64, to: u64) {
        let delta = i64::try_from(i128::from(to) - i128::from(from)).unwrap_or(0);
        self.usage.used.add(self.storage, delta);
        self.usage.server.used.add(self.storage, delta);
    }

    fn open_batch(&self, kind: BatchKind) -> bool {
        let (open, max) = self.batches(kind);
        open.fetch_update(Ordering::AcqRel, Ordering::Relaxed, |n| {
            (n < max).then_some(n + 1)
        })
        .is_ok()
    }

    fn close_batch(&self, kind: BatchKind) {
        let (open, _) = self.batches(kind);
        open.fetch_sub(1, Ordering::AcqRel);
    }
}

impl StreamQuota {
    fn batches(&self, kind: BatchKind) -> (&AtomicUsize, usize) {
        let server = &self.usage.server;
        match kind {
            BatchKind::Atomic => (&server.atomic_batches, server.atomic_batches_max),
            BatchKind::Fast => (&server.fast_batches, server.fast_batches_max),
        }
    }
}
