//! The outside of a connection: all that a delivery needs to know of it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::task::Waker;
use std::time::Duration;

use std::hash::BuildHasher as _;

use hashbrown::HashTable;
use nats_api::system::{ClientInfo, ServerInfo};
use parking_lot::Mutex;

use super::{Interest, Sub};
use crate::limits::PAUSE_MAX;
use crate::outbox::Outbox;

/// What stands at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReceiverKind {
    /// A client of the NATS protocol.
    Client,
}

/// Checked for every delivery to a receiver that has one: subjects that a wider subscription must not bring in.
pub trait DeliveryCheck: Send + Sync {
    fn denies(&self, subject: &[u8], queue: Option<&[u8]>) -> bool;
    /// A message with this reply was delivered: the receiver may answer it.
    fn delivered_with_reply(&self, reply: &[u8]);
}

/// Knows who stands behind a receiver.
pub trait Describe: Send + Sync {
    /// The client as services are told of it; `detailed` when the importer shares that.
    fn client_info(&self, detailed: bool) -> Option<ClientInfo>;
    /// The server, as events name it.
    fn server_info(&self) -> ServerInfo;
    fn account_name(&self) -> Option<Arc<str>>;
}

/// Somebody that takes less than comes: producers wait for it, each for a bounded time.
pub trait Lagging: Send + Sync {
    /// Counts a producer that has to wait. Yields what was taken so far, or `None` when there is nothing to wait for.
    fn begin_wait(&self) -> Option<u64>;
    /// Whether it still lags; if so, `waker` is woken when it does no more.
    fn wait_for_room(&self, waker: &Waker) -> bool;
    /// How long a producer waits at most.
    fn patience(&self) -> Duration;
    /// The time of a producer was up. If nothing was taken since `taken`, nobody waits for it until something is.
    fn gave_up_waiting(&self, taken: u64);
}

/// A connection as its deliverers see it.
pub struct Receiver {
    pub id: u64,
    pub kind: ReceiverKind,
    pub outbox: Outbox,
    /// The peer understands HMSG.
    headers: AtomicBool,
    /// The peer wants its own messages back.
    echo: AtomicBool,
    /// Deliveries are logged.
    pub trace: AtomicBool,
    checked: AtomicBool,
    check: Mutex<Option<Arc<dyn DeliveryCheck>>>,
    about: OnceLock<Weak<dyn Describe>>,
    /// The interest that its subscriptions stand in.
    home: Mutex<Option<Arc<Interest>>>,
    /// Its subscriptions by id. Written by the connection itself, by auto-unsubscribe and by a reload.
    pub subs: Mutex<SubTable>,
    /// Messages and payload bytes received from the peer, brought up to date once per read.
    pub in_msgs: AtomicU64,
    pub in_bytes: AtomicU64,
}

impl Lagging for Receiver {
    fn begin_wait(&self) -> Option<u64> {
        let mut queue = self.outbox.lock();
        queue.note_stall().then(|| queue.written_total())
    }

    fn wait_for_room(&self, waker: &Waker) -> bool {
        self.outbox.lock().wait_for_room(waker)
    }

    fn patience(&self) -> Duration {
        PAUSE_MAX
    }

    fn gave_up_waiting(&self, taken: u64) {
        let mut queue = self.outbox.lock();
        let progress = queue.written_total() != taken;
        queue.gave_up_waiting(progress);
    }
}

impl Receiver {
    pub fn new(id: u64, kind: ReceiverKind, max_pending: usize) -> Self {
        Self {
            id,
            kind,
            outbox: Outbox::new(max_pending),
            headers: AtomicBool::new(false),
            echo: AtomicBool::new(true),
            trace: AtomicBool::new(false),
            checked: AtomicBool::new(false),
            check: Mutex::new(None),
            about: OnceLock::new(),
            home: Mutex::new(None),
            subs: Mutex::new(SubTable::default()),
            in_msgs: AtomicU64::new(0),
            in_bytes: AtomicU64::new(0),
        }
    }

    #[inline]
    pub fn headers(&self) -> bool {
        self.headers.load(Ordering::Relaxed)
    }

    #[inline]
    pub fn echo(&self) -> bool {
        self.echo.load(Ordering::Relaxed)
    }

    pub fn set_modes(&self, headers: bool, echo: bool) {
        self.headers.store(headers, Ordering::Relaxed);
        self.echo.store(echo, Ordering::Relaxed);
    }

    /// Puts a check in front of every delivery, or takes it away.
    pub fn set_check(&self, check: Option<Arc<dyn DeliveryCheck>>) {
        let mut slot = self.check.lock();
        self.checked.store(check.is_some(), Ordering::Release);
        *slot = check;
    }

    #[inline]
    pub fn check(&self) -> Option<Arc<dyn DeliveryCheck>> {
        if self.checked.load(Ordering::Acquire) {
            self.check.lock().clone()
        } else {
            None
        }
    }

    /// Who knows the client behind it; once.
    pub fn set_about(&self, about: Weak<dyn Describe>) {
        let _ = self.about.set(about);
    }

    pub fn client_info(&self, detailed: bool) -> Option<ClientInfo> {
        self.about.get()?.upgrade()?.client_info(detailed)
    }

    pub fn server_info(&self) -> ServerInfo {
        let about = self.about.get().and_then(Weak::upgrade);
        about.map(|a| a.server_info()).unwrap_or_default()
    }

    pub fn account_name(&self) -> Option<Arc<str>> {
        self.about.get()?.upgrade()?.account_name()
    }

    /// The connection was bound to an account.
    pub fn set_home(&self, interest: Arc<Interest>) {
        *self.home.lock() = Some(interest);
    }

    /// Takes one of its subscriptions out everywhere.
    pub fn end(&self, sub: &Arc<Sub>) {
        sub.close();
        self.subs.lock().remove(sub);
        let home = self.home.lock().clone();
        if let Some(interest) = home {
            interest.remove(sub);
        }
        sub.remove_shadows();
    }

    pub fn count_in(&self, msgs: u64, bytes: u64) {
        // Only the connection's own task writes these.
        let add = |c: &AtomicU64, n| c.store(c.load(Ordering::Relaxed) + n, Ordering::Relaxed);
        add(&self.in_msgs, msgs);
        add(&self.in_bytes, bytes);
    }
}

/// The subscriptions of one connection, found by their ids.
#[derive(Default)]
pub struct SubTable {
    table: HashTable<Arc<Sub>>,
    hasher: foldhash::fast::RandomState,
}

impl SubTable {
    pub fn find(&self, sid: &[u8]) -> Option<&Arc<Sub>> {
        self.table
            .find(self.hasher.hash_one(sid), |s| s.sid.as_bytes() == sid)
    }

    /// Adds a subscription whose id is not there yet; false if it is.
    pub fn insert(&mut self, sub: Arc<Sub>) -> bool {
        if self.find(sub.sid.as_bytes()).is_some() {
            return false;
        }
        let Self { table, hasher } = self;
        let hash = |s: &Arc<Sub>| hasher.hash_one(s.sid.as_bytes());
        table.insert_unique(hash(&sub), sub, hash);
        true
    }

    /// Takes out exactly this subscription.
    pub fn remove(&mut self, sub: &Arc<Sub>) -> bool {
        let hash = self.hasher.hash_one(sub.sid.as_bytes());
        match self.table.find_entry(hash, |s| Arc::ptr_eq(s, sub)) {
            Ok(entry) => {
                entry.remove();
                true
            }
            Err(_) => false,
        }
    }

    pub fn len(&self) -> usize {
        self.table.len()
    }

    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Arc<Sub>> {
        self.table.iter()
    }

    /// Empties the table.
    pub fn take(&mut self) -> Vec<Arc<Sub>> {
        std::mem::take(&mut self.table).into_iter().collect()
    }
}

impl std::fmt::Debug for Receiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Receiver")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
