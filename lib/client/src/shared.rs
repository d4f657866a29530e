//! What the handles of a client and its connection task share.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nats_proto::info::ServerInfo;
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use crate::error::ServerError;
use crate::events::{Event, EventHub};
use crate::options::Options;
use crate::outbox::{Outbox, Phase};
use crate::registry::Registry;
use crate::request::Waiters;
use crate::stats::Counters;
use crate::tls_session::TlsSession;

/// Where a client stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// Never connected yet, after `retry_on_initial_connect`.
    Connecting,
    Connected,
    /// Looking for a server.
    Reconnecting,
    /// Finishing what is under way.
    Draining,
    Closed,
}

/// Whether the connection that something was asked on still stands: servers forget requests of one that breaks.
pub(crate) struct Standing {
    status: watch::Receiver<Status>,
    /// False as long as what was asked waits for a connection.
    connected: bool,
}

impl Standing {
    /// From the moment before something is asked.
    pub(crate) fn begin(shared: &Shared) -> Self {
        let mut status = shared.status.subscribe();
        let connected = matches!(
            *status.borrow_and_update(),
            Status::Connected | Status::Draining
        );
        Self { status, connected }
    }

    /// Resolves when that connection is no more. May be dropped and asked again.
    pub(crate) async fn lost(&mut self) {
        while self.status.changed().await.is_ok() {
            let now = *self.status.borrow_and_update();
            match now {
                // The connection goes on for what is under way; its end closes every subscription.
                Status::Draining => {}
                Status::Connected if !self.connected => self.connected = true,
                Status::Connecting | Status::Reconnecting if !self.connected => {}
                Status::Connected | Status::Connecting | Status::Reconnecting | Status::Closed => {
                    return;
                }
            }
        }
    }
}

pub(crate) struct Shared {
    pub options: Options,
    pub outbox: Outbox,
    pub registry: Registry,
    pub waiters: Arc<Waiters>,
    pub counters: Counters,
    pub events: EventHub,
    pub status: watch::Sender<Status>,
    /// Wakes the task while it looks for a server.
    pub closing: Notify,
    info: Mutex<Arc<ServerInfo>>,
    url: Mutex<Option<Arc<str>>>,
    address: Mutex<Option<SocketAddr>>,
    tls: Mutex<Option<Arc<TlsSession>>>,
    forced_reconnect: AtomicBool,
}

impl Shared {
    pub(crate) fn new(options: Options) -> Self {
        Self {
            outbox: Outbox::new(options.write_buffer, options.pending_buffer),
            registry: Registry::default(),
            waiters: Arc::default(),
            counters: Counters::default(),
            events: EventHub::new(options.on_event.clone()),
            status: watch::Sender::new(Status::Connecting),
            closing: Notify::new(),
            info: Mutex::default(),
            url: Mutex::default(),
            address: Mutex::default(),
            tls: Mutex::default(),
            forced_reconnect: AtomicBool::new(false),
            options,
        }
    }

    pub(crate) fn info(&self) -> Arc<ServerInfo> {
        self.info.lock().clone()
    }

    pub(crate) fn set_info(&self, info: ServerInfo) {
        *self.info.lock() = Arc::new(info);
    }

    pub(crate) fn address(&self) -> Option<SocketAddr> {
        *self.address.lock()
    }

    pub(crate) fn set_address(&self, address: Option<SocketAddr>) {
        *self.address.lock() = address;
    }

    pub(crate) fn tls(&self) -> Option<Arc<TlsSession>> {
        self.tls.lock().clone()
    }

    pub(crate) fn set_tls(&self, session: Option<Arc<TlsSession>>) {
        *self.tls.lock() = session;
    }

    pub(crate) fn url(&self) -> Option<Arc<str>> {
        self.url.lock().clone()
    }

    /// A connection to `url` stands: its subscriptions first, then what is pending.
    pub(crate) fn up(&self, url: &str) {
        *self.url.lock() = Some(url.into());
        self.outbox.connected(|buf| self.registry.resubscribe(buf));
        let before = self.counters.connects.fetch_add(1, Ordering::Relaxed);
        self.status.send_modify(|status| {
            if *status != Status::Draining {
                *status = Status::Connected;
            }
        });
        let url = url.to_owned();
        self.events.emit(if before == 0 {
            Event::Connected { url }
        } else {
            Event::Reconnected { url }
        });
    }

    /// The connection is lost.
    pub(crate) fn down(&self, reason: String) {
        let url = self.url.lock().take().unwrap_or_default().to_string();
        self.status.send_modify(|status| {
            if *status != Status::Draining {
                *status = Status::Reconnecting;
            }
        });
        self.events.emit(Event::Disconnected { url, reason });
    }

    /// The task has ended: nobody may wait for anything any more.
    pub(crate) fn closed(&self, reason: String) {
        self.outbox.closed();
        self.registry.end_all();
        self.waiters.clear();
        *self.url.lock() = None;
        self.events.emit(Event::Closed { reason });
        self.status.send_replace(Status::Closed);
    }

    /// Asks the task to write what there is and to end.
    pub(crate) fn close(&self) {
        self.outbox.close();
        // Kept for the task when it does not wait at the moment.
        self.closing.notify_one();
    }

    pub(crate) fn is_closing(&self) -> bool {
        matches!(self.outbox.phase(), Phase::Closing | Phase::Closed)
    }

    /// Appends a control frame while connected. While disconnected there is nothing to say: the next connection starts
    /// from the registry.
    pub(crate) fn write_control(&self, write: impl FnOnce(&mut Vec<u8>)) {
        self.outbox.with(|state| {
            if matches!(state.phase, Phase::Connected | Phase::Draining) {
                write(&mut state.buf);
            }
        });
    }

    pub(crate) fn server_error(&self, error: &ServerError) {
        self.waiters.denied(error);
        self.events.emit(Event::ServerError(error.clone()));
    }

    pub(crate) fn force_reconnect(&self) {
        self.forced_reconnect.store(true, Ordering::Relaxed);
        self.outbox.wake_owner();
    }

    pub(crate) fn take_forced_reconnect(&self) -> bool {
        self.forced_reconnect.load(Ordering::Relaxed)
            && self.forced_reconnect.swap(false, Ordering::Relaxed)
    }
}
