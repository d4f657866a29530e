//! A connection as a publisher: its account, its rights, and what it remembers of both.

use std::sync::Arc;

use super::cache::{Known, MatchCache, Place, Verdict};
use super::{Cycle, Message, Origin, to_all};
use crate::account::{Account, Mapped};
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Delivered,
    /// Nobody was there to take it.
    NoInterest,
    /// The subject is not permitted.
    SubjectDenied,
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
        }
    }

    pub fn account(&self) -> &Arc<Account> {
        &self.account
    }

    /// New rights: what was remembered under the old ones is forgotten.
    pub fn set_rights(&mut self, rights: Option<Arc<dyn Rights>>) {
        self.rights = rights;
        self.cache.clear();
    }

    /// Gives the memory of the cache back (the connection is quiet).
    pub fn forget(&mut self) {
        self.cache.clear();
    }

    /// Routes one message.
    #[inline]
    pub fn publish(&mut self, cx: &mut Cycle, msg: &Message<'_>) -> Outcome {
        cx.traffic.in_msgs += 1;
        cx.traffic.in_bytes += msg.payload.len() as u64;
        // Before the lookup, so that a change in between shows as a stale answer.
        let generation = self.account.interest.generation();
        let place = match self.cache.find(msg.subject, generation) {
            Some(place) => place,
            None => self.learn(msg.subject, generation),
        };
        let known = self.cache.at(place);
        if known.mapped {
            let (verdict, account) = (known.verdict, self.account.clone());
            return self.publish_mapped(cx, msg, verdict, &account);
        }
        match known.verdict {
            Verdict::Allowed => {}
            Verdict::Denied => return Outcome::SubjectDenied,
            Verdict::OnlyReplies => {
                if !self
                    .rights
                    .as_ref()
                    .is_some_and(|r| r.may_answer(msg.subject))
                {
                    return Outcome::SubjectDenied;
                }
            }
        }
        if let Some([b'_' | b'$', ..]) = msg.reply
            && is_reserved_reply(msg.reply.unwrap_or_default())
        {
            return Outcome::ReplyDenied;
        }
        let from = Origin {
            account: &self.account,
            receiver: Some(&self.receiver),
        };
        match to_all(cx, &from, &known.matched, msg) {
            true => Outcome::Delivered,
            false => Outcome::NoInterest,
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
            Mapped::Lost => return Outcome::NoInterest,
        };
        let answers = |s: &[u8]| self.rights.as_ref().is_some_and(|r| r.may_answer(s));
        if verdict == Verdict::Denied || (verdict == Verdict::OnlyReplies && !answers(subject)) {
            return Outcome::SubjectDenied;
        }
        if is_reserved_reply(msg.reply.unwrap_or_default()) {
            return Outcome::ReplyDenied;
        }
        let matched = account.interest.matches(subject);
        let from = Origin {
            account,
            receiver: Some(&self.receiver),
        };
        match to_all(cx, &from, &matched, &msg.on(subject)) {
            true => Outcome::Delivered,
            false => Outcome::NoInterest,
        }
    }

    #[cold]
    fn learn(&mut self, subject: &[u8], generation: u64) -> Place {
        let mapped = self.account.has_mapping(subject);
        let known = Known {
            matched: match mapped {
                true => crate::interest::Matched::None,
                false => self.account.interest.matches(subject),
            },
            verdict: self.verdict(subject),
            mapped,
        };
        self.cache.store(subject, generation, known)
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

fn is_reserved_reply(reply: &[u8]) -> bool {
    RESERVED_REPLIES.iter().any(|p| reply.starts_with(p))
}
