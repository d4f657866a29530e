//! Lines about requests that cannot be read, at a pace at which nobody fills the log with them.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// So many lines in a [`SPELL`] at the most; the rest is counted.
const LINES_MAX: u32 = 20;
const SPELL: Duration = Duration::from_secs(1);

#[derive(Default)]
pub struct Complaints(Mutex<Spell>);

#[derive(Default)]
struct Spell {
    began: Option<Instant>,
    lines: u32,
    left_out: u64,
}

impl Complaints {
    /// A request that cannot be read.
    pub fn invalid_request(&self, account: &str, subject: &str, error: &dyn std::fmt::Display) {
        let (is_said, left_out) = self.0.lock().next(Instant::now());
        if left_out > 0 {
            tracing::warn!("Invalid JetStream requests: {left_out} more");
        }
        if is_said {
            tracing::warn!("Invalid JetStream request '{account} > {subject}': {error}");
        }
    }
}

impl Spell {
    /// Whether one more may be said now, and how many of the spell before were not.
    fn next(&mut self, now: Instant) -> (bool, u64) {
        let mut left_out = 0;
        if self
            .began
            .is_none_or(|began| now.duration_since(began) >= SPELL)
        {
            left_out = self.left_out;
            *self = Self {
                began: Some(now),
                ..Self::default()
            };
        }
        if self.lines >= LINES_MAX {
            self.left_out = self.left_out.saturating_add(1);
            return (false, left_out);
        }
        self.lines += 1;
        (true, left_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_bad_requests_is_counted_not_told() {
        let (mut spell, now) = (Spell::default(), Instant::now());
        for _ in 0..LINES_MAX {
            assert_eq!(spell.next(now), (true, 0));
        }
        for _ in 0..7 {
            assert_eq!(spell.next(now), (false, 0));
        }
        assert_eq!(spell.next(now + SPELL), (true, 7));
        assert_eq!(spell.next(now + SPELL), (true, 0));
    }
}
