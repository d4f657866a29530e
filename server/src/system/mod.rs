//! The system account: requests about the server, and what the server tells of its own accord.
//!
//! Lives here: the answers to `$SYS.REQ…`, the events below `$SYS.ACCOUNT…` and `$SYS.SERVER…`, their timing, and one thread
//! that does all of it. May call: `monitor` (the same pages), `router` (to subscribe and publish), `account`, `options`. What
//! only the server can do (close a connection, reload) goes through [`Control`]. Never happens here: work on a publisher's
//! thread beyond copying a small request into a bounded queue; a secret in an event. No lock is held while publishing.
//! Start reading at [`Desk::answer`], then [`SystemAccount`].

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

mod ask;
mod desk;
mod encoding;
mod events;
mod heartbeat;
mod outlet;
pub mod process;
mod subscribers;
mod worker;

pub use ask::{AccountVerb, Ask, ClaimsAsk, ClaimsScope, ServerVerb};
pub(crate) use ask::{about_claims, in_every_account, in_system_account};
pub use desk::{Answer, Control, Desk, Request};
pub use events::{Gone, Told};
pub use outlet::Outlet;
pub use worker::SystemAccount;

#[cfg(test)]
mod tests;
