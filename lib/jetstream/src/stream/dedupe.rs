//! Message ids that were seen within the window.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use nats_store::Timestamp;

/// The ids of a stream's window. An id counts for exactly the window, whenever somebody asks; memory is given back by [`Dedupe::forget`].
#[derive(Debug, Default)]
pub struct Dedupe {
    /// Nanoseconds; zero remembers nothing.
    window: u64,
    by_id: HashMap<Arc<[u8]>, Seen>,
    /// Oldest first. An id that was seen again stands here twice; the older entry is then out of date.
    by_age: VecDeque<(Timestamp, Arc<[u8]>)>,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    sequence: u64,
    time: Timestamp,
}

impl Dedupe {
    /// Remembers ids for `window` nanoseconds.
    pub fn new(window: u64) -> Self {
        Self {
            window,
            ..Self::default()
        }
    }

    pub fn set_window(&mut self, window: u64) {
        self.window = window;
        if window == 0 {
            self.clear();
        }
    }

    /// The sequence under which a message with this id was stored, when that was within the window.
    pub fn find(&self, id: &[u8], now: Timestamp) -> Option<u64> {
        let seen = self.by_id.get(id)?;
        (now.since(seen.time) < self.window).then_some(seen.sequence)
    }

    pub fn remember(&mut self, id: &[u8], sequence: u64, time: Timestamp) {
        if self.window == 0 || id.is_empty() {
            return;
        }
        let id: Arc<[u8]> = id.into();
        self.by_age.push_back((time, Arc::clone(&id)));
        self.by_id.insert(id, Seen { sequence, time });
    }

    /// Drops what is out of the window.
    pub fn forget(&mut self, now: Timestamp) {
        while let Some((time, _)) = self.by_age.front()
            && now.since(*time) >= self.window
        {
            let Some((time, id)) = self.by_age.pop_front() else {
                return;
            };
            if self.by_id.get(&id).is_some_and(|seen| seen.time <= time) {
                self.by_id.remove(&id);
            }
        }
        if self.by_id.is_empty() {
            self.clear();
        }
    }

    /// When [`Dedupe::forget`] has something to do.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.by_age.front().map(|(time, _)| time.plus(self.window))
    }

    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    fn clear(&mut self) {
        self.by_id = HashMap::new();
        self.by_age = VecDeque::new();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_id_counts_for_exactly_the_window() {
        let mut dedupe = Dedupe::new(100);
        dedupe.remember(b"a", 1, Timestamp(1_000));
        assert_eq!(dedupe.find(b"a", Timestamp(1_099)), Some(1));
        assert_eq!(dedupe.find(b"a", Timestamp(1_100)), None);
        assert_eq!(dedupe.deadline(), Some(Timestamp(1_100)));
        dedupe.forget(Timestamp(1_100));
        assert!(dedupe.is_empty());
        assert_eq!(dedupe.deadline(), None);
    }

    #[test]
    fn without_a_window_nothing_is_remembered() {
        let mut dedupe = Dedupe::new(0);
        dedupe.remember(b"a", 1, Timestamp(0));
        assert!(dedupe.is_empty());
    }

    proptest! {
        #[test]
        fn forgetting_never_changes_an_answer(
            steps in proptest::collection::vec((0u8..4, 0i64..60, any::<bool>()), 0..60),
        ) {
            let (mut lazy, mut eager) = (Dedupe::new(100), Dedupe::new(100));
            let mut now = 0;
            for (sequence, (id, wait, forget)) in steps.into_iter().enumerate() {
                now += wait;
                let (id, time) = ([id], Timestamp(now));
                if forget {
                    eager.forget(time);
                }
                prop_assert_eq!(lazy.find(&id, time), eager.find(&id, time));
                if lazy.find(&id, time).is_none() {
                    lazy.remember(&id, sequence as u64, time);
                    eager.remember(&id, sequence as u64, time);
                }
            }
        }
    }
}
