//! What the rooms share: immutable snapshots of the settings, the accounts, the connections.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, SystemTime};

use arc_swap::{ArcSwap, ArcSwapOption};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nats_api::system::ServerInfo as EventServerInfo;
use nats_api::system::server::JETSTREAM_FLAG;
use nats_proto::info::ServerInfo;
use parking_lot::Mutex;
use tokio::runtime::{Handle, RuntimeFlavor};

use super::crowds::{self, Crowds};
use super::operators::{LookupError, Operators, Rules};
use super::resolvers::{self, Me};
use super::{Accounts, Observer, Registry, ServerIdentity, VERSION, info, ocsp};
use crate::account::Account;
use crate::auth::{
    AuthError, AuthSetupError, Authenticator, Credentials, Identity, Revalidated, Verdict,
    unix_seconds,
};
use crate::conn::{AuthFailure, ClosedReason, Host, Round, Settings, Shared, wire};
use crate::front::tls::{Revocation, TlsPolicy, TlsSetupError};
use crate::front::{Admit, Admitted, Door, Hello, NotWelcome};
use crate::interest::{Receiver, ReceiverKind};
use crate::jetstream::{JetStream, Recovery};
use crate::ocsp::{InvalidLink, ObtainError};
use crate::options::{DEFAULT_SYSTEM_ACCOUNT, OperatorError, Options, ResolverKind};
use crate::router::FollowUp;

/// Random bytes in a nonce; 15 characters as text.
const NONCE_BYTES: usize = 11;

/// The server's state, for the rooms that wire or show it.
pub struct Core {
    pub identity: ServerIdentity,
    pub accounts: Accounts,
    pub registry: Registry,
    pub counters: Counters,
    /// Where clients connect to.
    pub listen: SocketAddr,
    options: ArcSwap<Options>,
    settings: ArcSwap<Settings>,
    authenticator: ArcSwap<Authenticator>,
    info: ArcSwap<ServerInfo>,
    /// This server as traces and services name it, without time and sequence.
    document: ArcSwap<EventServerInfo>,
    door: ArcSwap<Door>,
    pub(super) ocsp: ocsp::Upkeep,
    pub(super) lame_duck: AtomicBool,
    pub(super) accepting: AtomicBool,
    /// How far streams are on their way back.
    pub(super) recovery: Recovery,
    config_loaded: Mutex<SystemTime>,
    /// Refusals that the log counts instead of listing them.
    pub(super) crowds: Crowds,
    observer: OnceLock<Arc<dyn Observer>>,
    /// Accounts by their tokens, in operator mode.
    pub(super) operators: Option<Arc<Operators>>,
    pub(super) runtime: Option<Handle>,
    has_spare_workers: bool,
    me: Me,
    jetstream: ArcSwapOption<JetStream>,
}

/// Settings that read well and cannot work.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    #[error(transparent)]
    Auth(#[from] AuthSetupError),
    #[error(transparent)]
    Tls(#[from] TlsSetupError),
    #[error(transparent)]
    Staple(#[from] ObtainError),
    #[error("OCSP: no runtime to fetch staples on")]
    NoRuntime,
    #[error("error resolving system account: account missing: {0:?} is not among the accounts")]
    SystemAccount(String),
    #[error("can't set system account: {0}")]
    Lookup(#[from] LookupError),
    #[error(transparent)]
    Operators(#[from] OperatorError),
    #[error("account resolver: {0}")]
    Resolver(String),
}

/// A system account that is named has to be configured.
fn check_system_account(o: &Options) -> Result<(), SetupError> {
    match &o.system_account {
        Some(name)
            if !o.is_operator_mode()
                && name != DEFAULT_SYSTEM_ACCOUNT
                && !o.accounts.iter().any(|a| a.name == *name) =>
        {
            Err(SetupError::SystemAccount(name.clone()))
        }
        _ => Ok(()),
    }
}

/// Figures of the whole server that belong to no account.
#[derive(Default)]
pub struct Counters {
    pub slow_consumers: AtomicU64,
    pub stale_connections: AtomicU64,
    pub stalled_clients: AtomicU64,
}

impl Core {
    /// # Errors
    /// When the options name users that cannot be.
    pub fn new(
        options: Options,
        identity: ServerIdentity,
        listen: SocketAddr,
    ) -> Result<Self, SetupError> {
        let options = options.with_operators(VERSION)?;
        check_system_account(&options)?;
        let authenticator = Authenticator::new(&options)?;
        let ocsp = ocsp::Upkeep::default();
        let revocation = ocsp.revocation(&options);
        let door = door_of(&options, &revocation)?;
        ocsp.adopt(revocation.cache);
        warn_of(&authenticator, &door);
        let me = Me::default();
        let runtime = Handle::try_current().ok();
        let operators = rules_of(&options, &me, runtime.as_ref())?
            .map(|rules| Arc::new(Operators::new(&options, rules)));
        let info = info::common(
            &identity,
            &options,
            listen,
            authenticator.announced_as_required(),
        );
        Ok(Self {
            accounts: Accounts::new(&options),
            registry: Registry::new(options.limits.max_closed_clients as usize),
            counters: Counters::default(),
            listen,
            settings: ArcSwap::from_pointee(settings_of(&options)),
            authenticator: ArcSwap::from_pointee(authenticator),
            info: ArcSwap::from_pointee(info),
            document: ArcSwap::from_pointee(document_of(&identity, &options)),
            door: ArcSwap::from_pointee(door),
            ocsp,
            lame_duck: AtomicBool::new(false),
            accepting: AtomicBool::new(false),
            recovery: Recovery::default(),
            config_loaded: Mutex::new(identity.started),
            crowds: Crowds::default(),
            observer: OnceLock::new(),
            operators,
            has_spare_workers: has_spare_workers(runtime.as_ref()),
            runtime,
            me,
            jetstream: ArcSwapOption::empty(),
            options: ArcSwap::from_pointee(options),
            identity,
        })
    }

    pub fn options(&self) -> Arc<Options> {
        self.options.load_full()
    }

    /// Takes on new options as a whole: builds everything first, then swaps, then tells the connections what becomes of them.
    ///
    /// Blocks while passwords are compared with hashes that changed: call it where that is allowed. The round is over when the
    /// connections live by the new options, too.
    ///
    /// # Errors
    /// Nothing is changed when the new options cannot work.
    pub fn apply(&self, options: Options) -> Result<Round, SetupError> {
        let options = options.with_operators(VERSION)?;
        check_system_account(&options)?;
        let authenticator = Authenticator::new(&options)?;
        let revocation = self.ocsp.revocation(&options);
        let door = door_of(&options, &revocation)?;
        self.staple_anew(&door)?;
        warn_of(&authenticator, &door);
        let rules = rules_of(&options, &self.me, self.runtime.as_ref())?;
        let mut info = info::common(
            &self.identity,
            &options,
            self.listen,
            authenticator.announced_as_required(),
        );
        info.ldm = self.is_lame_duck();
        self.accounts.apply(&options);
        self.registry
            .set_max_closed(options.limits.max_closed_clients as usize);
        self.settings.store(Arc::new(settings_of(&options)));
        self.authenticator.store(Arc::new(authenticator));
        self.info.store(Arc::new(info));
        self.document
            .store(Arc::new(document_of(&self.identity, &options)));
        self.keep_up_ocsp(&door, revocation.cache);
        self.door.store(Arc::new(door));
        self.options.store(Arc::new(options));
        *self.config_loaded.lock() = SystemTime::now();
        let authenticator = self.authenticator.load_full();
        let round = Round::default();
        if let (Some(operators), Some(rules)) = (&self.operators, rules) {
            let now = unix_seconds(SystemTime::now());
            let changed = operators.reload(&self.accounts, rules, now);
            self.claims_changed(&changed, &round);
        }
        for client in self.registry.open() {
            let verdict = client
                .identity()
                .map(|identity| self.still_valid(&authenticator, &identity));
            client.revalidate(verdict, &round);
        }
        self.close_surplus();
        Ok(round)
    }

    fn still_valid(&self, authenticator: &Authenticator, identity: &Identity) -> Revalidated {
        let Some(operators) = &self.operators else {
            return match authenticator.still_valid(identity) {
                // An authorization service may have put it into an account that is gone.
                Revalidated::Same if self.accounts.find(&identity.account).is_none() => {
                    Revalidated::Moved
                }
                verdict => verdict,
            };
        };
        let pinned = &operators.rules().pinned;
        if !pinned.is_empty() && !pinned.contains(&*identity.account) {
            let account = identity.account.to_string();
            return Revalidated::Gone(AuthError::NotPinned(account));
        }
        match operators.known(&identity.account) {
            Some(live) => {
                let strict = operators.is_strict(&live.claims.issuer);
                identity.under(&live.claims, strict, SystemTime::now())
            }
            None => Revalidated::Same,
        }
    }

    /// Itself, to be taken along into tasks, once it is running.
    pub(super) fn me(&self) -> Option<Arc<Self>> {
        self.me.get().and_then(Weak::upgrade)
    }

    /// Call once, when it is shared.
    pub(super) fn remember_me(self: &Arc<Self>) {
        let _ = self.me.set(Arc::downgrade(self));
    }

    /// In operator mode: fetches the system account. Blocks.
    ///
    /// # Errors
    /// When there is none and nobody could push it.
    pub(super) fn load_system_account(&self) -> Result<(), SetupError> {
        let (Some(operators), Some(system)) = (&self.operators, &self.options().system_account)
        else {
            return Ok(());
        };
        let can_be_pushed = matches!(
            operators.rules().kind,
            ResolverKind::Full { .. } | ResolverKind::Cache { .. }
        );
        match self.load_account(system) {
            Ok(_) => Ok(()),
            Err(LookupError::Fetch(error)) if can_be_pushed => {
                tracing::info!("system account {system} has no token here yet: {error}");
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Whether accounts or activations have expired.
    pub(super) fn is_due(&self) -> bool {
        let now = unix_seconds(SystemTime::now());
        self.operators.as_ref().is_some_and(|o| o.is_due(now))
    }

    /// Acts on accounts and activations that have expired. May block.
    pub(super) fn tick(&self) {
        if let Some(operators) = &self.operators {
            let now = unix_seconds(SystemTime::now());
            let changed = operators.tick(&self.accounts, now);
            self.claims_changed(&changed, &Round::default());
        }
    }

    /// Closes the newest connections when there are more than allowed.
    fn close_surplus(&self) {
        let max = self.options.load().limits.max_connections as usize;
        let mut open = self.registry.open();
        let surplus = open.len().saturating_sub(max);
        open.sort_unstable_by_key(|c| std::cmp::Reverse(c.id()));
        for client in open.into_iter().take(surplus) {
            client.close(
                ClosedReason::MaxConnectionsExceeded,
                Some(wire::MAX_CONNECTIONS),
            );
        }
    }

    /// INFO as it stands.
    pub fn server_info(&self) -> Arc<ServerInfo> {
        self.info.load_full()
    }

    pub(super) fn change_info(&self, change: impl FnOnce(&mut ServerInfo)) {
        let mut info = ServerInfo::clone(&self.info.load());
        change(&mut info);
        self.info.store(Arc::new(info));
    }

    pub fn is_lame_duck(&self) -> bool {
        self.lame_duck.load(Ordering::Relaxed)
    }

    /// New clients get in: the listener is open, and the server does not leave.
    pub fn is_accepting(&self) -> bool {
        self.accepting.load(Ordering::Relaxed)
    }

    /// When the configuration was last taken on.
    pub fn config_loaded(&self) -> SystemTime {
        *self.config_loaded.lock()
    }

    /// Subscriptions of all accounts.
    pub fn subscriptions(&self) -> usize {
        self.accounts.all().iter().map(|a| a.interest.len()).sum()
    }

    /// JetStream, when it runs.
    pub fn jetstream(&self) -> Option<Arc<JetStream>> {
        self.jetstream.load_full()
    }

    pub(super) fn set_jetstream(&self, jetstream: Option<Arc<JetStream>>) {
        self.jetstream.store(jetstream);
    }

    /// Names who is told of connections; once, before clients are accepted.
    pub fn observe(&self, observer: Arc<dyn Observer>) {
        let _ = self.observer.set(observer);
    }
}

fn rules_of(
    options: &Options,
    me: &Me,
    runtime: Option<&Handle>,
) -> Result<Option<Rules>, SetupError> {
    if !options.is_operator_mode() {
        return Ok(None);
    }
    let runtime = runtime.ok_or_else(|| SetupError::Resolver("no runtime to work on".into()))?;
    resolvers::rules(options, me, runtime).map(Some)
}

fn document_of(identity: &ServerIdentity, o: &Options) -> EventServerInfo {
    EventServerInfo {
        name: identity.name.clone(),
        host: o.listen.host.clone(),
        id: identity.id.clone(),
        ver: VERSION.to_owned(),
        tags: o.server_tags.clone(),
        metadata: o.server_metadata.clone(),
        feature_flags: o.feature_flags.clone(),
        domain: o.jetstream.domain.clone().unwrap_or_default(),
        jetstream: o.jetstream.enabled,
        flags: match o.jetstream.enabled {
            true => JETSTREAM_FLAG,
            false => 0,
        },
        ..EventServerInfo::default()
    }
}

/// What is accepted and still worth a look: plain passwords, suites that are not offered, a certificate that has expired.
fn warn_of(authenticator: &Authenticator, door: &Door) {
    let of_tls = door
        .tls
        .iter()
        .flat_map(|tls| tls.warnings(SystemTime::now()));
    for warning in authenticator.warnings().into_iter().chain(of_tls) {
        tracing::warn!("{warning}");
    }
}

fn door_of(o: &Options, revocation: &Revocation) -> Result<Door, TlsSetupError> {
    let load = |tls| TlsPolicy::load(tls, o.allow_non_tls, revocation).map(Arc::new);
    Ok(Door {
        tls: o.tls.as_ref().map(load).transpose()?,
        proxy_protocol: o.proxy_protocol,
        in_process: false,
    })
}

fn settings_of(o: &Options) -> Settings {
    let (l, log) = (&o.limits, &o.logging);
    Settings {
        max_control_line: l.max_control_line as usize,
        max_payload: l.max_payload.map(|n| n as usize),
        max_pending: usize::try_from(l.max_pending).unwrap_or(usize::MAX),
        max_subscriptions: l.max_subscriptions.map(|n| n as usize),
        max_sub_tokens: l.max_sub_tokens.map(usize::from),
        ping_interval: l.ping_interval,
        ping_max: l.ping_max,
        write_deadline: l.write_deadline,
        auth_timeout: o.auth_timeout(),
        headers: !o.no_header_support,
        no_fast_producer_stall: l.no_fast_producer_stall,
        trace: log.trace,
        trace_verbose: log.trace_verbose,
        trace_headers: log.trace_headers,
        max_traced_msg_len: log.max_traced_msg_len.unwrap_or(0) as usize,
    }
}

impl Host for Core {
    fn settings(&self) -> Arc<Settings> {
        self.settings.load_full()
    }

    fn authenticator(&self) -> Arc<Authenticator> {
        self.authenticator.load_full()
    }

    fn authenticate(&self, client: &Arc<Shared>, request: &Credentials<'_>) -> Verdict {
        self.decide(client, request)
    }

    fn account(&self, name: &str) -> Option<Arc<Account>> {
        self.accounts.find(name)
    }

    fn global_account(&self) -> Arc<Account> {
        self.accounts.global.clone()
    }

    fn follow_up(&self, left: Arc<dyn FollowUp>) {
        if self.has_spare_workers {
            left.here(&|work| tokio::task::block_in_place(work));
        } else {
            left.elsewhere();
        }
    }

    fn info_line(&self, to: &Shared, with_connect_info: bool) -> Vec<u8> {
        info::line(
            &self.info.load(),
            to,
            self.shown_ip(to.remote()),
            with_connect_info,
        )
    }

    fn connected(&self, client: &Arc<Shared>) {
        self.judge_again(client);
        if let Some(o) = self.observer.get() {
            o.connected(client);
        }
    }

    fn auth_failed(&self, client: &Arc<Shared>, failure: &AuthFailure) {
        let claimed = client.state.lock().claimed.clone();
        tracing::error!(
            "{} - authentication error - {claimed} ({})",
            client.label(),
            failure.error
        );
        if let Some(o) = self.observer.get() {
            o.auth_failed(client, failure);
        }
    }

    fn disconnected(&self, client: &Arc<Shared>, reason: ClosedReason) {
        self.registry.close(client);
        match reason {
            ClosedReason::SlowConsumerPendingBytes | ClosedReason::SlowConsumerWriteDeadline => {
                self.counters.slow_consumers.fetch_add(1, Ordering::Relaxed);
                if let Some(a) = client.account() {
                    a.slow_consumers.fetch_add(1, Ordering::Relaxed);
                }
                tracing::info!("{} - Slow Consumer Detected: {reason}", client.label());
            }
            ClosedReason::StaleConnection => {
                self.counters
                    .stale_connections
                    .fetch_add(1, Ordering::Relaxed);
            }
            _ => {}
        }
        tracing::debug!("{} - Client connection closed: {reason}", client.label());
        if let Some(o) = self.observer.get() {
            o.disconnected(client, reason);
        }
    }

    fn notice(&self, client: &Shared, text: std::fmt::Arguments<'_>) {
        tracing::error!("{} - {text}", client.label());
    }
}

impl Admit for Core {
    fn admit(self: Arc<Self>, remote: SocketAddr) -> Admitted {
        let max_pending = self.settings.load().max_pending;
        let id = self.registry.next_id();
        let receiver = Arc::new(Receiver::new(id, ReceiverKind::Client, max_pending));
        let nonce = if self.authenticator.load().nonce_required() {
            nonce()
        } else {
            String::new()
        };
        let server = self.document.load_full();
        let shared = Arc::new(Shared::new(
            receiver,
            remote,
            SystemTime::now(),
            nonce,
            server,
        ));
        let about: Weak<Shared> = Arc::downgrade(&shared);
        shared.receiver.set_about(about);
        tracing::debug!("{} - Client connection created", shared.label());
        let max = self.options.load().limits.max_connections as usize;
        match self.registry.admit(&shared, max) {
            true => Admitted::Placed(shared),
            false => Admitted::Surplus(shared),
        }
    }

    fn door(&self) -> Arc<Door> {
        self.door.load_full()
    }

    fn first_info(&self, to: &Shared, hello: &Hello) -> Vec<u8> {
        let mut info = ServerInfo::clone(&self.info.load());
        info.tls_required = hello.tls_required;
        info.tls_available = hello.tls_available;
        let shown = hello.client.map(|c| self.shown_ip(c)).unwrap_or_default();
        info::line(&info, to, shown, false)
    }

    fn not_welcome(self: Arc<Self>, client: &Arc<Shared>, why: &NotWelcome) {
        if let (NotWelcome::NotOcspValid(links, certificates), Some(observer)) =
            (why, self.observer.get())
        {
            observer.certificates_invalid(links);
            observer.certificate_rejected(certificates);
        }
        match why {
            NotWelcome::Full => {
                if self.crowds.surplus.note() {
                    tracing::error!("{} - {why}", client.label());
                    tokio::spawn(crowds::tell_of_surplus(self));
                }
            }
            NotWelcome::Throttled => {
                tracing::debug!("{} - {why}", client.label());
                if self.crowds.throttled.note() {
                    tokio::spawn(crowds::tell_of_throttled(self));
                }
            }
            why if why.is_probe() => tracing::debug!("{} - {why}", client.label()),
            why => tracing::error!("{} - {why}", client.label()),
        }
    }

    fn certificates_invalid(&self, links: &[InvalidLink]) {
        if let Some(observer) = self.observer.get() {
            observer.certificates_invalid(links);
        }
    }

    fn accept_failed(&self, error: &io::Error, retry: Duration) {
        tracing::error!(
            "Temporary Client Accept Error ({error}), sleeping {}ms",
            retry.as_millis()
        );
    }
}

/// Text that a client signs to prove that it holds its key.
fn nonce() -> String {
    let mut raw = [0u8; NONCE_BYTES];
    // The system's generator does not fail once the process runs; an all-zero nonce would only be refused by signatures.
    let _ = getrandom::fill(&mut raw);
    URL_SAFE_NO_PAD.encode(raw)
}

/// Whether a thread of the runtime may block while others go on.
fn has_spare_workers(runtime: Option<&Handle>) -> bool {
    runtime.is_some_and(|runtime| {
        runtime.runtime_flavor() == RuntimeFlavor::MultiThread
            && runtime.metrics().num_workers() > 1
    })
}
