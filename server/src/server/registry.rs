//! All connections: the open ones, and the last of the closed ones.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use hashbrown::HashMap;
use parking_lot::Mutex;

use crate::conn::Shared;
use crate::limits::CLOSED_SUBSCRIPTIONS_MAX;

/// Connections by id.
pub struct Registry {
    open: Mutex<HashMap<u64, Arc<Shared>, foldhash::fast::RandomState>>,
    closed: Mutex<VecDeque<Arc<Shared>>>,
    max_closed: AtomicUsize,
    count: AtomicUsize,
    total: AtomicU64,
    next_id: AtomicU64,
}

impl Registry {
    pub fn new(max_closed: usize) -> Self {
        Self {
            open: Mutex::new(HashMap::default()),
            closed: Mutex::new(VecDeque::new()),
            max_closed: AtomicUsize::new(max_closed),
            count: AtomicUsize::new(0),
            total: AtomicU64::new(0),
            next_id: AtomicU64::new(1),
        }
    }

    pub fn next_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// Takes a connection in, unless there are `max` already. All that ever asked are counted.
    #[must_use]
    pub fn admit(&self, shared: &Arc<Shared>, max: usize) -> bool {
        self.total.fetch_add(1, Ordering::Relaxed);
        let mut open = self.open.lock();
        if open.len() >= max {
            return false;
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        open.insert(shared.id(), shared.clone());
        true
    }

    /// Notes a connection, which ends for the first and only time, among the closed ones.
    pub fn close(&self, shared: &Arc<Shared>) {
        if self.open.lock().remove(&shared.id()).is_some() {
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
        let max = self.max_closed.load(Ordering::Relaxed);
        let mut closed = self.closed.lock();
        while closed.len() >= max.max(1) {
            closed.pop_front();
        }
        if max > 0 {
            closed.push_back(shared.clone());
            forget_oldest_subs(&closed);
        }
    }

    pub fn find(&self, id: u64) -> Option<Arc<Shared>> {
        self.open.lock().get(&id).cloned()
    }

    pub fn find_closed(&self, id: u64) -> Option<Arc<Shared>> {
        self.closed.lock().iter().find(|c| c.id() == id).cloned()
    }

    /// Open connections, in no particular order.
    pub fn open(&self) -> Vec<Arc<Shared>> {
        self.open.lock().values().cloned().collect()
    }

    /// Closed connections, oldest first.
    pub fn closed(&self) -> Vec<Arc<Shared>> {
        self.closed.lock().iter().cloned().collect()
    }

    pub fn closed_len(&self) -> usize {
        self.closed.lock().len()
    }

    /// Open connections now.
    pub fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Connections ever accepted.
    pub fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }

    pub fn set_max_closed(&self, max: usize) {
        self.max_closed.store(max, Ordering::Relaxed);
    }
}

/// The subscriptions that are kept of closed connections are bounded: the oldest go first.
fn forget_oldest_subs(closed: &VecDeque<Arc<Shared>>) {
    let newest_first = || closed.iter().rev();
    // Nearly always the newest has none, and nothing has changed.
    if newest_first()
        .next()
        .is_none_or(|c| c.state.lock().last_subs.list.is_empty())
    {
        return;
    }
    let mut kept = 0usize;
    for client in newest_first() {
        let mut state = client.state.lock();
        let list = &mut state.last_subs.list;
        kept = kept.saturating_add(list.len());
        if kept > CLOSED_SUBSCRIPTIONS_MAX {
            *list = Box::default();
        }
    }
}
