//! A set of sequences, compact when they lie close together.
//!
//! **Shape.** Spans of consecutive sequences, ascending, in chunks of at most [`CHUNK_BYTES`] encoded bytes. A lone sequence at distance up
//! to 64 from its neighbour takes one byte, a span two or more. Adding at the end and removing at the front, which is what streams do most,
//! touch no encoded byte; anything in the middle decodes and encodes one chunk.
//!
//! **Who may call.** The indexes of this crate. **What never happens here.** No I/O, no panic on any sequence up to the largest.

mod chunk;

use std::collections::VecDeque;

use chunk::Chunk;

/// Encoded bytes above which a chunk takes no more.
const CHUNK_BYTES: usize = 512;

/// Consecutive sequences, both ends included; `first <= last`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub first: u64,
    pub last: u64,
}

impl Span {
    pub const fn one(sequence: u64) -> Self {
        Self {
            first: sequence,
            last: sequence,
        }
    }

    /// How many sequences; the span of all is one short.
    pub const fn count(self) -> u64 {
        self.last.saturating_sub(self.first).saturating_add(1)
    }
}

/// See the module.
#[derive(Debug, Clone, Default)]
pub struct SequenceSet {
    chunks: VecDeque<Chunk>,
    count: u64,
}

impl SequenceSet {
    pub fn new() -> Self {
        Self::default()
    }

    /// How many sequences are in the set.
    pub fn count(&self) -> u64 {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub fn first(&self) -> Option<u64> {
        self.chunks.front().map(Chunk::first)
    }

    pub fn last(&self) -> Option<u64> {
        self.chunks.back().map(Chunk::last)
    }

    /// Adds one sequence. False when it was there.
    pub fn insert(&mut self, sequence: u64) -> bool {
        if self.last().is_none_or(|last| sequence > last) {
            self.push(Span::one(sequence));
            return true;
        }
        let at = self.chunk_reaching(sequence);
        let Some(chunk) = self.chunks.get_mut(at) else {
            return false;
        };
        if chunk.contains(sequence) {
            return false;
        }
        self.count = self.count.saturating_add(1);
        if !chunk.grow_head(sequence) {
            let mut spans: Vec<Span> = chunk.spans().collect();
            insert_between(&mut spans, sequence);
            self.replace(at, spans);
        }
        true
    }

    /// Adds sequences that are all above the last one; what is not above is left out.
    pub fn push(&mut self, span: Span) {
        let first = match self.last() {
            Some(last) if last >= span.last => return,
            Some(last) => span.first.max(last.saturating_add(1)),
            None => span.first,
        };
        let span = Span {
            first,
            last: span.last,
        };
        self.count = self.count.saturating_add(span.count());
        match self.chunks.back_mut() {
            Some(chunk) => {
                if chunk.push(span, CHUNK_BYTES) {
                    return;
                }
                chunk.close();
            }
            // Most sets stay at one chunk.
            None => self.chunks.reserve_exact(1),
        }
        self.chunks.push_back(Chunk::new(span));
    }

    /// Takes one sequence away. False when it was not there.
    pub fn remove(&mut self, sequence: u64) -> bool {
        let at = self.chunk_reaching(sequence);
        let Some(chunk) = self.chunks.get_mut(at) else {
            return false;
        };
        if !chunk.contains(sequence) {
            return false;
        }
        self.count = self.count.saturating_sub(1);
        if chunk.first() == sequence {
            if !chunk.pop_front() {
                self.chunks.remove(at);
            }
        } else if !chunk.shrink_tail(sequence) {
            let mut spans: Vec<Span> = chunk.spans().collect();
            remove_within(&mut spans, sequence);
            self.replace(at, spans);
        }
        true
    }

    /// Takes away everything below `bound`.
    pub fn remove_below(&mut self, bound: u64) {
        while let Some(chunk) = self.chunks.front()
            && chunk.last() < bound
        {
            self.count = self.count.saturating_sub(chunk.count());
            self.chunks.pop_front();
        }
        let Some(chunk) = self.chunks.front() else {
            return;
        };
        if chunk.first() >= bound {
            return;
        }
        let before = chunk.count();
        let spans: Vec<Span> = chunk
            .spans()
            .filter(|span| span.last >= bound)
            .map(|span| Span {
                first: span.first.max(bound),
                last: span.last,
            })
            .collect();
        let left: u64 = spans.iter().map(|span| span.count()).sum();
        self.count = self.count.saturating_sub(before.saturating_sub(left));
        self.replace(0, spans);
    }

    pub fn clear(&mut self) {
        *self = Self::default();
    }

    pub fn contains(&self, sequence: u64) -> bool {
        self.chunks
            .get(self.chunk_reaching(sequence))
            .is_some_and(|chunk| chunk.contains(sequence))
    }

    /// The smallest element at or above `from`.
    pub fn next(&self, from: u64) -> Option<u64> {
        let chunk = self.chunks.get(self.chunk_reaching(from))?;
        let span = chunk.spans().find(|span| span.last >= from)?;
        Some(span.first.max(from))
    }

    /// The largest element at or below `to`.
    pub fn previous(&self, to: u64) -> Option<u64> {
        let after = self.chunks.partition_point(|chunk| chunk.first() <= to);
        let chunk = self.chunks.get(after.checked_sub(1)?)?;
        if chunk.last() <= to {
            return Some(chunk.last());
        }
        let span = chunk.spans().take_while(|span| span.first <= to).last()?;
        Some(span.last.min(to))
    }

    /// The smallest sequence at or above `from` that is not in the set.
    pub fn next_absent(&self, from: u64) -> u64 {
        let mut absent = from;
        for chunk in self.chunks.range(self.chunk_reaching(from)..) {
            let within = chunk
                .spans()
                .find(|span| span.first <= absent && absent <= span.last);
            let Some(span) = within else { break };
            absent = span.last.saturating_add(1);
            if absent <= chunk.last() {
                break;
            }
        }
        absent
    }

    /// How many elements are at or above `from`.
    pub fn count_from(&self, from: u64) -> u64 {
        let at = self.chunk_reaching(from);
        let Some(chunk) = self.chunks.get(at) else {
            return 0;
        };
        let here = chunk.count_from(from);
        // Add up the side with fewer chunks.
        if at < self.chunks.len() / 2 {
            let before: u64 = self.chunks.range(..at).map(Chunk::count).sum();
            let below = before.saturating_add(chunk.count().saturating_sub(here));
            self.count.saturating_sub(below)
        } else {
            let after = self.chunks.range(at.saturating_add(1)..);
            let after: u64 = after.map(Chunk::count).sum();
            here.saturating_add(after)
        }
    }

    /// The spans from the one that reaches `from` on, ascending; two neighbours may touch.
    pub fn spans(&self, from: u64) -> impl Iterator<Item = Span> {
        self.chunks
            .range(self.chunk_reaching(from)..)
            .flat_map(Chunk::spans)
            .skip_while(move |span| span.last < from)
    }

    /// Every element, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u64> {
        self.spans(0).flat_map(|span| span.first..=span.last)
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        let chunks = self.chunks.capacity().saturating_mul(size_of::<Chunk>());
        self.chunks
            .iter()
            .map(Chunk::heap_bytes)
            .fold(chunks, usize::saturating_add)
    }

    /// Index of the first chunk whose last element is not below `sequence`.
    fn chunk_reaching(&self, sequence: u64) -> usize {
        self.chunks.partition_point(|chunk| chunk.last() < sequence)
    }

    /// Puts `spans` in the place of chunk `at`, in as many chunks as they need.
    fn replace(&mut self, at: usize, spans: Vec<Span>) {
        let Some(old) = self.chunks.get(at) else {
            return;
        };
        // A chunk that has to be split is split in halves, so that the next ones do not split again.
        let most = if old.encoded() > CHUNK_BYTES {
            CHUNK_BYTES / 2
        } else {
            CHUNK_BYTES.saturating_add(16)
        };
        let mut made: Vec<Chunk> = Vec::new();
        for span in spans {
            let pushed = made.last_mut().is_some_and(|chunk| chunk.push(span, most));
            if !pushed {
                made.push(Chunk::new(span));
            }
        }
        made.iter_mut().for_each(Chunk::close);
        let mut made = made.into_iter();
        match (made.next(), self.chunks.get_mut(at)) {
            (Some(first), Some(place)) => *place = first,
            _ => {
                self.chunks.remove(at);
            }
        }
        for (i, chunk) in made.enumerate() {
            let place = at.saturating_add(1).saturating_add(i);
            self.chunks.insert(place, chunk);
        }
    }
}

/// Adds a sequence that is in none of `spans`, joining what touches it.
fn insert_between(spans: &mut Vec<Span>, sequence: u64) {
    let at = spans.partition_point(|span| span.last < sequence);
    let touches_left = at
        .checked_sub(1)
        .and_then(|left| spans.get(left))
        .is_some_and(|left| left.last.saturating_add(1) == sequence);
    let touches_right = spans
        .get(at)
        .is_some_and(|right| right.first == sequence.saturating_add(1));
    match (touches_left, touches_right) {
        (true, true) => {
            let right = spans.remove(at);
            if let Some(left) = spans.get_mut(at.saturating_sub(1)) {
                left.last = right.last;
            }
        }
        (true, false) => {
            if let Some(left) = spans.get_mut(at.saturating_sub(1)) {
                left.last = sequence;
            }
        }
        (false, true) => {
            if let Some(right) = spans.get_mut(at) {
                right.first = sequence;
            }
        }
        (false, false) => spans.insert(at, Span::one(sequence)),
    }
}

/// Takes a sequence out of the span that holds it.
fn remove_within(spans: &mut Vec<Span>, sequence: u64) {
    let at = spans.partition_point(|span| span.last < sequence);
    let Some(span) = spans.get_mut(at) else {
        return;
    };
    let whole = *span;
    if whole.first == whole.last {
        spans.remove(at);
    } else if whole.first == sequence {
        span.first = sequence.saturating_add(1);
    } else {
        span.last = sequence.saturating_sub(1);
        if whole.last > sequence {
            let right = Span {
                first: sequence.saturating_add(1),
                last: whole.last,
            };
            spans.insert(at.saturating_add(1), right);
        }
    }
}

#[cfg(test)]
mod tests;
