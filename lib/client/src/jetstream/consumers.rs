//! Consumers: making, changing, looking at, pausing and deleting them, and taking hold of one to read.

use std::collections::BTreeMap;

use nats_api::jetstream::{
    ConsumerAction, ConsumerConfig, ConsumerCreateRequest, ConsumerCreateResponse,
    ConsumerDeleteResponse, ConsumerInfo, ConsumerInfoResponse, ConsumerLeaderStepdownResponse,
    ConsumerListRequest, ConsumerListResponse, ConsumerNamesResponse, ConsumerPauseRequest,
    ConsumerPauseResponse, ConsumerResetRequest, ConsumerResetResponse, ConsumerUnpinRequest,
    ConsumerUnpinResponse, LeaderStepdownRequest, Page, Placement,
};
use nats_api::time::Timestamp;

use super::context::{JetStream, check_name};
use super::error::JetStreamError;
use super::pull::PullConsumer;
use super::push::PushConsumer;

/// What a listing found.
#[derive(Debug, Clone, Default)]
pub struct ConsumerList {
    pub consumers: Vec<ConsumerInfo>,
    /// Consumers whose servers did not answer.
    pub missing: Vec<String>,
    /// Consumers that the server cannot run, and why.
    pub offline: BTreeMap<String, String>,
}

impl JetStream {
    /// Makes a consumer, or changes the one of this name. Without a name one is made up.
    ///
    /// # Errors
    /// The stream is missing, or the server refuses the configuration.
    pub async fn create_consumer(
        &self,
        stream: &str,
        config: &ConsumerConfig,
    ) -> Result<ConsumerInfo, JetStreamError> {
        self.create_consumer_with(stream, config, ConsumerAction::CreateOrUpdate, false)
            .await
    }

    /// Makes or changes a consumer as `action` says; `pedantic` refuses what the server would have to change.
    ///
    /// # Errors
    /// As [`JetStream::create_consumer`]; a consumer that should be new exists and is different
    /// (`ApiError::CONSUMER_ALREADY_EXISTS`), or one that should be changed is missing.
    pub async fn create_consumer_with(
        &self,
        stream: &str,
        config: &ConsumerConfig,
        action: ConsumerAction,
        pedantic: bool,
    ) -> Result<ConsumerInfo, JetStreamError> {
        check_name("stream", stream)?;
        let mut config = config.clone();
        if config.name.is_empty() {
            config.name = if config.durable_name.is_empty() {
                nats_proto::nuid::next().as_str().to_owned()
            } else {
                config.durable_name.clone()
            };
        }
        check_name("consumer", &config.name)?;
        let subject = if config.filter_subject.is_empty() {
            self.api().consumer_create(stream, &config.name)
        } else {
            self.api()
                .consumer_create_filtered(stream, &config.name, &config.filter_subject)
        };
        let request = ConsumerCreateRequest {
            stream_name: stream.to_owned(),
            config,
            action,
            pedantic,
        };
        let answer: ConsumerCreateResponse = self.request_json(subject, &request).await?;
        Ok(answer.info)
    }

    /// Everything about a consumer.
    ///
    /// # Errors
    /// The consumer or its stream is missing.
    pub async fn consumer_info(
        &self,
        stream: &str,
        consumer: &str,
    ) -> Result<ConsumerInfo, JetStreamError> {
        check_name("stream", stream)?;
        check_name("consumer", consumer)?;
        let answer: ConsumerInfoResponse = self
            .request(self.api().consumer_info(stream, consumer), b"")
            .await?;
        Ok(answer.info)
    }

    /// Names of a stream's consumers.
    ///
    /// # Errors
    /// The stream is missing.
    pub async fn consumer_names(&self, stream: &str) -> Result<Vec<String>, JetStreamError> {
        check_name("stream", stream)?;
        self.all_pages(Vec::new(), async |offset, all| {
            let answer: ConsumerNamesResponse = self
                .request_json(
                    self.api().consumer_names(stream),
                    &ConsumerListRequest { offset },
                )
                .await?;
            let page = Page {
                total: answer.total,
                offset: answer.offset,
                limit: answer.limit,
            };
            let count = answer.consumers.len();
            all.extend(answer.consumers);
            Ok((page, count))
        })
        .await
    }

    /// A stream's consumers.
    ///
    /// # Errors
    /// The stream is missing.
    pub async fn consumers(&self, stream: &str) -> Result<ConsumerList, JetStreamError> {
        check_name("stream", stream)?;
        self.all_pages(ConsumerList::default(), async |offset, all| {
            let answer: ConsumerListResponse = self
                .request_json(
                    self.api().consumer_list(stream),
                    &ConsumerListRequest { offset },
                )
                .await?;
            let page = Page {
                total: answer.total,
                offset: answer.offset,
                limit: answer.limit,
            };
            let count = answer.consumers.len();
            all.consumers.extend(answer.consumers);
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

    /// Deletes a consumer.
    ///
    /// # Errors
    /// The consumer or its stream is missing.
    pub async fn delete_consumer(
        &self,
        stream: &str,
        consumer: &str,
    ) -> Result<(), JetStreamError> {
        check_name("stream", stream)?;
        check_name("consumer", consumer)?;
        let _: ConsumerDeleteResponse = self
            .request(self.api().consumer_delete(stream, consumer), b"")
            .await?;
        Ok(())
    }

    /// Stops deliveries until a time; [`Timestamp::NEVER`] resumes.
    ///
    /// # Errors
    /// The consumer or its stream is missing.
    pub async fn pause_consumer(
        &self,
        stream: &str,
        consumer: &str,
        pause_until: Timestamp,
    ) -> Result<ConsumerPauseResponse, JetStreamError> {
        check_name("stream", stream)?;
        check_name("consumer", consumer)?;
        let subject = self.api().consumer_pause(stream, consumer);
        self.request_json(subject, &ConsumerPauseRequest { pause_until })
            .await
    }

    /// Resumes deliveries.
    ///
    /// # Errors
    /// As [`JetStream::pause_consumer`].
    pub async fn resume_consumer(
        &self,
        stream: &str,
        consumer: &str,
    ) -> Result<ConsumerPauseResponse, JetStreamError> {
        self.pause_consumer(stream, consumer, Timestamp::NEVER)
            .await
    }

    /// Takes the pin of a priority group from the client that has it.
    ///
    /// # Errors
    /// The consumer is missing or has no such group.
    pub async fn unpin_consumer(
        &self,
        stream: &str,
        consumer: &str,
        group: &str,
    ) -> Result<(), JetStreamError> {
        check_name("stream", stream)?;
        check_name("consumer", consumer)?;
        let request = ConsumerUnpinRequest {
            group: group.to_owned(),
        };
        let _: ConsumerUnpinResponse = self
            .request_json(self.api().consumer_unpin(stream, consumer), &request)
            .await?;
        Ok(())
    }

    /// Makes a consumer deliver again from its acknowledgement floor, or from a sequence.
    ///
    /// # Errors
    /// The consumer is missing, or does not allow that sequence.
    pub async fn reset_consumer(
        &self,
        stream: &str,
        consumer: &str,
        sequence: Option<u64>,
    ) -> Result<ConsumerResetResponse, JetStreamError> {
        check_name("stream", stream)?;
        check_name("consumer", consumer)?;
        let subject = self.api().consumer_reset(stream, consumer);
        match sequence {
            None => self.request(subject, b"").await,
            Some(seq) => {
                self.request_json(subject, &ConsumerResetRequest { seq })
                    .await
            }
        }
    }

    /// Makes another server the leader of a consumer.
    ///
    /// # Errors
    /// The consumer is not replicated, or no server fits.
    pub async fn consumer_leader_stepdown(
        &self,
        stream: &str,
        consumer: &str,
        placement: Option<Placement>,
    ) -> Result<(), JetStreamError> {
        check_name("stream", stream)?;
        check_name("consumer", consumer)?;
        let _: ConsumerLeaderStepdownResponse = self
            .request_json(
                self.api().consumer_leader_stepdown(stream, consumer),
                &LeaderStepdownRequest { placement },
            )
            .await?;
        Ok(())
    }

    /// Takes hold of a pull consumer that exists.
    ///
    /// # Errors
    /// The consumer is missing, or delivers to a subject.
    pub async fn pull_consumer(
        &self,
        stream: &str,
        consumer: &str,
    ) -> Result<PullConsumer, JetStreamError> {
        let info = self.consumer_info(stream, consumer).await?;
        if let Some(config) = info.config.as_ref().filter(|config| config.is_push()) {
            let subject = &config.deliver_subject;
            return Err(JetStreamError::Argument(format!(
                "{consumer:?} is a push consumer, it delivers to {subject:?}"
            )));
        }
        Ok(PullConsumer::new(
            self.clone(),
            &info.stream_name,
            &info.name,
        ))
    }

    /// Takes hold of a pull consumer without asking the server, for users who may read from it and nothing else. Whether it
    /// exists shows when it is read.
    ///
    /// # Errors
    /// Names that no stream or consumer can have.
    pub fn bind_pull_consumer(
        &self,
        stream: &str,
        consumer: &str,
    ) -> Result<PullConsumer, JetStreamError> {
        check_name("stream", stream)?;
        check_name("consumer", consumer)?;
        Ok(PullConsumer::new(self.clone(), stream, consumer))
    }

    /// Makes a pull consumer, or changes it, and takes hold of it.
    ///
    /// # Errors
    /// As [`JetStream::create_consumer`].
    pub async fn create_pull_consumer(
        &self,
        stream: &str,
        config: &ConsumerConfig,
    ) -> Result<PullConsumer, JetStreamError> {
        if config.is_push() {
            return Err(JetStreamError::Argument(
                "a pull consumer has no deliver subject".into(),
            ));
        }
        let info = self.create_consumer(stream, config).await?;
        Ok(PullConsumer::new(
            self.clone(),
            &info.stream_name,
            &info.name,
        ))
    }

    /// Takes hold of a push consumer that exists.
    ///
    /// # Errors
    /// The consumer is missing, or does not deliver to a subject.
    pub async fn push_consumer(
        &self,
        stream: &str,
        consumer: &str,
    ) -> Result<PushConsumer, JetStreamError> {
        let info = self.consumer_info(stream, consumer).await?;
        PushConsumer::new(self.clone(), info)
    }

    /// Makes a push consumer, or changes it, and takes hold of it. Without a deliver subject one is made up.
    ///
    /// # Errors
    /// As [`JetStream::create_consumer`].
    pub async fn create_push_consumer(
        &self,
        stream: &str,
        config: &ConsumerConfig,
    ) -> Result<PushConsumer, JetStreamError> {
        let mut config = config.clone();
        if config.deliver_subject.is_empty() {
            config.deliver_subject = self.client().new_inbox();
        }
        let info = self.create_consumer(stream, &config).await?;
        PushConsumer::new(self.clone(), info)
    }
}
