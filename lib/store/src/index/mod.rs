//! What stores look up by something else than a sequence: sets of sequences, and what expires when.
//!
//! [`SequenceSet`] holds deletions, lists of a subject's messages and messages that never expire in a few bits to a few bytes per element;
//! [`Postings`] is its small sibling. [`Expiry`] knows whose time has come. [`Branches`] counts by the beginnings
//! of subjects, for filters that match many of them.
//!
//! **Who may call.** The stores of this crate. **What never happens here.** No message is read, nothing is written, nothing waits: all of it
//! is derived from messages and rebuilt from them.

mod branches;
mod expiry;
mod postings;
mod sequences;

pub use branches::{Branches, Counted};
pub use expiry::Expiry;
pub use postings::Postings;
pub use sequences::{SequenceSet, Span};
