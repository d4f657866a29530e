//! Mirrors and sources: how a stream gets messages from another one.
//!
//! **What lives here.** [`Upstream`] is the conversation with one upstream: asking for a consumer, checking that what it delivers has no
//! gaps, answering flow control, asking again when it falls silent. [`origin`] is the header that sourced messages carry and the reply
//! subject that says where a delivery comes from; [`request`] writes what is asked.
//!
//! **Who may call.** The stream, which stores what [`Upstream::delivered`] lets through; the engine keeps the subscriptions that
//! [`Upstream::wanted`] names.
//!
//! **What never happens here.** Nothing is stored, nobody is subscribed, no clock.
//!
//! Only the leader of a stream talks to its upstreams. Source: section 17 of the contract, and the reference server's behaviour.

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

pub mod origin;
mod request;

#[cfg(test)]
mod tests;

use nats_api::errors::ApiError;
use nats_api::jetstream::headers::{CONSUMER_STALLED, LAST_CONSUMER, LAST_STREAM, STREAM_IDENTITY};
use nats_api::jetstream::reply::{self, ReplyError};
use nats_api::jetstream::{
    AckPolicy, ConsumerCreateResponse, ConsumerInfo, ConsumerResetResponse, StreamSource,
    StreamSourceInfo,
};
use nats_api::time::Nanos;
use nats_proto::header::block;
use nats_proto::transform::Transform;
use nats_store::Timestamp;

use crate::config::stream::upstream_name;
use crate::context::{Context, Random};
use crate::effects::{Effects, Kind};
use crate::publish::Inbound;
use crate::publish::headers::decimal;
use crate::stream::event_id;
use origin::Delivered;

pub use request::Owner;

const SECOND: u64 = 1_000_000_000;
/// An upstream that is silent for so long is asked again. It sends a heartbeat every second.
const SILENCE_MAX: u64 = 10 * SECOND;
/// Requests to one upstream are at least so far apart.
const REQUEST_GAP: u64 = 2 * SECOND;
/// How long an answer is awaited: for a consumer to be made, and for one that is there to be reset.
const ANSWER_WAIT: u64 = 30 * SECOND;
const ANSWER_WAIT_DURABLE: u64 = 5 * SECOND;
/// What every failure in a row adds to the wait, and the most that comes of it.
const BACKOFF: u64 = 10 * SECOND;
const BACKOFF_MAX: u64 = 120 * SECOND;
/// How a request is answered that reaches nobody.
const NO_RESPONDERS: &[u8] = b"NATS/1.0 503";
/// Requests of many upstreams are spread over a tenth of a second, after a tenth of a second.
const JITTER: u64 = 100_000_000;

/// What an upstream is to its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// The stream is its copy, with the same sequences.
    Mirror,
    /// One of many from which the stream gathers.
    Source,
}

/// The conversation with one upstream.
#[derive(Debug)]
pub struct Upstream {
    role: Role,
    source: StreamSource,
    /// Under which stored messages name it.
    name: String,
    transforms: Vec<Transform>,
    /// The hash that makes the consumer's name stable.
    consumer_hash: String,
    phase: Phase,
    /// The sequence over there of the last message that was taken.
    sequence: u64,
    /// That is still looked for: it asks for nothing before.
    is_sought: bool,
    /// The number of the last delivery.
    delivery: u64,
    lag: u64,
    last_heard: Option<Timestamp>,
    last_asked: Option<Timestamp>,
    failures: u32,
    error: Option<ApiError>,
    /// Which incarnation of the upstream the sequence belongs to; empty when it is not known.
    identity: String,
    /// The upstream was made anew: everything begins again.
    is_recreated: bool,
}

#[derive(Debug)]
enum Phase {
    /// It is asked at this time.
    Waiting {
        at: Timestamp,
    },
    Asking(Asking),
    Flowing {
        consumer: Box<[u8]>,
        deliver: Box<[u8]>,
    },
}

/// A request that was not answered yet.
#[derive(Debug)]
struct Asking {
    reply: Box<[u8]>,
    until: Timestamp,
    level: Level,
}

/// How much of the new the other side may know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    /// Tells when the upstream was made anew.
    Identity,
    /// Knows consumers for mirrors and sources.
    Sourcing,
    Plain,
}

/// What is to be done with a message from an upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    Ignore,
    /// It was not for the store, and has been dealt with.
    Handled,
    /// Store it. Everything before `sequence` that is not there is gone over there.
    Take(Taken),
}

/// A message to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    pub subject: Vec<u8>,
    pub headers: Vec<u8>,
    /// Over there.
    pub sequence: u64,
    pub time: Timestamp,
    before: (u64, u64),
}

/// What the stream knows when it begins to talk to an upstream.
#[derive(Debug, Clone, Copy)]
pub struct Here {
    pub messages: u64,
    pub first_sequence: u64,
    pub last_sequence: u64,
    pub last_time: Timestamp,
}

impl Upstream {
    /// An upstream that will be asked shortly. Transforms that are none are left out; the configuration's check refuses them.
    pub fn new(role: Role, source: StreamSource, owner: &Owner<'_>, cx: &mut Context<'_>) -> Self {
        let transforms = source.subject_transforms.iter();
        let transforms = transforms.filter_map(|t| Transform::new(&t.src, &t.dest).ok());
        Self {
            name: upstream_name::full(&source),
            transforms: transforms.collect(),
            consumer_hash: owner.consumer_hash(role, &source),
            role,
            phase: Phase::Waiting {
                at: jittered(cx.now, cx.random),
            },
            source,
            sequence: 0,
            is_sought: false,
            delivery: 0,
            lag: 0,
            last_heard: None,
            last_asked: None,
            failures: 0,
            error: None,
            identity: String::new(),
            is_recreated: false,
        }
    }

    pub fn source(&self) -> &StreamSource {
        &self.source
    }

    /// Under which stored messages name it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Asks that the consumer over there ends, because nobody will listen to it again. One that was made beforehand stays.
    pub fn dismiss(&self, cx: &mut Context<'_>, out: &mut Effects) {
        if self.source.consumer.is_some() {
            return;
        }
        let subject = request::dismissal(self);
        // Nobody waits for the answer, but the reference server answers only where there is a reply.
        let reply = format!("_INBOX.{}", event_id(cx.random));
        out.send(
            Kind::Request,
            subject.as_bytes(),
            reply.as_bytes(),
            b"",
            b"",
        );
    }

    /// The consumer over there can be the same as the one of `other`, under its lasting name.
    pub fn shares_consumer(&self, other: &Self) -> bool {
        let api = |upstream: &Self| upstream.source.external.as_ref().map(|e| e.api.clone());
        self.source.name == other.source.name
            && self.consumer_hash == other.consumer_hash
            && api(self) == api(other)
    }

    /// Asks for nothing until its place is found, or that there is none.
    pub fn seek(&mut self) {
        self.is_sought = true;
    }

    pub fn is_sought(&self) -> bool {
        self.is_sought
    }

    /// Nothing of it is stored.
    pub fn begin_anew(&mut self) {
        self.is_sought = false;
    }

    /// Goes on behind a message that is stored.
    pub fn go_on_after(&mut self, sequence: u64, identity: &str) {
        self.is_sought = false;
        self.sequence = sequence;
        identity.clone_into(&mut self.identity);
    }

    /// The literal subject on which it has to be listened for this upstream now.
    pub fn wanted(&self) -> Option<&[u8]> {
        match &self.phase {
            Phase::Waiting { .. } => None,
            Phase::Asking(asking) => Some(&asking.reply),
            Phase::Flowing { deliver, .. } => Some(deliver),
        }
    }

    /// Messages over there that were not delivered yet.
    pub fn lag(&self) -> u64 {
        self.lag
    }

    pub fn is_flowing(&self) -> bool {
        matches!(self.phase, Phase::Flowing { .. })
    }

    pub fn info(&self, now: Timestamp) -> StreamSourceInfo {
        StreamSourceInfo {
            name: self.source.name.clone(),
            seq: self.sequence,
            external: self.source.external.clone(),
            lag: self.lag,
            active: match self.last_heard {
                Some(at) => Nanos(i64::try_from(now.since(at)).unwrap_or(i64::MAX)),
                None => Nanos(-1),
            },
            error: self.error.clone(),
            filter_subject: self.source.filter_subject.clone(),
            subject_transforms: self.source.subject_transforms.clone(),
        }
    }

    pub fn deadline(&self) -> Timestamp {
        match &self.phase {
            _ if self.is_sought => Timestamp(i64::MAX),
            Phase::Waiting { at } => *at,
            Phase::Asking(asking) => asking.until,
            Phase::Flowing { .. } => self.last_heard.unwrap_or_default().plus(SILENCE_MAX),
        }
    }

    /// Does what is due: asks, gives up waiting, or asks again because nothing comes. True when [`Upstream::wanted`] is another.
    pub fn tick(
        &mut self,
        cx: &mut Context<'_>,
        owner: &Owner<'_>,
        here: Here,
        out: &mut Effects,
    ) -> bool {
        if self.deadline() > cx.now {
            return false;
        }
        match &self.phase {
            Phase::Waiting { .. } => {
                let level = match self.role {
                    Role::Source => Level::Identity,
                    Role::Mirror => Level::Sourcing,
                };
                self.ask(cx, owner, here, level, out);
            }
            Phase::Asking(_) => self.fail(cx),
            Phase::Flowing { .. } => self.retry(cx),
        }
        true
    }

    fn ask(
        &mut self,
        cx: &mut Context<'_>,
        owner: &Owner<'_>,
        here: Here,
        level: Level,
        out: &mut Effects,
    ) {
        if self.role == Role::Mirror {
            self.sequence = here.last_sequence;
        }
        let request = request::write(self, owner, here, level, cx);
        let reply = format!("_INBOX.{}", event_id(cx.random)).into_bytes();
        out.send(
            Kind::Request,
            request.subject.as_bytes(),
            &reply,
            &request.headers,
            &request.body,
        );
        let wait = match self.source.consumer {
            Some(_) => ANSWER_WAIT_DURABLE,
            None => ANSWER_WAIT,
        };
        self.last_asked = Some(cx.now);
        self.error = None;
        self.phase = Phase::Asking(Asking {
            reply: reply.into(),
            until: cx.now.plus(wait),
            level,
        });
    }

    /// Asks again as soon as that is decent, longer and longer after failures.
    fn retry(&mut self, cx: &mut Context<'_>) {
        let earliest = self.last_asked.map_or(cx.now, |at| at.plus(REQUEST_GAP));
        let backoff = BACKOFF
            .saturating_mul(u64::from(self.failures))
            .min(BACKOFF_MAX);
        let at = earliest.max(cx.now).plus(backoff);
        self.delivery = 0;
        self.phase = Phase::Waiting {
            at: jittered(at, cx.random),
        };
    }

    fn fail(&mut self, cx: &mut Context<'_>) {
        self.failures = self.failures.saturating_add(1);
        self.retry(cx);
    }

    /// The answer to what was asked. True when it flows now; then the mirror's stream goes on behind [`Upstream::begins_after`].
    pub fn answered(
        &mut self,
        cx: &mut Context<'_>,
        owner: &Owner<'_>,
        here: Here,
        message: &Inbound<'_>,
        out: &mut Effects,
    ) -> bool {
        let Phase::Asking(asking) = &self.phase else {
            return false;
        };
        let level = asking.level;
        if message.payload.is_empty() && message.headers.starts_with(NO_RESPONDERS) {
            self.fail(cx);
            self.error = Some(self.setup_failed(&"nobody answers for the stream"));
            return false;
        }
        let info = match self.read_answer(message.payload) {
            Ok(info) => info,
            Err(error) if error == *ApiError::CONSUMER_STREAM_IDENTITY_MISMATCH => {
                // Another stream has taken the name: begin again, at once.
                (self.sequence, self.is_recreated) = (0, true);
                self.identity.clear();
                self.retry(cx);
                return false;
            }
            Err(error) => {
                let lower = match level {
                    Level::Identity => Some(Level::Sourcing),
                    Level::Sourcing if self.source.consumer.is_none() => Some(Level::Plain),
                    Level::Sourcing | Level::Plain => None,
                };
                let is_old =
                    error == *ApiError::REQUIRED_API_LEVEL || error == *ApiError::INVALID_JSON;
                match lower.filter(|_| is_old) {
                    Some(lower) => self.ask(cx, owner, here, lower, out),
                    None => {
                        self.fail(cx);
                        self.error = Some(error);
                    }
                }
                return false;
            }
        };
        let identity = block::find_value(message.headers, STREAM_IDENTITY.as_bytes());
        let identity = String::from_utf8_lossy(identity.unwrap_or_default()).into_owned();
        self.begin(cx, &info, identity);
        true
    }

    fn read_answer(&self, payload: &[u8]) -> Result<ConsumerInfo, ApiError> {
        let answer = match self.source.consumer {
            Some(_) => reply::decode::<ConsumerResetResponse>(payload).map(|answer| answer.info),
            None => reply::decode::<ConsumerCreateResponse>(payload).map(|answer| answer.info),
        };
        let info = answer.map_err(|error| match error {
            ReplyError::Api(error) => error,
            _ => self.setup_failed(&"invalid consumer create response"),
        })?;
        let policy = info.config.as_ref().map(|config| config.ack_policy);
        if self.source.consumer.is_some() && policy != Some(AckPolicy::FlowControl) {
            return Err(match self.role {
                Role::Mirror => ApiError::MIRROR_CONSUMER_REQUIRES_ACK_FC.error(),
                Role::Source => ApiError::SOURCE_CONSUMER_REQUIRES_ACK_FC.error(),
            });
        }
        if policy.is_none() {
            return Err(self.setup_failed(&"invalid consumer create response"));
        }
        Ok(info)
    }

    fn setup_failed(&self, why: &dyn std::fmt::Display) -> ApiError {
        let row = match self.role {
            Role::Mirror => ApiError::MIRROR_CONSUMER_SETUP_FAILED,
            Role::Source => ApiError::SOURCE_CONSUMER_SETUP_FAILED,
        };
        row.error_with(&[("err", &why)])
    }

    fn begin(&mut self, cx: &Context<'_>, info: &ConsumerInfo, identity: String) {
        let is_other =
            !identity.is_empty() && !self.identity.is_empty() && identity != self.identity;
        if self.is_recreated || is_other {
            self.sequence = 0;
        }
        (self.identity, self.is_recreated) = (identity, false);
        self.sequence = self.sequence.max(info.delivered.stream_seq);
        self.delivery = 0;
        self.failures = 0;
        self.error = None;
        self.lag = info.num_pending;
        self.last_heard = Some(cx.now);
        let deliver = match (&self.source.consumer, &info.config) {
            (Some(consumer), _) => consumer.deliver_subject.as_bytes(),
            (None, Some(config)) => config.deliver_subject.as_bytes(),
            (None, None) => b"",
        };
        self.phase = Phase::Flowing {
            consumer: info.name.as_bytes().into(),
            deliver: deliver.into(),
        };
    }

    /// The sequence over there behind which deliveries begin.
    pub fn begins_after(&self) -> u64 {
        self.sequence
    }

    /// A message on the deliver subject. Flow control is answered here; the answer leaves after what was stored before is durable.
    pub fn delivered(
        &mut self,
        cx: &mut Context<'_>,
        message: &Inbound<'_>,
        out: &mut Effects,
    ) -> Verdict {
        let Phase::Flowing { consumer, .. } = &self.phase else {
            return Verdict::Ignore;
        };
        if message.payload.is_empty() && message.headers.starts_with(b"NATS/1.0 100 ") {
            self.last_heard = Some(cx.now);
            self.control(cx, message, out);
            return Verdict::Handled;
        }
        let Some(delivered) = Delivered::parse(message.reply) else {
            return Verdict::Ignore;
        };
        if delivered.consumer != &**consumer {
            return Verdict::Ignore;
        }
        self.last_heard = Some(cx.now);
        if delivered.deliveries > 1 {
            return Verdict::Ignore;
        }
        self.place(cx, message, &delivered)
    }

    /// Heartbeats show whether a delivery was lost; flow control asks how far we are.
    fn control(&mut self, cx: &mut Context<'_>, message: &Inbound<'_>, out: &mut Effects) {
        if !message.reply.is_empty() {
            let headers = format!(
                "NATS/1.0\r\n{LAST_CONSUMER}: {}\r\n{LAST_STREAM}: {}\r\n\r\n",
                self.delivery, self.sequence
            );
            out.send(Kind::Answer, message.reply, b"", headers.as_bytes(), b"");
            return;
        }
        let last = block::find_value(message.headers, LAST_CONSUMER.as_bytes());
        let last = last.and_then(decimal).unwrap_or(0);
        if last > 0 && last != self.delivery {
            return self.retry(cx);
        }
        if let Some(stalled) = block::find_value(message.headers, CONSUMER_STALLED.as_bytes())
            && !stalled.is_empty()
        {
            out.send(Kind::Answer, stalled, b"", b"", b"");
        }
    }

    /// Where a delivery belongs: taken, known already, or behind a gap.
    fn place(
        &mut self,
        cx: &mut Context<'_>,
        message: &Inbound<'_>,
        delivered: &Delivered<'_>,
    ) -> Verdict {
        let is_next = delivered.delivery == self.delivery.saturating_add(1);
        if delivered.sequence <= self.sequence {
            if is_next {
                self.delivery = delivered.delivery;
            }
            return Verdict::Ignore;
        }
        // A mirror knows what comes next even when it has lost count of deliveries.
        let follows =
            self.role == Role::Mirror && delivered.sequence == self.sequence.saturating_add(1);
        if !is_next && !follows {
            if delivered.delivery > self.delivery || self.role == Role::Mirror {
                self.retry(cx);
                return Verdict::Handled;
            }
            return Verdict::Ignore;
        }
        let before = (self.sequence, self.delivery);
        (self.sequence, self.delivery) = (delivered.sequence, delivered.delivery);
        self.lag = delivered.pending.saturating_sub(1);
        let headers = match self.role {
            Role::Mirror => origin::mirrored(message.headers),
            Role::Source => origin::sourced(
                message.headers,
                &self.name,
                delivered.sequence,
                message.subject,
                &self.identity,
            ),
        };
        Verdict::Take(Taken {
            subject: self.transformed(message.subject, cx.random),
            headers,
            sequence: delivered.sequence,
            time: delivered.time,
            before,
        })
    }

    fn transformed(&self, subject: &[u8], random: &mut dyn Random) -> Vec<u8> {
        let transforms = self.transforms.iter();
        let random = random.next() as u32;
        transforms
            .filter(|transform| transform.source().matches(subject))
            .find_map(|transform| transform.apply(subject, random))
            .unwrap_or_else(|| subject.to_vec())
    }

    /// A message could not be stored: it is asked for again.
    pub fn refused(&mut self, taken: &Taken, cx: &mut Context<'_>) {
        (self.sequence, self.delivery) = taken.before;
        self.retry(cx);
    }
}

/// A little later, differently for everybody.
fn jittered(at: Timestamp, random: &mut dyn Random) -> Timestamp {
    let jitter = random.next().checked_rem(JITTER).unwrap_or(0);
    at.plus(JITTER.saturating_add(jitter))
}
