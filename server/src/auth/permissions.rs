//! What a user may publish and subscribe to, compiled for lookups.

use nats_api::monitor::SubjectPermission as SubjectsDocument;
use nats_api::system::requests::{
    Permissions as Document, ResponsePermission as ResponsesDocument,
};
use nats_api::time::Nanos;
use nats_proto::subject;

use crate::interest::SubjectTrie;
use crate::options::{self, ResponsePermission, SubjectGrant};

/// The queue group that only the server itself may join.
pub const RESERVED_QUEUE: &[u8] = b"_sys_";

/// The permissions of one user, ready for lookups. Immutable; connections of the same user share one.
///
/// The rules, for a subject and, for subscriptions, perhaps a queue:
/// - An allow list permits what one of its entries covers, a deny list forbids what one of its entries matches; deny wins.
/// - An entry with a queue speaks of subscriptions in that queue only (the queue may have wildcards). As soon as one such
///   entry of the allow list covers the subject, a queue subscription needs a matching one: `["foo", "foo v1"]` permits plain
///   subscriptions to `foo` and queue subscriptions in `v1` alone.
/// - A subscription may be wider than what is denied inside it: then every delivery is checked
///   ([`Permissions::needs_delivery_check`], [`Permissions::denies_delivery`]).
///
/// Source: reference behaviour (`server/client.go`), except that an allow list permits a wildcard subscription only when it
/// covers all that the subscription may bring (the reference takes `foo.>` as permitted by `foo.*`), and that a queue entry
/// inside of a wider queue subscription counts for each message on its subject.
#[derive(Debug)]
pub struct Permissions {
    source: options::Permissions,
    publish_allow: Option<SubjectTrie<()>>,
    publish_deny: SubjectTrie<()>,
    subscribe_allow: Option<SubjectTrie<Entry>>,
    subscribe_deny: SubjectTrie<Entry>,
}

/// What the entries of one list say about one subject.
#[derive(Debug)]
struct Entry {
    pattern: Box<[u8]>,
    /// There is an entry without a queue.
    plain: bool,
    queues: Vec<Box<[u8]>>,
}

impl Permissions {
    /// Compiles what is configured. The subjects are those that the options' checks let through.
    pub fn new(source: &options::Permissions) -> Self {
        let publish = source.publish.as_ref();
        let subscribe = source.subscribe.as_ref();
        Self {
            publish_allow: publish.and_then(|p| Some(subjects(p.allow.as_ref()?))),
            publish_deny: publish.map(|p| subjects(&p.deny)).unwrap_or_default(),
            subscribe_allow: subscribe.and_then(|p| Some(entries(p.allow.as_ref()?))),
            subscribe_deny: subscribe.map(|p| entries(&p.deny)).unwrap_or_default(),
            source: source.clone(),
        }
    }

    /// `base` (`None` permits everything), with publishing to `subject` denied besides.
    pub fn denying_publish(base: Option<&Self>, subject: &str) -> Self {
        let mut source = base.map(|base| base.source.clone()).unwrap_or_default();
        source
            .publish
            .get_or_insert_default()
            .deny
            .push(SubjectGrant {
                subject: subject.to_owned(),
                queue: None,
            });
        Self::new(&source)
    }

    /// Whether a message may be published to `subject`. A reply permit ([`super::ReplyPermits`]) may still allow what this forbids.
    pub fn may_publish(&self, subject: &[u8]) -> bool {
        self.publish_allow
            .as_ref()
            .is_none_or(|allow| !has_empty_token(subject) && allow.has_match(subject))
            && !self.publish_deny.has_match(subject)
    }

    /// Whether a subscription may be made; without a look at [`RESERVED_QUEUE`], see [`may_subscribe`].
    pub fn may_subscribe(&self, subject: &[u8], queue: Option<&[u8]>) -> bool {
        let allowed = self
            .subscribe_allow
            .as_ref()
            .is_none_or(|allow| allows(allow, subject, queue));
        allowed && !denies(&self.subscribe_deny, subject, queue)
    }

    /// Whether a permitted subscription is so wide that single deliveries to it must be checked.
    pub fn needs_delivery_check(&self, subject: &[u8], queue: Option<&[u8]>) -> bool {
        if !subject::has_wildcard(subject) {
            return false;
        }
        let inside = |entry: &Entry| subject::collides(&entry.pattern, subject);
        let mut needed = false;
        self.subscribe_deny.each(&mut |entry: &Entry| {
            needed = needed || entry.denies(queue) && inside(entry);
        });
        if let (Some(allow), Some(_)) = (&self.subscribe_allow, queue) {
            allow.each(&mut |entry: &Entry| {
                needed = needed || !entry.queues.is_empty() && inside(entry);
            });
        }
        needed
    }

    /// Whether a message on `subject` may not reach a subscription in `queue`, which was permitted as a whole.
    #[inline]
    pub fn denies_delivery(&self, subject: &[u8], queue: Option<&[u8]>) -> bool {
        denies(&self.subscribe_deny, subject, queue)
            // Inside of a wide queue subscription, an entry of the allow list may name other queues.
            || queue.is_some()
                && self
                    .subscribe_allow
                    .as_ref()
                    .is_some_and(|allow| !allows(allow, subject, queue))
    }

    /// How replies may be answered, when the user may publish to the reply subjects of messages received.
    pub fn responses(&self) -> Option<ResponsePermission> {
        self.source.allow_responses
    }

    /// The document that `/connz` and `$SYS.REQ.USER.INFO` show.
    pub fn to_document(&self) -> Document {
        Document {
            publish: Some(subjects_document(self.source.publish.as_ref())),
            subscribe: Some(subjects_document(self.source.subscribe.as_ref())),
            responses: self.source.allow_responses.map(responses_document),
        }
    }
}

/// Two are equal when they were configured alike; a reload decides by this whether a connection keeps what it has.
impl PartialEq for Permissions {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Permissions {}

/// Whether a client with these permissions (`None` permits everything) may subscribe. The server's own queue group is nobody's.
pub fn may_subscribe(
    permissions: Option<&Permissions>,
    subject: &[u8],
    queue: Option<&[u8]>,
) -> bool {
    queue != Some(RESERVED_QUEUE)
        && permissions.is_none_or(|permissions| permissions.may_subscribe(subject, queue))
}

impl Entry {
    /// Whether one of the entries' queues covers `queue`. A queue with wildcards is also just a name.
    fn names_queue(&self, queue: &[u8]) -> bool {
        self.queues
            .iter()
            .any(|q| **q == *queue || subject::has_wildcard(q) && subject::is_subset(queue, q))
    }

    /// As an entry of a deny list whose subject matches: whether it speaks of this kind of subscription.
    fn denies(&self, queue: Option<&[u8]>) -> bool {
        self.plain || queue.is_some_and(|queue| self.names_queue(queue))
    }
}

/// `a..b`: no pattern stands for such a subject, and whoever publishes to it reaches nobody, not even those who listen to everything.
pub fn has_empty_token(subject: &[u8]) -> bool {
    subject.split(|b| *b == b'.').any(<[u8]>::is_empty)
}

fn allows(allow: &SubjectTrie<Entry>, subject: &[u8], queue: Option<&[u8]>) -> bool {
    let (mut plain, mut any_queue, mut this_queue) = (false, false, false);
    allow.each_match(subject, &mut |entry: &Entry| {
        // The trie takes a wildcard in `subject` for an ordinary token, so `foo.*` would match `foo.>`.
        if !subject::is_subset(subject, &entry.pattern) {
            return;
        }
        plain = plain || entry.plain;
        any_queue = any_queue || !entry.queues.is_empty();
        this_queue = this_queue || queue.is_some_and(|queue| entry.names_queue(queue));
    });
    match queue {
        Some(_) if any_queue => this_queue,
        _ => plain,
    }
}

/// One function for the check of a subscription and for the check of a delivery, so that they cannot disagree.
fn denies(deny: &SubjectTrie<Entry>, subject: &[u8], queue: Option<&[u8]>) -> bool {
    let mut denied = false;
    deny.each_match(subject, &mut |entry: &Entry| {
        denied = denied || entry.denies(queue);
    });
    denied
}

/// Publish permissions know no queues; an entry that has one in spite of the options' checks counts with its subject.
fn subjects(grants: &[SubjectGrant]) -> SubjectTrie<()> {
    let mut trie = SubjectTrie::default();
    for grant in grants {
        trie.entry(grant.subject.as_bytes(), || ());
    }
    trie
}

fn entries(grants: &[SubjectGrant]) -> SubjectTrie<Entry> {
    let mut trie: SubjectTrie<Entry> = SubjectTrie::default();
    for grant in grants {
        let entry = trie.entry(grant.subject.as_bytes(), || Entry {
            pattern: grant.subject.as_bytes().into(),
            plain: false,
            queues: Vec::new(),
        });
        match &grant.queue {
            Some(queue) => entry.queues.push(queue.as_bytes().into()),
            None => entry.plain = true,
        }
    }
    trie
}

fn subjects_document(permission: Option<&options::SubjectPermission>) -> SubjectsDocument {
    let texts = |grants: &[SubjectGrant]| grants.iter().map(grant_text).collect();
    permission.map_or_else(SubjectsDocument::default, |permission| SubjectsDocument {
        allow: permission.allow.as_deref().map(texts).unwrap_or_default(),
        deny: texts(&permission.deny),
    })
}

fn grant_text(grant: &SubjectGrant) -> String {
    match &grant.queue {
        Some(queue) => format!("{} {queue}", grant.subject),
        None => grant.subject.clone(),
    }
}

fn responses_document(responses: ResponsePermission) -> ResponsesDocument {
    let unlimited = -1;
    ResponsesDocument {
        max: responses
            .max_msgs
            .map_or(unlimited, |max| i64::try_from(max).unwrap_or(i64::MAX)),
        ttl: responses.expires.map_or(Nanos(unlimited), Nanos::from),
    }
}
