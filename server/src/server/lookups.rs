//! Lookups of accounts that are not live: one at a time for each account, a bounded number in all, nothing that was not found is looked
//! up again at once, and nothing that was fetched counts when something newer was pushed meanwhile.
//!
//! Anybody may come with a token of an account that nobody knows, signed by a key of their own; that must cost little. Who may call:
//! the operators, and whoever waits for an account. Locks: two tables, held for one look each. Start reading at [`Lookups::turn`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use hashbrown::HashMap;
use parking_lot::Mutex;
use tokio::sync::{Mutex as Gate, OwnedMutexGuard, Semaphore, SemaphorePermit};

use crate::limits::{LOOKUPS_MAX, MISSING_ACCOUNTS_MAX};

/// For how long an account that was not found is not looked up again, unless its token is pushed.
pub const MISSING_FOR: Duration = Duration::from_secs(1);

/// See the room.
pub struct Lookups {
    /// How many may go on at once.
    permits: Semaphore,
    gates: Mutex<HashMap<Arc<str>, Arc<Gate<()>>>>,
    notes: Mutex<Notes>,
}

#[derive(Default)]
struct Notes {
    /// What was not found, and when.
    missing: HashMap<Arc<str>, Instant>,
    fetching: HashMap<Arc<str>, Fetching>,
}

#[derive(Default)]
struct Fetching {
    fetchers: usize,
    /// Tokens pushed since the first of them began.
    pushes: u64,
}

impl Default for Lookups {
    fn default() -> Self {
        Self {
            permits: Semaphore::new(LOOKUPS_MAX),
            gates: Mutex::default(),
            notes: Mutex::default(),
        }
    }
}

impl Lookups {
    /// Waits until nobody else looks `account` up. What another found is there then, so look again before looking up.
    pub async fn turn(&self, account: &str) -> Turn<'_> {
        let mut place = self.place(account);
        place.guard = Some(place.gate.clone().lock_owned().await);
        // The semaphore is never closed; without a permit one would only be more than the bound.
        let permit = self.permits.acquire().await.ok();
        Turn {
            _permit: permit,
            _place: place,
        }
    }

    fn place(&self, account: &str) -> Place<'_> {
        let mut gates = self.gates.lock();
        let gate = match gates.get(account) {
            Some(gate) => gate.clone(),
            None => {
                let gate = Arc::new(Gate::new(()));
                gates.insert(account.into(), gate.clone());
                gate
            }
        };
        Place {
            lookups: self,
            account: account.into(),
            gate,
            guard: None,
        }
    }

    /// Whether `account` was not found a moment ago.
    pub fn is_missing(&self, account: &str, now: Instant) -> bool {
        let mut notes = self.notes.lock();
        match notes.missing.get(account) {
            None => false,
            Some(at) if now.saturating_duration_since(*at) < MISSING_FOR => true,
            Some(_) => {
                notes.missing.remove(account);
                false
            }
        }
    }

    /// Notes that `account` was not found. When there is no room for more notes it will only be looked up again.
    pub fn note_missing(&self, account: &str, now: Instant) {
        let mut notes = self.notes.lock();
        if notes.missing.len() >= MISSING_ACCOUNTS_MAX {
            let old = |at: &Instant| now.saturating_duration_since(*at) >= MISSING_FOR;
            notes.missing.retain(|_, at| !old(at));
        }
        if notes.missing.len() < MISSING_ACCOUNTS_MAX {
            notes.missing.insert(account.into(), now);
        }
    }

    /// Tokens come from elsewhere now: what was not found may be there.
    pub fn forget_missing(&self) {
        self.notes.lock().missing.clear();
    }

    /// Begins to fetch the token of `account`. What comes of it counts only while [`Ticket::is_fresh`].
    pub fn fetching(&self, account: &str) -> Ticket<'_> {
        let mut notes = self.notes.lock();
        let account: Arc<str> = account.into();
        let fetching = notes.fetching.entry(account.clone()).or_default();
        fetching.fetchers = fetching.fetchers.saturating_add(1);
        Ticket {
            lookups: self,
            account,
            pushes: fetching.pushes,
        }
    }

    /// The token of `account` is another one now, or gone. Call after it was stored, and before asking whether the account is live.
    pub fn pushed(&self, account: &str) {
        let mut notes = self.notes.lock();
        notes.missing.remove(account);
        if let Some(fetching) = notes.fetching.get_mut(account) {
            fetching.pushes = fetching.pushes.wrapping_add(1);
        }
    }
}

/// The right to look an account up.
pub struct Turn<'a> {
    _permit: Option<SemaphorePermit<'a>>,
    _place: Place<'a>,
}

/// A place in the queue of an account; the queue goes with the last of them.
struct Place<'a> {
    lookups: &'a Lookups,
    account: Arc<str>,
    gate: Arc<Gate<()>>,
    guard: Option<OwnedMutexGuard<()>>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.guard = None;
        let mut gates = self.lookups.gates.lock();
        // The table's and ours: nobody waits, and nobody can begin to while the table is locked.
        if Arc::strong_count(&self.gate) == 2 {
            gates.remove(&self.account);
        }
    }
}

/// A fetch under way.
pub struct Ticket<'a> {
    lookups: &'a Lookups,
    account: Arc<str>,
    pushes: u64,
}

impl Ticket<'_> {
    /// Whether nothing was pushed for the account since it was begun.
    pub fn is_fresh(&self) -> bool {
        let notes = self.lookups.notes.lock();
        let fetching = notes.fetching.get(&self.account);
        fetching.is_some_and(|fetching| fetching.pushes == self.pushes)
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        let mut notes = self.lookups.notes.lock();
        if let Some(fetching) = notes.fetching.get_mut(&self.account) {
            fetching.fetchers = fetching.fetchers.saturating_sub(1);
            if fetching.fetchers == 0 {
                notes.fetching.remove(&self.account);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_at_a_time_for_each_account_and_nothing_stays() {
        let lookups = Lookups::default();
        let first = lookups.turn("A").await;
        let _other = lookups.turn("B").await;
        let second = lookups.turn("A");
        tokio::pin!(second);
        let waits = tokio::time::timeout(Duration::from_millis(20), &mut second).await;
        assert!(waits.is_err());
        drop(first);
        drop(second.await);
        // One who gives up while waiting leaves nothing either.
        let first = lookups.turn("A").await;
        let gave_up = tokio::time::timeout(Duration::from_millis(20), lookups.turn("A")).await;
        assert!(gave_up.is_err());
        drop(first);
        assert_eq!(lookups.gates.lock().len(), 1, "only B's");
    }

    #[test]
    fn what_was_not_found_is_missing_for_a_while_or_until_it_is_pushed() {
        let lookups = Lookups::default();
        let now = Instant::now();
        lookups.note_missing("A", now);
        lookups.note_missing("B", now);
        assert!(lookups.is_missing("A", now) && !lookups.is_missing("C", now));
        lookups.pushed("A");
        assert!(!lookups.is_missing("A", now));
        assert!(!lookups.is_missing("B", now + MISSING_FOR));
        lookups.note_missing("C", now);
        lookups.forget_missing();
        assert!(!lookups.is_missing("C", now));
    }

    #[test]
    fn notes_of_what_is_missing_are_bounded() {
        let lookups = Lookups::default();
        let now = Instant::now();
        for n in 0..=MISSING_ACCOUNTS_MAX {
            lookups.note_missing(&n.to_string(), now);
        }
        assert_eq!(lookups.notes.lock().missing.len(), MISSING_ACCOUNTS_MAX);
        lookups.note_missing("later", now + MISSING_FOR);
        assert_eq!(lookups.notes.lock().missing.len(), 1);
    }

    #[test]
    fn a_push_makes_what_is_being_fetched_stale() {
        let lookups = Lookups::default();
        let (a, other) = (lookups.fetching("A"), lookups.fetching("B"));
        lookups.pushed("A");
        let later = lookups.fetching("A");
        assert!(!a.is_fresh() && other.is_fresh() && later.is_fresh());
        drop((a, other, later));
        assert!(lookups.notes.lock().fetching.is_empty());
    }
}
