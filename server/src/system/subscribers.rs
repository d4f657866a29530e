//! How many client subscriptions a subject reaches.

use std::sync::Arc;

use nats_api::system::requests::SubscriptionCountRequest;
use nats_proto::subject;

use crate::interest::{Interest, Sub};

/// What is counted: a subject, literal or with wildcards, and perhaps only one queue group.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    subject: Vec<u8>,
    queue: Option<Vec<u8>>,
}

impl Wanted {
    /// From the words of a person: the subject, then perhaps the queue group.
    pub fn from_words(text: &[u8]) -> Self {
        let mut words = text.trim_ascii().split(|b| *b == b' ');
        Self {
            subject: words.next().unwrap_or_default().to_vec(),
            queue: words.next().map(<[u8]>::to_vec),
        }
    }

    /// From another server's request. `None` when its queue group is not base64.
    pub fn from_request(request: &SubscriptionCountRequest) -> Option<Self> {
        use base64::Engine as _;
        let queue = match &request.queue {
            Some(text) => Some(
                base64::engine::general_purpose::STANDARD
                    .decode(text)
                    .ok()?,
            ),
            None => None,
        };
        Some(Self {
            subject: request.subject.clone().into_bytes(),
            queue,
        })
    }

    /// A literal subject counts what it reaches; one with wildcards counts what lies within it.
    pub fn count(&self, interest: &Interest) -> usize {
        if subject::is_valid_literal(&self.subject) {
            let matched = interest.matches(&self.subject);
            let plain = matched
                .plain()
                .iter()
                .filter(|s| self.queue.is_none() && self.counts(s));
            let queued = matched
                .queues()
                .iter()
                .flat_map(|q| &q.subs)
                .filter(|s| self.counts(s));
            return plain.count().saturating_add(queued.count());
        }
        let all = interest.all();
        let within =
            |s: &&Arc<Sub>| subject::is_subset(&s.subject, &self.subject) && self.counts(s);
        all.iter().filter(within).count()
    }

    fn counts(&self, sub: &Arc<Sub>) -> bool {
        let in_queue = self.queue.is_none() || self.queue.as_deref() == sub.queue.as_deref();
        in_queue && sub.receiver().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interest::{Receiver, ReceiverKind, Target};

    #[test]
    fn plain_and_queue_subscriptions_are_counted_as_asked() {
        let interest = Interest::default();
        let receiver = Arc::new(Receiver::new(1, ReceiverKind::Client, 1 << 20));
        let subs: [(&str, Option<&str>); 5] = [
            ("a.b", None),
            ("a.*", None),
            ("a.b", Some("q")),
            ("a.>", Some("p")),
            ("c", None),
        ];
        for (sid, (subject, queue)) in subs.iter().enumerate() {
            let (sid, target) = (sid.to_string(), Target::Receiver(receiver.clone()));
            interest.insert(Arc::new(Sub::new(
                subject.as_bytes(),
                queue.map(str::as_bytes),
                sid.as_bytes(),
                target,
            )));
        }
        let table = [
            ("a.b", 4),
            ("a.b q", 1),
            ("a.x", 2),
            ("a.*", 3),
            (">", 5),
            ("a.> p", 1),
            ("nope", 0),
            ("", 0),
        ];
        for (words, expected) in table {
            assert_eq!(
                Wanted::from_words(words.as_bytes()).count(&interest),
                expected,
                "{words}"
            );
        }
    }
}
