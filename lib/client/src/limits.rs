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

/// Default bound of one request to the JetStream API and of one acknowledgement.
pub const JETSTREAM_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest name of a stream or consumer.
pub const NAME_BYTES: usize = 255;
/// A listing of streams, consumers or subjects ends here, whatever the server says.
pub const LISTED_MAX: i64 = 1 << 32;
/// How long one request for messages stands unless said otherwise.
pub const FETCH_EXPIRES: Duration = Duration::from_secs(30);
/// The end of a request may be told so much later.
pub const FETCH_GRACE: Duration = Duration::from_secs(2);
/// Messages of a request that is bounded by bytes.
pub const FETCH_BYTES_MESSAGES: usize = 1_000_000;
/// Heartbeats of requests for messages are not more frequent, and not rarer unless wished.
pub const HEARTBEAT_MIN: Duration = Duration::from_secs(1);
pub const HEARTBEAT_MAX: Duration = Duration::from_secs(5);
/// So many heartbeats may be missed before silence means something.
pub const HEARTBEATS_MISSED: u32 = 3;
/// Messages that a server may owe a reader without end.
pub const MESSAGES_AHEAD: usize = 500;
/// Requests in a row that nobody serves before a consumer counts as gone, and the pause between them.
pub const PULLS_UNSERVED: u32 = 8;
pub const PULL_PAUSE: Duration = Duration::from_millis(250);
/// Ordered consumers: heartbeat, life without a listener, the time for an acknowledgement that nobody sends.
pub const ORDERED_HEARTBEAT: Duration = Duration::from_secs(5);
pub const ORDERED_INACTIVE: Duration = Duration::from_secs(30);
pub const ORDERED_ACK_WAIT: Duration = Duration::from_secs(22 * 3600);
/// Attempts to make an ordered consumer anew, and the pause that grows between them.
pub const ORDERED_ATTEMPTS: u32 = 30;
pub const ORDERED_PAUSE: Duration = Duration::from_millis(200);
/// A publish that nobody takes is tried again so often: a leader may be on its way.
pub const PUBLISH_RETRIES: u32 = 2;
pub const PUBLISH_RETRY_PAUSE: Duration = Duration::from_millis(250);
/// Messages under way without an acknowledgement.
pub const PUBLISH_WINDOW: usize = 4_000;
/// Longest reply subject of a publisher with a window.
pub const REPLY_BYTES: usize = 256;
/// Fast batches: messages per acknowledgement that we ask for, gaps that are remembered.
pub const FAST_BATCH_FLOW: u16 = 1_000;
pub const FAST_BATCH_GAPS: usize = 1_024;
/// Silence in the middle of a backup or a restore.
pub const SNAPSHOT_TIMEOUT: Duration = Duration::from_secs(10);
/// The work of a server at the end of a restore.
pub const RESTORE_TIMEOUT: Duration = Duration::from_secs(3600);
/// Bytes of one chunk of a restore.
pub const RESTORE_CHUNK_BYTES: usize = 128 * 1024;
/// Bytes of an object that are under way without an acknowledgement.
pub const OBJECT_BYTES_AHEAD: usize = 8 * 1024 * 1024;
/// Links that are followed to an object.
pub const OBJECT_LINKS: u32 = 16;
/// Silence in the middle of an object.
pub const OBJECT_SILENCE: Duration = Duration::from_secs(30);
