//! Where the tokens of accounts come from.
//!
//! A [`Resolver`] is asked for the token of an account by its public key; some also keep tokens that are pushed to them. What it
//! yields is not trusted: whoever asks verifies the token. Who may call: the server's operators, on a thread that may block.
//! Locks: each resolver's own, never held over I/O on the network. Start reading at [`Resolver`].

mod directory;
mod memory;
mod url;

use std::io;

pub use directory::{Deletion, Directory, DirectorySettings, PackError};
pub use memory::Memory;
pub use url::Url;

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error("account jwt not found")]
    NotFound,
    #[error("will only fetch valid account keys")]
    BadKey,
    #[error("fetching jwt timed out")]
    TimedOut,
    #[error("could not fetch <{url}>: {reason}")]
    Http { url: String, reason: String },
    #[error("jwt cannot be read: {0}")]
    Io(#[from] io::Error),
    #[error("jwt of account is larger than a token can be")]
    TooLarge,
}

/// Why a token was not kept.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("store is read-only")]
    ReadOnly,
    #[error("invalid public key")]
    BadKey,
    #[error("jwt store is full")]
    Full,
    #[error("store is not set up to for delete")]
    NoDelete,
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Where the tokens of accounts come from.
pub trait Resolver: Send + Sync {
    /// The token of `account` (public key). May block.
    ///
    /// # Errors
    /// See [`FetchError`].
    fn fetch(&self, account: &str) -> Result<String, FetchError>;

    /// Keeps `token`, if this resolver keeps what it is given. Whether anything changed.
    ///
    /// # Errors
    /// See [`StoreError`].
    fn store(&self, account: &str, token: &str) -> Result<bool, StoreError>;

    /// The directory that is kept here, for those that keep one.
    fn directory(&self) -> Option<&Directory> {
        None
    }
}
