//! What users type: durations, byte sizes, headers, shell words.
//!
//! Pure functions from text to values; every error says which text was wrong and shows a right one.

mod bytes;
mod duration;
mod header;
mod words;

pub use bytes::byte_size;
pub use duration::{Span, duration, span};
pub use header::header;
pub use words::shell_words;

/// Why a value was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    #[error(
        "invalid duration {0:?}: use a number and a unit such as 500ms, 10s, 5m, 1h30m, 2d, 1w, 1M or 1y"
    )]
    Duration(String),
    #[error("duration {0:?} is negative; only positive durations make sense here")]
    NegativeDuration(String),
    #[error("duration {0:?} is too long")]
    DurationOverflow(String),
    #[error(
        "invalid size {0:?}: use a number, optionally with a unit such as 512, 64KB, 10MiB or 1GB"
    )]
    Size(String),
    #[error("size {0:?} is too large")]
    SizeOverflow(String),
    #[error("invalid header {0:?}: use the form Name:Value")]
    Header(String),
    #[error("the command {0:?} has an unbalanced quote")]
    UnbalancedQuote(String),
    #[error("the command is empty")]
    EmptyCommand,
}
