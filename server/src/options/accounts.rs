//! The `accounts` block: isolated subject spaces and what they share.

use std::time::Duration;

use super::{NkeyUser, Permissions, User};

/// One account.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Account {
    /// Name.
    pub name: String,
    /// Public account key, `A…`.
    pub nkey: Option<String>,
    /// Users with name and password. `default_permissions` are already applied.
    pub users: Vec<User>,
    /// Users with a key.
    pub nkeys: Vec<NkeyUser>,
    /// Permissions of users that have none of their own.
    pub default_permissions: Option<Permissions>,
    /// What others may import.
    pub exports: Vec<Export>,
    /// What comes from others.
    pub imports: Vec<Import>,
    /// Subject mappings.
    pub mappings: Vec<Mapping>,
    /// Limits of the account.
    pub limits: AccountLimits,
    /// JetStream for this account; `None` is off.
    pub jetstream: Option<AccountJetStream>,
    /// Where traces of this account's messages go.
    pub msg_trace: Option<MessageTrace>,
}

/// Limits of an account; `None` is unlimited.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountLimits {
    /// Client connections.
    pub max_connections: Option<u32>,
    /// Subscriptions per connection.
    pub max_subscriptions: Option<u32>,
    /// Bytes of a message.
    pub max_payload: Option<u32>,
    /// Leaf node connections.
    pub max_leafnodes: Option<u32>,
}

/// JetStream limits of an account; `None` is unlimited.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountJetStream {
    /// Bytes in memory.
    pub max_memory: Option<u64>,
    /// Bytes on disk.
    pub max_store: Option<u64>,
    /// Streams.
    pub max_streams: Option<u64>,
    /// Consumers.
    pub max_consumers: Option<u64>,
    /// Bytes of one memory stream.
    pub memory_max_stream_bytes: Option<u64>,
    /// Bytes of one file stream.
    pub disk_max_stream_bytes: Option<u64>,
    /// Unacknowledged messages of a consumer.
    pub max_ack_pending: Option<u64>,
    /// Every stream must say how big it may become.
    pub max_bytes_required: bool,
    /// Whose account carries the replication traffic.
    pub cluster_traffic: ClusterTraffic,
}

/// Whose account carries replication traffic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClusterTraffic {
    /// The system account.
    #[default]
    System,
    /// The account that owns the stream.
    Owner,
}

/// Where traces of an account's messages go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageTrace {
    /// Subject for the trace events.
    pub destination: String,
    /// Percentage of the messages with a sampled `traceparent` that are traced, 1 to 100.
    pub sampling: u8,
}

/// Something that other accounts may import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// Subject, wildcards allowed.
    pub subject: String,
    /// Accounts that may import it; `None` is everybody.
    pub accounts: Option<Vec<String>>,
    /// Which token of the subject (from 1) must be the importer's account name; `None` for no such rule.
    pub account_token_position: Option<u32>,
    /// Stream or service.
    pub kind: ExportKind,
}

/// What an export is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExportKind {
    /// Messages flow to the importer.
    Stream,
    /// Requests flow to the exporter.
    Service {
        /// How many answers a request has.
        response: ResponseType,
        /// How long an answer may take; `None` is the default of two minutes.
        threshold: Option<Duration>,
        /// Measuring of latency.
        latency: Option<ServiceLatency>,
        /// Message traces may cross into this account.
        allow_trace: bool,
    },
}

/// How many answers a request has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResponseType {
    /// One.
    #[default]
    Single,
    /// Any number.
    Stream,
    /// Any number, ended by an empty one.
    Chunked,
}

/// Measuring of a service's latency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceLatency {
    /// Where measurements are published.
    pub subject: String,
    /// Which requests are measured.
    pub sampling: LatencySampling,
}

/// Which requests are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LatencySampling {
    /// This percentage, 1 to 100.
    Percent(u8),
    /// Those whose headers ask for it.
    Headers,
}

/// Something that comes from another account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// The exporting account.
    pub account: String,
    /// The exported subject.
    pub subject: String,
    /// Stream or service.
    pub kind: ImportKind,
}

/// What an import is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportKind {
    /// Messages flow here.
    Stream {
        /// Prefix for the subject here.
        prefix: Option<String>,
        /// Subject here, with transforms; excludes `prefix`.
        to: Option<String>,
        /// Message traces may cross from the exporter.
        allow_trace: bool,
    },
    /// Requests go there.
    Service {
        /// Subject here; the exported subject when not configured.
        to: String,
        /// Tell the exporter who asks.
        share: bool,
    },
}

/// Messages published to `subject` are delivered on other subjects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// Subject, wildcards allowed.
    pub subject: String,
    /// Where to, with weights that sum to at most 100 per cluster; the rest stays on `subject`.
    pub destinations: Vec<MappingDestination>,
}

/// One way of a mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappingDestination {
    /// Subject, with transforms.
    pub subject: String,
    /// Percentage of the messages, 0 to 100.
    pub weight: u8,
    /// Only in this cluster.
    pub cluster: Option<String>,
}
