//! What the pages need to know, offered by the rooms below through the server's wiring.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use nats_api::monitor::SubDetail;
use nats_api::monitor::varz::OcspCacheVarz;
use nats_api::system::Permissions;
use nats_api::time::Timestamp;

use crate::interest::Interest;
use crate::jetstream::JetStream;
use crate::options::Options;

/// The server, as monitoring and the system account look at it. Every answer is a snapshot.
pub trait View: Send + Sync + 'static {
    fn options(&self) -> Arc<Options>;
    fn facts(&self) -> Arc<ServerFacts>;
    fn totals(&self) -> Totals;
    /// Open connections, in any order.
    fn clients(&self) -> Vec<Arc<dyn ClientView>>;
    /// One open connection.
    fn client(&self, id: u64) -> Option<Arc<dyn ClientView>>;
    /// Connections that ended, oldest first.
    fn closed_clients(&self) -> Vec<Arc<dyn ClientView>>;
    fn accounts(&self) -> Vec<AccountView>;
    fn account(&self, name: &str) -> Option<AccountView>;
    /// Why clients cannot be served right now.
    fn not_ready(&self) -> Option<String>;
    /// JetStream, when it runs.
    fn jetstream(&self) -> Option<Arc<JetStream>> {
        None
    }
    /// Figures of the cache of OCSP answers, when there is one.
    fn ocsp_cache(&self) -> Option<OcspCacheVarz> {
        None
    }
    fn now(&self) -> Timestamp;
}

/// What is known of the server after it started, and again after a reload.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ServerFacts {
    pub id: String,
    pub name: String,
    /// The compatibility version.
    pub version: String,
    pub git_commit: String,
    /// What the server was built with.
    pub built_with: String,
    /// Highest protocol the server speaks.
    pub proto: i32,
    pub host: String,
    /// The port in use.
    pub port: u16,
    pub ip: String,
    pub connect_urls: Vec<String>,
    pub auth_required: bool,
    pub tls_required: bool,
    pub tls_verify: bool,
    /// Clients' certificates are checked for being taken back.
    pub tls_ocsp_peer_verify: bool,
    /// End of the certificate's validity.
    pub tls_cert_not_after: Timestamp,
    pub cluster: String,
    pub started: Timestamp,
    pub config_loaded: Timestamp,
}

/// Counts over the whole server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    pub connections: usize,
    pub total_connections: u64,
    pub in_msgs: u64,
    pub in_bytes: u64,
    pub out_msgs: u64,
    pub out_bytes: u64,
    pub slow_consumers: u64,
    pub stale_connections: u64,
    pub stalled_clients: u64,
}

/// A connection, open or closed.
pub trait ClientView: Send + Sync {
    fn figures(&self) -> Figures;
    fn who(&self) -> Arc<Who>;
    fn subscriptions(&self) -> Vec<SubDetail>;
    /// When and why it ended.
    fn ended(&self) -> Option<(Timestamp, &'static str)> {
        None
    }
}

/// The numbers of a connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    pub id: u64,
    pub start: Timestamp,
    pub last_activity: Timestamp,
    /// Zero when not measured yet.
    pub rtt: Duration,
    pub pending_bytes: usize,
    pub in_msgs: u64,
    pub in_bytes: u64,
    pub out_msgs: u64,
    pub out_bytes: u64,
    /// How often the connection was made to wait for slow receivers.
    pub stalls: u64,
    pub subscriptions: usize,
}

/// Who is at the other end. Nothing in here is secret.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Who {
    pub remote: Option<SocketAddr>,
    pub name: String,
    pub lang: String,
    pub version: String,
    /// User name, public key, or `[REDACTED]` for a token.
    pub user: String,
    /// The account; none before login.
    pub account: Option<Arc<str>>,
    pub tls: Option<TlsView>,
    /// The user's JWT, unless it is a bearer token.
    pub jwt: String,
    pub issuer_key: String,
    /// The name in the user's token.
    pub name_tag: String,
    /// The name that its token gives the account.
    pub account_tag: String,
    pub tags: Vec<String>,
    /// Public key of the trusted proxy in between.
    pub proxy_key: String,
    pub permissions: Option<Permissions>,
    /// When the credentials expire.
    pub expires: Option<Timestamp>,
}

/// What the TLS handshake agreed on.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TlsView {
    pub version: String,
    pub cipher: String,
    pub first: bool,
    pub peer_certs: Vec<nats_api::monitor::connz::PeerCert>,
}

/// What is known of an account from its token.
#[derive(Debug, Clone, Default)]
pub struct AccountToken {
    /// The account as the token describes it.
    pub account: crate::options::Account,
    pub token: String,
    pub decoded: serde_json::Value,
    pub issuer: String,
    pub tags: Vec<String>,
    /// Nobody may be in it.
    pub expired: bool,
    /// All its imports are there.
    pub complete: bool,
    pub revoked: std::collections::BTreeMap<String, Timestamp>,
}

/// One account.
#[derive(Clone)]
pub struct AccountView {
    pub name: Arc<str>,
    /// The name that its token gives it.
    pub name_tag: Option<Arc<str>>,
    /// What its token says; only where one account is asked for.
    pub token: Option<Arc<AccountToken>>,
    pub interest: Arc<Interest>,
    pub connections: usize,
    pub in_msgs: u64,
    pub in_bytes: u64,
    pub out_msgs: u64,
    pub out_bytes: u64,
    pub slow_consumers: u64,
    /// When its settings were last applied.
    pub updated: Timestamp,
}
