//! Fast batches: stored as they come, acknowledged once, with words about the flow in between.
//!
//! Everything that a publisher says about the batch stands in its reply subject: `<prefix>.<id>.<flow>.<gap mode>.<sequence>.<op>.$FI`.

use std::borrow::Cow;

use nats_api::errors::ApiError;
use nats_api::jetstream::BatchFlow;
use nats_api::jetstream::headers::REQUIRED_API_LEVEL;
use nats_api::system::client::ClientInfo;
use nats_proto::header::block;
use nats_store::Timestamp;

use super::Batched;
use crate::config::stream::metadata;
use crate::context::Context;
use crate::effects::{Effects, Kind};
use crate::limits::{BATCH_ID_LEN_MAX, FAST_BATCH_FLOW_MAX};
use crate::publish::headers::{decimal, given};
use crate::publish::{Accepted, AckTail, Candidate, Origin, PublishHeaders, Refusal, store_failed};
use crate::stream::{BatchKind, Outcome, Stream};

const SUFFIX: &[u8] = b".$FI";
/// Replies of requests that came from another account; the publisher's own stands in `Nats-Request-Info`.
const SERVICE_REPLY: &[u8] = b"_R_.";
/// Messages between two words from the server, when the publisher says nothing of use.
const FLOW_DEFAULT: u64 = 10;

/// What a reply subject says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::stream) struct Op {
    id: Box<[u8]>,
    sequence: u64,
    flow: u16,
    gaps_ok: bool,
    verb: Verb,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Start,
    Append,
    Commit,
    CommitEndOfBatch,
    Ping,
}

/// A batch that is under way.
#[derive(Debug)]
pub(in crate::stream) struct FastBatch {
    gaps_ok: bool,
    /// The highest sequence in the batch that was seen.
    seen: u64,
    /// The sequence in the stream of the message that was stored last.
    stored: u64,
    /// Up to where the publisher was told.
    told: u64,
    /// Messages between two words.
    flow: u16,
    flow_max: u16,
    pub(super) deadline: Timestamp,
}

/// Whether a reply subject alone says that the message belongs to a fast batch.
pub(in crate::stream) fn is_fast(reply: &[u8]) -> bool {
    reply.ends_with(SUFFIX)
}

/// The operation in a reply subject. `None`: it belongs to no fast batch; `Some(None)`: it does and is not valid.
#[expect(clippy::option_option, reason = "no batch, a wrong one, a right one")]
pub(in crate::stream) fn operation(reply: &[u8], found: &PublishHeaders<'_>) -> Option<Option<Op>> {
    if let Some(subject) = reply.strip_suffix(SUFFIX).filter(|s| !s.is_empty()) {
        return Some(Op::parse(subject));
    }
    if !reply.starts_with(SERVICE_REPLY) {
        return None;
    }
    let info: ClientInfo = serde_json::from_slice(found.request_info?).ok()?;
    let subject = info.reply.as_bytes().strip_suffix(SUFFIX)?;
    Some(Op::parse(subject))
}

impl Op {
    /// Reads the subject without its last token.
    fn parse(subject: &[u8]) -> Option<Self> {
        let mut tokens = subject.rsplit(|byte| *byte == b'.');
        let verb = match decimal(tokens.next()?)? {
            0 => Verb::Start,
            1 => Verb::Append,
            2 => Verb::Commit,
            3 => Verb::CommitEndOfBatch,
            4 => Verb::Ping,
            _ => return None,
        };
        let sequence = decimal(tokens.next()?).filter(|s| *s > 0 && *s < u64::MAX)?;
        let is_consistent = match verb {
            Verb::Start => sequence == 1,
            Verb::Append | Verb::CommitEndOfBatch => sequence > 1,
            Verb::Commit | Verb::Ping => true,
        };
        let gaps_ok = match tokens.next()? {
            b"ok" => true,
            b"fail" => false,
            _ => return None,
        };
        let flow = decimal(tokens.next()?).filter(|flow| *flow > 0);
        let id = tokens.next()?.into();
        // Something has to stand in front of the id.
        tokens.next()?;
        is_consistent.then_some(Self {
            id,
            sequence,
            flow: u16::try_from(flow.unwrap_or(FLOW_DEFAULT)).unwrap_or(u16::MAX),
            gaps_ok,
            verb,
        })
    }

    fn commits(&self) -> bool {
        matches!(self.verb, Verb::Commit | Verb::CommitEndOfBatch)
    }
}

/// What is to be done with a message after it found its place in the batch.
enum Step {
    Store,
    /// It was only a word, or it cannot be used. The publisher has been told.
    Done,
    /// The batch is over; what is stored counts.
    End,
}

impl Stream {
    /// Takes a message of a fast batch. `op` is `None` when its reply subject is not valid.
    pub(in crate::stream) fn publish_fast(
        &mut self,
        cx: &mut Context<'_>,
        op: Option<&Op>,
        batched: Batched<'_>,
        out: &mut Effects,
    ) -> Outcome {
        self.time_out_batches(cx, out);
        let reply = batched.message.reply;
        let (op, headers) = match self.enter_fast(cx, op, &batched) {
            Ok(entered) => entered,
            Err(error) => return self.refuse(Refusal::Error(error), reply, out),
        };
        let step = if op.verb == Verb::Ping {
            self.ping(op, reply, out)
        } else {
            self.find_place(op, reply, out)
        };
        match step {
            Step::Done => Outcome::Staged,
            Step::End => self.end_fast(op, reply, out),
            Step::Store => {
                if op.sequence == 1 && !op.commits() && self.rules.answers {
                    self.say_flow(op, 0, reply, out);
                }
                self.store_fast(cx, op, &headers, &batched, out)
            }
        }
    }

    /// The checks that leave the batch alone, except that its first message opens it and an API level that is not served ends it.
    fn enter_fast<'a>(
        &mut self,
        cx: &Context<'_>,
        op: Option<&'a Op>,
        batched: &Batched<'a>,
    ) -> Result<(&'a Op, Cow<'a, [u8]>), ApiError> {
        let message = batched.message;
        self.check_batched(message.subject, batched.headers, message.payload)?;
        if !self.config.allow_batched {
            return Err(ApiError::BATCH_PUBLISH_DISABLED.error());
        }
        let op = op.ok_or_else(|| ApiError::BATCH_PUBLISH_INVALID_PATTERN.error())?;
        if op.id.len() > BATCH_ID_LEN_MAX {
            return Err(ApiError::BATCH_PUBLISH_INVALID_BATCH_ID.error());
        }
        if !self.batches.fast.contains_key(&op.id) {
            self.open_fast(op)?;
        }
        if let Some(level) = given(batched.found.required_api_level)
            && !metadata::is_level_served(level)
        {
            self.batches.take_fast(&op.id, &*self.quota);
            return Err(ApiError::REQUIRED_API_LEVEL.error());
        }
        let deadline = cx.now.plus(self.environment.batches.timeout);
        if let Some(batch) = self.batches.fast.get_mut(&op.id) {
            batch.deadline = deadline;
        }
        self.batches.review_at(deadline);
        let headers = block::remove_all(batched.headers, REQUIRED_API_LEVEL.as_bytes());
        Ok((op, headers))
    }

    fn open_fast(&mut self, op: &Op) -> Result<(), ApiError> {
        if op.sequence != 1 {
            return Err(ApiError::BATCH_PUBLISH_UNKNOWN_BATCH_ID.error());
        }
        if self.batches.fast.len() >= self.environment.batches.fast_per_stream
            || !self.quota.open_batch(BatchKind::Fast)
        {
            return Err(ApiError::BATCH_PUBLISH_TOO_MANY_INFLIGHT.error());
        }
        let batch = FastBatch {
            gaps_ok: op.gaps_ok,
            seen: 0,
            stored: 0,
            told: 0,
            // Whoever is alone begins as fast as it likes.
            flow: if self.batches.fast.is_empty() {
                op.flow.min(FAST_BATCH_FLOW_MAX)
            } else {
                1
            },
            flow_max: op.flow,
            deadline: Timestamp::default(),
        };
        self.batches.fast.insert(op.id.clone(), batch);
        Ok(())
    }

    /// The publisher wants to hear how far its batch is.
    fn ping(&mut self, op: &Op, reply: &[u8], out: &mut Effects) -> Step {
        let Some(batch) = self.batches.fast.get_mut(&op.id) else {
            return Step::Done;
        };
        if op.sequence > batch.seen {
            let gap = BatchFlow::Gap {
                last_seq: batch.seen.saturating_add(1),
                seq: op.sequence.saturating_add(1),
            };
            let gaps_ok = batch.gaps_ok;
            say(&gap, reply, out);
            if !gaps_ok {
                return Step::End;
            }
            batch.seen = op.sequence;
            if self.tell_flow(op, reply, out) {
                return Step::Done;
            }
        }
        if let Some(batch) = self.batches.fast.get(&op.id) {
            self.say_flow(op, batch.told, reply, out);
        }
        Step::Done
    }

    /// Whether the message is the next one of its batch, or one that may follow.
    fn find_place(&mut self, op: &Op, reply: &[u8], out: &mut Effects) -> Step {
        let Some(batch) = self.batches.fast.get_mut(&op.id) else {
            return Step::Done;
        };
        let expected = batch.seen.saturating_add(1);
        if op.sequence != expected {
            let gap = BatchFlow::Gap {
                last_seq: expected,
                seq: op.sequence,
            };
            say(&gap, reply, out);
            if op.sequence < expected || !batch.gaps_ok {
                return Step::End;
            }
        }
        if op.verb == Verb::CommitEndOfBatch {
            batch.seen = op.sequence.saturating_sub(1);
            return Step::End;
        }
        batch.seen = op.sequence;
        Step::Store
    }

    fn store_fast(
        &mut self,
        cx: &mut Context<'_>,
        op: &Op,
        headers: &[u8],
        batched: &Batched<'_>,
        out: &mut Effects,
    ) -> Outcome {
        let message = batched.message;
        let found = PublishHeaders::scan(headers);
        let mut room = Vec::new();
        let subject = self.transformed(cx, message.subject, &mut room);
        let candidate = Candidate {
            subject,
            headers,
            payload: message.payload,
            found: &found,
            origin: Origin::Client,
            is_wanted: self.is_wanted(subject),
        };
        match self.check(cx, &candidate, None) {
            Ok(accepted) => self.keep_fast(cx, op, subject, &accepted, message.reply, out),
            Err(refusal) => self.refuse_fast(op, refusal, message.reply, out),
        }
    }

    fn keep_fast(
        &mut self,
        cx: &mut Context<'_>,
        op: &Op,
        subject: &[u8],
        accepted: &Accepted<'_>,
        reply: &[u8],
        out: &mut Effects,
    ) -> Outcome {
        let sequence = match self.keep(cx, subject, accepted, out) {
            Ok(sequence) => sequence,
            Err(error) => {
                let flow = BatchFlow::Err {
                    seq: op.sequence,
                    error: store_failed(&error),
                };
                say(&flow, reply, out);
                return Outcome::Failed(error);
            }
        };
        if let Some(batch) = self.batches.fast.get_mut(&op.id) {
            batch.stored = sequence;
        }
        if op.commits() {
            self.end_fast(op, reply, out);
        } else {
            self.tell_flow(op, reply, out);
        }
        Outcome::Stored(sequence)
    }

    /// The message is not stored. Whether the batch goes on depends on what it said about gaps.
    fn refuse_fast(
        &mut self,
        op: &Op,
        refusal: Refusal,
        reply: &[u8],
        out: &mut Effects,
    ) -> Outcome {
        let is_first = self.batches.fast.get(&op.id).is_some_and(|b| b.seen == 1);
        let error = match refusal {
            Refusal::Duplicate(sequence) => {
                self.tell_flow(op, reply, out);
                if op.commits() && !op.gaps_ok && is_first {
                    self.batches.take_fast(&op.id, &*self.quota);
                    let (id, count) = (&*op.id, op.sequence);
                    let tail = AckTail::DuplicateInBatch { id, count };
                    self.acknowledge(sequence, tail, reply, out);
                } else if op.commits() {
                    self.end_fast(op, reply, out);
                }
                return Outcome::Duplicate(sequence);
            }
            Refusal::Error(error) => error,
        };
        if !op.gaps_ok && is_first {
            self.batches.take_fast(&op.id, &*self.quota);
            self.answer_error(&error, reply, out);
            return Outcome::Refused(error);
        }
        let flow = BatchFlow::Err {
            seq: op.sequence,
            error: error.clone(),
        };
        say(&flow, reply, out);
        if op.commits() || !op.gaps_ok {
            if let Some(batch) = self.batches.fast.get_mut(&op.id) {
                batch.seen = batch.seen.saturating_sub(1);
            }
            self.end_fast(op, reply, out);
        }
        Outcome::Refused(error)
    }

    /// The batch is over: says how far it came.
    fn end_fast(&mut self, op: &Op, reply: &[u8], out: &mut Effects) -> Outcome {
        if let Some(batch) = self.batches.take_fast(&op.id, &*self.quota) {
            let tail = AckTail::Batch {
                id: &op.id,
                count: batch.seen,
            };
            if !reply.is_empty() {
                out.send_with(Kind::PubAck, reply, |text| {
                    self.rules.ack.write(text, batch.stored, tail);
                });
            }
        }
        Outcome::Staged
    }

    /// Tells the publisher to go on, when it has sent what it may. Everybody gets a fair part of what the server takes at a time.
    fn tell_flow(&mut self, op: &Op, reply: &[u8], out: &mut Effects) -> bool {
        let batches = self.batches.fast.len().max(1) as u64;
        let Some(batch) = self.batches.fast.get_mut(&op.id) else {
            return false;
        };
        let step = u64::from(batch.flow.max(1));
        let since = batch.seen.saturating_sub(batch.told);
        if since < step {
            return false;
        }
        batch.told = batch.told.saturating_add(since - since % step);
        let fair = (u64::from(FAST_BATCH_FLOW_MAX) / batches).max(1);
        let fair = u16::try_from(fair).unwrap_or(u16::MAX).min(batch.flow_max);
        batch.flow = if batch.flow < fair {
            batch.flow.saturating_mul(2).min(fair)
        } else {
            (batch.flow / 2).max(fair)
        };
        let told = batch.told;
        self.say_flow(op, told, reply, out);
        true
    }

    fn say_flow(&self, op: &Op, sequence: u64, reply: &[u8], out: &mut Effects) {
        if let Some(batch) = self.batches.fast.get(&op.id) {
            let ack = BatchFlow::Ack {
                seq: sequence,
                msgs: batch.flow,
            };
            say(&ack, reply, out);
        }
    }
}

fn say(word: &BatchFlow, reply: &[u8], out: &mut Effects) {
    if !reply.is_empty() {
        // Our documents have text keys and nothing that can fail to be written.
        let json = serde_json::to_vec(word).unwrap_or_default();
        out.send(Kind::PubAck, reply, b"", b"", &json);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_subject_says_everything_about_the_operation() {
        let op = |text: &str| operation(text.as_bytes(), &PublishHeaders::default());
        let table = [
            ("_I.x", None),
            (".$FI", None),
            ("$FI", None),
            ("p.id.10.ok.1.0.$FI", Some((1, 10, true, Verb::Start))),
            ("p.id.0.fail.2.1.$FI", Some((2, 10, false, Verb::Append))),
            ("p.id.x.fail.2.2.$FI", Some((2, 10, false, Verb::Commit))),
            (
                "a.b.id.99999.ok.3.3.$FI",
                Some((3, u16::MAX, true, Verb::CommitEndOfBatch)),
            ),
            ("p.id.5.ok.7.4.$FI", Some((7, 5, true, Verb::Ping))),
        ];
        for (text, expected) in table {
            let found = op(text).map(|op| op.unwrap());
            let found = found.map(|op| {
                assert_eq!(&*op.id, b"id");
                (op.sequence, op.flow, op.gaps_ok, op.verb)
            });
            assert_eq!(found, expected, "{text}");
        }
        for wrong in [
            "id.10.ok.1.0.$FI",
            "p.id.10.maybe.1.0.$FI",
            "p.id.10.ok.0.0.$FI",
            "p.id.10.ok.2.0.$FI",
            "p.id.10.ok.1.1.$FI",
            "p.id.10.ok.1.3.$FI",
            "p.id.10.ok.1.5.$FI",
            "p.id.10.ok.18446744073709551615.1.$FI",
            "p.$FI",
        ] {
            assert_eq!(op(wrong), Some(None), "{wrong}");
        }
    }

    #[test]
    fn behind_a_service_import_the_publishers_own_reply_counts() {
        let info = br#"{"acc":"A","reply":"p.id.10.ok.1.0.$FI"}"#;
        let found = PublishHeaders {
            request_info: Some(info),
            ..PublishHeaders::default()
        };
        assert!(matches!(operation(b"_R_.abc", &found), Some(Some(_))));
        assert_eq!(operation(b"_I.abc", &found), None);
        assert_eq!(operation(b"_R_.abc", &PublishHeaders::default()), None);
    }
}
