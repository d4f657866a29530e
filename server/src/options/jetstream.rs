//! The `jetstream` block.

use std::time::Duration;

use super::Secret;

/// Streams and consumers. `None` is the default of the subsystem.
#[derive(Clone, Debug, PartialEq)]
pub struct JetStream {
    /// Whether JetStream runs.
    pub enabled: bool,
    /// Refuse requests with unknown fields.
    pub strict: bool,
    /// When a write is on disk.
    pub sync: SyncPolicy,
    /// Memory for streams.
    pub max_memory_store: StoreSize,
    /// Disk for streams.
    pub max_file_store: StoreSize,
    /// Domain.
    pub domain: Option<String>,
    /// Key for encryption at rest.
    pub key: Secret,
    /// Former key.
    pub prev_key: Secret,
    /// Cipher for encryption at rest.
    pub cipher: Option<StoreCipher>,
    /// `extension_hint`: whether a leaf node's JetStream extends the hub's.
    pub extension_hint: Option<String>,
    /// Prefix of the server tag that must differ between the replicas of a stream, in lower case.
    pub unique_tag: Option<String>,
    /// Bytes on their way to a server that catches up.
    pub max_outstanding_catchup: Option<u64>,
    /// Messages that may wait for a stream.
    pub max_buffered_msgs: Option<u64>,
    /// Bytes that may wait for a stream.
    pub max_buffered_size: Option<u64>,
    /// API requests that may wait.
    pub request_queue_limit: Option<u64>,
    /// Info requests that may wait; `request_queue_limit` when absent.
    pub info_queue_limit: Option<u64>,
    /// Entries after which the meta log is compacted.
    pub meta_compact: Option<u64>,
    /// Bytes after which the meta log is compacted.
    pub meta_compact_size: Option<u64>,
    /// Compact it synchronously.
    pub meta_compact_sync: bool,
    /// File operations at once, 4 to 8192.
    pub max_concurrent_io: Option<u32>,
    /// Key in a trusted platform module.
    pub tpm: Option<Tpm>,
    /// Limits of every stream and consumer.
    pub limits: JetStreamLimits,
}

impl Default for JetStream {
    fn default() -> Self {
        Self {
            enabled: false,
            strict: true,
            sync: SyncPolicy::Default,
            max_memory_store: StoreSize::Automatic,
            max_file_store: StoreSize::Automatic,
            domain: None,
            key: Secret::default(),
            prev_key: Secret::default(),
            cipher: None,
            extension_hint: None,
            unique_tag: None,
            max_outstanding_catchup: None,
            max_buffered_msgs: None,
            max_buffered_size: None,
            request_queue_limit: None,
            info_queue_limit: None,
            meta_compact: None,
            meta_compact_size: None,
            meta_compact_sync: false,
            max_concurrent_io: None,
            tpm: None,
            limits: JetStreamLimits::default(),
        }
    }
}

/// When a write is on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SyncPolicy {
    /// Not configured.
    #[default]
    Default,
    /// Before every acknowledgement.
    Always,
    /// Every so often.
    Every(Duration),
}

/// How much may be stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StoreSize {
    /// A share of what the machine has.
    #[default]
    Automatic,
    /// This many bytes.
    Bytes(u64),
}

/// Cipher for encryption at rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreCipher {
    /// ChaCha20-Poly1305.
    ChaCha,
    /// AES-GCM.
    Aes,
}

/// Key in a trusted platform module.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tpm {
    /// File with the sealed keys.
    pub keys_file: String,
    /// Password of the key.
    pub encryption_password: Secret,
    /// Password of the storage root key.
    pub srk_password: Secret,
    /// Platform configuration register.
    pub pcr: i64,
}

/// Limits of every stream and consumer; `None` is the default of the subsystem.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JetStreamLimits {
    /// Unacknowledged messages of a consumer.
    pub max_ack_pending: Option<i64>,
    /// Replicated streams and consumers on one server.
    pub max_ha_assets: Option<i64>,
    /// Messages that one pull request may ask for.
    pub max_request_batch: Option<i64>,
    /// Longest duplicate window.
    pub duplicate_window: Option<Duration>,
    /// Atomic batches.
    pub batch: BatchLimits,
}

/// Limits of atomic batches; `None` is the default of the subsystem.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchLimits {
    /// Open batches per stream.
    pub max_inflight_per_stream: Option<i64>,
    /// Open batches in all.
    pub max_inflight_total: Option<i64>,
    /// Messages in a batch.
    pub max_msgs: Option<i64>,
    /// How long a batch may stay open.
    pub timeout: Option<Duration>,
}
