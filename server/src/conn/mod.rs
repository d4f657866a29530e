//! One connection: what phase it is in, what it may do, what it said, what is to be done to it.
//!
//! Lives here: the protocol of a client from CONNECT to close, without a socket. A network shell (`front`) calls three things:
//! [`Session::read_cycle`] with a way to read, [`Flush`] with a way to write, and the outbox wakes the shell's task.
//! May call: `router`, `account`, `auth`, `interest`, `outbox`; the server above is reached through the trait [`Host`].
//! Never happens here: I/O, waiting, reading a clock (time comes in). Lock: the small state in [`Shared`] for monitoring.
//! Start reading at [`Session::read_cycle`].

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod connect;
mod flush;
mod host;
mod input;
mod pause;
mod reason;
mod rights;
mod round;
mod session;
mod shared;
mod subscribe;
mod timers;
pub mod wire;

pub use flush::{Flush, Flushed};
pub use host::{AuthFailure, Host, Settings};
pub use input::Turn;
pub use reason::ClosedReason;
pub use round::{Mark, Round};
pub use session::Session;
pub use shared::{Client, Command, LastSub, Shared, SharedState, TlsFacts};
