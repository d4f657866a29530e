//! What happened: advisories below `$JS.EVENT.ADVISORY` and metrics below `$JS.EVENT.METRIC`.
//!
//! Each begins with its type, a nuid and the time. [`StreamAction::subject`] and its siblings say where one is published.

use serde::{Deserialize, Serialize};

use super::stream_info::{PeerInfo, StreamState};
use super::subjects::{ADVISORY_PREFIX, METRIC_PREFIX};
use crate::json::{is_default, null_is_empty};
use crate::system::client::ClientInfo;
use crate::time::Timestamp;

/// Documents that begin with type, id and timestamp.
macro_rules! events {
    ($(
        $(#[$doc:meta])*
        $name:ident $event_type:literal {
            $($(#[$field_meta:meta])* $field:ident: $field_type:ty,)*
        }
    )*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
        #[serde(default)]
        pub struct $name {
            /// The constant `TYPE`.
            #[serde(rename = "type")]
            pub event_type: String,
            /// A nuid.
            pub id: String,
            pub timestamp: Timestamp,
            $($(#[$field_meta])* pub $field: $field_type,)*
        }

        impl $name {
            pub const TYPE: &'static str = $event_type;

            /// An event of this type that says nothing else yet.
            pub fn new(id: impl Into<String>, timestamp: Timestamp) -> Self {
                Self {
                    event_type: Self::TYPE.to_owned(),
                    id: id.into(),
                    timestamp,
                    ..Self::default()
                }
            }
        }
    )*

        /// Any event, told apart by its type.
        #[derive(Debug, Clone, PartialEq)]
        #[non_exhaustive]
        pub enum Event {
            $($(#[$doc])* $name(Box<$name>),)*
            /// Of a type that is not known here.
            Other(serde_json::Value),
        }

        impl Event {
            /// Reads what came on a subject of events.
            ///
            /// # Errors
            /// When it is no event, or not of the shape that its type has.
            pub fn parse(json: &[u8]) -> serde_json::Result<Self> {
                let head: EventHead = serde_json::from_slice(json)?;
                match head.event_type.as_str() {
                    $($name::TYPE => Ok(Self::$name(serde_json::from_slice(json)?)),)*
                    _ => Ok(Self::Other(serde_json::from_slice(json)?)),
                }
            }
        }
    };
}

#[derive(Deserialize)]
struct EventHead {
    #[serde(rename = "type")]
    event_type: String,
}

/// What was done to a stream or consumer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    #[default]
    Create,
    Delete,
    Modify,
}

/// Why a batch was given up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BatchAbandonReason {
    #[default]
    Timeout,
    Large,
    Incomplete,
    Unsupported,
}

events! {
    /// A request to the API was answered.
    ApiAudit "io.nats.jetstream.advisory.v1.api_audit" {
        server: String,
        client: Option<ClientInfo>,
        subject: String,
        #[serde(skip_serializing_if = "is_default")]
        request: String,
        response: String,
        #[serde(skip_serializing_if = "is_default")]
        domain: String,
    }

    /// Requests were dropped because too many waited.
    ApiLimitReached "io.nats.jetstream.advisory.v1.api_limit_reached" {
        server: String,
        #[serde(skip_serializing_if = "is_default")]
        domain: String,
        dropped: i64,
    }

    /// A stream was made, changed or deleted.
    StreamAction "io.nats.jetstream.advisory.v1.stream_action" {
        stream: String,
        action: Action,
        #[serde(skip_serializing_if = "is_default")]
        domain: String,
    }

    /// Something is wrong with a stream's storage, or no longer. An advisory of ours; the reference has none for it.
    StreamFault "io.nats.jetstream.advisory.v1.stream_fault" {
        stream: String,
        /// Empty when all is well again.
        fault: String,
        #[serde(skip_serializing_if = "is_default")]
        domain: String,
    }

    /// A consumer was made or deleted.
    ConsumerActionAdvisory "io.nats.jetstream.advisory.v1.consumer_action" {
        stream: String,
        consumer: String,
        action: Action,
        #[serde(skip_serializing_if = "is_default")]
        domain: String,
    }

    /// A consumer was paused or resumed.
    ConsumerPause "io.nats.jetstream.advisory.v1.consumer_pause" {
        stream: String,
        consumer: String,
        paused: bool,
        pause_until: Timestamp,
        #[serde(skip_serializing_if = "is_default")]
        domain: String,
    }

    /// A message was delivered as often as allowed and not acknowledged.
    MaxDeliver "io.nats.jetstream.advisory.v1.max_deliver" {
        stream: String,
        consumer: String,
        stream_seq: u64,
        deliveries: u64,
        #[serde(skip_serializing_if = "is_default")]
        domain: String,
    }

    /// A client wants a message again.
    Nak "io.nats.jetstream.advisory.v1.nak" {
        stream: String,
        consumer: String,
        consumer_seq: u64,
        stream_seq: u64,
        deliveries: u64,
        #[serde(skip_serializing_if = "is_default")]
        domain: String,
    }

    /// A client wants a message never again, or the message went away before it was acknowledged.
    Terminated "io.nats.jetstream.advisory.v1.terminated" {
        stream: String,
        consumer: String,
        consumer_seq: u64,
        stream_seq: u64,
        deliveries: u64,
        #[serde(skip_serializing_if = "is_default")]
        reason: String,
        #[serde(skip_serializing_if = "is_default")]
        domain: String,
    }

    /// How long an acknowledgement took; a metric.
    ConsumerAck "io.nats.jetstream.metric.v1.consumer_ack" {
        stream: String,
        consumer: String,
        consumer_seq: u64,
        stream_seq: u64,
        /// Nanoseconds from delivery to acknowledgement.
        ack_time: i64,
        deliveries: u64,
        #[serde(skip_serializing_if = "is_default")]
        domain: String,
    }

    /// A snapshot begins.
    SnapshotCreate "io.nats.jetstream.advisory.v1.snapshot_create" {
        stream: String,
        state: StreamState,
        client: Option<ClientInfo>,
        #[serde(skip_serializing_if = "is_default")]
        domain: String,
    }

    /// A snapshot has ended.
    SnapshotComplete "io.nats.jetstream.advisory.v1.snapshot_complete" {
        stream: String,
        start: Timestamp,
        end: Timestamp,
        client: Option<ClientInfo>,
        #[serde(skip_serializing_if = "is_default")]
        domain: String,
        #[serde(skip_serializing_if = "is_default")]
        error: String,
    }

    /// A restore begins.
    RestoreCreate "io.nats.jetstream.advisory.v1.restore_create" {
        stream: String,
        client: Option<ClientInfo>,
        #[serde(skip_serializing_if = "is_default")]
        domain: String,
    }

    /// A restore has ended.
    RestoreComplete "io.nats.jetstream.advisory.v1.restore_complete" {
        stream: String,
        start: Timestamp,
        end: Timestamp,
        bytes: i64,
        client: Option<ClientInfo>,
        #[serde(skip_serializing_if = "is_default")]
        domain: String,
    }

    /// A batch was given up.
    BatchAbandoned "io.nats.jetstream.advisory.v1.stream_batch_abandoned" {
        #[serde(skip_serializing_if = "is_default")]
        account: String,
        stream: String,
        #[serde(skip_serializing_if = "is_default")]
        domain: String,
        batch: String,
        reason: BatchAbandonReason,
    }

    /// A client of a priority group was pinned.
    ConsumerGroupPinned "io.nats.jetstream.advisory.v1.consumer_group_pinned" {
        #[serde(skip_serializing_if = "is_default")]
        account: String,
        stream: String,
        consumer: String,
        #[serde(skip_serializing_if = "is_default")]
        domain: String,
        group: String,
        pinned_id: String,
    }

    /// A client of a priority group lost its pin.
    ConsumerGroupUnpinned "io.nats.jetstream.advisory.v1.consumer_group_unpinned" {
        #[serde(skip_serializing_if = "is_default")]
        account: String,
        stream: String,
        consumer: String,
        #[serde(skip_serializing_if = "is_default")]
        domain: String,
        group: String,
        /// `admin` or `timeout`.
        reason: String,
    }

    /// The meta group has a new leader.
    DomainLeaderElected "io.nats.jetstream.advisory.v1.domain_leader_elected" {
        leader: String,
        #[serde(deserialize_with = "null_is_empty")]
        replicas: Vec<PeerInfo>,
        cluster: String,
        #[serde(skip_serializing_if = "is_default")]
        domain: String,
    }

    /// A stream has a new leader.
    StreamLeaderElected "io.nats.jetstream.advisory.v1.stream_leader_elected" {
        #[serde(skip_serializing_if = "is_default")]
        account: String,
        stream: String,
        leader: String,
        #[serde(deserialize_with = "null_is_empty")]
        replicas: Vec<PeerInfo>,
        #[serde(skip_serializing_if = "is_default")]
        domain: String,
    }

    /// A stream cannot go on.
    StreamQuorumLost "io.nats.jetstream.advisory.v1.stream_quorum_lost" {
        #[serde(skip_serializing_if = "is_default")]
        account: String,
        stream: String,
        #[serde(deserialize_with = "null_is_empty")]
        replicas: Vec<PeerInfo>,
        #[serde(skip_serializing_if = "is_default")]
        domain: String,
    }

    /// A consumer has a new leader.
    ConsumerLeaderElected "io.nats.jetstream.advisory.v1.consumer_leader_elected" {
        #[serde(skip_serializing_if = "is_default")]
        account: String,
        stream: String,
        consumer: String,
        leader: String,
        #[serde(deserialize_with = "null_is_empty")]
        replicas: Vec<PeerInfo>,
        #[serde(skip_serializing_if = "is_default")]
        domain: String,
    }

    /// A consumer cannot go on.
    ConsumerQuorumLost "io.nats.jetstream.advisory.v1.consumer_quorum_lost" {
        #[serde(skip_serializing_if = "is_default")]
        account: String,
        stream: String,
        consumer: String,
        #[serde(deserialize_with = "null_is_empty")]
        replicas: Vec<PeerInfo>,
        #[serde(skip_serializing_if = "is_default")]
        domain: String,
    }

    /// A server has no room left.
    ServerOutOfSpace "io.nats.jetstream.advisory.v1.server_out_of_space" {
        server: String,
        server_id: String,
        #[serde(skip_serializing_if = "is_default")]
        stream: String,
        cluster: String,
        #[serde(skip_serializing_if = "is_default")]
        domain: String,
    }

    /// The store of a server is damaged where no stream can say so. Told again as long as it is. An advisory of ours, in the system account.
    ServerFault "io.nats.jetstream.advisory.v1.server_fault" {
        server: String,
        server_id: String,
        fault: String,
        #[serde(skip_serializing_if = "is_default")]
        domain: String,
    }

    /// A server was taken out of the meta group.
    ServerRemoved "io.nats.jetstream.advisory.v1.server_removed" {
        server: String,
        server_id: String,
        cluster: String,
        #[serde(skip_serializing_if = "is_default")]
        domain: String,
    }

    /// The meta group's quorum was lowered, unsafely.
    MetaRescue "io.nats.jetstream.advisory.v1.meta_rescue" {
        server: String,
        server_id: String,
        prev_quorum: i64,
        new_quorum: i64,
        cluster: String,
        #[serde(skip_serializing_if = "is_default")]
        domain: String,
    }
}

macro_rules! fixed_subjects {
    ($($name:ident $subject:literal;)*) => {$(
        impl $name {
            pub fn subject(&self) -> String {
                format!(concat!("{}.", $subject), ADVISORY_PREFIX)
            }
        }
    )*};
}

macro_rules! stream_subjects {
    ($($name:ident $subject:literal;)*) => {$(
        impl $name {
            pub fn subject(&self) -> String {
                format!(concat!("{}.", $subject, ".{}"), ADVISORY_PREFIX, self.stream)
            }
        }
    )*};
}

macro_rules! consumer_subjects {
    ($($name:ident $subject:literal;)*) => {$(
        impl $name {
            pub fn subject(&self) -> String {
                format!(concat!("{}.", $subject, ".{}.{}"), ADVISORY_PREFIX, self.stream, self.consumer)
            }
        }
    )*};
}

fixed_subjects! {
    ApiAudit "API";
    ApiLimitReached "API.LIMIT_REACHED";
    DomainLeaderElected "DOMAIN.LEADER_ELECTED";
    ServerFault "SERVER.FAULT";
    ServerOutOfSpace "SERVER.OUT_OF_STORAGE";
    ServerRemoved "SERVER.REMOVED";
    MetaRescue "SERVER.META_RESCUE";
}

stream_subjects! {
    SnapshotCreate "STREAM.SNAPSHOT_CREATE";
    SnapshotComplete "STREAM.SNAPSHOT_COMPLETE";
    RestoreCreate "STREAM.RESTORE_CREATE";
    RestoreComplete "STREAM.RESTORE_COMPLETE";
    StreamFault "STREAM.FAULT";
    StreamLeaderElected "STREAM.LEADER_ELECTED";
    StreamQuorumLost "STREAM.QUORUM_LOST";
    BatchAbandoned "STREAM.BATCH_ABANDONED";
}

consumer_subjects! {
    ConsumerPause "CONSUMER.PAUSE";
    ConsumerGroupPinned "CONSUMER.PINNED";
    ConsumerGroupUnpinned "CONSUMER.UNPINNED";
    MaxDeliver "CONSUMER.MAX_DELIVERIES";
    Nak "CONSUMER.MSG_NAKED";
    Terminated "CONSUMER.MSG_TERMINATED";
    ConsumerLeaderElected "CONSUMER.LEADER_ELECTED";
    ConsumerQuorumLost "CONSUMER.QUORUM_LOST";
}

impl Action {
    fn word(self) -> &'static str {
        match self {
            Action::Create => "CREATED",
            Action::Delete => "DELETED",
            Action::Modify => "UPDATED",
        }
    }
}

impl StreamAction {
    pub fn subject(&self) -> String {
        format!(
            "{ADVISORY_PREFIX}.STREAM.{}.{}",
            self.action.word(),
            self.stream
        )
    }
}

impl ConsumerActionAdvisory {
    pub fn subject(&self) -> String {
        let word = self.action.word();
        format!(
            "{ADVISORY_PREFIX}.CONSUMER.{word}.{}.{}",
            self.stream, self.consumer
        )
    }
}

impl ConsumerAck {
    pub fn subject(&self) -> String {
        format!(
            "{METRIC_PREFIX}.CONSUMER.ACK.{}.{}",
            self.stream, self.consumer
        )
    }
}
