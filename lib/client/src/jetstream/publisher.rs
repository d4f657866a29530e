//! Publishing many messages without waiting for each: a window of messages that are not acknowledged yet.
//!
//! One subscription receives all acknowledgements; the last token of a reply subject names the slot of its message, so that
//! nothing is allocated per message. Slots live in one table under one lock, which the connection task takes once per
//! batch of acknowledgements. Publishers wait when the window is full and are woken when half of it is free again, so that
//! they and the server work on batches.
//!
//! A slot is *open* (sent, not acknowledged), *answered* (its reader has not looked yet) or *free*. Its generation is part
//! of the token, so that a late acknowledgement cannot answer the next message of the slot. Whoever is dropped before its
//! message stood in the write buffer gives its slot back ([`Unsent`]).
//!
//! The subscription lives as long as the publisher or one of its futures: a message that is under way is answered also
//! when the publisher is gone.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use nats_api::jetstream::PubAck;
use nats_proto::encode::Outgoing;
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use super::context::JetStream;
use super::error::JetStreamError;
use super::publish::{PublishOptions, read_ack};
use crate::client::HeaderBlock;
use crate::limits;
use crate::message::Message;
use crate::registry::PendingLimits;
use crate::shared::Status;
use crate::subscription::{HandlerSubscription, SubscribeOptions};

/// How a [`Publisher`] works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublisherOptions {
    /// Messages that may be under way without an acknowledgement.
    pub window: usize,
    /// A message without an acknowledgement for this long counts as lost.
    pub ack_timeout: Duration,
}

impl Default for PublisherOptions {
    /// 4,000 messages, 5 s.
    fn default() -> Self {
        Self {
            window: limits::PUBLISH_WINDOW,
            ack_timeout: limits::JETSTREAM_TIMEOUT,
        }
    }
}

/// Publishes without waiting for each acknowledgement.
///
/// ```no_run
/// # async fn example(js: nats_client::jetstream::JetStream) -> Result<(), Box<dyn std::error::Error>> {
/// let publisher = js.publisher(Default::default()).await?;
/// for i in 0..1_000_000 {
///     // The acknowledgement may be awaited, or dropped: then only the count at the end tells.
///     publisher.publish("orders.new", i.to_string()).await?;
/// }
/// let done = publisher.finish().await?;
/// println!("{} stored, {} refused", done.acknowledged, done.failed);
/// # Ok(()) }
/// ```
pub struct Publisher {
    js: JetStream,
    shared: Arc<Shared>,
    /// First tokens of all reply subjects, with the last dot.
    prefix: Box<str>,
    window: usize,
}

#[derive(Default)]
struct Shared {
    table: Mutex<Table>,
    /// Publishers wait for room here, and `finish` for the end.
    room: Notify,
    ack_timeout: Duration,
    acks: OnceLock<Acks>,
}

/// Where acknowledgements come from.
struct Acks {
    status: watch::Receiver<Status>,
    _subscription: HandlerSubscription,
}

#[derive(Default)]
struct Table {
    slots: Vec<Slot>,
    free: Vec<u32>,
    open: usize,
    /// Somebody waits until no more than this many are open.
    wanted: Option<usize>,
    acknowledged: u64,
    duplicates: u64,
    failed: u64,
    first_error: Option<JetStreamError>,
}

#[derive(Default)]
struct Slot {
    generation: u32,
    state: State,
}

#[derive(Default)]
enum State {
    #[default]
    Free,
    /// Sent; `reader` is there as long as somebody holds the future.
    Open {
        sent: Instant,
        held: bool,
        reader: Option<Waker>,
    },
    Answered(Result<PubAck, JetStreamError>),
}

/// How it went so far.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Published {
    pub acknowledged: u64,
    /// Of those, messages that were stored before.
    pub duplicates: u64,
    /// Refused or lost.
    pub failed: u64,
    /// The first failure of a message whose acknowledgement nobody awaited.
    pub first_error: Option<JetStreamError>,
}

impl JetStream {
    /// A publisher with a window of its own.
    ///
    /// # Errors
    /// As [`crate::Client::subscribe`].
    pub async fn publisher(&self, options: PublisherOptions) -> Result<Publisher, JetStreamError> {
        let shared = Arc::new(Shared {
            ack_timeout: options.ack_timeout,
            ..Shared::default()
        });
        let prefix: Box<str> = format!("{}.", self.client().new_inbox()).into();
        if prefix.len() + TOKEN_LEN > limits::REPLY_BYTES {
            return Err(JetStreamError::Argument(
                "the inbox prefix of this client is too long for a publisher".into(),
            ));
        }
        let (handler, len) = (Arc::downgrade(&shared), prefix.len());
        let subscribe = SubscribeOptions {
            limits: PendingLimits::UNLIMITED,
            ..SubscribeOptions::default()
        };
        let acks = self
            .client()
            .subscribe_handler(&format!("{prefix}*"), subscribe, move |batch| {
                if let Some(shared) = handler.upgrade() {
                    shared.answers(len, batch);
                }
            })
            .await?;
        shared.acks.get_or_init(|| Acks {
            status: self.client().shared().status.subscribe(),
            _subscription: acks,
        });
        Ok(Publisher {
            js: self.clone(),
            shared,
            prefix,
            window: options.window.max(1),
        })
    }
}

impl Publisher {
    /// Sends a message; waits while the window is full. The acknowledgement may be awaited or dropped. A future of this that is
    /// dropped before it is done has not sent the message.
    ///
    /// # Errors
    /// The message was not sent: it cannot be; or [`JetStreamError::NotAcknowledged`] when the window stayed full for the time
    /// of an acknowledgement: then what was under way counts as lost (the [`AckFuture`] of each says so), and publishing may
    /// go on.
    pub async fn publish(
        &self,
        subject: &str,
        payload: impl AsRef<[u8]>,
    ) -> Result<AckFuture, JetStreamError> {
        self.send(subject, None, payload.as_ref()).await
    }

    /// [`Publisher::publish`] with what the stream shall check or do.
    ///
    /// # Errors
    /// As [`Publisher::publish`].
    pub async fn publish_with(
        &self,
        subject: &str,
        payload: impl AsRef<[u8]>,
        options: &PublishOptions,
    ) -> Result<AckFuture, JetStreamError> {
        let block = HeaderBlock::new(options.headers()?);
        self.send(subject, Some(&block), payload.as_ref()).await
    }

    /// [`Publisher::publish`] with a header block that is kept ready.
    ///
    /// # Errors
    /// As [`Publisher::publish`].
    pub async fn publish_raw(
        &self,
        subject: &str,
        headers: Option<&[u8]>,
        payload: &[u8],
    ) -> Result<AckFuture, JetStreamError> {
        self.send(subject, headers, payload).await
    }

    async fn send(
        &self,
        subject: &str,
        headers: Option<&[u8]>,
        payload: &[u8],
    ) -> Result<AckFuture, JetStreamError> {
        let ack = match self.shared.open(self.window) {
            Some(ack) => ack,
            None => self.open_slow().await?,
        };
        let unsent = Unsent(Some(ack));
        let mut reply = ReplySubject::new(&self.prefix);
        if let Some(ack) = &unsent.0 {
            reply.push_token(ack.slot, ack.generation);
        }
        self.js
            .client()
            .publish_raw(&Outgoing {
                subject: subject.as_bytes(),
                reply: Some(reply.as_bytes()),
                headers,
                payload,
            })
            .await?;
        unsent.sent()
    }

    #[cold]
    async fn open_slow(&self) -> Result<AckFuture, JetStreamError> {
        loop {
            self.wait_for_room(self.window / 2).await?;
            // Else other publishers were faster.
            if let Some(ack) = self.shared.open(self.window) {
                return Ok(ack);
            }
        }
    }

    /// Waits until at most `target` messages are open. When nothing was acknowledged for the time of an acknowledgement, what
    /// is under way counts as lost.
    async fn wait_for_room(&self, target: usize) -> Result<(), JetStreamError> {
        let mut progress = self.shared.settled();
        loop {
            let room = self.shared.room.notified();
            tokio::pin!(room);
            room.as_mut().enable();
            if self.shared.want(target) {
                return Ok(());
            }
            tokio::select! {
                biased;
                () = room => {}
                () = self.shared.closed() => return Err(JetStreamError::Closed),
                () = tokio::time::sleep(self.shared.ack_timeout) => {
                    let now = self.shared.settled();
                    if now == progress {
                        return Err(JetStreamError::NotAcknowledged {
                            outstanding: self.shared.expire(),
                            after: self.shared.ack_timeout,
                        });
                    }
                    progress = now;
                }
            }
        }
    }

    /// Messages under way.
    pub fn outstanding(&self) -> usize {
        self.shared.table.lock().open
    }

    /// Waits until everything is acknowledged, refused or lost, and says how it went. The publisher can be used further;
    /// counts begin anew.
    ///
    /// # Errors
    /// [`JetStreamError::NotAcknowledged`] when acknowledgements stopped coming; asked again it says how it went all the same.
    pub async fn finish(&self) -> Result<Published, JetStreamError> {
        self.wait_for_room(0).await?;
        let mut table = self.shared.table.lock();
        Ok(Published {
            acknowledged: std::mem::take(&mut table.acknowledged),
            duplicates: std::mem::take(&mut table.duplicates),
            failed: std::mem::take(&mut table.failed),
            first_error: table.first_error.take(),
        })
    }
}

impl Shared {
    /// Takes a free slot; `None` when the window is full.
    #[inline]
    fn open(self: &Arc<Self>, window: usize) -> Option<AckFuture> {
        let mut table = self.table.lock();
        if table.open >= window {
            return None;
        }
        let index = match table.free.pop() {
            Some(index) => index,
            None => {
                let index = u32::try_from(table.slots.len()).ok()?;
                table.slots.push(Slot::default());
                index
            }
        };
        table.open += 1;
        let slot = table.slots.get_mut(index as usize)?;
        slot.generation = slot.generation.wrapping_add(1);
        slot.state = State::Open {
            sent: Instant::now(),
            held: true,
            reader: None,
        };
        let generation = slot.generation;
        drop(table);
        Some(AckFuture {
            shared: Arc::clone(self),
            slot: index,
            generation,
            lost: None,
        })
    }

    /// The message was never sent.
    fn forget(&self, ack: &AckFuture) {
        let mut table = self.table.lock();
        if let Some(slot) = table.slots.get_mut(ack.slot as usize)
            && slot.generation == ack.generation
            && matches!(slot.state, State::Open { .. })
        {
            slot.state = State::Free;
            table.open -= 1;
            table.free.push(ack.slot);
        }
    }

    /// Hands acknowledgements to their slots. For the connection task.
    fn answers(&self, prefix_len: usize, batch: &[Message]) {
        let mut table = self.table.lock();
        for message in batch {
            let token = message
                .subject_bytes()
                .get(prefix_len..)
                .and_then(parse_token);
            if let Some((index, generation)) = token {
                table.answer(index, generation, |held| {
                    if !held && is_plain_ack(message.payload()) {
                        return None;
                    }
                    Some(read_ack(message))
                });
            }
        }
        table.tell(&self.room);
    }

    /// Gives up on what was sent too long ago. Returns how many.
    fn expire(&self) -> usize {
        let timeout = self.ack_timeout;
        let mut table = self.table.lock();
        let now = Instant::now();
        let old: Vec<(u32, u32)> = table
            .slots
            .iter()
            .enumerate()
            .filter(|(_, slot)| match slot.state {
                State::Open { sent, .. } => now.duration_since(sent) >= timeout,
                _ => false,
            })
            .map(|(index, slot)| (index as u32, slot.generation))
            .collect();
        for (index, generation) in &old {
            table.answer(*index, *generation, |_| Some(Err(timed_out(timeout))));
        }
        table.tell(&self.room);
        old.len()
    }

    /// Whether at most `target` are open; if not, `room` will tell.
    fn want(&self, target: usize) -> bool {
        let mut table = self.table.lock();
        if table.open <= target {
            return true;
        }
        let wanted = table.wanted.map_or(target, |wanted| wanted.max(target));
        table.wanted = Some(wanted);
        false
    }

    /// Resolves when the client is closed: no acknowledgement will come any more.
    async fn closed(&self) {
        match self.acks.get() {
            Some(acks) => {
                let mut status = acks.status.clone();
                let _ = status.wait_for(|now| *now == Status::Closed).await;
            }
            None => std::future::pending().await,
        }
    }

    fn settled(&self) -> u64 {
        let table = self.table.lock();
        table.acknowledged + table.failed
    }
}

/// Whether this is an acknowledgement without anything that has to be looked at.
#[inline]
fn is_plain_ack(payload: &[u8]) -> bool {
    payload.starts_with(b"{\"stream\":") && !payload.ends_with(b"true}")
}

impl Table {
    /// Closes an open slot with what `read` makes of the answer; `None` is a plain acknowledgement that nobody awaits.
    fn answer(
        &mut self,
        index: u32,
        generation: u32,
        read: impl FnOnce(bool) -> Option<Result<PubAck, JetStreamError>>,
    ) {
        let Some(slot) = self.slots.get_mut(index as usize) else {
            return;
        };
        let State::Open { held, reader, .. } = &mut slot.state else {
            return;
        };
        if slot.generation != generation {
            return;
        }
        let (held, reader) = (*held, reader.take());
        let result = read(held);
        self.open -= 1;
        match &result {
            None => self.acknowledged += 1,
            Some(Ok(ack)) => {
                self.acknowledged += 1;
                self.duplicates += u64::from(ack.duplicate);
            }
            Some(Err(_)) => self.failed += 1,
        }
        match result {
            Some(result) if held => slot.state = State::Answered(result),
            other => {
                slot.state = State::Free;
                self.free.push(index);
                if let (Some(Err(error)), None) = (other, &self.first_error) {
                    self.first_error = Some(error);
                }
            }
        }
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// Wakes those who wait when there is the room they wait for.
    fn tell(&mut self, room: &Notify) {
        if self.wanted.is_some_and(|wanted| self.open <= wanted) {
            self.wanted = None;
            room.notify_waiters();
        }
    }
}

/// A slot of a message that does not stand in the write buffer yet.
struct Unsent(Option<AckFuture>);

impl Unsent {
    /// It does now.
    fn sent(mut self) -> Result<AckFuture, JetStreamError> {
        self.0.take().ok_or(JetStreamError::Closed)
    }
}

impl Drop for Unsent {
    fn drop(&mut self) {
        if let Some(ack) = self.0.take() {
            ack.shared.forget(&ack);
        }
    }
}

/// The acknowledgement of one message of a [`Publisher`], which may be gone by then. Dropping it does not take the message
/// back.
///
/// # Errors
/// What the stream refused; [`crate::RequestError::TimedOut`] or [`JetStreamError::Closed`] when no answer came: then the
/// message may or may not be stored.
#[must_use = "await it to know that the message is stored, or drop it to let the publisher count"]
pub struct AckFuture {
    shared: Arc<Shared>,
    slot: u32,
    generation: u32,
    /// Made when somebody has to wait: why no answer will come.
    lost: Option<Pin<Box<dyn Future<Output = JetStreamError> + Send + Sync>>>,
}

impl Future for AckFuture {
    type Output = Result<PubAck, JetStreamError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let sent = match this.look(cx) {
            Ok(result) => return Poll::Ready(result),
            Err(sent) => sent,
        };
        let shared = &this.shared;
        let lost = this
            .lost
            .get_or_insert_with(|| Box::pin(lost(Arc::clone(shared), sent)));
        let error = std::task::ready!(lost.as_mut().poll(cx));
        let again = match &error {
            JetStreamError::Closed => JetStreamError::Closed,
            _ => timed_out(shared.ack_timeout),
        };
        let mut table = shared.table.lock();
        table.answer(this.slot, this.generation, |_| Some(Err(error)));
        table.tell(&shared.room);
        drop(table);
        match this.look(cx) {
            Ok(result) => Poll::Ready(result),
            Err(_) => Poll::Ready(Err(again)),
        }
    }
}

/// Waits until no acknowledgement is to be expected any more, and says why.
async fn lost(shared: Arc<Shared>, sent: Instant) -> JetStreamError {
    let timeout = shared.ack_timeout;
    let until = tokio::time::Instant::from_std(sent) + timeout.min(limits::WAIT_MAX);
    tokio::select! {
        biased;
        () = tokio::time::sleep_until(until) => timed_out(timeout),
        () = shared.closed() => JetStreamError::Closed,
    }
}

fn timed_out(after: Duration) -> JetStreamError {
    JetStreamError::Request(crate::error::RequestError::TimedOut(after))
}

impl AckFuture {
    /// The result, or when the message was sent; then `cx` is woken with the answer.
    fn look(&self, cx: &Context<'_>) -> Result<Result<PubAck, JetStreamError>, Instant> {
        let mut table = self.shared.table.lock();
        let Some(slot) = table.slots.get_mut(self.slot as usize) else {
            return Ok(Err(JetStreamError::Closed));
        };
        if slot.generation != self.generation {
            return Ok(Err(JetStreamError::Closed));
        }
        match std::mem::take(&mut slot.state) {
            State::Answered(result) => {
                table.free.push(self.slot);
                Ok(result)
            }
            State::Open { sent, held, reader } => {
                let reader = match reader {
                    Some(waker) if waker.will_wake(cx.waker()) => waker,
                    _ => cx.waker().clone(),
                };
                slot.state = State::Open {
                    sent,
                    held,
                    reader: Some(reader),
                };
                Err(sent)
            }
            State::Free => Ok(Err(JetStreamError::Closed)),
        }
    }
}

impl Drop for AckFuture {
    fn drop(&mut self) {
        let mut table = self.shared.table.lock();
        let Some(slot) = table.slots.get_mut(self.slot as usize) else {
            return;
        };
        if slot.generation != self.generation {
            return;
        }
        match &mut slot.state {
            State::Open { held, reader, .. } => {
                *held = false;
                *reader = None;
            }
            State::Answered(_) => {
                slot.state = State::Free;
                table.free.push(self.slot);
            }
            State::Free => {}
        }
    }
}

impl std::fmt::Debug for AckFuture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AckFuture").finish_non_exhaustive()
    }
}

/// Digits that name a slot and its generation.
const TOKEN_LEN: usize = 16;

/// A reply subject on the stack.
struct ReplySubject {
    bytes: [u8; limits::REPLY_BYTES],
    len: usize,
}

const HEX: &[u8; 16] = b"0123456789abcdef";

impl ReplySubject {
    fn new(prefix: &str) -> Self {
        let mut bytes = [0; limits::REPLY_BYTES];
        // Checked when the publisher was made.
        let len = prefix.len().min(limits::REPLY_BYTES - TOKEN_LEN);
        bytes[..len].copy_from_slice(&prefix.as_bytes()[..len]);
        Self { bytes, len }
    }

    /// Appends the slot and its generation.
    fn push_token(&mut self, slot: u32, generation: u32) {
        let mut rest = u64::from(slot) << 32 | u64::from(generation);
        for place in (0..TOKEN_LEN).rev() {
            self.bytes[self.len + place] = HEX[(rest & 15) as usize];
            rest >>= 4;
        }
        self.len += TOKEN_LEN;
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

fn parse_token(text: &[u8]) -> Option<(u32, u32)> {
    if text.len() != TOKEN_LEN {
        return None;
    }
    let token = u64::from_str_radix(std::str::from_utf8(text).ok()?, 16).ok()?;
    Some(((token >> 32) as u32, token as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_read_back() {
        for (slot, generation) in [(0, 0), (1, 2), (u32::MAX, u32::MAX), (4_000, 0xdead_beef)] {
            let mut reply = ReplySubject::new("_INBOX.x.");
            reply.push_token(slot, generation);
            let token = &reply.as_bytes()["_INBOX.x.".len()..];
            assert_eq!(parse_token(token), Some((slot, generation)));
        }
        assert_eq!(parse_token(b""), None);
        assert_eq!(parse_token(b"zzzzzzzzzzzzzzzz"), None);
    }

    #[test]
    fn only_acknowledgements_that_say_nothing_else_are_plain() {
        assert!(is_plain_ack(br#"{"stream":"S","seq":1}"#));
        assert!(!is_plain_ack(br#"{"stream":"S","seq":1,"duplicate":true}"#));
        assert!(!is_plain_ack(
            br#"{"error":{"code":400},"stream":"S","seq":0}"#
        ));
        assert!(!is_plain_ack(b""));
    }

    #[test]
    fn a_late_answer_does_not_reach_the_next_message_of_its_slot() {
        let shared: Arc<Shared> = Arc::default();
        let first = shared.open(1).unwrap();
        let (slot, generation) = (first.slot, first.generation);
        assert!(shared.open(1).is_none(), "the window is full");
        drop(first);
        assert_eq!(shared.expire(), 1);
        let second = shared.open(1).unwrap();
        assert_eq!(second.slot, slot, "the slot is used again");
        shared.table.lock().answer(slot, generation, |_| None);
        assert_eq!(shared.table.lock().open, 1, "still open");
        shared.table.lock().answer(slot, second.generation, |held| {
            assert!(held);
            Some(Ok(PubAck::default()))
        });
        assert_eq!(shared.table.lock().open, 0);
    }
}
