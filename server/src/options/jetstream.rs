//! The `jetstream` block.

use std::path::PathBuf;
use std::time::Duration;

use nats_conf::{Node, Value};

use super::setting::{self, Reading, Setting};
use super::table::{
    Apply, Key, Reload, Row, change, change_unseen, differences, key, read_map, rows,
};
use super::{Options, Secret};

/// Streams and consumers. `None` is the default of the subsystem.
#[derive(Clone, Debug, PartialEq)]
pub struct JetStream {
    /// Whether JetStream runs.
    pub enabled: bool,
    /// Refuse requests with unknown fields.
    pub strict: bool,
    /// When a write is on disk.
    pub sync: SyncPolicy,
    /// Memory for streams.
    pub max_memory_store: StoreSize,
    /// Disk for streams.
    pub max_file_store: StoreSize,
    /// Domain.
    pub domain: Option<String>,
    /// Key for encryption at rest.
    pub key: Secret,
    /// Former key.
    pub prev_key: Secret,
    /// Cipher for encryption at rest.
    pub cipher: Option<StoreCipher>,
    /// `extension_hint`: whether a leaf node's JetStream extends the hub's.
    pub extension_hint: Option<String>,
    /// Prefix of the server tag that must differ between the replicas of a stream, in lower case.
    pub unique_tag: Option<String>,
    /// Bytes on their way to a server that catches up.
    pub max_outstanding_catchup: Option<u64>,
    /// Messages that may wait for a stream.
    pub max_buffered_msgs: Option<u64>,
    /// Bytes that may wait for a stream.
    pub max_buffered_size: Option<u64>,
    /// API requests that may wait.
    pub request_queue_limit: Option<u64>,
    /// Info requests that may wait; `request_queue_limit` when absent.
    pub info_queue_limit: Option<u64>,
    /// Entries after which the meta log is compacted.
    pub meta_compact: Option<u64>,
    /// Bytes after which the meta log is compacted.
    pub meta_compact_size: Option<u64>,
    /// Compact it synchronously.
    pub meta_compact_sync: bool,
    /// File operations at once, 4 to 8192.
    pub max_concurrent_io: Option<u32>,
    /// Key in a trusted platform module.
    pub tpm: Option<Tpm>,
    /// Limits of every stream and consumer.
    pub limits: JetStreamLimits,
}

impl Default for JetStream {
    fn default() -> Self {
        Self {
            enabled: false,
            strict: true,
            sync: SyncPolicy::Default,
            max_memory_store: StoreSize::Automatic,
            max_file_store: StoreSize::Automatic,
            domain: None,
            key: Secret::default(),
            prev_key: Secret::default(),
            cipher: None,
            extension_hint: None,
            unique_tag: None,
            max_outstanding_catchup: None,
            max_buffered_msgs: None,
            max_buffered_size: None,
            request_queue_limit: None,
            info_queue_limit: None,
            meta_compact: None,
            meta_compact_size: None,
            meta_compact_sync: false,
            max_concurrent_io: None,
            tpm: None,
            limits: JetStreamLimits::default(),
        }
    }
}

/// When a write is on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SyncPolicy {
    /// Not configured.
    #[default]
    Default,
    /// Before every acknowledgement.
    Always,
    /// Every so often.
    Every(Duration),
}

/// How much may be stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StoreSize {
    /// A share of what the machine has.
    #[default]
    Automatic,
    /// This many bytes.
    Bytes(u64),
}

/// Cipher for encryption at rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreCipher {
    /// ChaCha20-Poly1305.
    ChaCha,
    /// AES-GCM.
    Aes,
}

/// Key in a trusted platform module.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tpm {
    /// File with the sealed keys.
    pub keys_file: String,
    /// Password of the key.
    pub encryption_password: Secret,
    /// Password of the storage root key.
    pub srk_password: Secret,
    /// Platform configuration register.
    pub pcr: i64,
}

/// Limits of every stream and consumer; `None` is the default of the subsystem.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JetStreamLimits {
    /// Unacknowledged messages of a consumer.
    pub max_ack_pending: Option<i64>,
    /// Replicated streams and consumers on one server.
    pub max_ha_assets: Option<i64>,
    /// Messages that one pull request may ask for.
    pub max_request_batch: Option<i64>,
    /// Consumers of a stream that says nothing itself; negative is any number.
    pub default_max_consumers: Option<i64>,
    /// Longest duplicate window.
    pub duplicate_window: Option<Duration>,
    /// Atomic batches.
    pub batch: BatchLimits,
}

/// Limits of atomic batches; `None` is the default of the subsystem.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchLimits {
    /// Open batches per stream.
    pub max_inflight_per_stream: Option<i64>,
    /// Open batches in all.
    pub max_inflight_total: Option<i64>,
    /// Messages in a batch.
    pub max_msgs: Option<i64>,
    /// How long a batch may stay open.
    pub timeout: Option<Duration>,
}

/// Top-level keys about streams.
pub(super) static KEYS: &[Key<Options>] = &[
    Key {
        name: "jetstream",
        aliases: &[],
        kind: "boolean, enabled, disabled or map",
        default: "disabled",
        reload: Reload::Yes(Apply::JetStream),
        doc: "Streams and consumers.",
        read: read_jetstream,
        change: |old, new| {
            let mut all = change(&old.jetstream.enabled, &new.jetstream.enabled);
            all.extend(differences(&old.jetstream, &new.jetstream, BLOCK_KEYS));
            all
        },
        inner: manual,
    },
    Key {
        name: "store_dir",
        aliases: &["storedir"],
        kind: "folder",
        default: "the system's folder for temporary files",
        reload: Reload::Rule {
            words: "only while JetStream is off",
            permits: |old, new| !old.jetstream.enabled || !new.jetstream.enabled,
            apply: Apply::WhenRead,
        },
        doc: "Folder for data; JetStream's lives in `jetstream` inside of it.",
        read: |options, setting, reading| {
            let folder = setting::path(setting, reading).flatten();
            set_store_dir(options, folder, setting.node, reading);
        },
        change: |old, new| change(&old.store_dir, &new.store_dir),
        inner: Vec::new,
    },
    key!(
        "default_js_domain",
        "map from accounts to domains",
        "none",
        Reload::No,
        "JetStream domain for accounts that have no JetStream here.",
        default_js_domain = setting::text_map
    ),
];

static BLOCK_KEYS: &[Key<JetStream>] = &[
    key!(
        "strict",
        "boolean",
        "true",
        Reload::No,
        "Refuse requests with unknown fields.",
        strict = setting::truth
    ),
    key!(
        "sync_interval" | "sync",
        "duration or always",
        "always",
        Reload::No,
        "`always` acknowledges a message when it is on disk; a duration acknowledges earlier and syncs so often. What either can lose: [durability](durability.md).",
        sync = sync
    ),
    key!(
        "max_memory_store" | "max_mem_store" | "max_mem",
        "size",
        "75% of the memory",
        Reload::Rule {
            words: "only to more",
            permits: |old, new| grows(old.max_memory_store, new.max_memory_store),
            apply: Apply::JetStream,
        },
        "Memory for streams. A number is decimal (10G), a quoted string binary (\"10G\").",
        max_memory_store = store_size
    ),
    key!(
        "max_file_store" | "max_file",
        "size",
        "75% of the free disk",
        Reload::Rule {
            words: "only to more",
            permits: |old, new| grows(old.max_file_store, new.max_file_store),
            apply: Apply::JetStream,
        },
        "Disk for streams. A number is decimal (10G), a quoted string binary (\"10G\").",
        max_file_store = store_size
    ),
    key!(
        "domain",
        "name",
        "none",
        Reload::No,
        "JetStream domain.",
        domain = setting::optional_text
    ),
    key!(
        "key" | "ek" | "encryption_key",
        "text",
        "none",
        Reload::No,
        "Key for encryption at rest.",
        key = setting::secret
    ),
    key!(
        "prev_key" | "prev_ek" | "prev_encryption_key",
        "text",
        "none",
        Reload::No,
        "Former key, to read and convert what it encrypted.",
        prev_key = setting::secret
    ),
    key!(
        "cipher",
        "chacha or aes",
        "chacha",
        Reload::No,
        "Cipher for encryption at rest.",
        cipher = cipher
    ),
    key!(
        "extension_hint",
        "no_extend or will_extend",
        "none",
        Reload::No,
        "Whether a leaf node's JetStream extends the hub's.",
        extension_hint = setting::optional_text
    ),
    key!(
        "unique_tag",
        "text",
        "none",
        Reload::No,
        "Prefix of the server tag that must differ between replicas.",
        unique_tag = |setting: &Setting<'_>, reading: &mut Reading| {
            let tag = setting::text(setting, reading)?.trim().to_lowercase();
            Some(Some(tag).filter(|tag| !tag.is_empty()))
        }
    ),
    key!(
        "max_outstanding_catchup",
        "size",
        "64MB",
        Reload::No,
        "Bytes on their way to a server that catches up.",
        max_outstanding_catchup = size_bound
    ),
    key!(
        "max_buffered_msgs",
        "number",
        "100000",
        Reload::No,
        "Messages that may wait for a stream.",
        max_buffered_msgs = setting::bound
    ),
    key!(
        "max_buffered_size",
        "size",
        "128MB",
        Reload::No,
        "Bytes that may wait for a stream.",
        max_buffered_size = size_bound
    ),
    key!(
        "request_queue_limit",
        "number",
        "10000",
        Reload::No,
        "API requests that may wait.",
        request_queue_limit = setting::bound
    ),
    key!(
        "info_queue_limit",
        "number",
        "request_queue_limit",
        Reload::No,
        "Info requests that may wait.",
        info_queue_limit = setting::bound
    ),
    key!(
        "meta_compact",
        "number",
        "automatic",
        Reload::Yes(Apply::WhenRead),
        "Entries after which the meta log is compacted.",
        meta_compact =
            |setting: &Setting<'_>, reading: &mut Reading| setting::count(setting, reading)
                .map(Some)
    ),
    key!(
        "meta_compact_size",
        "size",
        "automatic",
        Reload::Yes(Apply::WhenRead),
        "Bytes after which the meta log is compacted.",
        meta_compact_size =
            |setting: &Setting<'_>, reading: &mut Reading| not_negative(setting, reading).map(Some)
    ),
    key!(
        "meta_compact_sync",
        "boolean",
        "false",
        Reload::Yes(Apply::WhenRead),
        "Compact the meta log synchronously.",
        meta_compact_sync = setting::truth
    ),
    key!(
        "max_concurrent_io",
        "4 to 8192",
        "4096",
        Reload::No,
        "File operations at once.",
        max_concurrent_io = concurrent_io
    ),
    Key {
        name: "limits",
        aliases: &[],
        kind: "map",
        default: "those of the subsystem",
        reload: Reload::No,
        doc: "Limits of every stream and consumer.",
        read: |block, setting, reading| {
            read_map(&mut block.limits, LIMIT_KEYS, setting, reading);
        },
        change: |old, new| change(&old.limits, &new.limits),
        inner: || rows(LIMIT_KEYS),
    },
    Key {
        name: "tpm",
        aliases: &[],
        kind: "map",
        default: "none",
        reload: Reload::No,
        doc: "Key for encryption at rest in a trusted platform module.",
        read: |block, setting, reading| {
            let mut draft = (Tpm::default(), block.cipher);
            read_map(&mut draft, TPM_KEYS, setting, reading);
            (block.tpm, block.cipher) = (Some(draft.0), draft.1);
        },
        change: |old, new| change_unseen(&old.tpm, &new.tpm),
        inner: || rows(TPM_KEYS),
    },
];

/// The switch inside of the block, which is on unless it says otherwise.
static SWITCH_KEYS: &[Key<JetStream>] = &[key!(
    "enabled" | "enable",
    "boolean",
    "true",
    Reload::Yes(Apply::JetStream),
    "Whether JetStream runs.",
    enabled = setting::truth
)];

static LIMIT_KEYS: &[Key<JetStreamLimits>] = &[
    key!(
        "max_ack_pending",
        "number",
        "automatic",
        Reload::Inside,
        "Unacknowledged messages of a consumer.",
        max_ack_pending = some_integer
    ),
    key!(
        "max_ha_assets",
        "number",
        "unlimited",
        Reload::Inside,
        "Replicated streams and consumers on one server.",
        max_ha_assets = some_integer
    ),
    key!(
        "max_request_batch",
        "number",
        "unlimited",
        Reload::Inside,
        "Messages that one pull request may ask for.",
        max_request_batch = some_integer
    ),
    key!(
        "default_max_consumers",
        "number",
        "1000",
        Reload::Inside,
        "Consumers of a stream without a limit of its own, in an account without one; -1 is any number.",
        default_max_consumers = some_integer
    ),
    key!(
        "duplicate_window",
        "duration",
        "unlimited",
        Reload::Inside,
        "Longest duplicate window.",
        duplicate_window = some_duration
    ),
    Key {
        name: "batch",
        aliases: &[],
        kind: "map",
        default: "those of the subsystem",
        reload: Reload::Inside,
        doc: "Limits of atomic batches.",
        read: |limits, setting, reading| {
            read_map(&mut limits.batch, BATCH_KEYS, setting, reading);
        },
        change: |_, _| Vec::new(),
        inner: || rows(BATCH_KEYS),
    },
];

static BATCH_KEYS: &[Key<BatchLimits>] = &[
    key!(
        "max_inflight_per_stream",
        "number",
        "50, fast 1000",
        Reload::Inside,
        "Open batches per stream.",
        max_inflight_per_stream = some_integer
    ),
    key!(
        "max_inflight_total",
        "number",
        "1000, fast 50000",
        Reload::Inside,
        "Open batches in all.",
        max_inflight_total = some_integer
    ),
    key!(
        "max_msgs",
        "number",
        "1000",
        Reload::Inside,
        "Messages in a batch.",
        max_msgs = some_integer
    ),
    key!(
        "timeout",
        "duration",
        "10s",
        Reload::Inside,
        "How long a batch may stay open.",
        timeout = some_duration
    ),
];

static TPM_KEYS: &[Key<(Tpm, Option<StoreCipher>)>] = &[
    key_of_tpm(
        "keys_file",
        "file",
        "File with the sealed keys.",
        |(tpm, _), setting, reading| {
            tpm.keys_file = setting::text(setting, reading).unwrap_or_default();
        },
    ),
    key_of_tpm(
        "encryption_password",
        "text",
        "Password of the key.",
        |(tpm, _), setting, reading| {
            tpm.encryption_password = setting::secret(setting, reading).unwrap_or_default();
        },
    ),
    key_of_tpm(
        "srk_password",
        "text",
        "Password of the storage root key.",
        |(tpm, _), setting, reading| {
            tpm.srk_password = setting::secret(setting, reading).unwrap_or_default();
        },
    ),
    key_of_tpm(
        "pcr",
        "number",
        "Platform configuration register.",
        |(tpm, _), setting, reading| {
            tpm.pcr = setting::integer(setting, reading).unwrap_or_default();
        },
    ),
    key_of_tpm(
        "cipher",
        "chacha or aes",
        "As `cipher` of the block.",
        |(_, store_cipher), setting, reading| {
            if let Some(configured) = cipher(setting, reading) {
                *store_cipher = configured;
            }
        },
    ),
];

type TpmDraft = (Tpm, Option<StoreCipher>);

const fn key_of_tpm(
    name: &'static str,
    kind: &'static str,
    doc: &'static str,
    read: fn(&mut TpmDraft, &Setting<'_>, &mut Reading),
) -> Key<TpmDraft> {
    Key {
        name,
        aliases: &[],
        kind,
        default: "none",
        reload: Reload::Inside,
        doc,
        read,
        change: |_, _| Vec::new(),
        inner: Vec::new,
    }
}

/// The rows of the block for the manual.
fn manual() -> Vec<Row> {
    let mut all = rows(SWITCH_KEYS);
    all.extend(rows(BLOCK_KEYS));
    all.push(Row {
        path: "store_dir".to_owned(),
        aliases: &["store", "storedir"],
        kind: "folder",
        default: "the top-level key",
        reload: "only while JetStream is off".to_owned(),
        doc: "As the top-level key; only one of the two may be there.",
    });
    all
}

fn read_jetstream(options: &mut Options, setting: &Setting<'_>, reading: &mut Reading) {
    match &setting.node.value {
        Value::Bool(enabled) => options.jetstream.enabled = *enabled,
        Value::String(word) => match word.to_lowercase().as_str() {
            "enabled" | "enable" => options.jetstream.enabled = true,
            "disabled" | "disable" => options.jetstream.enabled = false,
            _ => reading.bad(
                setting,
                format!("Expected 'enabled' or 'disabled' for string value, got '{word}'"),
            ),
        },
        Value::Map(map) => {
            let mut draft = Draft {
                block: JetStream {
                    enabled: true,
                    ..JetStream::default()
                },
                store_dir: None,
            };
            for (name, node) in map.iter() {
                let lower = name.to_lowercase();
                if ["store_dir", "store", "storedir"].contains(&lower.as_str()) {
                    let setting = Setting {
                        name: "store_dir",
                        node,
                    };
                    draft.store_dir = setting::path(&setting, reading)
                        .flatten()
                        .map(|path| (path, node));
                }
            }
            let others = map.iter().filter(|(name, _)| {
                !["store_dir", "store", "storedir"].contains(&name.to_lowercase().as_str())
            });
            super::table::read_entries(
                &mut draft.block,
                &[SWITCH_KEYS, BLOCK_KEYS],
                others,
                reading,
            );
            options.jetstream = draft.block;
            if let Some((folder, node)) = draft.store_dir {
                set_store_dir(options, Some(folder), node, reading);
            }
        }
        other => reading.bad(
            setting,
            format!(
                "Expected map, bool or string to define JetStream, got {}",
                other.kind()
            ),
        ),
    }
}

/// Sets the folder for data, which may be configured once only.
fn set_store_dir(
    options: &mut Options,
    folder: Option<PathBuf>,
    node: &Node,
    reading: &mut Reading,
) {
    if options.store_dir.is_some() {
        reading.error(&node.at, "Duplicate 'store_dir' configuration");
    }
    options.store_dir = folder;
}

/// The block while it is read.
struct Draft<'a> {
    block: JetStream,
    store_dir: Option<(PathBuf, &'a Node)>,
}

fn sync(setting: &Setting<'_>, reading: &mut Reading) -> Option<SyncPolicy> {
    if matches!(&setting.node.value, Value::String(word) if word.eq_ignore_ascii_case("always")) {
        return Some(SyncPolicy::Always);
    }
    setting::duration(setting, reading).map(SyncPolicy::Every)
}

/// A size; negative is the default, which depends on the machine.
fn store_size(setting: &Setting<'_>, reading: &mut Reading) -> Option<StoreSize> {
    let bytes = setting::size(setting, reading)?;
    Some(u64::try_from(bytes).map_or(StoreSize::Automatic, StoreSize::Bytes))
}

/// Whether a reload may go from one size to the other.
fn grows(old: StoreSize, new: StoreSize) -> bool {
    matches!((old, new), (StoreSize::Bytes(old), StoreSize::Bytes(new)) if new > old)
}

fn size_bound(setting: &Setting<'_>, reading: &mut Reading) -> Option<Option<u64>> {
    not_negative(setting, reading).map(|bytes| Some(bytes).filter(|bytes| *bytes > 0))
}

fn not_negative(setting: &Setting<'_>, reading: &mut Reading) -> Option<u64> {
    let bytes = u64::try_from(setting::size(setting, reading)?).ok();
    if bytes.is_none() {
        reading.bad(
            setting,
            format!("Expected an absolute size for {:?}", setting.name),
        );
    }
    bytes
}

fn concurrent_io(setting: &Setting<'_>, reading: &mut Reading) -> Option<Option<u32>> {
    let number = setting::integer(setting, reading)?;
    let fits = u32::try_from(number)
        .ok()
        .filter(|number| (4..=8192).contains(number));
    if fits.is_none() {
        reading.bad(
            setting,
            format!(
                "Expected an absolute size for {:?} between 4 and 8192, got {number}",
                setting.name
            ),
        );
    }
    fits.map(Some)
}

fn cipher(setting: &Setting<'_>, reading: &mut Reading) -> Option<Option<StoreCipher>> {
    let word = setting::text(setting, reading)?;
    match word.to_lowercase().as_str() {
        "chacha" | "chachapoly" => Some(Some(StoreCipher::ChaCha)),
        "aes" => Some(Some(StoreCipher::Aes)),
        _ => {
            reading.bad(setting, format!("Unknown cipher type: {word:?}"));
            None
        }
    }
}

fn some_integer(setting: &Setting<'_>, reading: &mut Reading) -> Option<Option<i64>> {
    setting::integer(setting, reading).map(|number| Some(number).filter(|number| *number != 0))
}

fn some_duration(setting: &Setting<'_>, reading: &mut Reading) -> Option<Option<Duration>> {
    setting::strict_duration(setting, reading)
        .map(|duration| Some(duration).filter(|duration| !duration.is_zero()))
}
