//! Tracing one message (`Nats-Trace-Dest`): what the server did with it, told on a subject that the sender names.
//!
//! A message asks for it by its header, or its account asks for all with a sampled `traceparent`. The trace travels with the
//! batch's [`Cycle`]; every step adds an event; at the end they are published as one document.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use nats_api::system::trace::{TraceEvent, TraceKind, TraceRequest, TraceStep};
use nats_api::time::Timestamp;
use nats_proto::header::HeaderMap;
use nats_proto::subject;

use super::{Cycle, Message, publish_from_inside};
use crate::account::Account;
use crate::interest::{Receiver, Sub};

const DESTINATION: &str = "Nats-Trace-Dest";
const ONLY: &str = "Nats-Trace-Only";
const ORIGIN_ACCOUNT: &str = "Nats-Trace-Origin-Account";
/// Written by servers into messages whose trace must not go on.
const DISABLED: &str = "trace disabled";
const TRACE_PARENT: &str = "traceparent";

pub const NO_ECHO: &str = "Not delivered because of no echo";
pub const DELIVERY_DENIED: &str = "Not delivered because subscription denies this subject";
pub const SUB_CLOSED: &str = "Not delivered because subscription is closed";
pub const CLIENT_CLOSED: &str = "Not delivered because client is closed";
pub const AUTO_UNSUBSCRIBED: &str = "Not delivered because auto-unsubscribe exceeded";
pub const FAR_BEHIND: &str = "Not delivered because fast producer not stalled and consumer is slow";

/// A message that is being traced.
pub struct Trace {
    dest: String,
    /// The message itself goes to nobody.
    pub only: bool,
    account: Arc<str>,
    event: TraceEvent,
}

/// Whether to trace a message.
pub enum Start {
    No,
    /// The trace cannot be, and the message was only meant for it.
    Skip,
    /// A trace to this subject, if the sender may publish there.
    Trace(Box<Trace>),
}

/// A cheap look before anything else: could this header block ask for a trace?
#[inline]
pub fn maybe(block: &[u8], account: &Account) -> bool {
    memchr::memmem::find(block, DESTINATION.as_bytes()).is_some()
        || (account.settings().msg_trace.is_some() && find_parent(block))
}

fn find_parent(block: &[u8]) -> bool {
    block
        .windows(TRACE_PARENT.len())
        .any(|w| w.eq_ignore_ascii_case(TRACE_PARENT.as_bytes()))
}

impl Trace {
    /// Reads the headers. `random` decides for accounts that trace a share of their messages.
    pub fn start(from: &Receiver, account: &Arc<Account>, msg: &Message<'_>, random: u32) -> Start {
        let (map, _) = HeaderMap::parse_lenient(msg.header());
        let first = |key: &str| {
            map.iter()
                .find(|(k, _)| *k == key)
                .map(|(_, v)| v.to_owned())
        };
        let only =
            first(ONLY).is_some_and(|v| matches!(v.to_lowercase().as_str(), "1" | "true" | "on"));
        let (dest, only) = match first(DESTINATION) {
            Some(dest) if dest == DISABLED => return Start::No,
            Some(dest) => (dest, only),
            None => match by_account(account, &map, random) {
                Some(dest) => (dest, false),
                None => return Start::No,
            },
        };
        let cannot = if only { Start::Skip } else { Start::No };
        // Only servers may say where a trace began; and the destination has to be a subject.
        if first(ORIGIN_ACCOUNT).is_some() || !subject::is_valid_literal(dest.as_bytes()) {
            return cannot;
        }
        let mut header: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (k, v) in map.iter().filter(|(k, v)| !k.is_empty() && !v.is_empty()) {
            header.entry(k.to_owned()).or_default().push(v.to_owned());
        }
        let event = TraceEvent {
            server: from.server_info(),
            request: TraceRequest {
                header,
                msgsize: msg.payload.len() as u64,
            },
            hops: 0,
            events: vec![TraceStep::Ingress {
                ts: now(),
                kind: TraceKind::Client as i32,
                cid: from.id,
                name: name_of(from),
                acc: account.name.to_string(),
                subj: text(msg.subject),
                error: String::new(),
            }],
        };
        Start::Trace(Box::new(Self {
            dest,
            only,
            account: account.name.clone(),
            event,
        }))
    }

    pub fn destination(&self) -> &[u8] {
        self.dest.as_bytes()
    }

    /// The message was refused at the door.
    pub fn refused(&mut self, why: &str) {
        if let Some(TraceStep::Ingress { error, .. }) = self.event.events.first_mut() {
            why.clone_into(error);
        }
    }

    pub fn mapped(&mut self, to: &[u8]) {
        self.add(TraceStep::SubjectMapping {
            ts: now(),
            to: text(to),
        });
    }

    pub fn stream_export(&mut self, account: &str, to: &[u8]) {
        self.add(TraceStep::StreamExport {
            ts: now(),
            acc: account.to_owned(),
            to: text(to),
        });
    }

    pub fn service_import(&mut self, account: &str, from: &[u8], to: &[u8]) {
        self.add(TraceStep::ServiceImport {
            ts: now(),
            acc: account.to_owned(),
            from: text(from),
            to: text(to),
        });
    }

    /// It reached a stream, which will decide for itself.
    pub fn jetstream(&mut self, stream: &str) {
        self.add(TraceStep::JetStream {
            ts: now(),
            stream: stream.to_owned(),
            subject: String::new(),
            nointerest: false,
            error: String::new(),
        });
    }

    /// A delivery, or why there was none.
    pub fn egress(&mut self, to: &Receiver, sub: &Sub, error: &str) {
        let account = to.account_name();
        let other = account.filter(|a| **a != *self.account);
        self.add(TraceStep::Egress {
            ts: now(),
            kind: TraceKind::Client as i32,
            cid: to.id,
            name: name_of(to),
            hop: String::new(),
            acc: other.map(|a| a.to_string()).unwrap_or_default(),
            sub: text(&sub.subject),
            queue: sub.queue.as_deref().map(text).unwrap_or_default(),
            error: error.to_owned(),
        });
    }

    fn add(&mut self, step: TraceStep) {
        self.event.events.push(step);
    }

    /// Tells what happened.
    pub fn publish(self, cx: &mut Cycle, account: &Arc<Account>) {
        // A document of strings and numbers always serialises.
        let Ok(body) = serde_json::to_vec(&self.event) else {
            return;
        };
        publish_from_inside(
            cx,
            account,
            &Message::new(self.dest.as_bytes(), None, 0, &body),
        );
    }
}

/// The account's own destination, for a message whose trace context says "sampled".
fn by_account(account: &Account, map: &HeaderMap, random: u32) -> Option<String> {
    let settings = account.settings();
    let rule = settings.msg_trace.as_ref()?;
    let sampled = map
        .iter()
        .filter(|(k, _)| k.eq_ignore_ascii_case(TRACE_PARENT))
        .any(|(_, v)| {
            let parts: Vec<&str> = v.split('-').collect();
            matches!(parts.as_slice(), [_, _, _, flags] if flags.len() == 2
                && u8::from_str_radix(flags, 16).is_ok_and(|f| f & 1 == 1))
        });
    (sampled && random % 100 < u32::from(rule.sampling)).then(|| rule.destination.clone())
}

fn now() -> Timestamp {
    SystemTime::now().into()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn name_of(r: &Receiver) -> String {
    r.client_info(true).map(|i| i.name).unwrap_or_default()
}
