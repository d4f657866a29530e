//! From a published message to its deliveries. The only place where a message crosses from one account to another.
//!
//! May call: `conn` (what its peer published), `system` (what the server itself publishes). Never happens here: a system
//! call, waiting, an allocation per delivery. Locks: a receiver's append lock while one frame is copied.
//! Start reading at [`Publisher::publish`], then [`deliver`](deliver::to_all).

mod alarm;
mod cache;
mod cycle;
mod deliver;
mod latency;
mod message;
mod publisher;
mod responses;
mod run;
mod service;
mod service_import;
pub mod trace;

pub use alarm::Alarm;
pub use cycle::{Blocking, Cycle, FollowUp};
pub use deliver::{Origin, publish_from_inside, to_all};
pub use latency::Sampling;
pub use message::Message;
pub use publisher::{Outcome, Publisher, Rights};
pub use responses::Responses;
pub use service::{Handler, Service};
pub use service_import::{ServiceExport, ServiceImport};

#[cfg(test)]
mod tests;
