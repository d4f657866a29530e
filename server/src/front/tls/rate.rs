//! `connection_rate_limit`: so many handshakes in a second.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Counts handshakes in windows of a second. Time comes in as an argument.
///
/// Source: reference behaviour; a window begins with the first handshake after the last window ended.
#[derive(Debug)]
pub struct RateLimit {
    per_second: u64,
    window: Mutex<Window>,
}

#[derive(Debug, Default)]
struct Window {
    ends: Option<Instant>,
    begun: u64,
}

impl RateLimit {
    pub fn new(per_second: u64) -> Self {
        Self {
            per_second,
            window: Mutex::default(),
        }
    }

    /// Whether another handshake may begin now.
    pub fn admit(&self, now: Instant) -> bool {
        let mut window = self.window.lock();
        if window.ends.is_none_or(|ends| now > ends) {
            window.ends = now.checked_add(Duration::from_secs(1));
            window.begun = 0;
        }
        let admitted = window.begun < self.per_second;
        window.begun += u64::from(admitted);
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_in_a_second_and_no_more() {
        let limit = RateLimit::new(3);
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let admitted: Vec<_> = [0, 300, 600, 900, 1000, 1001, 1002, 1003, 1004]
            .map(|ms| limit.admit(at(ms)))
            .into();
        let expected = [true, true, true, false, false, true, true, true, false];
        assert_eq!(admitted, expected);
    }

    #[test]
    fn a_limit_of_zero_admits_nobody() {
        assert!(!RateLimit::new(0).admit(Instant::now()));
    }
}
