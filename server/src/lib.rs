//! The NATS server, as a library.
//!
//! Rooms, each calling only those below it; upward goes a message or a trait that the lower room declares:
//!
//! ```text
//! main          flags -> Options -> run -> exit code
//! server        wires the rooms; start, reload, lame duck, stop
//! front         listeners: accept, PROXY protocol, TLS, and the task of each connection
//! monitor       HTTP pages            system   $SYS requests and events
//! conn          one connection: phase, limits, commands from outside
//! jetstream     streams and consumers: engine, API, limits; the machines are `nats-jetstream`
//! router        a published message -> its deliveries; the only crossing of accounts
//! account       interest, imports, exports, mappings, limits     auth   credentials -> identity
//! interest      who wants what: subscriptions, receivers, the index
//! outbox        bytes on their way to one peer        ocsp   certificates: still good?     http   asking other servers
//! options       what can be configured
//! limits clock log
//! ```
//!
//! Where to start reading: `docs/ARCHITECTURE.md`, the walk of a message.

pub mod account;
pub mod auth;
pub mod conn;
pub mod front;
pub mod http;
pub mod interest;
pub mod jetstream;
pub mod limits;
pub mod log;
mod memory;
pub mod monitor;
pub mod ocsp;
pub mod options;
pub mod outbox;
pub mod router;
pub mod server;
pub mod system;

pub use server::Server;
