//! Getting an object: its chunks in order, as a stream of bytes, checked against its digest.

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::time::Instant;

use super::info::ObjectInfo;
use super::store::ObjectStore;
use super::write::digest_text;
use super::{DIGEST_PREFIX, ObjectError, chunk_subject};
use crate::error::RequestError;
use crate::jetstream::error::JetStreamError;
use crate::jetstream::ordered::{OrderedConsumer, OrderedOptions, Step};
use crate::limits;

/// An object that is being read. The last chunk comes only when the digest is right.
pub struct Object {
    info: ObjectInfo,
    /// Absent for an object without bytes.
    chunks: Option<OrderedConsumer>,
    hash: Option<Sha256>,
    received: u64,
    count: u64,
    /// When silence means something; a reader that looks again and again does not move it.
    silent_at: Option<Instant>,
    /// The last chunk is held back until it is known to be right.
    ended: bool,
}

impl ObjectStore {
    /// Reads an object. A link is followed, also into another store.
    ///
    /// # Errors
    /// [`ObjectError::NotFound`]; a link to a whole store has no bytes.
    pub async fn get(&self, name: &str) -> Result<Object, ObjectError> {
        let mut store = self.clone();
        let mut info = store.existing(name).await?;
        let mut steps = 0;
        while let Some(link) = info.link() {
            steps += 1;
            if steps > limits::OBJECT_LINKS {
                return Err(ObjectError::Argument(format!(
                    "{name:?} is a link without end"
                )));
            }
            if link.name.is_empty() {
                return Err(ObjectError::Argument(format!(
                    "{name:?} stands for the whole store {:?}, it has no bytes",
                    link.bucket
                )));
            }
            let target = link.name.clone();
            store = store.js.object_store(&link.bucket).await?;
            info = store.existing(&target).await?;
        }
        store.open(info).await
    }

    /// The bytes of an object at once; for small ones.
    ///
    /// # Errors
    /// As [`ObjectStore::get`] and [`Object::next`].
    pub async fn get_bytes(&self, name: &str) -> Result<Vec<u8>, ObjectError> {
        let mut object = self.get(name).await?;
        let mut bytes = Vec::new();
        while let Some(chunk) = object.next().await {
            bytes.extend_from_slice(&chunk?);
        }
        Ok(bytes)
    }

    async fn open(&self, info: ObjectInfo) -> Result<Object, ObjectError> {
        let chunks = if info.size == 0 {
            None
        } else {
            let options = OrderedOptions::filter(chunk_subject(&self.bucket, &info.nuid));
            Some(self.js.ordered_consumer(&self.stream, options).await?)
        };
        if let Some(chunks) = &chunks {
            let there = chunks.first_info();
            if there.num_pending + there.delivered.consumer_seq < u64::from(info.chunks) {
                return Err(damaged(&info, "chunks are missing"));
            }
        }
        // Objects of other digests exist in theory; without a digest there is nothing to check.
        let checkable = info.digest.starts_with(DIGEST_PREFIX);
        Ok(Object {
            hash: checkable.then(Sha256::new),
            chunks,
            received: 0,
            count: 0,
            silent_at: None,
            ended: false,
            info,
        })
    }
}

impl Object {
    /// What is known about it.
    pub fn info(&self) -> &ObjectInfo {
        &self.info
    }

    /// Bytes that were handed out.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// The next chunk; `None` when all bytes came and are those that were put. The future may be dropped and asked again.
    ///
    /// # Errors
    /// [`ObjectError::Damaged`] when they are not; no chunk for 30 s; as [`OrderedConsumer::next`]. Nothing follows an error.
    pub async fn next(&mut self) -> Option<Result<Bytes, ObjectError>> {
        if self.ended {
            return None;
        }
        let chunk = match self.receive().await {
            Ok(chunk) => chunk,
            Err(error) => {
                self.ended = true;
                return Some(Err(error));
            }
        };
        if chunk.is_none() || self.received == self.info.size {
            self.ended = true;
            if let Err(error) = self.verify() {
                return Some(Err(error));
            }
        }
        chunk.map(Ok)
    }

    async fn receive(&mut self) -> Result<Option<Bytes>, ObjectError> {
        let Some(chunks) = &mut self.chunks else {
            return Ok(None);
        };
        let until = *self
            .silent_at
            .get_or_insert_with(|| Instant::now() + limits::OBJECT_SILENCE);
        let step = match tokio::time::timeout_at(until, chunks.step()).await {
            Ok(Some(step)) => step?,
            Ok(None) => return Err(JetStreamError::Closed.into()),
            Err(_) => {
                let error = RequestError::TimedOut(limits::OBJECT_SILENCE);
                return Err(JetStreamError::Request(error).into());
            }
        };
        self.silent_at = None;
        let message = match step {
            Step::Message(message) => message,
            // Removed while it was read.
            Step::Idle => return Err(damaged(&self.info, "chunks are missing")),
        };
        let chunk = message.message().payload_bytes();
        self.received += chunk.len() as u64;
        self.count += 1;
        if let Some(hash) = &mut self.hash {
            hash.update(&chunk);
        }
        if self.received > self.info.size {
            return Err(damaged(&self.info, "more bytes than its size"));
        }
        Ok(Some(chunk))
    }

    fn verify(&mut self) -> Result<(), ObjectError> {
        if self.received != self.info.size || self.count != u64::from(self.info.chunks) {
            return Err(damaged(&self.info, "bytes are missing"));
        }
        if let Some(hash) = self.hash.take()
            && !same_digest(&digest_text(hash), &self.info.digest)
        {
            return Err(damaged(&self.info, "its digest is another"));
        }
        Ok(())
    }

    /// Writes all bytes to `target`. Returns how many.
    ///
    /// # Errors
    /// As [`Object::next`]; `target` cannot be written. What was written before an error is worthless.
    pub async fn copy_to(
        &mut self,
        target: &mut (impl AsyncWrite + Unpin),
    ) -> Result<u64, ObjectError> {
        while let Some(chunk) = self.next().await {
            target.write_all(&chunk?).await?;
        }
        target.flush().await?;
        Ok(self.received)
    }
}

/// Whether two digests are the same; some clients leave the padding out.
fn same_digest(ours: &str, theirs: &str) -> bool {
    ours.trim_end_matches('=') == theirs.trim_end_matches('=')
}

fn damaged(info: &ObjectInfo, problem: &str) -> ObjectError {
    ObjectError::Damaged {
        name: info.name.clone(),
        problem: problem.to_owned(),
    }
}
