//! Counters of messages and bytes, brought up to date once per read of a connection, never per message.

use std::sync::atomic::{AtomicU64, Ordering};

/// Messages and payload bytes in and out.
#[derive(Debug, Default)]
pub struct Traffic {
    in_msgs: AtomicU64,
    in_bytes: AtomicU64,
    out_msgs: AtomicU64,
    out_bytes: AtomicU64,
}

/// The counters at one moment, or what one read added to them.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct TrafficSnapshot {
    pub in_msgs: u64,
    pub in_bytes: u64,
    pub out_msgs: u64,
    pub out_bytes: u64,
}

impl Traffic {
    pub fn add(&self, more: &TrafficSnapshot) {
        for (counter, n) in [
            (&self.in_msgs, more.in_msgs),
            (&self.in_bytes, more.in_bytes),
            (&self.out_msgs, more.out_msgs),
            (&self.out_bytes, more.out_bytes),
        ] {
            if n > 0 {
                counter.fetch_add(n, Ordering::Relaxed);
            }
        }
    }

    pub fn snapshot(&self) -> TrafficSnapshot {
        TrafficSnapshot {
            in_msgs: self.in_msgs.load(Ordering::Relaxed),
            in_bytes: self.in_bytes.load(Ordering::Relaxed),
            out_msgs: self.out_msgs.load(Ordering::Relaxed),
            out_bytes: self.out_bytes.load(Ordering::Relaxed),
        }
    }
}
