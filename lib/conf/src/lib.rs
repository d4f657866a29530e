//! The configuration language of NATS: text in, a tree of values with positions out.
//!
//! The language mixes JSON and YAML habits: `key: value`, `key = value`, `key value`, maps in `{}`, arrays in `[]`, strings
//! with or without quotes, sizes like `10MB`, `$VARIABLES` from enclosing maps and the environment, `include 'file'`.
//! What a key means is not known here; that belongs to the programs (the server's `options`).
//!
//! Who may call: everybody. What never happens here: no panic on any text, no unbounded memory (see [`limits`]), nothing is
//! printed, and `Debug` shows no strings, since some are passwords. Files and environment are reached through [`Outside`] only.
//! There is no lock.
//!
//! Where to start reading: [`parse_file`], then `parse.rs` (the grammar) and `scalar.rs` (what one value is).
//!
//! Where the reference accepts a text and takes a clear meaning from it, so do we, odd as the text may be. Where it silently
//! drops or distorts what was written (`5kii`, a number that overflows, `{ key: }`, a NUL byte) we refuse.

#![forbid(unsafe_code)]

mod cursor;
mod digest;
mod error;
pub mod limits;
mod outside;
mod parse;
mod scalar;
mod value;

pub use error::{Error, ErrorKind, Errors};
pub use outside::{Outside, System};
pub use parse::{Document, parse_file, parse_text};
pub use value::{Map, Node, Position, Value};
