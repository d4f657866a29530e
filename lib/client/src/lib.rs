//! The one NATS client of this project: the CLI, the terminal monitor, the surveyor and our tests talk to servers
//! through it and through nothing else.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = nats_client::connect("nats://127.0.0.1:4222").await?;
//! let mut greetings = client.subscribe("greet.*").await?;
//! client.publish("greet.joe", "hello").await?;
//! if let Some(message) = greetings.next().await {
//!     println!("{}: {}", message.subject(), message.text());
//! }
//! client.drain().await?;
//! # Ok(()) }
//! ```
//!
//! # The house
//!
//! What lives here: connecting ([`Options`]), the handle ([`Client`]), subscriptions, requests, events, statistics;
//! named connection settings ([`context`]), requests to servers ([`system`]), micro services ([`micro`]), JetStream ([`jetstream`]).
//! Who may call: programs and tests. The server never does. What never happens here: a panic caused by a peer's bytes,
//! memory without bound, a secret in a text.
//!
//! One task per connection owns the socket (`connection`, `reconnect`). Publishers write into a shared buffer
//! (`outbox`), received messages go through `registry` to the readers. Locks: `outbox` before `registry`; neither is
//! held across I/O or `.await`.
//!
//! How bytes move and why: `docs/decisions/020-client-connection.md`. Tests in `tests/` run against a scripted server, and
//! against the server binary that `NATS_SERVER_BIN` names.
//!
//! Where to start reading: `client`, then `outbox`, `connection`, `registry`.

#![forbid(unsafe_code)]

mod auth;
mod client;
mod connection;
mod connector;
pub mod context;
mod dial;
mod error;
mod events;
pub mod jetstream;
pub mod limits;
mod message;
pub mod micro;
mod options;
mod outbox;
mod pool;
mod reconnect;
mod registry;
mod request;
mod server_url;
mod shared;
mod stats;
mod stream;
mod subscription;
pub mod system;
mod tls;
mod tls_session;
mod trace;

pub use auth::{Challenge, Credentials};
pub use client::Client;
pub use error::{
    ConnectError, DrainError, FlushError, PublishError, RequestError, ServerError, SubscribeError,
};
pub use events::{Event, Events};
pub use message::Message;
pub use nats_jwt::secret::Secret;
pub use nats_proto::encode::Outgoing;
pub use nats_proto::header::{HeaderError, HeaderMap};
pub use nats_proto::info::ServerInfo;
pub use options::Options;
pub use registry::PendingLimits;
pub use request::{RequestManyOptions, Responses};
pub use server_url::{DEFAULT_PORT, DEFAULT_URL, ServerUrl};
pub use shared::Status;
pub use stats::Statistics;
pub use subscription::{HandlerSubscription, SubscribeOptions, Subscription};
pub use tls_session::TlsSession;
pub use trace::Direction;

/// Connects with default settings; see [`Options::connect`].
///
/// # Errors
/// As [`Options::connect`].
pub async fn connect(servers: impl AsRef<str>) -> Result<Client, ConnectError> {
    Options::new().connect(servers).await
}
