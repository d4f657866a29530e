//! What can be wrong with a text, and where.

use std::fmt;

use crate::value::Position;

/// One thing that is wrong. Displays as `file:line:column: text`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {kind}")]
pub struct Error {
    /// Where.
    pub at: Position,
    /// What.
    pub kind: ErrorKind,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ErrorKind {
    /// The grammar wants something else here.
    #[error("expected {expected}, found {found}")]
    Unexpected {
        /// What would have been right.
        expected: &'static str,
        /// What stands there: a quoted character, `end of line` or `end of file`.
        found: String,
    },
    /// A quote, bracket, brace or block that is never closed.
    #[error("{what} is not closed")]
    NotClosed {
        /// What.
        what: &'static str,
    },
    /// A key with nothing behind it.
    #[error("key {key:?} has no value")]
    NoValue {
        /// The key.
        key: String,
    },
    /// `\q` and the like.
    #[error(
        "invalid escape; only \\xHH, \\t, \\n, \\r, \\\" and \\\\ are allowed (quote the string with ' to keep backslashes)"
    )]
    Escape,
    /// A string whose bytes are not UTF-8.
    #[error("string is not valid UTF-8")]
    NotUtf8,
    /// A number that does not fit.
    #[error("number {text:?} is out of range")]
    OutOfRange {
        /// The number as written.
        text: String,
    },
    /// `5kii` and the like.
    #[error(
        "number {text:?} has an unknown size suffix; use k, kb, ki, kib, or the same with m, g, t, p, e"
    )]
    SizeSuffix {
        /// The number as written.
        text: String,
    },
    /// Not a date in the one form that is understood.
    #[error("{text:?} is not a date of the form 2006-01-02T15:04:05Z")]
    Date {
        /// The date as written.
        text: String,
    },
    /// `$name` that is defined nowhere.
    #[error("variable reference for '{name}' can not be found")]
    UnknownVariable {
        /// The name without `$`.
        name: String,
    },
    /// Environment variables that refer to themselves.
    #[error("variable reference cycle for '{name}'")]
    VariableCycle {
        /// The name without `$`.
        name: String,
    },
    /// The environment holds something that is no value.
    #[error("environment variable '{name}' is not a configuration value: {why}")]
    VariableText {
        /// The name without `$`.
        name: String,
        /// What is wrong with it.
        why: Box<ErrorKind>,
    },
    /// An include that cannot be read.
    #[error(
        "cannot read include file '{path}': {why} (paths are relative to the folder of the including file)"
    )]
    Include {
        /// The path as written.
        path: String,
        /// What the system says.
        why: String,
    },
    /// A file that is being read already.
    #[error("include file '{path}' includes itself, at once or by way of others")]
    IncludeCycle {
        /// The path as written.
        path: String,
    },
    /// One of the bounds in [`crate::limits`].
    #[error("{what} exceeds the limit of {limit}")]
    Limit {
        /// What.
        what: &'static str,
        /// How much is accepted.
        limit: usize,
    },
}

/// Everything that is wrong with a document, in the order of the text. Displays as one error per line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Errors {
    /// The file itself cannot be read.
    Unreadable {
        /// The file.
        path: String,
        /// What the system says.
        why: String,
    },
    /// The text is wrong in these places; at least one.
    Invalid(Vec<Error>),
}

impl std::error::Error for Errors {}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { path, why } => write!(f, "open {path}: {why}"),
            Self::Invalid(errors) => {
                for (index, error) in errors.iter().enumerate() {
                    let separator = if index == 0 { "" } else { "\n" };
                    write!(f, "{separator}{error}")?;
                }
                Ok(())
            }
        }
    }
}
