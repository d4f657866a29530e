//! A message comes in.

use nats_api::errors::ApiError;
use nats_proto::header::block;
use nats_store::{NewMessage, Purge, StoreError};

use super::Stream;
use super::batches::{Batched, fast};
use crate::context::Context;
use crate::effects::{Effects, Kind};
use crate::publish::headers::{REQUEST_INFO, given};
use crate::publish::{
    Accepted, AckTail, Candidate, Inbound, Origin, PublishHeaders, Refusal, Rollup, Staged, View,
    check, store_failed,
};

/// What became of a message, for whoever counts, logs and traces. The publisher has been answered in any case.
#[derive(Debug)]
pub enum Outcome {
    /// It has this sequence.
    Stored(u64),
    /// It would have had this sequence; nobody is interested in it.
    NotWanted(u64),
    /// It was stored before, under this sequence.
    Duplicate(u64),
    /// It was taken into a batch; or it was only a word about one.
    Staged,
    Refused(ApiError),
    /// The store failed.
    Failed(StoreError),
}

impl Stream {
    /// Takes a message that somebody published, and answers to its reply subject unless the stream does not acknowledge.
    pub fn publish(
        &mut self,
        cx: &mut Context<'_>,
        message: &Inbound<'_>,
        out: &mut Effects,
    ) -> Outcome {
        if message.headers.is_empty() && !fast::is_fast(message.reply) {
            let found = PublishHeaders::default();
            return self.publish_one(cx, message, &[], &found, out);
        }
        let headers = block::without_status(message.headers);
        let found = PublishHeaders::scan(&headers);
        if let Err(error) = self.know_ids(&found, cx.now) {
            self.answer_error(&store_failed(&error), message.reply, out);
            return Outcome::Failed(error);
        }
        let op = fast::operation(message.reply, &found);
        if found.request_info.is_none() {
            return self.sort(cx, message, &headers, &found, op, out);
        }
        let headers = block::remove_all(&headers, REQUEST_INFO.as_bytes());
        let found = PublishHeaders::scan(&headers);
        self.sort(cx, message, &headers, &found, op, out)
    }

    /// A message goes its way: into a batch, or alone.
    #[expect(clippy::option_option, reason = "no batch, a wrong one, a right one")]
    fn sort(
        &mut self,
        cx: &mut Context<'_>,
        message: &Inbound<'_>,
        headers: &[u8],
        found: &PublishHeaders<'_>,
        op: Option<Option<fast::Op>>,
        out: &mut Effects,
    ) -> Outcome {
        let batched = Batched {
            message,
            headers,
            found,
        };
        if let Some(op) = op {
            return self.publish_fast(cx, op.as_ref(), batched, out);
        }
        match given(found.batch_id) {
            Some(id) => self.publish_atomic(cx, id, batched, out),
            None => self.publish_one(cx, message, headers, found, out),
        }
    }

    /// A message that is no part of a batch.
    fn publish_one(
        &mut self,
        cx: &mut Context<'_>,
        message: &Inbound<'_>,
        headers: &[u8],
        found: &PublishHeaders<'_>,
        out: &mut Effects,
    ) -> Outcome {
        let mut room = std::mem::take(&mut self.subject);
        let subject = self.transformed(cx, message.subject, &mut room);
        let candidate = Candidate {
            subject,
            headers,
            payload: message.payload,
            found,
            origin: Origin::Client,
            is_wanted: self.is_wanted(subject),
        };
        let outcome = match self.check(cx, &candidate, None) {
            Ok(accepted) => self.keep_and_answer(cx, subject, &accepted, message.reply, out),
            Err(refusal) => self.refuse(refusal, message.reply, out),
        };
        room.clear();
        self.subject = room;
        outcome
    }

    pub(super) fn check<'a>(
        &self,
        cx: &Context<'_>,
        candidate: &Candidate<'a>,
        staged: Option<&mut Staged>,
    ) -> Result<Accepted<'a>, Refusal> {
        let view = View {
            config: &self.config,
            storage: self.store.storage(),
            store: &*self.store,
            last_sequence: self.store.state().last_sequence,
            dedupe: &self.dedupe,
            last_message_id: &self.last_message_id,
            quota: &*self.quota,
            max_payload: self.environment.max_payload,
            now: cx.now,
        };
        check(&view, candidate, staged)
    }

    fn keep_and_answer(
        &mut self,
        cx: &mut Context<'_>,
        subject: &[u8],
        accepted: &Accepted<'_>,
        reply: &[u8],
        out: &mut Effects,
    ) -> Outcome {
        let sequence = match self.keep(cx, subject, accepted, out) {
            Ok(sequence) => sequence,
            Err(error) => {
                self.answer_error(&store_failed(&error), reply, out);
                return Outcome::Failed(error);
            }
        };
        let tail = match &accepted.counter {
            Some(value) => AckTail::Counter(value),
            None => AckTail::Plain,
        };
        self.acknowledge(sequence, tail, reply, out);
        if accepted.is_wanted {
            Outcome::Stored(sequence)
        } else {
            Outcome::NotWanted(sequence)
        }
    }

    /// Stores an accepted message, or only its sequence when nobody wants it, and does what has to happen beside. The sequence.
    pub(super) fn keep(
        &mut self,
        cx: &mut Context<'_>,
        subject: &[u8],
        accepted: &Accepted<'_>,
        out: &mut Effects,
    ) -> Result<u64, StoreError> {
        if accepted.rollup.is_none() && accepted.schedule_purge.is_none() {
            return self.keep_alone(cx, subject, accepted, out);
        }
        // The message and what it replaces: a crash finds both or neither.
        self.store.begin_group()?;
        let kept = self.keep_alone(cx, subject, accepted, out);
        self.store.end_group().and(kept)
    }

    fn keep_alone(
        &mut self,
        cx: &mut Context<'_>,
        subject: &[u8],
        accepted: &Accepted<'_>,
        out: &mut Effects,
    ) -> Result<u64, StoreError> {
        let before = self.store.state();
        let sequence = before.last_sequence.saturating_add(1);
        if accepted.is_wanted {
            let republish = self.prepare_republish(cx, subject);
            let message = NewMessage {
                subject,
                headers: &accepted.headers,
                payload: &accepted.payload,
                time: cx.now,
                ttl: accepted.ttl,
            };
            self.store.append(sequence, &message, &mut self.removals)?;
            if self.config.allow_msg_schedules {
                let found = PublishHeaders::scan(&accepted.headers);
                self.schedules
                    .track(subject, sequence, cx.now, cx.now, &found);
            }
            if let Some(republish) = republish {
                self.republish(republish, sequence, &message, out);
            }
        } else {
            self.store.skip(sequence)?;
            self.skipped = cx.now;
        }
        self.remember_id(accepted.message_id, sequence, cx);
        if accepted.rollup.is_some() || accepted.schedule_purge.is_some() {
            self.replace(subject, accepted)?;
        }
        self.after_removals(cx, before.bytes, out);
        if accepted.is_wanted {
            self.tell_stored(cx, sequence, subject, out);
        }
        Ok(sequence)
    }

    /// Stores a message of the stream's own making. False when it may not be stored now.
    pub(super) fn keep_own(
        &mut self,
        cx: &mut Context<'_>,
        subject: &[u8],
        headers: &[u8],
        payload: &[u8],
        out: &mut Effects,
    ) -> Result<bool, StoreError> {
        let mut room = Vec::new();
        let subject = self.transformed(cx, subject, &mut room);
        let candidate = Candidate {
            subject,
            headers,
            payload,
            found: &PublishHeaders::scan(headers),
            origin: Origin::Own,
            is_wanted: self.is_wanted(subject),
        };
        match self.check(cx, &candidate, None) {
            Ok(accepted) => self.keep(cx, subject, &accepted, out).map(|_| true),
            Err(_) => Ok(false),
        }
    }

    fn remember_id(&mut self, id: &[u8], sequence: u64, cx: &Context<'_>) {
        self.last_message_id.clear();
        if !id.is_empty() {
            self.last_message_id.extend_from_slice(id);
            self.dedupe.remember(id, sequence, cx.now);
        }
    }

    /// Removes what a message replaces, and the schedule that it ends.
    fn replace(&mut self, subject: &[u8], accepted: &Accepted<'_>) -> Result<(), StoreError> {
        if !self.rules.may_roll_up {
            return Ok(());
        }
        let keep = accepted.is_wanted.then_some(1);
        let filter = match accepted.rollup {
            Some(Rollup::Subject) => Some(nats_store::Filter::any([subject])),
            Some(Rollup::All) => Some(nats_store::Filter::ALL),
            None => None,
        };
        let scheduler = accepted
            .schedule_purge
            .map(|scheduler| nats_store::Filter::any([scheduler]));
        let purges = [(filter, keep), (scheduler, None)];
        for (filter, keep) in purges {
            if let Some(filter) = filter {
                let purge = Purge {
                    filter,
                    below: None,
                    keep,
                };
                self.store.purge(&purge, &mut self.removals)?;
            }
        }
        Ok(())
    }

    /// The subject under which a message is stored; `room` is where a new one is written.
    pub(super) fn transformed<'a>(
        &self,
        cx: &mut Context<'_>,
        subject: &'a [u8],
        room: &'a mut Vec<u8>,
    ) -> &'a [u8] {
        match &self.rules.transform {
            Some(transform) if transform.source().matches(subject) => {
                let random = cx.random.next() as u32;
                transform.apply_matched_into(subject, random, room);
                room
            }
            _ => subject,
        }
    }

    /// Whether a message on this subject is kept at all.
    pub(super) fn is_wanted(&self, subject: &[u8]) -> bool {
        !self.rules.needs_interest || self.consumers.want(subject)
    }

    pub(super) fn refuse(&self, refusal: Refusal, reply: &[u8], out: &mut Effects) -> Outcome {
        match refusal {
            Refusal::Duplicate(sequence) => {
                self.acknowledge(sequence, AckTail::Duplicate, reply, out);
                Outcome::Duplicate(sequence)
            }
            Refusal::Error(error) => {
                self.answer_error(&error, reply, out);
                Outcome::Refused(error)
            }
        }
    }

    pub(super) fn acknowledge(
        &self,
        sequence: u64,
        tail: AckTail<'_>,
        reply: &[u8],
        out: &mut Effects,
    ) {
        if self.rules.answers && !reply.is_empty() {
            out.send_with(Kind::PubAck, reply, |text| {
                self.rules.ack.write(text, sequence, tail);
            });
        }
    }

    pub(super) fn answer_error(&self, error: &ApiError, reply: &[u8], out: &mut Effects) {
        if self.rules.answers && !reply.is_empty() {
            let payload = self.rules.ack.refusal(error);
            out.send(Kind::PubAck, reply, b"", b"", &payload);
        }
    }
}
