//! What is known about an object: the documents on a store's meta subjects.

use std::collections::BTreeMap;

use nats_api::time::Timestamp;
use serde::{Deserialize, Serialize};

/// What the user says about an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObjectMeta {
    /// Any text.
    pub name: String,
    pub description: String,
    pub headers: BTreeMap<String, Vec<String>>,
    pub metadata: BTreeMap<String, String>,
    /// Bytes of a chunk; 0 for the default.
    pub chunk_size: usize,
}

impl ObjectMeta {
    /// An object of this name, with nothing else said.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }
}

/// Everything about an object, as its store keeps it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ObjectInfo {
    pub name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Vec<String>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub options: Option<ObjectOptions>,
    pub bucket: String,
    /// Names the chunks.
    pub nuid: String,
    /// Bytes.
    pub size: u64,
    /// When it was put. Not kept in the store; the time of its message stands for it.
    #[serde(rename = "mtime")]
    pub modified: Timestamp,
    pub chunks: u32,
    /// `SHA-256=` and the digest in base64, URL alphabet.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub digest: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
}

/// How an object is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ObjectOptions {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<ObjectLink>,
    #[serde(skip_serializing_if = "is_zero")]
    pub max_chunk_size: u32,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Where a link leads.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ObjectLink {
    pub bucket: String,
    /// Empty for the whole store.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
}

impl ObjectInfo {
    /// Where it leads, when it is a link.
    pub fn link(&self) -> Option<&ObjectLink> {
        self.options.as_ref()?.link.as_ref()
    }

    pub fn is_link(&self) -> bool {
        self.link().is_some()
    }

    /// The part that the user said.
    pub fn meta(&self) -> ObjectMeta {
        let chunk_size = self.options.as_ref().map_or(0, |o| o.max_chunk_size);
        ObjectMeta {
            name: self.name.clone(),
            description: self.description.clone(),
            headers: self.headers.clone(),
            metadata: self.metadata.clone(),
            chunk_size: chunk_size as usize,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_of_the_design_record_reads_back() {
        let text = r#"{"name":"object-name","description":"object-desc","headers":{"key1":["foo"],"key2":["bar","baz"]},"options":{"link":{"bucket":"link-to-bucket","name":"link-to-name"},"max_chunk_size":8196},"bucket":"object-bucket","nuid":"CkuyLEX4z2hbyjj1aWCfiH","size":344000,"mtime":"0001-01-01T00:00:00Z","chunks":42,"digest":"SHA-256=abcdefghijklmnopqrstuvwxyz=","deleted":true}"#;
        let info: ObjectInfo = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&info).unwrap(), text);
        assert_eq!(info.link().unwrap().bucket, "link-to-bucket");
        let without_time: ObjectInfo = serde_json::from_str(r#"{"name":"a"}"#).unwrap();
        assert!(without_time.modified.is_never() && !without_time.is_link());
    }
}
