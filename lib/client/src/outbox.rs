//! The write buffer that every publisher of a client shares.
//!
//! A publisher encodes its frame straight into the buffer under a short lock. The connection task takes the whole
//! buffer at once and leaves an empty one in its place, so publishers never wait for a system call. `told` is exactly one
//! promise that the task will look: it is set by the append that wakes the task and cleared when the task takes the
//! buffer, so a batch costs one wake-up.
//!
//! Locks: `state` only. Whoever needs the registry of subscriptions as well takes `state` first. Never held across a
//! system call or an `.await`.

use std::collections::VecDeque;
use std::task::{Context, Waker};

use nats_proto::encode::{self, Outgoing};
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

use crate::error::{FlushError, PublishError};
use crate::limits;

/// What may be written at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// No server: publishes wait in the buffer, up to the pending limit.
    Disconnected,
    Connected,
    /// Still connected, but no new publishes.
    Draining,
    /// Nothing is accepted; what is in the buffer is still written.
    Closing,
    Closed,
}

/// Somebody who waits for the PONG of a PING of ours. `None` is the keep-alive.
type PongWaiter = Option<oneshot::Sender<Result<(), FlushError>>>;

pub(crate) struct State {
    pub phase: Phase,
    pub buf: Vec<u8>,
    told: bool,
    owner: Option<Waker>,
    /// Somebody waits on `space`.
    crowded: bool,
    pongs: VecDeque<PongWaiter>,
    /// The server's limit, in bytes. Known from the first INFO on.
    pub max_payload: usize,
    pub headers_supported: bool,
    pub out_msgs: u64,
    pub out_bytes: u64,
}

/// What the connection task finds when it looks.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    Bytes,
    Nothing,
    /// Nothing, and nothing will come any more.
    End,
}

pub(crate) struct Outbox {
    state: Mutex<State>,
    space: Notify,
    write_limit: usize,
    pending_limit: usize,
}

impl Outbox {
    pub(crate) fn new(write_limit: usize, pending_limit: usize) -> Self {
        Self {
            state: Mutex::new(State {
                phase: Phase::Disconnected,
                buf: Vec::new(),
                told: false,
                owner: None,
                crowded: false,
                pongs: VecDeque::new(),
                max_payload: usize::MAX,
                headers_supported: true,
                out_msgs: 0,
                out_bytes: 0,
            }),
            space: Notify::new(),
            write_limit,
            pending_limit,
        }
    }

    /// Changes the state and wakes the task if the change left bytes that it was not told about.
    pub(crate) fn with<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.state.lock();
        let result = change(&mut state);
        let wake = state.tell();
        drop(state);
        if let Some(waker) = wake {
            waker.wake();
        }
        result
    }

    /// Appends a message, or says why not. Never waits.
    #[inline]
    pub(crate) fn try_publish(&self, message: &Outgoing<'_>) -> Result<(), PublishError> {
        let mut state = self.state.lock();
        self.admit(&mut state, message)?;
        let before = state.buf.len();
        encode::publish(&mut state.buf, message)?;
        state.out_msgs += 1;
        state.out_bytes += (state.buf.len() - before) as u64;
        let wake = state.tell();
        drop(state);
        if let Some(waker) = wake {
            waker.wake();
        }
        Ok(())
    }

    #[inline]
    fn admit(&self, state: &mut State, message: &Outgoing<'_>) -> Result<(), PublishError> {
        let size = message.size();
        if size > state.max_payload {
            let max = state.max_payload;
            return Err(PublishError::PayloadTooLarge { size, max });
        }
        if message.headers.is_some() && !state.headers_supported {
            return Err(PublishError::HeadersNotSupported);
        }
        match state.phase {
            Phase::Connected if state.buf.len() < self.write_limit => Ok(()),
            Phase::Connected => {
                state.crowded = true;
                Err(PublishError::WouldBlock)
            }
            Phase::Disconnected if state.buf.len().saturating_add(size) <= self.pending_limit => {
                Ok(())
            }
            Phase::Disconnected => Err(PublishError::PendingBufferFull {
                limit: self.pending_limit,
            }),
            Phase::Draining => Err(PublishError::Draining),
            Phase::Closing | Phase::Closed => Err(PublishError::Closed),
        }
    }

    /// Appends a message; waits while the buffer is over its bound.
    #[inline]
    pub(crate) async fn publish(&self, message: &Outgoing<'_>) -> Result<(), PublishError> {
        match self.try_publish(message) {
            Err(PublishError::WouldBlock) => self.publish_slow(message).await,
            other => other,
        }
    }

    #[cold]
    async fn publish_slow(&self, message: &Outgoing<'_>) -> Result<(), PublishError> {
        loop {
            let space = self.space.notified();
            tokio::pin!(space);
            // Registered before the second look, so that no wake-up falls between.
            space.as_mut().enable();
            match self.try_publish(message) {
                Err(PublishError::WouldBlock) => space.await,
                other => return other,
            }
        }
    }

    /// Waits until the buffer is below its bound: control frames are never refused, so whoever sends many asks first.
    pub(crate) async fn has_space(&self) {
        loop {
            let space = self.space.notified();
            tokio::pin!(space);
            space.as_mut().enable();
            let full = self.with(|state| {
                let full = state.phase == Phase::Connected && state.buf.len() >= self.write_limit;
                state.crowded |= full;
                full
            });
            if !full {
                return;
            }
            space.await;
        }
    }

    /// Appends a PING and hands out what resolves with its PONG.
    pub(crate) fn ping(&self) -> oneshot::Receiver<Result<(), FlushError>> {
        let (sender, receiver) = oneshot::channel();
        self.with(|state| {
            if state.phase == Phase::Closed {
                let _ = sender.send(Err(FlushError::Closed));
                return;
            }
            state.buf.extend_from_slice(encode::PING);
            state.pongs.push_back(Some(sender));
        });
        receiver
    }

    /// Appends the PING that keeps the connection alive.
    pub(crate) fn keep_alive(&self) {
        self.with(|state| {
            state.buf.extend_from_slice(encode::PING);
            state.pongs.push_back(None);
        });
    }

    /// Answers a PING of the server. One that pings without reading has no claim to answers: they must not fill our
    /// memory.
    pub(crate) fn answer_ping(&self) {
        self.with(|state| {
            if state.buf.len() < self.write_limit.saturating_add(limits::PONGS_BYTES) {
                state.buf.extend_from_slice(encode::PONG);
            }
        });
    }

    /// Answers the oldest PING of ours.
    pub(crate) fn pong_arrived(&self) {
        let waiter = self.state.lock().pongs.pop_front().flatten();
        if let Some(waiter) = waiter {
            let _ = waiter.send(Ok(()));
        }
    }

    /// For the connection task: moves what is to be written into `chunk`, which must be empty, or notes the waker.
    pub(crate) fn take(&self, chunk: &mut Vec<u8>, cx: &Context<'_>) -> Taken {
        let mut state = self.state.lock();
        state.told = false;
        if state.buf.is_empty() {
            match &state.owner {
                Some(waker) if waker.will_wake(cx.waker()) => {}
                _ => state.owner = Some(cx.waker().clone()),
            }
            if chunk.capacity() > limits::IDLE_BUFFER_BYTES {
                *chunk = Vec::new();
            }
            return match state.phase {
                Phase::Closing | Phase::Closed => Taken::End,
                _ => Taken::Nothing,
            };
        }
        std::mem::swap(chunk, &mut state.buf);
        // While the task writes it looks again by itself.
        state.told = true;
        let crowded = std::mem::take(&mut state.crowded);
        drop(state);
        if crowded {
            self.space.notify_waiters();
        }
        Taken::Bytes
    }

    /// For the connection task, when the socket is full: notes whom [`Outbox::close`] wakes. Appends need not, since the
    /// task looks again when it has written its chunk. Says whether the client is closing.
    pub(crate) fn note_owner(&self, cx: &Context<'_>) -> bool {
        let mut state = self.state.lock();
        match &state.owner {
            Some(waker) if waker.will_wake(cx.waker()) => {}
            _ => state.owner = Some(cx.waker().clone()),
        }
        matches!(state.phase, Phase::Closing | Phase::Closed)
    }

    /// Makes the connection task look around.
    pub(crate) fn wake_owner(&self) {
        let owner = self.state.lock().owner.take();
        if let Some(waker) = owner {
            waker.wake();
        }
    }

    /// The connection is lost. Of `unwritten` (bytes of a chunk; `written` of them reached the socket) and of the
    /// buffer the messages that no byte was written of stay, up to the pending limit; control frames go, since the
    /// next connection makes its own. Returns how many messages were given up.
    pub(crate) fn disconnected(&self, chunk: &[u8], written: usize) -> u64 {
        let mut state = self.state.lock();
        if state.phase == Phase::Connected {
            state.phase = Phase::Disconnected;
        }
        let buffered = std::mem::take(&mut state.buf);
        let mut lost = 0;
        let mut at = 0usize;
        for frame in encode::frames(chunk).chain(encode::frames(&buffered)) {
            let start = at;
            at += frame.bytes.len();
            if !frame.is_publish {
                continue;
            }
            let fits = state.buf.len() + frame.bytes.len() <= self.pending_limit;
            if start >= written && fits {
                state.buf.extend_from_slice(frame.bytes);
            } else if at > written {
                lost += 1;
            }
        }
        let pongs = std::mem::take(&mut state.pongs);
        state.crowded = false;
        state.told = true;
        drop(state);
        for waiter in pongs.into_iter().flatten() {
            let _ = waiter.send(Err(FlushError::Disconnected));
        }
        self.space.notify_waiters();
        lost
    }

    /// A connection stands: `prelude` (subscriptions) goes out before what is pending.
    pub(crate) fn connected(&self, fill_prelude: impl FnOnce(&mut Vec<u8>)) {
        self.with(|state| {
            let pending = std::mem::take(&mut state.buf);
            fill_prelude(&mut state.buf);
            state.buf.extend_from_slice(&pending);
            if state.phase == Phase::Disconnected {
                state.phase = Phase::Connected;
            }
            // The task writes before it waits.
            state.told = true;
        });
    }

    /// Refuses further messages and lets the task end when all is written.
    pub(crate) fn close(&self) {
        {
            let mut state = self.state.lock();
            if state.phase != Phase::Closed {
                state.phase = Phase::Closing;
            }
        }
        self.wake_owner();
        self.space.notify_waiters();
    }

    /// The task has ended.
    pub(crate) fn closed(&self) {
        let mut state = self.state.lock();
        state.phase = Phase::Closed;
        state.buf = Vec::new();
        let pongs = std::mem::take(&mut state.pongs);
        drop(state);
        for waiter in pongs.into_iter().flatten() {
            let _ = waiter.send(Err(FlushError::Closed));
        }
        self.space.notify_waiters();
    }

    pub(crate) fn phase(&self) -> Phase {
        self.state.lock().phase
    }
}

impl State {
    /// The waker to call when there are bytes that the task was not told about.
    #[inline]
    fn tell(&mut self) -> Option<Waker> {
        if self.told || self.buf.is_empty() {
            return None;
        }
        self.told = true;
        self.owner.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outbox(phase: Phase) -> Outbox {
        let outbox = Outbox::new(64, 64);
        outbox.with(|state| state.phase = phase);
        outbox
    }

    fn message(payload: &[u8]) -> Outgoing<'_> {
        Outgoing {
            subject: b"a",
            reply: None,
            headers: None,
            payload,
        }
    }

    fn buffered(outbox: &Outbox) -> String {
        outbox.with(|state| String::from_utf8_lossy(&state.buf).into_owned())
    }

    #[test]
    fn a_connected_buffer_over_its_bound_blocks_and_a_disconnected_one_fails() {
        for (phase, error) in [
            (Phase::Connected, PublishError::WouldBlock),
            (
                Phase::Disconnected,
                PublishError::PendingBufferFull { limit: 64 },
            ),
        ] {
            let outbox = outbox(phase);
            outbox.try_publish(&message(&[b'x'; 60])).unwrap();
            assert_eq!(outbox.try_publish(&message(b"yyyyy")), Err(error));
        }
    }

    #[test]
    fn after_a_disconnect_only_untouched_messages_stay() {
        let outbox = outbox(Phase::Connected);
        let chunk = b"PUB a 1\r\n1\r\nPUB a 1\r\n2\r\nSUB x 1\r\nPUB a 1\r\n3\r\n";
        outbox.try_publish(&message(b"4")).unwrap();
        let mut pong = outbox.ping();
        // One byte of the second message was written.
        let lost = outbox.disconnected(chunk, 13);
        assert_eq!(lost, 1);
        assert_eq!(buffered(&outbox), "PUB a 1\r\n3\r\nPUB a 1\r\n4\r\n");
        assert_eq!(pong.try_recv(), Ok(Err(FlushError::Disconnected)));
        assert_eq!(outbox.phase(), Phase::Disconnected);
    }

    #[test]
    fn a_server_that_pings_without_reading_cannot_fill_our_memory() {
        let outbox = outbox(Phase::Connected);
        for _ in 0..100_000 {
            outbox.answer_ping();
        }
        assert!(outbox.with(|state| state.buf.len()) <= 64 + limits::PONGS_BYTES + 6);
    }

    #[test]
    fn what_waits_follows_the_subscriptions_of_the_new_connection() {
        let outbox = outbox(Phase::Disconnected);
        outbox.try_publish(&message(b"1")).unwrap();
        outbox.connected(|buf| buf.extend_from_slice(b"SUB a 1\r\n"));
        assert_eq!(buffered(&outbox), "SUB a 1\r\nPUB a 1\r\n1\r\n");
        assert_eq!(outbox.phase(), Phase::Connected);
    }

    #[test]
    fn messages_over_the_servers_limit_and_headers_it_does_not_know_are_refused() {
        let outbox = outbox(Phase::Connected);
        outbox.with(|state| {
            state.max_payload = 3;
            state.headers_supported = false;
        });
        assert_eq!(
            outbox.try_publish(&message(b"four")),
            Err(PublishError::PayloadTooLarge { size: 4, max: 3 })
        );
        let with_headers = Outgoing {
            headers: Some(b""),
            ..message(b"")
        };
        assert_eq!(
            outbox.try_publish(&with_headers),
            Err(PublishError::HeadersNotSupported)
        );
    }
}
