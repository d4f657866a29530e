//! Who wants what: subscriptions, their receivers, and the index from subject to both.
//!
//! May call: `account` (owns one [`Interest`] per account), `router`, `conn`. Never happens here: delivery, permissions,
//! crossing of accounts. Lock: one read-write lock per [`Interest`], held for an insert, a removal or one lookup.
//! Start reading at [`Interest::matches`].

mod receiver;
mod sub;
mod sublist;
mod trie;

pub use receiver::{DeliveryCheck, Describe, Lagging, Receiver, ReceiverKind, SubTable};
pub use sub::{Hook, Shadow, Sid, Sub, Target};
pub use sublist::{
    Holding, Interest, InterestStats, Matched, QueueGroup, Remembered, SubSet, Watcher,
};
pub use trie::SubjectTrie;
