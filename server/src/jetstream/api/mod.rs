//! Requests of the JetStream API, from their subjects to their answers.
//!
//! **What lives here.** [`Ask`] reads subjects, [`Queue`] keeps requests until a thread has time, [`serve`] answers; a file per group of
//! requests. Bodies are read by `nats_api::decode`, decisions are the machines'.
//!
//! Start reading at [`serve`].

mod account;
mod archive;
mod ask;
mod audit;
mod complaints;
mod consumer;
mod message;
mod queue;
mod stream;

use std::sync::Arc;

use nats_api::decode::{self, DecodeError, Mode};
use nats_api::errors::ApiError;
use nats_api::jetstream::reply::{Reply, encode};
use nats_api::jetstream::{
    ConsumerLeaderStepdownResponse, StreamCancelMoveResponse, StreamEvacuatePeerResponse,
    StreamLeaderStepdownResponse, StreamRemovePeerResponse, SystemResponse,
};
use nats_jetstream::config::consumer::request::Form;
use nats_jetstream::config::stream::metadata::is_level_served;
use nats_jetstream::{Context, Effects, Kind};
use nats_proto::header::block;
use serde::de::DeserializeOwned;

pub use ask::{Ask, Way};
pub use audit::limit_reached;
pub use complaints::Complaints;
pub use queue::{Queue, QueueLimits, Request};

use super::account::{JsAccount, StreamEntry};
use super::seat::StreamSeat;
use super::{JetStream, not_enabled};

/// Header by which a client says what it needs.
const REQUIRED_LEVEL: &[u8] = b"Nats-Required-Api-Level";

/// A request in the hands of the thread that serves it.
pub(super) struct Serving<'a> {
    pub(super) jetstream: &'a JetStream,
    pub(super) request: &'a Request,
    /// `None` when the account has no JetStream.
    pub(super) account: Option<Arc<JsAccount>>,
}

/// Answers one request.
pub fn serve(jetstream: &JetStream, request: &Request) {
    let serving = Serving {
        jetstream,
        request,
        account: jetstream.account(&request.account.name),
    };
    match Ask::parse(&request.ask) {
        None if request.account.is_system() => serving.answer::<SystemResponse>(Err(not_enabled())),
        None => serving.answer::<SystemResponse>(Err(ApiError::BAD_REQUEST.error())),
        // Of what only the system account may ask, one server can answer one thing. The rest is for a meta group: nobody answers, as in
        // the reference.
        Some(Ask::AccountPurge(name)) => serving.answer(serving.account_purge(name)),
        Some(ask) if ask.way() == Way::System => {}
        Some(ask) if request.account.is_system() && ask != Ask::AccountInfo => {
            serving.answer::<SystemResponse>(Err(not_enabled()));
        }
        Some(ask) => serving.dispatch(ask),
    }
}

impl Serving<'_> {
    fn dispatch(&self, ask: Ask<'_>) {
        match ask {
            Ask::AccountInfo => self.answer(self.account_info()),
            Ask::StreamCreate(name) => self.stream_create(name),
            Ask::StreamUpdate(name) => self.stream_update(name),
            Ask::StreamNames => self.answer(self.stream_names()),
            Ask::StreamList => self.answer(self.stream_list()),
            Ask::StreamInfo(name) => self.stream_info(name),
            Ask::StreamDelete(name) => self.stream_delete(name),
            Ask::StreamPurge(name) => self.stream_purge(name),
            Ask::StreamSnapshot(name) => self.stream_snapshot(name),
            Ask::StreamRestore(name) => self.stream_restore(name),
            Ask::MsgGet(name) => self.msg_get(name),
            Ask::MsgDelete(name) => self.msg_delete(name),
            Ask::StreamPeerRemove(_) => {
                self.answer::<StreamRemovePeerResponse>(Err(cluster_required()));
            }
            Ask::StreamPeerEvacuate(_) => {
                self.answer::<StreamEvacuatePeerResponse>(Err(cluster_required()));
            }
            Ask::StreamLeaderStepdown(_) => {
                self.answer::<StreamLeaderStepdownResponse>(Err(cluster_required()));
            }
            Ask::StreamCancelMove(_) => {
                self.answer::<StreamCancelMoveResponse>(Err(cluster_required()));
            }
            Ask::ConsumerLeaderStepdown(..) => {
                self.answer::<ConsumerLeaderStepdownResponse>(Err(cluster_required()));
            }
            Ask::ConsumerCreateUnnamed(stream) => self.consumer_create(Form::Unnamed { stream }),
            Ask::ConsumerCreate {
                stream,
                consumer,
                filter,
            } => self.consumer_create(Form::Named {
                stream,
                consumer,
                filter,
            }),
            Ask::ConsumerDurableCreate(stream, consumer) => {
                self.consumer_create(Form::Durable { stream, consumer });
            }
            Ask::ConsumerNames(stream) => self.answer(self.consumer_names(stream)),
            Ask::ConsumerList(stream) => self.consumer_list(stream),
            Ask::ConsumerInfo(stream, name) => self.consumer_info(stream, name),
            Ask::ConsumerDelete(stream, name) => self.consumer_delete(stream, name),
            Ask::ConsumerPause(stream, name) => self.consumer_pause(stream, name),
            Ask::ConsumerUnpin(stream, name) => self.consumer_unpin(stream, name),
            Ask::ConsumerReset(stream, name) => self.consumer_reset(stream, name),
            // Served among the messages of the stream.
            Ask::ConsumerNext(..) | Ask::DirectGet(..) => {}
            // Served before, in the system account only.
            Ask::MetaLeaderStepdown
            | Ask::ServerRemove
            | Ask::ServerEvacuate
            | Ask::MetaRescue
            | Ask::AccountPurge(_)
            | Ask::AccountStreamMove(..)
            | Ask::AccountStreamCancelMove(..) => {}
        }
    }

    /// The account, when it has JetStream and the client asks for nothing that this server does not have.
    fn account(&self) -> Result<&Arc<JsAccount>, ApiError> {
        let level = block::find_value(&self.request.headers, REQUIRED_LEVEL);
        if !level.is_none_or(is_level_served) {
            return Err(ApiError::REQUIRED_API_LEVEL.error());
        }
        self.account.as_ref().ok_or_else(not_enabled)
    }

    fn find(&self, stream: &str) -> Result<Arc<StreamEntry>, ApiError> {
        let account = self.account()?;
        match account.find(stream) {
            Some(entry) => Ok(entry),
            None => {
                let owner = &account.account.name;
                self.jetstream.check_not_lost(owner, stream)?;
                Err(ApiError::STREAM_NOT_FOUND.error())
            }
        }
    }

    /// Reads the body; an empty one is the empty document.
    fn body<T: DeserializeOwned + Default>(&self) -> Result<T, ApiError> {
        self.read(decode::document)
    }

    /// Reads the body. What is wrong with it stands in the log, also when a server that is not strict passes over it.
    fn read<T>(&self, read: impl Fn(&[u8], Mode) -> Result<T, DecodeError>) -> Result<T, ApiError> {
        let body = &self.request.body;
        let error = match read(body, Mode::Strict) {
            Ok(document) => return Ok(document),
            Err(error) => error,
        };
        let (account, subject) = (&self.request.account.name, &self.request.subject);
        let complaints = &self.jetstream.complaints;
        complaints.invalid_request(account, subject, &error);
        match self.jetstream.settings.strict {
            true => Err(invalid_json(&error)),
            false => read(body, Mode::Lenient).map_err(|e| invalid_json(&e)),
        }
    }

    /// What is asked, when the account has JetStream: that is looked at before anything that the request names.
    fn asked<T: DeserializeOwned + Default>(&self) -> Result<T, ApiError> {
        self.account().and_then(|_| self.body())
    }

    /// Reads the body of the requests that the reference serves beside the others: it has to say something, and unknown fields are passed
    /// over in every mode.
    fn plain_body<T: DeserializeOwned + Default>(&self) -> Result<T, ApiError> {
        self.account()?;
        let body = &self.request.body;
        match body.trim_ascii().is_empty() {
            true => Err(invalid_json(&"unexpected end of JSON input")),
            false => decode::lenient(body).map_err(|e| invalid_json(&e)),
        }
    }

    /// The body has to be empty, or an object without members.
    fn no_body(&self) -> Result<(), ApiError> {
        let body = &self.request.body;
        let members = || serde_json::from_slice::<serde_json::Map<_, serde_json::Value>>(body);
        match body.is_empty() || members().is_ok_and(|members| members.is_empty()) {
            true => Ok(()),
            false => Err(ApiError::NOT_EMPTY_REQUEST.error()),
        }
    }

    /// Sends an answer that depends on nothing that is not durable.
    pub(super) fn answer<T: Reply>(&self, answer: Result<T, ApiError>) {
        let json = encode(&answer);
        let mut out = Effects::default();
        self.write_answer(&json, answer.is_err(), &mut out);
        match &self.account {
            Some(account) => super::engine::Outlet::release(&*account.outlet, &out),
            None => {
                let outlet = super::outlet::AccountOutlet::new(self.request.account.clone());
                super::engine::Outlet::release(&outlet, &out);
            }
        }
    }

    /// Asks a stream; the answer leaves when what it says is durable.
    fn on_stream<T: Reply>(
        &self,
        stream: &str,
        ask: impl FnOnce(&mut StreamSeat, &mut Context<'_>, &mut Effects) -> Result<T, ApiError>,
    ) {
        match self.find(stream) {
            Ok(entry) => self.on_entry(&entry, ask),
            Err(error) => self.answer::<T>(Err(error)),
        }
    }

    fn on_entry<T: Reply>(
        &self,
        entry: &Arc<StreamEntry>,
        ask: impl FnOnce(&mut StreamSeat, &mut Context<'_>, &mut Effects) -> Result<T, ApiError>,
    ) {
        entry.lane.with(|seat, cx, out| {
            let answer = seat.check_there().and_then(|()| ask(seat, cx, out));
            self.write_answer(&encode(&answer), answer.is_err(), out);
        });
    }

    fn write_answer(&self, json: &[u8], is_error: bool, out: &mut Effects) {
        self.write_answer_with(b"", json, is_error, out);
    }

    fn write_answer_with(&self, headers: &[u8], json: &[u8], is_error: bool, out: &mut Effects) {
        if let Some(account) = &self.account {
            account.count_answer(is_error);
        }
        if !self.request.reply.is_empty() {
            let shows_only = matches!(
                Ask::parse(&self.request.ask),
                Some(
                    Ask::StreamInfo(_)
                        | Ask::StreamList
                        | Ask::ConsumerInfo(..)
                        | Ask::ConsumerList(_)
                        | Ask::MsgGet(_)
                )
            );
            let kind = match shows_only {
                true => Kind::View,
                false => Kind::ApiAnswer,
            };
            out.send(kind, &self.request.reply, b"", headers, json);
        }
        self.audit(json, out);
    }
}

fn cluster_required() -> ApiError {
    ApiError::CLUSTER_REQUIRED.error()
}

fn invalid_json(error: &dyn std::fmt::Display) -> ApiError {
    ApiError::INVALID_JSON.error_with(&[("err", &error)])
}
