//! `nats`, the command line of operators and application developers.
//!
//! What lives here: the command tree ([`app`], [`commands`]), what every command shares (global flags and contexts in
//! [`globals`], printed forms in [`output`], what users type in [`parse`], [`template`] and [`expression`], progress bars in
//! [`progress`]; questions are in `nats-term`), and errors with their exit codes ([`error`]).
//!
//! Who may call: the `nats` binary, and generators of man pages and completions ([`app::command`]).
//! What never happens here: talking to a server other than through `nats-client`; colour or progress bars when nobody looks
//! at a terminal; a flag that is accepted and ignored (it works or it is refused by name).
//! Locks: none of its own.
//!
//! Start reading in [`app`], then any file in [`commands`]: one command is one file with an `Args` struct and one
//! `run(globals, args)` function.

#![forbid(unsafe_code)]

#[macro_use]
pub mod output;
#[macro_use]
pub mod switches;

pub mod absent;
pub mod app;
pub mod bench;
pub mod buckets;
pub mod commands;
pub mod complete;
pub mod connections;
pub mod editor;
pub mod error;
pub mod expression;
pub mod globals;
pub mod input;
pub mod jetstream;
pub mod messaging;
pub mod micro;
pub mod parse;
pub mod plugins;
pub mod progress;
pub mod reference;
pub mod signals;
pub mod template;

pub use app::main;
