//! The life of a client's connection, from INFO to close.

use std::io;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant, SystemTime};

use nats_jwt::secret::Secret;
use nats_proto::client_op::{self, ClientOp, Limits, ParseError, Publish, Step};

use super::host::{Host, Settings};
use super::input::{Input, Turn};
use super::pause::Pause;
use super::rights::ClientRights;
use super::round::Mark;
use super::shared::{Command, Shared};
use super::timers::{Due, Timers};
use super::{ClosedReason, wire};
use crate::account::TrafficSnapshot;
use crate::auth::SlowCheck;
use crate::router::{Cycle, Message, Outcome, Publisher, trace};

/// How far a connection has come.
pub(super) enum Phase {
    /// Nothing but CONNECT is accepted.
    AwaitingConnect,
    /// The password is being checked on another thread; input waits.
    Checking(SlowCheck),
    /// That check was handed out.
    CheckingElsewhere,
    Open,
    Closing(ClosedReason),
}

/// One client, without its socket.
pub struct Session {
    pub(super) host: Arc<dyn Host>,
    pub(super) shared: Arc<Shared>,
    pub(super) settings: Arc<Settings>,
    pub(super) phase: Phase,
    pub(super) publisher: Publisher,
    pub(super) rights: Option<Arc<ClientRights>>,
    pub(super) timers: Timers,
    pub(super) modes: Modes,
    pub(super) max_payload: Option<usize>,
    pub(super) max_subscriptions: Option<usize>,
    /// The account counts this connection.
    pub(super) admitted: bool,
    /// All that CONNECT said so far, as JSON; empty before the first.
    pub(super) said: Secret,
    input: Input,
    pause: Pause,
    first_pong_sent: bool,
    /// Messages since the last ping tick; a quiet connection gives its cache back.
    published: bool,
    /// Of what it is closed by: as long as it has subscriptions, that is not done.
    last_mark: Option<Mark>,
}

/// What the client asked for in CONNECT.
#[derive(Debug, Clone, Copy)]
pub(super) struct Modes {
    pub verbose: bool,
    pub pedantic: bool,
    pub no_responders: bool,
    pub headers: bool,
}

impl Session {
    /// A connection that got its INFO.
    pub fn new(host: Arc<dyn Host>, shared: Arc<Shared>, now: Instant) -> Self {
        let settings = host.settings();
        let auth_required = host.authenticator().is_required();
        let account = host.global_account();
        shared.receiver.set_home(account.interest.clone());
        let publisher = Publisher::new(shared.receiver.clone(), account.clone(), None);
        let mut timers = Timers::new(now, settings.ping_interval, settings.ping_max);
        if auth_required {
            timers.auth_by = now.checked_add(settings.auth_timeout);
        } else {
            shared.state.lock().account = Some(account);
        }
        shared
            .receiver
            .trace
            .store(settings.trace, std::sync::atomic::Ordering::Relaxed);
        Self {
            phase: if auth_required {
                Phase::AwaitingConnect
            } else {
                Phase::Open
            },
            publisher,
            rights: None,
            timers,
            // What CONNECT means when it does not say, and what somebody at a telnet gets who sends none.
            modes: Modes {
                verbose: true,
                pedantic: true,
                no_responders: false,
                headers: false,
            },
            max_payload: settings.max_payload,
            max_subscriptions: settings.max_subscriptions,
            admitted: false,
            said: Secret::default(),
            input: Input::default(),
            pause: Pause::default(),
            first_pong_sent: false,
            published: false,
            last_mark: None,
            host,
            shared,
            settings,
        }
    }

    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Why the connection has to be closed, once what is queued was offered to the socket.
    pub fn closing(&self) -> Option<ClosedReason> {
        match self.phase {
            Phase::Closing(reason) => Some(reason),
            _ => None,
        }
    }

    /// Reads once and does everything the peer asked for. Receivers are woken before it returns.
    pub fn read_cycle(
        &mut self,
        now: Instant,
        read: impl FnOnce(&mut [u8]) -> Poll<io::Result<usize>>,
    ) -> Turn {
        let mut input = std::mem::take(&mut self.input);
        let turn = input.read_once(read, |bytes| self.handle_batch(bytes, now));
        self.input = input;
        turn
    }

    /// Handles what came in before the session was there.
    pub fn early(&mut self, mut bytes: Vec<u8>, now: Instant) {
        while !bytes.is_empty() {
            let taken = &mut bytes;
            self.read_cycle(now, |room| {
                let n = taken.len().min(room.len());
                for (to, from) in room.iter_mut().zip(taken.drain(..n)) {
                    *to = from;
                }
                Poll::Ready(Ok(n))
            });
        }
    }

    /// Goes on with input that had to wait (for a password check).
    pub fn resume(&mut self, now: Instant) {
        let mut input = std::mem::take(&mut self.input);
        input.again(|bytes| self.handle_batch(bytes, now));
        self.input = input;
    }

    /// Input has to wait: for a check elsewhere, or for receivers to catch up until the returned moment.
    pub fn waits(&mut self, now: Instant, waker: &Waker) -> Option<Option<Instant>> {
        match self.phase {
            Phase::Checking(_) | Phase::CheckingElsewhere => Some(None),
            _ => self.pause.check(now, waker).map(Some),
        }
    }

    /// A password check to run where blocking is allowed; its result goes to [`Self::checked`].
    pub fn take_slow_check(&mut self) -> Option<SlowCheck> {
        if !matches!(self.phase, Phase::Checking(_)) {
            return None;
        }
        match std::mem::replace(&mut self.phase, Phase::CheckingElsewhere) {
            Phase::Checking(check) => Some(check),
            _ => None,
        }
    }

    /// How long the socket may take nothing.
    pub fn write_deadline(&self) -> Duration {
        self.settings.write_deadline
    }

    pub fn next_deadline(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Time passed: pings, deadlines, expiry.
    pub fn on_time(&mut self, now: Instant) {
        while let Some(due) = self.timers.due(now) {
            match due {
                Due::AuthTimeout => {
                    self.refuse(wire::AUTH_TIMEOUT, ClosedReason::AuthenticationTimeout);
                }
                Due::Expired => {
                    self.refuse(wire::USER_EXPIRED, ClosedReason::AuthenticationExpired);
                }
                Due::Stale => self.refuse(wire::STALE, ClosedReason::StaleConnection),
                Due::Ping => {
                    self.say(wire::PING);
                    if !std::mem::take(&mut self.published) {
                        self.publisher.forget();
                        self.shared.receiver.outbox.shrink();
                    }
                }
            }
        }
    }

    /// Does what others asked of this connection.
    pub fn run_commands(&mut self, now: Instant) {
        if self.shared.receiver.outbox.has_overflowed() {
            self.close(ClosedReason::SlowConsumerPendingBytes);
        }
        for command in self.shared.take_commands() {
            match command {
                Command::Close { reason, error } => match error {
                    Some(text) => self.refuse(text, reason),
                    None => self.close(reason),
                },
                Command::SendInfo => self.send_info(false),
                Command::Revalidate { verdict, mark } => {
                    self.revalidate(verdict, now);
                    if self.closing().is_some() {
                        self.last_mark = mark;
                    }
                }
            }
        }
    }

    /// Says why and closes.
    pub(super) fn refuse(&mut self, error: &str, reason: ClosedReason) {
        self.say(error.as_bytes());
        self.close(reason);
    }

    pub fn close(&mut self, reason: ClosedReason) {
        if self.closing().is_none() {
            self.phase = Phase::Closing(reason);
        }
    }

    /// The socket is gone: takes the subscriptions out and tells the server. The first reason counts.
    pub fn finish(&mut self, reason: ClosedReason, at: SystemTime) {
        let reason = self.closing().unwrap_or(reason);
        self.phase = Phase::Closing(reason);
        self.shared.receiver.outbox.discard();
        if !self.shared.set_closed(reason, at) {
            return;
        }
        let subs = self.drop_subscriptions();
        self.last_mark = None;
        self.shared.keep_last_subs(&subs);
        if std::mem::take(&mut self.admitted) {
            self.publisher.account().release();
        }
        self.host.disconnected(&self.shared, reason);
    }

    /// Queues bytes for the client; the shell flushes after every turn. The reason of a close is the last thing a client reads.
    pub(super) fn say(&self, bytes: &[u8]) {
        if self.closing().is_some() {
            return;
        }
        let _own_flush_follows = self.shared.receiver.outbox.send(bytes);
    }

    pub(super) fn send_info(&mut self, with_connect_info: bool) {
        let understands = self.shared.state.lock().client.protocol >= 1;
        if understands {
            let info = self.host.info_line(&self.shared, with_connect_info);
            self.say(&info);
        }
    }

    /// Handles whole operations at the front of `bytes`; returns how many bytes they took and the length of the next, if known.
    fn handle_batch(&mut self, bytes: &[u8], now: Instant) -> (usize, Option<usize>) {
        self.timers.last_in = now;
        self.shared.note_activity();
        let mut cx = Cycle::take(self.settings.no_fast_producer_stall);
        let mut at = 0usize;
        let mut known_len = None;
        while let Phase::Open | Phase::AwaitingConnect = self.phase {
            let rest = bytes.get(at..).unwrap_or_default();
            if matches!(self.phase, Phase::AwaitingConnect) && !self.may_begin_with(rest, now) {
                break;
            }
            match client_op::parse(rest, &self.parse_limits()) {
                Ok(Step::Op(op, used)) => {
                    at = at.saturating_add(used);
                    if let ClientOp::Publish(p) = &op
                        && self.publishes_in_runs()
                        && self.publisher.gather(&mut cx, p, at)
                    {
                        continue;
                    }
                    self.publisher.end_run(&mut cx, bytes);
                    self.operate(&mut cx, &op, now);
                }
                Ok(Step::Incomplete { known_len: len }) => {
                    known_len = len;
                    break;
                }
                Err(e) => {
                    self.parse_error(&e, rest);
                    at = bytes.len();
                }
            }
        }
        self.publisher.end_run(&mut cx, bytes);
        if self.closing().is_some() {
            at = bytes.len();
        }
        self.end_batch(cx, now);
        (at, known_len)
    }

    /// Nothing is said or logged about single messages.
    #[inline]
    fn publishes_in_runs(&self) -> bool {
        !self.modes.verbose && !self.modes.pedantic && !self.settings.trace
    }

    fn parse_limits(&self) -> Limits {
        Limits {
            max_control_line: self.settings.max_control_line,
            max_payload: self.max_payload,
            headers: self.modes.headers,
        }
    }

    /// Publishes the sums of the batch, ends subscriptions that had their last message, and wakes the receivers.
    fn end_batch(&mut self, mut cx: Box<Cycle>, now: Instant) {
        let traffic = std::mem::take(&mut cx.traffic);
        if traffic != TrafficSnapshot::default() {
            self.publisher.account().traffic.add(&traffic);
            self.shared
                .receiver
                .count_in(traffic.in_msgs, traffic.in_bytes);
            self.published = true;
        }
        let remembered = std::mem::take(&mut cx.remembered);
        if remembered > 0 {
            self.publisher.account().interest.remembered.hit(remembered);
        }
        for sub in cx.take_ended() {
            if let Some(owner) = sub.receiver() {
                owner.end(&sub);
            }
        }
        cx.wake_all(Some(&self.shared.receiver));
        self.pause.begin(cx.take_lagging(), now);
        let follow_ups = cx.take_follow_ups();
        cx.give_back();
        // One after the other each of many would wait for the disk; elsewhere they share a commit.
        let is_one = follow_ups.len() == 1;
        for left in follow_ups {
            match is_one {
                true => self.host.follow_up(left),
                false => left.elsewhere(),
            }
        }
    }

    #[inline]
    fn operate(&mut self, cx: &mut Cycle, op: &ClientOp<'_>, now: Instant) {
        match op {
            ClientOp::Publish(p) => self.publish(cx, p),
            ClientOp::Subscribe {
                subject,
                queue,
                sid,
            } => self.subscribe(subject, *queue, sid),
            ClientOp::Unsubscribe { sid, max } => self.unsubscribe(sid, *max),
            ClientOp::Ping => self.ping(),
            ClientOp::Pong => {
                if let Some(rtt) = self.timers.pong(now) {
                    self.shared.state.lock().rtt = Some(rtt);
                }
            }
            ClientOp::Connect(json) => self.connect(json, now),
            ClientOp::Ok => {}
            ClientOp::Info(json) => {
                if serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(json)
                    .is_err()
                {
                    self.refuse(wire::UNKNOWN_OPERATION, ClosedReason::ProtocolViolation);
                }
            }
            ClientOp::Err(_) => self.close(ClosedReason::ParseError),
        }
    }

    #[inline]
    fn publish(&mut self, cx: &mut Cycle, p: &Publish<'_>) {
        if self.modes.pedantic && !nats_proto::subject::is_valid_literal(p.subject) {
            self.say(wire::INVALID_PUBLISH_SUBJECT.as_bytes());
        }
        if self.settings.trace {
            self.trace_publish(p);
        }
        let msg = Message::published(p);
        let outcome = match msg.header_len {
            0 => self.publisher.publish(cx, &msg),
            _ if !trace::maybe(msg.header(), self.publisher.account()) => {
                self.publisher.publish(cx, &msg)
            }
            _ => self.publisher.publish_traced(cx, &msg),
        };
        match outcome {
            Outcome::Delivered => {}
            Outcome::NoInterest(mapped) => {
                self.nobody_there(&msg, mapped.as_deref().unwrap_or(msg.subject));
            }
            Outcome::SubjectDenied(destination) => {
                let subject = destination.as_deref().unwrap_or(p.subject);
                self.say(&wire::publish_violation(subject));
                self.host.notice(
                    &self.shared,
                    format_args!(
                        "Publish Violation - Subject {:?}",
                        String::from_utf8_lossy(subject)
                    ),
                );
            }
            Outcome::ReplyDenied => {
                let reply = p.reply.unwrap_or_default();
                self.say(&wire::reply_violation(reply));
                self.host.notice(
                    &self.shared,
                    format_args!(
                        "Publish Violation - Reply {:?}",
                        String::from_utf8_lossy(reply)
                    ),
                );
            }
        }
    }

    /// A request that nobody took is answered at once, if the client asked for that and listens on the reply.
    fn nobody_there(&self, msg: &Message<'_>, subject: &[u8]) {
        let Some(reply) = msg.reply else { return };
        if !self.modes.no_responders {
            return;
        }
        let matched = self.publisher.account().interest.matches(reply);
        let own = matched.plain().iter().find(|s| {
            s.receiver()
                .is_some_and(|r| Arc::ptr_eq(r, &self.shared.receiver))
        });
        if let Some(sub) = own {
            self.say(&wire::no_responders(reply, sub.sid.as_bytes(), subject));
        }
    }

    fn ping(&mut self) {
        self.say(wire::PONG);
        let connected = self.shared.state.lock().client.connected;
        if connected && !std::mem::replace(&mut self.first_pong_sent, true) {
            self.send_info(true);
        }
    }

    fn parse_error(&mut self, e: &ParseError, rest: &[u8]) {
        let (text, reason) = match e {
            ParseError::ControlLineTooLong => {
                (wire::CONTROL_LINE, ClosedReason::MaxControlLineExceeded)
            }
            ParseError::HeadersNotSupported => (
                wire::UNKNOWN_OPERATION,
                ClosedReason::MessageHeaderViolation,
            ),
            ParseError::PayloadTooLarge { .. } => {
                (wire::MAX_PAYLOAD, ClosedReason::MaxPayloadExceeded)
            }
            _ => (wire::UNKNOWN_OPERATION, ClosedReason::ProtocolViolation),
        };
        let shown = rest.get(..rest.len().min(32)).unwrap_or_default();
        self.host.notice(
            &self.shared,
            format_args!("{e}: {:?}", String::from_utf8_lossy(shown)),
        );
        match e {
            // The reference says nothing to a peer whose arguments cannot be read.
            ParseError::Arguments { .. }
            | ParseError::Size { .. }
            | ParseError::HeadersNotSupported
            | ParseError::HeaderLargerThanTotal { .. } => self.close(reason),
            _ => self.refuse(text, reason),
        }
    }

    #[cold]
    fn trace_publish(&self, p: &Publish<'_>) {
        let verb = if p.header_len.is_some() {
            "HPUB"
        } else {
            "PUB"
        };
        let args = String::from_utf8_lossy(p.args);
        tracing::trace!(target: "protocol", "{} - <<- [{verb} {args}]", self.shared.label());
        let payload = if self.settings.trace_headers {
            p.header()
        } else {
            p.payload
        };
        let max = match self.settings.max_traced_msg_len {
            0 => payload.len(),
            n => n.min(payload.len()),
        };
        let shown = String::from_utf8_lossy(payload.get(..max).unwrap_or_default());
        tracing::trace!(target: "protocol", "{} - <<- MSG_PAYLOAD: [{shown:?}]", self.shared.label());
    }
}
