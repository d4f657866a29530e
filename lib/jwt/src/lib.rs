//! Keys, tokens and credentials files of NATS, and the type for secrets.
//!
//! Everyone may call; this crate calls no other of ours but `nats-proto` (for subjects), opens no sockets and knows no clock: who
//! asks about time says what time it is. Files are read in [`creds`] only. Nothing secret is ever part of an error message or of
//! `Debug` output.
//!
//! Where to start reading: [`nkey`], then [`claims`] (what tokens say, reading and signing them), [`chain`] (who may say it) and
//! [`validate`] (does it make sense); [`template`] for scoped signing keys; [`creds`] for files.

#![forbid(unsafe_code)]

pub mod chain;
pub mod cidr;
pub mod claims;
pub mod claims_peek;
pub mod creds;
pub mod nkey;
pub mod secret;
pub mod template;
pub mod times;
pub mod validate;
