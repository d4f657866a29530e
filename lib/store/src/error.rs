//! What can go wrong in a store.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

/// A store's refusal. Cheap to clone, because a frozen store gives the same reason again and again.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The message is on record and cannot be read: never the same as "there is none".
    #[error("message {sequence} is damaged: {what}")]
    Damaged { sequence: u64, what: Arc<str> },
    /// The device has no room. Goes away when there is room again.
    #[error("no space left on the device of {place}")]
    Full { place: Arc<str> },
    /// Reading or writing failed.
    #[error("{doing} {place}: {cause}")]
    Io {
        doing: &'static str,
        place: Arc<str>,
        cause: Arc<str>,
    },
    /// An earlier failure froze this store; it takes no writes until it recovers.
    #[error("frozen: {0}")]
    Frozen(Arc<str>),
    /// A record would be larger than the format allows.
    #[error("a record of {size} bytes is larger than the maximum of {max}")]
    TooLarge { size: u64, max: u64 },
    /// A sequence that is not the next one.
    #[error("sequence {given} is not after the last one, {last}")]
    OutOfOrder { given: u64, last: u64 },
    /// The index of subjects is at its limit.
    #[error("no room for another subject beside {count}")]
    TooManySubjects { count: u64 },
}

impl StoreError {
    /// What a failed operation of the disk is to a store.
    pub fn io(doing: &'static str, place: &Path, cause: &std::io::Error) -> Self {
        let place = Arc::from(place.to_string_lossy());
        match cause.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::Full { place },
            _ => Self::Io {
                doing,
                place,
                cause: Arc::from(cause.to_string()),
            },
        }
    }

    /// Whether this is the same trouble, maybe in another file.
    pub fn is_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Full { .. }, Self::Full { .. }) => true,
            (Self::Io { cause, .. }, Self::Io { cause: other, .. }) => cause == other,
            _ => false,
        }
    }

    /// Whether the cause may go away by itself, so that trying again makes sense.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Full { .. })
    }
}
