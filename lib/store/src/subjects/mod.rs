//! The subject index: which subjects have messages, and which messages each of them has.
//!
//! **Shape.** A radix tree ([`tree`]) leads from a subject to the sequence of its only message, or, when there are more, to a list of
//! them ([`Postings`]). Every question about subjects is answered from here, exactly, without reading a message: the first and the last
//! one, the next one from some sequence on, how many wait. A subject with one message costs about twenty bytes and what its name does
//! not share with its neighbours; each further message one to three bytes where subjects alternate, nothing where they do not
//! (`docs/decisions/051-subject-index.md`).
//!
//! **Who may call.** The stores of this crate. **What never happens here.** No I/O, no locks, no panic on any subject.
//!
//! **Where to start reading.** [`SubjectIndex`], then [`tree`].

mod arena;
mod pattern;
mod tree;
mod walk;

use std::ops::ControlFlow;

use tree::{Tree, Value};
use walk::{Walked, takes_all, walk};

use crate::error::StoreError;
use crate::index::Postings;
use crate::state::SubjectState;
use crate::store::Filter;

/// Messages by subject.
#[derive(Debug, Clone, Default)]
pub struct SubjectIndex {
    tree: Tree,
    lists: Vec<Postings>,
    unused: Vec<u32>,
    /// The subject inserted last and its list: streams of one subject never look into the tree.
    recent: Option<(Vec<u8>, u32)>,
}

/// The messages of one subject.
#[derive(Debug, Clone, Copy)]
pub enum Sequences<'a> {
    One(u64),
    List(&'a Postings),
}

impl Sequences<'_> {
    pub fn count(&self) -> u64 {
        match self {
            Self::One(_) => 1,
            Self::List(list) => list.count(),
        }
    }

    pub fn state(&self) -> SubjectState {
        match self {
            Self::One(sequence) => SubjectState {
                messages: 1,
                first_sequence: *sequence,
                last_sequence: *sequence,
            },
            Self::List(list) => SubjectState {
                messages: list.count(),
                first_sequence: list.first().unwrap_or_default(),
                last_sequence: list.last().unwrap_or_default(),
            },
        }
    }

    /// The first at or above `from`.
    pub fn next(&self, from: u64) -> Option<u64> {
        match self {
            Self::One(sequence) => Some(*sequence).filter(|&s| s >= from),
            Self::List(list) => list.next(from),
        }
    }

    /// The last at or below `to`.
    pub fn previous(&self, to: u64) -> Option<u64> {
        match self {
            Self::One(sequence) => Some(*sequence).filter(|&s| s <= to),
            Self::List(list) => list.previous(to),
        }
    }

    /// How many at or above `from`.
    pub fn count_from(&self, from: u64) -> u64 {
        match self {
            Self::One(sequence) => u64::from(*sequence >= from),
            Self::List(list) => list.count_from(from),
        }
    }
}

/// The answer of a search that may give up because the filter matches too many subjects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer<T> {
    Exactly(T),
    /// More than the budget would have to be looked at: another way is cheaper.
    TooMany,
}

/// Bytes of memory that an index holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct IndexMemory {
    pub nodes: usize,
    pub leaves: usize,
    pub lists: usize,
    /// Freed by nodes and leaves that grew, to be used again.
    pub unused: usize,
}

impl SubjectIndex {
    pub fn new() -> Self {
        Self::default()
    }

    /// How many subjects have a message.
    pub fn len(&self) -> u64 {
        self.tree.count()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a message; how many its subject has now.
    ///
    /// # Errors
    /// [`StoreError::TooManySubjects`] when the tree is at its limit of eight gigabytes each for leaves and nodes.
    pub fn insert(&mut self, subject: &[u8], sequence: u64) -> Result<u64, StoreError> {
        if let Some((recent, list)) = &self.recent
            && recent == subject
            && let Some(list) = self.lists.get_mut(*list as usize)
        {
            list.insert(sequence);
            return Ok(list.count());
        }
        if sequence > Value::SEQUENCE_MAX && self.tree.find(subject).is_none() {
            let list = self.add_list(&[sequence])?;
            if self.tree.insert(subject, Value::Index(list)).is_err() {
                self.drop_list(list);
                return Err(self.full());
            }
            return Ok(1);
        }
        let there = match self.tree.insert(subject, Value::One(sequence)) {
            Ok(there) => there,
            Err(_) => return Err(self.full()),
        };
        let list = match there {
            None => return Ok(1),
            Some((_, Value::One(first))) if first == sequence => return Ok(1),
            Some((leaf, Value::One(first))) => {
                let list = self.add_list(&[first, sequence])?;
                self.tree.set(leaf, Value::Index(list));
                list
            }
            Some((_, Value::Index(list))) => {
                if let Some(postings) = self.lists.get_mut(list as usize) {
                    postings.insert(sequence);
                }
                list
            }
        };
        let (recent, recent_list) = self.recent.get_or_insert_default();
        recent.clear();
        recent.extend_from_slice(subject);
        *recent_list = list;
        Ok(self.lists.get(list as usize).map_or(0, Postings::count))
    }

    /// Forgets a message; how many its subject has left. `None` when it was not there.
    pub fn remove(&mut self, subject: &[u8], sequence: u64) -> Option<u64> {
        if let Some((recent, list)) = &self.recent
            && recent == subject
            && let Some(list) = self.lists.get_mut(*list as usize)
            && list.count() > 2
        {
            return list.remove(sequence).then(|| list.count());
        }
        let (leaf, value) = self.tree.find(subject)?;
        let Value::Index(index) = value else {
            if value != Value::One(sequence) {
                return None;
            }
            self.tree.remove(subject).ok()?;
            return Some(0);
        };
        let list = self.lists.get_mut(index as usize)?;
        if !list.remove(sequence) {
            return None;
        }
        let left = list.count();
        match (left, list.first()) {
            (0, _) => {
                self.tree.remove(subject).ok()?;
                self.drop_list(index);
            }
            (1, Some(only)) if only <= Value::SEQUENCE_MAX => {
                self.tree.set(leaf, Value::One(only));
                self.drop_list(index);
            }
            _ => {}
        }
        Some(left)
    }

    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// The messages of one literal subject.
    pub fn get(&self, subject: &[u8]) -> Option<Sequences<'_>> {
        let (_, value) = self.tree.find(subject)?;
        self.sequences(value)
    }

    /// Whether every subject that has messages is in `filter`, as far as what they have in common tells: `orders.>` on a stream that holds
    /// nothing else. Such a filter is better answered as [`Filter::ALL`], by counting messages instead of subjects.
    pub fn is_all(&self, filter: &Filter) -> bool {
        takes_all(&self.tree, filter)
    }

    /// Visits the subjects in `filter`, in byte order, until the visitor breaks.
    pub fn visit(
        &self,
        filter: &Filter,
        mut visit: impl FnMut(&[u8], Sequences<'_>) -> ControlFlow<()>,
    ) {
        self.look(filter, u64::MAX, |subject, sequences| {
            visit(subject, sequences)
        });
    }

    /// The first message at or above `from` whose subject is in `filter`.
    ///
    /// Costs one look at each subject that matches, and gives up after `budget` looks.
    pub fn next(&self, filter: &Filter, from: u64, budget: u64) -> Answer<Option<u64>> {
        let mut best: Option<u64> = None;
        let walked = self.look(filter, budget, |_, sequences| {
            if let Some(found) = sequences.next(from) {
                best = Some(best.map_or(found, |best| best.min(found)));
                // Nothing comes before this.
                if found == from {
                    return ControlFlow::Break(());
                }
            }
            ControlFlow::Continue(())
        });
        answer(walked, best)
    }

    /// The last message at or below `to` whose subject is in `filter`. Costs as [`SubjectIndex::next`].
    pub fn previous(&self, filter: &Filter, to: u64, budget: u64) -> Answer<Option<u64>> {
        let mut best: Option<u64> = None;
        let walked = self.look(filter, budget, |_, sequences| {
            if let Some(found) = sequences.previous(to) {
                best = best.max(Some(found));
                if found == to {
                    return ControlFlow::Break(());
                }
            }
            ControlFlow::Continue(())
        });
        answer(walked, best)
    }

    /// How many messages in `filter` are at or above `from`; with `last_per_subject` only the last one of each subject counts. Costs as
    /// [`SubjectIndex::next`].
    pub fn pending(
        &self,
        filter: &Filter,
        from: u64,
        last_per_subject: bool,
        budget: u64,
    ) -> Answer<u64> {
        let mut count = 0u64;
        let walked = self.look(filter, budget, |_, sequences| {
            let waiting = if last_per_subject {
                u64::from(sequences.next(from).is_some())
            } else {
                sequences.count_from(from)
            };
            count = count.saturating_add(waiting);
            ControlFlow::Continue(())
        });
        answer(walked, count)
    }

    /// Sequences of the last message of each subject in `filter` at or below `up_to`, ascending; `None` when there are more than `most`.
    pub fn last_sequences(&self, filter: &Filter, up_to: u64, most: usize) -> Option<Vec<u64>> {
        let mut found = Vec::new();
        let mut too_many = false;
        self.visit(filter, |_, sequences| {
            if let Some(last) = sequences.previous(up_to) {
                if found.len() == most {
                    too_many = true;
                    return ControlFlow::Break(());
                }
                found.push(last);
            }
            ControlFlow::Continue(())
        });
        found.sort_unstable();
        (!too_many).then_some(found)
    }

    /// Every message below `below` whose subject is in `filter`, ascending.
    pub fn sequences_below(&self, filter: &Filter, below: u64) -> Vec<u64> {
        let mut found = Vec::new();
        self.visit(filter, |_, sequences| {
            match sequences {
                Sequences::One(sequence) => found.extend(Some(sequence).filter(|&s| s < below)),
                Sequences::List(list) => found.extend(list.below(below)),
            }
            ControlFlow::Continue(())
        });
        found.sort_unstable();
        found
    }

    /// Visits the subjects with more than `most` messages, in byte order: what a lower `max_msgs_per_subject` has to take from.
    pub fn above(&self, most: u64, mut visit: impl FnMut(&[u8], Sequences<'_>)) {
        self.visit(&Filter::ALL, |subject, sequences| {
            if sequences.count() > most {
                visit(subject, sequences);
            }
            ControlFlow::Continue(())
        });
    }

    pub fn memory(&self) -> IndexMemory {
        let [nodes, leaves] = self.tree.bytes();
        let lists = self.lists.capacity() * size_of::<Postings>() + self.unused.capacity() * 4;
        IndexMemory {
            nodes: nodes.0,
            leaves: leaves.0,
            lists: self
                .lists
                .iter()
                .fold(lists, |sum, list| sum + list.heap_bytes()),
            unused: nodes.1 + leaves.1,
        }
    }

    fn sequences(&self, value: Value) -> Option<Sequences<'_>> {
        match value {
            Value::One(sequence) => Some(Sequences::One(sequence)),
            Value::Index(list) => self.lists.get(list as usize).map(Sequences::List),
        }
    }

    fn look(
        &self,
        filter: &Filter,
        budget: u64,
        mut visit: impl FnMut(&[u8], Sequences<'_>) -> ControlFlow<()>,
    ) -> Walked {
        if let Some(literal) = filter.literal() {
            if let Some(sequences) = self.get(literal) {
                let _ = visit(literal, sequences);
            }
            return Walked::All;
        }
        walk(&self.tree, filter, budget, |subject, value| {
            match self.sequences(value) {
                Some(sequences) => visit(subject, sequences),
                None => ControlFlow::Continue(()),
            }
        })
    }

    fn add_list(&mut self, sequences: &[u64]) -> Result<u32, StoreError> {
        let mut list = Postings::default();
        for &sequence in sequences {
            list.insert(sequence);
        }
        if let Some(index) = self.unused.pop() {
            if let Some(place) = self.lists.get_mut(index as usize) {
                *place = list;
            }
            return Ok(index);
        }
        let index = u32::try_from(self.lists.len()).map_err(|_| self.full())?;
        self.lists.push(list);
        Ok(index)
    }

    fn drop_list(&mut self, index: u32) {
        if self
            .recent
            .as_ref()
            .is_some_and(|(_, recent)| *recent == index)
        {
            self.recent = None;
        }
        if let Some(list) = self.lists.get_mut(index as usize) {
            *list = Postings::default();
            self.unused.push(index);
        }
    }

    fn full(&self) -> StoreError {
        StoreError::TooManySubjects {
            count: self.tree.count(),
        }
    }
}

fn answer<T>(walked: Walked, found: T) -> Answer<T> {
    match walked {
        Walked::All | Walked::Stopped => Answer::Exactly(found),
        Walked::Spent => Answer::TooMany,
    }
}

#[cfg(test)]
mod tests;
