//! A connection as a publisher: its account, its rights, and what it remembers of both.

use std::sync::Arc;

use nats_proto::client_op::Publish;

use super::cache::{Known, MatchCache, Place, Verdict};
use super::trace::{Start, Trace};
use super::{Cycle, Message, Origin, run, to_all};
use crate::account::{Account, Mapped};
use crate::auth::has_empty_token;
use crate::interest::Receiver;

/// What a publisher may do. A reload replaces it and forgets the cache.
pub trait Rights: Send + Sync {
    fn may_publish(&self, subject: &[u8]) -> bool;
    /// Subjects that are not allowed may still be answered (`allow_responses`).
    fn may_answer_replies(&self) -> bool;
    /// The subject is the reply of a message received, within count and time. Counts the answer.
    fn may_answer(&self, subject: &[u8]) -> bool;
}

/// What became of a published message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Delivered,
    /// Nobody was there to take it; if a mapping chose another subject, that is named.
    NoInterest(Option<Vec<u8>>),
    /// The subject is not permitted; if a mapping chose another one, that is named.
    SubjectDenied(Option<Vec<u8>>),
    /// The reply subject is reserved.
    ReplyDenied,
}

/// Subjects of replies that only the server makes.
const RESERVED_REPLIES: [&[u8]; 3] = [b"_R_.", b"$JS.ACK.", b"_GR_."];
/// Prefixes to which no client publishes.
const RESERVED_SUBJECTS: [&[u8]; 2] = [b"_GR_.", b"$GR."];
/// Replication subjects: of the system account alone.
const REPLICATION_PREFIX: &[u8] = b"$NRG.";

/// The publishing side of one connection.
pub struct Publisher {
    receiver: Arc<Receiver>,
    account: Arc<Account>,
    rights: Option<Arc<dyn Rights>>,
    cache: MatchCache,
    verbose: bool,
}

impl Publisher {
    pub fn new(
        receiver: Arc<Receiver>,
        account: Arc<Account>,
        rights: Option<Arc<dyn Rights>>,
    ) -> Self {
        Self {
            receiver,
            account,
            rights,
            cache: MatchCache::default(),
            verbose: true,
        }
    }

    pub fn account(&self) -> &Arc<Account> {
        &self.account
    }

    /// New rights: what was remembered under the old ones is forgotten.
    pub fn set_rights(&mut self, rights: Option<Arc<dyn Rights>>) {
        self.rights = rights;
        self.forget();
    }

    /// Every permitted message is acknowledged, before its deliveries.
    pub fn set_verbose(&mut self, verbose: bool) {
        self.verbose = verbose;
    }

    fn acknowledge(&self) {
        if self.verbose {
            let _own_flush_follows = self.receiver.outbox.send(b"+OK\r\n");
        }
    }

    /// Gives the memory of the cache back (the connection is quiet).
    pub fn forget(&mut self) {
        let before = self.cache.holding();
        self.cache.clear();
        let remembered = &self.account.interest.remembered;
        remembered.change(before, self.cache.holding());
    }

    /// Takes a message that repeats the subject of the one before into the run, to be delivered with those that follow.
    /// `end` is where its frame ends in the read buffer. False: it has to be published by itself, after [`Self::end_run`].
    #[inline]
    pub fn gather(&mut self, cx: &mut Cycle, p: &Publish<'_>, end: usize) -> bool {
        let (Some(place), Some(tail)) = (cx.run.place, p.verbatim) else {
            return false;
        };
        p.header_len.is_none()
            && p.reply.is_none()
            && self
                .cache
                .holds(place, p.subject, self.account.interest.generation())
            && cx.run.push(end, tail.len(), p.payload.len())
    }

    /// Delivers the messages gathered from `batch`.
    pub fn end_run(&mut self, cx: &mut Cycle, batch: &[u8]) {
        let Some(place) = cx.run.place.take() else {
            return;
        };
        if !cx.run.is_empty() {
            let (subject, known) = self.cache.entry(place);
            run::deliver(cx, &self.receiver, subject, &known.matched, batch);
        }
    }

    /// Routes one message whose header block may ask for a trace.
    #[cold]
    pub fn publish_traced(&mut self, cx: &mut Cycle, msg: &Message<'_>) -> Outcome {
        let account = self.account.clone();
        let trace = match Trace::start(&self.receiver, &account, msg, cx.random()) {
            Start::No => return self.publish(cx, msg),
            Start::Skip => return Outcome::Delivered,
            Start::Trace(trace) => trace,
        };
        // The sender tells itself what it could not publish itself.
        if self.verdict(trace.destination()) != Verdict::Allowed {
            return Outcome::SubjectDenied(Some(trace.destination().to_vec()));
        }
        cx.trace = Some(trace);
        let outcome = self.publish(cx, msg);
        if let Some(mut trace) = cx.trace.take() {
            if let Outcome::SubjectDenied(destination) = &outcome {
                let subject = destination.as_deref().unwrap_or(msg.subject);
                trace.refused(&format!(
                    "Permissions Violation for Publish to \"{}\"",
                    String::from_utf8_lossy(subject)
                ));
            }
            trace.publish(cx, &account);
        }
        outcome
    }

    /// Routes one message.
    #[inline]
    pub fn publish(&mut self, cx: &mut Cycle, msg: &Message<'_>) -> Outcome {
        cx.traffic.in_msgs += 1;
        cx.traffic.in_bytes += msg.payload.len() as u64;
        // Before the lookup, so that a change in between shows as a stale answer.
        let generation = self.account.interest.generation();
        let place = match self.cache.find(msg.subject, generation) {
            Some(place) => {
                cx.remembered += 1;
                place
            }
            None => self.learn(msg.subject, generation),
        };
        let known = self.cache.at(place);
        cx.run.place = known.in_runs.then_some(place);
        if known.mapped {
            let (verdict, account) = (known.verdict, self.account.clone());
            return self.publish_mapped(cx, msg, verdict, &account);
        }
        match known.verdict {
            Verdict::Allowed => {}
            Verdict::Denied => return Outcome::SubjectDenied(None),
            Verdict::OnlyReplies => {
                if !self
                    .rights
                    .as_ref()
                    .is_some_and(|r| r.may_answer(msg.subject))
                {
                    return Outcome::SubjectDenied(None);
                }
            }
        }
        if let Some([b'_' | b'$', ..]) = msg.reply
            && is_reserved_reply(msg.reply.unwrap_or_default())
        {
            return Outcome::ReplyDenied;
        }
        self.acknowledge();
        let from = Origin {
            account: &self.account,
            receiver: Some(&self.receiver),
            as_service: false,
        };
        match to_all(cx, &from, &known.matched, msg) {
            true => Outcome::Delivered,
            false => Outcome::NoInterest(None),
        }
    }

    /// A mapping stands for the subject: choose, then go by the chosen subject.
    #[cold]
    fn publish_mapped(
        &mut self,
        cx: &mut Cycle,
        msg: &Message<'_>,
        verdict: Verdict,
        account: &Arc<Account>,
    ) -> Outcome {
        let chosen = account.mapped(msg.subject, "", cx.random());
        let (subject, verdict) = match &chosen {
            Mapped::To(s) => (s.as_slice(), self.verdict(s)),
            Mapped::Same => (msg.subject, verdict),
            Mapped::Lost => return Outcome::NoInterest(None),
        };
        let answers = |s: &[u8]| self.rights.as_ref().is_some_and(|r| r.may_answer(s));
        if verdict == Verdict::Denied || (verdict == Verdict::OnlyReplies && !answers(subject)) {
            return Outcome::SubjectDenied(Some(subject.to_vec()));
        }
        if is_reserved_reply(msg.reply.unwrap_or_default()) {
            return Outcome::ReplyDenied;
        }
        self.acknowledge();
        if let (Mapped::To(to), Some(trace)) = (&chosen, &mut cx.trace) {
            trace.mapped(to);
        }
        let matched = account.interest.matches(subject);
        let from = Origin {
            account,
            receiver: Some(&self.receiver),
            as_service: false,
        };
        match to_all(cx, &from, &matched, &msg.on(subject)) {
            true => Outcome::Delivered,
            false => Outcome::NoInterest(Some(subject.to_vec())),
        }
    }

    #[cold]
    fn learn(&mut self, subject: &[u8], generation: u64) -> Place {
        let mapped = self.account.has_mapping(subject);
        let matched = match mapped || has_empty_token(subject) {
            true => crate::interest::Matched::None,
            false => self.account.interest.matches(subject),
        };
        let verdict = self.verdict(subject);
        let known = Known {
            in_runs: verdict == Verdict::Allowed && !mapped && run::in_runs(&matched),
            matched,
            verdict,
            mapped,
        };
        let before = self.cache.holding();
        let place = self.cache.store(subject, generation, known);
        let remembered = &self.account.interest.remembered;
        remembered.change(before, self.cache.holding());
        place
    }

    fn verdict(&self, subject: &[u8]) -> Verdict {
        let reserved = RESERVED_SUBJECTS.iter().any(|p| subject.starts_with(p));
        let replication = subject.starts_with(REPLICATION_PREFIX) && !self.account.is_system();
        if reserved || replication {
            return Verdict::Denied;
        }
        match &self.rights {
            None => Verdict::Allowed,
            Some(r) if r.may_publish(subject) => Verdict::Allowed,
            Some(r) if r.may_answer_replies() => Verdict::OnlyReplies,
            Some(_) => Verdict::Denied,
        }
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.forget();
    }
}

fn is_reserved_reply(reply: &[u8]) -> bool {
    RESERVED_REPLIES.iter().any(|p| reply.starts_with(p))
}
