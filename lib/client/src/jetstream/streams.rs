//! Streams: making, changing, looking at, emptying and deleting them.

use std::collections::BTreeMap;

use nats_api::errors::ApiError;
use nats_api::jetstream::{
    LeaderStepdownRequest, MsgDeleteRequest, MsgDeleteResponse, MsgGetRequest, MsgGetResponse,
    Page, Placement, StreamConfig, StreamConfigRequest, StreamCreateResponse, StreamDeleteResponse,
    StreamInfo, StreamInfoRequest, StreamInfoResponse, StreamLeaderStepdownResponse,
    StreamListRequest, StreamListResponse, StreamNamesResponse, StreamPurgeRequest,
    StreamPurgeResponse, StreamRemovePeerRequest, StreamRemovePeerResponse, StreamUpdateResponse,
};

use super::context::{JetStream, check_name};
use super::error::JetStreamError;
use super::stored::StreamMessage;

/// What a listing found.
#[derive(Debug, Clone, Default)]
pub struct StreamList {
    pub streams: Vec<StreamInfo>,
    /// Streams whose servers did not answer.
    pub missing: Vec<String>,
    /// Streams that the server cannot run, and why.
    pub offline: BTreeMap<String, String>,
}

impl JetStream {
    /// Makes a stream. Making an equal one again is no error.
    ///
    /// # Errors
    /// The server refuses the configuration; a stream of this name exists and is different
    /// (`ApiError::STREAM_NAME_EXIST`).
    pub async fn create_stream(&self, config: &StreamConfig) -> Result<StreamInfo, JetStreamError> {
        Ok(self.create_stream_with(config, false).await?.info)
    }

    /// [`JetStream::create_stream`]; `pedantic` refuses what the server would have to change. The answer says whether the
    /// stream is new.
    ///
    /// # Errors
    /// As [`JetStream::create_stream`].
    pub async fn create_stream_with(
        &self,
        config: &StreamConfig,
        pedantic: bool,
    ) -> Result<StreamCreateResponse, JetStreamError> {
        check_name("stream", &config.name)?;
        let request = StreamConfigRequest {
            config: config.clone(),
            pedantic,
        };
        self.request(self.api().stream_create(&config.name), &request.encode())
            .await
    }

    /// Changes a stream to this configuration.
    ///
    /// # Errors
    /// The stream is missing, or the change is not allowed.
    pub async fn update_stream(&self, config: &StreamConfig) -> Result<StreamInfo, JetStreamError> {
        self.update_stream_with(config, false).await
    }

    /// [`JetStream::update_stream`]; `pedantic` refuses what the server would have to change.
    ///
    /// # Errors
    /// As [`JetStream::update_stream`].
    pub async fn update_stream_with(
        &self,
        config: &StreamConfig,
        pedantic: bool,
    ) -> Result<StreamInfo, JetStreamError> {
        check_name("stream", &config.name)?;
        let request = StreamConfigRequest {
            config: config.clone(),
            pedantic,
        };
        let answer: StreamUpdateResponse = self
            .request(self.api().stream_update(&config.name), &request.encode())
            .await?;
        Ok(answer.info)
    }

    /// Changes a stream, or makes it when it is missing.
    ///
    /// # Errors
    /// As [`JetStream::update_stream`] and [`JetStream::create_stream`].
    pub async fn create_or_update_stream(
        &self,
        config: &StreamConfig,
    ) -> Result<StreamInfo, JetStreamError> {
        match self.update_stream(config).await {
            Err(error) if error.is(ApiError::STREAM_NOT_FOUND) => self.create_stream(config).await,
            other => other,
        }
    }

    /// Everything about a stream.
    ///
    /// # Errors
    /// The stream is missing (`ApiError::STREAM_NOT_FOUND`).
    pub async fn stream_info(&self, stream: &str) -> Result<StreamInfo, JetStreamError> {
        let answer = self
            .stream_info_with(stream, &StreamInfoRequest::default())
            .await?;
        Ok(answer.info)
    }

    /// Everything about a stream, with deleted sequences or one page of subjects.
    ///
    /// # Errors
    /// As [`JetStream::stream_info`].
    pub async fn stream_info_with(
        &self,
        stream: &str,
        request: &StreamInfoRequest,
    ) -> Result<StreamInfoResponse, JetStreamError> {
        check_name("stream", stream)?;
        let subject = self.api().stream_info(stream);
        if *request == StreamInfoRequest::default() {
            return self.request(subject, b"").await;
        }
        self.request_json(subject, request).await
    }

    /// The subjects of a stream that match `filter`, with their numbers of messages.
    ///
    /// # Errors
    /// As [`JetStream::stream_info`].
    pub async fn stream_subjects(
        &self,
        stream: &str,
        filter: &str,
    ) -> Result<BTreeMap<String, u64>, JetStreamError> {
        self.all_pages(BTreeMap::new(), async |offset, all| {
            let request = StreamInfoRequest {
                offset,
                deleted_details: false,
                subjects_filter: filter.to_owned(),
            };
            let answer = self.stream_info_with(stream, &request).await?;
            let subjects = answer.info.state.subjects;
            let count = subjects.len();
            all.extend(subjects);
            Ok((answer.page, count))
        })
        .await
    }

    /// Names of all streams, or of those that take this subject (which may hold wildcards).
    ///
    /// # Errors
    /// As [`JetStream::request`].
    pub async fn stream_names(&self, subject: Option<&str>) -> Result<Vec<String>, JetStreamError> {
        self.all_pages(Vec::new(), async |offset, all| {
            let answer: StreamNamesResponse = self
                .request_json(self.api().stream_names(), &list_request(offset, subject))
                .await?;
            let page = Page {
                total: answer.total,
                offset: answer.offset,
                limit: answer.limit,
            };
            let count = answer.streams.len();
            all.extend(answer.streams);
            Ok((page, count))
        })
        .await
    }

    /// All streams, or those that take this subject (which may hold wildcards).
    ///
    /// # Errors
    /// As [`JetStream::request`].
    pub async fn streams(&self, subject: Option<&str>) -> Result<StreamList, JetStreamError> {
        self.all_pages(StreamList::default(), async |offset, all| {
            let answer: StreamListResponse = self
                .request_json(self.api().stream_list(), &list_request(offset, subject))
                .await?;
            let page = Page {
                total: answer.total,
                offset: answer.offset,
                limit: answer.limit,
            };
            let count = answer.streams.len();
            all.streams.extend(answer.streams);
            for name in answer.missing {
                if !all.missing.contains(&name) {
                    all.missing.push(name);
                }
            }
            all.offline.extend(answer.offline);
            Ok((page, count))
        })
        .await
    }

    /// The stream that takes a subject; `None` when there is none.
    ///
    /// # Errors
    /// As [`JetStream::request`].
    pub async fn stream_of_subject(&self, subject: &str) -> Result<Option<String>, JetStreamError> {
        let answer: StreamNamesResponse = self
            .request_json(self.api().stream_names(), &list_request(0, Some(subject)))
            .await?;
        Ok(answer.streams.into_iter().next())
    }

    /// Deletes a stream and everything in it.
    ///
    /// # Errors
    /// The stream is missing.
    pub async fn delete_stream(&self, stream: &str) -> Result<(), JetStreamError> {
        check_name("stream", stream)?;
        let _: StreamDeleteResponse = self.request(self.api().stream_delete(stream), b"").await?;
        Ok(())
    }

    /// Removes messages: all, those that match, those below a sequence, or all but the newest. Returns how many.
    ///
    /// # Errors
    /// The stream is missing, sealed or may not be purged.
    pub async fn purge_stream(
        &self,
        stream: &str,
        request: &StreamPurgeRequest,
    ) -> Result<u64, JetStreamError> {
        check_name("stream", stream)?;
        let subject = self.api().stream_purge(stream);
        let answer: StreamPurgeResponse = if *request == StreamPurgeRequest::default() {
            self.request(subject, b"").await?
        } else {
            self.request_json(subject, request).await?
        };
        Ok(answer.purged)
    }

    /// Seals a stream: nothing is added or removed any more, and that cannot be taken back.
    ///
    /// # Errors
    /// As [`JetStream::update_stream`].
    pub async fn seal_stream(&self, stream: &str) -> Result<StreamInfo, JetStreamError> {
        let mut config = self.stream_info(stream).await?.config;
        config.sealed = true;
        self.update_stream(&config).await
    }

    /// One message, from the stream's leader: by sequence, the last of a subject, or the first of a subject from a
    /// sequence on. [`JetStream::direct_get`] is cheaper where the stream allows it.
    ///
    /// # Errors
    /// No such message (`ApiError::NO_MESSAGE_FOUND`).
    pub async fn get_message(
        &self,
        stream: &str,
        request: &MsgGetRequest,
    ) -> Result<StreamMessage, JetStreamError> {
        check_name("stream", stream)?;
        let answer: MsgGetResponse = self
            .request_json(self.api().msg_get(stream), request)
            .await?;
        let message = answer
            .message
            .ok_or_else(|| JetStreamError::Answer("an answer without a message".into()))?;
        Ok(StreamMessage::from_stored(stream, message))
    }

    /// Removes one message. `erase` overwrites its bytes as well, which takes longer.
    ///
    /// # Errors
    /// No such message, or the stream does not allow it.
    pub async fn delete_message(
        &self,
        stream: &str,
        seq: u64,
        erase: bool,
    ) -> Result<(), JetStreamError> {
        check_name("stream", stream)?;
        let request = MsgDeleteRequest {
            seq,
            no_erase: !erase,
        };
        let _: MsgDeleteResponse = self
            .request_json(self.api().msg_delete(stream), &request)
            .await?;
        Ok(())
    }

    /// Makes another server the leader of a stream.
    ///
    /// # Errors
    /// The stream is not replicated, or no server fits.
    pub async fn stream_leader_stepdown(
        &self,
        stream: &str,
        placement: Option<Placement>,
    ) -> Result<(), JetStreamError> {
        check_name("stream", stream)?;
        let _: StreamLeaderStepdownResponse = self
            .request_json(
                self.api().stream_leader_stepdown(stream),
                &LeaderStepdownRequest { placement },
            )
            .await?;
        Ok(())
    }

    /// Takes a server out of a stream's group; another takes its place.
    ///
    /// # Errors
    /// The stream is not replicated, or the server is no member.
    pub async fn stream_remove_peer(&self, stream: &str, peer: &str) -> Result<(), JetStreamError> {
        check_name("stream", stream)?;
        let _: StreamRemovePeerResponse = self
            .request_json(
                self.api().stream_peer_remove(stream),
                &StreamRemovePeerRequest { peer: peer.into() },
            )
            .await?;
        Ok(())
    }
}

fn list_request(offset: i64, subject: Option<&str>) -> StreamListRequest {
    StreamListRequest {
        offset,
        subject: subject.unwrap_or_default().to_owned(),
    }
}
