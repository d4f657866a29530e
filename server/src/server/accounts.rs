//! The table of accounts, built from options.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use nats_proto::transform::{Destination, Mappings};
use parking_lot::{Mutex, RwLock};

use super::services::Services;
use crate::account::claims::Definition;
use crate::account::{Account, Settings, StreamImport, Traffic, TrafficSnapshot};
use crate::options::{self, AccountJetStream, GLOBAL_ACCOUNT, ImportKind, Options};
use crate::router::Alarm;

/// Accounts by name. An account keeps its identity over a reload, so that live connections stay in it.
pub struct Accounts {
    table: RwLock<Table>,
    /// Those that are described by their tokens.
    defined: RwLock<BTreeMap<Arc<str>, Arc<Definition>>>,
    services: Mutex<Services>,
    /// Of accounts that are gone.
    past: Traffic,
    pub global: Arc<Account>,
}

impl Accounts {
    pub fn new(options: &Options) -> Self {
        let accounts = Self {
            table: RwLock::default(),
            defined: RwLock::default(),
            services: Mutex::default(),
            past: Traffic::default(),
            global: Arc::new(Account::new(GLOBAL_ACCOUNT, Settings::default())),
        };
        accounts.apply(options);
        accounts
    }

    /// Brings the table in line with `options`: new accounts appear, changed ones change, others go. Connections of an account
    /// that went are closed by their own revalidation.
    pub fn apply(&self, options: &Options) {
        let system = options.system_account_name();
        let configured = |name: &str| options.accounts.iter().find(|a| a.name == name);
        let mut names: Vec<&str> = vec![GLOBAL_ACCOUNT];
        names.extend(system);
        names.extend(options.accounts.iter().map(|a| a.name.as_str()));
        let defined = self.defined.read();
        let mut table = self.table.write();
        table.retain(|name, account| {
            let stays = names.contains(&&**name) || defined.contains_key(name);
            if !stays {
                self.past.add(&account.traffic.snapshot());
            }
            stays
        });
        for name in &names {
            if !table.contains_key(*name) {
                let account = match *name {
                    GLOBAL_ACCOUNT => self.global.clone(),
                    name => Arc::new(Account::new(name, Settings::default())),
                };
                table.insert(account.name.clone(), account);
            }
        }
        // Imports refer to other accounts, so all of them have to be there first.
        for account in table.values() {
            account.set_system(Some(&*account.name) == system);
            if defined.contains_key(&account.name) {
                continue;
            }
            let mut settings = configured(&account.name)
                .map(|a| settings_of(a, &table))
                .unwrap_or_default();
            if *account.name == *GLOBAL_ACCOUNT && settings.mappings.is_empty() {
                settings.mappings = mappings_of(&options.mappings);
            }
            account.apply(settings);
        }
        if defined.is_empty() {
            self.services.lock().rebuild(&options.accounts, &table);
        }
    }

    /// Brings the accounts of these definitions in line with them; they appear when they are new.
    pub fn define(&self, definitions: &[Arc<Definition>], system: Option<&str>) {
        let mut defined = self.defined.write();
        for definition in definitions {
            let name: Arc<str> = definition.account.name.as_str().into();
            defined.insert(name, definition.clone());
        }
        let mut table = self.table.write();
        for definition in definitions {
            let name = definition.account.name.as_str();
            if !table.contains_key(name) {
                let account = Arc::new(Account::new(name, Settings::default()));
                account.set_system(Some(name) == system);
                table.insert(account.name.clone(), account);
            }
        }
        let find = |name: &str| defined.get(name).map(|definition| &definition.account);
        let mut services = self.services.lock();
        for definition in definitions {
            let Some(account) = table.get(definition.account.name.as_str()) else {
                continue;
            };
            let name_tag = definition.name_tag.as_str();
            account.apply(Settings {
                name_tag: (!name_tag.is_empty()).then(|| name_tag.into()),
                ..settings_of(&definition.account, &table)
            });
            services.renew(&definition.account, &find, &table);
        }
    }

    /// Rings when a request between accounts waited too long for its answer: time for [`Self::sweep`].
    pub fn alarm(&self) -> Arc<Alarm> {
        self.services.lock().alarm()
    }

    /// Ends requests between accounts whose answer is overdue.
    pub fn sweep(&self, now: Instant) {
        self.services.lock().sweep(now);
    }

    pub fn find(&self, name: &str) -> Option<Arc<Account>> {
        self.table.read().get(name).cloned()
    }

    /// Messages of the whole server: of every account, whoever published them.
    pub fn traffic(&self) -> TrafficSnapshot {
        let all = Traffic::default();
        all.add(&self.past.snapshot());
        for account in self.table.read().values() {
            all.add(&account.traffic.snapshot());
        }
        all.snapshot()
    }

    /// All accounts, by name.
    pub fn all(&self) -> Vec<Arc<Account>> {
        self.table.read().values().cloned().collect()
    }

    pub fn system(&self) -> Option<Arc<Account>> {
        self.table.read().values().find(|a| a.is_system()).cloned()
    }
}

pub(super) type Table = BTreeMap<Arc<str>, Arc<Account>>;

fn settings_of(a: &options::Account, table: &Table) -> Settings {
    Settings {
        limits: a.limits.clone(),
        default_permissions: a.default_permissions.clone(),
        msg_trace: a.msg_trace.clone(),
        nkey: a.nkey.clone(),
        name_tag: None,
        jetstream: jetstream_of(a),
        mappings: mappings_of(&a.mappings),
        streams: a
            .imports
            .iter()
            .filter_map(|i| stream_of(i, table))
            .collect(),
    }
}

fn jetstream_of(a: &options::Account) -> BTreeMap<String, AccountJetStream> {
    let everything = a.jetstream.clone().map(|limits| (String::new(), limits));
    let tiers = a.jetstream_tiers.clone();
    everything.into_iter().chain(tiers).collect()
}

fn stream_of(import: &options::Import, table: &Table) -> Option<StreamImport> {
    let ImportKind::Stream {
        prefix,
        to,
        allow_trace,
    } = &import.kind
    else {
        return None;
    };
    let from = table.get(import.account.as_str())?;
    let local = match (prefix, to) {
        (Some(prefix), _) => Some(format!("{prefix}.{}", import.subject)),
        (None, to) => to.clone(),
    };
    match StreamImport::new(from, &import.subject, local.as_deref(), *allow_trace) {
        Ok(stream) => Some(stream),
        Err(e) => {
            tracing::error!(
                "import of stream {:?} from {} is left out: {e}",
                import.subject,
                import.account
            );
            None
        }
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
