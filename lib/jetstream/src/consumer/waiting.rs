//! Pull requests that wait for messages.

use std::collections::VecDeque;

use nats_store::Timestamp;

/// A pull request that was let in.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) reply: Box<[u8]>,
    /// Messages left. A request for none or fewer gets one.
    pub(super) left: i64,
    /// Bytes left; zero or less is no bound.
    pub(super) bytes_left: i64,
    /// Messages it got.
    pub(super) got: u64,
    pub(super) expires: Option<Timestamp>,
    /// Period of heartbeats, nanoseconds, and when the next is due.
    pub(super) heartbeat: Option<(u64, Timestamp)>,
    pub(super) no_wait: bool,
    /// What a client of a priority group said; `None` when its request was no JSON.
    pub(super) group: Option<Box<Group>>,
}

/// The part of a request that is about its priority group.
#[derive(Debug, Clone, Default)]
pub(super) struct Group {
    pub(super) name: Box<str>,
    pub(super) min_pending: i64,
    pub(super) min_ack_pending: i64,
    /// The pin that the client says it has.
    pub(super) pin: Box<str>,
    pub(super) priority: i64,
}

impl Request {
    fn priority(&self) -> i64 {
        self.group.as_ref().map_or(i64::MAX, |group| group.priority)
    }

    fn due(&self) -> Option<Timestamp> {
        let heartbeat = self.heartbeat.map(|(_, at)| at);
        match (self.expires, heartbeat) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }
}

/// The requests, the one to be served next in front.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    requests: VecDeque<Request>,
    /// How many of them do not wait.
    no_wait: usize,
    /// Nothing expires and no heartbeat is due before this.
    quiet_until: Option<Timestamp>,
}

/// An empty queue that has room for more requests than this gives it back.
const KEEP_CAPACITY: usize = 16;

impl Waiting {
    pub(super) fn len(&self) -> usize {
        self.requests.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    pub(super) fn has_no_wait(&self) -> bool {
        self.no_wait > 0
    }

    /// Messages that are asked for.
    pub(super) fn wanted(&self) -> u64 {
        self.requests
            .iter()
            .map(|r| u64::try_from(r.left).unwrap_or(0))
            .fold(0, u64::saturating_add)
    }

    pub(super) fn front(&self) -> Option<&Request> {
        self.requests.front()
    }

    pub(super) fn front_mut(&mut self) -> Option<&mut Request> {
        self.requests.front_mut()
    }

    /// Puts one at the end, or behind those of the same priority.
    pub(super) fn add(&mut self, request: Request, by_priority: bool) {
        if request.no_wait {
            self.no_wait = self.no_wait.saturating_add(1);
        }
        self.note_due(request.due());
        self.place(request, by_priority);
    }

    fn place(&mut self, request: Request, by_priority: bool) {
        if !by_priority {
            self.requests.push_back(request);
            return;
        }
        let priority = request.priority();
        let at = self
            .requests
            .iter()
            .position(|other| other.priority() > priority)
            .unwrap_or(self.requests.len());
        self.requests.insert(at, request);
    }

    /// The first goes to the end.
    pub(super) fn cycle(&mut self) {
        if let Some(first) = self.requests.pop_front() {
            self.requests.push_back(first);
        }
    }

    pub(super) fn take_front(&mut self) -> Option<Request> {
        let request = self.requests.pop_front()?;
        self.forget(&request);
        Some(request)
    }

    /// The first got a message: it leaves when that was its last, and lets the others go first otherwise.
    pub(super) fn served(&mut self, now: Timestamp, by_priority: bool) {
        let alone = self.requests.len() == 1;
        let Some(first) = self.requests.front_mut() else {
            return;
        };
        first.got = first.got.saturating_add(1);
        first.left = first.left.saturating_sub(1);
        if first.left <= 0 {
            self.take_front();
            return;
        }
        if let Some((period, at)) = &mut first.heartbeat {
            *at = now.plus(*period);
        }
        if !alone && let Some(first) = self.requests.pop_front() {
            self.place(first, by_priority);
        }
    }

    /// When something is due at the earliest.
    pub(super) fn due(&self) -> Option<Timestamp> {
        self.quiet_until
    }

    /// Shows every request, which stays when `keep` says so, and looks again when the next is due.
    pub(super) fn review(&mut self, mut keep: impl FnMut(&mut Request) -> bool) {
        self.quiet_until = None;
        self.no_wait = 0;
        let Self {
            requests,
            no_wait,
            quiet_until,
        } = self;
        requests.retain_mut(|request| {
            if !keep(request) {
                return false;
            }
            *no_wait = no_wait.saturating_add(usize::from(request.no_wait));
            *quiet_until = earlier(*quiet_until, request.due());
            true
        });
        self.tidy();
    }

    fn note_due(&mut self, due: Option<Timestamp>) {
        self.quiet_until = earlier(self.quiet_until, due);
    }

    fn forget(&mut self, request: &Request) {
        if request.no_wait {
            self.no_wait = self.no_wait.saturating_sub(1);
        }
        if self.requests.is_empty() {
            self.quiet_until = None;
            self.tidy();
        }
    }

    fn tidy(&mut self) {
        if self.requests.is_empty() && self.requests.capacity() > KEEP_CAPACITY {
            self.requests = VecDeque::new();
        }
    }

    pub(super) fn heap_size(&self) -> usize {
        let texts: usize = self.requests.iter().map(|r| r.reply.len()).sum();
        texts.saturating_add(
            self.requests
                .capacity()
                .saturating_mul(size_of::<Request>()),
        )
    }
}

/// The earlier of two times of which either may be missing.
pub(super) fn earlier(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<Timestamp> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(name: &str, left: i64, priority: i64) -> Request {
        Request {
            reply: name.as_bytes().into(),
            left,
            bytes_left: 0,
            got: 0,
            expires: None,
            heartbeat: None,
            no_wait: false,
            group: Some(Box::new(Group {
                priority,
                ..Group::default()
            })),
        }
    }

    fn order(waiting: &Waiting) -> String {
        let names = waiting
            .requests
            .iter()
            .map(|r| r.reply.escape_ascii().to_string());
        names.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn requests_take_turns() {
        let mut waiting = Waiting::default();
        for name in ["a", "b", "c"] {
            waiting.add(request(name, 2, 0), false);
        }
        waiting.served(Timestamp(0), false);
        assert_eq!(order(&waiting), "b c a");
        for _ in 0..3 {
            waiting.served(Timestamp(0), false);
        }
        assert_eq!(order(&waiting), "b c", "a is done");
        assert_eq!(waiting.wanted(), 2);
    }

    #[test]
    fn lower_numbers_go_first_and_take_turns_among_themselves() {
        let mut waiting = Waiting::default();
        for (name, priority) in [("c", 5), ("a", 1), ("b", 1), ("d", 9)] {
            waiting.add(request(name, 2, priority), true);
        }
        assert_eq!(order(&waiting), "a b c d");
        waiting.served(Timestamp(0), true);
        assert_eq!(order(&waiting), "b a c d");
        for _ in 0..3 {
            waiting.served(Timestamp(0), true);
        }
        assert_eq!(order(&waiting), "c d");
    }

    #[test]
    fn the_earliest_expiry_or_heartbeat_is_due() {
        let mut waiting = Waiting::default();
        let mut first = request("a", 1, 0);
        first.expires = Some(Timestamp(50));
        first.heartbeat = Some((10, Timestamp(20)));
        let mut second = request("b", 1, 0);
        second.expires = Some(Timestamp(40));
        waiting.add(first, false);
        waiting.add(second, false);
        assert_eq!(waiting.due(), Some(Timestamp(20)));
        waiting.review(|r| &*r.reply != b"a");
        assert_eq!(waiting.due(), Some(Timestamp(40)));
        waiting.take_front();
        assert_eq!(waiting.due(), None);
    }
}
