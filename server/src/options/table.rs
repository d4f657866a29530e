//! The form of a table: one row per key says everything that is known about it, and reading, reloading and the manual follow it.

use std::fmt::Debug;

use nats_conf::{Map, Node, Value};

use super::setting::{Reading, Setting};

/// One key of the block `B`.
pub(super) struct Key<B: 'static> {
    /// The name under which we speak of it.
    pub(super) name: &'static str,
    /// Other accepted spellings.
    pub(super) aliases: &'static [&'static str],
    /// What a value looks like, in words.
    pub(super) kind: &'static str,
    /// What holds when it is not configured, in words.
    pub(super) default: &'static str,
    /// What a reload does with it.
    pub(super) reload: Reload<B>,
    /// What it is for.
    pub(super) doc: &'static str,
    /// Takes the configured value into the block.
    pub(super) read: fn(&mut B, &Setting<'_>, &mut Reading),
    /// What differs between two blocks: nothing, this key, or keys inside of it.
    pub(super) change: fn(&B, &B) -> Vec<Difference>,
    /// The rows of the block that is this key's value.
    pub(super) inner: fn() -> Vec<Row>,
}

impl<B> Key<B> {
    /// The spellings that are accepted.
    fn names(&self) -> impl Iterator<Item = &'static str> + use<B> {
        std::iter::once(self.name).chain(self.aliases.iter().copied())
    }
}

/// What a reload does with a key.
pub(super) enum Reload<B: 'static> {
    /// A change is applied to the running server.
    Yes(Apply),
    /// A change needs a restart.
    No,
    /// A change is applied when the rule permits it.
    Rule {
        /// The rule in words.
        words: &'static str,
        /// Whether this change is permitted.
        permits: fn(&B, &B) -> bool,
        /// Then it is applied in this way.
        apply: Apply,
    },
    /// The keys inside of the block say it.
    Inside,
}

/// How a changed setting reaches the running server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Apply {
    /// It is read from the options whenever it is needed: there is nothing to do.
    WhenRead,
    /// Log targets and verbosity: set up the log again.
    Logging,
    /// TLS of listeners: build new configurations for new connections, and check pinned certificates of live ones.
    Tls,
    /// Who may do what: authenticate live connections again, drop what they lost.
    Access,
    /// Accounts, what they share and map: as [`Apply::Access`], and rebuild the accounts.
    Accounts,
    /// Trusted proxies: close connections that came through one that is trusted no more.
    Proxies,
    /// What the server says about itself in INFO, `/varz` and its events.
    Identity,
    /// Close the newest connections above the limit.
    MaxConnections,
    /// Bounds that live connections hold a copy of: tell them; INFO changes too.
    ClientLimits,
    /// Write the process id to the new place.
    PidFile,
    /// Write the ports to the new place, remove the old file.
    PortsFile,
    /// Tell clients the new address.
    ClientAdvertise,
    /// Routes.
    Cluster,
    /// Gateways.
    Gateway,
    /// Leaf nodes.
    LeafNodes,
    /// Streams and consumers.
    JetStream,
    /// MQTT.
    Mqtt,
    /// OCSP.
    Ocsp,
    /// Profiling.
    Profiling,
}

/// One key whose value differs, before the effect is known.
pub(super) struct Difference {
    /// Path of the key inside of the block.
    pub(super) path: String,
    /// The values, secrets not shown.
    pub(super) old: String,
    pub(super) new: String,
    /// What happens: `None` when the row around decides.
    pub(super) effect: Option<Effect>,
}

/// What becomes of a changed setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It is applied in this way.
    Applied(Apply),
    /// It cannot be applied to a running server.
    NeedsRestart,
}

/// One row of the manual.
pub(super) struct Row {
    pub(super) path: String,
    pub(super) aliases: &'static [&'static str],
    pub(super) kind: &'static str,
    pub(super) default: &'static str,
    pub(super) reload: String,
    pub(super) doc: &'static str,
}

/// Reads the entries of `map` into `block`. Keys are compared without regard to case.
pub(super) fn read_block<B>(block: &mut B, tables: &[&[Key<B>]], map: &Map, reading: &mut Reading) {
    read_entries(block, tables, map.iter(), reading);
}

/// Reads these entries of a map into `block`.
pub(super) fn read_entries<'a, B>(
    block: &mut B,
    tables: &[&[Key<B>]],
    entries: impl Iterator<Item = (&'a str, &'a Node)>,
    reading: &mut Reading,
) {
    for (name, node) in entries {
        let lower = name.to_lowercase();
        let known = tables.iter().flat_map(|table| table.iter());
        let known = known
            .into_iter()
            .find(|key| key.names().any(|name| name == lower));
        match known {
            Some(key) => {
                let setting = Setting { name, node };
                reading.enter(key.name, &node.at);
                (key.read)(block, &setting, reading);
                reading.leave();
            }
            None if node.used_as_variable => {}
            None => {
                let names = tables.iter().flat_map(|t| t.iter()).flat_map(Key::names);
                let hint = meant(&lower, names)
                    .map(|name| format!(" (did you mean {name:?}?)"))
                    .unwrap_or_default();
                reading.error(&node.at, format!("unknown field {name:?}{hint}"));
            }
        }
    }
}

/// The name that somebody who wrote `given` had in mind: at most one letter in four, and two in all, are others.
fn meant<'a>(given: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let bound = given.chars().count().checked_div(4)?.min(2);
    names
        .map(|name| (strsim::osa_distance(given, name), name))
        .filter(|(distance, _)| *distance <= bound)
        .min()
        .map(|(_, name)| name)
}

/// Reads a block that is the value of `setting`, or reports that it is none.
pub(super) fn read_map<B>(
    block: &mut B,
    keys: &[Key<B>],
    setting: &Setting<'_>,
    reading: &mut Reading,
) -> bool {
    match &setting.node.value {
        Value::Map(map) => {
            read_block(block, &[keys], map, reading);
            true
        }
        _ => {
            reading.wrong_type(setting, "a map");
            false
        }
    }
}

/// What differs between two blocks, by the rows of their table.
pub(super) fn differences<B>(old: &B, new: &B, keys: &[Key<B>]) -> Vec<Difference> {
    let mut all = Vec::new();
    for key in keys {
        for mut difference in (key.change)(old, new) {
            difference.path = if difference.path.is_empty() {
                key.name.to_owned()
            } else {
                format!("{}.{}", key.name, difference.path)
            };
            difference.effect = difference.effect.or(match &key.reload {
                Reload::Yes(apply) => Some(Effect::Applied(*apply)),
                Reload::Rule { permits, apply, .. } if permits(old, new) => {
                    Some(Effect::Applied(*apply))
                }
                Reload::No | Reload::Rule { .. } => Some(Effect::NeedsRestart),
                Reload::Inside => None,
            });
            all.push(difference);
        }
    }
    all
}

/// The difference between two values of one key.
pub(super) fn change<T: PartialEq + Debug>(old: &T, new: &T) -> Vec<Difference> {
    if old == new {
        return Vec::new();
    }
    vec![Difference {
        path: String::new(),
        old: format!("{old:?}"),
        new: format!("{new:?}"),
        effect: None,
    }]
}

/// The difference between two values of which there is nothing to show but that they differ.
pub(super) fn change_unseen<T: PartialEq>(old: &T, new: &T) -> Vec<Difference> {
    if old == new {
        return Vec::new();
    }
    let hidden = || "[not shown]".to_owned();
    vec![Difference {
        path: String::new(),
        old: hidden(),
        new: hidden(),
        effect: None,
    }]
}

/// The key whose value is a block with these rows.
pub(super) const fn with_rows<B>(key: Key<B>, inner: fn() -> Vec<Row>) -> Key<B> {
    Key { inner, ..key }
}

/// The rows of a table for the manual.
pub(super) fn rows<B>(keys: &'static [Key<B>]) -> Vec<Row> {
    let mut rows = Vec::new();
    for key in keys {
        let inner = (key.inner)();
        rows.push(Row {
            path: key.name.to_owned(),
            aliases: key.aliases,
            kind: key.kind,
            default: key.default,
            reload: match &key.reload {
                Reload::Yes(_) => "yes".to_owned(),
                Reload::No => "no".to_owned(),
                Reload::Rule { words, .. } => (*words).to_owned(),
                Reload::Inside => "see below".to_owned(),
            },
            doc: key.doc,
        });
        rows.extend(inner.into_iter().map(|row| Row {
            path: format!("{}.{}", key.name, row.path),
            ..row
        }));
    }
    rows
}

/// A row whose value goes into one field: `key!("name" | "alias", "kind", "default", reload, "doc", field.path = reader)`.
macro_rules! key {
    ($name:literal $(| $alias:literal)*, $kind:literal, $default:literal, $reload:expr, $doc:literal,
     $first:ident $(. $more:ident)* = $read:expr) => {
        $crate::options::table::Key {
            name: $name,
            aliases: &[$($alias),*],
            kind: $kind,
            default: $default,
            reload: $reload,
            doc: $doc,
            read: |block, setting, reading| {
                if let Some(value) = ($read)(setting, reading) {
                    block.$first$(.$more)* = value;
                }
            },
            change: |old, new| $crate::options::table::change(&old.$first$(.$more)*, &new.$first$(.$more)*),
            inner: Vec::new,
        }
    };
}
pub(super) use key;
