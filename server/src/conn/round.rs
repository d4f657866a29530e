//! Waiting until connections have taken on what they were told.

use std::convert::Infallible;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// One thing that many connections are told. Each gets a [`Mark`] along with it.
///
/// Whoever promises that something holds from now on (a reload in the log, the answer to a push) waits for the round before.
pub struct Round {
    mark: Sender<Infallible>,
    marks: Receiver<Infallible>,
}

/// Held by a connection, or lying among its commands, until it has done what came with it; then dropped.
#[derive(Debug)]
pub struct Mark(#[expect(dead_code, reason = "its end is the message")] Sender<Infallible>);

impl Default for Round {
    fn default() -> Self {
        let (mark, marks) = channel();
        Self { mark, marks }
    }
}

impl Round {
    pub fn mark(&self) -> Mark {
        Mark(self.mark.clone())
    }

    /// Blocks until every mark is dropped, but no longer than `max`: a connection that is stuck holds up nobody else for longer.
    /// Says whether all are.
    pub fn wait(self, max: Duration) -> bool {
        drop(self.mark);
        match self.marks.recv_timeout(max) {
            Ok(never) => match never {},
            Err(RecvTimeoutError::Disconnected) => true,
            Err(RecvTimeoutError::Timeout) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_without_marks_is_over() {
        assert!(Round::default().wait(Duration::ZERO));
    }

    #[test]
    fn a_round_lasts_as_long_as_its_last_mark() {
        let round = Round::default();
        let (first, second) = (round.mark(), round.mark());
        drop(first);
        let late = std::thread::spawn(move || drop(second));
        assert!(round.wait(Duration::from_secs(60)));
        assert!(late.join().is_ok());
    }

    #[test]
    fn a_mark_that_stays_does_not_hold_the_round_up_for_ever() {
        let round = Round::default();
        let _stays = round.mark();
        assert!(!round.wait(Duration::from_millis(1)));
    }
}
