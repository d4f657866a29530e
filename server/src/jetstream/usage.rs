//! What accounts use of the server's memory and disk, and what they may.
//!
//! Streams on several threads add to the same figures; everything here is an atomic or immutable.

use std::collections::BTreeMap;
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

/// The most replicas of a stream.
const REPLICAS_MAX: usize = 5;

/// Bytes by the number of replicas of their streams.
#[derive(Debug, Default)]
pub struct BytesByReplicas([Bytes; REPLICAS_MAX]);

impl BytesByReplicas {
    /// Of the streams with so many replicas.
    pub fn of(&self, replicas: i64) -> &Bytes {
        let at = usize::try_from(replicas)
            .unwrap_or(0)
            .clamp(1, REPLICAS_MAX)
            - 1;
        &self.0[at]
    }

    /// Of all streams.
    pub fn get(&self, storage: Storage) -> u64 {
        self.0.iter().map(|bytes| bytes.get(storage)).sum()
    }
}

/// What an account may use: all of its streams together, or those with one number of replicas.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tiers(BTreeMap<String, AccountLimits>);

impl Tiers {
    /// By names: `R1` to `R5`, or the empty name for everything together, which wins.
    pub fn new(limits: BTreeMap<String, AccountLimits>) -> Self {
        Self(limits)
    }

    /// The account has no JetStream.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The limits for everything together.
    pub fn whole(&self) -> Option<&AccountLimits> {
        self.0.get("")
    }

    /// The limits that streams with so many replicas are under; `None` when the account may have none of these.
    pub fn of(&self, replicas: i64) -> Option<&AccountLimits> {
        self.whole().or_else(|| self.0.get(&tier_name(replicas)))
    }

    /// The most bytes of all tiers together; a tier without a limit promises nothing.
    fn promised(&self, storage: Storage) -> u64 {
        let each = self.0.values().filter_map(|limits| most(limits, storage));
        each.fold(0, u64::saturating_add)
    }

    /// All of them by their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &AccountLimits)> {
        self.0.iter().map(|(name, limits)| (name.as_str(), limits))
    }
}

/// `R1`, `R3`.
pub fn tier_name(replicas: i64) -> String {
    format!("R{}", replicas.max(1))
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
    pub used: BytesByReplicas,
    pub reserved: BytesByReplicas,
    tiers: ArcSwap<Tiers>,
    pub server: Arc<ServerUsage>,
}

impl AccountUsage {
    pub fn new(tiers: Tiers, server: Arc<ServerUsage>) -> Arc<Self> {
        Arc::new(Self {
            used: BytesByReplicas::default(),
            reserved: BytesByReplicas::default(),
            tiers: ArcSwap::from_pointee(tiers),
            server,
        })
    }

    pub fn tiers(&self) -> Arc<Tiers> {
        self.tiers.load_full()
    }

    pub fn set_tiers(&self, tiers: Tiers) {
        self.tiers.store(Arc::new(tiers));
    }

    /// The limits that streams with so many replicas are under.
    ///
    /// # Errors
    /// The account may have none of these (10120).
    pub fn limits(&self, replicas: i64) -> Result<AccountLimits, ApiError> {
        let tiers = self.tiers.load();
        let limits = tiers.of(replicas).copied();
        limits.ok_or_else(|| ApiError::NO_LIMITS.error())
    }

    /// What counts against the limits of streams with so many replicas.
    fn counted(&self, bytes: &BytesByReplicas, replicas: i64, storage: Storage) -> u64 {
        match self.tiers.load().whole() {
            Some(_) => bytes.get(storage),
            None => bytes.of(replicas).get(storage),
        }
    }

    /// Whether the server has room for what these limits promise the account beside what it promised the others. Lower limits than
    /// the account has are always possible.
    ///
    /// # Errors
    /// 10028 or 10047: it has none.
    pub fn can_promise(&self, tiers: &Tiers, others: &[Arc<Self>]) -> Result<(), ApiError> {
        for storage in [Storage::Memory, Storage::File] {
            let promised = tiers.promised(storage);
            if promised == 0 || promised <= self.tiers().promised(storage) {
                continue;
            }
            let sum = |of: fn(&Self, Storage) -> u64| {
                let each = others.iter().map(|other| of(other, storage));
                each.fold(promised, u64::saturating_add)
            };
            let to_accounts = sum(|other, storage| other.tiers().promised(storage));
            let to_streams = sum(|other, storage| other.reserved.get(storage));
            if to_accounts.max(to_streams) > self.server.max(storage) {
                return Err(exceeded(storage));
            }
        }
        Ok(())
    }

    /// Promises a stream its `max_bytes`, or takes the promise back.
    pub fn reserve(&self, config: &StreamConfig, sign: i64) {
        let (storage, bytes) = (storage_of(config), config.max_bytes.max(0));
        let of_account = self.reserved.of(config.num_replicas);
        for reserved in [of_account, &self.server.reserved] {
            reserved.add(storage, bytes.saturating_mul(sign));
        }
    }

    /// Whether a stream like this may be promised its `max_bytes`, of which `given` are promised to it already.
    ///
    /// # Errors
    /// 10028 or 10047 when account or server have no room, 10120 when the account may have no such stream, 10026 when it wants more
    /// consumers than the account may have.
    pub fn can_reserve(&self, config: &StreamConfig, given: u64) -> Result<(), ApiError> {
        let storage = storage_of(config);
        let limits = self.limits(config.num_replicas)?;
        if limits.max_consumers > 0 && config.max_consumers > limits.max_consumers {
            return Err(ApiError::MAXIMUM_CONSUMERS_LIMIT.error());
        }
        // A stream that may grow without bounds needs some room.
        let bytes = u64::try_from(config.max_bytes).unwrap_or(1);
        let max = most(&limits, storage);
        let reserved = self.counted(&self.reserved, config.num_replicas, storage);
        let account = reserved.saturating_sub(given).saturating_add(bytes);
        let on_server = self.server.reserved.get(storage).saturating_sub(given);
        let is_too_much = max.is_some_and(|max| account > max)
            || on_server.saturating_add(bytes) > self.server.max(storage);
        match is_too_much {
            false => Ok(()),
            true => Err(exceeded(storage)),
        }
    }
}

/// There is no room in this storage: 10028 or 10047.
fn exceeded(storage: Storage) -> ApiError {
    match storage {
        Storage::Memory => ApiError::MEMORY_RESOURCES_EXCEEDED.error(),
        Storage::File => ApiError::STORAGE_RESOURCES_EXCEEDED.error(),
    }
}

/// The most bytes that these limits allow in a storage; `None` is any number.
fn most(limits: &AccountLimits, storage: Storage) -> Option<u64> {
    let max = match storage {
        Storage::Memory => limits.max_memory,
        Storage::File => limits.max_storage,
    };
    u64::try_from(max).ok()
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
    pub replicas: i64,
}

impl Quota for StreamQuota {
    fn admit_any(&self) -> Result<(), ApiError> {
        match self.usage.server.is_exceeded(self.storage) {
            true => Err(ApiError::INSUFFICIENT_RESOURCES.error()),
            false => Ok(()),
        }
    }

    fn admit(&self, bytes: u64) -> Result<(), ApiError> {
        let usage = &self.usage;
        let Some(max) = most(&usage.limits(self.replicas)?, self.storage) else {
            return Ok(());
        };
        let used = usage.counted(&usage.used, self.replicas, self.storage);
        match used.saturating_add(bytes) > max {
            true => Err(ApiError::ACCOUNT_RESOURCES_EXCEEDED.error()),
            false => Ok(()),
        }
    }

    fn resized(&self, from: u64, to: u64) {
        let delta = i64::try_from(i128::from(to) - i128::from(from)).unwrap_or(0);
        self.usage.used.of(self.replicas).add(self.storage, delta);
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
    /// Whether a stream that is being restored may have `bytes` more.
    ///
    /// # Errors
    /// 10028 or 10047 when account or server have no room, 10120 when the account may have no such stream.
    pub fn admit_restored(&self, bytes: u64) -> Result<(), ApiError> {
        self.usage.limits(self.replicas)?;
        let admitted = self.admit_any().and_then(|()| self.admit(bytes));
        admitted.map_err(|_| exceeded(self.storage))
    }

    fn batches(&self, kind: BatchKind) -> (&AtomicUsize, usize) {
        let server = &self.usage.server;
        match kind {
            BatchKind::Atomic => (&server.atomic_batches, server.atomic_batches_max),
            BatchKind::Fast => (&server.fast_batches, server.fast_batches_max),
        }
    }
}
