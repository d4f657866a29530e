//! The radix tree: literal subjects to small values, in byte order.
//!
//! A node has a prefix that all its subjects share, and children by their next byte, ascending; the subject that ends here is its
//! *terminal*. A leaf has the rest of its subject and a value of five bytes. Both are records of just the size they need:
//!
//! ```text
//! node  flags u8, prefix length u8, children u16, prefix, one byte per place, [terminal u32], one u32 per place
//! leaf  form and rest length u8, value [u8; 5], [rest length u32], rest
//! ```
//!
//! A node has places for more children than it has, see [`PLACES`].
//!
//! Every node has two subjects or more below it, but for links of a chain when a prefix is longer than a node can hold.

use super::arena::{Arena, ArenaFull};

/// Set in references to leaves.
const LEAF: u32 = 1 << 31;

/// The longest prefix of one node.
const PREFIX_MAX: usize = 255;

/// Numbers of places that nodes have. Steps that are neither small, or growing nodes would leave their old records behind at every child,
/// nor large, or places would stay empty; ten and sixteen are for digits.
const PLACES: [u16; 11] = [1, 2, 5, 10, 16, 26, 37, 64, 100, 160, 256];

/// In a leaf's first byte: the value is an index, not a sequence.
const IS_INDEX: u8 = 0x80;

/// In the other bits of a leaf's first byte: the length of the rest follows the value.
const LONG_REST: u8 = 0x7f;

/// What the tree holds for a subject: 40 bits of a sequence, or an index into the owner's lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value {
    One(u64),
    Index(u32),
}

impl Value {
    /// The largest sequence that fits.
    pub(super) const SEQUENCE_MAX: u64 = (1 << 40) - 1;
}

/// A place in the tree: a node or a leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place(u32);

/// What is at a place.
pub(super) enum Content<'a> {
    Node(Node<'a>),
    Leaf(Leaf<'a>),
}

pub(super) struct Leaf<'a> {
    pub(super) rest: &'a [u8],
    pub(super) value: Value,
    len: usize,
}

pub(super) struct Node<'a> {
    pub(super) prefix: &'a [u8],
    /// First bytes of the children, ascending.
    pub(super) keys: &'a [u8],
    pub(super) terminal: Option<Place>,
    children: &'a [u8],
    len: usize,
}

/// Places of a node with this many children.
#[inline]
fn places(children: usize) -> usize {
    let fits = |&&places: &&u16| usize::from(places) >= children;
    PLACES
        .iter()
        .find(fits)
        .map_or(children, |&places| usize::from(places))
}

fn u32_at(bytes: &[u8], index: usize) -> u32 {
    let four = &bytes[index * 4..index * 4 + 4];
    u32::from_le_bytes([four[0], four[1], four[2], four[3]])
}

impl Node<'_> {
    #[inline]
    pub(super) fn child(&self, index: usize) -> Place {
        Place(u32_at(self.children, index))
    }

    #[inline]
    pub(super) fn find(&self, key: u8) -> Option<usize> {
        self.keys.iter().position(|&k| k == key)
    }
}

/// Where a reference is kept, to be changed when what it points at moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    Root,
    Terminal(u32),
    Child(u32, usize),
}

/// A node taken apart to be written anew.
#[derive(Debug, Clone, Default)]
struct Parts {
    prefix: Vec<u8>,
    keys: Vec<u8>,
    terminal: Option<u32>,
    children: Vec<u32>,
}

impl Parts {
    fn entries(&self) -> usize {
        self.keys.len() + usize::from(self.terminal.is_some())
    }

    fn add(&mut self, rest: &[u8], child: u32) {
        match rest.first() {
            None => self.terminal = Some(child),
            Some(&key) => {
                let at = self.keys.partition_point(|&k| k < key);
                self.keys.insert(at, key);
                self.children.insert(at, child);
            }
        }
    }
}

/// See the module.
#[derive(Debug, Clone, Default)]
pub(super) struct Tree {
    nodes: Arena,
    leaves: Arena,
    root: Option<Place>,
    count: u64,
}

fn common(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

fn set_count(record: &mut [u8], count: usize) {
    record[2..4].copy_from_slice(&(count as u16).to_le_bytes());
}

/// The part of `rest` that a leaf keeps below a child of its first byte.
fn below(rest: &[u8]) -> &[u8] {
    rest.get(1..).unwrap_or_default()
}

impl Tree {
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn root(&self) -> Option<Place> {
        self.root
    }

    /// Bytes in use, and free for use, of nodes and leaves.
    pub(super) fn bytes(&self) -> [(usize, usize); 2] {
        [self.nodes.bytes(), self.leaves.bytes()]
    }

    #[inline]
    pub(super) fn content(&self, Place(at): Place) -> Content<'_> {
        if at & LEAF == 0 {
            Content::Node(self.node(at))
        } else {
            Content::Leaf(self.leaf(at & !LEAF))
        }
    }

    #[inline]
    fn node(&self, at: u32) -> Node<'_> {
        let record = self.nodes.at(at);
        let prefix_len = usize::from(record[1]);
        let count = usize::from(u16::from_le_bytes([record[2], record[3]]));
        let has_terminal = record[0] != 0;
        let keys_at = 4 + prefix_len;
        let places = places(count);
        let mut children_at = keys_at + places;
        let terminal = has_terminal.then(|| {
            let terminal = Place(u32_at(&record[children_at..], 0));
            children_at += 4;
            terminal
        });
        let len = children_at + 4 * places;
        Node {
            prefix: &record[4..keys_at],
            keys: &record[keys_at..keys_at + count],
            terminal,
            children: &record[children_at..len],
            len,
        }
    }

    #[inline]
    fn leaf(&self, at: u32) -> Leaf<'_> {
        let record = self.leaves.at(at);
        let short = record[0] & LONG_REST;
        let (rest_at, rest_len) = if short == LONG_REST {
            (10, u32_at(&record[6..], 0) as usize)
        } else {
            (6, usize::from(short))
        };
        let mut number = [0; 8];
        number[..5].copy_from_slice(&record[1..6]);
        let number = u64::from_le_bytes(number);
        Leaf {
            rest: &record[rest_at..rest_at + rest_len],
            value: if record[0] & IS_INDEX == 0 {
                Value::One(number)
            } else {
                Value::Index(number as u32)
            },
            len: rest_at + rest_len,
        }
    }

    fn add_leaf(&mut self, rest: &[u8], value: Value) -> Result<u32, ArenaFull> {
        let (form, number) = match value {
            Value::One(sequence) => (0, sequence),
            Value::Index(index) => (IS_INDEX, u64::from(index)),
        };
        let number = number.to_le_bytes();
        let short = u8::try_from(rest.len()).unwrap_or(LONG_REST).min(LONG_REST);
        let head = [
            form | short,
            number[0],
            number[1],
            number[2],
            number[3],
            number[4],
        ];
        let long = u32::try_from(rest.len()).map_err(|_| ArenaFull)?;
        let long = long.to_le_bytes();
        let long: &[u8] = if short == LONG_REST { &long } else { &[] };
        Ok(LEAF | self.leaves.add(&[&head, long, rest])?)
    }

    fn set_value(&mut self, leaf: u32, value: Value) {
        let record = self.leaves.at_mut(leaf & !LEAF);
        let (form, number) = match value {
            Value::One(sequence) => (0, sequence),
            Value::Index(index) => (IS_INDEX, u64::from(index)),
        };
        record[0] = form | record[0] & LONG_REST;
        record[1..6].copy_from_slice(&number.to_le_bytes()[..5]);
    }

    fn free_leaf(&mut self, leaf: u32) {
        let len = self.leaf(leaf & !LEAF).len;
        self.leaves.remove(leaf & !LEAF, len);
    }

    fn take_apart(&self, at: u32) -> Parts {
        let node = self.node(at);
        Parts {
            prefix: node.prefix.to_vec(),
            keys: node.keys.to_vec(),
            terminal: node.terminal.map(|place| place.0),
            children: (0..node.keys.len()).map(|i| node.child(i).0).collect(),
        }
    }

    fn free_node(&mut self, at: u32) {
        let len = self.node(at).len;
        self.nodes.remove(at, len);
    }

    /// Writes a node; a prefix that is too long gets nodes of its own above.
    fn add_node(&mut self, mut parts: Parts) -> Result<u32, ArenaFull> {
        while parts.prefix.len() > PREFIX_MAX {
            let inner = parts.prefix.split_off(parts.prefix.len() - PREFIX_MAX);
            let key = parts.prefix.pop().unwrap_or_default();
            let child = self.write_node(&Parts {
                prefix: inner,
                ..parts
            })?;
            parts = Parts {
                prefix: parts.prefix,
                keys: vec![key],
                terminal: None,
                children: vec![child],
            };
        }
        self.write_node(&parts)
    }

    fn write_node(&mut self, parts: &Parts) -> Result<u32, ArenaFull> {
        let count = u16::try_from(parts.keys.len()).map_err(|_| ArenaFull)?;
        let count = count.to_le_bytes();
        let prefix_len = u8::try_from(parts.prefix.len()).map_err(|_| ArenaFull)?;
        let head = [
            u8::from(parts.terminal.is_some()),
            prefix_len,
            count[0],
            count[1],
        ];
        let places = places(parts.keys.len());
        let mut keys = [0; 256];
        keys[..parts.keys.len()].copy_from_slice(&parts.keys);
        let mut references: Vec<u8> = Vec::with_capacity(4 * (places + 1));
        for child in parts.terminal.iter().chain(&parts.children) {
            references.extend_from_slice(&child.to_le_bytes());
        }
        references.resize(4 * (places + usize::from(parts.terminal.is_some())), 0);
        self.nodes
            .add(&[&head, &parts.prefix, &keys[..places], &references])
    }

    fn point(&mut self, slot: Slot, to: u32) {
        let (node, skip) = match slot {
            Slot::Root => {
                self.root = Some(Place(to));
                return;
            }
            Slot::Terminal(node) => (node, 0),
            Slot::Child(node, index) => (node, index),
        };
        let view = self.node(node);
        let references = match slot {
            Slot::Terminal(_) => view.len - view.children.len() - 4,
            _ => view.len - view.children.len(),
        };
        let at = references + skip * 4;
        self.nodes.at_mut(node)[at..at + 4].copy_from_slice(&to.to_le_bytes());
    }

    /// The leaf of this subject.
    pub(super) fn find(&self, subject: &[u8]) -> Option<(Place, Value)> {
        let mut place = self.root?;
        let mut rest = subject;
        loop {
            match self.content(place) {
                Content::Leaf(leaf) => {
                    return (leaf.rest == rest).then_some((place, leaf.value));
                }
                Content::Node(node) => {
                    rest = rest.strip_prefix(node.prefix)?;
                    match rest.split_first() {
                        None => place = node.terminal?,
                        Some((&key, tail)) => {
                            place = node.child(node.find(key)?);
                            rest = tail;
                        }
                    }
                }
            }
        }
    }

    /// Changes the value of a leaf that [`Tree::find`] or [`Tree::insert`] just named.
    pub(super) fn set(&mut self, leaf: Place, value: Value) {
        self.set_value(leaf.0, value);
    }

    /// Adds a subject with this value; when it is there already, its leaf and what it holds.
    pub(super) fn insert(
        &mut self,
        subject: &[u8],
        value: Value,
    ) -> Result<Option<(Place, Value)>, ArenaFull> {
        let Some(root) = self.root else {
            let leaf = self.add_leaf(subject, value)?;
            self.root = Some(Place(leaf));
            self.count += 1;
            return Ok(None);
        };
        let (mut place, mut slot, mut rest) = (root, Slot::Root, subject);
        loop {
            match self.content(place) {
                Content::Leaf(leaf) => {
                    if leaf.rest == rest {
                        return Ok(Some((place, leaf.value)));
                    }
                    self.split_leaf(place.0, slot, rest, value)?;
                    break;
                }
                Content::Node(node) => {
                    let shared = common(node.prefix, rest);
                    if shared < node.prefix.len() {
                        self.split_node(place.0, slot, shared, rest, value)?;
                        break;
                    }
                    rest = &rest[shared..];
                    let next = match rest.split_first() {
                        None => node.terminal.map(|t| (t, Slot::Terminal(place.0), rest)),
                        Some((&key, tail)) => node
                            .find(key)
                            .map(|i| (node.child(i), Slot::Child(place.0, i), tail)),
                    };
                    let Some(next) = next else {
                        self.add_child(place.0, slot, rest, value)?;
                        break;
                    };
                    (place, slot, rest) = next;
                }
            }
        }
        self.count += 1;
        Ok(None)
    }

    fn add_child(
        &mut self,
        at: u32,
        slot: Slot,
        rest: &[u8],
        value: Value,
    ) -> Result<(), ArenaFull> {
        let leaf = self.add_leaf(below(rest), value)?;
        if let Some(&key) = rest.first()
            && self.add_in_place(at, key, leaf)
        {
            return Ok(());
        }
        let mut parts = self.take_apart(at);
        parts.add(rest, leaf);
        let new = self.write_node(&parts)?;
        self.free_node(at);
        self.point(slot, new);
        Ok(())
    }

    /// Adds a child where the node has a place left. False when it has not.
    fn add_in_place(&mut self, at: u32, key: u8, child: u32) -> bool {
        let node = self.node(at);
        let count = node.keys.len();
        if places(count + 1) != places(count) {
            return false;
        }
        let index = node.keys.partition_point(|&k| k < key);
        let keys_at = 4 + node.prefix.len();
        let children_at = node.len - node.children.len();
        let record = self.nodes.at_mut(at);
        let keys = &mut record[keys_at + index..=keys_at + count];
        keys.rotate_right(1);
        keys[0] = key;
        let children = &mut record[children_at + 4 * index..children_at + 4 * (count + 1)];
        children.rotate_right(4);
        children[..4].copy_from_slice(&child.to_le_bytes());
        set_count(record, count + 1);
        true
    }

    /// Takes a child out where the node stays as large and keeps two entries. False when it does not.
    fn remove_in_place(&mut self, at: u32, index: usize) -> bool {
        let node = self.node(at);
        let count = node.keys.len();
        let entries = count + usize::from(node.terminal.is_some());
        if entries < 3 || places(count - 1) != places(count) {
            return false;
        }
        let keys_at = 4 + node.prefix.len();
        let children_at = node.len - node.children.len();
        let record = self.nodes.at_mut(at);
        record[keys_at + index..keys_at + count].rotate_left(1);
        record[children_at + 4 * index..children_at + 4 * count].rotate_left(4);
        set_count(record, count - 1);
        true
    }

    fn split_leaf(
        &mut self,
        old: u32,
        slot: Slot,
        rest: &[u8],
        value: Value,
    ) -> Result<(), ArenaFull> {
        let leaf = self.leaf(old & !LEAF);
        let (old_rest, old_value) = (leaf.rest.to_vec(), leaf.value);
        let shared = common(&old_rest, rest);
        let mut parts = Parts {
            prefix: rest[..shared].to_vec(),
            ..Parts::default()
        };
        let shorter = self.add_leaf(below(&old_rest[shared..]), old_value)?;
        parts.add(&old_rest[shared..], shorter);
        let leaf = self.add_leaf(below(&rest[shared..]), value)?;
        parts.add(&rest[shared..], leaf);
        let node = self.add_node(parts)?;
        self.free_leaf(old);
        self.point(slot, node);
        Ok(())
    }

    fn split_node(
        &mut self,
        at: u32,
        slot: Slot,
        shared: usize,
        rest: &[u8],
        value: Value,
    ) -> Result<(), ArenaFull> {
        let mut lower = self.take_apart(at);
        let lower_rest = lower.prefix.split_off(shared);
        let mut upper = Parts {
            prefix: std::mem::replace(&mut lower.prefix, below(&lower_rest).to_vec()),
            ..Parts::default()
        };
        let leaf = self.add_leaf(below(&rest[shared..]), value)?;
        let lower = self.write_node(&lower)?;
        upper.add(&lower_rest, lower);
        upper.add(&rest[shared..], leaf);
        let upper = self.write_node(&upper)?;
        self.free_node(at);
        self.point(slot, upper);
        Ok(())
    }

    /// Takes a subject away.
    pub(super) fn remove(&mut self, subject: &[u8]) -> Result<Option<Value>, ArenaFull> {
        let Some(mut place) = self.root else {
            return Ok(None);
        };
        // The way down: each node and where the reference to it is kept.
        let mut way: Vec<(u32, Slot)> = Vec::new();
        let (mut slot, mut rest) = (Slot::Root, subject);
        let value = loop {
            match self.content(place) {
                Content::Leaf(leaf) => {
                    if leaf.rest != rest {
                        return Ok(None);
                    }
                    break leaf.value;
                }
                Content::Node(node) => {
                    way.push((place.0, slot));
                    let Some(after) = rest.strip_prefix(node.prefix) else {
                        return Ok(None);
                    };
                    let next = match after.split_first() {
                        None => node.terminal.map(|t| (t, Slot::Terminal(place.0), after)),
                        Some((&key, tail)) => node
                            .find(key)
                            .map(|i| (node.child(i), Slot::Child(place.0, i), tail)),
                    };
                    let Some(next) = next else {
                        return Ok(None);
                    };
                    (place, slot, rest) = next;
                }
            }
        };
        self.unlink(&mut way, slot)?;
        self.free_leaf(place.0);
        self.count -= 1;
        Ok(Some(value))
    }

    /// Takes the reference in `slot` out of the last node of `way`; nodes left with nothing go too, nodes left with one entry are joined
    /// with it.
    fn unlink(&mut self, way: &mut Vec<(u32, Slot)>, slot: Slot) -> Result<(), ArenaFull> {
        let mut slot = slot;
        loop {
            let Some((at, above)) = way.pop() else {
                self.root = None;
                return Ok(());
            };
            if let Slot::Child(_, index) = slot
                && self.remove_in_place(at, index)
            {
                return Ok(());
            }
            let mut parts = self.take_apart(at);
            match slot {
                Slot::Child(_, index) => {
                    parts.keys.remove(index);
                    parts.children.remove(index);
                }
                _ => parts.terminal = None,
            }
            if parts.entries() == 0 {
                self.free_node(at);
                slot = above;
                continue;
            }
            let new = if parts.entries() == 1 {
                self.join(parts)?
            } else {
                self.write_node(&parts)?
            };
            self.free_node(at);
            self.point(above, new);
            return Ok(());
        }
    }

    /// A node with one entry becomes that entry, with the node's prefix before its own.
    fn join(&mut self, parts: Parts) -> Result<u32, ArenaFull> {
        let Parts {
            mut prefix,
            keys,
            terminal,
            children,
        } = parts;
        let (only, key) = match (terminal, keys.first(), children.first()) {
            (Some(terminal), ..) => (terminal, None),
            (None, Some(&key), Some(&child)) => (child, Some(key)),
            _ => return Err(ArenaFull),
        };
        if only & LEAF != 0 {
            let leaf = self.leaf(only & !LEAF);
            prefix.extend(key);
            prefix.extend_from_slice(leaf.rest);
            let value = leaf.value;
            let joined = self.add_leaf(&prefix, value)?;
            self.free_leaf(only);
            return Ok(joined);
        }
        let mut child = self.take_apart(only);
        if prefix.len() + 1 + child.prefix.len() > PREFIX_MAX {
            return self.write_node(&Parts {
                prefix,
                keys,
                terminal,
                children,
            });
        }
        prefix.extend(key);
        prefix.append(&mut child.prefix);
        child.prefix = prefix;
        let joined = self.write_node(&child)?;
        self.free_node(only);
        Ok(joined)
    }
}
