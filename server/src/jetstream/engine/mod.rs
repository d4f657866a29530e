//! Threads, timers and the log for machines that know none of these.
//!
//! A [`Lane`] is one stream's place in the engine: its mailbox, its machine, and the effects that wait until the log has committed what
//! they depend on. Threads of the [`Engine`] take lanes that have something to do, run their machines, and commit the log together.
//!
//! May call: the JetStream room. Never happens here: a decision about a message. Locks: a mailbox's (one copy), a lane's seat (one run of the
//! machine; file reads happen under it), a lane's effects (while they are sent). The order is seat before effects; nobody holds two seats.
//!
//! States of a lane: idle -> told (in the queue) -> running -> idle or told again; closed at any time.
//! States of effects: decided -> waiting for the log (in order) -> sent, or failed with the log.
//!
//! Start reading at [`Lane::run`], then [`Commits::settle`].

mod clock;
mod commits;
mod lane;
mod mailbox;
mod pool;
#[cfg(test)]
mod tests;
mod timers;

pub use commits::{CommitLog, Commits};
pub use lane::{Lane, LaneId, Machine, Outlet};
pub use mailbox::{Batch, Input, InputKind, Mailbox, MailboxLimits, Posted};
pub use pool::Engine;
