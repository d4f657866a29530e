//! Subjects and patterns with their owners, asked for those that have a subject in common with another pattern.
//!
//! A pattern is filed under its literal beginning, up to the first wildcard. Two patterns can only have a subject in common when the
//! beginning of one begins the other's, so a question looks at as many places as its subject has tokens, and at what lies behind it when
//! it is a pattern itself: thousands of streams or consumers cost nothing that grows with them.

use std::collections::BTreeMap;
use std::ops::Bound;

use nats_proto::subject::{collides, has_wildcard};

/// Patterns with owners. An owner may have the same pattern more than once.
#[derive(Debug, Default)]
pub struct Patterns {
    by_beginning: BTreeMap<Box<[u8]>, Vec<Filed>>,
}

#[derive(Debug)]
struct Filed {
    pattern: Box<str>,
    owner: Box<str>,
}

impl Patterns {
    pub fn insert(&mut self, pattern: &str, owner: &str) {
        self.by_beginning
            .entry(beginning(pattern.as_bytes()).into())
            .or_default()
            .push(Filed {
                pattern: pattern.into(),
                owner: owner.into(),
            });
    }

    /// Takes out what was put in once; nothing happens when it is not there.
    pub fn remove(&mut self, pattern: &str, owner: &str) {
        let key = beginning(pattern.as_bytes());
        let Some(filed) = self.by_beginning.get_mut(key) else {
            return;
        };
        let found = filed
            .iter()
            .position(|known| *known.pattern == *pattern && *known.owner == *owner);
        if let Some(at) = found {
            filed.swap_remove(at);
        }
        if filed.is_empty() {
            self.by_beginning.remove(key);
        }
    }

    /// The owners of patterns that have a subject in common with this one, each once for every such pattern.
    pub fn colliding<'a>(&'a self, pattern: &'a [u8]) -> impl Iterator<Item = &'a str> {
        let key = beginning(pattern);
        // Those that begin as this one does: only a wildcard lets it go on into them.
        let goes_on = match key.len() < pattern.len() {
            true => Bound::Unbounded,
            false => Bound::Included(key),
        };
        let behind = self
            .by_beginning
            .range::<[u8], _>((Bound::Included(key), goes_on))
            .take_while(move |(found, _)| found.starts_with(key));
        // Those whose literal part ends inside of it.
        let ends = (0..key.len()).filter(|at| *at == 0 || key.get(at - 1) == Some(&b'.'));
        let before = ends.filter_map(|at| self.by_beginning.get_key_value(key.get(..at)?));
        behind
            .chain(before)
            .flat_map(|(_, filed)| filed)
            .filter(move |known| collides(known.pattern.as_bytes(), pattern))
            .map(|known| &*known.owner)
    }
}

/// The part of a pattern in front of its first wildcard, with the dot; all of it when it has none.
fn beginning(pattern: &[u8]) -> &[u8] {
    if !has_wildcard(pattern) {
        return pattern;
    }
    let mut at = 0;
    for token in pattern.split(|byte| *byte == b'.') {
        if matches!(token, b"*" | b">") {
            break;
        }
        at += token.len() + 1;
    }
    pattern.get(..at.min(pattern.len())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn beginnings_end_before_the_first_wildcard() {
        for (pattern, wanted) in [
            ("a.b", "a.b"),
            ("a.*", "a."),
            ("a.b.>", "a.b."),
            (">", ""),
            ("*.b", ""),
            ("a.b*.c", "a.b*.c"),
            ("a.*.c", "a."),
        ] {
            let got = beginning(pattern.as_bytes());
            assert_eq!(String::from_utf8_lossy(got), wanted, "{pattern}");
        }
    }

    fn pattern() -> impl Strategy<Value = String> {
        (
            proptest::collection::vec("[ab]{1,2}|\\*", 1..4),
            any::<bool>(),
        )
            .prop_map(|(mut tokens, full)| {
                if full {
                    tokens.push(">".into());
                }
                tokens.join(".")
            })
    }

    proptest! {
        #[test]
        fn what_collides_is_found_and_nothing_else(
            filed in proptest::collection::vec(pattern(), 0..12),
            gone in proptest::collection::vec(any::<prop::sample::Index>(), 0..4),
            asked in pattern(),
        ) {
            let mut patterns = Patterns::default();
            let mut naive: Vec<(String, String)> = Vec::new();
            for (n, pattern) in filed.iter().enumerate() {
                patterns.insert(pattern, &n.to_string());
                naive.push((pattern.clone(), n.to_string()));
            }
            for index in gone {
                if !naive.is_empty() {
                    let (pattern, owner) = naive.swap_remove(index.index(naive.len()));
                    patterns.remove(&pattern, &owner);
                }
            }
            let mut found: Vec<&str> = patterns.colliding(asked.as_bytes()).collect();
            found.sort_unstable();
            let matching = naive.iter().filter(|(p, _)| collides(p.as_bytes(), asked.as_bytes()));
            let mut wanted: Vec<&str> = matching.map(|(_, owner)| owner.as_str()).collect();
            wanted.sort_unstable();
            prop_assert_eq!(found, wanted);
        }
    }
}
