//! The `accounts` block: isolated subject spaces and what they share.

use std::collections::BTreeMap;
use std::time::Duration;

use nats_conf::{Node, Value};
use nats_jwt::nkey::{Kind, is_public_key};
use nats_proto::subject;

use super::account_jetstream::{self, AccountJetStream, jetstream};
use super::authorization::{apply_default, users};
use super::mappings::{DESTINATION_KEYS, Mapping, mappings, percent};
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

/// The rows of an account for the manual.
fn manual() -> Vec<Row> {
    let mut all = rows(ACCOUNT_KEYS);
    all.extend(sharing_manual());
    for (parent, inner) in [
        ("mappings", rows(DESTINATION_KEYS)),
        ("jetstream", rows(account_jetstream::KEYS)),
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
