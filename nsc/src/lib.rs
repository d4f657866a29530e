//! Operators, accounts and users as files: the library of `nsc`, and the program's command tree.
//!
//! What lives here: where things lie ([`places`], [`config`]), stores and keys on disk ([`store`], [`keystore`]), all changes as one
//! commit ([`files`], [`workspace`]), who signs ([`signer`]), what can be done ([`ops`]), talking to servers ([`remote`]), desired
//! state ([`desired`]), and the program itself ([`commands`]).
//!
//! Who may call: `nsc`, `nats auth`, `nats up --operator`, tests. Everything but [`commands`] works without a terminal.
//! What never happens here: a secret in a message; a file that others may read; a store that is half-written; a name from a token
//! that leads out of its directory; an edit that changes what was not mentioned.
//! Locks: none; a file that somebody else changed in the meantime is not overwritten.
//!
//! Where to start reading: [`workspace`], then [`ops::user`] as an example of an operation, [`commands`] for the way from the command
//! line to it.

#![forbid(unsafe_code)]

pub mod commands;
pub mod config;
pub mod desired;
pub mod error;
pub mod files;
pub mod keystore;
pub mod limits;
pub mod name;
pub mod ops;
pub mod places;
pub mod remote;
pub mod report;
pub mod signer;
pub mod store;
pub mod text;
pub mod workspace;
