//! What clients say about messages they got.

use std::time::Duration;

use nats_api::jetstream::{AckPolicy, NakOptions};
use nats_api::time;
use nats_store::{ConsumerDelta, Place};

use super::ack_subject::AckToken;
use super::pull::PUMP_MOST;
use super::{Consumer, Pumped, Turn, nanos};

/// One of a hundred steps of the sampling frequency.
const SAMPLE_STEPS: u64 = 100;

/// What is said about a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict<'a> {
    Ack,
    /// Acknowledged, and more is asked for with the body of a pull request.
    Next(&'a [u8]),
    /// Again, please; with what stands behind the word.
    Nak(&'a [u8]),
    /// Still at it.
    Progress,
    /// Never again, and why.
    Term(&'a [u8]),
    /// Nothing that is known. It is answered and nothing else.
    Unknown,
}

impl<'a> Verdict<'a> {
    fn read(body: &'a [u8]) -> Self {
        if matches!(body, b"" | b"+ACK" | b"+OK") {
            return Self::Ack;
        }
        if body == b"+WPI" {
            return Self::Progress;
        }
        let after = |word: &[u8]| body.strip_prefix(word);
        if let Some(rest) = after(b"+NXT") {
            Self::Next(rest)
        } else if let Some(rest) = after(b"-NAK") {
            Self::Nak(rest.trim_ascii())
        } else if let Some(rest) = after(b"+TERM") {
            Self::Term(rest.trim_ascii())
        } else {
            Self::Unknown
        }
    }
}

/// Whether an acknowledgement is answered, when an answer is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answered {
    Yes,
    No,
}

impl Consumer {
    /// A client acknowledges. `body` is the payload without headers; `reply` is empty when it wants no answer.
    pub fn ack(
        &mut self,
        turn: &mut Turn<'_, '_>,
        token: AckToken,
        body: &[u8],
        reply: &[u8],
    ) -> Pumped {
        if !self.takes_acks() {
            return Pumped::Skipped;
        }
        if self.inactive_after > 0 {
            self.last_active = turn.cx.now;
        }
        let was_stalled = self.is_stalled();
        let answered = match Verdict::read(body) {
            Verdict::Ack => self.acknowledge(turn, token, true),
            Verdict::Next(request) => {
                self.acknowledge(turn, token, true);
                // Others may go on as well, whatever becomes of this request.
                self.pull(turn, reply, request, false);
                return self.pump(turn, PUMP_MOST);
            }
            Verdict::Nak(delay) => {
                self.nak(turn, token, delay);
                return self.answer_and_go_on(turn, token, reply);
            }
            Verdict::Progress => {
                self.progress(turn, token.stream);
                Answered::Yes
            }
            Verdict::Term(reason) => {
                let answered = self.acknowledge(turn, token, false);
                let reason = String::from_utf8_lossy(reason);
                self.announce_terminated(turn, token, &reason);
                answered
            }
            Verdict::Unknown => Answered::Yes,
        };
        if answered == Answered::Yes && token.stream > 0 {
            turn.answer(reply);
        }
        if was_stalled && !self.is_stalled() {
            return self.pump(turn, PUMP_MOST);
        }
        Pumped::Skipped
    }

    fn answer_and_go_on(
        &mut self,
        turn: &mut Turn<'_, '_>,
        token: AckToken,
        reply: &[u8],
    ) -> Pumped {
        if token.stream > 0 {
            turn.answer(reply);
        }
        self.pump(turn, PUMP_MOST)
    }

    /// The message, or all up to it, need not be delivered again.
    fn acknowledge(&mut self, turn: &mut Turn<'_, '_>, token: AckToken, sample: bool) -> Answered {
        // A message that was never delivered is not acknowledged; neither now nor in advance.
        if token.stream >= self.next && !self.config.flow_control {
            return Answered::No;
        }
        match self.config.ack_policy {
            AckPolicy::None => return Answered::No,
            AckPolicy::Explicit => self.acknowledge_one(turn, token, sample),
            AckPolicy::All | AckPolicy::FlowControl => {
                let floor = self.state.ack_floor;
                if token.consumer <= floor.consumer || token.stream <= floor.stream {
                    return Answered::Yes;
                }
                self.acknowledge_through(turn, token);
            }
        }
        self.last_acked = Some(turn.cx.now);
        Answered::Yes
    }

    fn acknowledge_one(&mut self, turn: &mut Turn<'_, '_>, token: AckToken, sample: bool) {
        let stream = token.stream;
        if let Some(waits) = self.state.unacked.get(stream).copied() {
            if sample && self.samples(turn) {
                self.measure_ack(turn, token, waits.time);
            }
            self.change(turn, ConsumerDelta::Acked { stream });
        } else if self.state.redelivered.contains_key(&stream) {
            self.change(turn, ConsumerDelta::Forgotten { stream });
        }
        self.again.remove(stream);
        self.tidy_overdue();
        turn.settled(stream);
    }

    fn acknowledge_through(&mut self, turn: &mut Turn<'_, '_>, token: AckToken) {
        // The numbers come from a client: what was not delivered is not acknowledged.
        let delivered = self.state.delivered;
        let place = Place {
            consumer: token.consumer.min(delivered.consumer),
            stream: token.stream.min(delivered.stream),
        };
        turn.settled(place.stream);
        let mut waits = self.state.unacked.first().copied();
        while let Some(covered) = waits.filter(|w| w.stream <= place.stream) {
            self.again.remove(covered.stream);
            if covered.stream != place.stream {
                turn.settled(covered.stream);
            }
            waits = self.state.unacked.first_after(covered.stream).copied();
        }
        self.change(turn, ConsumerDelta::AckedThrough { place });
        self.tidy_overdue();
    }

    /// The flow control acknowledgement of a client that got everything up to `place`.
    pub(super) fn acknowledge_flow(&mut self, turn: &mut Turn<'_, '_>, token: AckToken) {
        self.acknowledge(turn, token, false);
    }

    fn nak(&mut self, turn: &mut Turn<'_, '_>, token: AckToken, delay: &[u8]) {
        let stream = token.stream;
        let delivered = self.state.delivered.consumer;
        let known = token.consumer > self.state.ack_floor.consumer
            && token.consumer <= delivered.saturating_add(1);
        if !known || !self.state.unacked.contains(stream) {
            return;
        }
        self.announce_nak(turn, token);
        match nak_delay(delay) {
            Some(delay) => {
                self.again.remove(stream);
                self.defer(turn, stream, turn.cx.now.plus(delay));
            }
            None => self.again.push(stream),
        }
    }

    /// The time for the acknowledgement begins anew.
    fn progress(&mut self, turn: &mut Turn<'_, '_>, stream: u64) {
        let time = turn.cx.now;
        if self.state.unacked.contains(stream) {
            self.change(turn, ConsumerDelta::Deferred { stream, time });
            self.last_delivered = Some(time);
            self.schedule(stream, time);
        }
    }

    fn samples(&self, turn: &mut Turn<'_, '_>) -> bool {
        let text = &self.config.sample_freq;
        let frequency = text.strip_suffix('%').unwrap_or(text).parse().unwrap_or(0);
        match frequency {
            0 => false,
            SAMPLE_STEPS.. => true,
            frequency => turn.cx.random.next() % SAMPLE_STEPS < frequency,
        }
    }
}

/// How long to wait before a message is delivered again; `None` when that is not said or cannot be read.
fn nak_delay(text: &[u8]) -> Option<u64> {
    if text.first() == Some(&b'{') {
        let options: NakOptions = serde_json::from_slice(text).ok()?;
        return Some(nanos(options.delay));
    }
    let text = std::str::from_utf8(text).ok()?;
    match text {
        "" => None,
        "0" => Some(0),
        _ => time::parse(text).map(duration_nanos),
    }
}

fn duration_nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_read() {
        for (body, verdict) in [
            (&b""[..], Verdict::Ack),
            (b"+ACK", Verdict::Ack),
            (b"+OK", Verdict::Ack),
            (b"+ACK ", Verdict::Unknown),
            (b"+WPI", Verdict::Progress),
            (b"+NXT", Verdict::Next(b"")),
            (b"+NXT {\"batch\":2}", Verdict::Next(b" {\"batch\":2}")),
            (b"-NAK", Verdict::Nak(b"")),
            (b"-NAK 5s ", Verdict::Nak(b"5s")),
            (b"+TERM  too old ", Verdict::Term(b"too old")),
            (b"hello", Verdict::Unknown),
        ] {
            assert_eq!(Verdict::read(body), verdict, "{}", body.escape_ascii());
        }
    }

    #[test]
    fn delays_come_as_text_or_as_json() {
        for (text, delay) in [
            (&b""[..], None),
            (b"5s", Some(5_000_000_000)),
            (b"1m30s", Some(90_000_000_000)),
            (b"{\"delay\":250}", Some(250)),
            (b"{\"delay\":-1}", Some(0)),
            (b"{delay", None),
            (b"soon", None),
        ] {
            assert_eq!(nak_delay(text), delay, "{}", text.escape_ascii());
        }
    }
}
