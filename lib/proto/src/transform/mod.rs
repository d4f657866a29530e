//! Subject transforms: from a source pattern to a destination, and weighted sets of them.
//!
//! A [`Transform`] is parsed and checked once and then applied to subjects without allocating, except for the result.
//! [`Mappings`] is what an account holds: for each source some destinations with weights, perhaps by cluster.
//!
//! The grammar of destinations is in [`parse`], what the functions do in [`apply`]. Randomness is an argument, so that
//! whoever replays a log gets the same subjects again.
//!
//! Where we knowingly differ from the reference server: `left` and `right` are accepted in mappings (its validator
//! forgets them), a negative number or index is refused (there it wraps around or means the first token), `{{` without a
//! complete call is refused (there it is an ordinary token), a strict transform must really use *each* wildcard, and
//! [`Transform::reverse`] is right for any order of three and more wildcards.

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

mod apply;
mod mappings;
mod parse;

pub use mappings::{Destination, MappingError, Mappings, Selection};

use std::fmt;

use crate::subject::{self, Subject};

/// Why a source and a destination make no transform. Worded as by the reference server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransformError {
    /// Source or destination is no subject, the destination has a `*`, or only one of them ends in `>`.
    #[error("invalid subject")]
    BadSubject,
    /// A token of the destination is wrong.
    #[error("invalid mapping destination: {kind}{}", in_token(.token))]
    Destination { kind: Problem, token: String },
}

/// What is wrong with a token of the destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    #[error("invalid transform")]
    InvalidTransform,
    #[error("not using all of the token wildcard(s)")]
    UnusedWildcards,
    #[error("unknown function")]
    UnknownFunction,
    #[error("wildcard index out of range")]
    IndexOutOfRange,
    #[error("not enough arguments passed to the function")]
    NotEnoughArgs,
    #[error("function argument is invalid or in the wrong format")]
    InvalidArg,
    #[error("too many arguments passed to the function")]
    TooManyArgs,
    #[error("the only mapping function allowed for import transforms is {{{{Wildcard()}}}}")]
    NotForImports,
}

fn in_token(token: &str) -> String {
    if token.is_empty() {
        String::new()
    } else {
        format!(" in {token}")
    }
}

/// A checked transform.
#[derive(Clone, PartialEq, Eq)]
pub struct Transform {
    source: Subject,
    /// As written; empty for "leave the subject as it is".
    destination: Box<[u8]>,
    parts: Vec<Part>,
    /// The index of the source's `>`, when it has one.
    tail: Option<usize>,
}

/// One token of the destination. Token indices count the tokens of the source from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(Box<[u8]>),
    Wildcard {
        token: usize,
    },
    /// FNV-1a of the joined tokens modulo `buckets`.
    PartitionTokens {
        buckets: u32,
        tokens: Vec<usize>,
    },
    /// FNV-1a of the whole subject modulo `buckets`.
    PartitionSubject {
        buckets: u32,
    },
    Random {
        below: u32,
    },
    SplitFromLeft {
        token: usize,
        at: usize,
    },
    SplitFromRight {
        token: usize,
        at: usize,
    },
    SliceFromLeft {
        token: usize,
        size: usize,
    },
    SliceFromRight {
        token: usize,
        size: usize,
    },
    Split {
        token: usize,
        delimiter: Box<[u8]>,
    },
    Left {
        token: usize,
        len: usize,
    },
    Right {
        token: usize,
        len: usize,
    },
    /// The last token `>`: everything that the source's `>` matched.
    Tail,
}

impl Transform {
    /// Checks a transform as for mappings and streams. An empty `source` means `>`, an empty `destination` leaves subjects
    /// as they are.
    ///
    /// # Errors
    /// See [`TransformError`].
    pub fn new(source: &str, destination: &str) -> Result<Self, TransformError> {
        parse::transform(source, destination, false)
    }

    /// Checks a transform as for imports, which must be reversible: only `$n` and `{{wildcard(n)}}`, and each wildcard of
    /// the source is used.
    ///
    /// # Errors
    /// See [`TransformError`].
    pub fn new_strict(source: &str, destination: &str) -> Result<Self, TransformError> {
        parse::transform(source, destination, true)
    }

    /// What it matches.
    pub fn source(&self) -> &Subject {
        &self.source
    }

    /// The destination as it was written; empty when subjects are left as they are.
    pub fn destination(&self) -> &[u8] {
        &self.destination
    }

    /// Whether the source is `>` and subjects come out as they went in.
    pub fn is_identity(&self) -> bool {
        self.source == ">" && (self.destination.is_empty() || &*self.destination == b">")
    }

    /// Whether the result depends on nothing but the subject.
    pub fn is_deterministic(&self) -> bool {
        !self
            .parts
            .iter()
            .any(|part| matches!(part, Part::Random { .. }))
    }

    /// The new subject, or `None` when `subject` is no literal subject or does not match the source.
    ///
    /// Pieces that `split`, `slice…`, `left` and `right` cut out of a token are not looked at: they are empty when `split`
    /// finds nothing but delimiters, and a lone `*` or `>` can come out of a token that holds one. Whoever needs a literal
    /// subject asks [`subject::is_valid_publish`] about the result.
    pub fn apply(&self, subject: &[u8], random: u32) -> Option<Vec<u8>> {
        let fits =
            subject::is_valid_literal(subject) && subject::matches(subject, self.source.as_bytes());
        fits.then(|| self.apply_matched(subject, random))
    }

    /// The new subject of one that is known to match the source. For another one tokens may come out empty.
    pub fn apply_matched(&self, subject: &[u8], random: u32) -> Vec<u8> {
        let room = subject.len().saturating_add(self.destination.len());
        let mut out = Vec::with_capacity(room);
        self.apply_matched_into(subject, random, &mut out);
        out
    }

    /// As [`Transform::apply_matched`], appending to `out`.
    pub fn apply_matched_into(&self, subject: &[u8], random: u32, out: &mut Vec<u8>) {
        if self.destination.is_empty() {
            out.extend_from_slice(subject);
            return;
        }
        for (number, part) in self.parts.iter().enumerate() {
            if number > 0 {
                out.push(subject::SEPARATOR);
            }
            part.apply_into(subject, self.tail, apply::mix(random, number), out);
        }
    }

    /// The transform that undoes this one, if there is one: only wildcard functions, each wildcard used exactly once.
    pub fn reverse(&self) -> Option<Self> {
        if self.destination.is_empty() {
            return Some(self.clone());
        }
        // Where in the destination each source token went.
        let mut placed = Vec::new();
        let mut source = Vec::new();
        for part in &self.parts {
            source.push(match part {
                Part::Literal(token) => String::from_utf8(token.to_vec()).ok()?,
                Part::Tail => ">".to_owned(),
                Part::Wildcard { token } => {
                    placed.push(*token);
                    "*".to_owned()
                }
                _ => return None,
            });
        }
        let mut destination = Vec::new();
        for (index, token) in self.source.tokens().enumerate() {
            if token != [subject::ANY_TOKEN] {
                let token = std::str::from_utf8(token).ok()?;
                // In a destination it would mean something else.
                if parse::is_call(token) {
                    return None;
                }
                destination.push(token.to_owned());
                continue;
            }
            let place = placed.iter().position(|&token| token == index)?;
            destination.push(format!("${}", place.checked_add(1)?));
        }
        Self::new_strict(&source.join("."), &destination.join(".")).ok()
    }
}

impl fmt::Display for Transform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let destination = String::from_utf8_lossy(&self.destination);
        write!(f, "{} -> {destination}", self.source)
    }
}

impl fmt::Debug for Transform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Transform({self})")
    }
}

/// The destination that puts each wildcard of `subject` where it is: `foo.*.*` gives `foo.$1.$2`.
pub fn numbered_wildcards(subject: &str) -> String {
    let mut number = 0usize;
    let tokens = subject.split('.').map(|token| {
        if token == "*" {
            number = number.saturating_add(1);
            format!("${number}")
        } else {
            token.to_owned()
        }
    });
    tokens.collect::<Vec<_>>().join(".")
}

/// From an exporter's subject to the importer's, and back. Wildcards of `local` stand for those of `remote`, in order, unless it
/// names them (`$2.$1`).
///
/// # Errors
/// When there is no way back.
pub fn both_ways(remote: &str, local: &str) -> Result<(Transform, Transform), TransformError> {
    let there = Transform::new_strict(remote, &numbered_wildcards(local))?;
    let back = there.reverse().ok_or(TransformError::BadSubject)?;
    Ok((there, back))
}

/// The subject that a destination stands for, with `*` for each `$n` and `{{wildcard(n)}}`, and those placeholders in
/// order: `foo.$2.$1` gives `foo.*.*` and `$2`, `$1`.
pub fn placeholders(destination: &str) -> (String, Vec<&str>) {
    let mut found = Vec::new();
    let tokens = destination.split('.').map(|token| {
        if parse::is_placeholder(token) {
            found.push(token);
            "*"
        } else {
            token
        }
    });
    let subject = tokens.collect::<Vec<_>>().join(".");
    (subject, found)
}

#[cfg(test)]
mod tests;
