//! What a user may publish and subscribe to.

use std::time::Duration;

/// Permissions of one user. An absent part permits everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permissions {
    /// Subjects to publish to.
    pub publish: Option<SubjectPermission>,
    /// Subjects to subscribe to, perhaps only in some queue groups.
    pub subscribe: Option<SubjectPermission>,
    /// Permission to publish to the reply subject of a message received. When present, `publish.allow` is present too (and
    /// empty unless configured): nothing else may be published by default.
    pub allow_responses: Option<ResponsePermission>,
}

/// Allowed and denied subjects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubjectPermission {
    /// What is allowed; `None` is everything, an empty list nothing.
    pub allow: Option<Vec<SubjectGrant>>,
    /// What is denied although allowed.
    pub deny: Vec<SubjectGrant>,
}

/// One entry of a permission: a subject, wildcards allowed, for subscriptions optionally with a queue (wildcards allowed).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectGrant {
    /// The subject.
    pub subject: String,
    /// The queue; `None` is any subscription.
    pub queue: Option<String>,
}

/// How often and how long a reply subject may be published to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponsePermission {
    /// Messages; `None` is unlimited (negative in the file).
    pub max_msgs: Option<u64>,
    /// Time since the request; `None` is unlimited (negative in the file).
    pub expires: Option<Duration>,
}

impl Default for ResponsePermission {
    fn default() -> Self {
        Self {
            max_msgs: Some(1),
            expires: Some(Duration::from_secs(120)),
        }
    }
}
