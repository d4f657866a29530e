//! A producer that waits, for a bounded time, until its receivers and its streams have caught up.
//!
//! Pausing early keeps what is pending in the processor's cache. Dial tone comes first: the pause ends after
//! [`PAUSE_MAX`](crate::limits::PAUSE_MAX), for a stream after [`STREAM_PAUSE_MAX`](crate::limits::STREAM_PAUSE_MAX), and who took nothing in that time is not waited for
//! again until it takes something.

use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use crate::interest::Lagging;

/// For whom a producer waits.
#[derive(Default)]
pub struct Pause {
    on: Vec<Waited>,
}

struct Waited {
    one: Arc<dyn Lagging>,
    /// What it had taken when the wait began.
    taken: u64,
    until: Instant,
}

impl Pause {
    /// Begins to wait for these.
    pub fn begin(&mut self, lagging: Vec<Arc<dyn Lagging>>, now: Instant) {
        for one in lagging {
            if let Some(taken) = one.begin_wait() {
                let until = now.checked_add(one.patience()).unwrap_or(now);
                self.on.push(Waited { one, taken, until });
            }
        }
    }

    /// Until when the producer has to wait, `None` when it may go on. `waker` is woken when one of them has caught up.
    pub fn check(&mut self, now: Instant, waker: &Waker) -> Option<Instant> {
        self.on.retain(|waited| {
            if now >= waited.until {
                waited.one.gave_up_waiting(waited.taken);
                return false;
            }
            waited.one.wait_for_room(waker)
        });
        self.on.iter().map(|waited| waited.until).min()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]
mod tests {
    use super::*;
    use crate::interest::{Receiver, ReceiverKind};
    use crate::limits::{PAUSE_ABOVE_BYTES, PAUSE_MAX};
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
