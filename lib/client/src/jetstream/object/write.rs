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
use crate::jetstream::publisher::PublisherOptions;
use crate::limits;

impl ObjectStore {
    /// Writes an object. One of the same name is replaced once the new one is whole.
    ///
    /// # Errors
    /// `source` cannot be read, or the store refuses a chunk; what was written so far is removed then.
    pub async fn put(
        &self,
        meta: &ObjectMeta,
        source: &mut (impl AsyncRead + Unpin),
    ) -> Result<ObjectInfo, ObjectError> {
        check_object_name(&meta.name)?;
        let before = self.info_with_deleted(&meta.name).await?;
        let nuid = nuid::next().as_str().to_owned();
        let written = match self.put_chunks(meta, &nuid, source).await {
            Ok(written) => written,
            Err(error) => return Err(self.give_up(&nuid, error).await),
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
            nuid: nuid.clone(),
            size: written.size,
            chunks: written.chunks,
            digest: written.digest,
            ..ObjectInfo::default()
        };
        if let Err(error) = self.write_info(&mut info).await {
            return Err(self.give_up(&nuid, error).await);
        }
        if let Some(before) = before.filter(|before| !before.deleted && !before.is_link()) {
            self.remove_chunks(&before.nuid).await?;
        }
        Ok(info)
    }

    /// [`ObjectStore::put`] of bytes that are at hand.
    ///
    /// # Errors
    /// As [`ObjectStore::put`].
    pub async fn put_bytes(&self, name: &str, bytes: &[u8]) -> Result<ObjectInfo, ObjectError> {
        let mut source = bytes;
        self.put(&ObjectMeta::named(name), &mut source).await
    }

    /// Removes what a failed put left. The first error is the one that counts.
    async fn give_up(&self, nuid: &str, error: ObjectError) -> ObjectError {
        if let Err(also) = self.remove_chunks(nuid).await {
            tracing::warn!(target: "nats_client", bucket = self.bucket, nuid, "chunks of a failed put stay: {also}");
        }
        error
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
