//! Messages of a stream and state of a consumer, in memory or in files.
//!
//! **What lives here.** [`message`] and [`state`] are the vocabulary; [`store`] is the one small trait through which the machines of
//! `nats-jetstream` keep messages, whatever keeps them. [`disk`] is all that the store asks of a disk, with a twin that misbehaves;
//! [`file`] are streams on it, [`catalog`] is all that a data directory holds; [`log`] makes durable what must be, once for everybody; [`crypt`] seals.
//! [`consumer`] is what a consumer must not forget.
//!
//! **Who may call.** The stream machines, through [`store::StreamStore`]; the server, to open and close what is on disk.
//!
//! **What never happens here.** No clock and no randomness: times come in as arguments. No decision about what a message means: the
//! store keeps limits and hands back what it removed, everything else is the machine's. Damage is never treated as absence.
//!
//! **Where to start reading.** [`store::StreamStore`].

#![forbid(unsafe_code)]

pub mod catalog;
mod codec;
pub mod consumer;
pub mod crypt;
pub mod disk;
pub mod error;
pub mod file;
pub mod index;
pub mod limits;
pub mod log;
pub mod memory;
pub mod message;
#[cfg(any(test, feature = "testing"))]
pub mod model;
pub mod state;
pub mod store;
pub mod subjects;

pub use catalog::{Catalog, CatalogError, CatalogSettings, StreamOptions};
pub use consumer::{
    ConsumerDelta, ConsumerState, ConsumerStore, Forgetful, Place, Unacked, UnackedSet,
};
pub use error::StoreError;
pub use memory::MemoryStore;
pub use message::{Message, NewMessage, Storage, Timestamp, Ttl};
pub use state::{Limits, Pending, Removals, Removed, RemovedWhy, StreamState, SubjectState};
pub use store::{Erase, Filter, Position, Purge, StreamStore, Upkeep};
