//! How many messages each branch of subjects has in each stretch of sequences.
//!
//! A filter like `orders.eu.>` may match a million subjects; to count them one by one takes as long as there are subjects. But whole branches
//! match or do not, so that a handful of counters for every 4,096 sequences says the same.
//!
//! **Shape.** A branch is what subjects with the same number of tokens and the same first two tokens (never the last one) have in common. When
//! there are more than [`BRANCHES_MAX`], one token is looked at less. A filter that depends on a token further down is answered `None`, and the
//! store asks another index.

use std::collections::{HashMap, VecDeque};

use foldhash::fast::FixedState;
use nats_proto::subject::{ANY_TAIL, ANY_TOKEN, SEPARATOR, tokens};

use crate::store::Filter;

/// Branches told apart before one token is looked at less.
const BRANCHES_MAX: usize = 256;

/// Sequences in a stretch, as a power of two.
const STRETCH_BITS: u32 = 12;

/// Tokens looked at in the beginning.
const DEPTH: usize = 2;

/// What subjects of a branch have in common: first how many tokens they have, zero for subjects that no rule holds for; then their first tokens.
type Branch = Box<[u8]>;

/// Whether the subjects of a branch match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    All,
    None,
    Depends,
}

/// Writes the branch of `subject` to `to`.
fn write_branch(to: &mut Vec<u8>, subject: &[u8], depth: usize) {
    to.clear();
    to.push(0);
    let (mut count, mut end, mut at) = (0usize, 0, 0);
    for token in tokens(subject) {
        if token.is_empty() {
            return;
        }
        at += token.len();
        count += 1;
        // The last token is never part of it, so an end only counts when another token follows.
        if count <= depth && at < subject.len() {
            end = at;
        }
        at += 1;
    }
    let Ok(count) = u8::try_from(count) else {
        return;
    };
    to[0] = count;
    to.extend_from_slice(&subject[..end]);
}

fn shorter(branch: &[u8], depth: usize) -> Branch {
    let (&count, first) = branch.split_first().unwrap_or((&0, &[]));
    let first: Vec<&[u8]> = tokens(first).take(depth).collect();
    let mut short = vec![count];
    short.extend_from_slice(&first.join(&SEPARATOR));
    short.into()
}

fn branch_matches(branch: &[u8], pattern: &[u8]) -> Verdict {
    let (count, first) = match branch.split_first() {
        Some((&count, first)) if count > 0 => (usize::from(count), first),
        _ => return Verdict::Depends,
    };
    let mut first = tokens(first).filter(|token| !token.is_empty());
    let mut verdict = Verdict::All;
    let mut seen = 0;
    for want in tokens(pattern) {
        if seen == count {
            return Verdict::None;
        }
        if want == [ANY_TAIL] {
            return verdict;
        }
        match first.next() {
            _ if want == [ANY_TOKEN] => {}
            Some(have) if have == want => {}
            Some(_) => return Verdict::None,
            None => verdict = Verdict::Depends,
        }
        seen += 1;
    }
    if seen == count {
        verdict
    } else {
        Verdict::None
    }
}

/// Messages from some sequence on: those that are counted, and those that the store has to look at itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// Matching messages above `look_to`.
    pub messages: u64,
    /// The last sequence of the stretch in which the count begins, when it does not begin with it.
    pub look_to: Option<u64>,
}

#[derive(Debug, Clone, Default)]
struct Stretch {
    number: u64,
    /// Branch and messages, in no order.
    counts: Vec<(u16, u16)>,
}

/// See the module.
#[derive(Debug, Clone)]
pub struct Branches {
    depth: usize,
    /// At most [`BRANCHES_MAX`], so nobody gains by names that fall together.
    numbers: HashMap<Branch, u16, FixedState>,
    branches: Vec<Branch>,
    stretches: VecDeque<Stretch>,
    /// The subject seen last and its branch.
    recent: Option<(Vec<u8>, u16)>,
    /// Room to write a branch.
    scratch: Vec<u8>,
}

impl Default for Branches {
    fn default() -> Self {
        Self {
            depth: DEPTH,
            numbers: HashMap::default(),
            branches: Vec::new(),
            stretches: VecDeque::new(),
            recent: None,
            scratch: Vec::new(),
        }
    }
}

impl Branches {
    /// Adds a message whose sequence is above all others.
    pub fn push(&mut self, subject: &[u8], sequence: u64) {
        let branch = self.number_of(subject);
        let number = sequence >> STRETCH_BITS;
        if self.stretches.back().is_none_or(|s| s.number != number) {
            self.stretches.push_back(Stretch {
                number,
                counts: Vec::new(),
            });
        }
        if let Some(stretch) = self.stretches.back_mut() {
            stretch.add(branch, 1);
        }
    }

    /// Forgets a message that was added.
    pub fn remove(&mut self, subject: &[u8], sequence: u64) {
        let branch = self.number_of(subject);
        let number = sequence >> STRETCH_BITS;
        let at = self.stretches.partition_point(|s| s.number < number);
        let Some(stretch) = self.stretches.get_mut(at).filter(|s| s.number == number) else {
            return;
        };
        if let Some(i) = stretch.counts.iter().position(|&(b, _)| b == branch) {
            stretch.counts[i].1 -= 1;
            if stretch.counts[i].1 == 0 {
                stretch.counts.swap_remove(i);
            }
        }
        if stretch.counts.is_empty() {
            self.stretches.remove(at);
        }
    }

    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// How many messages in `filter` are at or above `from`; `None` when branches do not tell.
    pub fn count(&self, filter: &Filter, from: u64) -> Option<Counted> {
        let verdicts: Vec<Verdict> = self.branches.iter().map(|b| verdict(b, filter)).collect();
        let stretch = from >> STRETCH_BITS;
        // A count that begins with a stretch needs no look at its messages.
        let begins = stretch << STRETCH_BITS == from;
        let at = self.stretches.partition_point(|s| s.number < stretch);
        let starts_in = self.stretches.get(at).is_some_and(|s| s.number == stretch);
        let look = starts_in && !begins;
        let mut messages = 0u64;
        for stretch in self.stretches.range(at + usize::from(look)..) {
            for &(branch, count) in &stretch.counts {
                match verdicts.get(usize::from(branch))? {
                    Verdict::All => messages += u64::from(count),
                    Verdict::None => {}
                    Verdict::Depends => return None,
                }
            }
        }
        let last = || from | ((1 << STRETCH_BITS) - 1);
        Some(Counted {
            messages,
            look_to: look.then(last),
        })
    }

    fn number_of(&mut self, subject: &[u8]) -> u16 {
        if let Some((recent, number)) = &self.recent
            && recent == subject
        {
            return *number;
        }
        let number = loop {
            write_branch(&mut self.scratch, subject, self.depth);
            if let Some(&number) = self.numbers.get(&*self.scratch) {
                break number;
            }
            if self.branches.len() < BRANCHES_MAX || self.depth == 0 {
                // With no token looked at there are as many branches as numbers of tokens, 256 at most.
                let number = u16::try_from(self.branches.len()).unwrap_or(u16::MAX);
                let branch: Branch = self.scratch.as_slice().into();
                self.branches.push(branch.clone());
                self.numbers.insert(branch, number);
                break number;
            }
            self.make_room();
        };
        let (recent, of) = self.recent.get_or_insert_default();
        recent.clear();
        recent.extend_from_slice(subject);
        *of = number;
        number
    }

    /// Forgets branches without messages; when that frees less than half, looks at one token less.
    fn make_room(&mut self) {
        let mut used = vec![false; self.branches.len()];
        for stretch in &self.stretches {
            for &(branch, _) in &stretch.counts {
                used[usize::from(branch)] = true;
            }
        }
        if used.iter().filter(|used| **used).count() > BRANCHES_MAX / 2 {
            self.depth = self.depth.saturating_sub(1);
        }
        self.recent = None;
        self.numbers.clear();
        let old = std::mem::take(&mut self.branches);
        let mut renamed = vec![0u16; old.len()];
        for (i, branch) in old.into_iter().enumerate().filter(|&(i, _)| used[i]) {
            let branch = shorter(&branch, self.depth);
            let next = self.branches.len() as u16;
            renamed[i] = *self.numbers.entry(branch.clone()).or_insert(next);
            if renamed[i] == next {
                self.branches.push(branch);
            }
        }
        for stretch in &mut self.stretches {
            for (branch, count) in std::mem::take(&mut stretch.counts) {
                stretch.add(renamed[usize::from(branch)], count);
            }
        }
    }
}

impl Stretch {
    fn add(&mut self, branch: u16, messages: u16) {
        match self.counts.iter_mut().find(|(b, _)| *b == branch) {
            Some((_, count)) => *count += messages,
            None => self.counts.push((branch, messages)),
        }
    }
}

fn verdict(branch: &[u8], filter: &Filter) -> Verdict {
    if filter.is_all() {
        return Verdict::All;
    }
    let mut all = Verdict::None;
    for pattern in filter.patterns() {
        match branch_matches(branch, pattern) {
            Verdict::All => return Verdict::All,
            Verdict::Depends => all = Verdict::Depends,
            Verdict::None => {}
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn filters() -> impl Strategy<Value = Filter> {
        let pattern = "([abc]|\\*)(\\.([abc]|\\*|x1)){0,3}(\\.>)?";
        prop::collection::vec(pattern, 1..3).prop_map(Filter::any)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

        #[test]
        fn counts_what_matches_or_does_not_answer(
            subjects in prop::collection::vec("[abc](\\.[abc]|\\.x[0-9]{1,3}){0,3}|a\\.\\.b", 1..900),
            gap in 1u64..40,
            gone in prop::collection::vec(any::<prop::sample::Index>(), 0..60),
            filter in filters(),
            from in 0u64..9000,
        ) {
            let mut branches = Branches::default();
            let mut there = BTreeMap::new();
            for (i, subject) in subjects.iter().enumerate() {
                let sequence = i as u64 * gap;
                branches.push(subject.as_bytes(), sequence);
                there.insert(sequence, subject);
            }
            for index in gone {
                let sequence = index.index(subjects.len()) as u64 * gap;
                if let Some(subject) = there.remove(&sequence) {
                    branches.remove(subject.as_bytes(), sequence);
                }
            }
            if let Some(counted) = branches.count(&filter, from) {
                let above = counted.look_to.map_or(from, |to| to + 1);
                prop_assert!(above - from <= 1 << STRETCH_BITS);
                let want = there
                    .range(above..)
                    .filter(|(_, subject)| filter.matches(subject.as_bytes()))
                    .count() as u64;
                // What is left out lies in the stretch that has to be looked at.
                prop_assert_eq!(counted.messages, want, "from {} above {}", from, above);
            }
        }
    }

    #[test]
    fn a_wide_filter_is_answered_from_the_counters() {
        let mut branches = Branches::default();
        for i in 0..100_000u64 {
            let region = ["eu", "us"][(i % 2) as usize];
            branches.push(format!("orders.{region}.{i}").as_bytes(), i);
        }
        let count = |pattern: &str, from| branches.count(&Filter::any([pattern]), from);
        let whole = |messages| {
            Some(Counted {
                messages,
                look_to: None,
            })
        };
        assert_eq!(count("orders.eu.>", 0), whole(50_000));
        assert_eq!(count("orders.eu.*", 4096), whole(50_000 - 2048));
        assert_eq!(count("*.us.*", 200_000), whole(0));
        assert_eq!(count("orders.*", 0), whole(0));
        assert_eq!(count("orders.*.7", 0), None);
        assert_eq!(
            count("orders.eu.>", 5000).and_then(|c| c.look_to),
            Some(8191)
        );
    }

    #[test]
    fn many_branches_make_it_look_at_fewer_tokens() {
        let mut branches = Branches::default();
        for i in 0..2000u64 {
            branches.push(format!("users.{i}.profile").as_bytes(), i);
        }
        let all = branches.count(&Filter::any(["users.>"]), 0).unwrap();
        assert_eq!(all.messages, 2000);
        assert_eq!(branches.count(&Filter::any(["users.7.*"]), 0), None);
    }
}
