//! Which subscriptions a client has, and where their messages go.
//!
//! The connection task hands over runs of messages of one subscription; a reader takes all that waits at once. Both
//! meet in one short lock per run, not per message.
//!
//! Locks: the map, then nothing; the sink of one subscription, then nothing. The map may be taken while the outbox is
//! held, never the other way round.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, Waker};

use nats_proto::encode;
use parking_lot::Mutex;

use crate::message::Message;

/// Runs on the connection task with all messages of one subscription that one read brought.
pub(crate) type Handler = Box<dyn FnMut(&[Message]) + Send>;

/// One subscription as the connection task sees it.
pub(crate) struct Entry {
    pub sid: u64,
    pub subject: Arc<str>,
    pub queue: Option<Box<str>>,
    sink: Sink,
    /// Messages that the server delivered on all connections. Written by the connection task alone.
    delivered: AtomicU64,
    /// Deliveries after which the subscription ends; 0 is never.
    max: AtomicU64,
    dropped: AtomicU64,
    slow: AtomicBool,
    limit_msgs: AtomicUsize,
    limit_bytes: AtomicUsize,
    /// Written by the reader alone.
    consumed_msgs: AtomicU64,
    consumed_bytes: AtomicU64,
}

enum Sink {
    Queue(Mutex<Queue>),
    Handler(Mutex<Handler>),
}

#[derive(Default)]
struct Queue {
    messages: VecDeque<Message>,
    enqueued_msgs: u64,
    enqueued_bytes: u64,
    reader: Option<Waker>,
    ended: bool,
}

/// What became of a run of messages.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Handed {
    pub dropped: u64,
    /// The subscription lost a message for the first time since it had room.
    pub became_slow: bool,
    /// It has received all that it asked for.
    pub finished: bool,
}

impl Entry {
    pub(crate) fn new(
        sid: u64,
        subject: &str,
        queue: Option<&str>,
        limits: PendingLimits,
        handler: Option<Handler>,
    ) -> Self {
        Self {
            sid,
            subject: subject.into(),
            queue: queue.map(Into::into),
            sink: match handler {
                Some(handler) => Sink::Handler(Mutex::new(handler)),
                None => Sink::Queue(Mutex::default()),
            },
            delivered: AtomicU64::new(0),
            max: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            slow: AtomicBool::new(false),
            limit_msgs: AtomicUsize::new(limits.messages),
            limit_bytes: AtomicUsize::new(limits.bytes),
            consumed_msgs: AtomicU64::new(0),
            consumed_bytes: AtomicU64::new(0),
        }
    }

    /// Hands over `run` and leaves it empty. For the connection task.
    pub(crate) fn deliver(&self, run: &mut Vec<Message>) -> Handed {
        let before = self.delivered.load(Relaxed);
        let max = self.max.load(Relaxed);
        if max > 0 {
            // The server may have sent more before it saw the limit.
            let room = max.saturating_sub(before);
            run.truncate(usize::try_from(room).unwrap_or(usize::MAX));
        }
        let after = before + run.len() as u64;
        self.delivered.store(after, Relaxed);
        let mut handed = match &self.sink {
            Sink::Queue(queue) => self.enqueue(queue, run),
            Sink::Handler(handler) => {
                (handler.lock())(run);
                Handed::default()
            }
        };
        run.clear();
        handed.finished = max > 0 && after >= max;
        handed
    }

    fn enqueue(&self, queue: &Mutex<Queue>, run: &mut Vec<Message>) -> Handed {
        let limit_msgs = self.limit_msgs.load(Relaxed) as u64;
        let limit_bytes = self.limit_bytes.load(Relaxed) as u64;
        let mut guard = queue.lock();
        let queue = &mut *guard;
        if queue.ended {
            return Handed::default();
        }
        let mut pending_msgs = queue.enqueued_msgs - self.consumed_msgs.load(Relaxed);
        let mut pending_bytes = queue.enqueued_bytes - self.consumed_bytes.load(Relaxed);
        let mut dropped = 0u64;
        let mut slow = self.slow.load(Relaxed);
        let was_slow = slow;
        let mut became_slow = false;
        for message in run.drain(..) {
            let size = message.size() as u64;
            // A message larger than the limit still passes through an empty queue.
            let fits = pending_msgs < limit_msgs
                && (pending_bytes.saturating_add(size) <= limit_bytes || pending_msgs == 0);
            if !fits {
                became_slow |= !slow;
                slow = true;
                dropped += 1;
                continue;
            }
            slow = false;
            pending_msgs += 1;
            pending_bytes += size;
            queue.enqueued_msgs += 1;
            queue.enqueued_bytes += size;
            queue.messages.push_back(message);
        }
        let reader = queue.reader.take();
        drop(guard);
        if slow != was_slow {
            self.slow.store(slow, Relaxed);
        }
        if dropped > 0 {
            self.dropped.fetch_add(dropped, Relaxed);
        }
        if let Some(reader) = reader {
            reader.wake();
        }
        Handed {
            dropped,
            became_slow,
            finished: false,
        }
    }

    /// Swaps all that waits into `batch`, which must be empty. `Ready(false)` when the subscription has ended.
    pub(crate) fn poll_take(&self, batch: &mut VecDeque<Message>, cx: &Context<'_>) -> Poll<bool> {
        let Sink::Queue(queue) = &self.sink else {
            return Poll::Ready(false);
        };
        let mut queue = queue.lock();
        if !queue.messages.is_empty() {
            std::mem::swap(batch, &mut queue.messages);
            return Poll::Ready(true);
        }
        if queue.ended {
            return Poll::Ready(false);
        }
        match &queue.reader {
            Some(waker) if waker.will_wake(cx.waker()) => {}
            _ => queue.reader = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    /// For the one reader: notes that it has taken `msgs` messages of `bytes` bytes in all.
    #[inline]
    pub(crate) fn consumed(&self, msgs: u64, bytes: u64) {
        // One writer: a load and a store do, no locked instruction.
        self.consumed_msgs
            .store(self.consumed_msgs.load(Relaxed) + msgs, Relaxed);
        self.consumed_bytes
            .store(self.consumed_bytes.load(Relaxed) + bytes, Relaxed);
    }

    /// No message will follow those that wait.
    pub(crate) fn end(&self) {
        if let Sink::Queue(queue) = &self.sink {
            let mut queue = queue.lock();
            queue.ended = true;
            let reader = queue.reader.take();
            drop(queue);
            if let Some(reader) = reader {
                reader.wake();
            }
        }
    }

    /// Messages and bytes that the reader has not taken yet.
    pub(crate) fn pending(&self) -> (u64, u64) {
        match &self.sink {
            Sink::Queue(queue) => {
                let queue = queue.lock();
                (
                    queue.enqueued_msgs - self.consumed_msgs.load(Relaxed),
                    queue.enqueued_bytes - self.consumed_bytes.load(Relaxed),
                )
            }
            Sink::Handler(_) => (0, 0),
        }
    }

    pub(crate) fn delivered(&self) -> u64 {
        self.delivered.load(Relaxed)
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }

    pub(crate) fn set_max(&self, max: u64) {
        self.max.store(max, Relaxed);
    }

    pub(crate) fn set_limits(&self, limits: PendingLimits) {
        self.limit_msgs.store(limits.messages, Relaxed);
        self.limit_bytes.store(limits.bytes, Relaxed);
    }
}

/// What may wait in one subscription before it loses messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PendingLimits {
    pub messages: usize,
    /// Sum of subjects, replies, headers and payloads.
    pub bytes: usize,
}

impl Default for PendingLimits {
    fn default() -> Self {
        Self {
            messages: crate::limits::SUBSCRIPTION_MESSAGES,
            bytes: crate::limits::SUBSCRIPTION_BYTES,
        }
    }
}

impl PendingLimits {
    /// No limits: a slow reader makes the process grow.
    pub const UNLIMITED: Self = Self {
        messages: usize::MAX,
        bytes: usize::MAX,
    };
}

/// All subscriptions of one client.
#[derive(Default)]
pub(crate) struct Registry {
    entries: Mutex<HashMap<u64, Arc<Entry>, foldhash::fast::RandomState>>,
    last_sid: AtomicU64,
}

impl Registry {
    /// Ids start at 1 and are never used twice.
    pub(crate) fn next_sid(&self) -> u64 {
        self.last_sid.fetch_add(1, Relaxed) + 1
    }

    pub(crate) fn insert(&self, entry: Arc<Entry>) {
        self.entries.lock().insert(entry.sid, entry);
    }

    pub(crate) fn find(&self, sid: u64) -> Option<Arc<Entry>> {
        self.entries.lock().get(&sid).cloned()
    }

    pub(crate) fn remove(&self, sid: u64) -> Option<Arc<Entry>> {
        self.entries.lock().remove(&sid)
    }

    pub(crate) fn all(&self) -> Vec<Arc<Entry>> {
        let mut all: Vec<_> = self.entries.lock().values().cloned().collect();
        all.sort_unstable_by_key(|entry| entry.sid);
        all
    }

    /// Appends the frames that make a new connection have all subscriptions, with what is left of their limits.
    pub(crate) fn resubscribe(&self, buf: &mut Vec<u8>) {
        for entry in self.all() {
            let max = entry.max.load(Relaxed);
            let left = max.saturating_sub(entry.delivered());
            if max > 0 && left == 0 {
                self.remove(entry.sid);
                entry.end();
                continue;
            }
            let queue = entry.queue.as_deref().map(str::as_bytes);
            // Was encoded before without an error.
            let _ = encode::subscribe(buf, entry.subject.as_bytes(), queue, entry.sid);
            if max > 0 {
                encode::unsubscribe(buf, entry.sid, Some(left));
            }
        }
    }

    /// Ends every subscription: the client is closed.
    pub(crate) fn end_all(&self) {
        let entries = std::mem::take(&mut *self.entries.lock());
        for entry in entries.values() {
            entry.end();
        }
    }
}
