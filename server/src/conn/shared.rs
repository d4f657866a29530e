//! The part of a connection that others may look at: monitoring, events, reload, kick.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use nats_api::system::{ClientInfo, ServerInfo};
use nats_proto::info::ConnectOptions;
use parking_lot::Mutex;

use super::ClosedReason;
use super::round::{Mark, Round};
use crate::account::Account;
use crate::auth::{Identity, Revalidated, Who};
use crate::interest::{Describe, Receiver, Sub};
use crate::limits::CLOSED_SUBSCRIPTIONS_MAX;

/// A connection, seen from outside.
pub struct Shared {
    pub receiver: Arc<Receiver>,
    /// Where the connection comes from.
    peer: SocketAddr,
    /// Where the client comes from, when a proxy said so.
    proxied: OnceLock<SocketAddr>,
    pub start: SystemTime,
    /// What the client signs, as sent in INFO; empty when nothing is to be signed.
    pub nonce: String,
    /// The server it is connected to.
    server: Arc<ServerInfo>,
    pub state: Mutex<SharedState>,
    /// Nanoseconds since 1970; 0 is never. Brought up to date once per read.
    last_activity: AtomicU64,
    commands: Mutex<Vec<Command>>,
    has_commands: AtomicBool,
    closed: OnceLock<(ClosedReason, SystemTime)>,
}

/// What changes during the life of a connection.
#[derive(Default)]
pub struct SharedState {
    /// What the client said of itself.
    pub client: Client,
    pub identity: Option<Arc<Identity>>,
    pub account: Option<Arc<Account>>,
    pub rtt: Option<Duration>,
    /// Who the client said it was, as long as nobody has confirmed it.
    pub claimed: Who,
    pub tls: Option<Arc<TlsFacts>>,
    /// The subscriptions that the connection held when it ended.
    pub last_subs: LastSubs,
}

/// What is left of a closed connection's subscriptions.
#[derive(Debug, Default)]
pub struct LastSubs {
    pub count: usize,
    /// As many as the connection had, or none: the server keeps no more than
    /// [`CLOSED_SUBSCRIPTIONS_MAX`](crate::limits::CLOSED_SUBSCRIPTIONS_MAX) of all closed connections together.
    pub list: Box<[LastSub]>,
}

/// A subscription that ended with its connection.
#[derive(Debug)]
pub struct LastSub {
    pub subject: Box<[u8]>,
    pub queue: Option<Box<[u8]>>,
    pub sid: Box<[u8]>,
    pub delivered: u64,
    pub max: u64,
}

impl From<&Sub> for LastSub {
    fn from(sub: &Sub) -> Self {
        Self {
            subject: sub.subject.clone(),
            queue: sub.queue.clone(),
            sid: sub.sid.as_bytes().into(),
            delivered: sub.delivered(),
            max: sub.max(),
        }
    }
}

/// The harmless part of CONNECT.
#[derive(Debug, Clone, Default)]
pub struct Client {
    pub name: String,
    pub lang: String,
    pub version: String,
    pub protocol: i32,
    /// CONNECT was received.
    pub connected: bool,
}

impl From<&ConnectOptions> for Client {
    fn from(c: &ConnectOptions) -> Self {
        Self {
            name: c.name.clone(),
            lang: c.lang.clone(),
            version: c.version.clone(),
            protocol: c.protocol,
            connected: true,
        }
    }
}

/// What the TLS handshake agreed on.
#[derive(Debug, Clone, Default)]
pub struct TlsFacts {
    pub version: &'static str,
    pub cipher: String,
    /// TLS began before INFO.
    pub first: bool,
    /// The client's certificates, its own first.
    pub certificates: Vec<rustls_pki_types::CertificateDer<'static>>,
}

/// What others want of a connection; done by its own task.
#[derive(Debug)]
pub enum Command {
    /// Say this and close.
    Close {
        reason: ClosedReason,
        error: Option<&'static str>,
    },
    /// Send a fresh INFO to clients that understand it.
    SendInfo,
    /// Settings or credentials changed.
    Revalidate {
        /// What the new ones make of this connection; `None` when it had shown none.
        verdict: Option<Box<Revalidated>>,
        /// Dropped when the verdict holds.
        mark: Option<Mark>,
    },
}

impl Describe for Shared {
    fn client_info(&self, detailed: bool) -> Option<ClientInfo> {
        let state = self.state.lock();
        let account = state.account.as_ref().map_or("N/A", |a| &*a.name);
        let mut info = ClientInfo {
            acc: account.to_owned(),
            rtt: state.rtt.unwrap_or_default().into(),
            ..ClientInfo::default()
        };
        if detailed {
            info.start = Some(self.start.into());
            info.host = self.remote().ip().to_string();
            info.id = self.id();
            info.user = state
                .identity
                .as_ref()
                .and_then(|i| i.user())
                .unwrap_or_default()
                .to_owned();
            info.name.clone_from(&state.client.name);
            info.lang.clone_from(&state.client.lang);
            info.ver.clone_from(&state.client.version);
            if let Some(user) = state.identity.as_ref().and_then(|i| i.user.as_deref()) {
                info.jwt = user.shown_token.clone().unwrap_or_default();
                info.issuer_key.clone_from(&user.issuer_key);
                info.name_tag.clone_from(&user.name);
                info.tags.clone_from(&user.tags);
            }
            info.server.clone_from(&self.server.name);
            info.cluster.clone_from(&self.server.cluster);
            info.kind = "Client".to_owned();
            info.client_type = "nats".to_owned();
        }
        Some(info)
    }

    fn server_info(&self) -> ServerInfo {
        ServerInfo {
            time: SystemTime::now().into(),
            ..ServerInfo::clone(&self.server)
        }
    }

    fn account_name(&self) -> Option<Arc<str>> {
        self.state.lock().account.as_ref().map(|a| a.name.clone())
    }
}

impl Shared {
    pub fn new(
        receiver: Arc<Receiver>,
        peer: SocketAddr,
        start: SystemTime,
        nonce: String,
        server: Arc<ServerInfo>,
    ) -> Self {
        Self {
            receiver,
            peer,
            proxied: OnceLock::new(),
            start,
            nonce,
            server,
            state: Mutex::new(SharedState::default()),
            last_activity: AtomicU64::new(0),
            commands: Mutex::new(Vec::new()),
            has_commands: AtomicBool::new(false),
            closed: OnceLock::new(),
        }
    }

    /// Where the client comes from.
    pub fn remote(&self) -> SocketAddr {
        self.proxied.get().copied().unwrap_or(self.peer)
    }

    /// A proxy in front says who the client is.
    pub fn set_proxied(&self, client: SocketAddr) {
        let _ = self.proxied.set(client);
    }

    /// When the client last sent something.
    pub fn last_activity(&self) -> SystemTime {
        let nanos = self.last_activity.load(Ordering::Relaxed);
        if nanos == 0 {
            return self.start;
        }
        SystemTime::UNIX_EPOCH
            .checked_add(Duration::from_nanos(nanos))
            .unwrap_or(self.start)
    }

    pub(super) fn note_activity(&self) {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let nanos = since.map_or(0, |d| u64::try_from(d.as_nanos()).unwrap_or(0));
        self.last_activity.store(nanos, Ordering::Relaxed);
    }

    pub fn id(&self) -> u64 {
        self.receiver.id
    }

    /// Leaves a command and wakes the connection's task. One that has ended does nothing any more.
    pub fn command(&self, command: Command) {
        let mut commands = self.commands.lock();
        if self.closed.get().is_some() {
            return;
        }
        commands.push(command);
        drop(commands);
        self.has_commands.store(true, Ordering::Release);
        self.receiver.outbox.wake();
    }

    /// Tells what new settings or credentials make of it. Who has not said CONNECT yet is judged by what is known then: the round
    /// does not wait for it.
    pub fn revalidate(&self, verdict: Option<Revalidated>, round: &Round) {
        let connected = self.state.lock().client.connected;
        self.command(Command::Revalidate {
            verdict: verdict.map(Box::new),
            mark: connected.then(|| round.mark()),
        });
    }

    pub fn close(&self, reason: ClosedReason, error: Option<&'static str>) {
        self.command(Command::Close { reason, error });
    }

    pub(super) fn take_commands(&self) -> Vec<Command> {
        if !self.has_commands.swap(false, Ordering::AcqRel) {
            return Vec::new();
        }
        std::mem::take(&mut *self.commands.lock())
    }

    /// When and why the connection ended, once it has.
    pub fn closed(&self) -> Option<(ClosedReason, SystemTime)> {
        self.closed.get().copied()
    }

    pub fn set_closed(&self, reason: ClosedReason, at: SystemTime) -> bool {
        let is_first = self.closed.set((reason, at)).is_ok();
        self.commands.lock().clear();
        is_first
    }

    /// Remembers what the connection listened to, for those who look at closed connections.
    pub(super) fn keep_last_subs(&self, subs: &[Arc<Sub>]) {
        let kept = subs.len().min(CLOSED_SUBSCRIPTIONS_MAX);
        let list = subs.iter().take(kept).map(|sub| LastSub::from(&**sub));
        self.state.lock().last_subs = LastSubs {
            count: subs.len(),
            list: list.collect(),
        };
    }

    pub fn account(&self) -> Option<Arc<Account>> {
        self.state.lock().account.clone()
    }

    pub fn identity(&self) -> Option<Arc<Identity>> {
        self.state.lock().identity.clone()
    }

    /// How logs name this connection.
    pub fn label(&self) -> String {
        format!("{} - cid:{}", self.remote(), self.id())
    }
}
