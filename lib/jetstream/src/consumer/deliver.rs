//! The loop that hands out messages.
//!
//! In this order: what is to be delivered again (whatever `max_ack_pending` says), then nothing while too much waits for acknowledgements,
//! then the skip list of a consumer that begins with the last message of each subject, then the next message that matches.

use nats_api::jetstream::{AckPolicy, PriorityPolicy};
use nats_proto::encode::decimal;
use nats_store::{ConsumerDelta, Message, Place, StoreError};

use super::ack_subject::{self, AckToken};
use super::pull::{PUMP_MOST, Served};
use super::{Consumer, Turn, statuses};
use crate::effects::Kind;

/// How a round of deliveries ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pumped {
    /// Nothing more can be delivered until something happens.
    Done,
    /// It stopped because it was told to; there may be more.
    More,
    /// It did not look: whether there is more is as it was before.
    Skipped,
}

/// What there is to deliver.
enum Next {
    Message {
        message: Message,
        /// Which delivery of this message it will be, from 1.
        deliveries: u64,
    },
    /// Nothing at the moment.
    Nothing,
    /// Too much waits for acknowledgements.
    Stalled,
}

/// Whether a message could be delivered now.
enum Readiness {
    Ready,
    /// Nobody is there to take one, or the consumer is paused.
    NotReady,
    /// The next one has to wait for its time.
    Held,
}

/// What became of a message that was found.
enum Delivered {
    Yes,
    /// None of those who wait may have it.
    NobodyThere,
    /// It has to wait for its time.
    Held,
}

/// How long to wait after the store could not read, nanoseconds.
const RETRY_AFTER: u64 = 1_000_000_000;

impl Consumer {
    /// Delivers up to `most` messages.
    pub fn pump(&mut self, turn: &mut Turn<'_, '_>, most: usize) -> Pumped {
        let mut left = most;
        loop {
            match self.readiness(turn) {
                Readiness::Ready if left == 0 => return Pumped::More,
                Readiness::Ready => {}
                Readiness::NotReady => break,
                Readiness::Held => return Pumped::Done,
            }
            match self.find_next(turn) {
                Ok(Next::Message {
                    message,
                    deliveries,
                }) => match self.deliver(turn, message, deliveries) {
                    Delivered::Yes => left -= 1,
                    Delivered::NobodyThere => break,
                    Delivered::Held => return Pumped::Done,
                },
                Ok(Next::Nothing) => break,
                Ok(Next::Stalled) => return Pumped::Done,
                Err(error) => {
                    if !self.pass_fault(turn, error) {
                        return Pumped::Done;
                    }
                }
            }
        }
        self.end_no_wait(turn);
        Pumped::Done
    }

    /// A message came into the stream.
    pub fn stored(&mut self, turn: &mut Turn<'_, '_>, sequence: u64, subject: &[u8]) -> Pumped {
        if sequence <= self.counted || !self.filter.matches(subject) {
            return Pumped::Skipped;
        }
        self.counted = sequence;
        if sequence < self.next {
            return Pumped::Skipped;
        }
        if self.pending == 0 && self.skip.is_none() {
            // Nothing that matches lies between.
            self.next = sequence;
        }
        self.pending = self.pending.saturating_add(1);
        if self.is_push() || !self.waiting.is_empty() {
            return self.pump(turn, PUMP_MOST);
        }
        Pumped::Skipped
    }

    fn readiness(&self, turn: &Turn<'_, '_>) -> Readiness {
        let now = turn.cx.now;
        let somebody_there = match &self.push {
            Some(push) => push.may_send(),
            None => !self.waiting.is_empty(),
        };
        if !somebody_there || self.paused_at(now) {
            return Readiness::NotReady;
        }
        match &self.pace {
            Some(pace) if pace.holds(now) => Readiness::Held,
            _ => Readiness::Ready,
        }
    }

    /// Looks for the next message and leaves everything as it is.
    fn find_next(&mut self, turn: &mut Turn<'_, '_>) -> Result<Next, StoreError> {
        while let Some(stream) = self.again.first() {
            let deliveries = self.state.deliveries(stream).saturating_add(1);
            if let Some(most) = self.max_deliver()
                && deliveries > most
            {
                self.give_up(turn, stream, most);
                continue;
            }
            match turn.store.load(stream)? {
                Some(message) => {
                    return Ok(Next::Message {
                        message,
                        deliveries,
                    });
                }
                None => self.drop_removed(turn, stream),
            }
        }
        if self.is_stalled() {
            return Ok(Next::Stalled);
        }
        if let Some(message) = self.next_of_skip_list(turn)? {
            return Ok(Next::Message {
                message,
                deliveries: 1,
            });
        }
        match turn.store.next(&self.filter, self.next)? {
            Some(message) => Ok(Next::Message {
                message,
                deliveries: 1,
            }),
            None => {
                let last = turn.store.state().last_sequence;
                self.next = self.next.max(last.saturating_add(1));
                debug_assert_eq!(self.pending, 0, "num_pending of {}", self.name);
                self.pending = 0;
                Ok(Next::Nothing)
            }
        }
    }

    fn next_of_skip_list(
        &mut self,
        turn: &mut Turn<'_, '_>,
    ) -> Result<Option<Message>, StoreError> {
        while let Some(skip) = &mut self.skip {
            let Some(&sequence) = skip.sequences.front() else {
                self.next = skip.resume.saturating_add(1);
                self.skip = None;
                break;
            };
            if let Some(message) = turn.store.load(sequence)? {
                return Ok(Some(message));
            }
            // Its removal was counted when it happened.
            skip.sequences.pop_front();
        }
        Ok(None)
    }

    /// Delivers one message that [`Consumer::find_next`] found.
    fn deliver(&mut self, turn: &mut Turn<'_, '_>, message: Message, deliveries: u64) -> Delivered {
        let is_first = deliveries == 1;
        let pending = self.pending.saturating_sub(u64::from(is_first));
        let token = AckToken {
            stream: message.sequence,
            consumer: self.state.delivered.consumer.saturating_add(1),
            deliveries,
        };
        let reply = &mut turn.changes.reply;
        ack_subject::write(reply, &self.ack_prefix, token, message.time, pending);
        let size = self.delivered_size(&message, turn.changes.reply.len());
        if let Some(pace) = &mut self.pace
            && !pace.admits(turn.cx.now, &message, size)
        {
            return Delivered::Held;
        }
        let served = match &self.push {
            Some(_) => None,
            None => match self.choose_request(turn, size) {
                Some(served) => Some(served),
                None => return Delivered::NobodyThere,
            },
        };
        if let Some(pace) = &mut self.pace {
            pace.sent(turn.cx.now, &message, size);
        }
        if is_first {
            self.advance(message.sequence, pending);
        } else {
            self.again.remove(message.sequence);
        }
        self.record(turn, token, is_first);
        self.send(turn, message);
        match served {
            Some(served) => self.after_request(turn, served),
            None => self.after_push(turn),
        }
        Delivered::Yes
    }

    /// Bytes of a delivery as limits count them, with a reply subject of `reply` bytes.
    fn delivered_size(&self, message: &Message, reply: usize) -> u64 {
        let payload = message.payload().len();
        let (headers, payload) = if self.config.headers_only {
            (size_headers_len(message), 0)
        } else {
            (message.headers().len(), payload)
        };
        let size = message.subject().len() + reply + headers + payload;
        size as u64
    }

    /// Goes past a message that is delivered for the first time.
    fn advance(&mut self, sequence: u64, pending: u64) {
        self.pending = pending;
        self.next = sequence.saturating_add(1);
        if let Some(skip) = &mut self.skip {
            skip.sequences.pop_front();
            if skip.sequences.is_empty() {
                self.next = skip.resume.saturating_add(1);
                self.skip = None;
            }
        }
    }

    /// Notes a delivery in the durable state and when its acknowledgement is overdue.
    fn record(&mut self, turn: &mut Turn<'_, '_>, token: AckToken, is_first: bool) {
        let now = turn.cx.now;
        let wait = self.config.ack_policy != AckPolicy::None;
        let delta = if is_first {
            ConsumerDelta::Delivered {
                first: Place {
                    consumer: token.consumer,
                    stream: token.stream,
                },
                count: 1,
                time: now,
                wait,
            }
        } else {
            ConsumerDelta::Redelivered {
                stream: token.stream,
                consumer: token.consumer,
                deliveries: token.deliveries,
                time: now,
            }
        };
        self.change(turn, delta);
        self.last_delivered = Some(now);
        if !self.is_push() {
            self.last_active = now;
        }
        if wait {
            self.schedule(token.stream, now);
        } else if self.settles_on_delivery(turn) {
            turn.settled(token.stream);
        }
    }

    /// Puts the message out to the push subject or to the request in front.
    fn send(&mut self, turn: &mut Turn<'_, '_>, message: Message) {
        let reply = &turn.changes.reply;
        let to: &[u8] = match (&self.push, self.waiting.front()) {
            (Some(_), _) => self.config.deliver_subject.as_bytes(),
            (None, Some(request)) => &request.reply,
            (None, None) => return,
        };
        let pin = match (&self.pin, self.config.priority_policy) {
            (Some(pin), PriorityPolicy::PinnedClient) => Some(pin.id()),
            _ => None,
        };
        if pin.is_none() && !self.config.headers_only {
            if let Some(push) = &mut self.push {
                push.sent(to.len() + reply.len() + message.body().len());
            }
            turn.effects
                .deliver(to, |out| out.extend_from_slice(reply), message);
            return;
        }
        let size = self.config.headers_only.then(|| message.payload().len());
        if let Some(push) = &mut self.push {
            push.sent(to.len() + reply.len() + size_headers_len(&message));
        }
        let copy = message.clone();
        turn.effects.deliver_with_headers(
            Kind::Delivery,
            to,
            |out| out.extend_from_slice(reply),
            |out| write_headers(out, copy.headers(), size, pin),
            message,
            size.is_none(),
        );
    }

    fn after_request(&mut self, turn: &mut Turn<'_, '_>, served: Served) {
        let by_priority = self.config.priority_policy == PriorityPolicy::Prioritized;
        if served.left <= 0
            && served.bytes_left > 0
            && let Some(request) = self.waiting.front()
        {
            let (left, bytes) = (served.left, served.bytes_left);
            turn.ended(&request.reply, statuses::BATCH_COMPLETED, left, bytes);
        }
        self.waiting.served(turn.cx.now, by_priority);
    }

    /// The store failed. True when there is something behind what failed.
    fn pass_fault(&mut self, turn: &mut Turn<'_, '_>, error: StoreError) -> bool {
        let damaged = match &error {
            StoreError::Damaged { sequence, .. } => Some(*sequence),
            _ => None,
        };
        turn.changes.faults.push(error);
        let Some(sequence) = damaged else {
            let at = turn.cx.now.plus(RETRY_AFTER);
            self.pace.get_or_insert_default().hold_until(at);
            return false;
        };
        if self.again.contains(sequence) {
            self.drop_removed(turn, sequence);
            return true;
        }
        if sequence < self.next {
            return false;
        }
        let pending = self.pending.saturating_sub(1);
        self.advance(sequence, pending);
        true
    }
}

/// Length of the headers of a message with its size added to them.
fn size_headers_len(message: &Message) -> usize {
    let mut digits = Vec::with_capacity(20);
    decimal(&mut digits, message.payload().len() as u64);
    let headers = match message.headers() {
        [] => b"NATS/1.0\r\n\r\n".len(),
        headers => headers.len(),
    };
    headers + b"Nats-Msg-Size: \r\n".len() + digits.len()
}

/// Writes a header block again with `Nats-Msg-Size` and `Nats-Pin-Id` at its end.
fn write_headers(out: &mut Vec<u8>, headers: &[u8], size: Option<usize>, pin: Option<&str>) {
    match headers.strip_suffix(b"\r\n") {
        Some(open) if headers.len() > 2 => out.extend_from_slice(open),
        _ => out.extend_from_slice(b"NATS/1.0\r\n"),
    }
    if let Some(size) = size {
        out.extend_from_slice(b"Nats-Msg-Size: ");
        decimal(out, size as u64);
        out.extend_from_slice(b"\r\n");
    }
    if let Some(pin) = pin {
        out.extend_from_slice(b"Nats-Pin-Id: ");
        out.extend_from_slice(pin.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
}
