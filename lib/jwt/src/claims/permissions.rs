use serde::{Deserialize, Serialize};

use super::NO_LIMIT;
use super::json::is_default;

/// Subjects that may and that may not be used. With an empty `allow` everything may that is not denied.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Permission {
    #[serde(skip_serializing_if = "is_default")]
    pub allow: Vec<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub deny: Vec<String>,
}

impl Permission {
    pub fn is_empty(&self) -> bool {
        self.allow.is_empty() && self.deny.is_empty()
    }
}

/// Leave to answer requests that were received, whatever the other permissions say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ResponsePermission {
    /// How many answers to one request; the server's default when 0, any number when negative.
    #[serde(rename = "max")]
    pub max_messages: i64,
    /// For how long after the request, in nanoseconds; the server's default when 0.
    #[serde(rename = "ttl")]
    pub expires_ns: i64,
}

/// What may be published and subscribed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Permissions {
    #[serde(rename = "pub")]
    pub publish: Permission,
    #[serde(rename = "sub")]
    pub subscribe: Permission,
    #[serde(rename = "resp", skip_serializing_if = "is_default")]
    pub response: Option<ResponsePermission>,
}

impl Permissions {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A part of the day, each end as `hh:mm:ss`. Goes over midnight when the start is later than the end.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TimeRange {
    #[serde(skip_serializing_if = "is_default")]
    pub start: String,
    #[serde(skip_serializing_if = "is_default")]
    pub end: String,
}

/// What a connection may use; -1 is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Subscriptions.
    pub subs: i64,
    /// Bytes in all; no server enforces it.
    pub data: i64,
    /// Bytes of one message.
    pub payload: i64,
}

impl Limits {
    /// None of the three.
    pub const UNLIMITED: Self = Self {
        subs: NO_LIMIT,
        data: NO_LIMIT,
        payload: NO_LIMIT,
    };
    /// All three zero, as scoped users have them.
    pub const ZERO: Self = Self {
        subs: 0,
        data: 0,
        payload: 0,
    };
}
