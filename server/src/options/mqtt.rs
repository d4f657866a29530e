//! The `mqtt` block.

use std::time::Duration;

use super::listener_keys::{self, Listens, OwnAuthorization};
use super::setting::{self, Reading, Setting};
use super::table::{Apply, Key, Reload, differences, key, read_map, rows};
use super::{Listener, Options, SimpleAuthorization, Tls, tls_keys};

/// The MQTT port.
#[derive(Clone, Debug, PartialEq)]
pub struct Mqtt {
    /// Where it listens.
    pub listen: Listener,
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
            listen: Listener::default(),
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

/// The top-level key about MQTT.
pub(super) static KEYS: &[Key<Options>] = &[Key {
    name: "mqtt",
    aliases: &[],
    kind: "map",
    default: "none",
    reload: Reload::No,
    doc: "The MQTT port.",
    read: |options, setting, reading| {
        let mut mqtt = Mqtt::default();
        if read_map(&mut mqtt, BLOCK_KEYS, setting, reading) {
            options.mqtt = Some(mqtt);
        }
    },
    change: |old, new| {
        let (old, new) = (
            old.mqtt.clone().unwrap_or_default(),
            new.mqtt.clone().unwrap_or_default(),
        );
        differences(&old, &new, BLOCK_KEYS)
    },
    inner: || rows(BLOCK_KEYS),
}];

impl Listens for Mqtt {
    fn listener(&mut self) -> &mut Listener {
        &mut self.listen
    }

    fn at(&self) -> &Listener {
        &self.listen
    }
}

impl OwnAuthorization for Mqtt {
    fn own(&mut self) -> (&mut SimpleAuthorization, &mut Option<String>) {
        (&mut self.authorization, &mut self.no_auth_user)
    }

    fn owned(&self) -> (&SimpleAuthorization, &Option<String>) {
        (&self.authorization, &self.no_auth_user)
    }
}

static BLOCK_KEYS: &[Key<Mqtt>] = &[
    listener_keys::listen("Where MQTT clients are accepted."),
    listener_keys::host(),
    listener_keys::port(),
    key!(
        "tls",
        "tls",
        "none",
        Reload::Yes(Apply::Tls),
        "TLS of the port.",
        tls = tls_keys::tls
    ),
    listener_keys::own_authorization(),
    listener_keys::own_no_auth_user(),
    key!(
        "ack_wait" | "ackwait",
        "duration",
        "30s",
        Reload::Yes(Apply::Mqtt),
        "Time after which an unacknowledged message is sent again.",
        ack_wait = |setting: &Setting<'_>, reading: &mut Reading| {
            setting::or_default(setting::duration(setting, reading), Duration::from_secs(30))
        }
    ),
    key!(
        "js_api_timeout" | "api_timeout",
        "duration",
        "5s",
        Reload::No,
        "How long a JetStream request may take.",
        js_api_timeout = |setting: &Setting<'_>, reading: &mut Reading| {
            setting::or_default(setting::duration(setting, reading), Duration::from_secs(5))
        }
    ),
    key!(
        "max_ack_pending" | "max_pending" | "max_inflight",
        "0 to 65535",
        "1024",
        Reload::Yes(Apply::Mqtt),
        "Unacknowledged messages per subscription.",
        max_ack_pending = |setting: &Setting<'_>, reading: &mut Reading| {
            let number = setting::integer(setting, reading)?;
            match u16::try_from(number) {
                Ok(0) => Some(1024),
                Ok(number) => Some(number),
                Err(_) => {
                    reading.bad(
                        setting,
                        format!("invalid value {number}, should in [0..65535] range"),
                    );
                    None
                }
            }
        }
    ),
    key!(
        "js_domain",
        "name",
        "none",
        Reload::No,
        "JetStream domain.",
        js_domain = setting::optional_text
    ),
    key!(
        "stream_replicas",
        "number",
        "by the size of the cluster",
        Reload::Yes(Apply::Mqtt),
        "Replicas of the streams.",
        stream_replicas = setting::bound
    ),
    Key {
        name: "consumer_replicas",
        aliases: &[],
        kind: "number",
        default: "that of the streams",
        reload: Reload::Yes(Apply::Mqtt),
        doc: "Has no effect any more.",
        read: |_, setting, reading| {
            reading.field_warning(
                setting,
                "consumer replicas setting ignored in this server version",
            )
        },
        change: |_, _| Vec::new(),
        inner: Vec::new,
    },
    key!(
        "consumer_memory_storage",
        "boolean",
        "false",
        Reload::Yes(Apply::Mqtt),
        "Keep consumers in memory.",
        consumer_memory_storage = setting::truth
    ),
    key!(
        "consumer_inactive_threshold" | "consumer_auto_cleanup",
        "duration",
        "none",
        Reload::Yes(Apply::Mqtt),
        "Remove consumers that are idle for so long.",
        consumer_inactive_threshold = super::cluster::deadline
    ),
    key!(
        "reject_qos2_publish",
        "boolean",
        "false",
        Reload::No,
        "Refuse QoS 2 messages.",
        reject_qos2_publish = setting::truth
    ),
    key!(
        "downgrade_qos2_subscribe",
        "boolean",
        "false",
        Reload::No,
        "Serve QoS 2 subscriptions with QoS 1.",
        downgrade_qos2_subscribe = setting::truth
    ),
];
