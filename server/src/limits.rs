//! Every bound of the server that is not a setting: queues, buffers, pauses and retries, each with its reason.

use std::time::Duration;

/// Pending bytes of a receiver above which its producers pause. Measured: 256 KiB to 1 MiB gave +15 to +60 % (cache locality).
pub const PAUSE_ABOVE_BYTES: usize = 512 * 1024;
/// A paused producer goes on when the receiver has at most this much pending.
pub const RESUME_BELOW_BYTES: usize = 128 * 1024;
/// Longest pause of a producer after one read, whatever its receivers do. The reference stalls as long.
pub const PAUSE_MAX: Duration = Duration::from_millis(10);
/// Longest pause of a publisher after one read for a stream that has more waiting than it should: a moment of the disk. What comes when its queue
/// is full is lost to those who ask for no acknowledgement.
pub const STREAM_PAUSE_MAX: Duration = Duration::from_secs(1);

/// Size of a pooled buffer of an outbox. 16 KiB cost 16 to 29 %; 256 KiB gained nothing.
pub const CHUNK_BYTES: usize = 64 * 1024;
/// Size of the first buffer of an outbox that was empty.
pub const FIRST_CHUNK_BYTES: usize = 4 * 1024;
/// Pooled buffers kept for reuse in the whole process.
pub const CHUNK_POOL_MAX: usize = 64;
/// Buffers handed to one write call.
pub const WRITE_BUFFERS_MAX: usize = 64;

/// Bytes read from a socket at once.
pub const READ_BYTES: usize = 64 * 1024;
/// Reads of one connection before its task lets others run.
pub const READS_PER_TURN: usize = 4;
/// A rest of an unfinished operation up to this size is copied out of the read buffer, so that idle connections hold none.
pub const SMALL_REST_BYTES: usize = 2 * 1024;

/// Slots of a connection's match cache: first and largest size.
pub const MATCH_CACHE_FIRST: usize = 16;
pub const MATCH_CACHE_MAX: usize = 4096;
/// Subjects longer than this share one slot.
pub const CACHED_SUBJECT_MAX: usize = 256;

/// Reply permits (`allow_responses`) granted to a client between two prunings of the spent ones.
pub const REPLY_PERMISSIONS_PRUNE_EVERY: usize = 4096;
/// Reply permits of a client; above it the older half is taken back. The reference has no bound, so that requesters can fill
/// its memory for as long as permits last.
pub const REPLY_PERMISSIONS_MAX: usize = 65_536;
/// How deep imports may chain before a message is dropped.
pub const IMPORT_HOPS_MAX: usize = 16;

/// Time for a PROXY header, as in the reference.
pub const PROXY_HEADER_WAIT: Duration = Duration::from_secs(5);
/// How long a client in this process may take to begin with TLS when TLS comes first; then it gets INFO without TLS.
pub const IN_PROCESS_TLS_WAIT: Duration = Duration::from_millis(50);
/// Bytes read at once before the protocol begins: enough for a PROXY header with its address.
pub const WELCOME_READ_BYTES: usize = 512;
/// Time for the INFO line to leave: a new connection has room for it at once unless its peer means harm.
pub const WELCOME_WRITE_MAX: Duration = Duration::from_secs(5);
/// How long a closing connection may take to hand over its last bytes.
pub const CLOSE_FLUSH_MAX: Duration = Duration::from_secs(1);
/// How long a reload, or the answer to a push of claims, waits for connections to live by what is new.
pub const REVALIDATION_WAIT_MAX: Duration = Duration::from_secs(1);
/// Connections that may wait to be accepted; the system lowers it to its own limit (`net.core.somaxconn`, 4,096 on Linux).
pub const LISTEN_BACKLOG: u32 = 4096;
/// Longest wait before accepting again after a failure.
pub const ACCEPT_RETRY_MAX: Duration = Duration::from_secs(1);
/// How long a stopping server waits for its connections to end.
pub const SHUTDOWN_WAIT_MAX: Duration = Duration::from_secs(5);

/// Subscriptions kept of all closed connections together, for `connz?state=closed`: above it the oldest connections keep only the
/// number of theirs. The reference has no bound but the number of closed connections.
pub const CLOSED_SUBSCRIPTIONS_MAX: usize = 100_000;

/// Connections to the monitoring pages at one time.
pub const MONITOR_CONNECTIONS_MAX: usize = 256;
/// Bytes of a monitoring request's head.
pub const MONITOR_HEADER_BYTES_MAX: usize = 32 * 1024;
/// How long the head of a monitoring request may take to arrive.
pub const MONITOR_HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// Pause after a failed accept on the monitoring port (out of file descriptors, most likely).
pub const MONITOR_ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Requests and events that wait for the system account's thread.
pub const SYSTEM_JOBS_MAX: usize = 8 * 1024;
/// Bytes of tokens out of another server's folder that wait for it: some 200,000 accounts. What comes after them is left out, and said.
pub const FOLDER_WAITING_BYTES_MAX: usize = 256 << 20;
/// Requests and events that are done before the next of them, when there is no end of requests.
pub const SYSTEM_JOBS_BEFORE_A_TOKEN: usize = 16;
/// Tokens out of another server's folder that are kept together, and files of a folder that share a sync.
pub const TOKENS_TOGETHER_MAX: usize = 64;
/// Bytes of a request to the system account; a longer one is dropped.
pub const SYSTEM_REQUEST_BYTES_MAX: usize = 64 * 1024;
/// Largest request about an account's token: the largest token.
pub const CLAIMS_REQUEST_BYTES_MAX: usize = 1 << 20;
/// Requests into one account that wait for their answers; further ones find nobody.
pub const PENDING_RESPONSES_MAX: usize = 262_144;

/// Bytes of an OCSP answer: some kilobytes, with the responder's certificate.
pub const OCSP_ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Questions to OCSP responders about clients at one time; further ones wait.
pub const OCSP_QUESTIONS_MAX: usize = 64;
/// Certificates in a chain, and chains of one client, that are asked about.
pub const OCSP_CHAIN_LINKS_MAX: usize = 8;
pub const OCSP_CHAINS_MAX: usize = 8;
/// Pairs of certificates that are compared to find a client's chains.
pub const OCSP_CHAIN_LOOKS_MAX: usize = 512;
/// Answers in the cache; above it the oldest goes. The reference has no bound.
pub const OCSP_CACHE_ENTRIES_MAX: usize = 65_536;
/// Bytes of the cache's file: that many answers of two kilobytes, in base64.
pub const OCSP_CACHE_FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// How long a responder may take for the staple of a certificate of ours, as in the reference.
pub const OCSP_STAPLE_WAIT: Duration = Duration::from_secs(30);
/// Pause between two questions about a certificate of ours when answers do not say how long they hold.
pub const OCSP_STAPLE_CHECK: Duration = Duration::from_secs(24 * 60 * 60);
/// The same after an answer that holds no longer.
pub const OCSP_STAPLE_CHECK_MIN: Duration = Duration::from_secs(120);

/// Lookups of accounts at once: half of the threads that may block, so that others find one.
pub const LOOKUPS_MAX: usize = 256;
/// Accounts that were not found and are remembered for a second.
pub const MISSING_ACCOUNTS_MAX: usize = 10_000;
