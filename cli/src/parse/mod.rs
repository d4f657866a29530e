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

/// Splits `key=value`; `key:value` does as well, as in the reference tool.
pub fn pair(text: &str) -> Result<(String, String), ParseError> {
    match text.split_once(['=', ':']) {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(ParseError::Pair(text.to_owned())),
    }
}

/// Lists of subjects and the like: separated by commas or blanks, and repeated.
pub fn listed(texts: &[String]) -> Vec<String> {
    let parts = texts.iter().flat_map(|text| text.split([',', ' ', '\t']));
    parts
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect()
}

/// A duration where a negative one means "none": the zero of the API.
pub fn age(text: &str) -> Result<std::time::Duration, ParseError> {
    if text == "-1" {
        return Ok(std::time::Duration::ZERO);
    }
    let span = span(text)?;
    Ok(std::time::Duration::from_nanos(
        u64::try_from(span.nanos).unwrap_or(0),
    ))
}

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
    #[error("invalid pair {0:?}: use the form key=value")]
    Pair(String),
    #[error("the command is empty")]
    EmptyCommand,
}
