//! Time as the streams see it: the wall clock, without its jumps.
//!
//! A wall clock that is set by an hour must not expire messages an hour early, nor keep redeliveries waiting for an hour (J18). So time goes on by
//! the steady clock, and what the wall clock is ahead or behind is made up for gradually: twice as fast, or half as fast, as long as it takes. A
//! wall clock that is very far away was wrong before, and is followed at once.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nats_store::Timestamp;
use parking_lot::Mutex;

/// A difference beyond this is no jump but a clock that was wrong: nanoseconds.
const FOLLOW_AT_ONCE: i64 = 2 * 60 * 60 * 1_000_000_000;

/// The clock of an engine.
pub struct Clock {
    origin: Instant,
    state: Mutex<Steadied>,
}

impl Clock {
    pub fn start() -> Self {
        Self {
            origin: Instant::now(),
            state: Mutex::new(Steadied::new(wall())),
        }
    }

    pub fn now(&self) -> Timestamp {
        let (steady, wall) = (nanos(self.origin.elapsed()), wall());
        Timestamp(self.state.lock().at(steady, wall))
    }
}

fn wall() -> i64 {
    nanos(
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default(),
    )
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

/// What was shown last. All in nanoseconds.
struct Steadied {
    steady: i64,
    now: i64,
}

impl Steadied {
    fn new(wall: i64) -> Self {
        Self {
            steady: 0,
            now: wall,
        }
    }

    /// The time to show. `steady` never goes back.
    fn at(&mut self, steady: i64, wall: i64) -> i64 {
        let passed = steady.saturating_sub(self.steady).max(0);
        let due = self.now.saturating_add(passed);
        let off = wall.saturating_sub(due);
        self.now = if off.saturating_abs() > FOLLOW_AT_ONCE {
            wall
        } else {
            due.saturating_add(off.clamp(-(passed / 2), passed))
        };
        self.steady = self.steady.max(steady);
        self.now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;
    const HOUR: i64 = 3600 * SECOND;
    const START: i64 = 500_000 * HOUR;

    /// Looks ten times a second for so many seconds, with a wall clock that is `off`; the last time shown.
    fn run(clock: &mut Steadied, from: i64, seconds: i64, off: i64) -> i64 {
        let mut before = clock.now;
        for n in 1..=seconds * 10 {
            let steady = from + n * SECOND / 10;
            let now = clock.at(steady, START + steady + off);
            assert!(now >= before, "it never goes back");
            before = now;
        }
        before
    }

    #[test]
    fn j18_it_follows_the_wall_clock_exactly_while_that_is_steady() {
        let mut clock = Steadied::new(START);
        assert_eq!(run(&mut clock, 0, 100, 0), START + 100 * SECOND);
        // A clock that is slewed by a little is followed at once.
        assert_eq!(
            run(&mut clock, 100 * SECOND, 1, SECOND / 100),
            START + 101 * SECOND + SECOND / 100
        );
    }

    #[test]
    fn j18_a_jump_of_an_hour_neither_skips_nor_stops_time() {
        for jump in [HOUR, -HOUR] {
            let mut clock = Steadied::new(START);
            run(&mut clock, 0, 10, 0);
            let now = run(&mut clock, 10 * SECOND, 60, jump);
            let shown = now - (START + 10 * SECOND);
            assert!(
                (30 * SECOND..=120 * SECOND).contains(&shown),
                "a minute lasted {shown} ns"
            );
            // In the end it is right.
            let later = run(&mut clock, 70 * SECOND, 3 * 3600, jump);
            assert_eq!(later, START + 70 * SECOND + 3 * HOUR + jump);
        }
    }

    #[test]
    fn j18_a_clock_that_was_wrong_by_days_is_followed_at_once() {
        for jump in [72 * HOUR, -72 * HOUR] {
            let mut clock = Steadied::new(START);
            let now = clock.at(SECOND, START + jump);
            assert_eq!(now, START + jump);
        }
    }

    #[test]
    fn j18_a_frozen_wall_clock_does_not_stop_time() {
        let mut clock = Steadied::new(START);
        for n in 1..=100 {
            clock.at(n * SECOND, START);
        }
        assert!(clock.now >= START + 50 * SECOND);
    }
}
