//! The statuses that pulling clients get, word by word. Client libraries compare these texts.

use std::io::Write as _;

/// A status without headers.
pub(super) const NO_MESSAGES: &[u8] = b"NATS/1.0 404 No Messages\r\n\r\n";
pub(super) const REQUESTS_PENDING: &[u8] = b"NATS/1.0 408 Requests Pending\r\n\r\n";
pub(super) const EXCEEDED_MAX_WAITING: &[u8] = b"NATS/1.0 409 Exceeded MaxWaiting\r\n\r\n";
pub(super) const PUSH_BASED: &[u8] = b"NATS/1.0 409 Consumer is push based\r\n\r\n";
pub(super) const CONSUMER_DELETED: &[u8] = b"NATS/1.0 409 Consumer Deleted\r\n\r\n";
pub(super) const LEADERSHIP_CHANGE: &[u8] = b"NATS/1.0 409 Leadership Change\r\n\r\n";
pub(super) const REQUIRED_API_LEVEL: &[u8] = b"NATS/1.0 412 Required Api Level\r\n\r\n";
pub(super) const PIN_MISMATCH: &[u8] = b"NATS/1.0 423 Nats-Pin-Id mismatch\r\n\r\n";
pub(super) const FLOW_CONTROL: &[u8] = b"NATS/1.0 100 FlowControl Request\r\n\r\n";

/// First lines of those that say what was left of the request.
pub(super) const REQUEST_TIMEOUT: &str = "408 Request Timeout";
pub(super) const INTEREST_EXPIRED: &str = "408 Interest Expired";
pub(super) const BATCH_COMPLETED: &str = "409 Batch Completed";
pub(super) const MESSAGE_TOO_LARGE: &str = "409 Message Size Exceeds MaxBytes";
pub(super) const SERVER_SHUTDOWN: &str = "409 Server Shutdown";
pub(super) const WRONG_PIN: &str = "423 Nats-Wrong-Pin-Id";

/// Writes the end of a request: what happened, and what was left of it.
pub(super) fn ended(out: &mut Vec<u8>, line: &str, messages: i64, bytes: i64) {
    out.clear();
    // Writing to memory does not fail.
    let _ = write!(
        out,
        "NATS/1.0 {line}\r\nNats-Pending-Messages: {messages}\r\nNats-Pending-Bytes: {bytes}\r\n\r\n"
    );
}

/// Writes a heartbeat; `stalled` is the flow control request that waits for an answer.
pub(super) fn heartbeat(out: &mut Vec<u8>, consumer: u64, stream: u64, stalled: Option<&[u8]>) {
    out.clear();
    let _ = write!(
        out,
        "NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: {consumer}\r\nNats-Last-Stream: {stream}\r\n"
    );
    if let Some(stalled) = stalled {
        out.extend_from_slice(b"Nats-Consumer-Stalled: ");
        out.extend_from_slice(stalled);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

/// A refusal with a text of its own.
pub(super) fn refused(code: u16, why: std::fmt::Arguments<'_>) -> Vec<u8> {
    format!("NATS/1.0 {code} {why}\r\n\r\n").into_bytes()
}
