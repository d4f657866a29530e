//! What a stream does with a message that is published into it, up to the point where it is stored.
//!
//! **What lives here.** [`check`] is the one function that decides whether a message may be stored and what exactly is stored: plain
//! publishes, members of batches, produced and sourced messages all go through it. [`headers`] finds what the publisher asked for, [`ack`]
//! writes the answers, [`counter`] adds, `ttl` reads lives.
//!
//! **Who may call.** [`crate::stream::Stream`], with the single server's messages as with those that a log has ordered.
//!
//! **What never happens here.** Nothing is stored and nothing is remembered, except in [`Staged`], which its caller owns.
//!
//! Wire input: nothing here panics or overflows on any bytes of a publisher.

#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)
)]

pub mod ack;
mod check;
pub mod counter;
mod expected;
pub mod headers;
mod room;
mod schedule;
mod staged;
pub(crate) mod ttl;

pub use ack::{AckTail, AckWriter};
pub(crate) use check::store_failed;
pub use check::{Accepted, Candidate, Origin, Refusal, Rollup, View, check};
pub use headers::PublishHeaders;
pub(crate) use room::store_limits;
pub use staged::Staged;
pub use ttl::AskedTtl;

/// A message on its way into a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inbound<'a> {
    pub subject: &'a [u8],
    /// Where the answer goes; empty when nobody waits for one.
    pub reply: &'a [u8],
    /// The raw header block from `NATS/1.0` to the empty line, or empty.
    pub headers: &'a [u8],
    pub payload: &'a [u8],
}
