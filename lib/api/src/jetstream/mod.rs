//! The documents of JetStream: what server and tools say to each other about streams and consumers.
//!
//! What lives here: configurations, states, every request and answer of the API, acknowledgements, advisories, and the
//! subjects and headers they travel with. Who may call: everyone. What never happens here: defaults that a server applies,
//! checks, clocks.
//!
//! A server reads request bodies with [`crate::decode`] (strictly: an unknown field is an error that names it) and writes
//! answers with [`reply::encode`]. A client writes requests with `serde_json` and reads answers with [`reply::decode`].
//! Durations are whole nanoseconds, times RFC 3339 in UTC; a field is left out exactly when the reference server leaves it
//! out. The default of every document is the wire's zero.
//!
//! Where to start reading: [`StreamConfig`], [`ConsumerConfig`], then [`reply`].

mod account;
pub mod advisory;
mod consumer;
mod consumer_api;
pub mod headers;
mod meta_api;
mod publish;
pub mod reply;
mod stream;
mod stream_api;
mod stream_info;
pub mod subjects;

pub use account::*;
pub use consumer::*;
pub use consumer_api::*;
pub use meta_api::*;
pub use publish::*;
pub use reply::{Reply, ReplyError};
pub use stream::*;
pub use stream_api::*;
pub use stream_info::*;
