//! What a bucket is told to be, and the stream that this means.

use std::collections::BTreeMap;
use std::time::Duration;

use nats_api::jetstream::{
    Compression, Discard, Placement, Republish, Storage, StreamConfig, StreamSource,
    SubjectTransform,
};
use nats_api::time::Nanos;

use super::{HISTORY_MAX, STREAM_PREFIX, check_bucket};
use crate::jetstream::error::JetStreamError;

/// A bucket's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KvConfig {
    pub bucket: String,
    pub description: String,
    /// Values of one key that are kept, 1 to 64.
    pub history: i64,
    /// How long a value lives; zero for ever.
    pub ttl: Duration,
    /// Largest value in bytes; -1 for no bound.
    pub max_value_size: i32,
    /// Largest size of the whole bucket in bytes; -1 for no bound.
    pub max_bytes: i64,
    pub storage: Storage,
    pub replicas: i64,
    pub placement: Option<Placement>,
    pub republish: Option<Republish>,
    /// A bucket (or stream) of which this one is a copy.
    pub mirror: Option<StreamSource>,
    /// Buckets (or streams) that this one gathers from. Without transforms of its own a source is a bucket, and its keys keep
    /// their names.
    pub sources: Vec<StreamSource>,
    pub compression: bool,
    /// Keys that time out leave a marker for watchers, for this long; at least a second. Allows values with a life of
    /// their own, too.
    pub limit_marker_ttl: Option<Duration>,
    pub metadata: BTreeMap<String, String>,
}

impl Default for KvConfig {
    fn default() -> Self {
        Self {
            bucket: String::new(),
            description: String::new(),
            history: 1,
            ttl: Duration::ZERO,
            max_value_size: -1,
            max_bytes: -1,
            storage: Storage::File,
            replicas: 1,
            placement: None,
            republish: None,
            mirror: None,
            sources: Vec::new(),
            compression: false,
            limit_marker_ttl: None,
            metadata: BTreeMap::new(),
        }
    }
}

/// A duplicate window is never longer than this by itself.
const DUPLICATES: Duration = Duration::from_secs(120);

impl KvConfig {
    /// The stream that holds the bucket.
    ///
    /// # Errors
    /// A name or number that no bucket can have.
    pub fn stream(&self) -> Result<StreamConfig, JetStreamError> {
        check_bucket(&self.bucket)?;
        if !(1..=HISTORY_MAX).contains(&self.history) {
            return Err(JetStreamError::Argument(format!(
                "history is 1 to {HISTORY_MAX}, not {}",
                self.history
            )));
        }
        let mut config = StreamConfig {
            name: format!("{STREAM_PREFIX}{}", self.bucket),
            description: self.description.clone(),
            max_consumers: -1,
            max_msgs: -1,
            max_bytes: if self.max_bytes == 0 {
                -1
            } else {
                self.max_bytes
            },
            max_age: Nanos::from(self.ttl),
            max_msgs_per_subject: self.history,
            max_msg_size: if self.max_value_size == 0 {
                -1
            } else {
                self.max_value_size
            },
            discard: Discard::New,
            storage: self.storage,
            num_replicas: self.replicas.max(1),
            placement: self.placement.clone(),
            republish: self.republish.clone(),
            allow_rollup_hdrs: true,
            deny_delete: true,
            allow_direct: true,
            metadata: self.metadata.clone(),
            ..StreamConfig::default()
        };
        if self.compression {
            config.compression = Compression::S2;
        }
        if let Some(ttl) = self.limit_marker_ttl {
            config.allow_msg_ttl = true;
            config.subject_delete_marker_ttl = Nanos::from(ttl);
        }
        match &self.mirror {
            Some(mirror) => {
                config.mirror = Some(StreamSource {
                    name: stream_of(&mirror.name),
                    ..mirror.clone()
                });
                config.mirror_direct = true;
            }
            None => {
                config.subjects = vec![format!("$KV.{}.>", self.bucket)];
                config.sources = self.sources.iter().map(|s| self.source(s)).collect();
                // Not longer than values live.
                let window = if self.ttl.is_zero() {
                    DUPLICATES
                } else {
                    self.ttl.min(DUPLICATES)
                };
                config.duplicate_window = Nanos::from(window);
            }
        }
        Ok(config)
    }

    /// Another bucket's keys keep their names here.
    fn source(&self, source: &StreamSource) -> StreamSource {
        if !source.subject_transforms.is_empty() {
            return source.clone();
        }
        let name = stream_of(&source.name);
        let bucket = name.strip_prefix(STREAM_PREFIX).unwrap_or_default();
        let filter = match source.filter_subject.as_str() {
            "" => format!("$KV.{bucket}.>"),
            filter => filter.to_owned(),
        };
        StreamSource {
            subject_transforms: vec![SubjectTransform {
                src: filter,
                dest: format!("$KV.{}.>", self.bucket),
            }],
            filter_subject: String::new(),
            name,
            ..source.clone()
        }
    }

    /// What settings a bucket's stream has.
    pub fn of_stream(config: &StreamConfig) -> Self {
        let bucket = config.name.strip_prefix(STREAM_PREFIX);
        let marker = Duration::from(config.subject_delete_marker_ttl);
        Self {
            bucket: bucket.unwrap_or(&config.name).to_owned(),
            description: config.description.clone(),
            history: config.max_msgs_per_subject,
            ttl: config.max_age.into(),
            max_value_size: config.max_msg_size,
            max_bytes: config.max_bytes,
            storage: config.storage,
            replicas: config.num_replicas,
            placement: config.placement.clone(),
            republish: config.republish.clone(),
            mirror: config.mirror.clone(),
            sources: config.sources.clone(),
            compression: config.compression != Compression::None,
            limit_marker_ttl: (!marker.is_zero()).then_some(marker),
            metadata: config.metadata.clone(),
        }
    }
}

fn stream_of(name: &str) -> String {
    if name.starts_with(STREAM_PREFIX) {
        name.to_owned()
    } else {
        format!("{STREAM_PREFIX}{name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(bucket: &str) -> KvConfig {
        KvConfig {
            bucket: bucket.into(),
            ..KvConfig::default()
        }
    }

    #[test]
    fn a_bucket_is_the_stream_that_the_design_record_says() {
        let config = KvConfig {
            history: 5,
            ttl: Duration::from_secs(60),
            compression: true,
            limit_marker_ttl: Some(Duration::from_secs(5)),
            ..named("CONFIGURATION")
        };
        let stream = config.stream().unwrap();
        assert_eq!(stream.name, "KV_CONFIGURATION");
        assert_eq!(stream.subjects, ["$KV.CONFIGURATION.>"]);
        assert_eq!(stream.max_msgs_per_subject, 5);
        assert_eq!(stream.max_age, stream.duplicate_window);
        assert_eq!(stream.discard, Discard::New);
        assert!(stream.allow_rollup_hdrs && stream.deny_delete && stream.allow_direct);
        assert!(stream.allow_msg_ttl);
        assert_eq!(stream.compression, Compression::S2);
        assert_eq!(KvConfig::of_stream(&stream), config);
    }

    #[test]
    fn mirrors_and_sources_are_buckets_unless_they_say_otherwise() {
        let upstream = |name: &str| StreamSource {
            name: name.into(),
            ..StreamSource::default()
        };
        let mirror = KvConfig {
            mirror: Some(upstream("ORDERS")),
            ..named("COPY")
        };
        let stream = mirror.stream().unwrap();
        assert!(stream.mirror_direct && stream.subjects.is_empty());
        assert_eq!(stream.mirror.unwrap().name, "KV_ORDERS");

        let own = StreamSource {
            subject_transforms: vec![SubjectTransform {
                src: "events.>".into(),
                dest: "$KV.ALL.>".into(),
            }],
            ..upstream("EVENTS")
        };
        let gathers = KvConfig {
            sources: vec![upstream("ORDERS"), own.clone()],
            ..named("ALL")
        };
        let sources = gathers.stream().unwrap().sources;
        assert_eq!(sources[0].name, "KV_ORDERS");
        assert_eq!(sources[0].subject_transforms[0].src, "$KV.ORDERS.>");
        assert_eq!(sources[0].subject_transforms[0].dest, "$KV.ALL.>");
        assert_eq!(sources[1], own);
    }

    #[test]
    fn what_no_bucket_can_be_is_refused() {
        assert!(named("a.b").stream().is_err());
        for history in [0, 65, -1] {
            let config = KvConfig {
                history,
                ..named("a")
            };
            assert!(config.stream().is_err(), "{history}");
        }
    }
}
