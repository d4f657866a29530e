//! The JSON documents that the server and the tools share.
//!
//! What lives here: one struct per document, its field order, which fields are left out when they say nothing, and the
//! way times and durations are written. Who may call: everyone. What never happens here: I/O, clocks, locks, decisions.
//!
//! The documents follow the reference server in names, order and omission, because other people's tools read them:
//! `tests/shapes.rs` holds every document against shapes observed on a running reference server. Reading is lenient where
//! the reference server is loose (unknown fields are ignored, a `null` list is an empty list); writing is exact.
//!
//! Where to start reading: [`time`] (how times and durations are written), [`monitor`] (the monitoring pages), [`system`]
//! (requests, replies and events below `$SYS`), [`micro`] (service discovery), [`jetstream`] (streams, consumers and
//! everything about them), [`errors`] (the JetStream error table), [`decode`] (how a server reads requests), [`schema`]
//! (what all these may look like, for people and tools).

#![forbid(unsafe_code)]

pub mod decode;
pub mod errors;
pub mod jetstream;
mod json;
pub mod micro;
pub mod monitor;
pub mod schema;
pub mod system;
pub mod time;
