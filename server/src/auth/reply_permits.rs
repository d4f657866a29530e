//! `allow_responses`: permission to publish to the reply subjects of messages received, for a while and so often.

use std::time::{Duration, Instant};

use hashbrown::HashMap;

use crate::limits::{REPLY_PERMISSIONS_MAX, REPLY_PERMISSIONS_PRUNE_EVERY};
use crate::options::ResponsePermission;

/// Between two prunings, unless many permits came in.
const PRUNE_INTERVAL: Duration = Duration::from_secs(1);

/// The reply subjects that one connection may publish to. Time comes in as an argument.
///
/// Used-up and expired permits are pruned as the reference does; above [`REPLY_PERMISSIONS_MAX`], where the reference
/// grows on, the older half is taken back.
#[derive(Debug)]
pub struct ReplyPermits {
    rule: ResponsePermission,
    permits: HashMap<Box<[u8]>, Permit, foldhash::fast::RandomState>,
    since_pruning: usize,
    pruned_at: Instant,
}

#[derive(Debug, Clone, Copy)]
struct Permit {
    granted: Instant,
    used: u64,
}

impl ReplyPermits {
    /// None granted yet. `rule` is that of the connection's permissions.
    pub fn new(rule: ResponsePermission, now: Instant) -> Self {
        Self {
            rule,
            permits: HashMap::default(),
            since_pruning: 0,
            pruned_at: now,
        }
    }

    /// A message with this reply subject was delivered: it may be answered from now on, as often as the rule says.
    pub fn grant(&mut self, reply: &[u8], now: Instant) {
        let permit = Permit {
            granted: now,
            used: 0,
        };
        match self.permits.get_mut(reply) {
            Some(known) => *known = permit,
            None => {
                self.permits.insert(reply.into(), permit);
            }
        }
        self.since_pruning += 1;
        let due = now.saturating_duration_since(self.pruned_at) > PRUNE_INTERVAL;
        if due || self.since_pruning > REPLY_PERMISSIONS_PRUNE_EVERY {
            self.prune(now);
        }
        if self.permits.len() > REPLY_PERMISSIONS_MAX {
            self.take_back_older_half();
        }
    }

    /// Uses one permit: whether `subject` may be published to now.
    pub fn take(&mut self, subject: &[u8], now: Instant) -> bool {
        let Some(permit) = self.permits.get_mut(subject) else {
            return false;
        };
        if is_spent(&self.rule, permit, now) {
            self.permits.remove(subject);
            return false;
        }
        permit.used = permit.used.saturating_add(1);
        true
    }

    /// Number of reply subjects remembered.
    pub fn len(&self) -> usize {
        self.permits.len()
    }

    /// Whether none is remembered.
    pub fn is_empty(&self) -> bool {
        self.permits.is_empty()
    }

    fn prune(&mut self, now: Instant) {
        let rule = self.rule;
        self.permits
            .retain(|_, permit| !is_spent(&rule, permit, now));
        self.since_pruning = 0;
        self.pruned_at = now;
    }

    fn take_back_older_half(&mut self) {
        let mut times: Vec<Instant> = self.permits.values().map(|p| p.granted).collect();
        let middle = times.len() / 2;
        let (_, &mut median, _) = times.select_nth_unstable(middle);
        let mut excess = self.permits.len() / 2;
        self.permits.retain(|_, permit| {
            // Among permits of one age, it does not matter which go, only that enough do.
            let goes = permit.granted <= median && excess > 0;
            excess -= usize::from(goes);
            !goes
        });
    }
}

fn is_spent(rule: &ResponsePermission, permit: &Permit, now: Instant) -> bool {
    rule.max_msgs.is_some_and(|max| permit.used >= max)
        || rule
            .expires
            .is_some_and(|ttl| now.saturating_duration_since(permit.granted) > ttl)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(max_msgs: Option<u64>, seconds: Option<u64>) -> ResponsePermission {
        ResponsePermission {
            max_msgs,
            expires: seconds.map(Duration::from_secs),
        }
    }

    #[test]
    fn a_reply_may_be_sent_as_often_as_the_rule_says() {
        let now = Instant::now();
        let mut permits = ReplyPermits::new(rule(Some(2), None), now);
        assert!(!permits.take(b"_INBOX.1", now));
        permits.grant(b"_INBOX.1", now);
        assert!(permits.take(b"_INBOX.1", now));
        assert!(permits.take(b"_INBOX.1", now));
        assert!(!permits.take(b"_INBOX.1", now));
        assert!(permits.is_empty());
        permits.grant(b"_INBOX.1", now);
        assert!(
            permits.take(b"_INBOX.1", now),
            "a new message, a new permit"
        );
        assert!(!permits.take(b"_INBOX.2", now));
    }

    #[test]
    fn a_permit_ends_with_its_time() {
        let now = Instant::now();
        let mut permits = ReplyPermits::new(rule(None, Some(2)), now);
        permits.grant(b"r", now);
        assert!(permits.take(b"r", now + Duration::from_secs(2)));
        assert!(!permits.take(b"r", now + Duration::from_millis(2001)));
        assert!(permits.is_empty());
    }

    #[test]
    fn without_limits_a_permit_stays() {
        let now = Instant::now();
        let mut permits = ReplyPermits::new(rule(None, None), now);
        permits.grant(b"r", now);
        for day in 0..1000 {
            assert!(permits.take(b"r", now + Duration::from_secs(day * 86_400)));
        }
    }

    #[test]
    fn spent_permits_are_pruned_with_time() {
        let now = Instant::now();
        let mut permits = ReplyPermits::new(rule(Some(1), Some(2)), now);
        for n in 0..100 {
            permits.grant(format!("r.{n}").as_bytes(), now);
        }
        permits.grant(b"later", now + Duration::from_secs(3));
        assert_eq!(permits.len(), 1);
    }

    #[test]
    fn the_number_of_permits_is_bounded_and_the_newest_survive() {
        let start = Instant::now();
        let mut permits = ReplyPermits::new(rule(None, None), start);
        let name = |n: usize| format!("r.{n}").into_bytes();
        for n in 0..REPLY_PERMISSIONS_MAX * 2 {
            permits.grant(&name(n), start + Duration::from_micros(n as u64));
            assert!(permits.len() <= REPLY_PERMISSIONS_MAX);
        }
        let now = start + Duration::from_secs(1);
        for n in REPLY_PERMISSIONS_MAX * 2 - REPLY_PERMISSIONS_MAX / 2..REPLY_PERMISSIONS_MAX * 2 {
            assert!(permits.take(&name(n), now), "{n}");
        }
        assert!(!permits.take(&name(0), now));
        // All of one age: still bounded.
        let mut permits = ReplyPermits::new(rule(None, None), start);
        for n in 0..REPLY_PERMISSIONS_MAX * 2 {
            permits.grant(&name(n), start);
            assert!(permits.len() <= REPLY_PERMISSIONS_MAX);
        }
    }
}
