//! What runs beside the clients: the monitoring pages and the system account.

use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use hashbrown::HashMap;
use nats_api::system::{ReplyEncoding, ServerInfo as EventServerInfo, subjects};
use nats_proto::header::block;
use nats_proto::info::ServerInfo;
use parking_lot::Mutex;
use rustls_pki_types::CertificateDer;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{Core, Observer, info};
use crate::account::Account;
use crate::auth::AuthError;
use crate::conn::{AuthFailure, ClosedReason, Host as _, Shared};
use crate::front::tls::{TlsPolicy, TlsSetupError};
use crate::front::{Admit as _, ListenError, NOT_OCSP_VALID, listen};
use crate::interest::Sub;
use crate::monitor::{self, Pages};
use crate::ocsp::{Described, InvalidLink};
use crate::options::GLOBAL_ACCOUNT;
use crate::router::{Cycle, Handler, Message, Origin, Service, publish_from_inside};
use crate::system::process::Process;
use crate::system::{
    self, Ask, ClaimsAsk, Control, Desk, Gone, Outlet, Request, SystemAccount, Told,
};

/// Reads the configuration again and applies it. The error is for the user who asked.
pub type Reloader = Arc<dyn Fn(&Core) -> Result<(), String> + Send + Sync>;

/// Why the pages or the system account cannot start.
#[derive(Debug, thiserror::Error)]
pub enum SideError {
    #[error("can't listen to the monitor port: {0}")]
    Listen(#[from] ListenError),
    #[error("monitoring over HTTPS: {0}")]
    Tls(#[from] TlsSetupError),
    #[error("monitoring over HTTPS needs a tls block")]
    NoTls,
    #[error("system account: {0}")]
    Thread(#[from] std::io::Error),
}

/// The monitoring pages and the system account of one server.
pub struct Side {
    core: Weak<Core>,
    system: Option<Arc<SystemAccount>>,
    /// Accounts in which the services of the system account can be asked.
    served: Mutex<HashMap<Arc<str>, Arc<Account>>>,
    stop: watch::Sender<bool>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    /// Scheme and address of each port of the pages.
    monitors: Vec<(&'static str, SocketAddr)>,
}

impl Side {
    /// Opens the monitoring ports and starts the system account.
    ///
    /// # Errors
    /// See [`SideError`].
    pub async fn start(
        core: &Arc<Core>,
        reloader: Option<Reloader>,
    ) -> Result<Arc<Self>, SideError> {
        let options = core.options();
        let process = Arc::new(Process::new());
        let pages = Arc::new(Pages::new(core.clone(), process.clone()));
        let (stop, stopped) = watch::channel(false);
        let (mut tasks, mut monitors) = (Vec::new(), Vec::new());
        for listener in listeners(core).await? {
            let scheme = if listener.tls.is_some() {
                "https"
            } else {
                "http"
            };
            monitors.push((scheme, listener.tcp.local_addr()?));
            tasks.push(tokio::spawn(monitor::serve(
                listener,
                pages.clone(),
                stopped.clone(),
            )));
        }
        let system = match options.system_account_name() {
            Some(_) => {
                let control = Arc::new(Hands {
                    core: Arc::downgrade(core),
                    reloader,
                });
                let desk = Desk::new(pages, process, control);
                Some(Arc::new(SystemAccount::start(desk, core.clone())?))
            }
            None => None,
        };
        let side = Arc::new(Self {
            core: Arc::downgrade(core),
            system,
            served: Mutex::default(),
            stop,
            tasks: Mutex::new(tasks),
            monitors,
        });
        side.serve_accounts();
        core.observe(side.clone());
        Ok(side)
    }

    /// Where the monitoring pages are.
    pub fn monitors(&self) -> Vec<SocketAddr> {
        self.monitors.iter().map(|(_, at)| *at).collect()
    }

    /// The same as URLs.
    pub fn monitor_urls(&self) -> Vec<String> {
        let mut urls = Vec::new();
        for (scheme, at) in &self.monitors {
            let reachable = super::start::reachable(*at).into_iter();
            urls.extend(reachable.map(|at| format!("{scheme}://{at}")));
        }
        urls
    }

    /// Makes the services available in accounts that are new. Call after a reload.
    pub fn serve_accounts(&self) {
        if let Some(core) = self.core.upgrade() {
            for account in core.accounts.all() {
                self.serve_account(&core, &account);
            }
        }
    }

    /// The server is about to leave gently.
    pub fn lame_duck(&self) {
        if let Some(system) = &self.system {
            system.lame_duck();
        }
    }

    /// Tells that the server leaves, while its clients can still hear it. Pages stay until [`Self::stop`].
    pub async fn say_goodbye(&self) {
        if let Some(system) = self.system.clone() {
            let _ = tokio::task::spawn_blocking(move || system.shutdown()).await;
        }
    }

    /// Ends the pages.
    pub async fn stop(&self) {
        let _ = self.stop.send(true);
        let tasks = std::mem::take(&mut *self.tasks.lock());
        for task in tasks {
            let _ = task.await;
        }
    }

    fn serve_account(&self, core: &Core, account: &Arc<Account>) {
        let Some(system) = &self.system else { return };
        let mut served = self.served.lock();
        if served
            .get(&account.name)
            .is_some_and(|known| Arc::ptr_eq(known, account))
        {
            return;
        }
        served.insert(account.name.clone(), account.clone());
        let asks = match account.is_system() {
            true => {
                let mut asks = system::in_system_account(&core.identity.id);
                asks.extend(system::about_claims(core.claims_scope(), &core.identity.id));
                asks
            }
            false => system::in_every_account(),
        };
        for (sid, (subject, ask)) in asks.into_iter().enumerate() {
            let target = Handler::target(Arc::new(Counter {
                ask,
                system: system.clone(),
            }));
            let sid = sid.to_string();
            account.interest.insert(Arc::new(Sub::new(
                subject.as_bytes(),
                None,
                sid.as_bytes(),
                target,
            )));
        }
    }
}

/// The listening sockets that the options ask for.
async fn listeners(core: &Arc<Core>) -> Result<Vec<monitor::Listener>, SideError> {
    let options = core.options();
    let settings = &options.monitoring;
    let host = settings.host.as_ref().unwrap_or(&options.listen.host);
    let mut listeners = Vec::new();
    if let Some(port) = settings.http_port {
        let tcp = open("http", host, port).await?;
        listeners.push(monitor::Listener {
            tcp,
            tls: None,
            tls_timeout: Duration::ZERO,
        });
    }
    if let Some(port) = settings.https_port {
        let policy = core.door().tls.clone().ok_or(SideError::NoTls)?;
        let tls_timeout = policy.timeout;
        let source = https_source(core, policy)?;
        let tcp = open("https", host, port).await?;
        listeners.push(monitor::Listener {
            tcp,
            tls: Some(source),
            tls_timeout,
        });
    }
    Ok(listeners)
}

/// The TLS settings of the pages: those of the configuration as it stands, so that a reload brings new certificates here, too.
fn https_source(
    core: &Arc<Core>,
    policy: Arc<TlsPolicy>,
) -> Result<monitor::TlsSource, TlsSetupError> {
    let tls = pages_tls(&policy)?;
    let known = Mutex::new((policy, tls));
    let core = Arc::downgrade(core);
    Ok(Arc::new(move || {
        let (policy, tls) = known.lock().clone();
        let now = core.upgrade().and_then(|core| core.door().tls.clone());
        let Some(now) = now.filter(|now| !Arc::ptr_eq(now, &policy)) else {
            return tls;
        };
        let tls = pages_tls(&now).unwrap_or_else(|error| {
            tracing::error!("Monitoring over HTTPS keeps its old certificate: {error}");
            tls
        });
        *known.lock() = (now, tls.clone());
        tls
    }))
}

fn pages_tls(policy: &TlsPolicy) -> Result<monitor::PagesTls, TlsSetupError> {
    Ok(monitor::PagesTls {
        config: policy.config_of_pages()?,
        peers: policy.peers().cloned(),
    })
}

async fn open(scheme: &str, host: &str, port: u16) -> Result<TcpListener, ListenError> {
    let tcp = listen(host, port).await.map_err(|source| ListenError {
        address: format!("{host}:{port}"),
        source,
    })?;
    let port = tcp.local_addr().map_or(port, |at| at.port());
    tracing::info!("Starting {scheme} monitor on {host}:{port}");
    Ok(tcp)
}

/// Takes requests from the router and hands them to the system account's thread.
struct Counter {
    ask: Ask,
    system: Arc<SystemAccount>,
}

impl Service for Counter {
    fn receive(&self, _: &mut Cycle, from: &Origin<'_>, _: &Arc<Sub>, msg: &Message<'_>) -> bool {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let wish = block::find_value(msg.header(), ReplyEncoding::REQUEST_HEADER.as_bytes());
        let request = Request {
            subject: text(msg.subject),
            account: from.account.name.to_string(),
            client: from.receiver.map(|r| r.id),
            body: msg.body().to_vec(),
            encoding: wish.map_or(ReplyEncoding::Plain, |w| {
                ReplyEncoding::from_header(&text(w))
            }),
        };
        self.system.ask(self.ask, request, msg.reply.map(text));
        true
    }
}

impl Side {
    /// The global account's connections are not counted in events, so an event of one is only worth waking the system's thread for
    /// when somebody listens: the thread took a fifth of the CPU of a storm of connections.
    fn is_worth_telling(&self, client: &Shared, subject: impl Fn(&str) -> String) -> bool {
        let Some(core) = self.core.upgrade() else {
            return false;
        };
        let account = client.account();
        let name = account.as_ref().map_or(GLOBAL_ACCOUNT, |a| &*a.name);
        name != GLOBAL_ACCOUNT
            || core
                .accounts
                .system()
                .is_some_and(|s| s.interest.has_interest(subject(name).as_bytes()))
    }
}

impl Observer for Side {
    fn connected(&self, client: &Arc<Shared>) {
        if let (Some(core), Some(account)) = (self.core.upgrade(), client.account()) {
            self.serve_account(&core, &account);
        }
        if let Some(system) = &self.system
            && self.is_worth_telling(client, subjects::connect_event)
        {
            system.connected(client.clone());
        }
    }

    fn disconnected(&self, client: &Arc<Shared>, reason: ClosedReason) {
        if let Some(system) = &self.system
            && self.is_worth_telling(client, subjects::disconnect_event)
        {
            system.disconnected(client.clone(), gone(client, reason));
        }
    }

    fn auth_failed(&self, client: &Arc<Shared>, failure: &AuthFailure) {
        if let Some(system) = &self.system {
            let told = match &failure.error {
                AuthError::OfService {
                    account, reason, ..
                } => Some(Told {
                    account: account.clone(),
                    reason: reason.clone(),
                }),
                _ => None,
            };
            system.refused(client.clone(), gone(client, failure.reason), told);
        }
    }

    fn certificates_invalid(&self, links: &[InvalidLink]) {
        for link in links {
            if let Some(system) = &self.system {
                system.certificate_invalid(link.clone());
            }
        }
    }

    fn certificate_rejected(&self, certificates: &[CertificateDer<'static>]) {
        match (&self.system, certificates.first()) {
            (Some(system), Some(leaf)) => {
                system.certificate_rejected(Described::of(leaf), NOT_OCSP_VALID);
            }
            (Some(_), None) => {
                tracing::error!("Peer certificate is nil, cannot send OCSP peer reject event")
            }
            (None, _) => {}
        }
    }
}

fn gone(client: &Shared, reason: ClosedReason) -> Gone {
    let at = client
        .closed()
        .map_or_else(std::time::SystemTime::now, |(_, at)| at);
    Gone {
        at: at.into(),
        reason: reason.as_str(),
    }
}

impl Outlet for Core {
    fn is_wanted(&self, account: &str, subject: &str) -> bool {
        let account = self.accounts.find(account);
        account.is_some_and(|a| a.interest.has_interest(subject.as_bytes()))
    }

    fn publish(
        &self,
        account: &str,
        subject: &str,
        reply: Option<&str>,
        header: &[u8],
        body: &[u8],
    ) {
        let Some(account) = self.accounts.find(account) else {
            return;
        };
        let payload = [header, body].concat();
        let reply = reply.map(str::as_bytes);
        let message = Message::new(subject.as_bytes(), reply, header.len(), &payload);
        let mut cx = Cycle::take(false);
        publish_from_inside(&mut cx, &account, &message);
        for sub in cx.take_ended() {
            if let Some(owner) = sub.receiver() {
                owner.end(&sub);
            }
        }
        cx.wake_all(None);
        // The server does not wait for slow readers of its events; they are cut off when their limit is reached.
        drop(cx.take_lagging());
        cx.give_back();
    }
}

/// What the system account can do to the server.
struct Hands {
    core: Weak<Core>,
    reloader: Option<Reloader>,
}

impl Control for Hands {
    fn reload(&self) -> Result<(), String> {
        match (&self.reloader, self.core.upgrade()) {
            (Some(reload), Some(core)) => reload(&core),
            _ => Err("can only reload config when a file is provided using -c or --config".into()),
        }
    }

    fn kick(&self, client: u64) -> bool {
        let client = self
            .core
            .upgrade()
            .and_then(|core| core.registry.find(client));
        match client {
            Some(client) => {
                client.close(ClosedReason::Kicked, None);
                true
            }
            None => false,
        }
    }

    fn claims(&self, ask: ClaimsAsk, request: &Request, server: EventServerInfo) -> Vec<Vec<u8>> {
        let core = self.core.upgrade();
        core.map(|core| core.claims(ask, request, server))
            .unwrap_or_default()
    }

    fn send_away(&self, client: u64) -> Result<(), String> {
        let core = self.core.upgrade().ok_or("the server is stopping")?;
        let client = core.registry.find(client).ok_or("no such client id")?;
        if client.state.lock().client.protocol < 1 {
            let reason = "client does not support Lame Duck Mode or is not ready to receive the notification";
            return Err(reason.into());
        }
        let mut info = ServerInfo::clone(&core.server_info());
        info.ldm = true;
        let line = info::line(&info, &client, core.shown_ip(client.remote()), true);
        client.receiver.outbox.send_now(&line);
        Ok(())
    }
}
