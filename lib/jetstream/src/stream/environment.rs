//! What a stream knows about the server it lives on.

use std::time::Duration;

use nats_api::jetstream::{PersistMode, Storage, StreamConfig};

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
    /// How often files are synced, where that is not done before every acknowledgement.
    pub sync_every: Option<Duration>,
}

impl Environment {
    /// What an acknowledgement of this stream promises.
    pub fn durability(&self, config: &StreamConfig) -> String {
        match (config.storage, config.persist_mode, self.sync_every) {
            (Storage::Memory, _, _) => {
                "in memory: messages are gone when the server stops".to_owned()
            }
            (_, PersistMode::Async, _) => {
                "acknowledged before they are written: a crash loses the latest messages".to_owned()
            }
            (_, _, None) => "on disk before they are acknowledged".to_owned(),
            (_, _, Some(every)) => format!(
                "written before they are acknowledged, synced to disk every {every:?}: a crash of the machine loses what came since"
            ),
        }
    }
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
            sync_every: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_says_what_an_acknowledgement_promises() {
        let synced = Environment::default();
        let now_and_then = Environment {
            sync_every: Some(Duration::from_secs(120)),
            ..Environment::default()
        };
        let file = StreamConfig::default();
        let memory = StreamConfig {
            storage: Storage::Memory,
            ..StreamConfig::default()
        };
        let unwritten = StreamConfig {
            persist_mode: PersistMode::Async,
            ..StreamConfig::default()
        };
        let table = [
            (&synced, &file, "on disk before"),
            (&now_and_then, &file, "every 120s: a crash of the machine"),
            (&synced, &unwritten, "acknowledged before they are written"),
            (&synced, &memory, "in memory"),
            (&now_and_then, &memory, "in memory"),
        ];
        for (environment, config, words) in table {
            let said = environment.durability(config);
            assert!(said.contains(words), "{said}");
        }
    }
}
