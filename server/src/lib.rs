//! Placeholder.

pub mod options;
