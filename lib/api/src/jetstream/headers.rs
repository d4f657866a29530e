//! The headers that JetStream reads and writes, and their fixed values.

macro_rules! headers {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {$(
        $(#[$doc])*
        pub const $name: &str = $text;
    )*};
}

// Publishing.
headers! {
    /// The id by which a repeated publish is found.
    MSG_ID = "Nats-Msg-Id";
    EXPECTED_STREAM = "Nats-Expected-Stream";
    EXPECTED_LAST_SEQUENCE = "Nats-Expected-Last-Sequence";
    EXPECTED_LAST_SUBJECT_SEQUENCE = "Nats-Expected-Last-Subject-Sequence";
    EXPECTED_LAST_SUBJECT_SEQUENCE_SUBJECT = "Nats-Expected-Last-Subject-Sequence-Subject";
    EXPECTED_LAST_MSG_ID = "Nats-Expected-Last-Msg-Id";
    /// What mirrors and sources do not keep.
    EXPECTED_PREFIX = "Nats-Expected-";
    /// Replaces what was there: [`ROLLUP_SUBJECT`] or [`ROLLUP_ALL`].
    ROLLUP = "Nats-Rollup";
    ROLLUP_SUBJECT = "sub";
    ROLLUP_ALL = "all";
    /// How long the message lives: whole seconds, a duration, or [`TTL_NEVER`].
    TTL = "Nats-TTL";
    TTL_NEVER = "never";
    /// Why a marker stands in the place of a message.
    MARKER_REASON = "Nats-Marker-Reason";
    MARKER_MAX_AGE = "MaxAge";
    MARKER_PURGE = "Purge";
    MARKER_REMOVE = "Remove";
    REQUIRED_API_LEVEL = "Nats-Required-Api-Level";
    STREAM_IDENTITY = "Nats-Stream-Identity";
    RESPONSE_TYPE = "Nats-Response-Type";
}

// Counters.
headers! {
    INCR = "Nats-Incr";
    COUNTER_SOURCES = "Nats-Counter-Sources";
}

// Batches.
headers! {
    BATCH_ID = "Nats-Batch-Id";
    BATCH_SEQUENCE = "Nats-Batch-Sequence";
    /// [`BATCH_COMMIT_STORE`] or [`BATCH_COMMIT_END`].
    BATCH_COMMIT = "Nats-Batch-Commit";
    /// This message is the last of the batch.
    BATCH_COMMIT_STORE = "1";
    /// The batch ended with the message before; this one is not stored.
    BATCH_COMMIT_END = "eob";
    BATCH_PREFIX = "Nats-Batch-";
}

// Schedules.
headers! {
    SCHEDULE = "Nats-Schedule";
    SCHEDULE_TARGET = "Nats-Schedule-Target";
    SCHEDULE_TTL = "Nats-Schedule-TTL";
    SCHEDULE_ROLLUP = "Nats-Schedule-Rollup";
    SCHEDULE_SOURCE = "Nats-Schedule-Source";
    SCHEDULE_TIME_ZONE = "Nats-Schedule-Time-Zone";
    /// On a produced message: the subject of the schedule.
    SCHEDULER = "Nats-Scheduler";
    /// On a produced message: the next time, or [`SCHEDULE_NEXT_PURGE`].
    SCHEDULE_NEXT = "Nats-Schedule-Next";
    SCHEDULE_NEXT_PURGE = "purge";
}

// Sourcing, republishing, direct get.
headers! {
    STREAM_SOURCE = "Nats-Stream-Source";
    STREAM = "Nats-Stream";
    SUBJECT = "Nats-Subject";
    SEQUENCE = "Nats-Sequence";
    TIME_STAMP = "Nats-Time-Stamp";
    LAST_SEQUENCE = "Nats-Last-Sequence";
    NUM_PENDING = "Nats-Num-Pending";
    UP_TO_SEQUENCE = "Nats-UpTo-Sequence";
    MSG_SIZE = "Nats-Msg-Size";
}

// Delivery.
headers! {
    LAST_CONSUMER = "Nats-Last-Consumer";
    LAST_STREAM = "Nats-Last-Stream";
    /// The flow control request to which nobody has answered yet.
    CONSUMER_STALLED = "Nats-Consumer-Stalled";
    PENDING_MESSAGES = "Nats-Pending-Messages";
    PENDING_BYTES = "Nats-Pending-Bytes";
    PIN_ID = "Nats-Pin-Id";
}

// Key-value buckets.
headers! {
    /// [`KV_DELETE`] or [`KV_PURGE`]; absent on a value.
    KV_OPERATION = "KV-Operation";
    KV_DELETE = "DEL";
    KV_PURGE = "PURGE";
}
