//! What waits for one stream: published messages, acknowledgements, pull requests, in the order in which they came.
//!
//! Connections append under a short lock and go on; the stream takes everything at once and gives the emptied memory back. When more waits than
//! the stream takes in one go without harm, publishers are told, and pause before they read on: who publishes without asking for an answer would
//! lose what a full box cannot hold.

use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Waker;

use parking_lot::Mutex;

/// What an input is. The stream's seat decides what to do with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputKind {
    /// A message on one of the stream's subjects.
    Publish,
    /// `$JS.ACK.…`
    Ack,
    /// `$JS.API.CONSUMER.MSG.NEXT.…`
    Pull,
    /// `$JS.FC.…`
    FlowAnswer,
    /// `$JS.API.DIRECT.GET.…`
    DirectGet,
    /// Somebody began or ceased to listen on this subject.
    Interest,
    /// From the origin of a mirror, or from a source. The subject is where it was listened, a blank, and the subject that the message
    /// has over there.
    Upstream,
}

/// One input, borrowed from whoever sent it or from a batch. Empty stands for "none" in reply and headers.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    pub subject: &'a [u8],
    pub reply: &'a [u8],
    pub headers: &'a [u8],
    pub payload: &'a [u8],
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    kind: InputKind,
    subject: u32,
    reply: u32,
    headers: u32,
    payload: u32,
}

/// Inputs in a row, their texts in one buffer.
#[derive(Debug, Default)]
pub struct Batch {
    entries: Vec<Entry>,
    bytes: Vec<u8>,
}

/// Memory that an emptied batch may keep.
const KEPT_BYTES: usize = 1 << 20;
const KEPT_ENTRIES: usize = 1 << 14;

impl Batch {
    fn push(&mut self, kind: InputKind, input: &Input<'_>) {
        self.entries.push(Entry {
            kind,
            subject: input.subject.len() as u32,
            reply: input.reply.len() as u32,
            headers: input.headers.len() as u32,
            payload: input.payload.len() as u32,
        });
        for part in [input.subject, input.reply, input.headers, input.payload] {
            self.bytes.extend_from_slice(part);
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = (InputKind, Input<'_>)> {
        let mut rest = self.bytes.as_slice();
        self.entries.iter().map(move |entry| {
            let mut part = |len: u32| {
                let (part, tail) = rest.split_at_checked(len as usize).unwrap_or_default();
                rest = tail;
                part
            };
            let input = Input {
                subject: part(entry.subject),
                reply: part(entry.reply),
                headers: part(entry.headers),
                payload: part(entry.payload),
            };
            (entry.kind, input)
        })
    }

    fn clear(&mut self) {
        self.entries.clear();
        self.bytes.clear();
        self.entries.shrink_to(KEPT_ENTRIES);
        self.bytes.shrink_to(KEPT_BYTES);
    }
}

/// How much may wait.
#[derive(Debug, Clone, Copy)]
pub struct MailboxLimits {
    pub messages: usize,
    pub bytes: usize,
}

/// What became of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Posted {
    /// It waits, and the owner has to be told.
    Wake,
    /// It waits; the owner knows that there is something.
    Queued,
    /// As [`Posted::Queued`], behind so much else that a publisher should pause.
    Crowded,
    /// Too much waits already.
    Full,
    /// The stream is gone.
    Closed,
}

#[derive(Default)]
struct Inner {
    waiting: Batch,
    /// The owner was told and has not looked since.
    told: bool,
    closed: bool,
    /// Publishers that pause until the owner looks.
    pausing: Vec<Waker>,
    /// Nothing was done while somebody paused.
    stuck: bool,
}

impl Inner {
    fn holds_more_than(&self, messages: usize, bytes: usize) -> bool {
        self.waiting.entries.len() > messages || self.waiting.bytes.len() > bytes
    }
}

/// The box itself. One lock, held while one input is copied or the batches are swapped.
pub struct Mailbox {
    inner: Mutex<Inner>,
    /// Inputs that the owner has dealt with. Only the owner counts.
    done: AtomicU64,
    limits: MailboxLimits,
}

impl Mailbox {
    pub fn new(limits: MailboxLimits) -> Self {
        Self {
            inner: Mutex::default(),
            done: AtomicU64::new(0),
            limits,
        }
    }

    pub fn post(&self, kind: InputKind, input: &Input<'_>) -> Posted {
        let mut inner = self.inner.lock();
        if inner.closed {
            return Posted::Closed;
        }
        let full = inner.waiting.entries.len() >= self.limits.messages
            || inner.waiting.bytes.len() >= self.limits.bytes;
        // Only publishers can be told to try again; what a consumer's client says is small and its number bounded by what it was sent.
        if full && kind == InputKind::Publish {
            return Posted::Full;
        }
        inner.waiting.push(kind, input);
        match std::mem::replace(&mut inner.told, true) {
            false => Posted::Wake,
            true if kind == InputKind::Publish && self.is_crowded(&inner) => Posted::Crowded,
            true => Posted::Queued,
        }
    }

    /// More waits than a publisher should add to, and it is worth waiting for the owner.
    fn is_crowded(&self, inner: &Inner) -> bool {
        let MailboxLimits { messages, bytes } = self.limits;
        !inner.stuck && inner.holds_more_than(messages / 4, bytes / 4)
    }

    /// The owner has dealt with one input.
    pub fn count_done(&self) {
        let done = self.done.load(Ordering::Relaxed);
        self.done.store(done.wrapping_add(1), Ordering::Relaxed);
    }

    /// A publisher has to pause: what the owner has done so far. `None` when there is room.
    pub fn begin_pause(&self) -> Option<u64> {
        let inner = self.inner.lock();
        let pauses = !inner.closed && self.is_crowded(&inner);
        pauses.then(|| self.done.load(Ordering::Relaxed))
    }

    /// Whether a publisher goes on pausing; if so, `waker` is woken when there is room.
    pub fn wait_for_room(&self, waker: &Waker) -> bool {
        let mut inner = self.inner.lock();
        let pauses = !inner.closed && self.is_crowded(&inner);
        if pauses && !inner.pausing.iter().any(|other| other.will_wake(waker)) {
            inner.pausing.push(waker.clone());
        }
        pauses
    }

    /// A publisher paused for as long as it may. `done`: what the owner had done when it began.
    pub fn gave_up_waiting(&self, done: u64) {
        let mut inner = self.inner.lock();
        inner.stuck |= self.done.load(Ordering::Relaxed) == done;
    }

    /// How many inputs wait.
    pub fn len(&self) -> usize {
        self.inner.lock().waiting.entries.len()
    }

    /// The owner has to look, for another reason than an input. True when it has to be told.
    pub fn nudge(&self) -> bool {
        let mut inner = self.inner.lock();
        !inner.closed && !std::mem::replace(&mut inner.told, true)
    }

    /// Swaps what waits for `spare`, which is emptied. The owner has looked: the next input tells it again.
    pub fn take(&self, spare: &mut Batch) {
        spare.clear();
        let mut inner = self.inner.lock();
        inner.told = false;
        inner.stuck = false;
        std::mem::swap(&mut inner.waiting, spare);
        let pausing = std::mem::take(&mut inner.pausing);
        drop(inner);
        pausing.into_iter().for_each(Waker::wake);
    }

    /// Nothing is taken any more; what waits is dropped.
    pub fn close(&self) {
        let mut inner = self.inner.lock();
        inner.closed = true;
        inner.waiting = Batch::default();
        let pausing = std::mem::take(&mut inner.pausing);
        drop(inner);
        pausing.into_iter().for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    fn input(subject: &'static str, payload: &'static str) -> Input<'static> {
        Input {
            subject: subject.as_bytes(),
            reply: b"r",
            headers: b"",
            payload: payload.as_bytes(),
        }
    }

    #[test]
    fn inputs_come_out_in_order_and_the_owner_is_told_once() {
        let limits = MailboxLimits {
            messages: 10,
            bytes: 1000,
        };
        let mailbox = Mailbox::new(limits);
        assert_eq!(
            mailbox.post(InputKind::Publish, &input("a", "1")),
            Posted::Wake
        );
        assert_eq!(
            mailbox.post(InputKind::Ack, &input("b", "")),
            Posted::Queued
        );
        assert!(!mailbox.nudge());
        let mut batch = Batch::default();
        mailbox.take(&mut batch);
        let seen: Vec<_> = batch
            .iter()
            .map(|(k, i)| (k, i.subject, i.reply, i.payload))
            .collect();
        let expected = [
            (InputKind::Publish, &b"a"[..], &b"r"[..], &b"1"[..]),
            (InputKind::Ack, &b"b"[..], &b"r"[..], &b""[..]),
        ];
        assert_eq!(seen, expected);
        assert_eq!(
            mailbox.post(InputKind::Publish, &input("c", "2")),
            Posted::Wake
        );
        mailbox.take(&mut batch);
        assert_eq!(batch.iter().count(), 1);
    }

    /// A box of eight, crowded from the third on, with this many; and what became of the last.
    fn filled(count: usize) -> (Mailbox, Posted) {
        let mailbox = Mailbox::new(MailboxLimits {
            messages: 8,
            bytes: 1000,
        });
        let mut last = Posted::Closed;
        for _ in 0..count {
            last = mailbox.post(InputKind::Publish, &input("a", "1"));
        }
        (mailbox, last)
    }

    struct Woken(AtomicUsize);

    impl std::task::Wake for Woken {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn publishers_of_a_crowded_box_pause_until_its_owner_looks() {
        assert_eq!(filled(2).1, Posted::Queued);
        assert_eq!(filled(2).0.begin_pause(), None);
        let (mailbox, last) = filled(3);
        assert_eq!(last, Posted::Crowded);
        // What a consumer's client says is no reason to pause it.
        let answer = mailbox.post(InputKind::Ack, &input("b", ""));
        assert_eq!(answer, Posted::Queued);
        assert!(mailbox.begin_pause().is_some());
        let woken = std::sync::Arc::new(Woken(AtomicUsize::new(0)));
        let waker = Waker::from(woken.clone());
        assert!(mailbox.wait_for_room(&waker) && mailbox.wait_for_room(&waker));
        mailbox.take(&mut Batch::default());
        assert_eq!(woken.0.load(Ordering::Relaxed), 1);
        assert!(!mailbox.wait_for_room(&waker));
    }

    #[test]
    fn an_owner_that_does_nothing_is_waited_for_once() {
        let (mailbox, _) = filled(3);
        let done = mailbox.begin_pause().expect("crowded");
        mailbox.count_done();
        mailbox.gave_up_waiting(done);
        let done = mailbox.begin_pause().expect("it goes on");
        mailbox.gave_up_waiting(done);
        assert_eq!(mailbox.begin_pause(), None);
        let posted = mailbox.post(InputKind::Publish, &input("a", "1"));
        assert_eq!(posted, Posted::Queued);
        // It looks: it lives.
        mailbox.take(&mut Batch::default());
        for _ in 0..3 {
            mailbox.post(InputKind::Publish, &input("a", "1"));
        }
        assert!(mailbox.begin_pause().is_some());
        mailbox.close();
        assert_eq!(mailbox.begin_pause(), None);
    }

    #[test]
    fn a_full_box_refuses_publishers_only_and_a_closed_one_everybody() {
        let mailbox = Mailbox::new(MailboxLimits {
            messages: 1,
            bytes: 1000,
        });
        assert_eq!(
            mailbox.post(InputKind::Publish, &input("a", "1")),
            Posted::Wake
        );
        assert_eq!(
            mailbox.post(InputKind::Publish, &input("a", "2")),
            Posted::Full
        );
        assert_eq!(
            mailbox.post(InputKind::Ack, &input("a", "")),
            Posted::Queued
        );
        mailbox.close();
        assert_eq!(
            mailbox.post(InputKind::Ack, &input("a", "")),
            Posted::Closed
        );
        assert!(!mailbox.nudge());
    }
}
