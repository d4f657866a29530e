//! When what is told again.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Between two heartbeats of a server that has found its pace.
const STATSZ_EVERY: Duration = Duration::from_secs(10);
/// The first heartbeats come quicker, each wait twice as long as the one before.
const STATSZ_FIRST: Duration = Duration::from_millis(250);
/// The number of an account's connections is told again after this, when nothing changed.
const CONNECTIONS_EVERY: Duration = Duration::from_secs(30);

/// What is due at one moment.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Due {
    pub statsz: bool,
    pub accounts: Vec<String>,
}

/// The clockwork of the heartbeats. Time comes in as an argument.
#[derive(Debug)]
pub(super) struct Heartbeat {
    statsz_at: Instant,
    statsz_wait: Duration,
    accounts: HashMap<String, Instant>,
}

impl Heartbeat {
    pub fn new(now: Instant) -> Self {
        Self {
            statsz_at: after(now, STATSZ_FIRST),
            statsz_wait: STATSZ_FIRST,
            accounts: HashMap::new(),
        }
    }

    /// An account's connections were told: again later, unless it has none any more.
    pub fn told(&mut self, account: &str, connections: usize, now: Instant) {
        if connections == 0 {
            self.accounts.remove(account);
        } else {
            self.accounts
                .insert(account.to_owned(), after(now, CONNECTIONS_EVERY));
        }
    }

    /// How long nothing is due.
    pub fn idle(&self, now: Instant) -> Duration {
        let next = self
            .accounts
            .values()
            .min()
            .map_or(self.statsz_at, |at| self.statsz_at.min(*at));
        next.saturating_duration_since(now)
    }

    /// Takes what is due. Accounts stay due until they are [`Self::told`].
    pub fn due(&mut self, now: Instant) -> Due {
        let statsz = self.statsz_at <= now;
        if statsz {
            self.statsz_wait = self.statsz_wait.saturating_mul(2).min(STATSZ_EVERY);
            self.statsz_at = after(now, self.statsz_wait);
        }
        let accounts = self.accounts.iter().filter(|(_, at)| **at <= now);
        Due {
            statsz,
            accounts: accounts.map(|(name, _)| name.clone()).collect(),
        }
    }
}

fn after(now: Instant, wait: Duration) -> Instant {
    now.checked_add(wait).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heartbeats_slow_down_to_their_pace() {
        let start = Instant::now();
        let mut heartbeat = Heartbeat::new(start);
        let (mut now, mut waits) = (start, Vec::new());
        for _ in 0..8 {
            let wait = heartbeat.idle(now);
            waits.push(wait.as_millis());
            now += wait;
            assert!(heartbeat.due(now).statsz);
            assert!(!heartbeat.due(now).statsz);
        }
        assert_eq!(
            waits,
            [250, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]
        );
    }

    #[test]
    fn an_account_is_told_again_until_it_is_empty() {
        let now = Instant::now();
        let mut heartbeat = Heartbeat::new(now);
        heartbeat.told("A", 2, now);
        heartbeat.told("B", 1, now + Duration::from_secs(1));
        heartbeat.told("B", 0, now + Duration::from_secs(2));
        assert_eq!(
            heartbeat.due(now + Duration::from_secs(29)).accounts,
            [""; 0]
        );
        assert_eq!(heartbeat.due(now + Duration::from_secs(30)).accounts, ["A"]);
        heartbeat.told("A", 2, now + Duration::from_secs(30));
        assert_eq!(
            heartbeat.due(now + Duration::from_secs(59)).accounts,
            [""; 0]
        );
        assert_eq!(heartbeat.due(now + Duration::from_secs(60)).accounts, ["A"]);
    }
}
