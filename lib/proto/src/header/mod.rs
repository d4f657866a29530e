//! Message headers: the block `NATS/1.0[ status[ description]]\r\nKey: Value\r\n…\r\n` in front of a payload.
//!
//! Two ways to work with it. The functions of [`block`] look at and edit the raw bytes: the server's hot path, no
//! allocation unless something changes. [`HeaderMap`] is the parsed form for clients.
//!
//! Keys are compared exactly as spelled unless a name says otherwise; that is the rule of the wire (ADR-4). Since readers
//! in the field are more forgiving than the rule, everything that *removes* a server-owned header is forgiving too: any
//! case, blanks around the key, lines ended by a bare LF, folded continuation lines (see [`block::remove_all_spellings`]).
//! Nothing here panics on any bytes, and nothing here writes a CR or LF that its caller passed in.

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

pub mod block;
mod map;

pub use map::{HeaderMap, Iter};

/// First line of every block, without status and without line end.
pub const VERSION: &[u8] = b"NATS/1.0";
/// A block without status and without headers.
pub const EMPTY_BLOCK: &[u8] = b"NATS/1.0\r\n\r\n";

/// Status of the empty answer that a server sends when nobody listens on the subject of a request.
pub const STATUS_NO_RESPONDERS: u16 = 503;

/// Why a block cannot be read, or a header not be written. Positions are byte offsets from 0 in the block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    #[error("header block does not start with NATS/1.0")]
    BadVersion,
    #[error("header block has a status that is no number of three digits")]
    BadStatus,
    #[error("header line at byte {at} has no colon")]
    NoColon { at: usize },
    #[error("header block is larger than 4 GiB")]
    TooLong,
    #[error("header key is not valid: printable ASCII without blanks and colons is needed")]
    BadKey,
    #[error("header value has a CR or LF")]
    BadValue,
}

/// Checks a key for writing: not empty, printable ASCII, no blank, no colon (ADR-4).
///
/// # Errors
/// [`HeaderError::BadKey`].
pub fn check_key(key: &[u8]) -> Result<(), HeaderError> {
    let printable = |b: &u8| b.is_ascii_graphic() && *b != b':';
    if key.is_empty() || !key.iter().all(printable) {
        return Err(HeaderError::BadKey);
    }
    Ok(())
}

/// Checks a value for writing: no CR, no LF. Everything else is the application's affair.
///
/// # Errors
/// [`HeaderError::BadValue`].
pub fn check_value(value: &[u8]) -> Result<(), HeaderError> {
    match memchr::memchr2(b'\r', b'\n', value) {
        Some(_) => Err(HeaderError::BadValue),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
