//! A pattern as a machine that takes a subject byte by byte, so that whole branches of the tree are left out.
//!
//! Wildcards stand for whole tokens, so that at every byte there is just one way to go on: the state is a position in the pattern. It
//! agrees with [`nats_proto::subject::matches`] on all input (a property test says so).

use nats_proto::subject::{ANY_TAIL, ANY_TOKEN, SEPARATOR};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Byte(u8),
    AnyToken,
    AnyTail,
}

/// A compiled pattern.
#[derive(Debug, Clone)]
pub(super) struct Pattern(Vec<Kind>);

/// How far a subject has come in a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// The next thing the pattern wants, and whether an open `*` has a byte already.
    At { index: u32, begun: bool },
    /// A `>` took a byte: everything below matches.
    All,
}

impl Progress {
    pub(super) const START: Self = Self::At {
        index: 0,
        begun: false,
    };
}

impl Pattern {
    pub(super) fn new(pattern: &[u8]) -> Self {
        let kind = |(i, &byte): (usize, &u8)| {
            let starts = i == 0 || pattern.get(i - 1) == Some(&SEPARATOR);
            let ends = pattern.get(i + 1).is_none_or(|&b| b == SEPARATOR);
            match byte {
                ANY_TOKEN if starts && ends => Kind::AnyToken,
                ANY_TAIL if starts && ends => Kind::AnyTail,
                _ => Kind::Byte(byte),
            }
        };
        Self(pattern.iter().enumerate().map(kind).collect())
    }

    /// The state after `byte`; `None` when no subject that goes on like this matches.
    #[inline]
    pub(super) fn step(&self, progress: Progress, byte: u8) -> Option<Progress> {
        let Progress::At { index, begun } = progress else {
            return Some(Progress::All);
        };
        let next = |index| {
            Some(Progress::At {
                index,
                begun: false,
            })
        };
        match *self.0.get(index as usize)? {
            Kind::Byte(want) => (want == byte).then_some(()).and_then(|()| next(index + 1)),
            Kind::AnyTail => (byte != SEPARATOR).then_some(Progress::All),
            Kind::AnyToken if byte != SEPARATOR => Some(Progress::At { index, begun: true }),
            // The dot after a token: the pattern must have one, too.
            Kind::AnyToken => {
                let dot = self.0.get(index as usize + 1) == Some(&Kind::Byte(SEPARATOR));
                (begun && dot).then_some(()).and_then(|()| next(index + 2))
            }
        }
    }

    /// Whether a subject that ends here matches.
    #[inline]
    pub(super) fn ends(&self, progress: Progress) -> bool {
        match progress {
            Progress::All => true,
            Progress::At { index, begun } => {
                let index = index as usize;
                match self.0.get(index) {
                    None => true,
                    Some(Kind::AnyToken) => begun && index + 1 == self.0.len(),
                    Some(_) => false,
                }
            }
        }
    }

    /// Whether a `>` comes next: it takes whatever follows, when that is a token.
    pub(super) fn wants_tail(&self, progress: Progress) -> bool {
        match progress {
            Progress::At { index, .. } => self.0.get(index as usize) == Some(&Kind::AnyTail),
            Progress::All => true,
        }
    }

    /// The only byte that can come next, when there is just one.
    #[inline]
    pub(super) fn wants(&self, progress: Progress) -> Option<u8> {
        match progress {
            Progress::At { index, .. } => match self.0.get(index as usize) {
                Some(&Kind::Byte(byte)) => Some(byte),
                _ => None,
            },
            Progress::All => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use nats_proto::subject::matches;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

        #[test]
        fn a_pattern_takes_what_matches(literal in "[ab.*>]{0,8}", pattern in "[ab.*>]{0,8}") {
            let (literal, pattern) = (literal.as_bytes(), pattern.as_bytes());
            let machine = Pattern::new(pattern);
            let end = literal
                .iter()
                .try_fold(Progress::START, |progress, &byte| machine.step(progress, byte));
            let taken = end.is_some_and(|progress| machine.ends(progress));
            prop_assert_eq!(taken, matches(literal, pattern));
        }
    }
}
