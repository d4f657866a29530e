//! Requests for messages: which are let in, who is served next, how they end.

use std::time::Duration;

use nats_api::jetstream::{PriorityPolicy, PullRequest};
use nats_api::time;
use nats_store::Timestamp;

use super::pin::PinVerdict;
use super::waiting::{Group, Request};
use super::{Consumer, Turn, nanos, statuses};

/// The request in front is served; what is left of it after that.
pub(super) struct Served {
    pub(super) left: i64,
    pub(super) bytes_left: i64,
}

/// Messages handed out in answer to one request before others get their turn. The engine goes on with [`Consumer::pump`].
pub const PUMP_MOST: usize = 256;

impl Consumer {
    /// A client asks for messages. `required_level_fails` says that its headers want an API level that this server has not.
    pub fn pull(
        &mut self,
        turn: &mut Turn<'_, '_>,
        reply: &[u8],
        body: &[u8],
        required_level_fails: bool,
    ) -> super::Pumped {
        if reply.is_empty() {
            return super::Pumped::Skipped;
        }
        if self.is_push() {
            turn.status(reply, statuses::PUSH_BASED);
            return super::Pumped::Skipped;
        }
        if required_level_fails {
            turn.status(reply, statuses::REQUIRED_API_LEVEL);
            return super::Pumped::Skipped;
        }
        match self.admit(turn, reply, body) {
            Ok(request) => {
                self.last_active = turn.cx.now;
                let by_priority = self.config.priority_policy == PriorityPolicy::Prioritized;
                self.waiting.add(request, by_priority);
                self.pump(turn, PUMP_MOST)
            }
            Err(status) => {
                if let Some(status) = status {
                    turn.status(reply, &status);
                }
                super::Pumped::Skipped
            }
        }
    }

    /// Lets a request in, or says why not; `None` is a refusal without a word.
    fn admit(
        &mut self,
        turn: &mut Turn<'_, '_>,
        reply: &[u8],
        body: &[u8],
    ) -> Result<Request, Option<Vec<u8>>> {
        let now = turn.cx.now;
        let asked = PullRequest::decode(body).map_err(|e| bad_request(format_args!("{e}")))?;
        let is_json = body.trim_ascii_start().first() == Some(&b'{');
        let heartbeat = asked.heartbeat()?;
        self.check_bounds(&asked)?;
        if is_json {
            self.check_group(turn, &asked)?;
        }
        let full = usize::try_from(self.config.max_waiting).unwrap_or(0);
        if self.waiting.len() >= full {
            self.review_waiting(turn);
        }
        if asked.no_wait {
            self.check_no_wait(turn, &asked)?;
        }
        if self.waiting.len() >= full {
            // A client that gets heartbeats notices their absence; an answer would only make it ask again at once.
            let silent = heartbeat.is_some();
            return Err((!silent).then(|| statuses::EXCEEDED_MAX_WAITING.to_vec()));
        }
        Ok(Request {
            reply: reply.into(),
            left: asked.batch,
            bytes_left: asked.max_bytes,
            got: 0,
            expires: asked.expiry(now),
            heartbeat: heartbeat.map(|period| (period, now.plus(period))),
            no_wait: asked.no_wait,
            group: is_json.then(|| {
                Box::new(Group {
                    name: asked.group.into(),
                    min_pending: asked.min_pending,
                    min_ack_pending: asked.min_ack_pending,
                    pin: shortened(&asked.id).into(),
                    priority: asked.priority,
                })
            }),
        })
    }

    fn check_bounds(&self, asked: &PullRequest) -> Result<(), Option<Vec<u8>>> {
        let config = &self.config;
        if config.max_batch > 0 && asked.batch > config.max_batch {
            let most = config.max_batch;
            return Err(exceeded(format_args!("MaxRequestBatch of {most}")));
        }
        if config.max_expires.0 > 0 && asked.expires.0 > config.max_expires.0 {
            let most = time::friendly(Duration::from_nanos(nanos(config.max_expires)));
            return Err(exceeded(format_args!("MaxRequestExpires of {most}")));
        }
        if config.max_bytes > 0 && asked.max_bytes > config.max_bytes {
            let most = config.max_bytes;
            return Err(exceeded(format_args!("MaxRequestMaxBytes of {most}")));
        }
        Ok(())
    }

    fn check_group(
        &mut self,
        turn: &mut Turn<'_, '_>,
        asked: &PullRequest,
    ) -> Result<(), Option<Vec<u8>>> {
        let policy = self.config.priority_policy;
        let wants_overflow = asked.min_pending != 0 || asked.min_ack_pending != 0;
        if wants_overflow && policy != PriorityPolicy::Overflow {
            return Err(bad_request(format_args!(
                "Not a Overflow Priority consumer"
            )));
        }
        if !asked.id.is_empty() && policy != PriorityPolicy::PinnedClient {
            return Err(bad_request(format_args!(
                "Not a Pinned Client Priority consumer"
            )));
        }
        if !(0..=9).contains(&asked.priority) {
            return Err(bad_request(format_args!(
                "Priority must be between 0 and 9"
            )));
        }
        if policy == PriorityPolicy::None {
            return Ok(());
        }
        if asked.group.is_empty() {
            return Err(bad_request(format_args!("Priority Group missing")));
        }
        if !self.config.priority_groups.contains(&asked.group) {
            return Err(bad_request(format_args!("Invalid Priority Group")));
        }
        if self.renew_pin(turn.cx.now, &asked.id) == PinVerdict::Wrong {
            return Err(Some(statuses::PIN_MISMATCH.to_vec()));
        }
        Ok(())
    }

    /// A request that does not wait is refused when there is nothing for it.
    fn check_no_wait(
        &mut self,
        turn: &mut Turn<'_, '_>,
        asked: &PullRequest,
    ) -> Result<(), Option<Vec<u8>>> {
        let there = self.pending.saturating_add(self.again.len() as u64);
        if there == 0 && asked.expires.0 == 0 {
            self.last_active = turn.cx.now;
            return Err(Some(statuses::NO_MESSAGES.to_vec()));
        }
        if there > 0 {
            self.review_waiting(turn);
            if there < self.waiting.wanted() {
                self.last_active = turn.cx.now;
                return Err(Some(statuses::REQUESTS_PENDING.to_vec()));
            }
        }
        Ok(())
    }

    /// Brings the request that is to get a message of `size` bytes to the front. Requests that cannot be served any more end here.
    pub(super) fn choose_request(&mut self, turn: &mut Turn<'_, '_>, size: u64) -> Option<Served> {
        let now = turn.cx.now;
        let size = i64::try_from(size).unwrap_or(i64::MAX);
        let mut cycled = 0;
        while let Some(request) = self.waiting.front() {
            if request.expires.is_some_and(|at| at <= now) {
                self.end_front(turn, Some(statuses::REQUEST_TIMEOUT));
                continue;
            }
            let verdict = self.pin_verdict(turn);
            if verdict == PinVerdict::Wrong {
                self.end_front(turn, Some(statuses::WRONG_PIN));
                continue;
            }
            if verdict == PinVerdict::Other || !self.overflow_allows() {
                self.waiting.cycle();
                cycled += 1;
                if cycled >= self.waiting.len() {
                    return None;
                }
                continue;
            }
            let request = self.waiting.front_mut()?;
            if request.bytes_left > 0 && size > request.bytes_left {
                if verdict == PinVerdict::New {
                    self.pin = None;
                }
                self.end_front(turn, Some(statuses::MESSAGE_TOO_LARGE));
                continue;
            }
            if !turn.cx.interest.listens(&request.reply) {
                let foreign = turn.cx.interest.is_foreign(&request.reply);
                self.end_front(turn, foreign.then_some(statuses::INTEREST_EXPIRED));
                continue;
            }
            if request.bytes_left > 0 {
                request.bytes_left -= size;
                if request.bytes_left == 0 {
                    request.left = 1;
                }
            }
            return Some(Served {
                left: request.left.saturating_sub(1),
                bytes_left: request.bytes_left,
            });
        }
        None
    }

    /// The request in front asked for more to be there than there is.
    fn overflow_allows(&self) -> bool {
        if self.config.priority_policy != PriorityPolicy::Overflow {
            return true;
        }
        let Some(group) = self.waiting.front().and_then(|r| r.group.as_ref()) else {
            return true;
        };
        let reached = |least: i64, there: u64| {
            u64::try_from(least).is_ok_and(|least| least > 0 && least <= there)
        };
        (group.min_pending <= 0 && group.min_ack_pending <= 0)
            || reached(group.min_pending, self.pending.max(1))
            || reached(group.min_ack_pending, self.state.unacked.len() as u64)
    }

    fn end_front(&mut self, turn: &mut Turn<'_, '_>, line: Option<&str>) {
        if let Some(request) = self.waiting.take_front()
            && let Some(line) = line
        {
            turn.ended(&request.reply, line, request.left, request.bytes_left);
        }
    }

    /// Everything that is there was handed out: requests that do not wait for more end.
    pub(super) fn end_no_wait(&mut self, turn: &mut Turn<'_, '_>) {
        if !self.waiting.has_no_wait() {
            return;
        }
        let now = turn.cx.now;
        self.waiting.review(|request| {
            let over = request.no_wait && (request.expires.is_none() || request.got > 0);
            if over && request.expires.is_none_or(|at| at > now) {
                turn.status(&request.reply, statuses::NO_MESSAGES);
                return false;
            }
            true
        });
    }

    /// Ends requests whose time is over and sends heartbeats that are due. A request without waiting that got something and is held up by
    /// what is not acknowledged ends then too, as in the reference: clients count on it.
    pub(super) fn review_due(&mut self, turn: &mut Turn<'_, '_>) {
        if self.waiting.due().is_some_and(|at| at <= turn.cx.now) {
            self.end_no_wait(turn);
            self.review_requests(turn, false);
        }
    }

    /// As [`Consumer::review_due`], and lets go of requests whose client does not listen any more.
    pub(super) fn review_waiting(&mut self, turn: &mut Turn<'_, '_>) {
        if !self.waiting.is_empty() {
            self.review_requests(turn, true);
        }
    }

    fn review_requests(&mut self, turn: &mut Turn<'_, '_>, ask_interest: bool) {
        let now = turn.cx.now;
        let consumer = self.state.delivered.consumer;
        let stream = self.next.saturating_sub(1);
        self.waiting.review(|request| {
            if request.expires.is_some_and(|at| at <= now) {
                let (left, bytes) = (request.left, request.bytes_left);
                turn.ended(&request.reply, statuses::REQUEST_TIMEOUT, left, bytes);
                return false;
            }
            let beats = request.heartbeat.is_some_and(|(_, at)| at <= now);
            if (ask_interest || beats) && !turn.cx.interest.listens(&request.reply) {
                return false;
            }
            if beats && let Some((period, at)) = &mut request.heartbeat {
                statuses::heartbeat(&mut turn.changes.block, consumer, stream, None);
                let block = &turn.changes.block;
                turn.effects
                    .send(crate::Kind::Status, &request.reply, b"", block, b"");
                *at = now.plus(*period);
            }
            true
        });
    }

    /// Ends all requests, because the consumer goes away or moves.
    pub(super) fn end_all(&mut self, turn: &mut Turn<'_, '_>, why: super::Closing) {
        while let Some(request) = self.waiting.take_front() {
            match why {
                super::Closing::Deleted => turn.status(&request.reply, statuses::CONSUMER_DELETED),
                super::Closing::LostLeadership => {
                    turn.status(&request.reply, statuses::LEADERSHIP_CHANGE);
                }
                super::Closing::Shutdown => {
                    let (left, bytes) = (request.left, request.bytes_left);
                    turn.ended(&request.reply, statuses::SERVER_SHUTDOWN, left, bytes);
                }
            }
        }
    }
}

/// What a request says about times, in the machine's terms.
trait Times {
    /// Nanoseconds between heartbeats, if any.
    fn heartbeat(&self) -> Result<Option<u64>, Option<Vec<u8>>>;
    fn expiry(&self, now: Timestamp) -> Option<Timestamp>;
}

impl Times for PullRequest {
    fn heartbeat(&self) -> Result<Option<u64>, Option<Vec<u8>>> {
        let period = nanos(self.idle_heartbeat);
        if period == 0 {
            return Ok(None);
        }
        if period.saturating_mul(2) > nanos(self.expires) {
            return Err(bad_request(format_args!("heartbeat value too large")));
        }
        Ok(Some(period))
    }

    fn expiry(&self, now: Timestamp) -> Option<Timestamp> {
        // One that expires in the past has expired.
        (self.expires.0 != 0).then(|| now.plus(nanos(self.expires)))
    }
}

/// An id that is longer than any pin is wrong; so is its beginning, which takes less room.
fn shortened(id: &str) -> &str {
    let cut = id.char_indices().nth(nats_proto::nuid::LEN + 1);
    cut.map_or(id, |(at, _)| id.get(..at).unwrap_or_default())
}

fn bad_request(why: std::fmt::Arguments<'_>) -> Option<Vec<u8>> {
    Some(statuses::refused(400, format_args!("Bad Request - {why}")))
}

fn exceeded(what: std::fmt::Arguments<'_>) -> Option<Vec<u8>> {
    Some(statuses::refused(409, format_args!("Exceeded {what}")))
}
