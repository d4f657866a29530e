//! JetStream's decisions as values: the stream machine and the consumer machine.
//!
//! **What lives here.** What a stream does with a publish, what a consumer delivers and to whom, what a configuration may say. Every
//! machine is synchronous: it is handed a time, randomness and an input, changes its state and its store, and appends what shall be sent
//! to [`Effects`]. The single server and a replica run the same machines; they differ only in whose log orders the inputs.
//!
//! **Who may call.** `server/src/jetstream`, which owns the threads, the subjects and the accounts; `dev/sim`, which replays seeds.
//!
//! **What never happens here.** No clock, no file, no socket, no thread, no iteration over randomly ordered maps. Effects are only described
//! here; whoever drives the machine releases them after the log has committed what they depend on.
//!
//! **Where to start reading.** [`Context`] and [`Effects`], then [`stream::Stream`] with [`publish::check`] and `consumer`; what a
//! configuration may say is in [`config`].

#![forbid(unsafe_code)]

pub mod archive;
pub mod config;
pub mod consumer;
pub mod context;
pub mod effects;
pub mod limits;
pub mod publish;
pub mod schedule;
pub mod source;
pub mod stream;

pub use context::{Context, Interest, Random};
pub use effects::{Effect, Effects, Kind};
