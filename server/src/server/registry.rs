//! All connections: the open ones, and the last of the closed ones.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use hashbrown::HashMap;
use parking_lot::Mutex;

use crate::conn::Shared;

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

    pub fn add(&self, shared: Arc<Shared>) {
        self.total.fetch_add(1, Ordering::Relaxed);
        self.count.fetch_add(1, Ordering::Relaxed);
        self.open.lock().insert(shared.id(), shared);
    }

    /// Moves a connection to the closed ones.
    pub fn remove(&self, shared: &Arc<Shared>) {
        if self.open.lock().remove(&shared.id()).is_none() {
            return;
        }
        self.count.fetch_sub(1, Ordering::Relaxed);
        let max = self.max_closed.load(Ordering::Relaxed);
        let mut closed = self.closed.lock();
        while closed.len() >= max.max(1) {
            closed.pop_front();
        }
        if max > 0 {
            closed.push_back(shared.clone());
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
