//! What waits for one stream: published messages, acknowledgements, pull requests, in the order in which they came.
//!
//! Connections append under a short lock and go on; the stream takes everything at once and gives the emptied memory back.

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
}

/// The box itself. One lock, held while one input is copied or the batches are swapped.
pub struct Mailbox {
    inner: Mutex<Inner>,
    limits: MailboxLimits,
}

impl Mailbox {
    pub fn new(limits: MailboxLimits) -> Self {
        Self {
            inner: Mutex::default(),
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
            true => Posted::Queued,
        }
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
        std::mem::swap(&mut inner.waiting, spare);
    }

    /// Nothing is taken any more; what waits is dropped.
    pub fn close(&self) {
        let mut inner = self.inner.lock();
        inner.closed = true;
        inner.waiting = Batch::default();
    }
}

#[cfg(test)]
mod tests {
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
