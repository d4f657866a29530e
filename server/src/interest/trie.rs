//! A trie of subject patterns, token by token.

use hashbrown::HashMap;

/// Maps patterns (`*` one token, `>` the rest) to values and finds all patterns that match a subject.
#[derive(Debug, Clone)]
pub struct SubjectTrie<V> {
    root: Node<V>,
    len: usize,
}

#[derive(Debug, Clone)]
struct Node<V> {
    literal: HashMap<Box<[u8]>, Node<V>, foldhash::fast::RandomState>,
    star: Option<Box<Node<V>>>,
    /// Value of the pattern that ends in `>` here.
    rest: Option<V>,
    /// Value of the pattern that ends here.
    here: Option<V>,
}

impl<V> Default for Node<V> {
    fn default() -> Self {
        Self {
            literal: HashMap::default(),
            star: None,
            rest: None,
            here: None,
        }
    }
}

impl<V> Default for SubjectTrie<V> {
    fn default() -> Self {
        Self {
            root: Node::default(),
            len: 0,
        }
    }
}

impl<V> SubjectTrie<V> {
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Number of patterns.
    pub fn len(&self) -> usize {
        self.len
    }

    /// The value at `pattern`, made by `new` if the pattern is not there yet.
    pub fn entry(&mut self, pattern: &[u8], new: impl FnOnce() -> V) -> &mut V {
        let mut node = &mut self.root;
        let mut tokens = pattern.split(|b| *b == b'.').peekable();
        let mut full = false;
        while let Some(token) = tokens.next() {
            match token {
                b">" if tokens.peek().is_none() => full = true,
                b"*" => node = node.star.get_or_insert_default(),
                t => node = node.literal.entry(t.into()).or_default(),
            }
        }
        let slot = if full { &mut node.rest } else { &mut node.here };
        if slot.is_none() {
            self.len += 1;
        }
        slot.get_or_insert_with(new)
    }

    /// Changes the value at `pattern`; a value for which `change` returns false is taken out, with the path to it.
    pub fn change(&mut self, pattern: &[u8], change: impl FnOnce(&mut V) -> bool) -> Option<V> {
        let tokens: Vec<&[u8]> = pattern.split(|b| *b == b'.').collect();
        let removed = self.root.change(&tokens, change);
        if removed.is_some() {
            self.len -= 1;
        }
        removed
    }

    /// Calls `found` with the value of every pattern that matches `subject`.
    pub fn each_match<'a>(&'a self, subject: &[u8], found: &mut impl FnMut(&'a V)) {
        if self.len > 0 {
            self.root.each_match(Some(subject), found);
        }
    }

    /// Whether any pattern matches `subject`.
    pub fn has_match(&self, subject: &[u8]) -> bool {
        let mut any = false;
        self.each_match(subject, &mut |_| any = true);
        any
    }

    /// Calls `found` with every value.
    pub fn each<'a>(&'a self, found: &mut impl FnMut(&'a V)) {
        self.root.each(found);
    }

    /// Number of nodes and greatest depth.
    pub fn shape(&self) -> (usize, usize) {
        self.root.shape()
    }
}

impl<V> Node<V> {
    fn each_match<'a>(&'a self, subject: Option<&[u8]>, found: &mut impl FnMut(&'a V)) {
        let Some(subject) = subject else {
            if let Some(v) = &self.here {
                found(v);
            }
            return;
        };
        if let Some(v) = &self.rest {
            found(v);
        }
        let (token, rest) = match memchr::memchr(b'.', subject) {
            Some(dot) => (&subject[..dot], Some(&subject[dot + 1..])),
            None => (subject, None),
        };
        if let Some(next) = &self.star {
            next.each_match(rest, found);
        }
        if let Some(next) = self.literal.get(token) {
            next.each_match(rest, found);
        }
    }

    fn each<'a>(&'a self, found: &mut impl FnMut(&'a V)) {
        self.here.iter().chain(&self.rest).for_each(&mut *found);
        if let Some(n) = &self.star {
            n.each(found);
        }
        for n in self.literal.values() {
            n.each(found);
        }
    }

    fn change(&mut self, tokens: &[&[u8]], change: impl FnOnce(&mut V) -> bool) -> Option<V> {
        let slot = match tokens {
            [] => &mut self.here,
            [b">"] => &mut self.rest,
            [b"*", rest @ ..] => {
                let next = self.star.as_mut()?;
                let removed = next.change(rest, change);
                if next.is_empty() {
                    self.star = None;
                }
                return removed;
            }
            [token, rest @ ..] => {
                let next = self.literal.get_mut(*token)?;
                let removed = next.change(rest, change);
                if next.is_empty() {
                    self.literal.remove(*token);
                }
                return removed;
            }
        };
        if change(slot.as_mut()?) {
            return None;
        }
        slot.take()
    }

    fn is_empty(&self) -> bool {
        self.here.is_none() && self.rest.is_none() && self.star.is_none() && self.literal.is_empty()
    }

    fn shape(&self) -> (usize, usize) {
        self.literal
            .values()
            .chain(self.star.as_deref())
            .map(Node::shape)
            .fold((1, 1), |(n, d), (cn, cd)| (n + cn, d.max(cd + 1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn matching(trie: &SubjectTrie<String>, subject: &str) -> Vec<String> {
        let mut out = Vec::new();
        trie.each_match(subject.as_bytes(), &mut |v| out.push(v.clone()));
        out.sort();
        out
    }

    /// The definition, read off token by token.
    fn naive(pattern: &str, subject: &str) -> bool {
        let (p, s): (Vec<_>, Vec<_>) = (pattern.split('.').collect(), subject.split('.').collect());
        for (i, t) in p.iter().enumerate() {
            match (*t, s.get(i)) {
                (">", Some(_)) if i + 1 == p.len() => return true,
                ("*", Some(_)) => {}
                (t, Some(x)) if t == *x => {}
                _ => return false,
            }
        }
        p.len() == s.len()
    }

    fn subject() -> impl Strategy<Value = String> {
        proptest::collection::vec("[abc]", 1..5).prop_map(|t| t.join("."))
    }

    fn pattern() -> impl Strategy<Value = String> {
        (proptest::collection::vec("[abc*]", 1..4), any::<bool>()).prop_map(|(mut t, full)| {
            if full {
                t.push(">".into());
            }
            t.join(".")
        })
    }

    proptest! {
        #[test]
        fn finds_what_the_definition_finds(
            patterns in proptest::collection::btree_set(pattern(), 0..30),
            removed in proptest::collection::btree_set(pattern(), 0..10),
            subjects in proptest::collection::vec(subject(), 1..10),
        ) {
            let mut trie = SubjectTrie::default();
            for p in &patterns {
                trie.entry(p.as_bytes(), || p.clone());
            }
            for p in &removed {
                trie.change(p.as_bytes(), |_| false);
            }
            let left: Vec<_> = patterns.difference(&removed).cloned().collect();
            prop_assert_eq!(trie.len(), left.len());
            for s in &subjects {
                let want: Vec<_> = left.iter().filter(|p| naive(p, s)).cloned().collect();
                prop_assert_eq!(matching(&trie, s), want);
            }
            for p in &left {
                trie.change(p.as_bytes(), |_| false);
            }
            prop_assert!(trie.root.is_empty());
        }
    }
}
