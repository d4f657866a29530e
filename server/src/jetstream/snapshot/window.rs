//! How many chunks of a snapshot are on their way without a word from the receiver.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::Interrupt;
use crate::interest::Sub;
use crate::router::{Cycle, Message, Origin, Service};

/// How long the receiver may be silent while the window is full.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it is looked whether somebody still listens.
const LOOK: Duration = Duration::from_millis(250);
/// The first wait for somebody who listens; each is twice as long as the one before.
const FIRST_LOOK: Duration = Duration::from_millis(1);

/// Why no more chunks are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Halt {
    NoInterest,
    NoFlow,
    Stopped,
}

/// Counts chunks that were sent and those that were acknowledged.
#[derive(Default)]
pub struct Window {
    state: Mutex<State>,
    told: Condvar,
}

#[derive(Default)]
struct State {
    sent: u64,
    acknowledged: u64,
    stopped: bool,
}

impl Window {
    /// Waits until less than `most` chunks are on their way, then counts one more; its number, from 1.
    pub fn wait(&self, most: u64, listens: impl Fn() -> bool) -> Result<u64, Halt> {
        let since = Instant::now();
        let mut state = self.state.lock();
        loop {
            if state.stopped {
                return Err(Halt::Stopped);
            }
            if !listens() {
                return Err(Halt::NoInterest);
            }
            if state.sent.saturating_sub(state.acknowledged) < most {
                state.sent += 1;
                return Ok(state.sent);
            }
            let Some(left) = PATIENCE.checked_sub(since.elapsed()) else {
                return Err(Halt::NoFlow);
            };
            self.told.wait_for(&mut state, left.min(LOOK));
        }
    }

    /// Waits for the first who listens, as long as `most`.
    pub fn wait_for_interest(
        &self,
        most: Duration,
        listens: impl Fn() -> bool,
    ) -> Result<(), Halt> {
        let since = Instant::now();
        let mut look = FIRST_LOOK;
        let mut state = self.state.lock();
        while !listens() {
            let Some(left) = most.checked_sub(since.elapsed()).filter(|_| !state.stopped) else {
                return Err(match state.stopped {
                    true => Halt::Stopped,
                    false => Halt::NoInterest,
                });
            };
            self.told.wait_for(&mut state, left.min(look));
            look = look.saturating_mul(2).min(LOOK);
        }
        Ok(())
    }

    fn acknowledge(&self) {
        let mut state = self.state.lock();
        state.acknowledged = state.acknowledged.saturating_add(1).min(state.sent);
        drop(state);
        self.told.notify_all();
    }
}

impl Interrupt for Window {
    fn interrupt(&self) {
        self.state.lock().stopped = true;
        self.told.notify_all();
    }
}

/// `$JS.SNAPSHOT.ACK.<stream>.<id>.>`
pub struct Acks(pub Arc<Window>);

impl Service for Acks {
    fn receive(&self, _: &mut Cycle, _: &Origin<'_>, _: &Arc<Sub>, _: &Message<'_>) -> bool {
        self.0.acknowledge();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_window_opens_with_an_acknowledgement() {
        let window = Arc::new(Window::default());
        assert_eq!(window.wait(2, || true), Ok(1));
        assert_eq!(window.wait(2, || true), Ok(2));
        let other = window.clone();
        let waits = std::thread::spawn(move || other.wait(2, || true));
        window.acknowledge();
        assert_eq!(waits.join().expect("a thread"), Ok(3));
    }

    #[test]
    fn nobody_waits_for_one_who_is_gone_or_for_a_server_that_stops() {
        let window = Arc::new(Window::default());
        assert_eq!(window.wait(2, || false), Err(Halt::NoInterest));
        assert_eq!(
            window.wait_for_interest(Duration::ZERO, || false),
            Err(Halt::NoInterest)
        );
        assert_eq!(window.wait(1, || true), Ok(1));
        let other = window.clone();
        let waits = std::thread::spawn(move || other.wait(1, || true));
        window.interrupt();
        assert_eq!(waits.join().expect("a thread"), Err(Halt::Stopped));
    }

    #[test]
    fn more_acknowledgements_than_chunks_open_nothing() {
        let window = Window::default();
        for _ in 0..10 {
            window.acknowledge();
        }
        assert_eq!(window.wait(1, || true), Ok(1));
        let state = window.state.lock();
        assert_eq!((state.sent, state.acknowledged), (1, 0));
    }
}
