//! JetStream in one account: its streams by name, and what stands in the account's subjects for them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use nats_api::errors::ApiError;
use nats_api::jetstream::{AckPolicy, ConsumerConfig, StreamConfig};
use nats_jetstream::config::stream::{MaxBytes, Surroundings};
use nats_store::Storage;
use parking_lot::{Mutex, RwLock};

use super::engine::{Input, InputKind, Lane};
use super::outlet::AccountOutlet;
use super::patterns::Patterns;
use super::seat::StreamSeat;
use super::usage::{AccountUsage, storage_of};
use crate::account::Account;
use crate::interest::{Sub, Watcher};

/// What has to be known of a consumer before anything is queued for it.
struct KnownConsumer {
    /// Where it delivers, when it pushes.
    deliver_to: Option<Box<str>>,
    is_acked: bool,
    has_flow: bool,
    is_public: bool,
}

/// One stream of an account, as everybody but its machine sees it.
pub struct StreamEntry {
    pub name: Box<str>,
    pub lane: Arc<Lane<StreamSeat>>,
    /// As it is now; the machine has the same.
    config: ArcSwap<StreamConfig>,
    /// Its consumers by name.
    consumers: RwLock<HashMap<Box<str>, KnownConsumer>>,
    /// Where push consumers of all streams of the account deliver.
    deliver_to: Arc<RwLock<Patterns>>,
    /// Its subscriptions in the account.
    placed: Mutex<Vec<Arc<Sub>>>,
    /// It mirrors and is close enough behind to answer for the stream that it mirrors; its machine says so.
    is_mirror_current: Arc<AtomicBool>,
    /// Messages that came faster than it took them.
    pub dropped: Dropped,
}

/// Messages that were dropped, and when that was last said.
#[derive(Default)]
pub struct Dropped {
    count: AtomicU64,
    /// Second of the last line about it, from 1.
    said_at: AtomicU64,
}

impl Dropped {
    /// One more. Yields how many so far, at most once a second.
    pub fn one_more(&self, now: SystemTime) -> Option<u64> {
        let count = self.count.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let second = now
            .duration_since(UNIX_EPOCH)
            .map_or(1, |since| since.as_secs());
        (self.said_at.swap(second, Ordering::Relaxed) != second).then_some(count)
    }
}

impl StreamEntry {
    pub fn new(
        config: Arc<StreamConfig>,
        lane: Arc<Lane<StreamSeat>>,
        is_mirror_current: Arc<AtomicBool>,
        deliver_to: Arc<RwLock<Patterns>>,
    ) -> Self {
        Self {
            name: config.name.as_str().into(),
            lane,
            config: ArcSwap::new(config),
            consumers: RwLock::default(),
            deliver_to,
            placed: Mutex::default(),
            is_mirror_current,
            dropped: Dropped::default(),
        }
    }

    pub fn config(&self) -> Arc<StreamConfig> {
        self.config.load_full()
    }

    fn set_config(&self, config: Arc<StreamConfig>) {
        self.config.store(config);
    }

    pub fn has_consumer(&self, name: &str) -> bool {
        self.consumers.read().contains_key(name)
    }

    /// There is a consumer that wants acknowledgements; to others nobody listens.
    pub fn takes_acks(&self, name: &str) -> bool {
        self.consumers.read().get(name).is_some_and(|c| c.is_acked)
    }

    /// There is a consumer that asks for answers to its flow control.
    pub fn has_flow(&self, name: &str) -> bool {
        self.consumers.read().get(name).is_some_and(|c| c.has_flow)
    }

    pub fn consumers(&self) -> usize {
        self.consumers.read().len()
    }

    /// Without those by which others mirror or source the stream.
    pub fn public_consumers(&self) -> usize {
        let consumers = self.consumers.read();
        consumers.values().filter(|known| known.is_public).count()
    }

    /// A consumer is there, or has another configuration.
    pub fn add_consumer(&self, config: &ConsumerConfig) {
        let name = config.name.as_str();
        let subject = config.is_push().then_some(&*config.deliver_subject);
        let known = KnownConsumer {
            deliver_to: subject.map(Into::into),
            is_acked: config.ack_policy != AckPolicy::None,
            has_flow: config.flow_control,
            is_public: !config.direct,
        };
        let mut consumers = self.consumers.write();
        let old = consumers.insert(name.into(), known);
        if let Some(old) = old.and_then(|old| old.deliver_to) {
            self.deliver_to.write().remove(&old, &self.name);
        }
        if let Some(subject) = subject {
            self.deliver_to.write().insert(subject, &self.name);
        }
    }

    pub fn remove_consumer(&self, name: &str) {
        let gone = self.consumers.write().remove(name);
        if let Some(subject) = gone.and_then(|gone| gone.deliver_to) {
            self.deliver_to.write().remove(&subject, &self.name);
        }
    }

    /// The stream is gone, and its consumers with it.
    fn forget_consumers(&self) {
        let mut consumers = self.consumers.write();
        let mut deliver_to = self.deliver_to.write();
        let subjects = consumers.drain().filter_map(|(_, gone)| gone.deliver_to);
        for subject in subjects {
            deliver_to.remove(&subject, &self.name);
        }
    }

    /// Puts the stream's subjects into the account, made by `sub`, and takes out what stood there for it before.
    pub fn place(&self, account: &Account, sub: impl Fn(&str) -> Sub) {
        let config = self.config();
        let fresh: Vec<Arc<Sub>> = config.subjects.iter().map(|s| Arc::new(sub(s))).collect();
        for sub in &fresh {
            account.interest.insert(sub.clone());
        }
        let old = std::mem::replace(&mut *self.placed.lock(), fresh);
        for sub in old {
            sub.close();
            account.interest.remove(&sub);
        }
    }

    /// Takes the stream's subjects out of the account.
    pub fn displace(&self, account: &Account) {
        for sub in self.placed.lock().drain(..) {
            sub.close();
            account.interest.remove(&sub);
        }
    }
}

/// JetStream in one account.
pub struct JsAccount {
    pub account: Arc<Account>,
    pub usage: Arc<AccountUsage>,
    pub outlet: Arc<AccountOutlet>,
    streams: RwLock<BTreeMap<Box<str>, Arc<StreamEntry>>>,
    /// What the streams take, by stream.
    subjects: RwLock<Patterns>,
    /// Where push consumers deliver, by stream.
    pub deliver_to: Arc<RwLock<Patterns>>,
    /// Mirrors that answer direct gets for their origin.
    mirrors: RwLock<Vec<Arc<StreamEntry>>>,
    /// Held while a stream is made, changed or deleted: checks against the others hold until the change is done.
    pub changes: Mutex<()>,
    /// JetStream was taken from the account; nothing is made or changed in it any more. Written under `changes`.
    pub is_closed: AtomicBool,
    pub api_total: AtomicU64,
    pub api_errors: AtomicU64,
    /// Longest duplicate window, nanoseconds; zero is no limit.
    pub duplicate_window_max: i64,
}

impl JsAccount {
    pub fn new(account: Arc<Account>, usage: Arc<AccountUsage>, duplicate_window_max: i64) -> Self {
        Self {
            outlet: Arc::new(AccountOutlet::new(account.clone())),
            account,
            usage,
            streams: RwLock::default(),
            subjects: RwLock::default(),
            deliver_to: Arc::default(),
            mirrors: RwLock::default(),
            changes: Mutex::new(()),
            is_closed: AtomicBool::new(false),
            api_total: AtomicU64::new(0),
            api_errors: AtomicU64::new(0),
            duplicate_window_max,
        }
    }

    /// The caller holds `changes`.
    ///
    /// # Errors
    /// JetStream was taken from the account (10039).
    pub fn check_open(&self) -> Result<(), ApiError> {
        match self.is_closed.load(Ordering::Acquire) {
            true => Err(super::not_enabled()),
            false => Ok(()),
        }
    }

    pub fn find(&self, name: &str) -> Option<Arc<StreamEntry>> {
        self.streams.read().get(name).cloned()
    }

    /// All streams, by name.
    pub fn all(&self) -> Vec<Arc<StreamEntry>> {
        self.streams.read().values().cloned().collect()
    }

    /// Streams that can take a subject that `filter` matches, by name; all when it is empty.
    pub fn matching(&self, filter: &str) -> Vec<Arc<StreamEntry>> {
        if filter.is_empty() {
            return self.all();
        }
        let subjects = self.subjects.read();
        let names: BTreeSet<&str> = subjects.colliding(filter.as_bytes()).collect();
        let streams = self.streams.read();
        let found = names.into_iter().filter_map(|name| streams.get(name));
        found.cloned().collect()
    }

    /// A mirror that can answer direct gets in the place of this stream.
    pub fn mirror_of(&self, origin: &str) -> Option<Arc<StreamEntry>> {
        let mirrors = self.mirrors.read();
        let able = mirrors.iter().find(|entry| {
            let config = entry.config();
            let is_of = config.mirror.as_ref().is_some_and(|m| m.name == origin);
            is_of && entry.is_mirror_current.load(Ordering::Relaxed)
        });
        able.cloned()
    }

    /// Takes note of whether a stream answers direct gets for another one.
    pub fn note_mirror(&self, entry: &Arc<StreamEntry>) {
        let config = entry.config();
        let mut mirrors = self.mirrors.write();
        mirrors.retain(|known| known.name != entry.name);
        if config.mirror.is_some() && config.mirror_direct {
            mirrors.push(entry.clone());
        }
    }

    /// A stream has another configuration.
    pub fn change(&self, entry: &Arc<StreamEntry>, config: Arc<StreamConfig>) {
        let old = entry.config();
        {
            let mut subjects = self.subjects.write();
            for subject in &old.subjects {
                subjects.remove(subject, &entry.name);
            }
            for subject in &config.subjects {
                subjects.insert(subject, &entry.name);
            }
        }
        entry.set_config(config);
        self.note_mirror(entry);
    }

    pub fn add(&self, entry: Arc<StreamEntry>) {
        self.note_mirror(&entry);
        for subject in &entry.config().subjects {
            self.subjects.write().insert(subject, &entry.name);
        }
        self.streams.write().insert(entry.name.clone(), entry);
    }

    pub fn take(&self, name: &str) -> Option<Arc<StreamEntry>> {
        self.mirrors.write().retain(|known| &*known.name != name);
        if let Some(entry) = self.find(name) {
            for subject in &entry.config().subjects {
                self.subjects.write().remove(subject, name);
            }
            entry.forget_consumers();
        }
        self.streams.write().remove(name)
    }

    pub fn consumers(&self) -> usize {
        self.streams.read().values().map(|s| s.consumers()).sum()
    }

    /// Counts an answer of the API.
    pub fn count_answer(&self, is_error: bool) {
        self.api_total.fetch_add(1, Ordering::Relaxed);
        if is_error {
            self.api_errors.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Watcher for JsAccount {
    /// Push consumers begin and cease to deliver with the interest in their subjects.
    fn changed(&self, sub: &Sub) {
        // Nobody delivers to what the server answers itself.
        let own = [b"$JS.API.".as_slice(), b"$JS.ACK.", b"$JS.FC."];
        if own.iter().any(|prefix| sub.subject.starts_with(prefix)) {
            return;
        }
        let input = Input {
            subject: &sub.subject,
            reply: b"",
            headers: b"",
            payload: b"",
        };
        let concerned: BTreeSet<Box<str>> = {
            let deliver_to = self.deliver_to.read();
            let owners = deliver_to.colliding(&sub.subject);
            owners.map(Into::into).collect()
        };
        for stream in concerned.iter().filter_map(|name| self.find(name)) {
            stream.lane.post(InputKind::Interest, &input);
        }
    }
}

impl Surroundings for JsAccount {
    fn stream(&self, name: &str) -> Option<Arc<StreamConfig>> {
        self.find(name).map(|entry| entry.config())
    }

    fn overlaps(&self, subjects: &[String], except: Option<&str>) -> bool {
        let taken = self.subjects.read();
        subjects.iter().any(|ours| {
            let mut owners = taken.colliding(ours.as_bytes());
            owners.any(|owner| Some(owner) != except)
        })
    }

    fn duplicate_window_max(&self) -> i64 {
        self.duplicate_window_max
    }

    fn max_bytes(&self, config: &StreamConfig) -> MaxBytes {
        let Ok(limits) = self.usage.limits(config.num_replicas) else {
            return MaxBytes::default();
        };
        MaxBytes {
            required: limits.max_bytes_required,
            most: match storage_of(config) {
                Storage::Memory => limits.memory_max_stream_bytes,
                Storage::File => limits.storage_max_stream_bytes,
            },
        }
    }

    fn is_standalone(&self) -> bool {
        true
    }

    fn admits(&self, config: &StreamConfig) -> Result<(), ApiError> {
        let tiers = self.usage.tiers();
        let limits = tiers.of(config.num_replicas);
        let limits = limits.ok_or_else(|| ApiError::NO_LIMITS.error())?;
        let Some(most) = usize::try_from(limits.max_streams).ok().filter(|n| *n > 0) else {
            return Ok(());
        };
        let streams = self.streams.read();
        // One that is there already is not one more.
        let others = streams.values().filter(|s| *s.name != *config.name);
        let counted = match tiers.whole() {
            Some(_) => others.count(),
            None => others
                .filter(|s| is_same_tier(s.config().num_replicas, config.num_replicas))
                .count(),
        };
        match counted >= most {
            true => Err(ApiError::MAXIMUM_STREAMS_LIMIT.error()),
            false => Ok(()),
        }
    }

    fn fits(&self, config: &StreamConfig, replaces: Option<&StreamConfig>) -> Result<(), ApiError> {
        let given = replaces.map_or(0, |c| u64::try_from(c.max_bytes).unwrap_or(0));
        self.usage.can_reserve(config, given)
    }
}

/// Streams with so many replicas count against the same limits.
fn is_same_tier(one: i64, other: i64) -> bool {
    one.max(1) == other.max(1)
}
