//! Accounts: isolated spaces of subjects.
//!
//! Lives here: an account's interest, its settings (limits, mappings, exports, imports) and its figures; [`claims`], which turns an
//! account's token into settings; [`resolver`], where tokens come from; [`WaysBack`], by which an account knows whether those who asked it from
//! elsewhere still listen (`router` fills it in). May call: `router`, `conn`, `system`, `monitor`, `jetstream`, `server`. Never happens here:
//! delivery, I/O. Locks: the interest's own; settings are immutable snapshots that a reload swaps. Start reading at [`Account`].

pub mod claims;
pub mod resolver;
mod streams;
mod traffic;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use arc_swap::ArcSwap;
use nats_proto::transform::{Mappings, Selection};

use crate::interest::Interest;
use crate::limits::IMPORT_HOPS_MAX;
use crate::options;
pub use streams::StreamImport;
pub use traffic::{Traffic, TrafficSnapshot};

/// First tokens of the reply subjects under which an exporter of a service sees requests of other accounts.
pub const RESPONSE_PREFIX: &str = "_R_.";

/// The open requests of other accounts to the services of one.
pub trait WaysBack: Send + Sync {
    /// The account that asked with this reply subject of ours, and the reply subject there.
    fn requestor(&self, reply: &[u8]) -> Option<(Arc<Account>, Box<[u8]>)>;
}

/// One account. Lives as long as a connection or a reload refers to it.
pub struct Account {
    pub name: Arc<str>,
    /// Who wants what in here.
    pub interest: Arc<Interest>,
    /// Messages and payload bytes that came in from and went out to connections.
    pub traffic: Traffic,
    /// Client connections bound to this account.
    connections: AtomicUsize,
    /// Client connections ever bound.
    pub total_connections: AtomicU64,
    pub slow_consumers: AtomicU64,
    /// The system account may do what others may not.
    is_system: AtomicBool,
    settings: ArcSwap<Settings>,
    ways_back: OnceLock<Weak<dyn WaysBack>>,
}

/// What the configuration says about an account.
#[derive(Default)]
pub struct Settings {
    pub limits: options::AccountLimits,
    pub default_permissions: Option<options::Permissions>,
    pub msg_trace: Option<options::MessageTrace>,
    pub nkey: Option<String>,
    /// The name that an account's token gives it.
    pub name_tag: Option<Arc<str>>,
    /// JetStream limits by tier (`R1`, `R3`, …); the empty name is the tier of everything. Empty where JetStream is off.
    pub jetstream: BTreeMap<String, options::AccountJetStream>,
    pub mappings: Mappings,
    pub streams: Vec<StreamImport>,
}

impl Account {
    pub fn new(name: &str, settings: Settings) -> Self {
        Self {
            name: name.into(),
            interest: Arc::new(Interest::default()),
            traffic: Traffic::default(),
            connections: AtomicUsize::new(0),
            total_connections: AtomicU64::new(0),
            slow_consumers: AtomicU64::new(0),
            is_system: AtomicBool::new(false),
            settings: ArcSwap::from_pointee(settings),
            ways_back: OnceLock::new(),
        }
    }

    pub fn settings(&self) -> Arc<Settings> {
        self.settings.load_full()
    }

    /// Swaps the settings; every cached match becomes stale.
    pub fn apply(&self, settings: Settings) {
        self.settings.store(Arc::new(settings));
        self.interest.touch();
    }

    pub fn is_system(&self) -> bool {
        self.is_system.load(Ordering::Relaxed)
    }

    pub fn set_system(&self, system: bool) {
        self.is_system.store(system, Ordering::Relaxed);
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Binds one more connection, unless the account's limit is reached.
    #[must_use]
    pub fn admit(&self) -> bool {
        let max = self.settings.load().limits.max_connections;
        let admitted = self
            .connections
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, |n| {
                let below = max.is_none_or(|max| n < max as usize);
                below.then_some(n + 1)
            })
            .is_ok();
        if admitted {
            self.total_connections.fetch_add(1, Ordering::Relaxed);
        }
        admitted
    }

    /// A bound connection left.
    pub fn release(&self) {
        self.connections.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Account {
    /// Where answers to requests of other accounts go from now on. Said once in the life of an account.
    pub fn lead_back(&self, ways: Weak<dyn WaysBack>) {
        let _is_first = self.ways_back.set(ways);
    }

    /// Whether somebody would get a message on this literal subject, be it an answer to a request of another account.
    pub fn listens(&self, subject: &[u8]) -> bool {
        if !subject.starts_with(RESPONSE_PREFIX.as_bytes()) {
            return self.interest.has_interest(subject);
        }
        let Some((mut account, mut reply)) = self.requestor(subject) else {
            return self.interest.has_subscription(subject, None);
        };
        for _ in 0..IMPORT_HOPS_MAX {
            let Some((next, there)) = account.requestor(&reply) else {
                break;
            };
            (account, reply) = (next, there);
        }
        account.interest.has_interest(&reply)
    }

    fn requestor(&self, reply: &[u8]) -> Option<(Arc<Self>, Box<[u8]>)> {
        self.ways_back.get()?.upgrade()?.requestor(reply)
    }

    /// What the mappings make of a message for `subject`.
    pub fn mapped(&self, subject: &[u8], cluster: &str, random: u32) -> Mapped {
        let settings = self.settings.load();
        match settings.mappings.select(subject, cluster, random) {
            Selection::Unmapped | Selection::Unchanged => Mapped::Same,
            Selection::Lost => Mapped::Lost,
            Selection::Through { transform, random } => {
                Mapped::To(transform.apply_matched(subject, random))
            }
        }
    }

    /// Whether any mapping stands for `subject`.
    pub fn has_mapping(&self, subject: &[u8]) -> bool {
        let settings = self.settings.load();
        !settings.mappings.is_empty()
            && settings.mappings.select(subject, "", 0) != Selection::Unmapped
    }
}

/// What the mappings make of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mapped {
    /// It keeps its subject.
    Same,
    /// It is dropped on purpose.
    Lost,
    To(Vec<u8>),
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Account")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_account_admits_nobody_until_one_leaves() {
        let limits = options::AccountLimits {
            max_connections: Some(1),
            ..Default::default()
        };
        let account = Account::new(
            "A",
            Settings {
                limits,
                ..Default::default()
            },
        );
        assert!(account.admit());
        assert!(!account.admit());
        account.release();
        assert!(account.admit());
        assert_eq!(account.total_connections.load(Ordering::Relaxed), 2);
    }
}
