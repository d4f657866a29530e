//! Reading and writing a bucket.

use std::time::Duration;

use nats_api::errors::ApiError;
use nats_api::jetstream::{MsgGetRequest, StreamConfig, StreamInfo, StreamPurgeRequest, headers};

use super::config::KvConfig;
use super::entry::{Entry, Operation};
use super::watch::{Update, WatchOptions, Watcher};
use super::{STREAM_PREFIX, check_bucket, check_key, check_pattern};
use crate::jetstream::context::JetStream;
use crate::jetstream::error::JetStreamError;
use crate::jetstream::publish::{MessageTtl, PublishOptions, Rollup};

/// A bucket. Cloning is cheap enough for handing it around.
#[derive(Debug, Clone)]
pub struct Bucket {
    pub(super) js: JetStream,
    pub(super) name: String,
    pub(super) stream: String,
    /// Of subjects in the stream, with the last dot.
    pub(super) prefix: String,
    /// Where values are written, with the last dot: elsewhere for mirrors and other domains.
    put_prefix: String,
    allow_direct: bool,
}

/// A bucket as a whole.
#[derive(Debug, Clone, PartialEq)]
pub struct KvStatus {
    pub bucket: String,
    /// Values and marks, history included.
    pub values: u64,
    pub bytes: u64,
    pub config: KvConfig,
    pub stream: StreamInfo,
}

impl KvStatus {
    fn of(stream: StreamInfo) -> Self {
        let config = KvConfig::of_stream(&stream.config);
        Self {
            bucket: config.bucket.clone(),
            values: stream.state.messages,
            bytes: stream.state.bytes,
            config,
            stream,
        }
    }
}

/// Which marks of deleted keys [`Bucket::purge_deletes`] removes wholly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PurgeDeletes {
    /// Those that are older; younger ones lose only their history.
    OlderThan(Duration),
    All,
}

impl JetStream {
    /// Makes a bucket. Making an equal one again is no error.
    ///
    /// # Errors
    /// Settings that no bucket can have, or a different bucket of this name.
    pub async fn create_kv(&self, config: &KvConfig) -> Result<Bucket, JetStreamError> {
        let info = self.create_stream(&config.stream()?).await?;
        Ok(Bucket::of(self, &info.config))
    }

    /// Changes a bucket's settings.
    ///
    /// # Errors
    /// The bucket is missing, or the change is not allowed.
    pub async fn update_kv(&self, config: &KvConfig) -> Result<Bucket, JetStreamError> {
        let info = self.update_stream(&config.stream()?).await?;
        Ok(Bucket::of(self, &info.config))
    }

    /// Changes a bucket's settings, or makes it when it is missing.
    ///
    /// # Errors
    /// As [`JetStream::update_kv`] and [`JetStream::create_kv`].
    pub async fn create_or_update_kv(&self, config: &KvConfig) -> Result<Bucket, JetStreamError> {
        let info = self.create_or_update_stream(&config.stream()?).await?;
        Ok(Bucket::of(self, &info.config))
    }

    /// Takes hold of a bucket that exists.
    ///
    /// # Errors
    /// The bucket is missing (`ApiError::STREAM_NOT_FOUND`), or its stream is none of a bucket.
    pub async fn kv(&self, bucket: &str) -> Result<Bucket, JetStreamError> {
        check_bucket(bucket)?;
        let info = self
            .stream_info(&format!("{STREAM_PREFIX}{bucket}"))
            .await?;
        if info.config.max_msgs_per_subject < 1 {
            return Err(JetStreamError::Argument(format!(
                "stream {:?} is not a bucket: it keeps any number of messages per subject",
                info.config.name
            )));
        }
        Ok(Bucket::of(self, &info.config))
    }

    /// Deletes a bucket and everything in it.
    ///
    /// # Errors
    /// The bucket is missing.
    pub async fn delete_kv(&self, bucket: &str) -> Result<(), JetStreamError> {
        check_bucket(bucket)?;
        self.delete_stream(&format!("{STREAM_PREFIX}{bucket}"))
            .await
    }

    /// Names of all buckets, mirrors included.
    ///
    /// # Errors
    /// As [`JetStream::stream_names`].
    pub async fn kv_names(&self) -> Result<Vec<String>, JetStreamError> {
        // Not by subject: a mirror has none.
        let names = self.stream_names(None).await?;
        Ok(names
            .iter()
            .filter_map(|name| name.strip_prefix(STREAM_PREFIX))
            .map(str::to_owned)
            .collect())
    }

    /// All buckets, mirrors included.
    ///
    /// # Errors
    /// As [`JetStream::streams`].
    pub async fn kv_buckets(&self) -> Result<Vec<KvStatus>, JetStreamError> {
        let all = self.streams(None).await?;
        Ok(all
            .streams
            .into_iter()
            .filter(|stream| stream.config.name.starts_with(STREAM_PREFIX))
            .map(KvStatus::of)
            .collect())
    }
}

impl Bucket {
    fn of(js: &JetStream, config: &StreamConfig) -> Self {
        let stream = config.name.clone();
        let name = stream.strip_prefix(STREAM_PREFIX).unwrap_or(&stream);
        let own = format!("$KV.{name}.");
        let (mut prefix, mut put_prefix) = (own.clone(), own);
        if let Some(mirror) = &config.mirror {
            // A copy has the subjects of its origin, and values are written there.
            let origin = mirror.name.strip_prefix(STREAM_PREFIX);
            prefix = format!("$KV.{}.", origin.unwrap_or(&mirror.name));
            put_prefix = match &mirror.external {
                Some(external) if !external.api.is_empty() => format!("{}.{prefix}", external.api),
                _ => prefix.clone(),
            };
        }
        let elsewhere = js.api().prefix() != nats_api::jetstream::subjects::API_PREFIX;
        let already = config
            .mirror
            .as_ref()
            .and_then(|mirror| mirror.external.as_ref())
            .is_some_and(|external| !external.api.is_empty());
        if elsewhere && !already {
            put_prefix = format!("{}.{put_prefix}", js.api().prefix());
        }
        Self {
            js: js.clone(),
            name: name.to_owned(),
            prefix,
            put_prefix,
            allow_direct: config.allow_direct,
            stream,
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The stream underneath.
    pub fn stream_name(&self) -> &str {
        &self.stream
    }

    /// The bucket as a whole.
    ///
    /// # Errors
    /// The bucket is gone.
    pub async fn status(&self) -> Result<KvStatus, JetStreamError> {
        Ok(KvStatus::of(self.js.stream_info(&self.stream).await?))
    }

    /// The last value of a key; `None` when there is none, or it was deleted.
    ///
    /// # Errors
    /// No key, or no answer.
    pub async fn get(&self, key: &str) -> Result<Option<Entry>, JetStreamError> {
        let entry = self.last(key).await?;
        Ok(entry.filter(Entry::is_value))
    }

    /// A value of a key by its revision; `None` when that revision is gone, of another key, or a deletion.
    ///
    /// # Errors
    /// No key, or no answer.
    pub async fn get_revision(
        &self,
        key: &str,
        revision: u64,
    ) -> Result<Option<Entry>, JetStreamError> {
        check_key(key)?;
        let request = MsgGetRequest {
            seq: revision,
            ..MsgGetRequest::default()
        };
        let entry = self.look_up(&request).await?;
        Ok(entry.filter(|entry| entry.key == key && entry.is_value()))
    }

    /// The last entry of a key, deletions included; `None` when there never was one.
    ///
    /// # Errors
    /// As [`Bucket::get`].
    pub async fn last(&self, key: &str) -> Result<Option<Entry>, JetStreamError> {
        check_key(key)?;
        let subject = format!("{}{key}", self.prefix);
        if self.allow_direct {
            let found = self.js.direct_get_last(&self.stream, &subject).await;
            return self.found(found);
        }
        let request = MsgGetRequest {
            last_by_subj: subject,
            ..MsgGetRequest::default()
        };
        self.look_up(&request).await
    }

    async fn look_up(&self, request: &MsgGetRequest) -> Result<Option<Entry>, JetStreamError> {
        let found = if self.allow_direct {
            self.js.direct_get(&self.stream, request).await
        } else {
            self.js.get_message(&self.stream, request).await
        };
        self.found(found)
    }

    fn found(
        &self,
        found: Result<crate::jetstream::StreamMessage, JetStreamError>,
    ) -> Result<Option<Entry>, JetStreamError> {
        match found {
            Ok(message) => Ok(Entry::of_stored(&self.name, &self.prefix, message)),
            Err(error) if error.is(ApiError::STREAM_NOT_FOUND) => Err(error),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes a value and returns its revision.
    ///
    /// # Errors
    /// No key, or the bucket refuses the value.
    pub async fn put(&self, key: &str, value: impl AsRef<[u8]>) -> Result<u64, JetStreamError> {
        self.write(key, value.as_ref(), &PublishOptions::new())
            .await
    }

    /// Writes a value unless the key has one.
    ///
    /// # Errors
    /// The key has a value (`ApiError::STREAM_WRONG_LAST_SEQUENCE`); as [`Bucket::put`].
    pub async fn create(&self, key: &str, value: impl AsRef<[u8]>) -> Result<u64, JetStreamError> {
        self.create_with_ttl(key, value, None).await
    }

    /// [`Bucket::create`] of a value that lives only so long; the bucket must allow it
    /// ([`KvConfig::limit_marker_ttl`]).
    ///
    /// # Errors
    /// As [`Bucket::create`].
    pub async fn create_with_ttl(
        &self,
        key: &str,
        value: impl AsRef<[u8]>,
        ttl: Option<MessageTtl>,
    ) -> Result<u64, JetStreamError> {
        let options = |revision| {
            let options = PublishOptions::new().expect_last_subject_sequence(revision);
            match ttl {
                Some(ttl) => options.ttl(ttl),
                None => options,
            }
        };
        let refused = match self.write(key, value.as_ref(), &options(0)).await {
            Err(error) if is_wrong_revision(&error) => error,
            other => return other,
        };
        // A mark of a deletion is no value.
        match self.last(key).await? {
            Some(mark) if !mark.is_value() => {
                self.write(key, value.as_ref(), &options(mark.revision))
                    .await
            }
            _ => Err(refused),
        }
    }

    /// Writes a value if the key's last revision is this one.
    ///
    /// # Errors
    /// It is another (`ApiError::STREAM_WRONG_LAST_SEQUENCE`); as [`Bucket::put`].
    pub async fn update(
        &self,
        key: &str,
        value: impl AsRef<[u8]>,
        revision: u64,
    ) -> Result<u64, JetStreamError> {
        let options = PublishOptions::new().expect_last_subject_sequence(revision);
        self.write(key, value.as_ref(), &options).await
    }

    /// Deletes a key; its history stays. With a revision only if that is the last.
    ///
    /// # Errors
    /// As [`Bucket::update`].
    pub async fn delete(&self, key: &str, revision: Option<u64>) -> Result<u64, JetStreamError> {
        let options = PublishOptions::new().header(headers::KV_OPERATION, headers::KV_DELETE);
        self.write(key, b"", &at_revision(options, revision)).await
    }

    /// Deletes a key with its history. The mark that stays may have a life of its own. With a revision only if that is the
    /// last.
    ///
    /// # Errors
    /// As [`Bucket::update`].
    pub async fn purge(
        &self,
        key: &str,
        revision: Option<u64>,
        ttl: Option<MessageTtl>,
    ) -> Result<u64, JetStreamError> {
        let mut options = PublishOptions::new()
            .header(headers::KV_OPERATION, headers::KV_PURGE)
            .rollup(Rollup::Subject);
        if let Some(ttl) = ttl {
            options = options.ttl(ttl);
        }
        self.write(key, b"", &at_revision(options, revision)).await
    }

    async fn write(
        &self,
        key: &str,
        value: &[u8],
        options: &PublishOptions,
    ) -> Result<u64, JetStreamError> {
        check_key(key)?;
        let subject = format!("{}{key}", self.put_prefix);
        Ok(self.js.publish_with(&subject, value, options).await?.seq)
    }

    /// Everything that is kept of a key, oldest first.
    ///
    /// # Errors
    /// As [`Bucket::watch`].
    pub async fn history(&self, key: &str) -> Result<Vec<Entry>, JetStreamError> {
        let options = WatchOptions::default().include_history();
        let mut watcher = self.watch(&[key], options).await?;
        watcher.rest_of_first().await
    }

    /// Keys that have a value, in no order.
    ///
    /// # Errors
    /// As [`Bucket::watch`].
    pub async fn keys(&self) -> Result<Vec<String>, JetStreamError> {
        self.keys_matching(&[">"]).await
    }

    /// [`Bucket::keys`] that match one of the patterns.
    ///
    /// # Errors
    /// As [`Bucket::watch`].
    pub async fn keys_matching(&self, patterns: &[&str]) -> Result<Vec<String>, JetStreamError> {
        let options = WatchOptions::default().headers_only().ignore_deletes();
        let mut watcher = self.watch(patterns, options).await?;
        let mut last = std::collections::BTreeSet::new();
        for entry in watcher.rest_of_first().await? {
            last.insert(entry.key);
        }
        Ok(last.into_iter().collect())
    }

    /// Follows keys that match one of the patterns: first what there is, then what happens.
    ///
    /// # Errors
    /// No pattern, or the bucket is gone.
    pub async fn watch(
        &self,
        patterns: &[&str],
        options: WatchOptions,
    ) -> Result<Watcher, JetStreamError> {
        for pattern in patterns {
            check_pattern(pattern)?;
        }
        Watcher::start(self, patterns, options).await
    }

    /// [`Bucket::watch`] for the whole bucket.
    ///
    /// # Errors
    /// As [`Bucket::watch`].
    pub async fn watch_all(&self, options: WatchOptions) -> Result<Watcher, JetStreamError> {
        self.watch(&[">"], options).await
    }

    /// Removes what is left of deleted keys. Returns how many keys.
    ///
    /// # Errors
    /// As [`Bucket::watch`] and [`JetStream::purge_stream`].
    pub async fn purge_deletes(&self, which: PurgeDeletes) -> Result<usize, JetStreamError> {
        let options = WatchOptions::default().headers_only();
        let mut watcher = self.watch_all(options).await?;
        let marks = watcher.rest_of_first().await?;
        drop(watcher);
        let now = nats_api::time::Timestamp::from(std::time::SystemTime::now());
        let mut count = 0;
        for mark in marks {
            if mark.operation == Operation::Put {
                continue;
            }
            let keep = match which {
                PurgeDeletes::All => 0,
                PurgeDeletes::OlderThan(age) if now.since(mark.created) > age => 0,
                PurgeDeletes::OlderThan(_) => 1,
            };
            let request = StreamPurgeRequest {
                filter: format!("{}{}", self.prefix, mark.key),
                keep,
                ..StreamPurgeRequest::default()
            };
            self.js.purge_stream(&self.stream, &request).await?;
            count += 1;
        }
        Ok(count)
    }
}

/// Whether a write was refused because the key is at another revision.
pub(super) fn is_wrong_revision(error: &JetStreamError) -> bool {
    error.is(ApiError::STREAM_WRONG_LAST_SEQUENCE)
        || error.is(ApiError::STREAM_WRONG_LAST_SEQUENCE_CONSTANT)
}

fn at_revision(options: PublishOptions, revision: Option<u64>) -> PublishOptions {
    match revision {
        Some(revision) => options.expect_last_subject_sequence(revision),
        None => options,
    }
}

impl Watcher {
    /// The entries that were there when it began.
    async fn rest_of_first(&mut self) -> Result<Vec<Entry>, JetStreamError> {
        let mut entries = Vec::new();
        while let Some(update) = self.next().await {
            match update? {
                Update::Entry(entry) => entries.push(entry),
                Update::CaughtUp => return Ok(entries),
            }
        }
        // A part of what is there must not look like all of it.
        Err(JetStreamError::Closed)
    }
}
