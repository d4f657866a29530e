//! JetStream of an account: on, off, or within limits.

use nats_conf::Value;

use super::setting::{self, Reading, Setting};
use super::table::{Key, Reload, key, read_map};

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

pub(super) static KEYS: &[Key<AccountJetStream>] = &[
    key!(
        "max_memory" | "max_mem" | "mem" | "memory",
        "size",
        "unlimited",
        Reload::Inside,
        "Bytes in memory.",
        max_memory = setting::bound_or_zero
    ),
    key!(
        "max_store" | "max_file" | "max_disk" | "store" | "disk",
        "size",
        "unlimited",
        Reload::Inside,
        "Bytes on disk.",
        max_store = setting::bound_or_zero
    ),
    key!(
        "max_streams" | "streams",
        "number",
        "unlimited",
        Reload::Inside,
        "Streams.",
        max_streams = setting::bound_or_zero
    ),
    key!(
        "max_consumers" | "consumers",
        "number",
        "unlimited",
        Reload::Inside,
        "Consumers.",
        max_consumers = setting::bound_or_zero
    ),
    key!(
        "max_bytes_required" | "max_stream_bytes" | "max_bytes",
        "boolean",
        "false",
        Reload::Inside,
        "Every stream must say how big it may become.",
        max_bytes_required = setting::truth
    ),
    key!(
        "mem_max_stream_bytes" | "memory_max_stream_bytes",
        "size",
        "unlimited",
        Reload::Inside,
        "Bytes of one stream in memory.",
        memory_max_stream_bytes = setting::bound_or_zero
    ),
    key!(
        "disk_max_stream_bytes" | "store_max_stream_bytes",
        "size",
        "unlimited",
        Reload::Inside,
        "Bytes of one stream on disk.",
        disk_max_stream_bytes = setting::bound_or_zero
    ),
    key!(
        "max_ack_pending",
        "number",
        "unlimited",
        Reload::Inside,
        "Unacknowledged messages of a consumer.",
        max_ack_pending = setting::bound_or_zero
    ),
    key!(
        "cluster_traffic",
        "system or owner",
        "system",
        Reload::Inside,
        "Whose account carries the replication traffic.",
        cluster_traffic = |setting: &Setting<'_>, reading: &mut Reading| match setting::text(
            setting, reading
        )?
        .as_str()
        {
            "system" | "" => Some(ClusterTraffic::System),
            "owner" => Some(ClusterTraffic::Owner),
            other => {
                reading.bad(setting, format!("Expected 'system' or 'owner' string value for \"cluster_traffic\", got {other}"));
                None
            }
        }
    ),
];

pub(super) fn jetstream(
    setting: &Setting<'_>,
    reading: &mut Reading,
) -> Option<Option<AccountJetStream>> {
    let on = || Some(AccountJetStream::default());
    match &setting.node.value {
        Value::Bool(enabled) => Some(enabled.then(AccountJetStream::default)),
        Value::String(word) => match word.to_lowercase().as_str() {
            "enabled" | "enable" => Some(on()),
            "disabled" | "disable" => Some(None),
            _ => {
                reading.bad(
                    setting,
                    format!("Expected 'enabled' or 'disabled' for string value, got '{word}'"),
                );
                None
            }
        },
        Value::Map(_) => {
            let mut limits = AccountJetStream::default();
            read_map(&mut limits, KEYS, setting, reading);
            Some(Some(limits))
        }
        _ => {
            reading.bad(
                setting,
                format!(
                    "Expected map, bool or string to define JetStream, got {}",
                    setting.node.value.kind()
                ),
            );
            None
        }
    }
}
