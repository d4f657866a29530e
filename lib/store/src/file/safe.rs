//! Which messages are durable while others wait for the log.

use std::collections::VecDeque;

use crate::limits::SAFE_MARKS_MAX;
use crate::store::Position;

/// The log's positions of the last messages, coarse: what it calls durable is, what is durable it may call so later.
#[derive(Debug, Default)]
pub struct Safe {
    /// Everything up to this sequence was durable at the last look.
    through: u64,
    /// Sequences up to the second are durable when the log has committed the first.
    marks: VecDeque<(Position, u64)>,
}

impl Safe {
    /// Everything up to `last` is durable when the log has committed `staged`; it has committed `durable`.
    pub fn note(&mut self, staged: Position, last: u64, durable: Position) {
        while let Some((position, through)) = self.marks.front().copied()
            && position <= durable
        {
            self.through = through;
            self.marks.pop_front();
        }
        if staged <= durable {
            self.through = last;
            return;
        }
        if self.marks.len() >= SAFE_MARKS_MAX {
            self.marks.pop_back();
        }
        self.marks.push_back((staged, last));
    }

    /// Messages up to this sequence are durable.
    pub fn through(&self, durable: Position) -> u64 {
        let marks = self.marks.iter();
        marks
            .take_while(|(position, _)| *position <= durable)
            .last()
            .map_or(self.through, |(_, through)| *through)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_called_durable_is_and_marks_stay_few() {
        let mut safe = Safe::default();
        for n in 1..=1_000 {
            safe.note(Position(n * 10), n, Position(0));
        }
        assert_eq!(safe.through(Position(0)), 0);
        assert!(safe.marks.len() <= SAFE_MARKS_MAX);
        for durable in 0..=10_000 {
            assert!(safe.through(Position(durable)) * 10 <= durable);
        }
        assert_eq!(safe.through(Position(95)), 9);
        assert_eq!(safe.through(Position(10_000)), 1_000);
        safe.note(Position(10_010), 1_001, Position(10_000));
        assert_eq!(safe.through(Position(10_000)), 1_000);
        safe.note(Position(10_010), 1_001, Position(10_010));
        assert_eq!(safe.through(Position(10_000)), 1_001, "it stays durable");
    }
}
