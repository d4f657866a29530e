//! The sequences of one subject's messages: eight or fewer in place, more in a [`SequenceSet`].

use super::sequences::SequenceSet;

/// How many sequences are held in place.
const FEW: usize = 8;

/// Sequences below this fit into five bytes.
const SHORT: u64 = 1 << 40;

/// A set of sequences that is usually small. Same operations as [`SequenceSet`].
#[derive(Debug, Clone)]
pub struct Postings(Form);

#[derive(Debug, Clone)]
enum Form {
    Few { len: u8, packed: [[u8; 5]; FEW] },
    Many(Box<SequenceSet>),
}

impl Default for Postings {
    fn default() -> Self {
        Self(Form::Few {
            len: 0,
            packed: [[0; 5]; FEW],
        })
    }
}

fn pack(sequence: u64) -> [u8; 5] {
    let [.., a, b, c, d, e] = sequence.to_be_bytes();
    [a, b, c, d, e]
}

fn unpack([a, b, c, d, e]: [u8; 5]) -> u64 {
    u64::from_be_bytes([0, 0, 0, a, b, c, d, e])
}

impl Postings {
    pub fn count(&self) -> u64 {
        match &self.0 {
            Form::Few { len, .. } => u64::from(*len),
            Form::Many(set) => set.count(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }

    pub fn first(&self) -> Option<u64> {
        match &self.0 {
            Form::Few { .. } => self.few().first().copied().map(unpack),
            Form::Many(set) => set.first(),
        }
    }

    pub fn last(&self) -> Option<u64> {
        match &self.0 {
            Form::Few { .. } => self.few().last().copied().map(unpack),
            Form::Many(set) => set.last(),
        }
    }

    /// Adds one. False when it was there.
    pub fn insert(&mut self, sequence: u64) -> bool {
        let Form::Few { len, packed } = &mut self.0 else {
            let Form::Many(set) = &mut self.0 else {
                return false;
            };
            return set.insert(sequence);
        };
        let used = usize::from(*len);
        let held = packed.get(..used).unwrap_or_default();
        let at = held.partition_point(|&p| unpack(p) < sequence);
        if held.get(at).is_some_and(|&p| unpack(p) == sequence) {
            return false;
        }
        if used == FEW || sequence >= SHORT {
            let mut set = self.to_set();
            set.insert(sequence);
            self.0 = Form::Many(Box::new(set));
            return true;
        }
        if let Some(moved) = packed.get_mut(at..=used) {
            moved.rotate_right(1);
            if let Some(place) = moved.first_mut() {
                *place = pack(sequence);
            }
            *len = len.saturating_add(1);
        }
        true
    }

    /// Takes one away. False when it was not there.
    pub fn remove(&mut self, sequence: u64) -> bool {
        match &mut self.0 {
            Form::Few { len, packed } => {
                let used = usize::from(*len);
                let held = packed.get_mut(..used).unwrap_or_default();
                let Some(at) = held.iter().position(|&p| unpack(p) == sequence) else {
                    return false;
                };
                if let Some(moved) = held.get_mut(at..) {
                    moved.rotate_left(1);
                }
                *len = len.saturating_sub(1);
                true
            }
            Form::Many(set) => {
                let removed = set.remove(sequence);
                // Half of what is held in place, so that the form does not change with every other message.
                if removed && set.count() <= FEW as u64 / 2 && set.last().is_none_or(|s| s < SHORT)
                {
                    let left: Vec<u64> = set.iter().collect();
                    *self = Self::default();
                    for sequence in left {
                        self.insert(sequence);
                    }
                }
                removed
            }
        }
    }

    /// The smallest at or above `from`.
    pub fn next(&self, from: u64) -> Option<u64> {
        match &self.0 {
            Form::Few { .. } => self.few().iter().copied().map(unpack).find(|&s| s >= from),
            Form::Many(set) => set.next(from),
        }
    }

    /// The largest at or below `to`.
    pub fn previous(&self, to: u64) -> Option<u64> {
        match &self.0 {
            Form::Few { .. } => {
                let mut held = self.few().iter().rev().copied().map(unpack);
                held.find(|&s| s <= to)
            }
            Form::Many(set) => set.previous(to),
        }
    }

    /// How many are at or above `from`.
    pub fn count_from(&self, from: u64) -> u64 {
        match &self.0 {
            Form::Few { .. } => self.few().iter().filter(|&&p| unpack(p) >= from).count() as u64,
            Form::Many(set) => set.count_from(from),
        }
    }

    /// Every sequence below `bound`, ascending.
    pub fn below(&self, bound: u64) -> impl Iterator<Item = u64> {
        let few = self.few().iter().copied().map(unpack);
        let many = match &self.0 {
            Form::Few { .. } => None,
            Form::Many(set) => Some(set.iter()),
        };
        few.chain(many.into_iter().flatten())
            .take_while(move |&sequence| sequence < bound)
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        match &self.0 {
            Form::Few { .. } => 0,
            Form::Many(set) => size_of::<SequenceSet>().saturating_add(set.heap_bytes()),
        }
    }

    /// What is held in place; nothing when there are many.
    fn few(&self) -> &[[u8; 5]] {
        match &self.0 {
            Form::Few { len, packed } => packed.get(..usize::from(*len)).unwrap_or_default(),
            Form::Many(_) => &[],
        }
    }

    fn to_set(&self) -> SequenceSet {
        let mut set = SequenceSet::new();
        for sequence in self.below(u64::MAX) {
            set.insert(sequence);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn postings_are_a_set(
            steps in prop::collection::vec((any::<bool>(), 0u64..24, 0u8..30), 1..200),
            probe in 0u64..26,
        ) {
            let (mut postings, mut model) = (Postings::default(), BTreeSet::new());
            for (add, sequence, far) in steps {
                let sequence = if far == 0 { sequence + SHORT } else { sequence };
                if add {
                    prop_assert_eq!(postings.insert(sequence), model.insert(sequence));
                } else {
                    prop_assert_eq!(postings.remove(sequence), model.remove(&sequence));
                }
                prop_assert_eq!(postings.count(), model.len() as u64);
                prop_assert_eq!(postings.first(), model.first().copied());
                prop_assert_eq!(postings.last(), model.last().copied());
                prop_assert_eq!(postings.next(probe), model.range(probe..).next().copied());
                prop_assert_eq!(postings.previous(probe), model.range(..=probe).next_back().copied());
                prop_assert_eq!(postings.count_from(probe), model.range(probe..).count() as u64);
                prop_assert!(postings.below(probe).eq(model.range(..probe).copied()));
            }
        }
    }

    #[test]
    fn postings_are_small() {
        assert!(size_of::<Postings>() <= 48);
    }
}
