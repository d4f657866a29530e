//! Messages in a row to one subject, delivered receiver by receiver.
//!
//! A read often brings hundreds of messages to one subject. Delivering each to all receivers touches every receiver's buffer once per
//! message: with a hundred receivers no append finds its buffer in the cache, and each pays for its lock. So repeated messages wait, as
//! places in the read buffer, until the row ends; then each receiver is locked once and gets all of them in order.
//!
//! What a receiver sees is the same as without runs, because a run is only gathered for subjects with plain subscriptions of
//! pairwise different receivers, and ends before anything else that the publisher says. Where nobody listens, a run is only counted.

use std::sync::Arc;

use super::cache::Place;
use super::{Cycle, deliver};
use crate::interest::{Matched, Receiver, Sub, Target};
use crate::outbox::Refused;

/// Messages that wait.
#[derive(Default)]
pub struct Run {
    /// What the publisher's cache knows of the subject of the latest message, if that may be delivered in runs.
    pub(super) place: Option<Place>,
    frames: Vec<Frame>,
    /// `MSG subject sid` for the receiver at hand.
    head: Vec<u8>,
}

/// The part of a published frame that every delivery repeats, as a place in the read buffer.
#[derive(Clone, Copy)]
struct Frame {
    end: u32,
    tail_len: u32,
    payload_len: u32,
}

impl Run {
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Adds a message whose frame ends at `end` of the read buffer. False when the numbers are too large for a run.
    #[inline]
    pub(super) fn push(&mut self, end: usize, tail_len: usize, payload_len: usize) -> bool {
        let (Ok(end), Ok(tail_len), Ok(payload_len)) = (
            u32::try_from(end),
            u32::try_from(tail_len),
            u32::try_from(payload_len),
        ) else {
            return false;
        };
        self.frames.push(Frame {
            end,
            tail_len,
            payload_len,
        });
        true
    }
}

impl Frame {
    fn tail(self, batch: &[u8]) -> &[u8] {
        let end = self.end as usize;
        batch
            .get(end.saturating_sub(self.tail_len as usize)..end)
            .unwrap_or_default()
    }
}

/// May messages to what `matched` names be delivered in runs?
pub(super) fn in_runs(matched: &Matched) -> bool {
    if !matched.queues().is_empty() {
        return false;
    }
    let mut receivers: Vec<*const Receiver> = Vec::with_capacity(matched.plain().len());
    for sub in matched.plain() {
        match &sub.target {
            Target::Receiver(r) if sub.shadow.is_none() => receivers.push(Arc::as_ptr(r)),
            _ => return false,
        }
    }
    receivers.sort_unstable();
    receivers.windows(2).all(|two| two[0] != two[1])
}

/// Delivers what waits.
pub(super) fn deliver(
    cx: &mut Cycle,
    own: &Arc<Receiver>,
    subject: &[u8],
    matched: &Matched,
    batch: &[u8],
) {
    let mut frames = std::mem::take(&mut cx.run.frames);
    let mut head = std::mem::take(&mut cx.run.head);
    head.clear();
    head.extend_from_slice(b"MSG ");
    head.extend_from_slice(subject);
    head.push(b' ');
    let stem = head.len();
    for sub in matched.plain() {
        let Some(to) = sub.receiver() else { continue };
        if Arc::ptr_eq(own, to) && !to.echo() {
            continue;
        }
        if to.check().is_some_and(|check| check.denies(subject, None)) {
            continue;
        }
        head.truncate(stem);
        head.extend_from_slice(sub.sid.as_bytes());
        append_all(cx, sub, to, &head, &frames, batch);
    }
    cx.traffic.in_msgs += frames.len() as u64;
    cx.remembered += frames.len() as u64;
    cx.traffic.in_bytes += frames.iter().map(|f| u64::from(f.payload_len)).sum::<u64>();
    frames.clear();
    cx.run.frames = frames;
    cx.run.head = head;
}

fn append_all(
    cx: &mut Cycle,
    sub: &Arc<Sub>,
    to: &Arc<Receiver>,
    head: &[u8],
    frames: &[Frame],
    batch: &[u8],
) {
    let (mut done, mut bytes, mut overflow) = (0u64, 0u64, false);
    let mut q = to.outbox.lock();
    if sub.is_closed() {
        return;
    }
    let left = match sub.max() {
        0 => u64::MAX,
        max => max.saturating_sub(sub.delivered()),
    };
    for frame in frames
        .iter()
        .take(usize::try_from(left).unwrap_or(usize::MAX))
    {
        if cx.drop_when_slow && q.far_behind() {
            break;
        }
        let tail = frame.tail(batch);
        match q.frame(head.len() + tail.len()) {
            Ok(out) => {
                out.extend_from_slice(head);
                out.extend_from_slice(tail);
            }
            Err(Refused::Closed) => break,
            Err(Refused::Overflow) => {
                overflow = true;
                break;
            }
        }
        done += 1;
        bytes += u64::from(frame.payload_len);
    }
    q.msgs += done;
    q.bytes += bytes;
    sub.count_more(done);
    let owed = (done > 0 || overflow) && q.promise();
    let congested = q.newly_congested();
    drop(q);
    if owed {
        cx.owe_wake(to);
    }
    if overflow {
        to.outbox.note_overflow();
    } else if congested {
        cx.note_congested(to);
    }
    if sub.max() > 0 && done == left {
        cx.end_sub(sub);
    }
    cx.sent(done, bytes);
    if to.trace.load(std::sync::atomic::Ordering::Relaxed) {
        for frame in frames.iter().take(done as usize) {
            deliver::trace_out(
                to,
                b"MSG ",
                &[],
                head.get(4..).unwrap_or_default(),
                frame.tail(batch),
            );
        }
    }
}
