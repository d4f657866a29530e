//! Requests about streams.

use std::sync::Arc;

use nats_api::errors::ApiError;
use nats_api::jetstream::reply::encode;
use nats_api::jetstream::{
    ClusterInfo, StreamConfigRequest, StreamCreateResponse, StreamDeleteResponse,
    StreamInfoRequest, StreamInfoResponse, StreamListRequest, StreamListResponse,
    StreamNamesResponse, StreamPurgeRequest, StreamPurgeResponse, StreamUpdateResponse,
};
use nats_jetstream::config::stream::{self as config, Creation};

use super::Serving;
use crate::jetstream::account::StreamEntry;

/// Names on one page of an answer.
const NAMES_PAGE: usize = 1024;
/// Streams on one page of an answer.
const LIST_PAGE: usize = 256;

/// One page of a list: where it begins, and its part.
pub(super) fn page<T>(all: Vec<T>, offset: i64, size: usize) -> (i64, i64, Vec<T>) {
    let total = all.len();
    let offset = usize::try_from(offset).unwrap_or(0).min(total);
    let part = all.into_iter().skip(offset).take(size).collect();
    (total as i64, offset as i64, part)
}

impl Serving<'_> {
    pub(super) fn stream_create(&self, name: &str) {
        match self.create(name) {
            Ok(()) => self.on_stream(name, |seat, cx, _| {
                let mut info = seat.stream.info(cx.now);
                info.domain.clear();
                Ok(StreamCreateResponse {
                    info,
                    did_create: true,
                })
            }),
            Err(error) => self.answer::<StreamCreateResponse>(Err(error)),
        }
    }

    fn create(&self, name: &str) -> Result<(), ApiError> {
        let account = self.account()?;
        let request = self.read(StreamConfigRequest::decode)?;
        let _changes = account.changes.lock();
        match config::create(name, request, &**account)? {
            Creation::Exists => Ok(()),
            Creation::New(config) => self.jetstream.create_stream(account, *config),
        }
    }

    pub(super) fn stream_update(&self, name: &str) {
        if let Err(error) = self.update(name) {
            return self.answer::<StreamUpdateResponse>(Err(error));
        }
        self.on_stream(name, |seat, cx, _| {
            Ok(StreamUpdateResponse {
                info: seat.stream.info(cx.now),
            })
        });
    }

    fn update(&self, name: &str) -> Result<(), ApiError> {
        let account = self.account()?;
        let request = self.read(StreamConfigRequest::decode)?;
        let _changes = account.changes.lock();
        let config = config::update(name, request, &**account)?;
        let entry = self.find(name)?;
        self.jetstream.update_stream(account, &entry, config)
    }

    pub(super) fn stream_names(&self) -> Result<StreamNamesResponse, ApiError> {
        let account = self.account()?;
        let request = self.list_request()?;
        let names = account.matching(&request.subject);
        let mut names: Vec<String> = names.iter().map(|s| s.name.to_string()).collect();
        if request.subject.is_empty() {
            let lost = self.jetstream.lost_of(&account.account.name);
            names.extend(lost.into_iter().map(|lost| lost.stream));
            names.sort_unstable();
        }
        let (total, offset, streams) = page(names, request.offset, NAMES_PAGE);
        Ok(StreamNamesResponse {
            total,
            offset,
            limit: NAMES_PAGE as i64,
            streams,
        })
    }

    pub(super) fn stream_list(&self) -> Result<StreamListResponse, ApiError> {
        let account = self.account()?;
        let request = self.list_request()?;
        let (total, offset, entries) = page(
            account.matching(&request.subject),
            request.offset,
            LIST_PAGE,
        );
        let infos = entries.iter().map(|entry| {
            entry
                .lane
                .with(|seat, cx, _| seat.stream.listed_info(cx.now))
        });
        let mut answer = StreamListResponse {
            total,
            offset,
            limit: LIST_PAGE as i64,
            streams: infos.collect(),
            ..StreamListResponse::default()
        };
        // What they take is not known, so they are in lists of all streams only.
        if request.subject.is_empty() && offset == 0 {
            for lost in self.jetstream.lost_of(&account.account.name) {
                answer.missing.push(lost.stream.clone());
                answer.offline.insert(lost.stream, lost.why);
            }
        }
        Ok(answer)
    }

    /// The body of a list request counts only when it is JSON; older clients sent other things.
    fn list_request(&self) -> Result<StreamListRequest, ApiError> {
        match self.request.body.trim_ascii().first() {
            Some(b'{' | b'[') => self.body(),
            _ => Ok(StreamListRequest::default()),
        }
    }

    pub(super) fn stream_info(&self, name: &str) {
        let request = match self.request.body.trim_ascii().first() {
            Some(b'{' | b'[') => self.asked::<StreamInfoRequest>(),
            _ => Ok(StreamInfoRequest::default()),
        };
        let request = match request {
            Ok(request) => request,
            Err(error) => return self.answer::<StreamInfoResponse>(Err(error)),
        };
        let leader = &self.jetstream.settings.server_name;
        self.on_stream(name, |seat, cx, _| {
            let mut answer = seat.stream.info_page(cx.now, &request)?;
            answer.info.cluster = Some(ClusterInfo {
                leader: leader.clone(),
                ..ClusterInfo::default()
            });
            Ok(answer)
        });
    }

    pub(super) fn stream_delete(&self, name: &str) {
        match self.delete(name) {
            // Through the stream's lane, though it is over: the answer leaves when the deletion is durable.
            Ok(Some(entry)) => entry.lane.with(|_, _, out| {
                let answer = Ok(StreamDeleteResponse { success: true });
                self.write_answer(&encode(&answer), false, out);
            }),
            Ok(None) => self.answer(Ok(StreamDeleteResponse { success: true })),
            Err(error) => self.answer::<StreamDeleteResponse>(Err(error)),
        }
    }

    /// `None` when it was one that had been put aside.
    fn delete(&self, name: &str) -> Result<Option<Arc<StreamEntry>>, ApiError> {
        let account = self.account()?;
        self.no_body()?;
        let _changes = account.changes.lock();
        if self.jetstream.delete_aside(&account.account.name, name)? {
            return Ok(None);
        }
        let entry = self.find(name)?;
        self.jetstream.delete_stream(account, &entry)?;
        Ok(Some(entry))
    }

    pub(super) fn stream_purge(&self, name: &str) {
        let request = match self.asked::<StreamPurgeRequest>() {
            Ok(request) => request,
            Err(error) => return self.answer::<StreamPurgeResponse>(Err(error)),
        };
        self.on_stream(name, |seat, cx, out| seat.stream.purge(cx, &request, out));
    }
}
