//! A producer that waits, for a bounded time, until its receivers have caught up.
//!
//! Pausing early keeps what is pending in the processor's cache. Dial tone comes first: the pause ends after
//! [`PAUSE_MAX`](crate::limits::PAUSE_MAX), and a receiver that took nothing in that time is not waited for again until it takes something.

use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use crate::interest::Receiver;
use crate::limits::PAUSE_MAX;

/// For whom a producer waits.
#[derive(Default)]
pub struct Pause {
    on: Vec<(Arc<Receiver>, u64)>,
    until: Option<Instant>,
}

impl Pause {
    /// Begins to wait for these receivers.
    pub fn begin(&mut self, receivers: Vec<Arc<Receiver>>, now: Instant) {
        if receivers.is_empty() {
            return;
        }
        self.until = now.checked_add(PAUSE_MAX);
        for r in receivers {
            let mut q = r.outbox.lock();
            if q.note_stall() {
                let written = q.written_total();
                drop(q);
                self.on.push((r, written));
            }
        }
    }

    /// Until when the producer has to wait, `None` when it may go on. `waker` is woken when a receiver has caught up.
    pub fn check(&mut self, now: Instant, waker: &Waker) -> Option<Instant> {
        let until = self.until?;
        if now >= until {
            for (r, written) in self.on.drain(..) {
                let mut q = r.outbox.lock();
                let progress = q.written_total() != written;
                q.gave_up_waiting(progress);
            }
        } else {
            self.on
                .retain(|(r, _)| r.outbox.lock().wait_for_room(waker));
        }
        if self.on.is_empty() {
            self.until = None;
        }
        self.until
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]
mod tests {
    use super::*;
    use crate::interest::ReceiverKind;
    use crate::limits::PAUSE_ABOVE_BYTES;
    use std::collections::VecDeque;

    fn congested() -> Arc<Receiver> {
        let r = Arc::new(Receiver::new(1, ReceiverKind::Client, 64 << 20));
        let _ = r.outbox.send(&vec![0; PAUSE_ABOVE_BYTES + 1]);
        r
    }

    #[test]
    fn a_producer_goes_on_when_its_receiver_caught_up() {
        let (r, now) = (congested(), Instant::now());
        let mut pause = Pause::default();
        pause.begin(vec![r.clone()], now);
        assert!(pause.check(now, Waker::noop()).is_some());
        let mut taken = VecDeque::new();
        r.outbox.lock().take(&mut taken);
        r.outbox.lock().written(PAUSE_ABOVE_BYTES + 1);
        assert!(pause.check(now, Waker::noop()).is_none());
    }

    #[test]
    fn a_receiver_that_takes_nothing_holds_its_producer_up_once() {
        let (r, now) = (congested(), Instant::now());
        let mut pause = Pause::default();
        pause.begin(vec![r.clone()], now);
        assert!(pause.check(now, Waker::noop()).is_some());
        assert!(pause.check(now + PAUSE_MAX, Waker::noop()).is_none());
        pause.begin(vec![r], now);
        assert!(pause.check(now, Waker::noop()).is_none());
    }
}
