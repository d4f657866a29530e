//! Bytes on their way to one peer.
//!
//! Lives here: the queue that deliveries append to and that the connection's own task writes to its socket.
//! May call: everybody who has something to say to a peer (`router`, `conn`). Never happens here: a system call, waiting.
//! Lock: one append lock per outbox; it is held for copying bytes and never across anything that can block.
//!
//! The promise: `promised` is true exactly while somebody has taken on to run the owner's flush. Whoever turns it from false to
//! true must call [`Outbox::wake`], at the latest at the end of its batch. Start reading at [`Queue::frame`].

mod chunk;

use std::collections::VecDeque;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;

use parking_lot::{Mutex, MutexGuard};

pub use chunk::recycle;

use crate::limits;

/// Why an outbox takes no more bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The connection is closing or closed.
    Closed,
    /// The peer reads too slowly: its limit of pending bytes would be passed. The owner has to be woken to close.
    Overflow,
}

/// The outgoing side of a connection, shared by all who deliver to it.
#[derive(Debug)]
pub struct Outbox {
    queue: Mutex<Queue>,
    /// The peer read too slowly; asked in every turn of the owner, so beside the lock.
    overflowed: AtomicBool,
    waker: OnceLock<Waker>,
}

/// What stands in an outbox; reached through its lock.
#[derive(Debug)]
pub struct Queue {
    chunks: VecDeque<Vec<u8>>,
    /// Bytes in `chunks`.
    queued: usize,
    /// Bytes that the owner took and has not written yet.
    in_flight: usize,
    max_pending: usize,
    promised: bool,
    closed: bool,
    overflowed: bool,
    /// The last batch was large: the next begins with a large chunk.
    busy: bool,
    /// Set when a producer waited its whole time for this peer in vain; cleared by the next written byte.
    stuck: bool,
    /// Somebody's batch has this queue on its list of congested ones.
    noted: bool,
    producers: Vec<Waker>,
    written_total: u64,
    /// Messages and payload bytes delivered so far.
    pub msgs: u64,
    pub bytes: u64,
    /// How often a producer was paused for this peer.
    pub stalls: u64,
}

impl Outbox {
    pub fn new(max_pending: usize) -> Self {
        Self {
            queue: Mutex::new(Queue {
                chunks: VecDeque::new(),
                queued: 0,
                in_flight: 0,
                max_pending,
                promised: false,
                closed: false,
                overflowed: false,
                stuck: false,
                noted: false,
                busy: false,
                producers: Vec::new(),
                written_total: 0,
                msgs: 0,
                bytes: 0,
                stalls: 0,
            }),
            overflowed: AtomicBool::new(false),
            waker: OnceLock::new(),
        }
    }

    pub fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock()
    }

    /// Names the task that owns the socket. Only the first call counts: a task keeps its waker for life.
    pub fn set_owner(&self, waker: &Waker) {
        if self.waker.get().is_none() {
            let _ = self.waker.set(waker.clone());
        }
    }

    /// Makes the owner's task run.
    pub fn wake(&self) {
        if let Some(w) = self.waker.get() {
            w.wake_by_ref();
        }
    }

    /// Appends protocol bytes that are not a message (INFO, PONG, -ERR) and wakes the owner if nobody else will.
    pub fn send_now(&self, bytes: &[u8]) {
        if self.send(bytes) {
            self.wake();
        }
    }

    /// Appends protocol bytes; true when the caller now owes the owner a wake.
    #[must_use]
    pub fn send(&self, bytes: &[u8]) -> bool {
        let mut q = self.lock();
        match q.frame(bytes.len()) {
            Ok(out) => {
                out.extend_from_slice(bytes);
                q.promise()
            }
            Err(Refused::Overflow) => {
                self.note_overflow();
                q.promise()
            }
            Err(Refused::Closed) => false,
        }
    }

    /// Gives memory back that a quiet connection does not need.
    pub fn shrink(&self) {
        let mut q = self.lock();
        if q.chunks.is_empty() {
            q.chunks = VecDeque::new();
        }
    }

    /// The socket is gone: drops what is queued.
    pub fn discard(&self) {
        let mut q = self.lock();
        q.closed = true;
        q.wake_producers();
        for chunk in q.chunks.drain(..) {
            recycle(chunk);
        }
        q.chunks = VecDeque::new();
        q.queued = 0;
    }

    /// Takes no more bytes; those already queued may still be written.
    pub fn close(&self) {
        let mut q = self.lock();
        q.closed = true;
        q.wake_producers();
    }

    /// Somebody met the limit: the owner has to close.
    pub fn has_overflowed(&self) -> bool {
        self.overflowed.load(Ordering::Acquire)
    }

    /// Tells the owner that the limit was met. The caller owes a wake as for any frame.
    pub fn note_overflow(&self) {
        self.overflowed.store(true, Ordering::Release);
    }

    pub fn pending(&self) -> usize {
        let q = self.lock();
        q.queued + q.in_flight
    }
}

impl Queue {
    /// Room for one frame of exactly `len` bytes, which the caller must append.
    ///
    /// # Errors
    /// [`Refused::Overflow`] marks the queue as overflowed: nothing is accepted from then on.
    #[inline]
    pub fn frame(&mut self, len: usize) -> Result<&mut Vec<u8>, Refused> {
        if self.closed {
            return Err(Refused::Closed);
        }
        if self.queued + self.in_flight + len > self.max_pending {
            self.closed = true;
            self.overflowed = true;
            return Err(Refused::Overflow);
        }
        self.queued += len;
        let fits = self
            .chunks
            .back()
            .is_some_and(|c| c.capacity() - c.len() >= len);
        if !fits {
            let chunk = chunk::with_room_for(len, self.chunks.is_empty() && !self.busy);
            self.chunks.push_back(chunk);
        }
        // Pushed above if it was not there.
        self.chunks.back_mut().ok_or(Refused::Closed)
    }

    /// True when this call made the promise to flush, so that its caller owes a wake.
    #[inline]
    pub fn promise(&mut self) -> bool {
        !std::mem::replace(&mut self.promised, true)
    }

    pub fn is_closed(&self) -> bool {
        self.closed
    }

    pub fn overflowed(&self) -> bool {
        self.overflowed
    }

    pub fn max_pending(&self) -> usize {
        self.max_pending
    }

    pub fn set_max_pending(&mut self, bytes: usize) {
        self.max_pending = bytes;
    }

    /// Pending bytes are so many that a producer should pause.
    #[inline]
    pub fn congested(&self) -> bool {
        let pending = self.queued + self.in_flight;
        if self.stuck {
            // It made no progress while somebody waited: wait for it again only when it is about to overflow.
            pending > self.max_pending / 4 * 3
        } else {
            pending > limits::PAUSE_ABOVE_BYTES.min(self.max_pending / 4 * 3)
        }
    }

    /// As [`Self::congested`], and true only once until a producer has looked at it.
    #[inline]
    pub fn newly_congested(&mut self) -> bool {
        self.congested() && !std::mem::replace(&mut self.noted, true)
    }

    /// Three quarters of what may be pending is.
    pub fn far_behind(&self) -> bool {
        self.queued + self.in_flight > self.max_pending / 4 * 3
    }

    /// Counts a producer that has to wait; false when it need not.
    pub fn note_stall(&mut self) -> bool {
        self.noted = false;
        let waits = !self.closed && self.congested();
        self.stalls += u64::from(waits);
        waits
    }

    /// Registers a producer to be woken when the peer has caught up. False when there is nothing to wait for.
    pub fn wait_for_room(&mut self, waker: &Waker) -> bool {
        if self.closed || !self.congested() {
            return false;
        }
        if !self.producers.iter().any(|w| w.will_wake(waker)) {
            self.producers.push(waker.clone());
        }
        true
    }

    /// A producer's time was up and the peer had not caught up.
    pub fn gave_up_waiting(&mut self, made_progress: bool) {
        self.stuck |= !made_progress;
    }

    /// Bytes written to the peer so far.
    pub fn written_total(&self) -> u64 {
        self.written_total
    }

    /// Hands all queued chunks to the owner and takes back the promise.
    pub fn take(&mut self, into: &mut VecDeque<Vec<u8>>) {
        self.promised = false;
        self.busy = self.queued > limits::FIRST_CHUNK_BYTES;
        self.in_flight += self.queued;
        self.queued = 0;
        into.append(&mut self.chunks);
    }

    /// The owner wrote `n` of the bytes it took.
    pub fn written(&mut self, n: usize) {
        self.in_flight -= n;
        self.written_total += n as u64;
        if n > 0 {
            self.stuck = false;
        }
        if !self.producers.is_empty() && self.queued + self.in_flight <= limits::RESUME_BELOW_BYTES
        {
            self.wake_producers();
        }
    }

    /// Bytes the owner took and could not write yet.
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    fn wake_producers(&mut self) {
        for w in self.producers.drain(..) {
            w.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(q: &mut Queue, bytes: &[u8]) -> Result<(), Refused> {
        q.frame(bytes.len())?.extend_from_slice(bytes);
        Ok(())
    }

    #[test]
    fn only_the_first_append_after_a_flush_owes_a_wake() {
        let out = Outbox::new(1000);
        assert!(out.send(b"a"));
        assert!(!out.send(b"b"));
        let mut taken = VecDeque::new();
        out.lock().take(&mut taken);
        assert_eq!(taken.make_contiguous().concat(), b"ab");
        assert!(out.send(b"c"));
    }

    #[test]
    fn bytes_in_flight_count_against_the_limit_and_overflow_is_final() {
        let out = Outbox::new(10);
        let mut q = out.lock();
        put(&mut q, b"123456").unwrap();
        let mut taken = VecDeque::new();
        q.take(&mut taken);
        assert_eq!(put(&mut q, b"12345"), Err(Refused::Overflow));
        q.written(6);
        assert_eq!(put(&mut q, b"1"), Err(Refused::Closed));
        assert!(q.overflowed());
    }

    #[test]
    fn a_peer_that_makes_no_progress_is_waited_for_once() {
        let out = Outbox::new(64 << 20);
        let mut q = out.lock();
        put(&mut q, &vec![0; limits::PAUSE_ABOVE_BYTES + 1]).unwrap();
        assert!(q.wait_for_room(Waker::noop()));
        q.gave_up_waiting(false);
        assert!(!q.wait_for_room(Waker::noop()));
        let mut taken = VecDeque::new();
        q.take(&mut taken);
        q.written(1);
        assert!(q.wait_for_room(Waker::noop()) == q.congested());
    }

    #[test]
    fn frames_larger_than_a_chunk_are_kept_whole() {
        let out = Outbox::new(64 << 20);
        let mut q = out.lock();
        for len in [1, limits::CHUNK_BYTES - 1, limits::CHUNK_BYTES + 5, 3] {
            put(&mut q, &vec![len as u8; len]).unwrap();
        }
        let mut taken = VecDeque::new();
        q.take(&mut taken);
        let total: usize = taken.iter().map(Vec::len).sum();
        assert_eq!(total, 2 * limits::CHUNK_BYTES + 8);
    }
}
