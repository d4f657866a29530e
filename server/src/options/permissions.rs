//! What a user may publish and subscribe to.

use std::time::Duration;

use nats_conf::{Node, Value};
use nats_proto::subject;

use super::setting::{self, Reading, Setting};
use super::table::{Key, Reload, Row, key, read_map, rows};

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

static KEYS: &[Key<Permissions>] = &[
    key!(
        "publish" | "pub" | "import",
        "subjects or {allow, deny}",
        "everything",
        Reload::Inside,
        "Subjects to publish to. An empty list allows everything.",
        publish =
            |setting: &Setting<'_>, reading: &mut Reading| subjects_of(setting, false, reading)
    ),
    key!(
        "subscribe" | "sub" | "export",
        "subjects or {allow, deny}",
        "everything",
        Reload::Inside,
        "Subjects to subscribe to; `\"subject queue\"` permits it in that queue group only. An empty list allows everything.",
        subscribe =
            |setting: &Setting<'_>, reading: &mut Reading| subjects_of(setting, true, reading)
    ),
    key!(
        "allow_responses" | "publish_allow_responses",
        "boolean or {max, expires}",
        "false",
        Reload::Inside,
        "Permits to publish to the reply subject of messages received, and nothing else unless `publish` allows it.",
        allow_responses = responses
    ),
];

static RESPONSE_KEYS: &[Key<ResponsePermission>] = &[
    key!(
        "max" | "max_msgs" | "max_messages" | "max_responses",
        "number",
        "1",
        Reload::Inside,
        "Answers to one request; negative is unlimited.",
        max_msgs = |setting: &Setting<'_>, reading: &mut Reading| {
            setting::integer(setting, reading).map(|max| {
                if max == 0 {
                    Some(1)
                } else {
                    u64::try_from(max).ok()
                }
            })
        }
    ),
    key!(
        "expires" | "expiration" | "ttl",
        "duration",
        "2m",
        Reload::Inside,
        "How long after the request; negative is unlimited.",
        expires = |setting: &Setting<'_>, reading: &mut Reading| {
            setting::signed_duration(setting, reading).map(|nanos| match u64::try_from(nanos) {
                Ok(0) => ResponsePermission::default().expires,
                Ok(nanos) => Some(Duration::from_nanos(nanos)),
                Err(_) => None,
            })
        }
    ),
];

static SUBJECT_KEYS: &[Key<(SubjectPermission, bool)>] = &[
    Key {
        name: "allow",
        aliases: &[],
        kind: "subject or list of subjects",
        default: "everything",
        reload: Reload::Inside,
        doc: "What is allowed.",
        read: |(permission, queues), setting, reading| {
            permission.allow =
                grants(setting, *queues, reading).filter(|grants| !grants.is_empty());
        },
        change: |_, _| Vec::new(),
        inner: Vec::new,
    },
    Key {
        name: "deny",
        aliases: &[],
        kind: "subject or list of subjects",
        default: "nothing",
        reload: Reload::Inside,
        doc: "What is denied although allowed.",
        read: |(permission, queues), setting, reading| {
            permission.deny = grants(setting, *queues, reading).unwrap_or_default();
        },
        change: |_, _| Vec::new(),
        inner: Vec::new,
    },
];

/// The rows of a permissions block for the manual.
pub(super) fn manual() -> Vec<Row> {
    let mut all = rows(KEYS);
    for (parent, inner) in [
        ("publish", rows(SUBJECT_KEYS)),
        ("allow_responses", rows(RESPONSE_KEYS)),
    ] {
        all.extend(inner.into_iter().map(|row| Row {
            path: format!("{parent}.{}", row.path),
            ..row
        }));
    }
    all
}

/// Reads a permissions block.
pub(super) fn permissions(setting: &Setting<'_>, reading: &mut Reading) -> Option<Permissions> {
    let mut permissions = Permissions::default();
    if !read_map(&mut permissions, KEYS, setting, reading) {
        return None;
    }
    if permissions.allow_responses.is_some() {
        let publish = permissions
            .publish
            .get_or_insert_with(SubjectPermission::default);
        publish.allow.get_or_insert_with(Vec::new);
    }
    Some(permissions)
}

fn subjects_of(
    setting: &Setting<'_>,
    queues: bool,
    reading: &mut Reading,
) -> Option<Option<SubjectPermission>> {
    match &setting.node.value {
        Value::Map(map) if map.is_empty() => Some(None),
        Value::Map(_) => {
            let mut permission = (SubjectPermission::default(), queues);
            read_map(&mut permission, SUBJECT_KEYS, setting, reading);
            Some(Some(permission.0))
        }
        _ => {
            let allow = grants(setting, queues, reading)?;
            Some(Some(SubjectPermission {
                allow: Some(allow).filter(|allow| !allow.is_empty()),
                deny: Vec::new(),
            }))
        }
    }
}

/// One subject or a list of them.
pub(super) fn grants(
    setting: &Setting<'_>,
    queues: bool,
    reading: &mut Reading,
) -> Option<Vec<SubjectGrant>> {
    match &setting.node.value {
        Value::String(_) => grant(setting, setting.node, queues, reading).map(|grant| vec![grant]),
        Value::Array(items) => Some(
            items
                .iter()
                .filter_map(|item| grant(setting, item, queues, reading))
                .collect(),
        ),
        _ => {
            let kind = setting.node.value.kind();
            let text = format!(
                "Expected subject permissions to be a subject, or array of subjects, got {kind}"
            );
            reading.bad(setting, text);
            None
        }
    }
}

fn grant(
    setting: &Setting<'_>,
    node: &Node,
    queues: bool,
    reading: &mut Reading,
) -> Option<SubjectGrant> {
    let text = setting::text(
        &Setting {
            name: setting.name,
            node,
        },
        reading,
    )?;
    if subject::is_valid(text.as_bytes()) {
        return Some(SubjectGrant {
            subject: text,
            queue: None,
        });
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    let problem = match words[..] {
        [name, queue] if queues => {
            if !subject::is_valid(name.as_bytes()) {
                format!("subject {name:?} is not a valid subject")
            } else if !subject::is_valid(queue.as_bytes()) {
                format!("queue {queue:?} is not a valid queue")
            } else {
                return Some(SubjectGrant {
                    subject: name.to_owned(),
                    queue: Some(queue.to_owned()),
                });
            }
        }
        _ => format!("subject {text:?} is not a valid subject"),
    };
    reading.error(&node.at, problem);
    None
}

fn responses(setting: &Setting<'_>, reading: &mut Reading) -> Option<Option<ResponsePermission>> {
    match &setting.node.value {
        Value::Bool(allowed) => Some(allowed.then(ResponsePermission::default)),
        Value::Map(_) => {
            let mut permission = ResponsePermission::default();
            read_map(&mut permission, RESPONSE_KEYS, setting, reading);
            Some(Some(permission))
        }
        _ => {
            reading.bad(
                setting,
                "error parsing response permissions, expected a boolean or a map",
            );
            None
        }
    }
}
