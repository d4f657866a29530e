//! What a token of version 1 has in other places than one of version 2.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{Tags, objects};

/// The payload of a token of version 1, and what stood beside it.
pub struct Version1 {
    pub(super) nats: Value,
    pub(super) tags: Tags,
    pub(super) issuer_account: String,
}

impl Version1 {
    /// Takes the parts out of the claims `all`.
    pub(super) fn take(all: &mut Map<String, Value>) -> Result<Self, serde_json::Error> {
        let mut nats = taken(all, "nats", Value::Object(Map::new()));
        if let Some(members) = nats.as_object_mut() {
            // Some writers put both where version 2 has them; what stands at the top is what counts.
            for key in ["tags", "version"] {
                members.shift_remove(key);
            }
        }
        Ok(Self {
            nats,
            tags: objects::read(&taken(all, "tags", Value::Array(Vec::new())))?,
            issuer_account: objects::read(&taken(
                all,
                "issuer_account",
                Value::String(String::new()),
            ))?,
        })
    }

    /// The payload as `T`.
    pub(super) fn payload<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        let mut nats = self.nats.clone();
        if let Some(members) = nats.as_object_mut() {
            members.shift_remove("type");
        }
        objects::read(&nats)
    }

    /// A member of the payload, if it is a text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.nats.get(name).and_then(Value::as_str)
    }
}

fn taken(all: &mut Map<String, Value>, name: &str, absent: Value) -> Value {
    all.shift_remove(name).unwrap_or(absent)
}
