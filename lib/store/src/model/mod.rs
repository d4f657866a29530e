//! What any store must do, for tests: a naive store that is obviously right, random operations, and a comparison step by step.
//!
//! **Who may call.** Tests: those of this crate, and with the feature `testing` those of others. **What never happens here.** Nothing of
//! it is in a program. **Where to start reading.** [`compare`].
//!
//! ```
//! use nats_store::{Limits, MemoryStore, model};
//! use proptest::prelude::*;
//!
//! proptest!(|(operations in model::operations(1..20))| {
//!     let keep = |store| store; // a file store closes and opens itself here
//!     model::compare(MemoryStore::new(Limits::default()), keep, &operations).unwrap();
//! });
//! ```

mod compare;
mod naive;
mod operation;

pub use compare::{Difference, compare};
pub use naive::NaiveStore;
pub use operation::{Operation, Pick, TtlChoice, filter, operations, subject};
