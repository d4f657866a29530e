//! When the messages of a run are due, and from when their latency counts.
//!
//! Closed loop: the next operation begins when the previous one has ended. Open loop (`--throughput`): operation *n* is due
//! at `start + n / rate`, whether or not the previous one has ended, and its latency counts from that moment. An operation
//! that had to wait behind a slow one is thereby charged its waiting time, which a closed loop omits (coordinated
//! omission). The timer's own lateness is not charged: what came due while the loop slept counts from its awakening.

use std::time::{Duration, Instant};

/// The schedule of one client.
#[derive(Debug, Clone)]
pub struct Pace {
    start: Instant,
    /// Nanoseconds between two operations of this client; `None` for a closed loop.
    interval_ns: Option<f64>,
    awake_since: Instant,
}

impl Pace {
    /// `per_second` is this client's share of the rate; 0 means as fast as possible.
    pub fn new(start: Instant, per_second: f64) -> Self {
        Self {
            start,
            interval_ns: (per_second > 0.0).then(|| 1e9 / per_second),
            awake_since: start,
        }
    }

    /// True when operations are due at fixed times.
    pub fn is_open_loop(&self) -> bool {
        self.interval_ns.is_some()
    }

    /// How long to sleep before operation `index` (0 is the first); `None` when it is due.
    pub fn wait(&self, index: u64, now: Instant) -> Option<Duration> {
        let due = self.due(index)?;
        due.checked_duration_since(now)
            .filter(|wait| !wait.is_zero())
    }

    /// To be called after sleeping.
    pub fn woke(&mut self, now: Instant) {
        self.awake_since = now;
    }

    /// The moment from which the latency of operation `index` counts, when it begins at `now`.
    pub fn counts_from(&self, index: u64, now: Instant) -> Instant {
        self.due(index)
            .map_or(now, |due| due.max(self.awake_since).min(now))
    }

    fn due(&self, index: u64) -> Option<Instant> {
        let offset = self.interval_ns? * index as f64;
        self.start.checked_add(Duration::from_nanos(offset as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_closed_loop_never_waits_and_counts_from_now() {
        let start = Instant::now();
        let pace = Pace::new(start, 0.0);
        assert_eq!(pace.wait(5, start), None);
        assert_eq!(pace.counts_from(5, start + MS), start + MS);
    }

    #[test]
    fn an_operation_held_up_by_a_slow_one_counts_from_when_it_was_due() {
        let start = Instant::now();
        let pace = Pace::new(start, 1_000.0);
        // Operation 0 took 10 ms; operations 1..=10 came due meanwhile.
        let now = start + 10 * MS;
        assert_eq!(pace.wait(3, now), None);
        assert_eq!(pace.counts_from(3, now), start + 3 * MS);
    }

    #[test]
    fn the_lateness_of_the_timer_is_not_charged() {
        let start = Instant::now();
        let mut pace = Pace::new(start, 1_000.0);
        assert_eq!(pace.wait(1, start), Some(MS));
        // The timer was late by 4 ms; operations 1..=5 came due while nothing was going on.
        pace.woke(start + 5 * MS);
        assert_eq!(pace.counts_from(1, start + 5 * MS), start + 5 * MS);
        assert_eq!(pace.counts_from(2, start + 6 * MS), start + 5 * MS);
        assert_eq!(pace.wait(6, start + 5 * MS), Some(MS));
    }
}
