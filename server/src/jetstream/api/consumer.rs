//! Requests about consumers.

use std::ops::ControlFlow;
use std::sync::Arc;

use nats_api::errors::ApiError;
use nats_api::jetstream::headers::STREAM_IDENTITY;
use nats_api::jetstream::reply::encode;
use nats_api::jetstream::{
    ConsumerConfig, ConsumerCreateRequest, ConsumerCreateResponse, ConsumerDeleteResponse,
    ConsumerInfo, ConsumerInfoResponse, ConsumerListRequest, ConsumerListResponse,
    ConsumerNamesResponse, ConsumerPauseRequest, ConsumerPauseResponse, ConsumerResetRequest,
    ConsumerResetResponse, ConsumerUnpinRequest, ConsumerUnpinResponse,
};
use nats_jetstream::config::consumer::request::{self, Form};
use nats_jetstream::config::consumer::{self as config, Admission, Rules, Siblings};
use nats_jetstream::stream::{NewConsumer, Stream};
use nats_jetstream::{Context, Effects, Interest};
use nats_proto::header::block;

use super::Serving;
use crate::jetstream::account::{JsAccount, StreamEntry};
use crate::jetstream::seat::StreamSeat;

/// Names, and consumers, on one page of an answer.
const NAMES_PAGE: usize = 1024;
const LIST_PAGE: usize = 256;

impl Serving<'_> {
    pub(super) fn consumer_create(&self, form: Form<'_>) {
        match self.ask_to_create(form) {
            Ok(()) => {}
            Err(error) => self.answer::<ConsumerCreateResponse>(Err(error)),
        }
    }

    /// Answers itself when the stream was asked, because that answer waits for the log.
    fn ask_to_create(&self, form: Form<'_>) -> Result<(), ApiError> {
        let mut request = self.body::<ConsumerCreateRequest>()?;
        let account = self.account()?;
        request::read(form, &mut request)?;
        let entry = self.find(&request.stream_name.clone())?;
        let feeds_stream = request.config.direct || request.config.sourcing;
        entry.lane.with(|seat, cx, out| {
            // Whoever mirrors or sources must not go on where another stream of that name ended.
            let identity = feeds_stream.then(|| seat.stream.identity());
            let answer = seat
                .check_there()
                .and_then(|()| self.is_expected(identity.as_deref()))
                .and_then(|()| self.admit(account, &entry, seat, cx, request, out))
                .map(|info| ConsumerCreateResponse { info });
            let headers = match &answer {
                Ok(_) => identity_header(identity.as_deref()),
                Err(_) => Vec::new(),
            };
            self.write_answer_with(&headers, &encode(&answer), answer.is_err(), out);
        });
        Ok(())
    }

    /// The client means the stream that is there, or does not say which.
    fn is_expected(&self, identity: Option<&str>) -> Result<(), ApiError> {
        let meant = block::find_value(&self.request.headers, STREAM_IDENTITY.as_bytes());
        match (identity, meant.filter(|meant| !meant.is_empty())) {
            (Some(identity), Some(meant)) if identity.as_bytes() != meant => {
                Err(ApiError::CONSUMER_STREAM_IDENTITY_MISMATCH.error_with(&[("msg", &identity)]))
            }
            _ => Ok(()),
        }
    }

    fn admit(
        &self,
        account: &JsAccount,
        entry: &StreamEntry,
        seat: &mut StreamSeat,
        cx: &mut Context<'_>,
        request: ConsumerCreateRequest,
        out: &mut Effects,
    ) -> Result<ConsumerInfo, ApiError> {
        let stream = seat.stream.config().clone();
        let replicas = match request.config.num_replicas {
            0 => stream.num_replicas,
            replicas => replicas,
        };
        let tiers = account.usage.tiers();
        let rules = Rules {
            stream: &stream,
            server: self.jetstream.settings.consumers,
            account: tiers.of(replicas),
        };
        let siblings = OfStream {
            stream: &seat.stream,
            interest: cx.interest,
        };
        let vault = &self.jetstream.vault;
        let owner = &*account.account.name;
        match config::admit(request, &rules, &siblings, cx.random)? {
            Admission::Create(config) => {
                let name: Box<str> = config.name.as_str().into();
                let kept = vault
                    .create_consumer(owner, &entry.name, &config, cx.now)
                    .map_err(|e| consumer_store_failed(&e))?;
                let config = Arc::new(*config);
                let new = NewConsumer {
                    name: name.clone(),
                    config: config.clone(),
                    created: cx.now,
                    kept,
                };
                let made = seat.stream.create_consumer(cx, new, out);
                match &made {
                    Ok(_) => entry.add_consumer(&config),
                    Err(_) => {
                        // Nobody is told of it.
                        let _ = vault.delete_consumer(owner, &entry.name, &name);
                    }
                }
                made
            }
            Admission::Update(config) => {
                let name = config.name.clone();
                let position = vault
                    .update_consumer(owner, &entry.name, &config)
                    .map_err(|e| consumer_store_failed(&e))?;
                seat.stream.wait_for(position);
                let config = Arc::new(*config);
                let updated = seat.stream.update_consumer(cx, &name, config.clone(), out);
                if updated.is_ok() {
                    entry.add_consumer(&config);
                }
                updated
            }
        }
    }

    pub(super) fn consumer_names(&self, stream: &str) -> Result<ConsumerNamesResponse, ApiError> {
        self.account()?;
        let request = self.list_offset()?;
        let offset = usize::try_from(request.offset).unwrap_or(0);
        let entry = self.find(stream)?;
        let (total, consumers) = entry
            .lane
            .with(|seat, _, _| seat.stream.consumer_names_page(offset, NAMES_PAGE));
        Ok(ConsumerNamesResponse {
            total: total as i64,
            offset: offset.min(total) as i64,
            limit: NAMES_PAGE as i64,
            consumers,
        })
    }

    pub(super) fn consumer_list(&self, stream: &str) {
        let request = match self.account().and_then(|_| self.list_offset()) {
            Ok(request) => request,
            Err(error) => return self.answer::<ConsumerListResponse>(Err(error)),
        };
        self.on_stream(stream, |seat, cx, out| {
            let offset = usize::try_from(request.offset).unwrap_or(0);
            let (total, consumers) = seat.stream.consumer_page(cx, offset, LIST_PAGE, out);
            Ok(ConsumerListResponse {
                total: total as i64,
                offset: offset.min(total) as i64,
                limit: LIST_PAGE as i64,
                consumers,
                ..ConsumerListResponse::default()
            })
        });
    }

    /// The body of a list request counts only when it is JSON; older clients sent other things.
    fn list_offset(&self) -> Result<ConsumerListRequest, ApiError> {
        match self.request.body.trim_ascii().first() {
            Some(b'{' | b'[') => self.body(),
            _ => Ok(ConsumerListRequest::default()),
        }
    }

    pub(super) fn consumer_info(&self, stream: &str, name: &str) {
        if let Err(error) = self.account().and_then(|_| self.no_body()) {
            return self.answer::<ConsumerInfoResponse>(Err(error));
        }
        self.on_stream(stream, |seat, cx, out| {
            let info = seat.stream.consumer_info(cx, name, out)?;
            Ok(ConsumerInfoResponse { info })
        });
    }

    pub(super) fn consumer_delete(&self, stream: &str, name: &str) {
        let found = self.account().and_then(|_| self.no_body());
        let entry = match found.and_then(|()| self.find(stream)) {
            Ok(entry) => entry,
            Err(error) => return self.answer::<ConsumerDeleteResponse>(Err(error)),
        };
        self.on_entry(&entry, |seat, cx, out| {
            seat.stream.delete_consumer(cx, name, out)?;
            entry.remove_consumer(name);
            let owner = &*self.request.account.name;
            let vault = &self.jetstream.vault;
            let position = vault.delete_consumer(owner, &entry.name, name);
            seat.stream.wait_for(position);
            Ok(ConsumerDeleteResponse { success: true })
        });
    }

    pub(super) fn consumer_pause(&self, stream: &str, name: &str) {
        let request = match self.asked::<ConsumerPauseRequest>() {
            Ok(request) => request,
            Err(error) => return self.answer::<ConsumerPauseResponse>(Err(error)),
        };
        self.on_stream::<ConsumerPauseResponse>(stream, |seat, cx, out| {
            let until = request.pause_until;
            let paused = seat.stream.pause_consumer(cx, name, until, out)?;
            if let Some(config) = seat.stream.consumer_config(name) {
                let owner = &*self.request.account.name;
                let position = self
                    .jetstream
                    .vault
                    .update_consumer(owner, stream, config)
                    .map_err(|e| consumer_store_failed(&e))?;
                seat.stream.wait_for(position);
            }
            Ok(paused)
        });
    }

    pub(super) fn consumer_unpin(&self, stream: &str, name: &str) {
        let request = match self.plain_body::<ConsumerUnpinRequest>() {
            Ok(request) => request,
            Err(error) => return self.answer::<ConsumerUnpinResponse>(Err(error)),
        };
        self.on_stream(stream, |seat, cx, out| {
            seat.stream.unpin_consumer(cx, name, &request.group, out)?;
            Ok(ConsumerUnpinResponse {})
        });
    }

    pub(super) fn consumer_reset(&self, stream: &str, name: &str) {
        let request = match self.request.body.is_empty() {
            true => Ok(ConsumerResetRequest::default()),
            false => self.plain_body(),
        };
        let entry = match self.find(stream) {
            Ok(entry) => entry,
            Err(error) => return self.answer::<ConsumerResetResponse>(Err(error)),
        };
        let asks_identity = block::contains(&self.request.headers, STREAM_IDENTITY.as_bytes());
        entry.lane.with(|seat, cx, out| {
            let answer = seat
                .check_there()
                .and(request)
                .and_then(|request| seat.stream.reset_consumer(cx, name, request.seq, out));
            let identity = (asks_identity && answer.is_ok()).then(|| seat.stream.identity());
            let headers = identity_header(identity.as_deref());
            let json = encode::<ConsumerResetResponse>(&answer);
            self.write_answer_with(&headers, &json, answer.is_err(), out);
        });
    }
}

fn identity_header(identity: Option<&str>) -> Vec<u8> {
    match identity {
        Some(identity) => format!("NATS/1.0\r\n{STREAM_IDENTITY}: {identity}\r\n\r\n").into_bytes(),
        None => Vec::new(),
    }
}

/// The consumers of one stream, as a new one sees them.
struct OfStream<'a> {
    stream: &'a Stream,
    interest: &'a dyn Interest,
}

impl Siblings for OfStream<'_> {
    fn get(&self, name: &str) -> Option<&ConsumerConfig> {
        self.stream.consumer_config(name).map(|config| &**config)
    }

    fn limitable(&self) -> usize {
        self.stream.limitable_consumers()
    }

    fn each(&self, visit: &mut dyn FnMut(&str, &ConsumerConfig) -> ControlFlow<()>) {
        for name in self.stream.consumer_names() {
            if let Some(config) = self.stream.consumer_config(name)
                && visit(name, config).is_break()
            {
                return;
            }
        }
    }

    fn listens(&self, subject: &str) -> bool {
        self.interest.listens(subject.as_bytes())
    }
}

fn consumer_store_failed(error: &dyn std::fmt::Display) -> ApiError {
    ApiError::CONSUMER_STORE_FAILED.error_with(&[("err", &error)])
}
