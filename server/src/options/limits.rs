//! Bounds on what one client may do, and how the server leaves.

use std::time::Duration;

/// Sizes in bytes, counts, and times that bound clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once; 0 refuses everybody (what `-1` and `0` in the file mean).
    pub max_connections: u32,
    /// Subscriptions per connection; `None` is unlimited.
    pub max_subscriptions: Option<u32>,
    /// Tokens in the subject of a subscription; `None` is unlimited.
    pub max_sub_tokens: Option<u8>,
    /// Bytes of a protocol line.
    pub max_control_line: u32,
    /// Bytes of a message, headers included; `None` is unlimited (negative in the file).
    pub max_payload: Option<u32>,
    /// Bytes that may wait for one connection.
    pub max_pending: u64,
    /// Closed connections that `/connz` remembers.
    pub max_closed_clients: u32,
    /// How often a silent connection is pinged.
    pub ping_interval: Duration,
    /// Pings without an answer before a connection is stale.
    pub ping_max: u32,
    /// How long one flush to a connection may take.
    pub write_deadline: Duration,
    /// What happens when it takes longer.
    pub write_timeout: WriteTimeout,
    /// Do not slow down publishers whose receivers lag.
    pub no_fast_producer_stall: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 65_536,
            max_subscriptions: None,
            max_sub_tokens: None,
            max_control_line: 4096,
            max_payload: Some(1024 * 1024),
            max_pending: 64 * 1024 * 1024,
            max_closed_clients: 10_000,
            ping_interval: Duration::from_secs(120),
            ping_max: 2,
            write_deadline: Duration::from_secs(10),
            write_timeout: WriteTimeout::Default,
            no_fast_producer_stall: false,
        }
    }
}

/// What follows a write that exceeds its deadline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WriteTimeout {
    /// Close clients, try again with other servers.
    #[default]
    Default,
    /// Close the connection.
    Close,
    /// Try again.
    Retry,
}

/// Leaving gently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LameDuck {
    /// Over how long the closing of clients is spread; at least 30 seconds.
    pub duration: Duration,
    /// How long to wait before the first is closed.
    pub grace_period: Duration,
}

impl Default for LameDuck {
    fn default() -> Self {
        Self {
            duration: Duration::from_secs(120),
            grace_period: Duration::from_secs(10),
        }
    }
}
