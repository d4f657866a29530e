//! Putting an object: chunks through a window of acknowledgements, then what is known about it.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE;
use nats_proto::nuid;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::info::{ObjectInfo, ObjectMeta, ObjectOptions};
use super::store::{ObjectStore, check_object_name};
use super::{CHUNK_BYTES, DIGEST_PREFIX, ObjectError, chunk_subject};
use crate::jetstream::error::JetStreamError;
use crate::jetstream::publish::PublishOptions;
use crate::jetstream::publisher::PublisherOptions;
use crate::limits;

impl ObjectStore {
    /// Writes an object. One of the same name is replaced once the new one is whole. When the future is dropped before that,
    /// the old one stays, and what was written is removed behind the scenes.
    ///
    /// # Errors
    /// `source` cannot be read, or the store refuses a chunk; what was written so far is removed then, if the store can be
    /// reached.
    pub async fn put(
        &self,
        meta: &ObjectMeta,
        source: &mut (impl AsyncRead + Unpin),
    ) -> Result<ObjectInfo, ObjectError> {
        check_object_name(&meta.name)?;
        let before = self.info_with_deleted(&meta.name).await?;
        let replaced = before.filter(|before| !before.deleted && !before.is_link());
        let mut attempt = Unfinished(Some(Attempt {
            store: self.clone(),
            name: meta.name.clone(),
            nuid: nuid::next().as_str().to_owned(),
            replaced: replaced.map(|before| before.nuid),
            told: false,
        }));
        let written = match self.put_chunks(meta, attempt.nuid(), source).await {
            Ok(written) => written,
            Err(error) => return attempt.settle(Err(error)).await,
        };
        let mut info = ObjectInfo {
            name: meta.name.clone(),
            description: meta.description.clone(),
            headers: meta.headers.clone(),
            metadata: meta.metadata.clone(),
            options: Some(ObjectOptions {
                link: None,
                max_chunk_size: u32::try_from(chunk_bytes(meta)).unwrap_or(u32::MAX),
            }),
            bucket: self.bucket.clone(),
            nuid: attempt.nuid().to_owned(),
            size: written.size,
            chunks: written.chunks,
            digest: written.digest,
            ..ObjectInfo::default()
        };
        attempt.tell();
        let told = self.write_info(&mut info).await.map(|()| info);
        attempt.settle(told).await
    }

    /// [`ObjectStore::put`] of bytes that are at hand.
    ///
    /// # Errors
    /// As [`ObjectStore::put`].
    pub async fn put_bytes(&self, name: &str, bytes: &[u8]) -> Result<ObjectInfo, ObjectError> {
        let mut source = bytes;
        self.put(&ObjectMeta::named(name), &mut source).await
    }

    async fn put_chunks(
        &self,
        meta: &ObjectMeta,
        nuid: &str,
        source: &mut (impl AsyncRead + Unpin),
    ) -> Result<Written, ObjectError> {
        let subject = chunk_subject(&self.bucket, nuid);
        let chunk_size = chunk_bytes(meta);
        // A few megabytes under way, however large the chunks are.
        let window = (limits::OBJECT_BYTES_AHEAD / chunk_size).clamp(1, limits::PUBLISH_WINDOW);
        let publisher = self
            .js
            .publisher(PublisherOptions {
                window,
                ack_timeout: self.js.request_timeout(),
            })
            .await?;
        let mut hash = Sha256::new();
        let mut chunk = Vec::with_capacity(chunk_size);
        let (mut size, mut chunks) = (0u64, 0u32);
        loop {
            chunk.clear();
            let mut part = (&mut *source).take(chunk_size as u64);
            if part.read_to_end(&mut chunk).await? == 0 {
                break;
            }
            hash.update(&chunk);
            size += chunk.len() as u64;
            chunks = chunks.checked_add(1).ok_or_else(|| {
                ObjectError::Argument("an object of more than 4 billion chunks".into())
            })?;
            drop(publisher.publish(&subject, &chunk).await?);
        }
        let published = publisher.finish().await?;
        if let Some(error) = published.first_error {
            return Err(error.into());
        }
        if published.acknowledged != u64::from(chunks) {
            let outstanding = usize::try_from(published.failed).unwrap_or(usize::MAX);
            return Err(ObjectError::JetStream(JetStreamError::NotAcknowledged {
                outstanding,
                after: self.js.request_timeout(),
            }));
        }
        Ok(Written {
            size,
            chunks,
            digest: digest_text(hash),
        })
    }
}

/// An object on its way into a store.
#[derive(Clone)]
struct Attempt {
    store: ObjectStore,
    name: String,
    nuid: String,
    /// Whose chunks go when this one has taken its place.
    replaced: Option<String>,
    /// What is known about it was sent: it may be there, whatever the answer.
    told: bool,
}

impl Attempt {
    /// Leaves the store with the whole new object or with the old one. The first error is the one that counts.
    async fn settle(
        &self,
        told: Result<ObjectInfo, ObjectError>,
    ) -> Result<ObjectInfo, ObjectError> {
        let result = match told {
            Ok(info) => Ok(info),
            Err(error) => match self.is_there().await {
                Some(Some(info)) => Ok(info),
                Some(None) => Err(error),
                None => {
                    self.warn(&self.nuid, &error);
                    return Err(error);
                }
            },
        };
        let useless = match &result {
            Ok(_) => self.replaced.as_ref(),
            Err(_) => Some(&self.nuid),
        };
        if let Some(nuid) = useless
            && let Err(error) = self.store.remove_chunks(nuid).await
        {
            self.warn(nuid, &error);
        }
        result
    }

    /// Whether the new object is the one of its name after all. `None` when the store does not say.
    async fn is_there(&self) -> Option<Option<ObjectInfo>> {
        let is_settled = self.let_all_arrive().await;
        if !self.told {
            return Some(None);
        }
        if !is_settled {
            return None;
        }
        let found = self.store.info_with_deleted(&self.name).await.ok()?;
        Some(found.filter(|info| info.nuid == self.nuid))
    }

    /// Messages may be under way that nobody waits for. One that the stream has to refuse goes the same way behind them; true when it was.
    async fn let_all_arrive(&self) -> bool {
        let never = PublishOptions::new().expect_last_sequence(i64::MAX.unsigned_abs());
        let subject = chunk_subject(&self.store.bucket, &self.nuid);
        let answer = self.store.js.publish_with(&subject, b"", &never).await;
        matches!(answer, Err(JetStreamError::Api(_)))
    }

    fn warn(&self, nuid: &str, error: &ObjectError) {
        let bucket = &self.store.bucket;
        tracing::warn!(target: "nats_client", bucket, nuid, "chunks that are no part of an object may stay: {error}");
    }
}

/// An attempt that nobody has brought to its end: dropping it does.
struct Unfinished(Option<Attempt>);

impl Unfinished {
    fn nuid(&self) -> &str {
        self.0.as_ref().map_or("", |attempt| &attempt.nuid)
    }

    fn tell(&mut self) {
        if let Some(attempt) = &mut self.0 {
            attempt.told = true;
        }
    }

    async fn settle(
        mut self,
        told: Result<ObjectInfo, ObjectError>,
    ) -> Result<ObjectInfo, ObjectError> {
        let Some(attempt) = self.0.clone() else {
            return told;
        };
        let result = attempt.settle(told).await;
        self.0 = None;
        result
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let (Some(attempt), Ok(runtime)) = (self.0.take(), tokio::runtime::Handle::try_current())
        else {
            return;
        };
        runtime.spawn(async move {
            // Nobody waits for the result.
            let _ = attempt.settle(Err(JetStreamError::Closed.into())).await;
        });
    }
}

struct Written {
    size: u64,
    chunks: u32,
    digest: String,
}

fn chunk_bytes(meta: &ObjectMeta) -> usize {
    if meta.chunk_size == 0 {
        CHUNK_BYTES
    } else {
        meta.chunk_size
    }
}

/// As objects carry it.
pub(super) fn digest_text(hash: Sha256) -> String {
    format!("{DIGEST_PREFIX}{}", BASE64_URL_SAFE.encode(hash.finalize()))
}
