//! One message to all that its subject matched.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Cycle, Handler, Message, trace};
use crate::account::{Account, TrafficSnapshot};
use crate::interest::{Matched, QueueGroup, Receiver, Sub, Target};
use crate::outbox::{Queue, Refused};

/// Where a message comes from.
#[derive(Clone, Copy)]
pub struct Origin<'a> {
    /// The account in which it is being routed.
    pub account: &'a Arc<Account>,
    /// The connection that published it; `None` when the server did.
    pub receiver: Option<&'a Arc<Receiver>>,
    /// A request or an answer that crossed accounts as a service: it is for the service, not for those who import a stream
    /// whose subjects happen to cover it.
    pub as_service: bool,
}

/// Delivers to every plain subscription and to one member of every queue group. True when anybody got it.
pub fn to_all(cx: &mut Cycle, from: &Origin<'_>, matched: &Matched, msg: &Message<'_>) -> bool {
    let mut delivered = false;
    for sub in matched.plain() {
        delivered |= to_sub(cx, from, sub, msg);
    }
    for group in matched.queues() {
        delivered |= to_queue(cx, from, group, msg);
    }
    delivered
}

/// What the server itself publishes: looks up the interest and delivers. True when anybody got it.
pub fn publish_from_inside(cx: &mut Cycle, account: &Arc<Account>, msg: &Message<'_>) -> bool {
    let matched = account.interest.matches(msg.subject);
    let from = Origin {
        account,
        receiver: None,
        as_service: false,
    };
    let before = std::mem::take(&mut cx.traffic);
    let delivered = to_all(cx, &from, &matched, msg);
    let out = std::mem::replace(&mut cx.traffic, before);
    account.traffic.add(&TrafficSnapshot {
        in_msgs: 0,
        in_bytes: 0,
        ..out
    });
    delivered
}

/// Delivers in another account than the publisher's, by a service import, on that account's figures.
pub(super) fn into_account(
    cx: &mut Cycle,
    from: &Origin<'_>,
    account: &Arc<Account>,
    msg: &Message<'_>,
) -> bool {
    let inner = Origin {
        account,
        receiver: from.receiver,
        as_service: true,
    };
    let matched = account.interest.matches(msg.subject);
    let own = std::mem::take(&mut cx.traffic);
    let delivered = to_all(cx, &inner, &matched, msg);
    account
        .traffic
        .add(&std::mem::replace(&mut cx.traffic, own));
    delivered
}

/// Starts at a random member and goes on to the next while one cannot take it.
fn to_queue(cx: &mut Cycle, from: &Origin<'_>, group: &QueueGroup, msg: &Message<'_>) -> bool {
    let n = group.subs.len();
    if n == 0 {
        return false;
    }
    let start = cx.random() as usize % n;
    let (tail, head) = group.subs.split_at(start);
    head.iter()
        .chain(tail)
        .any(|sub| to_sub(cx, from, sub, msg))
}

#[inline]
fn to_sub(cx: &mut Cycle, from: &Origin<'_>, sub: &Arc<Sub>, msg: &Message<'_>) -> bool {
    if from.as_service && sub.shadow.is_some() {
        return false;
    }
    match &sub.target {
        Target::Receiver(r) => to_receiver(cx, from, sub, r, msg),
        Target::Hook(h) => match h.as_any().downcast_ref::<Handler>() {
            Some(handler) if !sub.is_closed() => handler.0.receive(cx, from, sub, msg),
            _ => false,
        },
    }
}

#[inline]
fn to_receiver(
    cx: &mut Cycle,
    from: &Origin<'_>,
    sub: &Arc<Sub>,
    to: &Arc<Receiver>,
    msg: &Message<'_>,
) -> bool {
    if from.receiver.is_some_and(|own| Arc::ptr_eq(own, to)) && !to.echo() {
        cx.trace_egress(to, sub, trace::NO_ECHO);
        return false;
    }
    if sub.shadow.is_some() {
        return to_shadow(cx, sub, to, msg);
    }
    permitted(cx, sub, to, msg.subject, msg.reply, |cx| {
        append(cx, sub, sub, to, msg.shown(), msg)
    })
}

/// Delivers what the receiver may have: `subject` is the one that its own account uses. It may answer what was delivered.
#[inline]
fn permitted(
    cx: &mut Cycle,
    sub: &Arc<Sub>,
    to: &Arc<Receiver>,
    subject: &[u8],
    reply: Option<&[u8]>,
    deliver: impl FnOnce(&mut Cycle) -> bool,
) -> bool {
    let check = to.check();
    if let Some(check) = &check
        && check.denies(subject, sub.queue.as_deref())
    {
        cx.trace_egress(to, sub, trace::DELIVERY_DENIED);
        return false;
    }
    let done = deliver(cx);
    if done && let (Some(check), Some(reply)) = (check, reply) {
        check.delivered_with_reply(reply);
    }
    done
}

/// A stream import: the receiver sees the subject that its own account uses; for a delivery of a consumer, that of the stored message.
#[cold]
fn to_shadow(cx: &mut Cycle, sub: &Arc<Sub>, to: &Arc<Receiver>, msg: &Message<'_>) -> bool {
    let Some(shadow) = sub.shadow.as_deref() else {
        return false;
    };
    let mut subject: Option<Vec<u8>> = None;
    for transform in &shadow.rewrite {
        let from = subject.as_deref().unwrap_or(msg.subject);
        subject = Some(transform.apply_matched(from, cx.random()));
    }
    let subject = subject.as_deref().unwrap_or(msg.subject);
    let mut stopped = None;
    if let Some(trace) = &mut cx.trace {
        trace.stream_export(to.account_name().as_deref().unwrap_or_default(), subject);
        if !shadow.allow_trace {
            if trace.only {
                return true;
            }
            stopped = cx.trace.take();
        }
    }
    // A consumer's delivery shows what it is, not where it was sent, as it does at home.
    let shown = match msg.shown() == msg.subject {
        true => subject,
        false => msg.shown(),
    };
    let delivered = permitted(cx, sub, to, subject, msg.reply, |cx| {
        append(cx, sub, &shadow.origin, to, shown, msg)
    });
    if stopped.is_some() {
        cx.trace = stopped;
    }
    delivered
}

/// Copies the frame into the receiver's outbox. `counted` is the subscription whose limit counts.
#[inline]
fn append(
    cx: &mut Cycle,
    sub: &Arc<Sub>,
    counted: &Arc<Sub>,
    to: &Arc<Receiver>,
    subject: &[u8],
    msg: &Message<'_>,
) -> bool {
    let (verb, tail, bytes) = verb_and_tail(msg, to);
    let sid = sub.sid.as_bytes();
    let mut q = to.outbox.lock();
    let max = counted.max();
    if let Some(obstacle) = obstacle(cx, sub, counted, &q) {
        drop(q);
        cx.trace_egress(to, counted, obstacle);
        if obstacle == trace::AUTO_UNSUBSCRIBED {
            cx.end_sub(counted);
        }
        return false;
    }
    if cx.trace.is_some() {
        let closed = q.is_closed();
        drop(q);
        let only = cx.trace_egress(to, counted, if closed { trace::CLIENT_CLOSED } else { "" });
        if closed || only {
            return only && !closed;
        }
        q = to.outbox.lock();
    }
    let len = verb.len() + subject.len() + 1 + sid.len() + tail.len();
    match q.frame(len) {
        Ok(out) => {
            out.extend_from_slice(verb);
            out.extend_from_slice(subject);
            out.push(b' ');
            out.extend_from_slice(sid);
            out.extend_from_slice(tail);
        }
        Err(Refused::Closed) => return false,
        Err(Refused::Overflow) => {
            let owed = q.promise();
            drop(q);
            to.outbox.note_overflow();
            if owed {
                cx.owe_wake(to);
            }
            return false;
        }
    }
    q.msgs += 1;
    q.bytes += bytes as u64;
    cx.sent(1, msg.payload.len() as u64);
    let last = counted.count() == max;
    let owed = q.promise();
    let congested = q.newly_congested();
    drop(q);
    if owed {
        cx.owe_wake(to);
    }
    if congested {
        cx.note_congested(to);
    }
    if last {
        cx.end_sub(counted);
    }
    if to.trace.load(Ordering::Relaxed) {
        trace_out(to, verb, subject, sid, tail);
    }
    true
}

/// How the message begins and goes on for this receiver, and how many bytes of it count.
#[inline]
fn verb_and_tail<'m>(msg: &'m Message<'_>, to: &Receiver) -> (&'static [u8], &'m [u8], usize) {
    if msg.header_len == 0 {
        (b"MSG ", msg.tail(), msg.payload.len())
    } else if to.headers() {
        (b"HMSG ", msg.tail(), msg.payload.len())
    } else {
        (b"MSG ", msg.bare_tail(), msg.body().len())
    }
}

/// Why nothing more goes to this subscription, in the words of traces.
#[inline]
fn obstacle(cx: &Cycle, sub: &Sub, counted: &Sub, q: &Queue) -> Option<&'static str> {
    if counted.is_closed() || sub.is_closed() {
        return Some(trace::SUB_CLOSED);
    }
    let max = counted.max();
    if max > 0 && counted.delivered() >= max {
        return Some(trace::AUTO_UNSUBSCRIBED);
    }
    (cx.drop_when_slow && q.far_behind()).then_some(trace::FAR_BEHIND)
}

#[cold]
pub(super) fn trace_out(to: &Receiver, verb: &[u8], subject: &[u8], sid: &[u8], tail: &[u8]) {
    let line_end = memchr::memchr(b'\r', tail).unwrap_or(tail.len());
    let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
    tracing::trace!(
        target: "protocol",
        "{} - ->> [{}{} {}{}]",
        to.id,
        text(verb),
        text(subject),
        text(sid),
        text(tail.get(..line_end).unwrap_or_default()),
    );
}
