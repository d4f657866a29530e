//! Counters of a client.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a client has done since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// Messages received, those for slow or ended subscriptions included.
    pub in_msgs: u64,
    /// Bytes of received messages: subject, reply, headers and payload.
    pub in_bytes: u64,
    /// Messages accepted for sending.
    pub out_msgs: u64,
    /// Bytes of their frames.
    pub out_bytes: u64,
    /// Connections made, the first included.
    pub connects: u64,
    /// Messages lost because a subscription was over its limit.
    pub dropped: u64,
    /// Messages given up when a connection was lost: partly written, or over the pending limit.
    pub lost_in_flight: u64,
}

/// Written by the connection task, once per batch.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub in_msgs: AtomicU64,
    pub in_bytes: AtomicU64,
    pub connects: AtomicU64,
    pub dropped: AtomicU64,
    pub lost_in_flight: AtomicU64,
}

impl Counters {
    pub(crate) fn add(counter: &AtomicU64, count: u64) {
        if count > 0 {
            counter.fetch_add(count, Ordering::Relaxed);
        }
    }

    pub(crate) fn snapshot(&self, out_msgs: u64, out_bytes: u64) -> Statistics {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Statistics {
            in_msgs: load(&self.in_msgs),
            in_bytes: load(&self.in_bytes),
            out_msgs,
            out_bytes,
            connects: load(&self.connects),
            dropped: load(&self.dropped),
            lost_in_flight: load(&self.lost_in_flight),
        }
    }
}
