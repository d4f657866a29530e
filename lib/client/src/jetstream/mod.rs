//! JetStream: streams, consumers, and what is built on them.
//!
//! What lives here: the handle ([`JetStream`]) with every request of the API, publishing one by one ([`JetStream::publish`]),
//! with a window ([`Publisher`]) and in batches ([`AtomicBatch`], [`FastBatch`]), reading by pull ([`PullConsumer`]), push
//! ([`PushConsumer`]) and in order ([`OrderedConsumer`]), key-value buckets ([`kv`]), object stores ([`object`]), counters
//! ([`Counter`]), schedules ([`Schedule`]), backups ([`snapshot`]), advisories ([`JetStreamEvents`]). The documents are those of [`nats_api::jetstream`].
//!
//! Who may call: programs. What never happens here: a default that the server should choose; a retry that could do
//! something twice. Locks: each publisher has one (`publisher`), never held across `.await`.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use nats_client::jetstream::{AckPolicy, ConsumerConfig, FetchOptions, StreamConfig};
//! let js = nats_client::connect("nats://127.0.0.1:4222").await?.jetstream();
//! js.create_stream(&StreamConfig {
//!     name: "ORDERS".into(),
//!     subjects: vec!["orders.>".into()],
//!     ..StreamConfig::default()
//! })
//! .await?;
//! js.publish("orders.new", "an order").await?;
//! let consumer = js
//!     .create_pull_consumer("ORDERS", &ConsumerConfig {
//!         durable_name: "billing".into(),
//!         ack_policy: AckPolicy::Explicit,
//!         ..ConsumerConfig::default()
//!     })
//!     .await?;
//! for message in consumer.fetch(FetchOptions::messages(10).no_wait()).await?.collect().await? {
//!     println!("{}: {}", message.subject(), message.text());
//!     message.ack().await?;
//! }
//! # Ok(()) }
//! ```
//!
//! Where to start reading: `context`, then `streams`, `consumers`, `publish`, `pull`.

mod advisories;
mod batch;
mod consumers;
mod context;
mod counter;
mod error;
mod fast_batch;
pub mod kv;
mod message;
mod messages;
pub mod object;
mod ordered;
mod publish;
mod publisher;
mod pull;
mod push;
mod schedule;
pub mod snapshot;
mod stored;
mod streams;

pub use nats_api::errors::{ApiError, Entry as ErrorEntry, code};
pub use nats_api::jetstream::*;

pub use advisories::JetStreamEvents;
pub use batch::AtomicBatch;
pub use consumers::ConsumerList;
pub use context::{ApiTrace, JetStream};
pub use counter::{Counter, CounterEntry};
pub use error::JetStreamError;
pub use fast_batch::{FastBatch, FastBatchOptions, Gaps};
pub use message::{JetStreamMessage, MessageInfo};
pub use messages::{Messages, MessagesOptions};
pub use ordered::{OrderedConsumer, OrderedOptions};
pub use publish::{MessageTtl, PublishOptions, Rollup};
pub use publisher::{AckFuture, Published, Publisher, PublisherOptions};
pub use pull::{Fetch, FetchOptions, Priority, PullConsumer};
pub use push::{PushConsumer, PushMessages};
pub use schedule::Schedule;
pub use stored::{DirectEnd, DirectMessages, StreamMessage};
pub use streams::StreamList;
