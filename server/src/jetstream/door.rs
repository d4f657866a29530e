//! What stands in an account's subjects for JetStream: the API, acknowledgements, and each stream's own subjects.
//!
//! Everything here runs on the publisher's thread: it looks up a name, copies the message into a queue and is done.

use std::sync::{Arc, Weak};
use std::time::SystemTime;

use nats_api::errors::ApiError;
use nats_api::system::ClientInfo;
use nats_proto::subject::{token_at, token_count};

use super::JetStream;
use super::account::{JsAccount, StreamEntry};
use super::api::{Ask, Request, Way};
use super::engine::{Input, InputKind, Posted};
use super::listening::both;
use crate::interest::Sub;
use crate::router::{Cycle, Handler, Message, Origin, Service, publish_from_inside, to_all};

const TOO_MANY_REQUESTS: &[u8] = b"NATS/1.0 429 Too Many Requests\r\n\r\n";

fn input<'a>(msg: &Message<'a>) -> Input<'a> {
    Input {
        subject: msg.subject,
        reply: msg.reply.unwrap_or_default(),
        headers: msg.header(),
        payload: msg.body(),
    }
}

/// A stream's subjects.
pub struct Ingest {
    pub stream: Weak<StreamEntry>,
}

impl Ingest {
    pub fn subscription(subject: &str, stream: &Arc<StreamEntry>) -> Sub {
        let ingest = Self {
            stream: Arc::downgrade(stream),
        };
        Sub::new(
            subject.as_bytes(),
            None,
            b"",
            Handler::target(Arc::new(ingest)),
        )
    }
}

impl Service for Ingest {
    fn receive(&self, cx: &mut Cycle, from: &Origin<'_>, _: &Arc<Sub>, msg: &Message<'_>) -> bool {
        let Some(stream) = self.stream.upgrade() else {
            return false;
        };
        if let Some(trace) = &mut cx.trace {
            trace.jetstream(&stream.name);
            if trace.only {
                return true;
            }
        }
        match stream.lane.leave(cx, InputKind::Publish, &input(msg)) {
            Posted::Wake | Posted::Queued | Posted::Crowded => true,
            Posted::Closed => false,
            Posted::Full => {
                too_busy(cx, from, &stream, msg.reply);
                true
            }
        }
    }
}

/// Tells a publisher that its stream cannot keep up, and the operator.
#[cold]
fn too_busy(cx: &mut Cycle, from: &Origin<'_>, stream: &StreamEntry, reply: Option<&[u8]>) {
    if let Some(count) = stream.dropped.one_more(SystemTime::now()) {
        tracing::warn!(
            "Dropping messages due to excessive stream ingest rate on '{}' > '{}': {count} so far",
            from.account.name,
            stream.name
        );
    }
    let Some(reply) = reply else { return };
    let error = ApiError::STREAM_TOO_MANY_REQUESTS.error();
    let body = serde_json::json!({ "error": error, "stream": stream.name, "seq": 0 }).to_string();
    let payload = [TOO_MANY_REQUESTS, body.as_bytes()].concat();
    let answer = Message::new(reply, None, TOO_MANY_REQUESTS.len(), &payload);
    publish_from_inside(cx, from.account, &answer);
}

/// `$JS.ACK.>` and `$JS.FC.>` of an account.
pub struct Answers {
    pub account: Weak<JsAccount>,
    pub kind: InputKind,
}

impl Service for Answers {
    fn receive(&self, cx: &mut Cycle, _: &Origin<'_>, _: &Arc<Sub>, msg: &Message<'_>) -> bool {
        let Some(account) = self.account.upgrade() else {
            return false;
        };
        // `$JS.ACK.<stream>.<consumer>.…`, or with domain and account in front of them.
        let first = match (self.kind, token_count(msg.subject)) {
            (InputKind::Ack, 11..) => 4,
            _ => 2,
        };
        let name = |at| token_at(msg.subject, at).and_then(|t| std::str::from_utf8(t).ok());
        let (Some(stream), Some(consumer)) = (name(first), name(first + 1)) else {
            return false;
        };
        let Some(stream) = account.find(stream) else {
            return false;
        };
        let is_wanted = match self.kind {
            InputKind::FlowAnswer => stream.has_flow(consumer),
            _ => stream.takes_acks(consumer),
        };
        if !is_wanted {
            return false;
        }
        stream.lane.leave(cx, self.kind, &input(msg)) != Posted::Closed
    }
}

/// Where a stream listens because of one of its upstreams.
pub struct FromUpstream {
    pub account: Weak<JsAccount>,
    pub stream: Box<str>,
}

impl Service for FromUpstream {
    fn receive(&self, _: &mut Cycle, _: &Origin<'_>, sub: &Arc<Sub>, msg: &Message<'_>) -> bool {
        let stream = self.account.upgrade().and_then(|a| a.find(&self.stream));
        let Some(stream) = stream else {
            return false;
        };
        // Through a stream import it comes on the exporter's subject; the stream knows its own.
        let listened = match &sub.shadow {
            Some(shadow) => &shadow.origin.subject,
            None => &sub.subject,
        };
        let input = Input {
            subject: &both(listened, msg.shown()),
            ..input(msg)
        };
        stream.lane.post(InputKind::Upstream, &input) != Posted::Closed
    }
}

/// Subjects of key-value buckets and object stores.
const BUCKETS: [&str; 2] = ["$KV.", "$OBJ."];

/// `$JS.API.>` of an account.
pub struct Api {
    pub jetstream: Weak<JetStream>,
    /// `None` in an account without JetStream.
    pub account: Weak<JsAccount>,
    /// Bytes of the prefix, with its dot.
    pub prefix: usize,
}

impl Service for Api {
    fn receive(&self, cx: &mut Cycle, from: &Origin<'_>, _: &Arc<Sub>, msg: &Message<'_>) -> bool {
        let Some(jetstream) = self.jetstream.upgrade() else {
            return false;
        };
        let Ok(subject) = std::str::from_utf8(msg.subject) else {
            return false;
        };
        let ask = subject.get(self.prefix..).unwrap_or_default();
        if BUCKETS.iter().any(|bucket| ask.starts_with(bucket)) {
            // Clients of a domain write to its buckets below the prefix of its API.
            let there = msg.subject.get(self.prefix..).unwrap_or_default();
            let matched = from.account.interest.matches(there);
            return to_all(cx, from, &matched, &msg.on(there));
        }
        let asked = Ask::parse(ask);
        match asked.map(|a| a.way()) {
            Some(Way::Stream) => self.to_stream(cx, asked, msg),
            Some(Way::System) | None if self.is_stranger(from) => false,
            Some(Way::System) if !from.account.is_system() => true,
            way => {
                let request = Request {
                    account: from.account.clone(),
                    subject: subject.to_owned(),
                    ask: ask.to_owned(),
                    reply: msg.reply.unwrap_or_default().to_vec(),
                    headers: msg.header().to_vec(),
                    body: msg.body().to_vec(),
                    client: Some(asking(from, &jetstream)),
                };
                jetstream.ask(cx, request, way == Some(Way::Info));
                true
            }
        }
    }
}

/// Who asks: a client, or one of our streams that mirrors or sources.
fn asking(from: &Origin<'_>, jetstream: &JetStream) -> ClientInfo {
    let client = from.receiver.and_then(|r| r.client_info(true));
    client.unwrap_or_else(|| ClientInfo {
        acc: from.account.name.to_string(),
        server: jetstream.settings.server_name.clone(),
        kind: "JetStream".to_owned(),
        ..ClientInfo::default()
    })
}

impl Api {
    /// An account without JetStream hears that it has none when it asks for something that there is.
    fn is_stranger(&self, from: &Origin<'_>) -> bool {
        self.account.strong_count() == 0 && !from.account.is_system()
    }

    fn to_stream(&self, cx: &mut Cycle, asked: Option<Ask<'_>>, msg: &Message<'_>) -> bool {
        let Some(account) = self.account.upgrade() else {
            return false;
        };
        let (stream, kind) = match asked {
            Some(Ask::ConsumerNext(stream, consumer)) => {
                let stream = account.find(stream).filter(|s| s.has_consumer(consumer));
                (stream, InputKind::Pull)
            }
            Some(Ask::DirectGet(stream, _)) => {
                let origin = account.find(stream).filter(|s| s.config().allow_direct);
                let stream = origin.or_else(|| account.mirror_of(stream));
                (stream, InputKind::DirectGet)
            }
            _ => return false,
        };
        let Some(stream) = stream else { return false };
        // The stream reads the request from `$JS.API.` on, whatever the prefix was.
        let rest = msg.subject.get(self.prefix..).unwrap_or_default();
        let input = Input {
            subject: rest,
            ..input(msg)
        };
        stream.lane.leave(cx, kind, &input) != Posted::Closed
    }
}
