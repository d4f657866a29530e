//! What passes below `$SYS`: subjects, requests and their replies, events, and the metric and trace documents that servers
//! send into any account.
//!
//! Where to start reading: [`subjects`], then [`requests`] and [`events`].

pub mod claims;
pub mod client;
pub mod events;
pub mod latency;
pub mod requests;
pub mod server;
pub mod subjects;
pub mod trace;

pub use claims::{ClaimList, ClaimUpdateError, ClaimUpdateReply, ClaimUpdateStatus};
pub use client::ClientInfo;
pub use events::{
    AccountConnections, ConnectEvent, DisconnectEvent, ServerStats, ServerStatsEvent,
};
pub use latency::ServiceLatency;
pub use requests::{
    EventFilter, Permissions, Reply, ReplyEncoding, UserInfo, read_request, write_request,
};
pub use server::{ServerId, ServerInfo};
pub use trace::{TraceEvent, TraceRequest, TraceStep};
