//! Answers to requests that crossed into this account, on their way back.
//!
//! The exporter sees a reply subject of ours, `_R_.<random>`; whoever publishes there reaches the requestor's own reply subject in
//! its account. States of a request: asked -> answered (once, or until an empty answer) -> gone; or too late -> gone. Who answers much later,
//! as a stream does, asks [`WaysBack`] first whether the requestor still listens.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant, SystemTime};

use hashbrown::HashMap;
use nats_api::system::ClientInfo;
use parking_lot::Mutex;

use super::deliver::into_account;
use super::latency::{Measured, Sample};
use super::{Alarm, Cycle, Handler, Message, Origin, Service};
use crate::account::{Account, RESPONSE_PREFIX as PREFIX, WaysBack};
use crate::interest::Sub;
use crate::limits::{IMPORT_HOPS_MAX, PENDING_RESPONSES_MAX};
use crate::options::ResponseType;

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Random characters of a reply subject: nobody guesses another's within its life.
const RANDOM_CHARS: usize = 14;

/// A request that crossed.
pub struct Asked {
    pub importer: Weak<Account>,
    /// Where the requestor wants its answer.
    pub reply: Box<[u8]>,
    pub response: ResponseType,
    pub threshold: Duration,
    pub requestor: Option<ClientInfo>,
    /// Set when this request is measured.
    pub sample: Option<Sample>,
}

struct Pending {
    asked: Asked,
    /// For measuring, and for the wait for an answer.
    since: Instant,
    started: SystemTime,
}

impl Pending {
    /// When its answer is overdue.
    fn due(&self) -> Option<Instant> {
        self.since.checked_add(self.asked.threshold)
    }
}

/// The open requests into one account.
pub struct Responses {
    exporter: Weak<Account>,
    pending: Mutex<HashMap<Box<[u8]>, Pending>>,
    alarm: Arc<Alarm>,
}

impl Responses {
    /// `alarm` is set to the moment at which [`Self::sweep`] has something to do.
    pub fn new(exporter: &Arc<Account>, alarm: Arc<Alarm>) -> Arc<Self> {
        Arc::new(Self {
            exporter: Arc::downgrade(exporter),
            pending: Mutex::default(),
            alarm,
        })
    }

    /// They lead out of this very account, not out of one that had its name.
    pub fn lead_out_of(&self, exporter: &Arc<Account>) -> bool {
        std::ptr::eq(self.exporter.as_ptr(), Arc::as_ptr(exporter))
    }

    /// The subscription that catches the answers.
    pub fn subscription(self: &Arc<Self>) -> Arc<Sub> {
        let target = Handler::target(self.clone());
        Arc::new(Sub::new(format!("{PREFIX}>").as_bytes(), None, b"", target))
    }

    /// Notes a request; yields the reply subject for the exporter. `None` when too many are open.
    pub fn expect(&self, asked: Asked, random: u32) -> Option<Vec<u8>> {
        let mut pending = self.pending.lock();
        if pending.len() >= PENDING_RESPONSES_MAX {
            return None;
        }
        let mut subject = PREFIX.as_bytes().to_vec();
        subject.extend(token(random));
        let entry = Pending {
            asked,
            since: Instant::now(),
            started: SystemTime::now(),
        };
        let due = entry.due();
        pending.insert(subject.as_slice().into(), entry);
        drop(pending);
        self.alarm.set(due);
        Some(subject)
    }

    /// Nobody took the request: it is over.
    pub fn nobody_there(&self, cx: &mut Cycle, reply: &[u8]) {
        let gone = self.pending.lock().remove(reply);
        if let Some(gone) = gone {
            self.measure(cx, gone, Measured::NoResponders);
        }
    }

    /// Ends requests whose answer is overdue, and sets the alarm for the next one.
    pub fn sweep(&self, cx: &mut Cycle, now: Instant) {
        let (overdue, next): (Vec<Pending>, _) = {
            let mut pending = self.pending.lock();
            let overdue = pending
                .extract_if(|_, p| p.due().is_some_and(|due| due <= now))
                .map(|(_, p)| p)
                .collect();
            (overdue, pending.values().filter_map(Pending::due).min())
        };
        self.alarm.set(next);
        for p in overdue {
            let importer = p.asked.importer.upgrade();
            let waits = importer.is_some_and(|i| i.interest.has_interest(&p.asked.reply));
            let outcome = if waits {
                Measured::TooSlow
            } else {
                Measured::RequestorGone
            };
            self.measure(cx, p, outcome);
        }
    }

    /// Open requests.
    pub fn len(&self) -> usize {
        self.pending.lock().len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn measure(&self, cx: &mut Cycle, p: Pending, outcome: Measured) {
        if let (Some(sample), Some(exporter)) = (p.asked.sample, self.exporter.upgrade()) {
            sample.publish(cx, &exporter, p.asked.requestor, outcome, p.started);
        }
    }
}

impl WaysBack for Responses {
    fn requestor(&self, reply: &[u8]) -> Option<(Arc<Account>, Box<[u8]>)> {
        let pending = self.pending.lock();
        let asked = &pending.get(reply)?.asked;
        Some((asked.importer.upgrade()?, asked.reply.clone()))
    }
}

impl Service for Responses {
    fn receive(
        &self,
        cx: &mut Cycle,
        from: &Origin<'_>,
        _sub: &Arc<Sub>,
        msg: &Message<'_>,
    ) -> bool {
        let mut pending = self.pending.lock();
        let Some(p) = pending.get_mut(msg.subject) else {
            return false;
        };
        let (Some(importer), true) = (p.asked.importer.upgrade(), cx.hops < IMPORT_HOPS_MAX) else {
            pending.remove(msg.subject);
            return false;
        };
        let reply = p.asked.reply.clone();
        // What has a header says something: the status of a pull request, say.
        let last = p.asked.response == ResponseType::Single || msg.is_empty();
        // Every answer of many begins the wait for the next.
        let at = Instant::now();
        let waited = at.saturating_duration_since(p.since);
        let sample = p.asked.sample.take();
        let (requestor, started) = (p.asked.requestor.clone(), p.started);
        if last {
            pending.remove(msg.subject);
        } else {
            p.since = at;
        }
        drop(pending);
        if let (Some(sample), Some(exporter)) = (sample, self.exporter.upgrade()) {
            let responder = from
                .receiver
                .and_then(|r| r.client_info(true))
                .map(Box::new);
            let outcome = Measured::Answered {
                responder,
                waited,
                at,
            };
            sample.publish(cx, &exporter, requestor, outcome, started);
        }
        cx.hops += 1;
        let delivered = into_account(cx, from, &importer, &msg.answer_on(&reply));
        cx.hops -= 1;
        if !delivered {
            self.pending.lock().remove(msg.subject);
        }
        delivered
    }
}

/// Random characters; `seed` alone would be guessable.
fn token(seed: u32) -> [u8; RANDOM_CHARS] {
    let mut raw = [0u8; RANDOM_CHARS];
    if getrandom::fill(&mut raw).is_err() {
        for (n, b) in raw.iter_mut().enumerate() {
            *b = (seed >> (n % 4 * 8)) as u8;
        }
    }
    raw.map(|b| DIGITS[usize::from(b) % DIGITS.len()])
}
