//! The NATS wire grammar, sans I/O: no sockets, no runtime, no clock.
//!
//! Everyone may call this crate; it calls nobody. Bytes come in as slices and leave as slices or appended to a caller's
//! buffer. Nothing here allocates per message unless its documentation says so.
//!
//! Where to start reading: [`subject`] (what everything is addressed by), then [`info`] (the INFO and CONNECT documents).

#![forbid(unsafe_code)]

pub mod client_op;
pub mod encode;
pub mod header;
pub mod info;
pub mod name_hash;
pub mod nuid;
pub mod proxy;
pub mod server_op;
pub mod subject;
pub mod transform;
