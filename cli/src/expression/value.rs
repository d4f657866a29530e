//! Values and how they compare.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

/// What an expression works with.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `nil`, or a field that its document leaves out.
    Absent,
    Bool(bool),
    /// Wide enough for every sequence number and size.
    Int(i128),
    Float(f64),
    Text(String),
    List(Vec<Value>),
    Map(BTreeMap<String, Value>),
    /// From `now()` and `date()`.
    Moment(Timestamp),
    /// From `duration()` and differences of moments.
    Span(SignedDuration),
}

impl From<serde_json::Value> for Value {
    fn from(json: serde_json::Value) -> Self {
        use serde_json::Value as Json;
        match json {
            Json::Null => Self::Absent,
            Json::Bool(b) => Self::Bool(b),
            Json::Number(n) => n
                .as_i128()
                .map_or_else(|| Self::Float(n.as_f64().unwrap_or(f64::NAN)), Self::Int),
            Json::String(text) => Self::Text(text),
            Json::Array(list) => Self::List(list.into_iter().map(Self::from).collect()),
            Json::Object(map) => {
                Self::Map(map.into_iter().map(|(k, v)| (k, Self::from(v))).collect())
            }
        }
    }
}

/// Fields that Go programs call otherwise than the documents do, as users of `Info.State.Msgs` know them.
const GO_NAMES: [(&str, &str); 9] = [
    ("msgs", "messages"),
    ("firsttime", "first_ts"),
    ("lasttime", "last_ts"),
    ("consumers", "consumer_count"),
    ("replicas", "num_replicas"),
    ("duplicates", "duplicate_window"),
    ("maxmsgsper", "max_msgs_per_subject"),
    ("numsubs", "subscriptions"),
    ("pending", "pending_bytes"),
];

impl Value {
    /// A field: by its name in the document, else by the name that it has in Go programs (`InMsgs` for `in_msgs`).
    pub fn field(&self, name: &str) -> Self {
        let Self::Map(map) = self else {
            return Self::Absent;
        };
        if let Some(value) = map.get(name) {
            return value.clone();
        }
        if !name.starts_with(char::is_uppercase) {
            return Self::Absent;
        }
        let plain = |name: &str| name.replace('_', "").to_lowercase();
        let wanted = plain(name);
        let go_name = GO_NAMES.iter().find(|(go, _)| *go == wanted);
        map.iter()
            .find(|(key, _)| plain(key) == wanted)
            .or_else(|| go_name.and_then(|(_, key)| map.get_key_value(*key)))
            .map_or(Self::Absent, |(_, value)| value.clone())
    }

    /// Equal in the eyes of a user: whole and broken numbers compare by value, and what is absent is the zero of its kind.
    pub fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Absent, other) | (other, Self::Absent) => other.is_zero(),
            (Self::List(a), Self::List(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.is(b))
            }
            _ => match self.order(other) {
                Some(order) => order == Ordering::Equal,
                None => self == other,
            },
        }
    }

    fn is_zero(&self) -> bool {
        match self {
            Self::Absent => true,
            Self::Bool(b) => !b,
            Self::Int(n) => *n == 0,
            Self::Float(n) => *n == 0.0,
            Self::Text(text) => text.is_empty(),
            Self::List(list) => list.is_empty(),
            Self::Map(map) => map.is_empty(),
            Self::Span(span) => span.is_zero(),
            Self::Moment(_) => false,
        }
    }

    /// The order of two numbers, texts, moments or spans; none for anything else.
    pub fn order(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => Some(a.cmp(b)),
            (Self::Text(a), Self::Text(b)) => Some(a.cmp(b)),
            (Self::Moment(a), Self::Moment(b)) => Some(a.cmp(b)),
            (Self::Span(a), Self::Span(b)) => Some(a.cmp(b)),
            (Self::Absent, Self::Span(b)) => Some(SignedDuration::ZERO.cmp(b)),
            (Self::Span(a), Self::Absent) => Some(a.cmp(&SignedDuration::ZERO)),
            (Self::Absent, Self::Text(b)) => Some("".cmp(b.as_str())),
            (Self::Text(a), Self::Absent) => Some(a.as_str().cmp("")),
            _ => self.number()?.partial_cmp(&other.number()?),
        }
    }

    /// As a number, if it is one; what is absent counts nothing.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Absent => Some(0.0),
            Self::Int(n) => Some(*n as f64),
            Self::Float(n) => Some(*n),
            _ => None,
        }
    }

    /// For messages: the type and, where it is short, the value.
    pub fn shown(&self) -> String {
        match self {
            Self::Absent => "nil".to_owned(),
            Self::Bool(b) => b.to_string(),
            Self::Int(n) => format!("the number {n}"),
            Self::Float(n) => format!("the number {n}"),
            Self::Text(text) => format!("the text {text:?}"),
            Self::List(_) => "a list".to_owned(),
            Self::Map(_) => "a map".to_owned(),
            Self::Moment(at) => format!("the time {at}"),
            Self::Span(span) => format!("the duration {span:#}"),
        }
    }
}
