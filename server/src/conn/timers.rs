//! When a connection has to act by itself: authentication deadline, pings, expiry.

use std::time::{Duration, Instant};

/// First ping of a client after its CONNECT.
const FIRST_PING: Duration = Duration::from_secs(2);
/// How often the round trip is measured of a peer that keeps talking.
const RTT_REFRESH: Duration = Duration::from_secs(3600);

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    AuthTimeout,
    Expired,
    Ping,
    Stale,
}

/// The clocks of one connection.
#[derive(Debug)]
pub struct Timers {
    pub auth_by: Option<Instant>,
    pub expires_at: Option<Instant>,
    ping_at: Option<Instant>,
    ping_interval: Duration,
    ping_max: u32,
    pings_out: u32,
    ping_sent: Option<Instant>,
    /// When a ping last went out, answered or not.
    rtt_asked_at: Option<Instant>,
    /// Last bytes from the peer.
    pub last_in: Instant,
}

impl Timers {
    pub fn new(now: Instant, ping_interval: Duration, ping_max: u32) -> Self {
        Self {
            auth_by: None,
            expires_at: None,
            ping_at: now.checked_add(ping_interval),
            ping_interval,
            ping_max,
            pings_out: 0,
            ping_sent: None,
            rtt_asked_at: None,
            last_in: now,
        }
    }

    pub fn set_ping(&mut self, interval: Duration, max: u32) {
        self.ping_interval = interval;
        self.ping_max = max;
    }

    /// CONNECT came: the first ping follows soon, `jitter` (0 to 99) spreads it over a fifth more.
    pub fn first_ping(&mut self, now: Instant, jitter: u32) {
        let base = FIRST_PING.min(self.ping_interval);
        let spread = base.saturating_mul(jitter.min(99)).checked_div(500);
        self.ping_at = now.checked_add(base.saturating_add(spread.unwrap_or_default()));
    }

    /// The peer answered a ping: the round trip, if one was being measured.
    pub fn pong(&mut self, now: Instant) -> Option<Duration> {
        self.pings_out = 0;
        let sent = self.ping_sent.take()?;
        Some(now.saturating_duration_since(sent))
    }

    pub fn next(&self) -> Option<Instant> {
        [self.auth_by, self.expires_at, self.ping_at]
            .into_iter()
            .flatten()
            .min()
    }

    /// What has to be done now; called again until nothing is.
    pub fn due(&mut self, now: Instant) -> Option<Due> {
        if self.auth_by.is_some_and(|t| t <= now) {
            self.auth_by = None;
            return Some(Due::AuthTimeout);
        }
        if self.expires_at.is_some_and(|t| t <= now) {
            self.expires_at = None;
            return Some(Due::Expired);
        }
        if self.ping_at.is_some_and(|t| t <= now) {
            self.ping_at = now.checked_add(self.ping_interval);
            return self.ping(now);
        }
        None
    }

    /// A peer that spoke within the interval needs no ping, unless its round trip is to be measured. Whether it answered the last
    /// ping does not count while it speaks: its answer may stand behind much that it publishes.
    fn ping(&mut self, now: Instant) -> Option<Due> {
        let quiet = now.saturating_duration_since(self.last_in) >= self.ping_interval;
        let rtt_asked = self
            .rtt_asked_at
            .is_some_and(|t| now.saturating_duration_since(t) < RTT_REFRESH);
        if !quiet && rtt_asked {
            return None;
        }
        if self.pings_out.saturating_add(1) > self.ping_max {
            return Some(Due::Stale);
        }
        self.pings_out = self.pings_out.saturating_add(1);
        self.ping_sent = Some(now);
        self.rtt_asked_at = Some(now);
        Some(Due::Ping)
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, clippy::expect_used)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(10);

    #[test]
    fn a_silent_peer_is_pinged_and_then_stale() {
        let start = Instant::now();
        let mut t = Timers::new(start, INTERVAL, 2);
        assert_eq!(t.due(start), None);
        assert_eq!(t.due(start + INTERVAL), Some(Due::Ping));
        assert_eq!(t.due(start + INTERVAL), None);
        assert_eq!(t.due(start + 2 * INTERVAL), Some(Due::Ping));
        assert_eq!(t.due(start + 3 * INTERVAL), Some(Due::Stale));
    }

    #[test]
    fn a_peer_that_speaks_is_not_pinged_once_its_round_trip_is_known() {
        let start = Instant::now();
        let mut t = Timers::new(start, INTERVAL, 2);
        t.first_ping(start, 50);
        let first = t.next().expect("a first ping");
        assert!(first >= start + FIRST_PING && first <= start + FIRST_PING * 6 / 5);
        assert_eq!(t.due(first), Some(Due::Ping));
        assert!(t.pong(first + Duration::from_millis(3)) == Some(Duration::from_millis(3)));
        t.last_in = first + INTERVAL;
        assert_eq!(t.due(first + INTERVAL), None);
        assert_eq!(t.due(first + 2 * INTERVAL), Some(Due::Ping));
    }

    #[test]
    fn a_peer_that_speaks_is_not_stale_although_it_answers_no_ping() {
        let start = Instant::now();
        let mut t = Timers::new(start, INTERVAL, 2);
        assert_eq!(t.due(start + INTERVAL), Some(Due::Ping));
        for n in 2..50 {
            t.last_in = start + n * INTERVAL - Duration::from_secs(1);
            assert_eq!(t.due(start + n * INTERVAL), None);
        }
        // From when on it is silent, what it owes counts.
        assert_eq!(t.due(start + 50 * INTERVAL), Some(Due::Ping));
        assert_eq!(t.due(start + 51 * INTERVAL), Some(Due::Stale));
    }
}
