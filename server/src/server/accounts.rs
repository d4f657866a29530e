//! The table of accounts, built from options.

use std::collections::BTreeMap;
use std::sync::Arc;

use nats_proto::transform::{Destination, Mappings};
use parking_lot::RwLock;

use crate::account::{Account, Settings};
use crate::options::{self, GLOBAL_ACCOUNT, Options};

/// Accounts by name. An account keeps its identity over a reload, so that live connections stay in it.
pub struct Accounts {
    table: RwLock<BTreeMap<Arc<str>, Arc<Account>>>,
    pub global: Arc<Account>,
}

impl Accounts {
    pub fn new(options: &Options) -> Self {
        let accounts = Self {
            table: RwLock::default(),
            global: Arc::new(Account::new(GLOBAL_ACCOUNT, Settings::default())),
        };
        accounts.apply(options);
        accounts
    }

    /// Brings the table in line with `options`: new accounts appear, changed ones change, others go. Connections of an account
    /// that went are closed by their own revalidation.
    pub fn apply(&self, options: &Options) {
        let system = options.system_account_name();
        let mut wanted: BTreeMap<&str, Settings> = BTreeMap::new();
        let global = Settings {
            mappings: mappings_of(&options.mappings),
            ..Settings::default()
        };
        wanted.insert(GLOBAL_ACCOUNT, global);
        if let Some(name) = system {
            wanted.insert(name, Settings::default());
        }
        for a in &options.accounts {
            wanted.insert(&a.name, settings_of(a));
        }
        let mut table = self.table.write();
        table.retain(|name, _| wanted.contains_key(&**name));
        for (name, settings) in wanted {
            let account = match table.get(name) {
                Some(account) => account.clone(),
                None if name == GLOBAL_ACCOUNT => self.global.clone(),
                None => Arc::new(Account::new(name, Settings::default())),
            };
            account.apply(settings);
            account.set_system(Some(name) == system);
            table.insert(account.name.clone(), account);
        }
    }

    pub fn find(&self, name: &str) -> Option<Arc<Account>> {
        self.table.read().get(name).cloned()
    }

    /// All accounts, by name.
    pub fn all(&self) -> Vec<Arc<Account>> {
        self.table.read().values().cloned().collect()
    }

    pub fn system(&self) -> Option<Arc<Account>> {
        self.table.read().values().find(|a| a.is_system()).cloned()
    }
}

fn settings_of(a: &options::Account) -> Settings {
    Settings {
        limits: a.limits.clone(),
        default_permissions: a.default_permissions.clone(),
        msg_trace: a.msg_trace.clone(),
        nkey: a.nkey.clone(),
        mappings: mappings_of(&a.mappings),
    }
}

fn mappings_of(configured: &[options::Mapping]) -> Mappings {
    let mut mappings = Mappings::new();
    for m in configured {
        let destinations: Vec<_> = m
            .destinations
            .iter()
            .map(|d| Destination {
                subject: d.subject.clone(),
                weight: d.weight,
                cluster: d.cluster.clone().unwrap_or_default(),
            })
            .collect();
        // The configuration was checked with the same rules; one that slipped through is said, not obeyed.
        if let Err(e) = mappings.add(&m.subject, &destinations) {
            tracing::error!("mapping of {:?} is left out: {e}", m.subject);
        }
    }
    mappings
}
