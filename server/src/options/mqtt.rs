//! The `mqtt` block.

use std::time::Duration;

use super::{Listen, SimpleAuthorization, Tls};

/// The MQTT port.
#[derive(Clone, Debug, PartialEq)]
pub struct Mqtt {
    /// Where it listens; `None` when the block names no port.
    pub listen: Option<Listen>,
    /// TLS of the port.
    pub tls: Option<Tls>,
    /// Credentials instead of those of clients.
    pub authorization: SimpleAuthorization,
    /// User that a connection without credentials becomes.
    pub no_auth_user: Option<String>,
    /// Time after which an unacknowledged message is sent again.
    pub ack_wait: Duration,
    /// How long a JetStream request may take.
    pub js_api_timeout: Duration,
    /// Unacknowledged messages per subscription; 0 in the file is the default of 1024.
    pub max_ack_pending: u16,
    /// JetStream domain.
    pub js_domain: Option<String>,
    /// Replicas of the streams; `None` depends on the size of the cluster.
    pub stream_replicas: Option<u32>,
    /// Keep consumers in memory.
    pub consumer_memory_storage: bool,
    /// Remove consumers that are idle for so long.
    pub consumer_inactive_threshold: Option<Duration>,
    /// Refuse QoS 2 messages.
    pub reject_qos2_publish: bool,
    /// Serve QoS 2 subscriptions with QoS 1.
    pub downgrade_qos2_subscribe: bool,
}

impl Default for Mqtt {
    fn default() -> Self {
        Self {
            listen: None,
            tls: None,
            authorization: SimpleAuthorization::default(),
            no_auth_user: None,
            ack_wait: Duration::from_secs(30),
            js_api_timeout: Duration::from_secs(5),
            max_ack_pending: 1024,
            js_domain: None,
            stream_replicas: None,
            consumer_memory_storage: false,
            consumer_inactive_threshold: None,
            reject_qos2_publish: false,
            downgrade_qos2_subscribe: false,
        }
    }
}
