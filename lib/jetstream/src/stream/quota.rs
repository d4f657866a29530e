//! What server and account allow a stream, over and above its own limits.

use nats_api::errors::ApiError;

/// The account's room, as one stream asks for it. Implemented by whoever owns the accounts; several streams on several threads share what
/// is behind it.
pub trait Quota: Send {
    /// Anything at all may be stored.
    ///
    /// # Errors
    /// The server has used up what it may (10023).
    fn admit_any(&self) -> Result<(), ApiError>;

    /// `bytes` more may be stored.
    ///
    /// # Errors
    /// The account has used up what it may (10002).
    fn admit(&self, bytes: u64) -> Result<(), ApiError>;

    /// The stream's messages counted `from` bytes and now count `to`.
    fn resized(&self, from: u64, to: u64);

    /// One more batch may be open; it is counted if so.
    fn open_batch(&self, kind: BatchKind) -> bool;

    /// A batch that was counted is over.
    fn close_batch(&self, kind: BatchKind);
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BatchKind {
    Atomic,
    Fast,
}

/// No limits; for tests and for whoever has none.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unlimited;

impl Quota for Unlimited {
    fn admit_any(&self) -> Result<(), ApiError> {
        Ok(())
    }

    fn admit(&self, _: u64) -> Result<(), ApiError> {
        Ok(())
    }

    fn resized(&self, _: u64, _: u64) {}

    fn open_batch(&self, _: BatchKind) -> bool {
        true
    }

    fn close_batch(&self, _: BatchKind) {}
}
