//! The bounds of everything that could grow.

/// Largest record of a stream, all parts together: the reference server's bound.
pub const RECORD_MAX: u64 = 32 * 1024 * 1024;
/// Largest entry of the log. A purge of many single messages is one entry.
pub const ENTRY_MAX: usize = 256 * 1024 * 1024;
/// Bytes staged in the log that nobody has committed yet; whoever stages more commits first.
pub const STAGED_MAX: usize = 64 * 1024 * 1024;
/// A segment of the log is closed when it is this large.
pub const SEGMENT_BYTES: u64 = 64 * 1024 * 1024;

/// Zeros that are written behind a small batch of the log, bytes: a sync of bytes that the file already has costs less than one that also
/// makes the file longer (docs/decisions/050).
pub const LOG_AHEAD_BYTES: usize = 256 * 1024;

/// Batches of at most this many bytes get zeros behind them.
pub const LOG_AHEAD_BATCH_MAX: usize = LOG_AHEAD_BYTES / 4;
/// When more of the log than this is kept, groups are asked to make their own files durable.
pub const LOG_HELD_BYTES: u64 = 128 * 1024 * 1024;
/// A buffer that was larger than this once is not kept.
pub const SPARE_BUFFER_MAX: usize = 4 * 1024 * 1024;
/// What a group may keep beside its checkpoint.
pub const CHECKPOINT_NOTE_MAX: usize = 256;
/// Rows of checkpoints in one entry of the log, bytes.
pub const TABLE_ENTRY_BYTES: usize = 64 * 1024;
/// How much of a file is searched at once for a place where reading can go on.
pub const SEARCH_WINDOW: usize = 1024 * 1024;
/// Records are gathered until a chunk is this large.
pub const CHUNK_BYTES: usize = 64 * 1024;
/// A chunk with one record of the largest size, and some before it.
pub const CHUNK_PLAIN_MAX: usize = 40 * 1024 * 1024;
/// A block takes no more records when its file is this large.
pub const BLOCK_BYTES: u64 = 8 * 1024 * 1024;
/// Chunks that could not be written yet, bytes; more is refused.
pub const UNWRITTEN_MAX: usize = 64 * 1024 * 1024;
/// The document with a stream's state: a bit or less for each message of 40 million, twice.
pub const STATE_FILE_MAX: u64 = 256 * 1024 * 1024;
/// Messages looked at in one answer of the subject index before it is cheaper to read the messages themselves.
pub const SUBJECT_BUDGET: u64 = 4096;
/// Chunks kept in memory for reading, all streams together.
pub const CACHE_BYTES: usize = 16 * 1024 * 1024;
/// Files of blocks kept open for reading, all streams together.
pub const OPEN_FILES_MAX: usize = 256;
/// Messages that are read and counted rather than more subjects looked up.
pub const PENDING_SCAN_MAX: u64 = 16 * 1024;
/// Bytes of a consumer's changes after which its whole state is written.
pub const CONSUMER_CHANGES_MAX: usize = 256 * 1024;
/// Files of blocks removed by one checkpoint: a large purge leaves many, and others wait meanwhile for theirs.
pub const FILES_REMOVED_AT_ONCE: usize = 256;
/// Marks by which a stream knows which of its messages are durable.
pub const SAFE_MARKS_MAX: usize = 64;
/// Documents of consumers that are written, then synced, then renamed together.
pub const DOCUMENTS_FILED_AT_ONCE: usize = 256;
/// The document with an asset's configuration, at most.
pub const META_FILE_MAX: u64 = 32 * 1024 * 1024;
/// Removed messages that an operation lists one by one.
pub const REMOVALS_LISTED_MAX: usize = 65_536;
/// Entries of the log that survive together, bytes: an atomic batch.
pub const GROUP_MAX: usize = 192 * 1024 * 1024;
