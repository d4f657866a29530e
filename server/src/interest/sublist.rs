//! The index of one account's subscriptions: literals in a hash table, patterns in a trie.
//!
//! A lookup yields a [`Matched`] that stays valid while the index changes; [`Interest::generation`] tells whether it is still
//! the whole answer. Read the generation BEFORE the lookup: then a change in between makes a cached answer look stale, never fresh.

use std::hash::BuildHasher as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use hashbrown::HashTable;
use nats_proto::subject;
use parking_lot::{Mutex, RwLock};

use super::{Sub, SubjectTrie};

/// All subscriptions of an account that a subject reaches.
#[derive(Debug, Clone, Default)]
pub enum Matched {
    #[default]
    None,
    /// One plain subscription.
    One(Arc<Sub>),
    Many(Arc<SubSet>),
}

impl Matched {
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::None)
    }

    /// How many subscriptions.
    pub fn len(&self) -> usize {
        match self {
            Self::None => 0,
            Self::One(_) => 1,
            Self::Many(set) => set.len(),
        }
    }

    pub fn plain(&self) -> &[Arc<Sub>] {
        match self {
            Self::None => &[],
            Self::One(s) => std::slice::from_ref(s),
            Self::Many(set) => &set.plain,
        }
    }

    pub fn queues(&self) -> &[QueueGroup] {
        match self {
            Self::Many(set) => &set.queues,
            _ => &[],
        }
    }
}

/// Subscriptions that belong together: those of one subject, or those that a subject matched.
#[derive(Debug, Clone, Default)]
pub struct SubSet {
    pub plain: Vec<Arc<Sub>>,
    pub queues: Vec<QueueGroup>,
}

/// The members of a queue group; a message goes to one of them.
#[derive(Debug, Clone)]
pub struct QueueGroup {
    pub name: Box<[u8]>,
    pub subs: Vec<Arc<Sub>>,
}

impl SubSet {
    fn is_empty(&self) -> bool {
        self.plain.is_empty() && self.queues.is_empty()
    }

    fn add(&mut self, sub: Arc<Sub>) {
        let list = match sub.queue.as_deref() {
            None => &mut self.plain,
            Some(name) => self.group(name),
        };
        sub.slot.store(list.len() as u32, Ordering::Relaxed);
        list.push(sub);
    }

    fn group(&mut self, name: &[u8]) -> &mut Vec<Arc<Sub>> {
        let at = match self.queues.iter().position(|q| *q.name == *name) {
            Some(at) => at,
            None => {
                self.queues.push(QueueGroup {
                    name: name.into(),
                    subs: Vec::new(),
                });
                self.queues.len() - 1
            }
        };
        &mut self.queues[at].subs
    }

    fn remove(&mut self, sub: &Arc<Sub>) -> bool {
        let list = match sub.queue.as_deref() {
            None => &mut self.plain,
            Some(name) => self.group(name),
        };
        let at = sub.slot.load(Ordering::Relaxed) as usize;
        let there = list.get(at).is_some_and(|s| Arc::ptr_eq(s, sub));
        if there {
            list.swap_remove(at);
            if let Some(moved) = list.get(at) {
                moved.slot.store(at as u32, Ordering::Relaxed);
            }
        }
        self.queues.retain(|q| !q.subs.is_empty());
        there
    }

    fn extend(&mut self, other: &SubSet) {
        self.plain.extend_from_slice(&other.plain);
        for q in &other.queues {
            self.group(&q.name).extend_from_slice(&q.subs);
        }
    }

    fn len(&self) -> usize {
        self.plain.len() + self.queues.iter().map(|q| q.subs.len()).sum::<usize>()
    }

    fn iter(&self) -> impl Iterator<Item = &Arc<Sub>> {
        self.plain
            .iter()
            .chain(self.queues.iter().flat_map(|q| &q.subs))
    }
}

/// What stands under one literal subject. A single plain subscription, the usual case, needs no set.
#[derive(Debug)]
enum Literal {
    One(Arc<Sub>),
    Many(Arc<SubSet>),
}

impl Literal {
    fn subject(&self) -> &[u8] {
        match self {
            Self::One(s) => &s.subject,
            // A set is never left empty.
            Self::Many(set) => set.iter().next().map_or(b"", |s| &s.subject),
        }
    }
}

#[derive(Default)]
struct Index {
    literals: HashTable<Literal>,
    hasher: foldhash::fast::RandomState,
    patterns: SubjectTrie<SubSet>,
    len: usize,
    inserts: u64,
    removes: u64,
}

/// Is told of every subscription that comes or goes, after the fact, on the thread of whoever made the change.
pub trait Watcher: Send + Sync {
    fn changed(&self, sub: &Sub);
}

/// One account's interest.
#[derive(Default)]
pub struct Interest {
    index: RwLock<Index>,
    /// Is there a watcher? Asked without the lock.
    watched: AtomicBool,
    watcher: Mutex<Option<Arc<dyn Watcher>>>,
    generation: AtomicU64,
    lookups: AtomicU64,
    /// What the caches of its publishers hold.
    pub remembered: Remembered,
}

/// Figures of the match caches: each publisher has its own, these are the sums over one account.
#[derive(Debug, Default)]
pub struct Remembered {
    hits: AtomicU64,
    subjects: AtomicU64,
    fanout: AtomicU64,
}

/// How much one cache holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Holding {
    pub subjects: u64,
    /// Subscriptions that these subjects matched.
    pub fanout: u64,
}

impl Remembered {
    /// So many matches were answered from a cache.
    pub fn hit(&self, n: u64) {
        self.hits.fetch_add(n, Ordering::Relaxed);
    }

    /// A cache that held `before` holds `after` now.
    pub fn change(&self, before: Holding, after: Holding) {
        let move_by = |sum: &AtomicU64, before: u64, after: u64| {
            if before != after {
                sum.fetch_add(after.wrapping_sub(before), Ordering::Relaxed);
            }
        };
        move_by(&self.subjects, before.subjects, after.subjects);
        move_by(&self.fanout, before.fanout, after.fanout);
    }
}

/// Figures for the monitoring pages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct InterestStats {
    pub subscriptions: usize,
    pub inserts: u64,
    pub removes: u64,
    /// Questions who wants a subject, answered by the index or by a publisher's cache.
    pub matches: u64,
    /// Those answered by a cache.
    pub cache_hits: u64,
    /// Subjects in the caches of all publishers.
    pub cached: u64,
    /// Subscriptions that the subjects in the caches matched.
    pub cached_fanout: u64,
    /// The most subscriptions under one subject or pattern.
    pub max_fanout: usize,
}

impl InterestStats {
    /// Adds the figures of another account.
    pub fn add(&mut self, other: &Self) {
        self.subscriptions += other.subscriptions;
        self.inserts += other.inserts;
        self.removes += other.removes;
        self.matches += other.matches;
        self.cache_hits += other.cache_hits;
        self.cached += other.cached;
        self.cached_fanout += other.cached_fanout;
        self.max_fanout = self.max_fanout.max(other.max_fanout);
    }

    /// Share of the matches that a cache answered, from 0 to 1.
    pub fn cache_hit_rate(&self) -> f64 {
        share(self.cache_hits, self.matches)
    }

    /// Subscriptions that a subject in a cache matched, on average.
    pub fn average_fanout(&self) -> f64 {
        share(self.cached_fanout, self.cached)
    }
}

fn share(part: u64, whole: u64) -> f64 {
    match whole {
        0 => 0.0,
        whole => part as f64 / whole as f64,
    }
}

impl Interest {
    /// Changes with every insert and removal. See the module for the order of reading.
    #[inline]
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Makes every cached answer stale, for changes beside the index (mappings, imports).
    pub fn touch(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    pub fn insert(&self, sub: Arc<Sub>) {
        let told = self.watcher().map(|watcher| (watcher, sub.clone()));
        {
            let mut index = self.index.write();
            index.insert(sub);
            self.touch();
        }
        if let Some((watcher, sub)) = told {
            watcher.changed(&sub);
        }
    }

    /// Names who is told of changes, instead of whoever was told before.
    pub fn watch(&self, watcher: Option<Arc<dyn Watcher>>) {
        let mut slot = self.watcher.lock();
        self.watched.store(watcher.is_some(), Ordering::Release);
        *slot = watcher;
    }

    fn watcher(&self) -> Option<Arc<dyn Watcher>> {
        match self.watched.load(Ordering::Acquire) {
            true => self.watcher.lock().clone(),
            false => None,
        }
    }

    /// Takes the subscription out; false when it was not there.
    pub fn remove(&self, sub: &Arc<Sub>) -> bool {
        let removed = {
            let mut index = self.index.write();
            let removed = index.remove(sub);
            if removed {
                self.touch();
            }
            removed
        };
        if removed && let Some(watcher) = self.watcher() {
            watcher.changed(sub);
        }
        removed
    }

    /// Takes out many subscriptions under one lock (a connection closes).
    pub fn remove_all<'a>(&self, subs: impl IntoIterator<Item = &'a Arc<Sub>> + Clone) {
        {
            let mut index = self.index.write();
            for sub in subs.clone() {
                index.remove(sub);
            }
            self.touch();
        }
        if let Some(watcher) = self.watcher() {
            for sub in subs {
                watcher.changed(sub);
            }
        }
    }

    /// Every subscription that a message on `subject` reaches.
    pub fn matches(&self, subject: &[u8]) -> Matched {
        self.lookups.fetch_add(1, Ordering::Relaxed);
        self.index.read().matches(subject)
    }

    pub fn has_interest(&self, subject: &[u8]) -> bool {
        let index = self.index.read();
        index.literal(subject).is_some() || index.patterns.has_match(subject)
    }

    /// Somebody subscribed to exactly this literal subject, as a member of this group or of none. Patterns do not count.
    pub fn has_subscription(&self, subject: &[u8], group: Option<&[u8]>) -> bool {
        let index = self.index.read();
        match index.literal(subject) {
            None => false,
            Some(Literal::One(sub)) => sub.queue.as_deref() == group,
            Some(Literal::Many(set)) => match group {
                None => !set.plain.is_empty(),
                Some(group) => set.queues.iter().any(|q| *q.name == *group),
            },
        }
    }

    pub fn len(&self) -> usize {
        self.index.read().len
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All subscriptions, in no particular order.
    pub fn all(&self) -> Vec<Arc<Sub>> {
        let index = self.index.read();
        let mut out = Vec::with_capacity(index.len);
        for l in &index.literals {
            match l {
                Literal::One(s) => out.push(s.clone()),
                Literal::Many(set) => out.extend(set.iter().cloned()),
            }
        }
        index
            .patterns
            .each(&mut |set| out.extend(set.iter().cloned()));
        out
    }

    pub fn stats(&self) -> InterestStats {
        let index = self.index.read();
        let mut max_fanout = 0;
        for l in &index.literals {
            max_fanout = max_fanout.max(match l {
                Literal::One(_) => 1,
                Literal::Many(set) => set.len(),
            });
        }
        index
            .patterns
            .each(&mut |set| max_fanout = max_fanout.max(set.len()));
        let hits = self.remembered.hits.load(Ordering::Relaxed);
        InterestStats {
            subscriptions: index.len,
            inserts: index.inserts,
            removes: index.removes,
            matches: self.lookups.load(Ordering::Relaxed) + hits,
            cache_hits: hits,
            cached: self.remembered.subjects.load(Ordering::Relaxed),
            cached_fanout: self.remembered.fanout.load(Ordering::Relaxed),
            max_fanout,
        }
    }
}

impl Index {
    fn literal(&self, subject: &[u8]) -> Option<&Literal> {
        self.literals
            .find(self.hasher.hash_one(subject), |l| l.subject() == subject)
    }

    fn insert(&mut self, sub: Arc<Sub>) {
        self.len += 1;
        self.inserts += 1;
        if subject::has_wildcard(&sub.subject) {
            let subject = sub.subject.clone();
            self.patterns.entry(&subject, SubSet::default).add(sub);
            return;
        }
        let Self {
            literals, hasher, ..
        } = self;
        let hash = hasher.hash_one(&*sub.subject);
        match literals.find_mut(hash, |l| l.subject() == &*sub.subject) {
            Some(Literal::Many(set)) => Arc::make_mut(set).add(sub),
            Some(one) => {
                let mut set = SubSet::default();
                if let Literal::One(first) = one {
                    set.add(first.clone());
                }
                set.add(sub);
                *one = Literal::Many(Arc::new(set));
            }
            None => {
                let new = match sub.queue {
                    None => Literal::One(sub),
                    Some(_) => {
                        let mut set = SubSet::default();
                        set.add(sub);
                        Literal::Many(Arc::new(set))
                    }
                };
                literals.insert_unique(hash, new, |l| hasher.hash_one(l.subject()));
            }
        }
    }

    fn remove(&mut self, sub: &Arc<Sub>) -> bool {
        let removed = if subject::has_wildcard(&sub.subject) {
            let mut there = false;
            self.patterns.change(&sub.subject, |set| {
                there = set.remove(sub);
                !set.is_empty()
            });
            there
        } else {
            self.remove_literal(sub)
        };
        if removed {
            self.len -= 1;
            self.removes += 1;
        }
        removed
    }

    fn remove_literal(&mut self, sub: &Arc<Sub>) -> bool {
        let hash = self.hasher.hash_one(&*sub.subject);
        let Ok(mut entry) = self
            .literals
            .find_entry(hash, |l| l.subject() == &*sub.subject)
        else {
            return false;
        };
        match entry.get_mut() {
            Literal::One(s) if Arc::ptr_eq(s, sub) => {
                entry.remove();
                true
            }
            Literal::One(_) => false,
            Literal::Many(set) => {
                if set.len() == 1 && set.iter().all(|s| Arc::ptr_eq(s, sub)) {
                    entry.remove();
                    return true;
                }
                Arc::make_mut(set).remove(sub)
            }
        }
    }

    fn matches(&self, subject: &[u8]) -> Matched {
        let literal = self.literal(subject);
        let mut merged: Option<SubSet> = None;
        self.patterns.each_match(subject, &mut |set| {
            merged
                .get_or_insert_with(|| match literal {
                    None => SubSet::default(),
                    Some(Literal::One(s)) => SubSet {
                        plain: vec![s.clone()],
                        queues: Vec::new(),
                    },
                    Some(Literal::Many(set)) => SubSet::clone(set),
                })
                .extend(set);
        });
        match (merged, literal) {
            (Some(set), _) => match set.plain.as_slice() {
                [one] if set.queues.is_empty() => Matched::One(one.clone()),
                _ => Matched::Many(Arc::new(set)),
            },
            (None, None) => Matched::None,
            (None, Some(Literal::One(s))) => Matched::One(s.clone()),
            (None, Some(Literal::Many(set))) => Matched::Many(set.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interest::{Hook, Target};
    use proptest::prelude::*;

    struct Nobody;
    impl Hook for Nobody {
        fn as_any(&self) -> &dyn std::any::Any {
            self
        }
    }

    fn sub(subject: &str, queue: Option<&str>, sid: usize) -> Arc<Sub> {
        let sid = sid.to_string();
        Arc::new(Sub::new(
            subject.as_bytes(),
            queue.map(str::as_bytes),
            sid.as_bytes(),
            Target::Hook(Arc::new(Nobody)),
        ))
    }

    fn sids(interest: &Interest, subject: &str) -> Vec<String> {
        let m = interest.matches(subject.as_bytes());
        let mut out: Vec<_> = m.plain().iter().map(|s| format!("{:?}", s.sid)).collect();
        for q in m.queues() {
            for s in &q.subs {
                out.push(format!("{}:{:?}", String::from_utf8_lossy(&q.name), s.sid));
            }
        }
        out.sort();
        out
    }

    #[test]
    fn a_queue_group_is_one_group_across_patterns() {
        let i = Interest::default();
        i.insert(sub("a.b", Some("q"), 1));
        i.insert(sub("a.*", Some("q"), 2));
        i.insert(sub("a.>", None, 3));
        let m = i.matches(b"a.b");
        assert_eq!(m.queues().len(), 1);
        assert_eq!(m.queues()[0].subs.len(), 2);
        assert_eq!(m.plain().len(), 1);
    }

    #[test]
    fn an_answer_taken_earlier_is_not_changed_by_later_subscriptions() {
        let i = Interest::default();
        i.insert(sub("a", None, 1));
        i.insert(sub("a", None, 2));
        let generation = i.generation();
        let before = i.matches(b"a");
        i.insert(sub("a", None, 3));
        assert_eq!(before.plain().len(), 2);
        assert_ne!(i.generation(), generation);
        assert_eq!(i.matches(b"a").plain().len(), 3);
    }

    fn subject_or_pattern() -> impl Strategy<Value = String> {
        (proptest::collection::vec("[ab*]", 1..4), any::<bool>()).prop_map(|(mut t, full)| {
            if full {
                t.push(">".into());
            }
            t.join(".")
        })
    }

    proptest! {
        #[test]
        fn agrees_with_a_list_of_subscriptions(
            steps in proptest::collection::vec(
                (subject_or_pattern(), proptest::option::of("[qr]"), any::<bool>(), any::<prop::sample::Index>()), 1..60),
            probes in proptest::collection::vec("[ab](\\.[ab]){0,3}", 1..8),
        ) {
            let interest = Interest::default();
            let mut list: Vec<Arc<Sub>> = Vec::new();
            for (n, (subject, queue, remove, which)) in steps.into_iter().enumerate() {
                if remove && !list.is_empty() {
                    let s = list.swap_remove(which.index(list.len()));
                    prop_assert!(interest.remove(&s));
                    prop_assert!(!interest.remove(&s));
                } else {
                    let s = sub(&subject, queue.as_deref(), n);
                    list.push(s.clone());
                    interest.insert(s);
                }
            }
            prop_assert_eq!(interest.len(), list.len());
            prop_assert_eq!(interest.all().len(), list.len());
            for p in probes {
                let mut want: Vec<String> = list
                    .iter()
                    .filter(|s| subject::matches(p.as_bytes(), &s.subject))
                    .map(|s| match &s.queue {
                        None => format!("{:?}", s.sid),
                        Some(q) => format!("{}:{:?}", String::from_utf8_lossy(q), s.sid),
                    })
                    .collect();
                want.sort();
                prop_assert_eq!(sids(&interest, &p), want);
            }
        }
    }
}
