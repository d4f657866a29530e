//! Every bound and default of this crate, named.

use std::time::Duration;

/// Connected: above this many unsent bytes publishers wait for the socket.
pub const WRITE_BUFFER_BYTES: usize = 512 * 1024;
/// Room for answers to pings above the write buffer's bound.
pub const PONGS_BYTES: usize = 64 * 1024;
/// Disconnected: publishing fails above this many pending bytes.
pub const PENDING_BUFFER_BYTES: usize = 8 * 1024 * 1024;
/// An empty write buffer larger than this is given back when the connection is idle.
pub const IDLE_BUFFER_BYTES: usize = 64 * 1024;
/// A header block larger than this is not kept for the next message.
pub const SPARE_BLOCK_BYTES: usize = 64 * 1024;

/// A read starts with this much room and doubles while the peer fills it.
pub const READ_BYTES_MIN: usize = 4 * 1024;
/// Largest room of one read.
pub const READ_BYTES_MAX: usize = 128 * 1024;
/// Reads, then writes, before the other direction and other tasks have their turn.
pub const IO_PER_TURN: usize = 16;

/// Messages that may wait in one subscription.
pub const SUBSCRIPTION_MESSAGES: usize = 512 * 1024;
/// Bytes that may wait in one subscription.
pub const SUBSCRIPTION_BYTES: usize = 64 * 1024 * 1024;
/// Most messages of one subscription that are collected before they are handed over.
pub const RUN_MESSAGES: usize = 4096;
/// Most messages of one batch for a reader.
pub const BATCH_MESSAGES: usize = 1024;

/// Events kept for a reader of events that lags behind.
pub const EVENTS: usize = 1024;
/// Servers in the pool, discovered ones included. A hostile INFO cannot grow it further.
pub const POOL_SERVERS: usize = 1024;

/// One attempt to connect to one server, from name resolution to the first PONG.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Wait between two rounds through the pool.
pub const RECONNECT_WAIT: Duration = Duration::from_secs(2);
/// Random addition to the wait, without and with TLS.
pub const RECONNECT_JITTER: Duration = Duration::from_millis(100);
pub const RECONNECT_JITTER_TLS: Duration = Duration::from_secs(1);
/// Attempts per server before it leaves the pool.
pub const RECONNECTS_MAX: usize = 60;
/// Between two pings of ours.
pub const PING_INTERVAL: Duration = Duration::from_secs(120);
/// Pings without any answer before the connection counts as stale.
pub const PINGS_OUTSTANDING_MAX: u32 = 2;
/// Default bound of a round trip by `flush` and `rtt`.
pub const FLUSH_TIMEOUT: Duration = Duration::from_secs(10);
/// Default bound of `drain`.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);
/// How long `close` goes on writing what was published before it.
pub const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// Longer waits are cut to this, so that adding them to the clock cannot overflow.
pub const WAIT_MAX: Duration = Duration::from_secs(365 * 24 * 3600);
