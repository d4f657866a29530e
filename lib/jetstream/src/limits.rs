//! The bounds of everything in this crate, by name.

/// Longest name of a stream or consumer, bytes.
pub const NAME_LEN_MAX: usize = 255;
/// Longest description, bytes.
pub const DESCRIPTION_LEN_MAX: usize = 4 * 1024;
/// Keys and values of an asset's metadata together, bytes.
pub const METADATA_LEN_MAX: usize = 128 * 1024;
/// Most replicas of a stream.
pub const REPLICAS_MAX: i64 = 5;
/// How long an acknowledgement may take when nobody says, nanoseconds.
pub const ACK_WAIT_DEFAULT: i64 = 30 * 1_000_000_000;
/// Unacknowledged messages of a consumer when nobody says.
pub const MAX_ACK_PENDING_DEFAULT: i64 = 1000;
/// Pull requests that wait at a consumer when nobody says.
pub const MAX_WAITING_DEFAULT: i64 = 512;
/// How long a consumer without a durable name stays without a client when nobody says, nanoseconds.
pub const EPHEMERAL_INACTIVE_THRESHOLD: i64 = 5 * 1_000_000_000;
/// How long a pinned client may be silent when nobody says, nanoseconds.
pub const PRIORITY_TIMEOUT_DEFAULT: i64 = 2 * 60 * 1_000_000_000;
/// Shortest period of heartbeats of a push consumer, nanoseconds.
pub const IDLE_HEARTBEAT_MIN: i64 = 100 * 1_000_000;
/// The one period of heartbeats where flow control acknowledges, nanoseconds.
pub const FLOW_CONTROL_ACK_HEARTBEAT: i64 = 1_000_000_000;
/// Shortest `max_expires`, nanoseconds.
pub const MAX_EXPIRES_MIN: i64 = 1_000_000;
/// Longest name of a priority group, bytes.
pub const GROUP_NAME_LEN_MAX: usize = 16;
/// How long a message id is remembered when nobody says, nanoseconds.
pub const DUPLICATE_WINDOW_DEFAULT: i64 = 2 * 60 * 1_000_000_000;
/// Shortest `max_age` and `duplicate_window`, nanoseconds.
pub const WINDOW_MIN: i64 = 100 * 1_000_000;
/// Shortest life of a delete marker, nanoseconds.
pub const MARKER_TTL_MIN: i64 = 1_000_000_000;
/// Largest header block of a stored message, bytes.
pub const HEADERS_LEN_MAX: usize = 65_535;
/// Largest record of a file store, bytes: what [`nats_store::Storage::message_size`] counts.
pub const RECORD_LEN_MAX: u64 = 32 * 1024 * 1024;
/// Longest id of a batch, bytes.
pub const BATCH_ID_LEN_MAX: usize = 64;
/// Most messages of an atomic batch, unless the server's options say otherwise.
pub const BATCH_SIZE_MAX: u64 = 1000;
/// Most atomic batches that are open in one stream at a time.
pub const ATOMIC_BATCHES_PER_STREAM_MAX: usize = 50;
/// Most fast batches that are open in one stream at a time.
pub const FAST_BATCHES_PER_STREAM_MAX: usize = 1000;
/// A batch to which nothing is added for so long is given up, nanoseconds.
pub const BATCH_TIMEOUT: u64 = 10 * 1_000_000_000;
/// Most messages that a fast batch is allowed between two words from the server.
pub const FAST_BATCH_FLOW_MAX: u16 = 500;
/// Subjects on one page of a stream's info.
pub const INFO_SUBJECTS_PAGE: usize = 100_000;
/// Most messages that one direct get answers with.
pub const DIRECT_GET_MULTI_MAX: usize = 1024;
/// Expired messages removed in one go, so that a tick stays short.
pub const EXPIRE_STEP: usize = 4096;
/// Deleted sequences that a stream's info names; more are only counted.
pub const INFO_DELETED_MAX: usize = 1_000_000;
/// Bytes of messages that one direct get answers with when it does not say.
pub const DIRECT_GET_BYTES: usize = 64 * 1024 * 1024;
/// Consumers that are told about one message one by one; when more want it, only those are told where somebody waits.
pub const CONSUMERS_TOLD_MAX: usize = 32;
/// Removed messages that consumers are told about one by one; after more they look at what is left.
pub const REMOVALS_TOLD_MAX: usize = 64;
/// Messages that one consumer delivers in one round.
pub const CONSUMER_PUMP_MAX: usize = 512;
/// Messages that all consumers of a stream deliver in one round.
pub const STREAM_PUMP_MAX: usize = 2048;
/// Timers of consumers that one tick serves.
pub const CONSUMER_TIMERS_STEP: usize = 1024;
/// Messages that one tick looks at to see whether anybody is left who wants them.
pub const SWEEP_STEP: usize = 2048;
/// Messages that one tick looks through for the last one of each source.
pub const PLACES_STEP: usize = 8192;
/// Bytes that the atomic batches of one stream keep aside together.
pub const BATCH_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Longest name of an entry of an archive, bytes: longer than any subject that a connection can publish on.
pub const ARCHIVE_NAME_MAX: u64 = 64 * 1024;
/// Largest document about a stream or the configuration of a consumer in an archive, bytes.
pub const ARCHIVE_STATE_MAX: u64 = 1024 * 1024;
/// Largest document about one consumer in an archive, bytes.
pub const ARCHIVE_CONSUMER_MAX: u64 = 64 * 1024 * 1024;
/// What the consumers of one archive remember together, bytes of memory.
pub const ARCHIVE_CONSUMERS_MAX: usize = 256 * 1024 * 1024;
/// Highest sequence that an archive may name; one that is at the end of all numbers could take no message any more.
pub const ARCHIVE_SEQUENCE_MAX: u64 = 1 << 61;
/// Files in an archive of the older form.
pub const ARCHIVE_FILES_MAX: usize = 4 * 1024 * 1024;
/// Largest extended header of a file in an archive of the older form, bytes.
pub const ARCHIVE_PAX_MAX: u64 = 64 * 1024;
/// Messages that a snapshot reads in one go.
pub const SNAPSHOT_STEP_MESSAGES: usize = 1024;
