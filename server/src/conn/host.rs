//! What a connection needs from the server above it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::{ClosedReason, Shared};
use crate::account::Account;
use crate::auth::{AuthError, Authenticator, Credentials, Verdict};
use crate::router::FollowUp;

/// The settings that connections go by. A reload makes new ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    pub max_control_line: usize,
    /// `None` is unlimited.
    pub max_payload: Option<usize>,
    pub max_pending: usize,
    pub max_subscriptions: Option<usize>,
    pub max_sub_tokens: Option<usize>,
    pub ping_interval: Duration,
    pub ping_max: u32,
    pub write_deadline: Duration,
    pub auth_timeout: Duration,
    pub headers: bool,
    pub no_fast_producer_stall: bool,
    pub trace: bool,
    pub trace_verbose: bool,
    pub trace_headers: bool,
    /// Bytes of a message shown in a trace; 0 is all.
    pub max_traced_msg_len: usize,
}

/// Why a client was not let in, for the log and the events.
#[derive(Debug)]
pub struct AuthFailure {
    pub reason: ClosedReason,
    pub error: AuthError,
}

/// The server, as its connections see it.
pub trait Host: Send + Sync + 'static {
    fn settings(&self) -> Arc<Settings>;
    fn authenticator(&self) -> Arc<Authenticator>;
    /// Says who a client is. What it shows may have to be asked about elsewhere.
    fn authenticate(&self, client: &Arc<Shared>, request: &Credentials<'_>) -> Verdict;
    fn account(&self, name: &str) -> Option<Arc<Account>>;
    /// The account of clients that show nothing.
    fn global_account(&self) -> Arc<Account>;
    /// The INFO line for this client; with what it is bound to once that is known.
    fn info_line(&self, to: &Shared, with_connect_info: bool) -> Vec<u8>;
    /// The client was let in and bound to its account.
    fn connected(&self, client: &Arc<Shared>);
    /// The client was refused.
    fn auth_failed(&self, client: &Arc<Shared>, failure: &AuthFailure);
    /// The client is gone; its subscriptions are, too.
    fn disconnected(&self, client: &Arc<Shared>, reason: ClosedReason);
    /// Something an operator wants to know of, once per kind and connection.
    fn notice(&self, client: &Shared, text: std::fmt::Arguments<'_>);
    /// A batch of this connection's input is over and left this to be done. Its answers leave with the connection's next flush if it is done
    /// here and now.
    fn follow_up(&self, left: Arc<dyn FollowUp>) {
        left.elsewhere();
    }
    /// The address that clients are told they come from.
    fn shown_ip(&self, addr: SocketAddr) -> String {
        addr.ip().to_string()
    }
}
