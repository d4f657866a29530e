use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

use super::json::sorted;
use super::version1::Version1;
use super::{ClaimType, Payload, VERSION};
use crate::nkey::Kind;

/// A free map, for tokens of no known type.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Generic {
    pub data: Map<String, Value>,
}

impl Generic {
    /// The type that the map claims, whatever it is.
    pub fn type_word(&self) -> Option<&str> {
        self.data.get("type").and_then(Value::as_str)
    }
}

impl Serialize for Generic {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        sorted(&Value::Object(self.data.clone())).serialize(serializer)
    }
}

impl Payload for Generic {
    const TYPE: ClaimType = ClaimType::Generic;
    const SUBJECT: Option<Kind> = None;
    const ISSUERS: &'static [Kind] = &[];

    fn initial() -> Self {
        Self::default()
    }

    fn prepare(&mut self) {
        self.data.insert("version".into(), VERSION.into());
    }

    fn from_version1(old: Version1) -> Result<Self, serde_json::Error> {
        old.payload()
    }
}
