//! The handle of a store: finding objects, links, deleting, sealing.

use bytes::Bytes;
use nats_api::errors::ApiError;
use nats_api::jetstream::{MsgGetRequest, StreamInfo, StreamPurgeRequest};
use nats_api::time::Timestamp;
use nats_proto::nuid;

use super::config::{ObjectStoreConfig, ObjectStoreStatus, check_bucket};
use super::info::{ObjectInfo, ObjectLink, ObjectMeta, ObjectOptions};
use super::watch::{ObjectUpdate, ObjectWatchOptions};
use super::{ObjectError, STREAM_PREFIX, chunk_subject, meta_subject};
use crate::jetstream::context::{JetStream, encode};
use crate::jetstream::error::JetStreamError;
use crate::jetstream::publish::{PublishOptions, Rollup};

/// An object store.
#[derive(Debug, Clone)]
pub struct ObjectStore {
    pub(super) js: JetStream,
    pub(super) bucket: String,
    pub(super) stream: String,
}

impl JetStream {
    /// Makes a store. Making an equal one again is no error.
    ///
    /// # Errors
    /// Settings that no store can have, or a different store of this name.
    pub async fn create_object_store(
        &self,
        config: &ObjectStoreConfig,
    ) -> Result<ObjectStore, JetStreamError> {
        self.create_stream(&config.stream()?).await?;
        Ok(ObjectStore::new(self, &config.bucket))
    }

    /// Changes a store's settings.
    ///
    /// # Errors
    /// The store is missing, or the change is not allowed.
    pub async fn update_object_store(
        &self,
        config: &ObjectStoreConfig,
    ) -> Result<ObjectStore, JetStreamError> {
        self.update_stream(&config.stream()?).await?;
        Ok(ObjectStore::new(self, &config.bucket))
    }

    /// Takes hold of a store that exists.
    ///
    /// # Errors
    /// The store is missing (`ApiError::STREAM_NOT_FOUND`).
    pub async fn object_store(&self, bucket: &str) -> Result<ObjectStore, JetStreamError> {
        check_bucket(bucket)?;
        self.stream_info(&format!("{STREAM_PREFIX}{bucket}"))
            .await?;
        Ok(ObjectStore::new(self, bucket))
    }

    /// Deletes a store and everything in it.
    ///
    /// # Errors
    /// The store is missing.
    pub async fn delete_object_store(&self, bucket: &str) -> Result<(), JetStreamError> {
        check_bucket(bucket)?;
        self.delete_stream(&format!("{STREAM_PREFIX}{bucket}"))
            .await
    }

    /// Names of all stores.
    ///
    /// # Errors
    /// As [`JetStream::stream_names`].
    pub async fn object_store_names(&self) -> Result<Vec<String>, JetStreamError> {
        let names = self.stream_names(Some("$O.*.C.>")).await?;
        Ok(names
            .iter()
            .filter_map(|name| name.strip_prefix(STREAM_PREFIX))
            .map(str::to_owned)
            .collect())
    }

    /// All stores.
    ///
    /// # Errors
    /// As [`JetStream::streams`].
    pub async fn object_stores(&self) -> Result<Vec<ObjectStoreStatus>, JetStreamError> {
        let all = self.streams(None).await?;
        Ok(all
            .streams
            .into_iter()
            .filter(|stream| stream.config.name.starts_with(STREAM_PREFIX))
            .map(ObjectStoreStatus::of)
            .collect())
    }
}

impl ObjectStore {
    fn new(js: &JetStream, bucket: &str) -> Self {
        Self {
            js: js.clone(),
            bucket: bucket.to_owned(),
            stream: format!("{STREAM_PREFIX}{bucket}"),
        }
    }

    pub fn name(&self) -> &str {
        &self.bucket
    }

    /// The stream underneath.
    pub fn stream_name(&self) -> &str {
        &self.stream
    }

    /// The store as a whole.
    ///
    /// # Errors
    /// The store is gone.
    pub async fn status(&self) -> Result<ObjectStoreStatus, JetStreamError> {
        Ok(ObjectStoreStatus::of(
            self.js.stream_info(&self.stream).await?,
        ))
    }

    /// What is known about an object; `None` when there is none, or it was deleted.
    ///
    /// # Errors
    /// No answer, or a document that is none.
    pub async fn info(&self, name: &str) -> Result<Option<ObjectInfo>, ObjectError> {
        let info = self.info_with_deleted(name).await?;
        Ok(info.filter(|info| !info.deleted))
    }

    /// [`ObjectStore::info`], deleted objects included.
    ///
    /// # Errors
    /// As [`ObjectStore::info`].
    pub async fn info_with_deleted(&self, name: &str) -> Result<Option<ObjectInfo>, ObjectError> {
        check_object_name(name)?;
        let request = MsgGetRequest {
            last_by_subj: meta_subject(&self.bucket, name),
            ..MsgGetRequest::default()
        };
        // From the leader: what was just written has to be seen.
        match self.js.get_message(&self.stream, &request).await {
            Ok(message) => read_info(&message.payload, message.time).map(Some),
            Err(error) if error.is(ApiError::NO_MESSAGE_FOUND) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The info of an object that has to be there.
    pub(super) async fn existing(&self, name: &str) -> Result<ObjectInfo, ObjectError> {
        self.info(name)
            .await?
            .ok_or_else(|| ObjectError::NotFound(name.to_owned()))
    }

    /// All objects, without those that were deleted.
    ///
    /// # Errors
    /// As [`ObjectStore::watch`].
    pub async fn list(&self) -> Result<Vec<ObjectInfo>, ObjectError> {
        let options = ObjectWatchOptions::default().ignore_deletes();
        let mut watcher = self.watch(options).await?;
        let mut all = Vec::new();
        while let Some(update) = watcher.next().await {
            match update? {
                ObjectUpdate::Object(info) => all.push(*info),
                ObjectUpdate::CaughtUp => return Ok(all),
            }
        }
        // A part of what is there must not look like all of it.
        Err(JetStreamError::Closed.into())
    }

    /// Deletes an object; what is known about it stays, marked as deleted.
    ///
    /// # Errors
    /// [`ObjectError::NotFound`] when it never was there. Deleting it again is no error.
    pub async fn delete(&self, name: &str) -> Result<ObjectInfo, ObjectError> {
        let mut info = self
            .info_with_deleted(name)
            .await?
            .ok_or_else(|| ObjectError::NotFound(name.to_owned()))?;
        if !info.deleted {
            info.deleted = true;
            info.size = 0;
            info.chunks = 0;
            info.digest.clear();
            self.write_info(&mut info).await?;
            self.remove_chunks(&info.nuid).await?;
        }
        Ok(info)
    }

    /// Changes what the user says about an object: name, description, headers, metadata.
    ///
    /// # Errors
    /// [`ObjectError::NotFound`]; [`ObjectError::Exists`] when another object has the new name.
    pub async fn update_meta(
        &self,
        name: &str,
        meta: &ObjectMeta,
    ) -> Result<ObjectInfo, ObjectError> {
        check_object_name(&meta.name)?;
        let mut info = self.existing(name).await?;
        let renamed = meta.name != name;
        if renamed && self.info(&meta.name).await?.is_some() {
            return Err(ObjectError::Exists(meta.name.clone()));
        }
        info.name.clone_from(&meta.name);
        info.description.clone_from(&meta.description);
        info.headers.clone_from(&meta.headers);
        info.metadata.clone_from(&meta.metadata);
        self.write_info(&mut info).await?;
        if renamed {
            let request = StreamPurgeRequest {
                filter: meta_subject(&self.bucket, name),
                ..StreamPurgeRequest::default()
            };
            self.js.purge_stream(&self.stream, &request).await?;
        }
        Ok(info)
    }

    /// Makes an object that stands for another, of this store or of another one.
    ///
    /// # Errors
    /// [`ObjectError::Exists`] when an object that is no link has this name; a link cannot stand for a link.
    pub async fn add_link(&self, name: &str, to: &ObjectInfo) -> Result<ObjectInfo, ObjectError> {
        if to.deleted {
            return Err(ObjectError::NotFound(to.name.clone()));
        }
        if to.is_link() {
            return Err(ObjectError::Argument(format!(
                "{:?} is a link itself",
                to.name
            )));
        }
        let link = ObjectLink {
            bucket: to.bucket.clone(),
            name: to.name.clone(),
        };
        self.put_link(name, link).await
    }

    /// Makes an object that stands for a whole store.
    ///
    /// # Errors
    /// As [`ObjectStore::add_link`].
    pub async fn add_bucket_link(
        &self,
        name: &str,
        to: &ObjectStore,
    ) -> Result<ObjectInfo, ObjectError> {
        let link = ObjectLink {
            bucket: to.bucket.clone(),
            name: String::new(),
        };
        self.put_link(name, link).await
    }

    async fn put_link(&self, name: &str, link: ObjectLink) -> Result<ObjectInfo, ObjectError> {
        check_object_name(name)?;
        if self.info(name).await?.is_some_and(|info| !info.is_link()) {
            return Err(ObjectError::Exists(name.to_owned()));
        }
        let mut info = ObjectInfo {
            name: name.to_owned(),
            options: Some(ObjectOptions {
                link: Some(link),
                max_chunk_size: 0,
            }),
            bucket: self.bucket.clone(),
            nuid: nuid::next().as_str().to_owned(),
            ..ObjectInfo::default()
        };
        self.write_info(&mut info).await?;
        Ok(info)
    }

    /// Seals the store: nothing changes any more, and that cannot be taken back.
    ///
    /// # Errors
    /// As [`JetStream::seal_stream`].
    pub async fn seal(&self) -> Result<StreamInfo, JetStreamError> {
        self.js.seal_stream(&self.stream).await
    }

    /// Writes what is known about an object in the place of what was.
    pub(super) async fn write_info(&self, info: &mut ObjectInfo) -> Result<(), ObjectError> {
        info.modified = Timestamp::NEVER;
        let options = PublishOptions::new().rollup(Rollup::Subject);
        let subject = meta_subject(&self.bucket, &info.name);
        self.js
            .publish_with(&subject, encode(info)?, &options)
            .await?;
        info.modified = Timestamp::from(std::time::SystemTime::now());
        Ok(())
    }

    pub(super) async fn remove_chunks(&self, nuid: &str) -> Result<(), ObjectError> {
        let request = StreamPurgeRequest {
            filter: chunk_subject(&self.bucket, nuid),
            ..StreamPurgeRequest::default()
        };
        self.js.purge_stream(&self.stream, &request).await?;
        Ok(())
    }
}

pub(super) fn check_object_name(name: &str) -> Result<(), ObjectError> {
    if name.is_empty() {
        return Err(ObjectError::Argument("an object needs a name".into()));
    }
    Ok(())
}

/// Reads the document of a meta subject.
pub(super) fn read_info(document: &Bytes, time: Timestamp) -> Result<ObjectInfo, ObjectError> {
    let mut info: ObjectInfo = serde_json::from_slice(document).map_err(|error| {
        JetStreamError::Answer(format!("what is known about an object: {error}"))
    })?;
    info.modified = time;
    Ok(info)
}
