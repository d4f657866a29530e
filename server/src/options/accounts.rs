//! The `accounts` block: isolated subject spaces and what they share.

use std::collections::BTreeMap;
use std::time::Duration;

use nats_conf::{Map, Node, Value};
use nats_jwt::nkey::{Kind, is_public_key};
use nats_proto::subject;

use super::authorization::{apply_default, users};
use super::permissions::permissions;
use super::setting::{self, Reading, Setting};
use super::sharing::{exports, imports, manual as sharing_manual};
use super::table::{Apply, Key, Reload, Row, change, change_unseen, key, read_map, rows};
use super::{GLOBAL_ACCOUNT, NkeyUser, Options, Permissions, User};

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
    /// JetStream by tier (`R1`, `R3`, …) instead; only an account's token has these.
    pub jetstream_tiers: BTreeMap<String, AccountJetStream>,
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

/// Top-level keys about accounts.
pub(super) static KEYS: &[Key<Options>] = &[
    Key {
        name: "accounts",
        aliases: &[],
        kind: "map of accounts or list of names",
        default: "only `$G` and `$SYS`",
        reload: Reload::Yes(Apply::Accounts),
        doc: "Isolated subject spaces, by name.",
        read: |options, setting, reading| options.accounts = accounts(setting, reading),
        change: |old, new| change_unseen(&old.accounts, &new.accounts),
        inner: manual,
    },
    Key {
        name: "mappings",
        aliases: &["maps"],
        kind: "map from subjects to destinations",
        default: "none",
        reload: Reload::Yes(Apply::Accounts),
        doc: "Subject mappings of the global account.",
        read: |options, setting, reading| {
            options.mappings = mappings(setting, reading).unwrap_or_default();
        },
        change: |old, new| change(&old.mappings, &new.mappings),
        inner: || rows(DESTINATION_KEYS),
    },
];

static ACCOUNT_KEYS: &[Key<Account>] = &[
    key!(
        "nkey",
        "public account key",
        "none",
        Reload::Inside,
        "Key of the account.",
        nkey = |setting: &Setting<'_>, reading: &mut Reading| {
            let key = setting::text(setting, reading)?;
            if !is_public_key(&key, Kind::Account) {
                reading.bad(
                    setting,
                    format!("Not a valid public nkey for an account: {key:?}"),
                );
                return None;
            }
            Some(Some(key))
        }
    ),
    Key {
        name: "users",
        aliases: &[],
        kind: "list of users",
        default: "none",
        reload: Reload::Inside,
        doc: "Users of the account, as in `authorization.users`.",
        read: |account, setting, reading| (account.nkeys, account.users) = users(setting, reading),
        change: |_, _| Vec::new(),
        inner: Vec::new,
    },
    key!(
        "default_permissions",
        "permissions",
        "everything",
        Reload::Inside,
        "Permissions of users that have none of their own.",
        default_permissions =
            |setting: &Setting<'_>, reading: &mut Reading| permissions(setting, reading).map(Some)
    ),
    key!(
        "exports",
        "list of exports",
        "none",
        Reload::Inside,
        "What others may import.",
        exports = exports
    ),
    key!(
        "imports",
        "list of imports",
        "none",
        Reload::Inside,
        "What comes from others.",
        imports = imports
    ),
    key!(
        "mappings" | "maps",
        "map from subjects to destinations",
        "none",
        Reload::Inside,
        "Subject mappings.",
        mappings = mappings
    ),
    Key {
        name: "limits",
        aliases: &[],
        kind: "map",
        default: "unlimited",
        reload: Reload::Inside,
        doc: "Limits of the account.",
        read: |account, setting, reading| {
            read_map(&mut account.limits, LIMIT_KEYS, setting, reading);
        },
        change: |_, _| Vec::new(),
        inner: || rows(LIMIT_KEYS),
    },
    key!(
        "jetstream",
        "boolean, enabled, disabled or map",
        "disabled",
        Reload::Inside,
        "JetStream for this account, without limits or with these.",
        jetstream = jetstream
    ),
    key!(
        "msg_trace" | "trace_dest",
        "subject or {dest, sampling}",
        "none",
        Reload::Inside,
        "Where traces of messages with a sampled `traceparent` go.",
        msg_trace = msg_trace
    ),
];

static LIMIT_KEYS: &[Key<AccountLimits>] = &[
    key!(
        "max_connections" | "max_conn",
        "number",
        "unlimited",
        Reload::Inside,
        "Client connections; negative is unlimited.",
        max_connections = setting::bound_or_zero
    ),
    key!(
        "max_subscriptions" | "max_subs",
        "number",
        "unlimited",
        Reload::Inside,
        "Subscriptions per connection; negative is unlimited.",
        max_subscriptions = setting::bound_or_zero
    ),
    key!(
        "max_payload" | "max_pay",
        "size",
        "unlimited",
        Reload::Inside,
        "Bytes of a message; negative is unlimited.",
        max_payload = setting::bound_or_zero
    ),
    key!(
        "max_leafnodes" | "max_leafs",
        "number",
        "unlimited",
        Reload::Inside,
        "Leaf node connections; negative is unlimited.",
        max_leafnodes = setting::bound_or_zero
    ),
];

static JETSTREAM_KEYS: &[Key<AccountJetStream>] = &[
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

/// A trace destination while it is read.
#[derive(Default)]
struct TraceDraft {
    destination: Option<String>,
    sampling: Option<u8>,
}

static TRACE_KEYS: &[Key<TraceDraft>] = &[
    key!(
        "dest",
        "subject",
        "required",
        Reload::Inside,
        "Subject for the traces.",
        destination =
            |setting: &Setting<'_>, reading: &mut Reading| trace_destination(setting, reading)
                .map(Some)
    ),
    key!(
        "sampling",
        "1 to 100",
        "100",
        Reload::Inside,
        "Percentage of those messages that are traced.",
        sampling = |setting: &Setting<'_>, reading: &mut Reading| {
            percent(setting, reading).and_then(|percent| match percent {
                1..=100 => Some(Some(percent)),
                _ => {
                    reading.bad(setting, format!("Trace destination sampling value {percent} is invalid, needs to be [1..100]"));
                    None
                }
            })
        }
    ),
];

/// One destination of a mapping while it is read.
#[derive(Default)]
struct DestinationDraft {
    subject: String,
    weight: Option<u8>,
    cluster: Option<String>,
}

static DESTINATION_KEYS: &[Key<DestinationDraft>] = &[
    key!(
        "destination" | "dest",
        "subject",
        "required",
        Reload::Inside,
        "Subject that messages are delivered on; may hold transforms like `{{wildcard(1)}}`.",
        subject = setting::text
    ),
    key!(
        "weight",
        "0 to 100",
        "required",
        Reload::Inside,
        "Percentage of the messages; `\"20%\"` or 20.",
        weight = |setting: &Setting<'_>, reading: &mut Reading| percent(setting, reading).map(Some)
    ),
    key!(
        "cluster",
        "name",
        "all",
        Reload::Inside,
        "Only in this cluster.",
        cluster = setting::optional_text
    ),
];

/// The rows of an account for the manual.
fn manual() -> Vec<Row> {
    let mut all = rows(ACCOUNT_KEYS);
    all.extend(sharing_manual());
    for (parent, inner) in [
        ("mappings", rows(DESTINATION_KEYS)),
        ("jetstream", rows(JETSTREAM_KEYS)),
        ("msg_trace", rows(TRACE_KEYS)),
    ] {
        all.extend(inner.into_iter().map(|row| Row {
            path: format!("{parent}.{}", row.path),
            ..row
        }));
    }
    all.into_iter()
        .map(|row| Row {
            path: format!("NAME.{}", row.path),
            ..row
        })
        .collect()
}

fn accounts(setting: &Setting<'_>, reading: &mut Reading) -> Vec<Account> {
    let mut accounts: Vec<Account> = Vec::new();
    match &setting.node.value {
        Value::Array(items) => {
            for node in items {
                let Some(name) = setting::text(
                    &Setting {
                        name: setting.name,
                        node,
                    },
                    reading,
                ) else {
                    continue;
                };
                if accounts.iter().any(|account| account.name == name) {
                    reading.error(&node.at, format!("Duplicate Account Entry: {name}"));
                } else if is_permitted(&name, node, reading) {
                    accounts.push(Account {
                        name,
                        ..Account::default()
                    });
                }
            }
        }
        Value::Map(map) => {
            for (name, node) in map.iter().filter(|(_, node)| !node.used_as_variable) {
                if !matches!(node.value, Value::Map(_)) {
                    reading.error(&node.at, "Expected map entries for accounts");
                } else if is_permitted(name, node, reading) {
                    accounts.push(account(
                        name,
                        &Setting {
                            name: setting.name,
                            node,
                        },
                        reading,
                    ));
                }
            }
        }
        _ => reading.wrong_type(setting, "a map of accounts or a list of names"),
    }
    accounts
}

fn is_permitted(name: &str, node: &Node, reading: &mut Reading) -> bool {
    let reserved = name == GLOBAL_ACCOUNT;
    if reserved {
        reading.error(&node.at, format!("{name:?} is a Reserved Account"));
    }
    !reserved
}

fn account(name: &str, setting: &Setting<'_>, reading: &mut Reading) -> Account {
    let mut account = Account {
        name: name.to_owned(),
        ..Account::default()
    };
    read_map(&mut account, ACCOUNT_KEYS, setting, reading);
    apply_default(
        &account.default_permissions,
        &mut account.users,
        &mut account.nkeys,
    );
    account
}

fn jetstream(setting: &Setting<'_>, reading: &mut Reading) -> Option<Option<AccountJetStream>> {
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
            read_map(&mut limits, JETSTREAM_KEYS, setting, reading);
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

fn msg_trace(setting: &Setting<'_>, reading: &mut Reading) -> Option<Option<MessageTrace>> {
    let mut draft = TraceDraft::default();
    match &setting.node.value {
        Value::String(_) => draft.destination = trace_destination(setting, reading),
        _ => {
            read_map(&mut draft, TRACE_KEYS, setting, reading);
            if draft.destination.is_none() && draft.sampling.is_some() {
                reading.warning(
                    setting,
                    "Trace destination sampling ignored since no destination was set",
                );
            }
        }
    }
    Some(draft.destination.map(|destination| MessageTrace {
        destination,
        sampling: draft.sampling.unwrap_or(100),
    }))
}

fn trace_destination(setting: &Setting<'_>, reading: &mut Reading) -> Option<String> {
    let destination = setting::text(setting, reading)?;
    if !subject::is_valid_publish(destination.as_bytes()) {
        reading.bad(
            setting,
            format!("Trace destination {destination:?} is not valid"),
        );
        return None;
    }
    Some(destination)
}

/// A percentage as a number or as text with or without the sign, 0 to 100.
pub(super) fn percent(setting: &Setting<'_>, reading: &mut Reading) -> Option<u8> {
    let number = match &setting.node.value {
        Value::Integer(number) => Some(*number),
        Value::String(text) => text.strip_suffix('%').unwrap_or(text).parse().ok(),
        _ => None,
    };
    let percent = number
        .and_then(|number| u8::try_from(number).ok())
        .filter(|percent| *percent <= 100);
    if percent.is_none() {
        reading.bad(
            setting,
            format!("{} must be a percentage from 0 to 100", setting.name),
        );
    }
    percent
}

fn mappings(setting: &Setting<'_>, reading: &mut Reading) -> Option<Vec<Mapping>> {
    let map = setting::map(setting, reading)?;
    Some(
        map.iter()
            .filter_map(|(source, node)| mapping(source, node, reading))
            .collect(),
    )
}

fn mapping(source: &str, node: &Node, reading: &mut Reading) -> Option<Mapping> {
    if !subject::is_valid(source.as_bytes()) {
        reading.error(
            &node.at,
            format!("Subject {source:?} is not a valid subject"),
        );
        return None;
    }
    let destinations = match &node.value {
        Value::String(subject) => vec![MappingDestination {
            subject: subject.clone(),
            weight: 100,
            cluster: None,
        }],
        Value::Map(map) => destination(map, node, reading).into_iter().collect(),
        Value::Array(items) => {
            let one = |item: &Node, reading: &mut Reading| match &item.value {
                Value::Map(map) => destination(map, item, reading),
                _ => {
                    reading.error(&item.at, "Expected an entry for the mapping destination");
                    None
                }
            };
            items.iter().filter_map(|item| one(item, reading)).collect()
        }
        other => {
            reading.error(
                &node.at,
                format!(
                    "Expected a subject, a map or a list for the mapping destination, got {}",
                    other.kind()
                ),
            );
            return None;
        }
    };
    let checked: Vec<_> = destinations
        .iter()
        .map(|one| nats_proto::transform::Destination {
            cluster: one.cluster.clone().unwrap_or_default(),
            ..nats_proto::transform::Destination::new(one.subject.clone(), one.weight)
        })
        .collect();
    if let Err(error) = nats_proto::transform::Mappings::new().add(source, &checked) {
        let is_cut =
            |to: &MappingDestination| to.subject.contains("{{") && !to.subject.contains("}}");
        let hint = match destinations.iter().any(is_cut) {
            true => "; a '}' ends a value without quotes: put the destination in quotes",
            false => "",
        };
        reading.error(
            &node.at,
            format!("Error adding mapping for {source:?} : {error}{hint}"),
        );
        return None;
    }
    Some(Mapping {
        subject: source.to_owned(),
        destinations,
    })
}

fn destination(map: &Map, node: &Node, reading: &mut Reading) -> Option<MappingDestination> {
    let mut draft = DestinationDraft::default();
    let known_errors = reading.errors.len();
    super::table::read_block(&mut draft, &[DESTINATION_KEYS], map, reading);
    if reading.errors.len() > known_errors {
        return None;
    }
    let Some(weight) = draft.weight else {
        reading.error(
            &node.at,
            format!("Missing weight for mapping destination {:?}", draft.subject),
        );
        return None;
    };
    Some(MappingDestination {
        subject: draft.subject,
        weight,
        cluster: draft.cluster,
    })
}
