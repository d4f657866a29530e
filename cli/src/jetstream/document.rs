//! A configuration as the server sent it, changed field by field, and what changed.
//!
//! Fields that this program does not know stay in it: an edit changes what the user named and nothing else.

use std::time::Duration;

use nats_api::time::Nanos;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::RESERVED_METADATA;
use crate::error::{CliError, Result};
use crate::input;

/// A configuration.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Document {
    fields: Map<String, Value>,
}

impl Document {
    /// From anything that is written as an object.
    pub fn of(config: &impl Serialize) -> Result<Self> {
        match serde_json::to_value(config)? {
            Value::Object(fields) => Ok(Self { fields }),
            _ => Err(CliError::new("a configuration is a JSON object")),
        }
    }

    /// The `config` in an info, or the text itself.
    pub fn from_json(text: &str) -> Result<Self> {
        let value: Value = serde_json::from_str(text)?;
        let Value::Object(mut fields) = value else {
            return Err(CliError::new("a configuration is a JSON object"));
        };
        match fields.remove("config") {
            Some(Value::Object(fields)) => Ok(Self { fields }),
            Some(_) => Err(CliError::new("\"config\" is no JSON object")),
            None => Ok(Self { fields }),
        }
    }

    /// From a file with a configuration, or with what `info --json` printed.
    pub fn from_file(path: &std::path::Path) -> Result<Self> {
        let failed = |e: CliError| e.context(path.display());
        Self::from_json(&input::text(path)?).map_err(failed)
    }

    pub fn get(&self, field: &str) -> Option<&Value> {
        self.fields.get(field)
    }

    /// A text field; empty when it is not there.
    pub fn text(&self, field: &str) -> &str {
        self.get(field).and_then(Value::as_str).unwrap_or("")
    }

    pub fn set(&mut self, field: &str, value: impl Serialize) -> Result {
        let value = serde_json::to_value(value)?;
        self.fields.insert(field.to_owned(), value);
        Ok(())
    }

    /// Sets what was given.
    pub fn set_if(&mut self, field: &str, value: Option<impl Serialize>) -> Result {
        match value {
            Some(value) => self.set(field, value),
            None => Ok(()),
        }
    }

    /// A duration in nanoseconds, when given.
    pub fn set_duration(&mut self, field: &str, value: Option<Duration>) -> Result {
        self.set_if(field, value.map(Nanos::from))
    }

    pub fn remove(&mut self, field: &str) {
        self.fields.shift_remove(field);
    }

    /// Takes every field of `other`; one that is null there is removed here.
    pub fn merge(&mut self, other: Self) {
        for (field, value) in other.fields {
            if value.is_null() {
                self.remove(&field);
            } else {
                self.fields.insert(field, value);
            }
        }
    }

    /// Removes what servers add to the metadata: it belongs to the server that hosts the asset.
    pub fn without_reserved_metadata(mut self) -> Self {
        if let Some(Value::Object(metadata)) = self.fields.get_mut("metadata") {
            metadata.retain(|key, _| !key.starts_with(RESERVED_METADATA));
            if metadata.is_empty() {
                self.remove("metadata");
            }
        }
        self
    }

    /// Reads it as the document that it is.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T> {
        Ok(serde_json::from_value(Value::Object(self.fields.clone()))?)
    }

    pub fn to_json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(&self.fields)?)
    }

    /// What has to be different in `after`, a line per field and side; empty when nothing is. The order of the texts in a
    /// list does not count, and neither does a field that is null or missing.
    pub fn differences(&self, after: &Self) -> String {
        let mut text = String::new();
        let mut names: Vec<&String> = self.fields.keys().collect();
        names.extend(
            after
                .fields
                .keys()
                .filter(|k| !self.fields.contains_key(*k)),
        );
        for name in names {
            let (old, new) = (self.fields.get(name), after.fields.get(name));
            let (old, new) = (old.unwrap_or(&Value::Null), new.unwrap_or(&Value::Null));
            if sorted(old) == sorted(new) {
                continue;
            }
            for (sign, value) in [('-', old), ('+', new)] {
                if !value.is_null() {
                    text.push_str(&format!("{sign} {name}: {}\n", shown(name, value)));
                }
            }
        }
        text
    }
}

impl Serialize for Document {
    fn serialize<S: serde::Serializer>(
        &self,
        serializer: S,
    ) -> std::result::Result<S::Ok, S::Error> {
        self.fields.serialize(serializer)
    }
}

/// Lists of texts in one order.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Array(items) if items.iter().all(Value::is_string) => {
            let mut items = items.clone();
            items.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
            Value::Array(items)
        }
        other => other.clone(),
    }
}

/// Durations are easier to compare as such than as nanoseconds.
fn shown(field: &str, value: &Value) -> String {
    const DURATIONS: [&str; 9] = [
        "max_age",
        "duplicate_window",
        "subject_delete_marker_ttl",
        "ack_wait",
        "max_expires",
        "idle_heartbeat",
        "inactive_threshold",
        "priority_timeout",
        "backoff",
    ];
    let one = |value: &Value| match value.as_u64() {
        Some(nanos) if DURATIONS.contains(&field) => {
            nats_api::time::friendly(Duration::from_nanos(nanos))
        }
        _ => value.to_string(),
    };
    match value {
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(one).collect();
            format!("[{}]", items.join(", "))
        }
        value => one(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &str) -> Document {
        Document::from_json(text).unwrap()
    }

    #[test]
    fn only_named_fields_change_and_unknown_ones_stay() {
        let before =
            document(r#"{"name":"A","max_age":0,"from_the_future":{"x":1},"subjects":["b","a"]}"#);
        let mut after = before.clone();
        after.set("max_age", Nanos(3_600_000_000_000)).unwrap();
        after.set("subjects", ["a", "b"]).unwrap();
        assert_eq!(
            before.differences(&after),
            "- max_age: 0s\n+ max_age: 1h0m0s\n"
        );
        assert_eq!(after.get("from_the_future"), before.get("from_the_future"));
        assert_eq!(before.differences(&before), "");
    }

    #[test]
    fn a_file_may_hold_an_info_and_null_removes_a_field() {
        let mut config = document(r#"{"config":{"name":"A","republish":{"dest":"x"}},"state":{}}"#);
        assert_eq!(config.text("name"), "A");
        config.merge(document(r#"{"republish":null,"description":"d"}"#));
        assert_eq!(config.get("republish"), None);
        assert_eq!(config.text("description"), "d");
        assert!(Document::from_json("[]").is_err());
        assert!(Document::from_json(r#"{"config":7}"#).is_err());
    }

    #[test]
    fn metadata_of_the_server_is_not_the_users() {
        let config = document(r#"{"metadata":{"_nats.level":"2","owner":"joe"}}"#);
        let config = config.without_reserved_metadata();
        assert_eq!(
            config.to_json().unwrap(),
            "{\n  \"metadata\": {\n    \"owner\": \"joe\"\n  }\n}"
        );
        let bare = document(r#"{"metadata":{"_nats.level":"2"}}"#).without_reserved_metadata();
        assert_eq!(bare, Document::default());
    }
}
