//! One chunk of a set: its first and last span in the open, those between them encoded.

use super::Span;

/// Spans farther apart than this start a new chunk, so that distances can be doubled without overflow.
const GAP_MAX: u64 = 1 << 40;

/// At least one span. While there is only one, `head` and `tail` are the same.
#[derive(Debug, Clone)]
pub(super) struct Chunk {
    head: Span,
    tail: Span,
    /// End of the span before `tail`.
    before_tail: u64,
    count: u64,
    /// Spans between head and tail: distance from the one before, doubled, plus one when a length follows.
    items: Vec<u8>,
    /// Where the live part of `items` begins.
    at: u32,
}

impl Chunk {
    pub(super) fn new(span: Span) -> Self {
        Self {
            head: span,
            tail: span,
            before_tail: span.last,
            count: span.count(),
            items: Vec::new(),
            at: 0,
        }
    }

    pub(super) fn first(&self) -> u64 {
        self.head.first
    }

    pub(super) fn last(&self) -> u64 {
        self.tail.last
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Encoded bytes in use.
    pub(super) fn encoded(&self) -> usize {
        self.live().len()
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.items.capacity()
    }

    fn live(&self) -> &[u8] {
        self.items.get(self.at as usize..).unwrap_or_default()
    }

    fn is_single(&self) -> bool {
        self.head == self.tail
    }

    pub(super) fn spans(&self) -> Spans<'_> {
        Spans {
            next: Some(self.head),
            items: self.live(),
            tail: (!self.is_single()).then_some(self.tail),
        }
    }

    pub(super) fn contains(&self, sequence: u64) -> bool {
        if sequence >= self.tail.first {
            return sequence <= self.tail.last;
        }
        if sequence <= self.head.last {
            return sequence >= self.head.first;
        }
        self.spans()
            .find(|span| span.last >= sequence)
            .is_some_and(|span| span.first <= sequence)
    }

    pub(super) fn count_from(&self, from: u64) -> u64 {
        if from <= self.head.first {
            return self.count;
        }
        self.spans()
            .filter(|span| span.last >= from)
            .map(|span| {
                span.last
                    .saturating_sub(span.first.max(from))
                    .saturating_add(1)
            })
            .sum()
    }

    /// Adds a span above the last one. False when that needs a new chunk.
    pub(super) fn push(&mut self, span: Span, most: usize) -> bool {
        if self.tail.last.checked_add(1) == Some(span.first) {
            if self.is_single() {
                self.head.last = span.last;
                self.before_tail = span.last;
            }
            self.tail.last = span.last;
        } else if self.is_single() {
            self.tail = span;
        } else {
            let gap = self.tail.first.saturating_sub(self.before_tail);
            if self.encoded() >= most || gap >= GAP_MAX {
                return false;
            }
            encode(&mut self.items, self.before_tail, self.tail);
            self.before_tail = self.tail.last;
            self.tail = span;
        }
        self.count = self.count.saturating_add(span.count());
        true
    }

    /// Adds `sequence` when it comes right before the first span.
    pub(super) fn grow_head(&mut self, sequence: u64) -> bool {
        if sequence.checked_add(1) != Some(self.head.first) {
            return false;
        }
        if self.is_single() {
            self.tail.first = sequence;
        }
        self.head.first = sequence;
        self.count = self.count.saturating_add(1);
        true
    }

    /// Takes the first sequence away. False when nothing is left.
    pub(super) fn pop_front(&mut self) -> bool {
        self.count = self.count.saturating_sub(1);
        if self.head.first < self.head.last {
            if self.is_single() {
                self.tail.first = self.tail.first.saturating_add(1);
            }
            self.head.first = self.head.first.saturating_add(1);
            return true;
        }
        if self.is_single() {
            return false;
        }
        let live = self.live();
        let mut rest = live;
        match decode(&mut rest, self.head.last) {
            Some(span) => {
                let used = live.len().saturating_sub(rest.len());
                self.head = span;
                self.at = self
                    .at
                    .saturating_add(u32::try_from(used).unwrap_or(u32::MAX));
                self.drop_used();
            }
            None => {
                self.head = self.tail;
                self.before_tail = self.tail.last;
                self.items = Vec::new();
                self.at = 0;
            }
        }
        true
    }

    fn drop_used(&mut self) {
        let at = self.at as usize;
        if at >= 64 && at.saturating_mul(2) >= self.items.len() {
            self.items.drain(..at.min(self.items.len()));
            self.at = 0;
        }
    }

    /// Takes `sequence` away when it is the last one and its span keeps others.
    pub(super) fn shrink_tail(&mut self, sequence: u64) -> bool {
        if sequence != self.tail.last || self.tail.first == self.tail.last {
            return false;
        }
        let last = sequence.saturating_sub(1);
        if self.is_single() {
            self.head.last = last;
            self.before_tail = last;
        }
        self.tail.last = last;
        self.count = self.count.saturating_sub(1);
        true
    }

    /// Gives back room that is not needed while nothing is added at the end.
    pub(super) fn close(&mut self) {
        self.items.shrink_to_fit();
    }
}

/// Iterator over the spans of a chunk, ascending.
pub(super) struct Spans<'a> {
    next: Option<Span>,
    items: &'a [u8],
    tail: Option<Span>,
}

impl Iterator for Spans<'_> {
    type Item = Span;

    fn next(&mut self) -> Option<Span> {
        let span = self.next?;
        self.next = decode(&mut self.items, span.last).or_else(|| self.tail.take());
        Some(span)
    }
}

fn encode(items: &mut Vec<u8>, before: u64, span: Span) {
    // Spans that touch are joined, so the distance is at least two.
    let distance = span.first.saturating_sub(before).saturating_sub(2);
    let more = span.last.saturating_sub(span.first);
    varint(items, (distance << 1) | u64::from(more > 0));
    if more > 0 {
        varint(items, more.saturating_sub(1));
    }
}

fn decode(items: &mut &[u8], before: u64) -> Option<Span> {
    let code = read_varint(items)?;
    let first = before.saturating_add(2).saturating_add(code >> 1);
    let more = if code & 1 == 1 {
        read_varint(items)?.saturating_add(1)
    } else {
        0
    };
    Some(Span {
        first,
        last: first.saturating_add(more),
    })
}

fn varint(items: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        items.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    items.push(value as u8);
}

fn read_varint(items: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    let mut shift = 0u32;
    loop {
        let (&byte, rest) = items.split_first()?;
        *items = rest;
        value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        if byte < 0x80 {
            return Some(value);
        }
        shift = shift.saturating_add(7);
    }
}
