//! What a consumer must not forget: how far it delivered, what was acknowledged, what waits for an acknowledgement.
//!
//! [`ConsumerState`] is that state and [`ConsumerDelta`] is every way in which it changes; [`ConsumerState::apply`] is the only place
//! where one meets the other. The machine in `nats-jetstream` applies a delta to its own state and hands the same delta out to be
//! logged, so what is read back after a crash is by construction what the machine had. Nothing here knows times, policies or clients.
//!
//! `codec` has the bytes; [`LoggedConsumer`] puts them into the server's log, [`RecoveringConsumer`] reads them back.

mod codec;
mod delta;
mod logged;
mod state;
mod store;
mod unacked;

pub use delta::ConsumerDelta;
pub use logged::{LoggedConsumer, RecoveringConsumer};
pub use state::{ConsumerState, Place};
pub use store::{ConsumerStore, Forgetful};
pub use unacked::{Unacked, UnackedSet};
