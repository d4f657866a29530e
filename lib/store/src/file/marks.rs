//! What happened to a stream besides a new message: sequences that are gone, and how far sequences were given.
//!
//! Marks say effects, never causes ("these are gone", not "purge this subject"), so that applying them twice, or late, does nothing new.

use crate::codec::{Reader, put_bytes, put_varint};
use crate::index::{SequenceSet, Span};
use crate::store::Filter;

/// An entry of the log that holds marks and a record behind them.
pub const KIND_APPEND: u8 = 1;
/// An entry of the log that holds marks.
pub const KIND_MARKS: u8 = 2;

/// An entry of the log that says what a large purge takes: the one cause among the effects. It is done again on the very stream on which it
/// was done, since entries are replayed in their order and each once.
pub const KIND_PURGE: u8 = 3;
/// An entry of the log that holds others, which survive a crash together or not at all.
pub const KIND_GROUP: u8 = 4;

/// What a large purge takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sweep {
    pub filter: Filter,
    /// Messages below this sequence.
    pub below: u64,
    /// The newest of them stay.
    pub keep: u64,
    /// The last sequence is at least this afterwards.
    pub last: u64,
}

impl Sweep {
    pub fn encode(&self, to: &mut Vec<u8>) {
        for number in [self.below, self.keep, self.last] {
            put_varint(to, number);
        }
        put_varint(to, self.filter.patterns().len() as u64);
        for pattern in self.filter.patterns() {
            put_bytes(to, pattern);
        }
    }

    pub fn decode(reader: &mut Reader<'_>) -> Option<Self> {
        let (below, keep, last) = (reader.varint()?, reader.varint()?, reader.varint()?);
        let mut patterns = Vec::new();
        for _ in 0..reader.varint()? {
            patterns.push(reader.bytes()?);
        }
        Some(Self {
            filter: Filter::any(patterns),
            below,
            keep,
            last,
        })
    }
}

/// Appends one entry to those of a group.
pub fn put_grouped(to: &mut Vec<u8>, kind: u8, parts: &[&[u8]]) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    to.push(kind);
    put_varint(to, length as u64);
    for part in parts {
        to.extend_from_slice(part);
    }
}

/// The next entry of a group.
pub fn read_grouped<'a>(reader: &mut Reader<'a>) -> Option<(u8, &'a [u8])> {
    Some((reader.u8()?, reader.bytes()?))
}

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks {
    /// The last sequence is at least this.
    pub last: u64,
    /// Gone, ascending.
    pub removed: Vec<Span>,
}

impl Marks {
    pub fn clear(&mut self) {
        self.last = 0;
        self.removed.clear();
    }

    /// Takes sequences in any order.
    pub fn set_removed(&mut self, sequences: &mut [u64]) {
        sequences.sort_unstable();
        self.removed.clear();
        for &sequence in &*sequences {
            match self.removed.last_mut() {
                Some(span) if sequence <= span.last => {}
                Some(span) if sequence == span.last.saturating_add(1) => span.last = sequence,
                _ => self.removed.push(Span {
                    first: sequence,
                    last: sequence,
                }),
            }
        }
    }

    pub fn encode(&self, to: &mut Vec<u8>) {
        put_varint(to, self.last);
        put_varint(to, self.removed.len() as u64);
        put_spans(to, self.removed.iter().copied());
    }

    /// Reads marks from the front of `reader`.
    pub fn decode(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        self.last = reader.varint()?;
        let count = reader.varint()?;
        self.removed.clear();
        read_spans(reader, count, |span| self.removed.push(span))
    }
}

/// Spans as distances from the one before and lengths.
pub fn put_spans(to: &mut Vec<u8>, spans: impl Iterator<Item = Span>) {
    let mut at = 0_u64;
    for span in spans {
        put_varint(to, span.first.wrapping_sub(at));
        put_varint(to, span.last.saturating_sub(span.first));
        at = span.last;
    }
}

/// Reads `count` spans; `None` when they are not ascending or the bytes end.
pub fn read_spans(reader: &mut Reader<'_>, count: u64, mut each: impl FnMut(Span)) -> Option<()> {
    let mut at = 0_u64;
    for index in 0..count {
        let first = at.checked_add(reader.varint()?)?;
        let last = first.checked_add(reader.varint()?)?;
        if index > 0 && first <= at {
            return None;
        }
        each(Span { first, last });
        at = last;
    }
    Some(())
}

/// A set of sequences as spans behind their number.
pub fn put_set(to: &mut Vec<u8>, set: &SequenceSet) {
    // Neighbours may touch; they are joined here, so that what is read is ascending with gaps.
    let mut spans: Vec<Span> = Vec::new();
    for span in set.spans(0) {
        match spans.last_mut() {
            Some(before) if before.last.saturating_add(1) >= span.first => before.last = span.last,
            _ => spans.push(span),
        }
    }
    put_varint(to, spans.len() as u64);
    put_spans(to, spans.into_iter());
}

pub fn read_set(reader: &mut Reader<'_>) -> Option<SequenceSet> {
    let count = reader.varint()?;
    let mut set = SequenceSet::new();
    read_spans(reader, count, |span| set.push(span))?;
    Some(set)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn marks_come_back_as_they_went(last: u64, mut sequences in proptest::collection::vec(1_u64..200, 0..60)) {
            let mut marks = Marks { last, removed: Vec::new() };
            marks.set_removed(&mut sequences);
            let mut bytes = Vec::new();
            marks.encode(&mut bytes);
            let mut back = Marks::default();
            back.decode(&mut Reader::new(&bytes)).unwrap();
            prop_assert_eq!(&back, &marks);
            let all: Vec<u64> = back.removed.iter().flat_map(|span| span.first..=span.last).collect();
            sequences.dedup();
            prop_assert_eq!(all, sequences);
        }

        #[test]
        fn any_bytes_are_read_without_harm(bytes: Vec<u8>) {
            let _ = Marks::default().decode(&mut Reader::new(&bytes));
            let _ = Sweep::decode(&mut Reader::new(&bytes));
            let mut group = Reader::new(&bytes);
            while read_grouped(&mut group).is_some() {}
        }
    }
}
