//! Deliveries that wait for an acknowledgement, ordered by stream sequence.

use std::collections::VecDeque;

use crate::message::Timestamp;

/// A delivery that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unacked {
    /// Sequence in the stream.
    pub stream: u64,
    /// Number of its first delivery, from 1.
    pub consumer: u64,
    /// The time from which the acknowledgement is waited for.
    pub time: Timestamp,
}

/// An ordered set of [`Unacked`], by stream sequence.
///
/// Deliveries come in ascending order and most acknowledgements in nearly the same, so this is one row of entries: a new one goes to the
/// end, one that is taken out from the middle leaves a vacant entry, and vacant entries are swept out when they are the majority. An entry
/// costs 24 bytes; nothing is allocated per delivery; everything is O(log n) or, amortised, O(1).
#[derive(Debug, Clone, Default)]
pub struct UnackedSet {
    /// Ascending by `stream`; vacant entries have [`VACANT`] as `consumer`. The first is never vacant.
    entries: VecDeque<Unacked>,
    live: usize,
}

/// No delivery has this number.
const VACANT: u64 = 0;
/// Fewer vacant entries than this are not worth a sweep.
const SWEEP_MIN: usize = 32;
/// An empty row that has room for more than this gives it back.
const KEEP_CAPACITY: usize = 256;

impl UnackedSet {
    pub fn len(&self) -> usize {
        self.live
    }

    pub fn is_empty(&self) -> bool {
        self.live == 0
    }

    pub fn get(&self, stream: u64) -> Option<&Unacked> {
        self.position(stream)
            .and_then(|at| self.entries.get(at))
            .filter(|entry| entry.consumer != VACANT)
    }

    pub fn contains(&self, stream: u64) -> bool {
        self.get(stream).is_some()
    }

    /// Puts one in; one with the same stream sequence is replaced. An entry without a delivery number is left out.
    pub fn insert(&mut self, entry: Unacked) {
        if entry.consumer == VACANT {
            return;
        }
        if self
            .entries
            .back()
            .is_none_or(|last| last.stream < entry.stream)
        {
            self.entries.push_back(entry);
            self.live = self.live.saturating_add(1);
            return;
        }
        let at = self.entries.partition_point(|e| e.stream < entry.stream);
        match self.entries.get_mut(at) {
            Some(there) if there.stream == entry.stream => {
                if there.consumer == VACANT {
                    self.live = self.live.saturating_add(1);
                }
                *there = entry;
            }
            _ => {
                self.entries.insert(at, entry);
                self.live = self.live.saturating_add(1);
            }
        }
    }

    /// Changes the time of one. False when there is none.
    pub fn set_time(&mut self, stream: u64, time: Timestamp) -> bool {
        let Some(at) = self.position(stream) else {
            return false;
        };
        match self.entries.get_mut(at) {
            Some(entry) if entry.consumer != VACANT => {
                entry.time = time;
                true
            }
            _ => false,
        }
    }

    /// Takes one out.
    pub fn remove(&mut self, stream: u64) -> Option<Unacked> {
        let at = self.position(stream)?;
        let entry = self.entries.get_mut(at)?;
        if entry.consumer == VACANT {
            return None;
        }
        let taken = *entry;
        entry.consumer = VACANT;
        self.live = self.live.saturating_sub(1);
        self.tidy();
        Some(taken)
    }

    /// Takes out all up to and including `stream`, ascending, and shows each.
    pub fn remove_through(&mut self, stream: u64, mut taken: impl FnMut(Unacked)) {
        while let Some(first) = self.entries.front().copied() {
            if first.stream > stream {
                break;
            }
            self.entries.pop_front();
            if first.consumer != VACANT {
                self.live = self.live.saturating_sub(1);
                taken(first);
            }
        }
        self.tidy();
    }

    /// The one with the lowest stream sequence.
    pub fn first(&self) -> Option<&Unacked> {
        self.entries.front()
    }

    /// The first one behind `stream`.
    pub fn first_after(&self, stream: u64) -> Option<&Unacked> {
        let at = match self.entries.front() {
            Some(first) if first.stream > stream => 0,
            _ => self.entries.partition_point(|e| e.stream <= stream),
        };
        self.entries
            .range(at..)
            .find(|entry| entry.consumer != VACANT)
    }

    /// All, by ascending stream sequence.
    pub fn iter(&self) -> impl Iterator<Item = &Unacked> {
        self.entries.iter().filter(|entry| entry.consumer != VACANT)
    }

    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Bytes that it holds on to.
    pub fn heap_size(&self) -> usize {
        self.entries.capacity().saturating_mul(size_of::<Unacked>())
    }

    /// Where the entry with this sequence stands, vacant or not.
    fn position(&self, stream: u64) -> Option<usize> {
        let first = self.entries.front()?;
        // Without gaps the distance of the sequences is the distance of the entries.
        let guess = usize::try_from(stream.checked_sub(first.stream)?).unwrap_or(usize::MAX);
        if self.entries.get(guess).is_some_and(|e| e.stream == stream) {
            return Some(guess);
        }
        self.entries
            .binary_search_by_key(&stream, |e| e.stream)
            .ok()
    }

    fn tidy(&mut self) {
        while self.entries.front().is_some_and(|e| e.consumer == VACANT) {
            self.entries.pop_front();
        }
        let vacant = self.entries.len().saturating_sub(self.live);
        if vacant > SWEEP_MIN && vacant > self.live {
            self.entries.retain(|entry| entry.consumer != VACANT);
        }
        if self.entries.is_empty() && self.entries.capacity() > KEEP_CAPACITY {
            self.entries = VecDeque::new();
        }
    }
}

impl PartialEq for UnackedSet {
    fn eq(&self, other: &Self) -> bool {
        self.live == other.live && self.iter().eq(other.iter())
    }
}

impl Eq for UnackedSet {}

impl FromIterator<Unacked> for UnackedSet {
    fn from_iter<I: IntoIterator<Item = Unacked>>(entries: I) -> Self {
        let mut set = Self::default();
        for entry in entries {
            set.insert(entry);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn entry(stream: u64, consumer: u64) -> Unacked {
        Unacked {
            stream,
            consumer,
            time: Timestamp(0),
        }
    }

    #[test]
    fn vacant_entries_never_outnumber_the_living_by_much() {
        let mut set = UnackedSet::default();
        for n in 1..=100_000u64 {
            set.insert(entry(n, n));
            // The first one is never acknowledged and holds the front.
            if n > 1 {
                assert!(set.remove(n).is_some());
            }
        }
        assert_eq!(set.len(), 1);
        assert!(set.heap_size() < 8 * 1024, "{}", set.heap_size());
    }

    #[derive(Debug, Clone)]
    enum Op {
        Insert(u64),
        Remove(u64),
        Through(u64),
        Time(u64, i64),
        After(u64),
    }

    fn ops() -> impl Strategy<Value = Vec<Op>> {
        let op = prop_oneof![
            4 => (0u64..200).prop_map(Op::Insert),
            4 => (0u64..200).prop_map(Op::Remove),
            1 => (0u64..200).prop_map(Op::Through),
            1 => (0u64..200, 0i64..100).prop_map(|(s, t)| Op::Time(s, t)),
            2 => (0u64..200).prop_map(Op::After),
        ];
        prop::collection::vec(op, 0..400)
    }

    proptest! {
        #[test]
        fn it_does_what_an_ordered_map_does(ops in ops()) {
            let mut set = UnackedSet::default();
            let mut model: BTreeMap<u64, Unacked> = BTreeMap::new();
            for (number, op) in ops.into_iter().enumerate() {
                match op {
                    Op::Insert(stream) => {
                        let new = entry(stream, number as u64 + 1);
                        set.insert(new);
                        model.insert(stream, new);
                    }
                    Op::Remove(stream) => prop_assert_eq!(set.remove(stream), model.remove(&stream)),
                    Op::Through(stream) => {
                        let mut gone = Vec::new();
                        set.remove_through(stream, |e| gone.push(e));
                        let rest = model.split_off(&(stream + 1));
                        prop_assert_eq!(gone, model.into_values().collect::<Vec<_>>());
                        model = rest;
                    }
                    Op::Time(stream, time) => {
                        let known = model.get_mut(&stream).map(|e| e.time = Timestamp(time)).is_some();
                        prop_assert_eq!(set.set_time(stream, Timestamp(time)), known);
                    }
                    Op::After(stream) => {
                        prop_assert_eq!(set.first_after(stream), model.range(stream + 1..).next().map(|(_, e)| e));
                        prop_assert_eq!(set.get(stream), model.get(&stream));
                    }
                }
                prop_assert_eq!(set.len(), model.len());
                prop_assert_eq!(set.first(), model.values().next());
            }
            prop_assert!(set.iter().eq(model.values()));
        }
    }
}
