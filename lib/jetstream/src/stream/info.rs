//! What a stream says about itself.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use nats_api::errors::ApiError;
use nats_api::jetstream::{
    LostStreamData, Page, StreamInfo, StreamInfoRequest, StreamInfoResponse, StreamState,
};
use nats_proto::name_hash::name_hash_8;
use nats_store::{Filter, Timestamp};

use super::Stream;
use super::republish::api_time;
use crate::config::stream::metadata;
use crate::limits::{INFO_DELETED_MAX, INFO_SUBJECTS_PAGE};

impl Stream {
    /// Everything but lists of subjects and of deleted messages.
    pub fn info(&self, now: Timestamp) -> StreamInfo {
        let config = (*self.config).clone();
        let (mut mirror, mut sources) = (None, Vec::new());
        if config.mirror.is_some() {
            mirror = self.upstream_infos(now).pop();
        } else {
            sources = self.upstream_infos(now);
        }
        let mut config = metadata::with_dynamic(config, &self.environment.version);
        if let Some(fault) = self.fault() {
            metadata::add_fault(&mut config, &fault);
        }
        StreamInfo {
            config,
            created: api_time(self.created),
            state: self.api_state(),
            domain: self.environment.domain.to_string(),
            mirror,
            sources,
            durability: self.environment.durability(&self.config),
            ts: api_time(now),
            ..StreamInfo::default()
        }
    }

    /// As [`Stream::info`], without what answers about a single stream add to its configuration.
    pub fn listed_info(&self, now: Timestamp) -> StreamInfo {
        StreamInfo {
            config: (*self.config).clone(),
            ..self.info(now)
        }
    }

    /// Tells this stream from an earlier or later one of the same name, for those who mirror or source it.
    pub fn identity(&self) -> String {
        name_hash_8(&api_time(self.created).to_string())
    }

    /// STREAM.INFO.
    ///
    /// # Errors
    /// None yet; it is a request like others.
    pub fn info_page(
        &self,
        now: Timestamp,
        request: &StreamInfoRequest,
    ) -> Result<StreamInfoResponse, ApiError> {
        let mut info = self.info(now);
        if request.deleted_details {
            info.state.deleted = self.deleted();
        }
        let mut page = Page::default();
        if !request.subjects_filter.is_empty() {
            let offset = usize::try_from(request.offset).unwrap_or(0);
            let (total, subjects) = self.subjects_page(&request.subjects_filter, offset);
            if total > 0 {
                info.state.subjects = subjects;
                page = Page {
                    total: total as i64,
                    offset: offset.min(total) as i64,
                    limit: INFO_SUBJECTS_PAGE as i64,
                };
            }
        }
        Ok(StreamInfoResponse { page, info })
    }

    /// What the stream holds, as documents show it.
    pub fn api_state(&self) -> StreamState {
        let state = self.store.state();
        let last_time = state.last_time.max(self.skipped);
        let is_untouched = state.messages == 0 && state.last_sequence == 0;
        let time = |time: Timestamp, is_known: bool| {
            if is_known {
                api_time(time)
            } else {
                nats_api::time::Timestamp::NEVER
            }
        };
        StreamState {
            messages: state.messages,
            bytes: state.bytes,
            // A stream that was told where to begin says so before its first message.
            first_seq: if is_untouched && self.config.first_seq == 0 {
                0
            } else {
                state.first_sequence
            },
            first_ts: time(state.first_time, state.messages > 0),
            last_seq: state.last_sequence,
            last_ts: time(last_time, last_time != Timestamp::default()),
            num_subjects: state.subjects,
            num_deleted: state.deleted,
            lost: (state.lost > 0).then(LostStreamData::default),
            // Those of mirrors and sources are nobody's business.
            consumer_count: self.shown_consumers() as u64,
            ..StreamState::default()
        }
    }

    /// How many subjects match, and the messages of those on one page, in byte order.
    fn subjects_page(&self, filter: &str, offset: usize) -> (usize, BTreeMap<String, u64>) {
        let mut total = 0usize;
        let mut page = BTreeMap::new();
        self.store
            .subjects(&Filter::any([filter]), &mut |subject, state| {
                if total >= offset && page.len() < INFO_SUBJECTS_PAGE {
                    let subject = String::from_utf8_lossy(subject).into_owned();
                    page.insert(subject, state.messages);
                }
                total = total.saturating_add(1);
                ControlFlow::Continue(())
            });
        (total, page)
    }

    fn deleted(&self) -> Vec<u64> {
        let mut deleted = Vec::new();
        self.store.gaps(&mut |first, count| {
            let room = INFO_DELETED_MAX.saturating_sub(deleted.len()) as u64;
            let end = first.saturating_add(count.min(room));
            deleted.extend(first..end);
            if deleted.len() < INFO_DELETED_MAX {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        });
        deleted
    }
}
