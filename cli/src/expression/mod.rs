//! The expression language of `--expression` and `--filter`: a question about a document with yes or no as its answer.
//!
//! The reference tool uses a library whose language users know from `state.messages < 10` and
//! `info.cluster.name in ["lon", "sfo"]`. Here are its literals, operators, slices, `let`, predicates over lists and the functions
//! that make sense for documents; what is not here is refused by name. An expression is parsed once and asked of many documents
//! ([`Expression::holds`]).
//!
//! Documents leave out what is zero, empty or false. So a field that is missing ([`Value::Absent`]) equals the zero of whatever
//! it is compared with, instead of being an error as in the reference tool.
//!
//! Start reading in [`Expression`]; [`parse`] makes the tree, [`eval`] walks it.

mod eval;
mod functions;
mod lex;
mod parse;
mod value;

use serde::Serialize;

use parse::Node;
pub use value::Value;

/// A parsed expression.
#[derive(Debug, Clone)]
pub struct Expression {
    root: Node,
}

/// Why an expression cannot be used, or why it has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpressionError {
    #[error("column {column}: unexpected {found}")]
    Unexpected { column: usize, found: String },
    #[error("column {column}: {what} is not closed")]
    Unclosed { column: usize, what: &'static str },
    #[error("column {column}: {text:?} is not a number")]
    Number { column: usize, text: String },
    #[error("the expression has more than {0} words, numbers and signs")]
    TooManyTokens(usize),
    #[error("the expression is nested deeper than {0} levels")]
    Depth(usize),
    #[error("the function {0}() is not supported")]
    UnknownFunction(String),
    #[error("{function}() takes {wanted}")]
    Arguments {
        function: &'static str,
        wanted: &'static str,
    },
    #[error("{operator} does not go with {left} and {right}")]
    Operands {
        operator: &'static str,
        left: String,
        right: String,
    },
    #[error("{0} is not known here; the names are {1}")]
    UnknownName(String, String),
    #[error("{pattern:?} is not a regular expression: {why}")]
    Pattern { pattern: String, why: String },
    #[error("the answer is {0}, where true or false is needed")]
    NotBoolean(String),
    #[error("the list would have more than {0} elements")]
    TooLong(usize),
}

/// The names that an expression can use, and their values.
#[derive(Debug, Clone, Default)]
pub struct Scope(Vec<(String, Value)>);

impl Scope {
    /// Adds a document under one or more names.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn with(
        mut self,
        names: &[&str],
        document: &impl Serialize,
    ) -> Result<Self, serde_json::Error> {
        let value = Value::from(serde_json::to_value(document)?);
        self.0
            .extend(names.iter().map(|name| ((*name).to_owned(), value.clone())));
        Ok(self)
    }

    fn names(&self) -> String {
        let names: Vec<&str> = self.0.iter().map(|(name, _)| name.as_str()).collect();
        names.join(", ")
    }
}

impl std::str::FromStr for Expression {
    type Err = ExpressionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let root = parse::parse(text)?;
        Ok(Self { root })
    }
}

impl Expression {
    /// The answer for these documents.
    ///
    /// # Errors
    /// When the operands do not go together, a name is unknown, or the answer is not yes or no.
    pub fn holds(&self, scope: &Scope) -> Result<bool, ExpressionError> {
        match self.value(scope)? {
            Value::Bool(answer) => Ok(answer),
            Value::Absent => Ok(false),
            other => Err(ExpressionError::NotBoolean(other.shown())),
        }
    }

    /// The value of the expression, whatever its type.
    ///
    /// # Errors
    /// As for [`holds`](Self::holds), any type of answer aside.
    pub fn value(&self, scope: &Scope) -> Result<Value, ExpressionError> {
        eval::Walk::new(scope).value(&self.root)
    }
}

#[cfg(test)]
mod tests;
