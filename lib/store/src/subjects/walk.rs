//! Visits the subjects of a filter in byte order, without looking into branches that cannot match.

use std::ops::ControlFlow;

use nats_proto::subject::SEPARATOR;

use super::pattern::{Pattern, Progress};
use super::tree::{Content, Place, Tree, Value};
use crate::store::Filter;

/// How a walk ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Walked {
    /// Everything that matches was visited.
    All,
    /// The visitor had enough.
    Stopped,
    /// The budget is spent; some of what matches was not visited.
    Spent,
}

/// One pattern that may still match, and how far it is.
type Alive = (u32, Progress);

struct Frame {
    node: Place,
    /// Next to look at: the terminal, then the children.
    next: Next,
    path_len: usize,
    /// Where the patterns alive at this node begin in the stack of them.
    alive: usize,
}

#[derive(Clone, Copy)]
enum Next {
    Terminal,
    Child(usize),
}

struct Walk<'a, V> {
    tree: &'a Tree,
    patterns: Vec<Pattern>,
    frames: Vec<Frame>,
    alive: Vec<Alive>,
    path: Vec<u8>,
    budget: u64,
    visit: V,
}

/// Whether every subject of the tree is in `filter`, as far as what they have in common tells.
pub(super) fn takes_all(tree: &Tree, filter: &Filter) -> bool {
    let Some(root) = tree.root() else {
        return true;
    };
    let (common, goes_on) = match tree.content(root) {
        Content::Node(node) => {
            let goes_on = node.terminal.is_none() && node.find(SEPARATOR).is_none();
            (node.prefix, goes_on)
        }
        Content::Leaf(leaf) => (leaf.rest, false),
    };
    let takes = |pattern: &[u8]| {
        let pattern = Pattern::new(pattern);
        let end = common.iter().try_fold(Progress::START, |progress, &byte| {
            pattern.step(progress, byte)
        });
        end.is_some_and(|end| end == Progress::All || goes_on && pattern.wants_tail(end))
    };
    filter.is_all() || filter.patterns().iter().any(|pattern| takes(pattern))
}

/// Visits the subjects in `filter`, ascending; `budget` is how many nodes and leaves it may look at. No recursion:
/// subjects may be long.
pub(super) fn walk(
    tree: &Tree,
    filter: &Filter,
    budget: u64,
    visit: impl FnMut(&[u8], Value) -> ControlFlow<()>,
) -> Walked {
    let Some(root) = tree.root() else {
        return Walked::All;
    };
    let mut walk = Walk {
        tree,
        patterns: filter.patterns().iter().map(|p| Pattern::new(p)).collect(),
        frames: Vec::new(),
        alive: Vec::new(),
        path: Vec::new(),
        budget,
        visit,
    };
    if filter.is_all() {
        walk.alive.push((0, Progress::All));
    } else {
        let starts = (0..walk.patterns.len()).filter_map(|i| u32::try_from(i).ok());
        walk.alive.extend(starts.map(|i| (i, Progress::START)));
    }
    if walk.enter(root, 0).is_break() {
        return Walked::Stopped;
    }
    walk.run()
}

impl<V: FnMut(&[u8], Value) -> ControlFlow<()>> Walk<'_, V> {
    fn run(&mut self) -> Walked {
        while let Some(frame) = self.frames.last_mut() {
            if self.budget == 0 {
                return Walked::Spent;
            }
            let Content::Node(node) = self.tree.content(frame.node) else {
                self.frames.pop();
                continue;
            };
            self.path.truncate(frame.path_len);
            let alive = frame.alive;
            let (key, place) = match frame.next {
                Next::Terminal => {
                    frame.next = Next::Child(0);
                    let Some(terminal) = node.terminal else {
                        continue;
                    };
                    (None, terminal)
                }
                Next::Child(index) => {
                    // With one way to go, go there at once.
                    let wanted = match self.alive.get(alive..) {
                        Some(&[(pattern, progress)]) => self
                            .patterns
                            .get(pattern as usize)
                            .and_then(|p| p.wants(progress)),
                        _ => None,
                    };
                    let index = match wanted {
                        Some(key) if index == 0 => node.find(key),
                        Some(_) => None,
                        None => Some(index).filter(|&i| i < node.keys.len()),
                    };
                    let Some(index) = index else {
                        self.alive.truncate(alive);
                        self.frames.pop();
                        continue;
                    };
                    frame.next = Next::Child(index + 1);
                    (Some(node.keys[index]), node.child(index))
                }
            };
            if self.descend(alive, key, place).is_break() {
                return Walked::Stopped;
            }
        }
        Walked::All
    }

    /// Goes from a node, whose patterns begin at `from`, to the entry at `place`.
    fn descend(&mut self, from: usize, key: Option<u8>, place: Place) -> ControlFlow<()> {
        let here = self.alive.len();
        for i in from..here {
            let (pattern, progress) = self.alive[i];
            let after = match key {
                Some(key) => self.step(pattern, progress, key),
                None => Some(progress),
            };
            self.alive.extend(after.map(|progress| (pattern, progress)));
        }
        self.path.extend(key);
        if self.alive.len() == here {
            return ControlFlow::Continue(());
        }
        self.enter(place, here)
    }

    fn step(&self, pattern: u32, progress: Progress, byte: u8) -> Option<Progress> {
        if progress == Progress::All {
            return Some(progress);
        }
        self.patterns.get(pattern as usize)?.step(progress, byte)
    }

    fn ends(&self, (pattern, progress): Alive) -> bool {
        progress == Progress::All
            || self
                .patterns
                .get(pattern as usize)
                .is_some_and(|p| p.ends(progress))
    }

    /// Takes the bytes that stand at `place` itself: visits a leaf, pushes a frame for a node. The patterns alive begin at `from`.
    fn enter(&mut self, place: Place, from: usize) -> ControlFlow<()> {
        let tree = self.tree;
        self.budget = self.budget.saturating_sub(1);
        match tree.content(place) {
            Content::Leaf(leaf) => {
                self.advance(from, leaf.rest);
                let matches = (from..self.alive.len()).any(|i| self.ends(self.alive[i]));
                self.alive.truncate(from);
                if !matches {
                    return ControlFlow::Continue(());
                }
                self.path.extend_from_slice(leaf.rest);
                (self.visit)(&self.path, leaf.value)
            }
            Content::Node(node) => {
                self.advance(from, node.prefix);
                if self.alive.len() == from {
                    return ControlFlow::Continue(());
                }
                self.path.extend_from_slice(node.prefix);
                self.frames.push(Frame {
                    node: place,
                    next: Next::Terminal,
                    path_len: self.path.len(),
                    alive: from,
                });
                ControlFlow::Continue(())
            }
        }
    }

    /// Steps the patterns from `from` on over `bytes`; those that fail go.
    fn advance(&mut self, from: usize, bytes: &[u8]) {
        let mut kept = from;
        for i in from..self.alive.len() {
            let (pattern, mut progress) = self.alive[i];
            let mut alive = true;
            for &byte in bytes {
                if progress == Progress::All {
                    break;
                }
                match self.step(pattern, progress, byte) {
                    Some(after) => progress = after,
                    None => {
                        alive = false;
                        break;
                    }
                }
            }
            if alive {
                self.alive[kept] = (pattern, progress);
                kept += 1;
            }
        }
        self.alive.truncate(kept);
    }
}
