//! Delivery without requests: to one subject, as long as somebody listens there, no faster than the client's answers to flow control and
//! the configured pace allow.

use nats_api::jetstream::{AckPolicy, ConsumerConfig, ReplayPolicy, headers};
use nats_proto::header::block;
use nats_store::{Message, Timestamp};

use super::ack_subject::{self, AckToken};
use super::pull::PUMP_MOST;
use super::waiting::earlier;
use super::{Consumer, Pumped, Turn, nanos, statuses};
use crate::context::base62;
use crate::effects::Kind;

/// The most bytes on the way to a client under flow control.
const WINDOW_MAX: usize = 32 * 1024 * 1024;
/// What a window begins with; every answer doubles it.
const WINDOW_START: usize = WINDOW_MAX / 16;
/// Random characters at the end of a flow control request's reply.
const FLOW_ID_LEN: usize = 4;

/// What a push consumer has besides.
#[derive(Debug)]
pub(super) struct Push {
    /// Somebody listens on the deliver subject.
    is_active: bool,
    /// Period of heartbeats, nanoseconds, and when the next is due.
    heartbeat: Option<(u64, Timestamp)>,
    flow: Option<Flow>,
}

/// Flow control: bytes that the client has not told us it got.
#[derive(Debug)]
struct Flow {
    /// `$JS.FC.<stream>.<consumer>.`
    prefix: Box<[u8]>,
    window: usize,
    on_the_way: usize,
    /// The question that waits for an answer, and the bytes that its answer covers.
    question: Option<(Box<[u8]>, usize)>,
}

impl Push {
    pub(super) fn new(turn: &Turn<'_, '_>, consumer: &Consumer) -> Self {
        let config = &consumer.config;
        let period = nanos(config.idle_heartbeat);
        Self {
            is_active: false,
            heartbeat: (period > 0).then(|| (period, turn.cx.now.plus(period))),
            flow: config.flow_control.then(|| Flow {
                prefix: ack_subject::prefix("FC", turn.stream, &consumer.name),
                window: WINDOW_START,
                on_the_way: 0,
                question: None,
            }),
        }
    }

    pub(super) fn is_active(&self) -> bool {
        self.is_active
    }

    pub(super) fn due(&self) -> Option<Timestamp> {
        self.heartbeat.map(|(_, at)| at)
    }

    pub(super) fn may_send(&self) -> bool {
        let fits = |flow: &Flow| flow.on_the_way <= flow.window;
        self.is_active && self.flow.as_ref().is_none_or(fits)
    }

    /// A delivery of `bytes` went out.
    pub(super) fn sent(&mut self, bytes: usize) {
        if let Some(flow) = &mut self.flow {
            flow.on_the_way = flow.on_the_way.saturating_add(bytes);
            if let Some((_, covered)) = &mut flow.question
                && flow.on_the_way.saturating_sub(*covered) >= flow.window
            {
                *covered = covered.saturating_add(bytes);
            }
        }
    }

    fn wants_answer(&self, is_stalled: bool) -> bool {
        self.flow.as_ref().is_some_and(|flow| {
            flow.question.is_none() && (flow.on_the_way > flow.window / 2 || is_stalled)
        })
    }
}

impl Consumer {
    /// Somebody began or ceased to listen on the deliver subject (or may have).
    pub fn interest_changed(&mut self, turn: &mut Turn<'_, '_>) -> Pumped {
        if self.push.is_none() {
            return Pumped::Skipped;
        }
        self.note_interest(turn);
        self.pump(turn, PUMP_MOST)
    }

    /// Looks whether somebody listens, and delivers nothing yet.
    pub(super) fn note_interest(&mut self, turn: &Turn<'_, '_>) {
        let Some(push) = &mut self.push else {
            return;
        };
        let config = &*self.config;
        let subject = config.deliver_subject.as_bytes();
        let group = Some(config.deliver_group.as_bytes()).filter(|group| !group.is_empty());
        let is_active = turn.cx.interest.subscribed(subject, group);
        if push.is_active && !is_active {
            // The countdown to its end begins now.
            self.last_active = turn.cx.now;
        }
        push.is_active = is_active;
    }

    /// After a delivery: the next heartbeat is a whole period away, and the client is asked when enough is on the way.
    pub(super) fn after_push(&mut self, turn: &mut Turn<'_, '_>) {
        let is_stalled = self.config.ack_policy == AckPolicy::FlowControl && self.is_stalled();
        let Some(push) = &mut self.push else {
            return;
        };
        if let Some((period, at)) = &mut push.heartbeat {
            *at = turn.cx.now.plus(*period);
        }
        if push.wants_answer(is_stalled) {
            self.ask(turn);
        }
    }

    /// Asks the client how far it is.
    fn ask(&mut self, turn: &mut Turn<'_, '_>) {
        let id = base62(turn.cx.random, FLOW_ID_LEN);
        let Some(flow) = self.push.as_mut().and_then(|push| push.flow.as_mut()) else {
            return;
        };
        let subject: Box<[u8]> = [&flow.prefix, id.as_bytes()].concat().into();
        let to = self.config.deliver_subject.as_bytes();
        turn.effects
            .send(Kind::Status, to, &subject, statuses::FLOW_CONTROL, b"");
        flow.question = Some((subject, flow.on_the_way));
    }

    /// The client answered a flow control request on `subject`.
    pub fn flow_answer(
        &mut self,
        turn: &mut Turn<'_, '_>,
        subject: &[u8],
        answer_headers: &[u8],
    ) -> Pumped {
        let Some(flow) = self.push.as_mut().and_then(|push| push.flow.as_mut()) else {
            return Pumped::Skipped;
        };
        let Some((_, covered)) = flow.question.take_if(|(asked, _)| **asked == *subject) else {
            return Pumped::Skipped;
        };
        flow.window = flow.window.saturating_mul(2).min(WINDOW_MAX);
        flow.on_the_way = flow.on_the_way.saturating_sub(covered);
        if self.config.ack_policy == AckPolicy::FlowControl {
            let read = |name: &str| header_number(answer_headers, name);
            let stream = read(headers::LAST_STREAM);
            if stream > 0 {
                let token = AckToken {
                    stream,
                    // Zero when nothing was delivered yet.
                    consumer: read(headers::LAST_CONSUMER),
                    deliveries: 1,
                };
                self.acknowledge_flow(turn, token);
            }
        }
        self.pump(turn, PUMP_MOST)
    }

    /// A heartbeat, when it is due and somebody listens.
    pub(super) fn beat(&mut self, turn: &mut Turn<'_, '_>) {
        let Some(push) = &mut self.push else {
            return;
        };
        let Some((period, at)) = &mut push.heartbeat else {
            return;
        };
        if *at > turn.cx.now {
            return;
        }
        *at = turn.cx.now.plus(*period);
        if !push.is_active {
            return;
        }
        let question = push.flow.as_ref().and_then(|flow| flow.question.as_ref());
        let stalled = question.map(|(subject, _)| &**subject);
        let is_asked = stalled.is_some();
        let consumer = self.state.delivered.consumer;
        let stream = self.next.saturating_sub(1);
        statuses::heartbeat(&mut turn.changes.block, consumer, stream, stalled);
        let to = self.config.deliver_subject.as_bytes();
        let block = &turn.changes.block;
        turn.effects.send(Kind::Status, to, b"", block, b"");
        // Where answers acknowledge, the last messages before a lull are asked about too.
        let acks = self.config.ack_policy == AckPolicy::FlowControl;
        if acks && !is_asked && !self.state.unacked.is_empty() {
            self.ask(turn);
        }
    }
}

fn header_number(answer: &[u8], name: &str) -> u64 {
    block::find_value(answer, name.as_bytes())
        .and_then(|value| std::str::from_utf8(value).ok())
        .and_then(|value| value.parse().ok())
        .unwrap_or(0)
}

/// How fast messages go out.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// Nothing goes out before this.
    not_before: Option<Timestamp>,
    rate: Option<Rate>,
    replay: Option<Replay>,
}

/// Bytes per second, with room for a burst of one message of the largest size.
#[derive(Debug)]
struct Rate {
    bytes_per_second: u64,
    burst: u64,
    /// Bytes times 10^9 that may go out.
    credit: i128,
    as_of: Timestamp,
}

/// At the pace at which messages came in, until the end of what was there at the beginning.
#[derive(Debug)]
struct Replay {
    through: u64,
    /// The time of the last message, and when it went out.
    last: Option<(Timestamp, Timestamp)>,
}

const SECOND: i128 = 1_000_000_000;
/// Shorter gaps between messages are not replayed, nanoseconds.
const GAP_MIN: u64 = 1_000_000;

impl Pace {
    /// `None` when nothing limits the pace.
    pub(super) fn new(turn: &Turn<'_, '_>, config: &ConsumerConfig) -> Option<Box<Self>> {
        let rate = Rate::new(turn, config);
        let replay = (config.replay_policy == ReplayPolicy::Original).then(|| Replay {
            through: turn.store.state().last_sequence,
            last: None,
        });
        (rate.is_some() || replay.is_some()).then(|| {
            Box::new(Self {
                not_before: None,
                rate,
                replay,
            })
        })
    }

    pub(super) fn set_rate(&mut self, turn: &Turn<'_, '_>, config: &ConsumerConfig) {
        self.rate = Rate::new(turn, config);
        self.not_before = None;
    }

    pub(super) fn holds(&self, now: Timestamp) -> bool {
        self.not_before.is_some_and(|at| at > now)
    }

    pub(super) fn due(&self) -> Option<Timestamp> {
        self.not_before
    }

    /// What was waited for is there, or over.
    pub(super) fn release(&mut self, now: Timestamp) {
        self.not_before = self.not_before.filter(|at| *at > now);
    }

    pub(super) fn hold_until(&mut self, at: Timestamp) {
        self.not_before = Some(at);
    }

    /// Whether this message may go out now. If not, it is remembered when.
    pub(super) fn admits(&mut self, now: Timestamp, message: &Message, size: u64) -> bool {
        let replay = self.replay.as_ref().and_then(|replay| replay.at(message));
        let rate = self.rate.as_mut().and_then(|rate| rate.at(now, size));
        let at = match (replay, rate) {
            (Some(a), Some(b)) => Some(a.max(b)),
            (a, b) => earlier(a, b),
        };
        self.not_before = at.filter(|at| *at > now);
        self.not_before.is_none()
    }

    pub(super) fn sent(&mut self, now: Timestamp, message: &Message, size: u64) {
        if let Some(rate) = &mut self.rate {
            rate.spend(size);
        }
        if let Some(replay) = &mut self.replay {
            replay.last = Some((message.time, now));
            if message.sequence >= replay.through {
                self.replay = None;
            }
        }
    }
}

impl Replay {
    fn at(&self, message: &Message) -> Option<Timestamp> {
        let (time, sent) = self.last?;
        let gap = message.time.since(time);
        (gap > GAP_MIN).then(|| sent.plus(gap))
    }
}

impl Rate {
    fn new(turn: &Turn<'_, '_>, config: &ConsumerConfig) -> Option<Self> {
        if config.rate_limit_bps == 0 {
            return None;
        }
        let largest = u64::try_from(turn.stream.config.max_msg_size).unwrap_or(0);
        let burst = if largest > 0 {
            largest
        } else {
            turn.stream.max_payload
        };
        Some(Self {
            bytes_per_second: (config.rate_limit_bps / 8).max(1),
            burst,
            credit: i128::from(burst) * SECOND,
            as_of: turn.cx.now,
        })
    }

    /// When a message of this size may go out; `None` is at once.
    fn at(&mut self, now: Timestamp, size: u64) -> Option<Timestamp> {
        let earned = i128::from(now.since(self.as_of)) * i128::from(self.bytes_per_second);
        self.credit = (self.credit + earned).min(i128::from(self.burst) * SECOND);
        self.as_of = now.max(self.as_of);
        // A message larger than the burst would wait for ever.
        let missing = i128::from(size.min(self.burst)) * SECOND - self.credit;
        if missing <= 0 {
            return None;
        }
        let wait = missing / i128::from(self.bytes_per_second) + 1;
        Some(now.plus(u64::try_from(wait).unwrap_or(u64::MAX)))
    }

    fn spend(&mut self, size: u64) {
        self.credit -= i128::from(size.min(self.burst)) * SECOND;
    }
}
