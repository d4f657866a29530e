//! What a store is told to be, the stream that this means, and how it is.

use std::collections::BTreeMap;
use std::time::Duration;

use nats_api::jetstream::{Compression, Discard, Placement, Storage, StreamConfig, StreamInfo};
use nats_api::time::Nanos;

use super::STREAM_PREFIX;
use crate::jetstream::error::JetStreamError;
use crate::jetstream::kv::is_bucket_name;

/// A store's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectStoreConfig {
    pub bucket: String,
    pub description: String,
    /// How long an object lives; zero for ever.
    pub ttl: Duration,
    /// Largest size of the whole store in bytes; -1 for no bound.
    pub max_bytes: i64,
    pub storage: Storage,
    pub replicas: i64,
    pub placement: Option<Placement>,
    pub compression: bool,
    pub metadata: BTreeMap<String, String>,
}

impl Default for ObjectStoreConfig {
    fn default() -> Self {
        Self {
            bucket: String::new(),
            description: String::new(),
            ttl: Duration::ZERO,
            max_bytes: -1,
            storage: Storage::File,
            replicas: 1,
            placement: None,
            compression: false,
            metadata: BTreeMap::new(),
        }
    }
}

impl ObjectStoreConfig {
    /// The stream that holds the store.
    ///
    /// # Errors
    /// A name that no store can have.
    pub fn stream(&self) -> Result<StreamConfig, JetStreamError> {
        check_bucket(&self.bucket)?;
        Ok(StreamConfig {
            name: format!("{STREAM_PREFIX}{}", self.bucket),
            description: self.description.clone(),
            subjects: vec![
                format!("$O.{}.C.>", self.bucket),
                format!("$O.{}.M.>", self.bucket),
            ],
            max_consumers: -1,
            max_msgs: -1,
            max_bytes: if self.max_bytes == 0 {
                -1
            } else {
                self.max_bytes
            },
            max_age: Nanos::from(self.ttl),
            max_msgs_per_subject: -1,
            max_msg_size: -1,
            discard: Discard::New,
            storage: self.storage,
            num_replicas: self.replicas.max(1),
            placement: self.placement.clone(),
            compression: if self.compression {
                Compression::S2
            } else {
                Compression::None
            },
            allow_direct: true,
            allow_rollup_hdrs: true,
            metadata: self.metadata.clone(),
            ..StreamConfig::default()
        })
    }
}

pub(super) fn check_bucket(name: &str) -> Result<(), JetStreamError> {
    if is_bucket_name(name) {
        return Ok(());
    }
    Err(JetStreamError::Name {
        what: "object store",
        name: name.to_owned(),
        problem: "letters, digits, '-' and '_' only",
    })
}

/// A store as a whole.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectStoreStatus {
    pub bucket: String,
    pub description: String,
    pub ttl: Duration,
    pub storage: Storage,
    pub replicas: i64,
    pub sealed: bool,
    /// Bytes of everything in it, what is known about objects included.
    pub size: u64,
    pub compression: bool,
    pub metadata: BTreeMap<String, String>,
    pub stream: StreamInfo,
}

impl ObjectStoreStatus {
    pub(super) fn of(stream: StreamInfo) -> Self {
        let config = &stream.config;
        let bucket = config.name.strip_prefix(STREAM_PREFIX);
        Self {
            bucket: bucket.unwrap_or(&config.name).to_owned(),
            description: config.description.clone(),
            ttl: config.max_age.into(),
            storage: config.storage,
            replicas: config.num_replicas,
            sealed: config.sealed,
            size: stream.state.bytes,
            compression: config.compression != Compression::None,
            metadata: config.metadata.clone(),
            stream,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_the_stream_that_the_design_record_says() {
        let config = ObjectStoreConfig {
            bucket: "MY-STORE".into(),
            compression: true,
            ..ObjectStoreConfig::default()
        };
        let stream = config.stream().unwrap();
        assert_eq!(stream.name, "OBJ_MY-STORE");
        assert_eq!(stream.subjects, ["$O.MY-STORE.C.>", "$O.MY-STORE.M.>"]);
        assert_eq!(stream.discard, Discard::New);
        assert!(stream.allow_rollup_hdrs && stream.allow_direct);
        assert_eq!(stream.compression, Compression::S2);
        let bad = ObjectStoreConfig {
            bucket: "a.b".into(),
            ..ObjectStoreConfig::default()
        };
        assert!(bad.stream().is_err());
    }
}
