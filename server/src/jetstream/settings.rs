//! What JetStream is told about the server it runs in.

use std::path::PathBuf;

use nats_jetstream::config::consumer::ServerLimits;
use nats_jetstream::stream::BatchLimits;

use nats_store::crypt::{Cipher, Key};

use crate::options::{
    JetStream, JetStreamLimits, Options, Secret, StoreCipher, StoreSize, SyncPolicy,
};

/// Requests that may wait for the API.
const REQUEST_QUEUE_LIMIT: usize = 10_000;
/// Messages and bytes that may wait for a stream.
const BUFFERED_MESSAGES: usize = 100_000;
const BUFFERED_BYTES: usize = 128 << 20;
/// Share of the machine's memory for memory streams when the configuration does not say.
const MEMORY_SHARE: (u64, u64) = (3, 4);
/// When the machine does not tell.
const MEMORY_UNKNOWN: u64 = 256 << 20;
const DISK_UNKNOWN: u64 = 1 << 40;
/// Consumers of a stream when nobody says how many.
const DEFAULT_MAX_CONSUMERS: i64 = 1_000;
/// Open batches of a server.
const BATCHES_MAX: usize = 1_000;
const FAST_BATCHES_MAX: usize = 50_000;

/// Immutable for the life of a [`super::JetStream`].
#[derive(Debug, Clone)]
pub struct Settings {
    pub server_name: String,
    pub server_id: String,
    pub version: String,
    pub domain: Option<String>,
    pub store_dir: PathBuf,
    pub sync: SyncPolicy,
    pub max_memory: u64,
    pub max_file: u64,
    /// Both of these stand in the configuration.
    pub is_sized: bool,
    /// What is written is sealed under this.
    pub key: Option<Key>,
    /// What was sealed under this is read, and sealed anew.
    pub previous_key: Option<Key>,
    /// Refuse requests with unknown fields.
    pub strict: bool,
    pub max_payload: usize,
    pub request_queue_limit: usize,
    pub info_queue_limit: usize,
    pub buffered_messages: usize,
    pub buffered_bytes: usize,
    /// Nanoseconds; zero is no limit.
    pub duplicate_window_max: i64,
    pub batches: BatchLimits,
    pub atomic_batches_max: usize,
    pub fast_batches_max: usize,
    pub consumers: ServerLimits,
    /// Acknowledgement subjects are written in their second form, with domain and account.
    pub ack_v2: bool,
    /// Threads that run streams.
    pub workers: usize,
}

impl Settings {
    /// Reads the options.
    pub fn new(options: &Options, server_name: &str, server_id: &str, version: &str) -> Self {
        let js = &options.jetstream;
        let store_dir = options
            .store_dir
            .clone()
            .unwrap_or_else(|| std::env::temp_dir().join("nats"))
            .join("jetstream");
        let count = |limit: Option<u64>, default: usize| {
            limit.map_or(default, |n| usize::try_from(n).unwrap_or(usize::MAX))
        };
        let total = js.limits.batch.max_inflight_total;
        let total = total.and_then(|n| u64::try_from(n).ok()).filter(|n| *n > 0);
        let requests = count(js.request_queue_limit, REQUEST_QUEUE_LIMIT);
        let window = js.limits.duplicate_window.unwrap_or_default();
        let workers = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            server_name: server_name.to_owned(),
            server_id: server_id.to_owned(),
            version: version.to_owned(),
            domain: js.domain.clone(),
            sync: js.sync,
            is_sized: [js.max_memory_store, js.max_file_store]
                .iter()
                .all(|size| matches!(size, StoreSize::Bytes(bytes) if *bytes > 0)),
            max_memory: match js.max_memory_store {
                StoreSize::Bytes(bytes) => bytes,
                StoreSize::Automatic => machine_memory() / MEMORY_SHARE.1 * MEMORY_SHARE.0,
            },
            max_file: match js.max_file_store {
                StoreSize::Bytes(bytes) => bytes,
                StoreSize::Automatic => free_disk(&store_dir),
            },
            store_dir,
            key: key_of(js, &js.key),
            previous_key: key_of(js, &js.prev_key),
            strict: js.strict,
            max_payload: options
                .limits
                .max_payload
                .map_or(usize::MAX, |n| n as usize),
            request_queue_limit: requests,
            info_queue_limit: count(js.info_queue_limit, requests),
            buffered_messages: count(js.max_buffered_msgs, BUFFERED_MESSAGES),
            buffered_bytes: count(js.max_buffered_size, BUFFERED_BYTES),
            duplicate_window_max: i64::try_from(window.as_nanos()).unwrap_or(i64::MAX),
            batches: batch_limits(options),
            atomic_batches_max: count(total, BATCHES_MAX),
            fast_batches_max: count(total, FAST_BATCHES_MAX),
            consumers: ServerLimits {
                max_ack_pending: js.limits.max_ack_pending.unwrap_or(0),
                max_request_batch: js.limits.max_request_batch.unwrap_or(0),
                default_max_consumers: default_max_consumers(&js.limits),
            },
            ack_v2: options
                .feature_flags
                .get("js_ack_fc_v2")
                .is_some_and(|on| *on),
            workers,
        }
    }
}

/// Consumers of a stream when nobody says how many; negative is any number.
pub fn default_max_consumers(limits: &JetStreamLimits) -> i64 {
    match limits.default_max_consumers {
        None | Some(0) => DEFAULT_MAX_CONSUMERS,
        Some(given) => given,
    }
}

fn batch_limits(options: &Options) -> BatchLimits {
    let (given, defaults) = (&options.jetstream.limits.batch, BatchLimits::default());
    // One limit for both kinds; what is not set has a default for each.
    let per_stream = |default: usize| {
        let given = given.max_inflight_per_stream.filter(|n| *n > 0);
        given.map_or(default, |n| usize::try_from(n).unwrap_or(0))
    };
    BatchLimits {
        atomic_per_stream: per_stream(defaults.atomic_per_stream),
        fast_per_stream: per_stream(defaults.fast_per_stream),
        size: given
            .max_msgs
            .map_or(defaults.size, |n| u64::try_from(n).unwrap_or(0)),
        timeout: given.timeout.map_or(defaults.timeout, |t| {
            u64::try_from(t.as_nanos()).unwrap_or(u64::MAX)
        }),
    }
}

/// A configured secret with its cipher, which is ChaCha20 where nothing else is said.
fn key_of(js: &JetStream, secret: &Secret) -> Option<Key> {
    let cipher = match js.cipher {
        Some(StoreCipher::Aes) => Cipher::Aes256Gcm,
        Some(StoreCipher::ChaCha) | None => Cipher::ChaCha20Poly1305,
    };
    (!secret.is_empty()).then(|| Key::from_secret(cipher, secret.reveal().as_bytes()))
}

fn machine_memory() -> u64 {
    let info = rustix::system::sysinfo();
    match u64::from(info.mem_unit).saturating_mul(info.totalram) {
        0 => MEMORY_UNKNOWN,
        bytes => bytes,
    }
}

/// Three quarters of the free space where the store is or will be.
fn free_disk(dir: &std::path::Path) -> u64 {
    let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.to_path_buf());
    let existing = dir.ancestors().find(|d| d.exists());
    let free = existing.and_then(|d| rustix::fs::statvfs(d).ok());
    free.map_or(DISK_UNKNOWN, |fs| {
        fs.f_bavail.saturating_mul(fs.f_frsize) / 4 * 3
    })
}
