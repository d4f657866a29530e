//! Which consumers want a subject.

use std::collections::{BTreeSet, HashMap};

use nats_proto::subject;
use nats_store::Filter;

/// Names a consumer inside of its stream, as long as it lives.
pub(in crate::stream) type Id = u32;

/// The filters of many consumers, by what they match. A subject finds its consumers in a time that does not depend on the others.
#[derive(Debug, Default)]
pub(in crate::stream) struct Index {
    everything: BTreeSet<Id>,
    literals: HashMap<Box<[u8]>, BTreeSet<Id>>,
    patterns: Node,
}

/// What is wanted behind some tokens.
#[derive(Debug, Default)]
struct Node {
    tokens: HashMap<Box<[u8]>, Node>,
    /// Behind a `*`.
    any: Option<Box<Node>>,
    /// Patterns that end here.
    here: BTreeSet<Id>,
    /// Patterns that end in `>` here.
    rest: BTreeSet<Id>,
}

impl Index {
    pub fn insert(&mut self, filter: &Filter, id: Id) {
        if filter.is_all() {
            self.everything.insert(id);
        }
        for pattern in filter.patterns() {
            if subject::has_wildcard(pattern) {
                self.patterns.insert(subject::tokens(pattern), id);
            } else {
                self.literals.entry(pattern.clone()).or_default().insert(id);
            }
        }
    }

    /// Takes out what [`Index::insert`] put in for this filter.
    pub fn remove(&mut self, filter: &Filter, id: Id) {
        if filter.is_all() {
            self.everything.remove(&id);
        }
        for pattern in filter.patterns() {
            if subject::has_wildcard(pattern) {
                self.patterns.remove(subject::tokens(pattern), id);
            } else if let Some(ids) = self.literals.get_mut(pattern) {
                ids.remove(&id);
                if ids.is_empty() {
                    self.literals.remove(pattern);
                }
            }
        }
    }

    /// Adds the consumers that want a literal subject, each once, by id. Stops early when there are more than `most`; then the result is
    /// false and `found` is of no use.
    pub fn find(&self, literal: &[u8], most: usize, found: &mut Vec<Id>) -> bool {
        found.extend(self.everything.iter().take(most.saturating_add(1)));
        if let Some(ids) = self.literals.get(literal) {
            found.extend(ids.iter().take(most.saturating_add(1)));
        }
        if found.len() <= most && !self.patterns.is_empty() {
            self.patterns.find(subject::tokens(literal), most, found);
        }
        if found.len() > 1 {
            found.sort_unstable();
            found.dedup();
        }
        found.len() <= most
    }

    /// Whether anybody wants a literal subject.
    pub fn wants(&self, literal: &[u8]) -> bool {
        !self.everything.is_empty()
            || self.literals.contains_key(literal)
            || self.patterns.wants(subject::tokens(literal))
    }

    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.everything.is_empty() && self.literals.is_empty() && self.patterns.is_empty()
    }
}

impl Node {
    fn is_empty(&self) -> bool {
        self.tokens.is_empty() && self.any.is_none() && self.here.is_empty() && self.rest.is_empty()
    }

    fn insert<'a>(&mut self, mut tokens: impl Iterator<Item = &'a [u8]>, id: Id) {
        match tokens.next() {
            None => {
                self.here.insert(id);
            }
            Some(b">") => {
                self.rest.insert(id);
            }
            Some(b"*") => self.any.get_or_insert_default().insert(tokens, id),
            Some(token) => self
                .tokens
                .entry(token.into())
                .or_default()
                .insert(tokens, id),
        }
    }

    fn remove<'a>(&mut self, mut tokens: impl Iterator<Item = &'a [u8]>, id: Id) {
        match tokens.next() {
            None => {
                self.here.remove(&id);
            }
            Some(b">") => {
                self.rest.remove(&id);
            }
            Some(b"*") => {
                if let Some(any) = &mut self.any {
                    any.remove(tokens, id);
                    if any.is_empty() {
                        self.any = None;
                    }
                }
            }
            Some(token) => {
                if let Some(node) = self.tokens.get_mut(token) {
                    node.remove(tokens, id);
                    if node.is_empty() {
                        self.tokens.remove(token);
                    }
                }
            }
        }
    }

    fn find<'a>(
        &self,
        mut tokens: impl Iterator<Item = &'a [u8]> + Clone,
        most: usize,
        found: &mut Vec<Id>,
    ) {
        if found.len() > most {
            return;
        }
        let Some(token) = tokens.next() else {
            found.extend(self.here.iter().take(most.saturating_add(1)));
            return;
        };
        found.extend(self.rest.iter().take(most.saturating_add(1)));
        if let Some(node) = self.tokens.get(token) {
            node.find(tokens.clone(), most, found);
        }
        if let Some(any) = &self.any {
            any.find(tokens, most, found);
        }
    }

    fn wants<'a>(&self, mut tokens: impl Iterator<Item = &'a [u8]> + Clone) -> bool {
        let Some(token) = tokens.next() else {
            return !self.here.is_empty();
        };
        !self.rest.is_empty()
            || self
                .tokens
                .get(token)
                .is_some_and(|node| node.wants(tokens.clone()))
            || self.any.as_ref().is_some_and(|any| any.wants(tokens))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern() -> impl Strategy<Value = String> {
        let token = prop_oneof![Just("a"), Just("b"), Just("*")];
        (proptest::collection::vec(token, 1..4), any::<bool>()).prop_map(|(tokens, is_open)| {
            let mut pattern = tokens.join(".");
            if is_open {
                pattern.push_str(".>");
            }
            pattern
        })
    }

    fn literal() -> impl Strategy<Value = String> {
        proptest::collection::vec(prop_oneof![Just("a"), Just("b"), Just("c")], 1..5)
            .prop_map(|tokens| tokens.join("."))
    }

    proptest! {
        #[test]
        fn a_subject_finds_exactly_the_consumers_whose_filter_matches(
            filters in proptest::collection::vec(proptest::collection::vec(pattern(), 0..3), 0..8),
            gone in proptest::collection::vec(0u32..8, 0..4),
            literals in proptest::collection::vec(literal(), 1..8),
        ) {
            let filters: Vec<Filter> = filters.into_iter().map(Filter::any).collect();
            let mut index = Index::default();
            let mut there: BTreeSet<Id> = BTreeSet::new();
            for (id, filter) in filters.iter().enumerate() {
                index.insert(filter, id as Id);
                there.insert(id as Id);
            }
            for id in gone {
                if there.remove(&id) {
                    index.remove(&filters[id as usize], id);
                }
            }
            for literal in &literals {
                let expected: Vec<Id> = there
                    .iter()
                    .copied()
                    .filter(|id| filters[*id as usize].matches(literal.as_bytes()))
                    .collect();
                let mut found = Vec::new();
                prop_assert!(index.find(literal.as_bytes(), 100, &mut found));
                prop_assert_eq!(&found, &expected);
                prop_assert_eq!(index.wants(literal.as_bytes()), !expected.is_empty());
            }
            for id in &there {
                index.remove(&filters[*id as usize], *id);
            }
            prop_assert!(index.is_empty());
        }
    }

    #[test]
    fn too_many_are_not_listed() {
        let mut index = Index::default();
        for id in 0..10 {
            index.insert(&Filter::ALL, id);
        }
        assert!(!index.find(b"a", 9, &mut Vec::new()));
        assert!(index.find(b"a", 10, &mut Vec::new()));
    }
}
