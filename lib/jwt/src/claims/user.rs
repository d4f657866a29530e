use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::json::is_default;
use super::version1::Version1;
use super::{
    ClaimType, Limits, Payload, Permission, Permissions, ResponsePermission, Tags, TimeRange,
    VERSION,
};
use crate::nkey::Kind;

/// What a user, or everybody who is signed by a scoped key, may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserPermissionLimits {
    pub permissions: Permissions,
    /// Networks (CIDR) from which connections are accepted; any when empty.
    pub src: Vec<String>,
    /// Times of the day at which connections are accepted; any when empty.
    pub times: Vec<TimeRange>,
    /// IANA name of the time zone of `times`; the server's own when empty.
    pub times_location: String,
    pub limits: Limits,
    /// The token alone is enough, nothing has to be signed.
    pub bearer_token: bool,
    /// Only through a trusted proxy.
    pub proxy_required: bool,
    /// STANDARD, WEBSOCKET, LEAFNODE, LEAFNODE_WS, MQTT, MQTT_WS, IN_PROCESS; all when empty.
    pub allowed_connection_types: Vec<String>,
}

impl UserPermissionLimits {
    /// Everything zero or empty: what a scoped user must have, because the scope decides.
    pub const fn nothing() -> Self {
        const EMPTY: Permission = Permission {
            allow: Vec::new(),
            deny: Vec::new(),
        };
        Self {
            permissions: Permissions {
                publish: EMPTY,
                subscribe: EMPTY,
                response: None,
            },
            src: Vec::new(),
            times: Vec::new(),
            times_location: String::new(),
            limits: Limits::ZERO,
            bearer_token: false,
            proxy_required: false,
            allowed_connection_types: Vec::new(),
        }
    }

    /// Nothing forbidden, nothing limited.
    pub const fn unlimited() -> Self {
        let mut all = Self::nothing();
        all.limits = Limits::UNLIMITED;
        all
    }

    /// Whether this is [`UserPermissionLimits::nothing`].
    pub fn is_nothing(&self) -> bool {
        *self == Self::nothing()
    }
}

impl Default for UserPermissionLimits {
    /// [`UserPermissionLimits::nothing`].
    fn default() -> Self {
        Self::nothing()
    }
}

/// What is particular to a user.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "UserDocument", into = "UserDocument")]
pub struct User {
    pub limits: UserPermissionLimits,
    /// Public key of the account when the issuer is one of its signing keys.
    pub issuer_account: String,
    pub tags: Tags,
    /// Set when it is encoded.
    pub kind: Option<ClaimType>,
    /// Set when it is encoded.
    pub version: i64,
}

impl User {
    /// Lets the scope of the signing key decide, or not.
    pub fn set_scoped(&mut self, scoped: bool) {
        self.limits = if scoped {
            UserPermissionLimits::nothing()
        } else {
            UserPermissionLimits::unlimited()
        };
    }
}

impl Payload for User {
    const TYPE: ClaimType = ClaimType::User;
    const SUBJECT: Option<Kind> = Some(Kind::User);
    const ISSUERS: &'static [Kind] = &[Kind::Account];

    fn initial() -> Self {
        Self {
            limits: UserPermissionLimits::unlimited(),
            ..Self::default()
        }
    }

    fn prepare(&mut self) {
        self.kind = Some(Self::TYPE);
        self.version = VERSION;
    }

    fn from_version1(old: Version1) -> Result<Self, serde_json::Error> {
        let document: UserDocument = old.payload()?;
        // Version 1 means "no limit" where it says nothing.
        let limit = |name: &str, value: i64| match old.nats.get(name) {
            Some(_) => value,
            None => super::NO_LIMIT,
        };
        let mut read = Self::from(document);
        let limits = &mut read.limits.limits;
        limits.subs = limit("subs", limits.subs);
        limits.data = limit("data", limits.data);
        limits.payload = limit("payload", limits.payload);
        read.limits.proxy_required = false;
        read.limits.allowed_connection_types = Vec::new();
        Ok(Self {
            issuer_account: old.issuer_account,
            tags: old.tags,
            kind: Some(Self::TYPE),
            version: 1,
            ..read
        })
    }
}

/// The payload of a user token.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct UserDocument {
    #[serde(rename = "pub")]
    publish: Permission,
    #[serde(rename = "sub")]
    subscribe: Permission,
    #[serde(rename = "resp", skip_serializing_if = "is_default")]
    response: Option<ResponsePermission>,
    #[serde(deserialize_with = "cidr_list", skip_serializing_if = "is_default")]
    src: Vec<String>,
    #[serde(skip_serializing_if = "is_default")]
    times: Vec<TimeRange>,
    #[serde(skip_serializing_if = "is_default")]
    times_location: String,
    #[serde(skip_serializing_if = "is_default")]
    subs: i64,
    #[serde(skip_serializing_if = "is_default")]
    data: i64,
    #[serde(skip_serializing_if = "is_default")]
    payload: i64,
    #[serde(skip_serializing_if = "is_default")]
    bearer_token: bool,
    #[serde(skip_serializing_if = "is_default")]
    proxy_required: bool,
    #[serde(skip_serializing_if = "is_default")]
    allowed_connection_types: Vec<String>,
    #[serde(skip_serializing_if = "is_default")]
    issuer_account: String,
    #[serde(skip_serializing_if = "is_default")]
    tags: Tags,
    #[serde(rename = "type", skip_serializing_if = "is_default")]
    kind: Option<ClaimType>,
    #[serde(skip_serializing_if = "is_default")]
    version: i64,
}

/// The template of a scoped signing key: as a user's payload, but a limit that is not there is no limit. So a limit of nothing is
/// written down; the reference leaves it out, and reads it as no limit.
#[derive(Clone, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct TemplateDocument {
    #[serde(rename = "pub")]
    publish: Permission,
    #[serde(rename = "sub")]
    subscribe: Permission,
    #[serde(rename = "resp", skip_serializing_if = "is_default")]
    response: Option<ResponsePermission>,
    #[serde(deserialize_with = "cidr_list", skip_serializing_if = "is_default")]
    src: Vec<String>,
    #[serde(skip_serializing_if = "is_default")]
    times: Vec<TimeRange>,
    #[serde(skip_serializing_if = "is_default")]
    times_location: String,
    subs: i64,
    data: i64,
    payload: i64,
    #[serde(skip_serializing_if = "is_default")]
    bearer_token: bool,
    #[serde(skip_serializing_if = "is_default")]
    proxy_required: bool,
    #[serde(skip_serializing_if = "is_default")]
    allowed_connection_types: Vec<String>,
}

impl Default for TemplateDocument {
    fn default() -> Self {
        Self::from(UserPermissionLimits::unlimited())
    }
}

impl From<UserPermissionLimits> for TemplateDocument {
    fn from(all: UserPermissionLimits) -> Self {
        Self {
            publish: all.permissions.publish,
            subscribe: all.permissions.subscribe,
            response: all.permissions.response,
            src: all.src,
            times: all.times,
            times_location: all.times_location,
            subs: all.limits.subs,
            data: all.limits.data,
            payload: all.limits.payload,
            bearer_token: all.bearer_token,
            proxy_required: all.proxy_required,
            allowed_connection_types: all.allowed_connection_types,
        }
    }
}

impl From<TemplateDocument> for UserPermissionLimits {
    fn from(read: TemplateDocument) -> Self {
        Self {
            permissions: Permissions {
                publish: read.publish,
                subscribe: read.subscribe,
                response: read.response,
            },
            src: read.src,
            times: read.times,
            times_location: read.times_location,
            limits: Limits {
                subs: read.subs,
                data: read.data,
                payload: read.payload,
            },
            bearer_token: read.bearer_token,
            proxy_required: read.proxy_required,
            allowed_connection_types: read.allowed_connection_types,
        }
    }
}

impl From<User> for UserDocument {
    fn from(user: User) -> Self {
        let all = TemplateDocument::from(user.limits);
        Self {
            publish: all.publish,
            subscribe: all.subscribe,
            response: all.response,
            src: all.src,
            times: all.times,
            times_location: all.times_location,
            subs: all.subs,
            data: all.data,
            payload: all.payload,
            bearer_token: all.bearer_token,
            proxy_required: all.proxy_required,
            allowed_connection_types: all.allowed_connection_types,
            issuer_account: user.issuer_account,
            tags: user.tags,
            kind: user.kind,
            version: user.version,
        }
    }
}

impl From<UserDocument> for User {
    fn from(read: UserDocument) -> Self {
        Self {
            limits: UserPermissionLimits::from(TemplateDocument {
                publish: read.publish,
                subscribe: read.subscribe,
                response: read.response,
                src: read.src,
                times: read.times,
                times_location: read.times_location,
                subs: read.subs,
                data: read.data,
                payload: read.payload,
                bearer_token: read.bearer_token,
                proxy_required: read.proxy_required,
                allowed_connection_types: read.allowed_connection_types,
            }),
            issuer_account: read.issuer_account,
            tags: read.tags,
            kind: read.kind,
            version: read.version,
        }
    }
}

/// Networks as a list, or as one text with commas.
fn cidr_list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::String(list) => {
            let tags: Tags = list.split(',').collect();
            Ok(tags.iter().map(str::to_owned).collect())
        }
        other => serde_json::from_value(other).map_err(serde::de::Error::custom),
    }
}
