//! JetStream: streams and consumers of the accounts that have it.
//!
//! **What lives here.** [`JetStream`] wires the machines of `nats-jetstream` to this server: `engine` (threads, timers, the log), [`account`]
//! (the streams of one account), `door` (what stands in an account's subjects), `listening` (what comes from mirrors' origins and sources), [`api`] (requests), `outlet` (what goes out again),
//! [`usage`] (limits), `vault` (what is on disk), `snapshot` (archives out and in).
//!
//! May call: `server` (start, reload, stop), `monitor` and `system` (views). It calls `router`, `account` and the stores; nothing above.
//! Never happens here: a decision about a message or a configuration; those are the machines'.
//! Locks: `changing` while an account gets or loses JetStream, an account's `changes` while a stream is made or deleted, then a lane's
//! seat; never the other way round.
//!
//! Start reading at [`JetStream::start`]; a message's way is `door::Ingest::receive`, `engine::Lane::run`, `outlet`.

pub mod account;
pub mod api;
mod door;
mod engine;
mod faults;
mod listening;
mod lost;
mod outlet;
mod patterns;
mod recovery;
mod restore;
mod seat;
mod settings;
mod snapshot;
mod streams;
mod upkeep;
pub mod usage;
mod vault;

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;

use nats_api::errors::ApiError;
use parking_lot::{Mutex, RwLock};

use crate::account::Account;
use crate::interest::Sub;
use crate::router::{Cycle, Handler};
use account::JsAccount;
use api::{Complaints, Queue, QueueLimits, Request};
use engine::{Engine, InputKind};
use outlet::AccountOutlet;
use seat::StreamSeat;
use snapshot::Transfers;
use upkeep::Stop;
use usage::{AccountUsage, ServerUsage, Tiers};
use vault::Vault;

pub use faults::DAMAGE_TOLD;
pub use lost::Lost;
pub use recovery::Recovery;
pub use settings::{Settings, default_max_consumers};
pub use vault::VaultError;

/// Level of the API that this server speaks.
pub const API_LEVEL: u32 = 5;

/// Threads that serve the API.
const API_THREADS: usize = 2;

/// JetStream of one server.
pub struct JetStream {
    me: Weak<Self>,
    pub settings: Settings,
    pub usage: Arc<ServerUsage>,
    engine: Arc<Engine<StreamSeat>>,
    vault: Vault,
    queue: Arc<Queue>,
    complaints: Complaints,
    accounts: RwLock<HashMap<Arc<str>, Enabled>>,
    /// Streams that did not come back.
    lost: Mutex<Vec<Lost>>,
    transfers: Arc<Transfers>,
    upkeep: Arc<Stop>,
    upkeep_threads: Mutex<Vec<JoinHandle<()>>>,
    /// Held while an account gets or loses JetStream.
    changing: Mutex<()>,
    /// The account that hears what concerns the whole server.
    system: Mutex<Option<AccountOutlet>>,
    /// Subscriptions in accounts that have no JetStream.
    strangers: Mutex<Vec<(Arc<Account>, Arc<Sub>)>>,
}

/// An account with JetStream and what stands in its subjects for it.
struct Enabled {
    account: Arc<JsAccount>,
    subs: Vec<Arc<Sub>>,
}

/// Why JetStream does not start.
#[derive(Debug, thiserror::Error)]
pub enum JetStreamError {
    #[error("JetStream: {0}")]
    Vault(#[from] VaultError),
    #[error("JetStream needs threads: {0}")]
    Threads(#[from] std::io::Error),
    #[error("JetStream cannot be enabled for the system account {0:?}")]
    SystemAccount(Arc<str>),
    #[error("JetStream for account {account:?}: {error}")]
    NoRoom { account: Arc<str>, error: ApiError },
}

impl JetStream {
    /// Opens the store and starts the threads; `recovery` says how far that is. No account has JetStream yet.
    ///
    /// # Errors
    /// See [`JetStreamError`].
    pub fn start(settings: Settings, recovery: &Recovery) -> Result<Arc<Self>, JetStreamError> {
        let (vault, lost) = Vault::open(&settings, recovery)?;
        let engine = Engine::start(vault.log(), settings.workers)?;
        let queue = Queue::new(QueueLimits {
            changes: settings.request_queue_limit,
            infos: settings.info_queue_limit,
        });
        let jetstream = Arc::new_cyclic(|me: &Weak<Self>| Self {
            me: me.clone(),
            usage: Arc::new(ServerUsage {
                max_memory: settings.max_memory,
                max_file: settings.max_file,
                atomic_batches_max: settings.atomic_batches_max,
                fast_batches_max: settings.fast_batches_max,
                ..ServerUsage::default()
            }),
            settings,
            engine,
            vault,
            queue: queue.clone(),
            complaints: Complaints::default(),
            accounts: RwLock::default(),
            lost: Mutex::new(lost),
            transfers: Arc::default(),
            upkeep: Arc::default(),
            upkeep_threads: Mutex::default(),
            changing: Mutex::default(),
            system: Mutex::default(),
            strangers: Mutex::default(),
        });
        let served = Arc::downgrade(&jetstream);
        queue.start(API_THREADS, move |request| {
            if let Some(jetstream) = served.upgrade() {
                api::serve(&jetstream, &request);
            }
        })?;
        let (whose, stop) = (Arc::downgrade(&jetstream), jetstream.upkeep.clone());
        let named = std::thread::Builder::new().name("jetstream-upkeep".to_owned());
        let upkeep = named.spawn(move || upkeep::run(&whose, &stop))?;
        jetstream.upkeep_threads.lock().push(upkeep);
        let (tail, stop) = (jetstream.vault.tail(), jetstream.upkeep.clone());
        let named = std::thread::Builder::new().name("jetstream-tail".to_owned());
        let tail = named.spawn(move || upkeep::keep_tail_short(&tail, &stop))?;
        jetstream.upkeep_threads.lock().push(tail);
        Ok(jetstream)
    }

    /// What concerns the whole server is told to this account from now on.
    pub fn tell_system(&self, account: Option<Arc<Account>>) {
        *self.system.lock() = account.map(AccountOutlet::new);
    }

    /// Gives an account JetStream, or other limits if it has it already, and brings back its streams.
    ///
    /// # Errors
    /// The account is the system account, the server has no room for what the limits promise (an account that has JetStream keeps the
    /// limits that it has), or what is on disk for it cannot be read.
    pub fn enable(&self, account: &Arc<Account>, tiers: Tiers) -> Result<(), JetStreamError> {
        if account.is_system() {
            return Err(JetStreamError::SystemAccount(account.name.clone()));
        }
        let _one_at_a_time = self.changing.lock();
        let known = self.account(&account.name).map(|js| js.usage.clone());
        let is_new = known.is_none();
        let usage =
            known.unwrap_or_else(|| AccountUsage::new(Tiers::default(), self.usage.clone()));
        let others: Vec<_> = self.accounts().iter().map(|js| js.usage.clone()).collect();
        let others: Vec<_> = others
            .into_iter()
            .filter(|other| !Arc::ptr_eq(other, &usage))
            .collect();
        usage
            .can_promise(&tiers, &others)
            .map_err(|error| JetStreamError::NoRoom {
                account: account.name.clone(),
                error,
            })?;
        usage.set_tiers(tiers);
        if !is_new {
            return Ok(());
        }
        let window = self.settings.duplicate_window_max;
        let js = Arc::new(JsAccount::new(account.clone(), usage, window));
        self.recover(&js)?;
        self.forget_stranger(account);
        let subs = self.doors(&Arc::downgrade(&js));
        for sub in &subs {
            account.interest.insert(sub.clone());
        }
        account.interest.watch(Some(js.clone()));
        let enabled = Enabled { account: js, subs };
        self.accounts.write().insert(account.name.clone(), enabled);
        Ok(())
    }

    /// Takes JetStream from an account: its streams stop, nothing is deleted, and [`JetStream::enable`] brings them back.
    pub fn disable(&self, name: &str) {
        let _one_at_a_time = self.changing.lock();
        let Some(gone) = self.accounts.write().remove(name) else {
            return;
        };
        gone.account.account.interest.watch(None);
        for sub in &gone.subs {
            sub.close();
            gone.account.account.interest.remove(sub);
        }
        self.put_away(&gone.account);
    }

    /// Lets an account without JetStream hear that it has none.
    pub fn answer_stranger(&self, account: &Arc<Account>) {
        let mut strangers = self.strangers.lock();
        if strangers
            .iter()
            .any(|(known, _)| Arc::ptr_eq(known, account))
        {
            return;
        }
        let prefix = format!("{}.", nats_api::jetstream::subjects::API_PREFIX);
        let sub = self.api_door(&format!("{prefix}>"), prefix.len(), Weak::new());
        account.interest.insert(sub.clone());
        strangers.push((account.clone(), sub));
    }

    fn forget_stranger(&self, account: &Arc<Account>) {
        self.strangers.lock().retain(|(known, sub)| {
            let is_other = !Arc::ptr_eq(known, account);
            if !is_other {
                sub.close();
                account.interest.remove(sub);
            }
            is_other
        });
    }

    /// An account's JetStream.
    pub fn account(&self, name: &str) -> Option<Arc<JsAccount>> {
        self.accounts.read().get(name).map(|e| e.account.clone())
    }

    /// All accounts with JetStream, by name.
    pub fn accounts(&self) -> Vec<Arc<JsAccount>> {
        let mut all: Vec<_> = self
            .accounts
            .read()
            .values()
            .map(|e| e.account.clone())
            .collect();
        all.sort_by(|a, b| a.account.name.cmp(&b.account.name));
        all
    }

    /// Why nothing can be made durable at the moment.
    pub fn fault(&self) -> Option<nats_store::StoreError> {
        self.vault.fault()
    }

    /// What was found damaged at the start and belongs to no stream that could say so.
    pub fn damage(&self) -> &[String] {
        self.vault.damage()
    }

    /// Accounts for which streams are on disk and that have no JetStream.
    pub fn unclaimed(&self) -> Vec<String> {
        self.vault.unclaimed()
    }

    /// Requests of the API that wait or are being served.
    pub fn inflight(&self) -> u64 {
        self.queue.inflight()
    }

    /// Stops everything; what was acknowledged is on disk. Blocks.
    pub fn stop(&self) {
        self.queue.stop();
        self.transfers.stop();
        self.upkeep.stop();
        self.vault.tail().end();
        for thread in std::mem::take(&mut *self.upkeep_threads.lock()) {
            if thread.join().is_err() {
                tracing::error!("the JetStream upkeep ended in a panic");
            }
        }
        self.checkpoint_all();
        let names: Vec<Arc<str>> = self.accounts.read().keys().cloned().collect();
        for name in names {
            self.disable(&name);
        }
        self.engine.stop();
        self.vault.close();
    }

    /// Itself, for those who work on beyond a request.
    fn me(&self) -> Result<Arc<Self>, ApiError> {
        self.me.upgrade().ok_or_else(not_enabled)
    }

    /// Queues a request of the API.
    pub(crate) fn ask(&self, cx: &mut Cycle, request: Request, is_info: bool) {
        let account = request.account.clone();
        let dropped = self.queue.push(request, is_info);
        if dropped > 0 {
            tracing::warn!("JetStream API queue limit reached, dropping {dropped} requests");
            api::limit_reached(self, cx, &account, dropped);
        }
    }

    /// What stands in an account's subjects: the API under every prefix, acknowledgements, answers to flow control.
    fn doors(&self, js: &Weak<JsAccount>) -> Vec<Arc<Sub>> {
        use nats_api::jetstream::subjects::{
            ACK_PREFIX, API_PREFIX, FLOW_CONTROL_PREFIX, domain_prefix,
        };
        let mut prefixes = vec![API_PREFIX.to_owned()];
        if let Some(domain) = &self.settings.domain {
            prefixes.push(domain_prefix(domain));
        }
        let api = prefixes
            .iter()
            .map(|prefix| self.api_door(&format!("{prefix}.>"), prefix.len() + 1, js.clone()));
        let answers = [
            (ACK_PREFIX, InputKind::Ack),
            (FLOW_CONTROL_PREFIX, InputKind::FlowAnswer),
        ];
        let answers = answers.iter().map(|(prefix, kind)| {
            let service = door::Answers {
                account: js.clone(),
                kind: *kind,
            };
            let target = Handler::target(Arc::new(service));
            Arc::new(Sub::new(
                format!("{prefix}.>").as_bytes(),
                None,
                b"",
                target,
            ))
        });
        api.chain(answers).collect()
    }

    fn api_door(&self, subject: &str, prefix: usize, account: Weak<JsAccount>) -> Arc<Sub> {
        let service = door::Api {
            jetstream: self.me.clone(),
            account,
            prefix,
        };
        let target = Handler::target(Arc::new(service));
        Arc::new(Sub::new(subject.as_bytes(), None, b"", target))
    }
}

/// No JetStream for the account that asks.
pub(crate) fn not_enabled() -> ApiError {
    ApiError::NOT_ENABLED_FOR_ACCOUNT.error()
}
