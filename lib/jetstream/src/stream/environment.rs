//! What a stream knows about the server it lives on.

use crate::limits;

/// Settings that do not change while a stream lives; a reload makes a new one.
#[derive(Debug, Clone)]
pub struct Environment {
    pub account: Box<str>,
    /// Empty when the server has none.
    pub domain: Box<str>,
    /// What answers show as `_nats.ver`.
    pub version: Box<str>,
    /// The largest message that a client may publish, bytes.
    pub max_payload: usize,
    pub batches: BatchLimits,
    /// Acknowledgement subjects are written in their second form, with domain and account.
    pub ack_v2: bool,
}

/// Bounds of batches, from the options `max_batch_inflight_per_stream`, `max_batch_size` and `max_batch_timeout`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    pub atomic_per_stream: usize,
    pub fast_per_stream: usize,
    /// Messages of an atomic batch.
    pub size: u64,
    /// Nanoseconds without a message after which a batch is given up.
    pub timeout: u64,
}

impl Default for BatchLimits {
    fn default() -> Self {
        Self {
            atomic_per_stream: limits::ATOMIC_BATCHES_PER_STREAM_MAX,
            fast_per_stream: limits::FAST_BATCHES_PER_STREAM_MAX,
            size: limits::BATCH_SIZE_MAX,
            timeout: limits::BATCH_TIMEOUT,
        }
    }
}

impl Default for Environment {
    fn default() -> Self {
        Self {
            account: "$G".into(),
            domain: "".into(),
            version: "".into(),
            max_payload: 1024 * 1024,
            batches: BatchLimits::default(),
            ack_v2: false,
        }
    }
}
