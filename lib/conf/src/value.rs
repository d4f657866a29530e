//! The tree of values.

use std::fmt;
use std::sync::Arc;

use indexmap::IndexMap;

/// Where something stands. Lines and columns count from 1; columns count bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The file, as it was named; for an environment variable its name with `$`.
    pub file: Arc<str>,
    /// Line.
    pub line: u32,
    /// Column.
    pub column: u32,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// A value and where it stands: for an entry of a map the position of its key, else that of the value.
#[derive(Clone, PartialEq)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where it stands.
    pub at: Position,
    /// Whether some `$variable` referred to it. Keys used in this way may have any name.
    pub used_as_variable: bool,
}

/// A value.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// Text, quoted or not.
    String(String),
    /// A whole number, its size suffix applied.
    Integer(i64),
    /// A number with a decimal point.
    Float(f64),
    /// `true`, `yes`, `on`, `false`, `no`, `off`, unquoted.
    Bool(bool),
    /// A point in time, `2006-01-02T15:04:05Z`, checked and kept as text.
    Time(String),
    /// `[…]`
    Array(Vec<Node>),
    /// `{…}`
    Map(Map),
}

impl Value {
    /// What kind of value this is, in words for an error message.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::String(_) => "a string",
            Self::Integer(_) => "an integer",
            Self::Float(_) => "a float",
            Self::Bool(_) => "a boolean",
            Self::Time(_) => "a date",
            Self::Array(_) => "a list",
            Self::Map(_) => "a map",
        }
    }
}

/// Entries in the order of the text. Keys keep their case; the programs compare them without it.
#[derive(Clone, Default, PartialEq)]
pub struct Map {
    entries: IndexMap<String, Node>,
}

impl Map {
    /// The entry with exactly this key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries.get(key)
    }

    /// All entries in the order in which they were last set.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Node)> {
        self.entries.iter().map(|(key, node)| (key.as_str(), node))
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.entries.get_mut(key)
    }

    /// Sets an entry; an earlier one with the same key is replaced.
    pub(crate) fn set(&mut self, key: String, node: Node) {
        self.entries.insert(key, node);
    }

    pub(crate) fn into_entries(self) -> impl Iterator<Item = (String, Node)> {
        self.entries.into_iter()
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at {}", self.value, self.at)
    }
}

impl fmt::Debug for Value {
    /// Shows the structure. Strings may be passwords: only their lengths appear.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::String(text) => write!(f, "string of {} bytes", text.len()),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Float(number) => write!(f, "{number:?}"),
            Self::Bool(truth) => write!(f, "{truth}"),
            Self::Time(time) => f.write_str(time),
            Self::Array(items) => f.debug_list().entries(items).finish(),
            Self::Map(map) => map.fmt(f),
        }
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
