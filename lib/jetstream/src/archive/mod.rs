//! The portable form of a stream: what STREAM.SNAPSHOT sends and STREAM.RESTORE takes.
//!
//! **What lives here.** [`Writer`] makes the form of 2.15 out of messages and consumer states; [`read`] takes that form and the one before it
//! (a tar file of the reference server's own store files), and shows what is inside to a [`Visit`]. [`Refill`] is the visitor that fills an
//! empty store. `frames` are the S2 frames around both forms, `entries` the newer form, `tar`, `records` and `files` the older one,
//! `consumer` the state of a consumer in either.
//!
//! **Who may call.** The server's snapshot room, which brings bytes and threads; `dev/fuzz`.
//!
//! **What never happens here.** Nothing of an archive becomes the name of a file. Nothing is allocated because an archive says how much will
//! come: every part has a limit (`limits.rs`), and one message is in memory at a time. An archive is read to its end or it is no archive.
//!
//! **Where to start reading.** [`read`].

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

mod consumer;
mod entries;
mod files;
mod frames;
mod records;
mod refill;
mod tar;
#[cfg(test)]
mod tests;
mod write;

use std::io::{self, Read};

use nats_api::errors::ApiError;
use nats_api::jetstream::{ConsumerConfig, StreamState};
use nats_store::{ConsumerState, StoreError, Timestamp};

pub use frames::Frames;
pub use refill::{Refill, Shelf};
pub use write::Writer;

/// First bytes of the newer form, inside of the frames.
const MAGIC: &[u8; 8] = b"NATSARC1";

/// Which form an archive has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Files of the reference server's store, in a tar file. Written up to 2.14.
    Files,
    /// Entries. Written since 2.15.
    Entries,
}

/// What an archive says of the stream before its messages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// The older form knows when the stream was made.
    pub created: Option<Timestamp>,
    /// The newer form knows the figures; they are what somebody wrote, not what is there.
    pub state: Option<StreamState>,
}

/// A consumer as an archive has it: neither checked nor completed.
#[derive(Debug, Clone, PartialEq)]
pub struct ArchivedConsumer {
    pub name: String,
    pub config: ConsumerConfig,
    pub created: Option<Timestamp>,
    pub state: ConsumerState,
}

/// A message as an archive has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArchivedMessage<'a> {
    pub sequence: u64,
    pub time: Timestamp,
    pub subject: &'a [u8],
    pub headers: &'a [u8],
    pub payload: &'a [u8],
}

/// Who is shown what is in an archive, in the order in which it comes. An error ends the reading.
pub trait Visit {
    fn about(&mut self, about: &About) -> Result<(), ArchiveError>;

    fn consumer(&mut self, consumer: ArchivedConsumer) -> Result<(), ArchiveError>;

    /// Sizes of a message before it is read: the place to refuse it.
    fn admit(&mut self, headers: u64, payload: u64) -> Result<(), ArchiveError>;

    fn message(&mut self, message: &ArchivedMessage<'_>) -> Result<(), ArchiveError>;

    /// A message was removed, which may have been shown before.
    fn removed(&mut self, sequence: u64) -> Result<(), ArchiveError>;
}

/// Why an archive is no archive, or cannot become a stream.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    #[error("the archive ends too early")]
    Truncated,
    #[error("not an archive of a stream: {0}")]
    Foreign(&'static str),
    #[error("the archive is damaged: {0}")]
    Damaged(String),
    #[error("unexpected content in the archive: {0}")]
    Unexpected(String),
    #[error("{what} has {size} bytes, more than the {max} allowed")]
    TooLarge {
        what: &'static str,
        size: u64,
        max: u64,
    },
    /// The archive was written by a server that failed meanwhile.
    #[error("the archive is incomplete, its server said: {0}")]
    Incomplete(String),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What the account or the server does not allow.
    #[error("{}", .0.description)]
    Refused(ApiError),
    #[error("{0}")]
    Io(io::Error),
}

impl From<io::Error> for ArchiveError {
    /// Frames report damage as an error of reading.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Truncated,
            io::ErrorKind::InvalidData => Self::Damaged(error.to_string()),
            _ => Self::Io(error),
        }
    }
}

/// Reads an archive of the stream `name` to its end.
///
/// # Errors
/// It is none, it is damaged or cut off, or `visit` refuses. What was shown before means nothing then.
pub fn read(name: &str, source: impl Read, visit: &mut dyn Visit) -> Result<Form, ArchiveError> {
    let mut plain = Frames::new(source);
    let mut magic = [0; MAGIC.len()];
    let got = frames::fill(&mut plain, &mut magic)?;
    if got < magic.len() {
        return Err(match got {
            0 => ArchiveError::Foreign("it is empty"),
            _ => ArchiveError::Truncated,
        });
    }
    if magic == *MAGIC {
        entries::read(&mut plain, visit)?;
        return Ok(Form::Entries);
    }
    files::read(name, &mut (&magic[..]).chain(plain), visit)?;
    Ok(Form::Files)
}
