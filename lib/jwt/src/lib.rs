//! Keys, tokens and credentials files of NATS, and the type for secrets.
//!
//! Everyone may call; this crate calls no other of ours, opens no sockets and knows no clock. Files are read in [`creds`]
//! only. Nothing secret is ever part of an error message or of `Debug` output.
//!
//! Where to start reading: [`nkey`], then [`creds`].

#![forbid(unsafe_code)]

pub mod claims_peek;
pub mod creds;
pub mod nkey;
pub mod secret;
