//! One configured value on its way into the options: its type, its bounds, and what is wrong with it.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use nats_conf::{Map, Node, Position, Value};

use super::Secret;
use super::duration::parse_duration;

/// One configured value.
pub(super) struct Setting<'a> {
    /// The key, as it is written.
    pub(super) name: &'a str,
    /// The value and where it stands.
    pub(super) node: &'a Node,
}

/// Something that is wrong, or odd, with a configuration. Displays as `file:line:column: text`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where; `None` when no place in a file is to blame.
    pub at: Option<Position>,
    /// What.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.at {
            Some(at) => write!(f, "{at}: {}", self.text),
            None => f.write_str(&self.text),
        }
    }
}

/// What is collected while reading.
#[derive(Default)]
pub(super) struct Reading {
    pub(super) errors: Vec<Problem>,
    pub(super) warnings: Vec<Problem>,
    /// Where each key stands, by its path (`cluster.tls`); of list items the first.
    pub(super) places: BTreeMap<String, Position>,
    path: Vec<&'static str>,
    /// Names and keys of users, which must be unique over all blocks.
    users: HashSet<String>,
}

impl Reading {
    pub(super) fn error(&mut self, at: &Position, text: impl Into<String>) {
        self.errors.push(Problem {
            at: Some(at.clone()),
            text: text.into(),
        });
    }

    /// A warning in the words that the reference uses for a field.
    pub(super) fn field_warning(&mut self, setting: &Setting<'_>, text: impl fmt::Display) {
        self.warning(
            setting,
            format!("invalid use of field {:?}: {text}", setting.name),
        );
    }

    pub(super) fn warning(&mut self, setting: &Setting<'_>, text: impl Into<String>) {
        self.warnings.push(Problem {
            at: Some(setting.node.at.clone()),
            text: text.into(),
        });
    }

    pub(super) fn wrong_type(&mut self, setting: &Setting<'_>, wanted: &str) {
        let text = format!(
            "{} must be {wanted}, got {}",
            setting.name,
            setting.node.value.kind()
        );
        self.error(&setting.node.at, text);
    }

    /// Something is wrong with the value of a setting.
    pub(super) fn bad(&mut self, setting: &Setting<'_>, text: impl Into<String>) {
        self.error(&setting.node.at, text);
    }

    pub(super) fn enter(&mut self, key: &'static str, at: &Position) {
        self.path.push(key);
        self.places
            .entry(self.path.join("."))
            .or_insert_with(|| at.clone());
    }

    pub(super) fn leave(&mut self) {
        self.path.pop();
    }

    /// Notes a user's name or key; false when it was there already.
    pub(super) fn is_new_user(&mut self, name: &str) -> bool {
        self.users.insert(name.to_owned())
    }

    /// Whether the key being read is inside of the block `name`.
    pub(super) fn inside(&self, name: &str) -> bool {
        self.path.contains(&name)
    }
}

pub(super) fn text(setting: &Setting<'_>, reading: &mut Reading) -> Option<String> {
    match &setting.node.value {
        Value::String(text) => Some(text.clone()),
        _ => {
            reading.wrong_type(setting, "a string");
            None
        }
    }
}

/// A string of which the empty one means "not configured".
pub(super) fn optional_text(
    setting: &Setting<'_>,
    reading: &mut Reading,
) -> Option<Option<String>> {
    text(setting, reading).map(|text| Some(text).filter(|text| !text.is_empty()))
}

/// A name without spaces, empty meaning "not configured".
pub(super) fn spaceless(
    setting: &Setting<'_>,
    reading: &mut Reading,
    error: &str,
) -> Option<Option<String>> {
    let name = text(setting, reading)?;
    if name.contains(' ') {
        reading.bad(setting, error);
        return None;
    }
    Some(Some(name).filter(|name| !name.is_empty()))
}

pub(super) fn path(setting: &Setting<'_>, reading: &mut Reading) -> Option<Option<PathBuf>> {
    optional_text(setting, reading).map(|text| text.map(PathBuf::from))
}

pub(super) fn secret(setting: &Setting<'_>, reading: &mut Reading) -> Option<Secret> {
    text(setting, reading).map(Secret::new)
}

pub(super) fn truth(setting: &Setting<'_>, reading: &mut Reading) -> Option<bool> {
    match setting.node.value {
        Value::Bool(truth) => Some(truth),
        _ => {
            reading.wrong_type(setting, "a boolean");
            None
        }
    }
}

pub(super) fn integer(setting: &Setting<'_>, reading: &mut Reading) -> Option<i64> {
    match setting.node.value {
        Value::Integer(number) => Some(number),
        _ => {
            reading.wrong_type(setting, "an integer");
            None
        }
    }
}

/// A number that is not negative.
pub(super) fn count<T: TryFrom<i64>>(setting: &Setting<'_>, reading: &mut Reading) -> Option<T> {
    let number = integer(setting, reading)?;
    let fits = T::try_from(number).ok();
    if fits.is_none() {
        let why = if number < 0 {
            "can not be negative"
        } else {
            "is too big"
        };
        reading.bad(setting, format!("{} value {why}", setting.name));
    }
    fits
}

/// `value`, or `default` in place of zero, which has always meant "not configured".
pub(super) fn or_default<T: PartialEq + Default>(value: Option<T>, default: T) -> Option<T> {
    value.map(|value| {
        if value == T::default() {
            default
        } else {
            value
        }
    })
}

/// A bound of which anything below one means unlimited.
pub(super) fn bound<T: TryFrom<i64>>(
    setting: &Setting<'_>,
    reading: &mut Reading,
) -> Option<Option<T>> {
    let number = integer(setting, reading)?;
    if number <= 0 {
        return Some(None);
    }
    count(setting, reading).map(Some)
}

/// A bound of which only negative numbers mean unlimited.
pub(super) fn bound_or_zero<T: TryFrom<i64>>(
    setting: &Setting<'_>,
    reading: &mut Reading,
) -> Option<Option<T>> {
    let number = integer(setting, reading)?;
    if number < 0 {
        return Some(None);
    }
    count(setting, reading).map(Some)
}

/// A size in bytes: a number, or a quoted string with one of K, M, G, T, which are binary there.
pub(super) fn size(setting: &Setting<'_>, reading: &mut Reading) -> Option<i64> {
    match &setting.node.value {
        Value::Integer(number) => Some(*number),
        Value::String(text) if text.is_empty() => Some(0),
        Value::String(text) => {
            let (digits, letter) =
                text.split_at(text.char_indices().next_back().map_or(0, |(at, _)| at));
            let shift = "KMGT"
                .find(letter)
                .map(|index| 1_i64 << (index as u32 * 10 + 10));
            let number = digits.parse::<i64>().ok();
            let bytes = shift
                .zip(number)
                .and_then(|(unit, number)| number.checked_mul(unit));
            if bytes.is_none() {
                let name = setting.name;
                reading.bad(
                    setting,
                    format!(
                        "{name}: sizes defined as strings must be digits that end in K, M, G, T"
                    ),
                );
            }
            bytes
        }
        _ => {
            reading.wrong_type(setting, "an integer or a string");
            None
        }
    }
}

/// A port: 0 is none, -1 any free port, which becomes `Some(0)`.
pub(super) fn port(setting: &Setting<'_>, reading: &mut Reading) -> Option<Option<u16>> {
    let number = integer(setting, reading)?;
    let port = checked_port(number);
    if port.is_none() {
        reading.bad(
            setting,
            format!(
                "{} must be -1 (any free port) or at most 65535, got {number}",
                setting.name
            ),
        );
    }
    port
}

fn checked_port(number: i64) -> Option<Option<u16>> {
    match number {
        0 => Some(None),
        -1 => Some(Some(0)),
        _ => u16::try_from(number).ok().map(Some),
    }
}

/// `port` or `"host:port"`: the host, if named, and the port as in [`port`].
pub(super) fn host_port(
    setting: &Setting<'_>,
    reading: &mut Reading,
) -> Option<(String, Option<u16>)> {
    match &setting.node.value {
        Value::Integer(_) => port(setting, reading).map(|port| (String::new(), port)),
        Value::String(address) => {
            let Some((host, port)) = split_host_port(address) else {
                reading.bad(
                    setting,
                    format!("could not parse address string {address:?}"),
                );
                return None;
            };
            let number = port.strip_prefix('+').unwrap_or(port).parse::<i64>().ok();
            match number.and_then(checked_port) {
                Some(port) => Some((host.to_owned(), port)),
                None => {
                    reading.bad(setting, format!("could not parse port {port:?}"));
                    None
                }
            }
        }
        _ => {
            reading.wrong_type(setting, "a port or \"host:port\"");
            None
        }
    }
}

/// Splits `host:port`, `[v6]:port` and `:port`.
pub(super) fn split_host_port(address: &str) -> Option<(&str, &str)> {
    let (host, port) = address.rsplit_once(':')?;
    let host = match host.strip_prefix('[') {
        Some(inside) => inside.strip_suffix(']')?,
        None if host.contains(':') => return None,
        None => host,
    };
    (!host.contains(['[', ']'])).then_some((host, port))
}

/// A duration as text, or, with a warning, a bare number of seconds.
pub(super) fn duration(setting: &Setting<'_>, reading: &mut Reading) -> Option<Duration> {
    let seconds = match &setting.node.value {
        Value::Integer(seconds) => *seconds,
        _ => return strict_duration(setting, reading),
    };
    let name = setting.name;
    reading.field_warning(setting, format!("{name} should be converted to a duration"));
    positive(
        setting,
        reading,
        u64::try_from(seconds).ok().map(Duration::from_secs),
    )
}

/// A duration as text.
pub(super) fn strict_duration(setting: &Setting<'_>, reading: &mut Reading) -> Option<Duration> {
    let nanos = signed_duration(setting, reading)?;
    positive(
        setting,
        reading,
        u64::try_from(nanos).ok().map(Duration::from_nanos),
    )
}

/// A duration as text, in nanoseconds, perhaps negative.
pub(super) fn signed_duration(setting: &Setting<'_>, reading: &mut Reading) -> Option<i64> {
    match &setting.node.value {
        Value::String(text) => match parse_duration(text) {
            Ok(nanos) => Some(nanos),
            Err(error) => {
                reading.bad(setting, format!("error parsing {}: {error}", setting.name));
                None
            }
        },
        Value::Integer(_) => {
            let hint = "quote it: without quotes, m stands for a million";
            reading.wrong_type(setting, "a duration like \"10s\" or \"1m\"");
            if let Some(error) = reading.errors.last_mut() {
                error.text.push_str(&format!(" ({hint})"));
            }
            None
        }
        _ => {
            reading.wrong_type(setting, "a duration like \"10s\"");
            None
        }
    }
}

/// Seconds as a number, or a duration as text.
pub(super) fn seconds(setting: &Setting<'_>, reading: &mut Reading) -> Option<Duration> {
    match &setting.node.value {
        Value::Integer(seconds) => positive(
            setting,
            reading,
            u64::try_from(*seconds).ok().map(Duration::from_secs),
        ),
        Value::Float(seconds) => {
            positive(setting, reading, Duration::try_from_secs_f64(*seconds).ok())
        }
        Value::String(_) => strict_duration(setting, reading),
        _ => {
            reading.wrong_type(setting, "a number of seconds or a duration");
            None
        }
    }
}

fn positive(
    setting: &Setting<'_>,
    reading: &mut Reading,
    duration: Option<Duration>,
) -> Option<Duration> {
    if duration.is_none() {
        reading.bad(setting, format!("{} can not be negative", setting.name));
    }
    duration
}

/// One string or a list of strings.
pub(super) fn texts(setting: &Setting<'_>, reading: &mut Reading) -> Option<Vec<String>> {
    match &setting.node.value {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Array(items) => Some(items_as_texts(items, setting, reading)),
        _ => {
            reading.wrong_type(setting, "a string or a list of strings");
            None
        }
    }
}

/// A list of strings.
pub(super) fn list_of_texts(setting: &Setting<'_>, reading: &mut Reading) -> Option<Vec<String>> {
    let items = list(setting, reading)?;
    Some(items_as_texts(items, setting, reading))
}

fn items_as_texts(items: &[Node], setting: &Setting<'_>, reading: &mut Reading) -> Vec<String> {
    items
        .iter()
        .filter_map(|node| {
            text(
                &Setting {
                    name: setting.name,
                    node,
                },
                reading,
            )
        })
        .collect()
}

/// A list.
pub(super) fn list<'a>(setting: &Setting<'a>, reading: &mut Reading) -> Option<&'a [Node]> {
    match &setting.node.value {
        Value::Array(items) => Some(items),
        _ => {
            reading.wrong_type(setting, "a list");
            None
        }
    }
}

/// A map.
pub(super) fn map<'a>(setting: &Setting<'a>, reading: &mut Reading) -> Option<&'a Map> {
    match &setting.node.value {
        Value::Map(map) => Some(map),
        _ => {
            reading.wrong_type(setting, "a map");
            None
        }
    }
}

/// A map from any names to strings.
pub(super) fn text_map(
    setting: &Setting<'_>,
    reading: &mut Reading,
) -> Option<BTreeMap<String, String>> {
    let map = map(setting, reading)?;
    let mut texts = BTreeMap::new();
    for (name, node) in map.iter() {
        if let Some(value) = text(
            &Setting {
                name: setting.name,
                node,
            },
            reading,
        ) {
            texts.insert(name.to_owned(), value);
        }
    }
    Some(texts)
}
