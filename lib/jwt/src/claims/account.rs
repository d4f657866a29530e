use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::json::is_default;
use super::version1::Version1;
use super::{
    ClaimType, Export, Import, NO_LIMIT, Payload, Permissions, Revocations, SigningKeys, Tags,
    VERSION,
};
use crate::nkey::Kind;

/// What is particular to an account.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Account {
    #[serde(skip_serializing_if = "is_default")]
    pub imports: Vec<Import>,
    #[serde(skip_serializing_if = "is_default")]
    pub exports: Vec<Export>,
    pub limits: AccountLimits,
    #[serde(skip_serializing_if = "is_default")]
    pub signing_keys: SigningKeys,
    /// Users whose tokens no longer count.
    #[serde(skip_serializing_if = "is_default")]
    pub revocations: Revocations,
    /// For users that have no permissions of their own.
    pub default_permissions: Permissions,
    #[serde(skip_serializing_if = "is_default")]
    pub mappings: BTreeMap<String, Vec<WeightedMapping>>,
    pub authorization: ExternalAuthorization,
    #[serde(skip_serializing_if = "is_default")]
    pub trace: Option<MessageTrace>,
    #[serde(skip_serializing_if = "is_default")]
    pub cluster_traffic: ClusterTraffic,
    #[serde(skip_serializing_if = "is_default")]
    pub description: String,
    #[serde(skip_serializing_if = "is_default")]
    pub info_url: String,
    #[serde(skip_serializing_if = "is_default")]
    pub tags: Tags,
    /// Set when it is encoded.
    #[serde(rename = "type", skip_serializing_if = "is_default")]
    pub kind: Option<ClaimType>,
    /// Set when it is encoded.
    #[serde(skip_serializing_if = "is_default")]
    pub version: i64,
}

impl Payload for Account {
    const TYPE: ClaimType = ClaimType::Account;
    const SUBJECT: Option<Kind> = Some(Kind::Account);
    const ISSUERS: &'static [Kind] = &[Kind::Account, Kind::Operator];

    fn initial() -> Self {
        Self {
            limits: AccountLimits::initial(),
            ..Self::default()
        }
    }

    fn prepare(&mut self) {
        self.imports.sort_by(|a, b| a.subject.cmp(&b.subject));
        self.exports.sort_by(|a, b| a.subject.cmp(&b.subject));
        self.kind = Some(Self::TYPE);
        self.version = VERSION;
    }

    fn from_version1(old: Version1) -> Result<Self, serde_json::Error> {
        let read: Self = old.payload()?;
        let limits = AccountLimits {
            jetstream: JetStreamLimits::default(),
            tiered_limits: BTreeMap::new(),
            disallow_bearer: read.limits.disallow_bearer,
            ..read.limits
        };
        Ok(Self {
            imports: read.imports,
            exports: read.exports,
            limits,
            signing_keys: read.signing_keys,
            revocations: read.revocations,
            tags: old.tags,
            kind: Some(Self::TYPE),
            version: 1,
            ..Self::default()
        })
    }
}

/// What an account may use; -1 is no limit, 0 is nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountLimits {
    /// Subscriptions of a connection.
    pub subs: i64,
    /// Bytes in all; no server enforces it.
    pub data: i64,
    /// Bytes of one message.
    pub payload: i64,
    /// Imports in the token.
    pub imports: i64,
    /// Exports in the token.
    pub exports: i64,
    /// Exports may have wildcards.
    pub wildcards: bool,
    /// Users may not have bearer tokens.
    pub disallow_bearer: bool,
    /// Connections of clients.
    pub conn: i64,
    /// Connections of leaf nodes.
    pub leaf: i64,
    /// Over all streams, unless there are tiers.
    pub jetstream: JetStreamLimits,
    /// By tier: `R1`, `R3`, ….
    pub tiered_limits: BTreeMap<String, JetStreamLimits>,
}

impl AccountLimits {
    /// No limits, and no JetStream: what new accounts have.
    pub fn initial() -> Self {
        Self {
            subs: NO_LIMIT,
            data: NO_LIMIT,
            payload: NO_LIMIT,
            imports: NO_LIMIT,
            exports: NO_LIMIT,
            wildcards: true,
            disallow_bearer: false,
            conn: NO_LIMIT,
            leaf: NO_LIMIT,
            jetstream: JetStreamLimits::default(),
            tiered_limits: BTreeMap::new(),
        }
    }

    /// Whether nothing is set.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the account may store anything.
    pub fn has_jetstream(&self) -> bool {
        let stores = |limits: &JetStreamLimits| limits.mem_storage != 0 || limits.disk_storage != 0;
        if self.tiered_limits.is_empty() {
            stores(&self.jetstream)
        } else {
            self.tiered_limits.values().any(stores)
        }
    }
}

/// What an account may use of JetStream; -1 is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct JetStreamLimits {
    /// Bytes in memory over all streams; 0 for none.
    #[serde(skip_serializing_if = "is_default")]
    pub mem_storage: i64,
    /// Bytes in files over all streams; 0 for none.
    #[serde(skip_serializing_if = "is_default")]
    pub disk_storage: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub streams: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub consumer: i64,
    /// Of a consumer; 0 for no limit.
    #[serde(skip_serializing_if = "is_default")]
    pub max_ack_pending: i64,
    /// Bytes of one stream in memory; 0 for no limit.
    #[serde(skip_serializing_if = "is_default")]
    pub mem_max_stream_bytes: i64,
    /// Bytes of one stream in files; 0 for no limit.
    #[serde(skip_serializing_if = "is_default")]
    pub disk_max_stream_bytes: i64,
    /// Every stream must say how large it may become.
    #[serde(skip_serializing_if = "is_default")]
    pub max_bytes_required: bool,
}

/// The limits as they stand in the token: all in one object.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct LimitsDocument {
    #[serde(skip_serializing_if = "is_default")]
    subs: i64,
    #[serde(skip_serializing_if = "is_default")]
    data: i64,
    #[serde(skip_serializing_if = "is_default")]
    payload: i64,
    #[serde(skip_serializing_if = "is_default")]
    imports: i64,
    #[serde(skip_serializing_if = "is_default")]
    exports: i64,
    #[serde(skip_serializing_if = "is_default")]
    wildcards: bool,
    #[serde(skip_serializing_if = "is_default")]
    disallow_bearer: bool,
    #[serde(skip_serializing_if = "is_default")]
    conn: i64,
    #[serde(skip_serializing_if = "is_default")]
    leaf: i64,
    #[serde(skip_serializing_if = "is_default")]
    mem_storage: i64,
    #[serde(skip_serializing_if = "is_default")]
    disk_storage: i64,
    #[serde(skip_serializing_if = "is_default")]
    streams: i64,
    #[serde(skip_serializing_if = "is_default")]
    consumer: i64,
    #[serde(skip_serializing_if = "is_default")]
    max_ack_pending: i64,
    #[serde(skip_serializing_if = "is_default")]
    mem_max_stream_bytes: i64,
    #[serde(skip_serializing_if = "is_default")]
    disk_max_stream_bytes: i64,
    #[serde(skip_serializing_if = "is_default")]
    max_bytes_required: bool,
    #[serde(skip_serializing_if = "is_default")]
    tiered_limits: BTreeMap<String, JetStreamLimits>,
}

impl Serialize for AccountLimits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let jetstream = self.jetstream;
        LimitsDocument {
            subs: self.subs,
            data: self.data,
            payload: self.payload,
            imports: self.imports,
            exports: self.exports,
            wildcards: self.wildcards,
            disallow_bearer: self.disallow_bearer,
            conn: self.conn,
            leaf: self.leaf,
            mem_storage: jetstream.mem_storage,
            disk_storage: jetstream.disk_storage,
            streams: jetstream.streams,
            consumer: jetstream.consumer,
            max_ack_pending: jetstream.max_ack_pending,
            mem_max_stream_bytes: jetstream.mem_max_stream_bytes,
            disk_max_stream_bytes: jetstream.disk_max_stream_bytes,
            max_bytes_required: jetstream.max_bytes_required,
            tiered_limits: self.tiered_limits.clone(),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for AccountLimits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = LimitsDocument::deserialize(deserializer)?;
        // Where there are tiers, what stands beside them does not count.
        let jetstream = if read.tiered_limits.is_empty() {
            JetStreamLimits {
                mem_storage: read.mem_storage,
                disk_storage: read.disk_storage,
                streams: read.streams,
                consumer: read.consumer,
                max_ack_pending: read.max_ack_pending,
                mem_max_stream_bytes: read.mem_max_stream_bytes,
                disk_max_stream_bytes: read.disk_max_stream_bytes,
                max_bytes_required: read.max_bytes_required,
            }
        } else {
            JetStreamLimits::default()
        };
        Ok(Self {
            subs: read.subs,
            data: read.data,
            payload: read.payload,
            imports: read.imports,
            exports: read.exports,
            wildcards: read.wildcards,
            disallow_bearer: read.disallow_bearer,
            conn: read.conn,
            leaf: read.leaf,
            jetstream,
            tiered_limits: read.tiered_limits,
        })
    }
}

/// One destination of a mapped subject.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct WeightedMapping {
    pub subject: String,
    /// In percent; 0 is written for 100. See [`WeightedMapping::percent`].
    #[serde(skip_serializing_if = "is_default")]
    pub weight: u8,
    /// Only in this cluster; everywhere when empty.
    #[serde(skip_serializing_if = "is_default")]
    pub cluster: String,
}

impl WeightedMapping {
    /// How many of a hundred messages go here.
    pub fn percent(&self) -> u8 {
        if self.weight == 0 { 100 } else { self.weight }
    }
}

/// An authorization service in this account that decides who its users are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExternalAuthorization {
    /// Users (public keys) about whom the service is not asked: its own.
    #[serde(skip_serializing_if = "is_default")]
    pub auth_users: Vec<String>,
    /// Accounts into which it may put users, or `*` alone for any.
    #[serde(skip_serializing_if = "is_default")]
    pub allowed_accounts: Vec<String>,
    /// Curve key (public) for which requests are sealed.
    #[serde(skip_serializing_if = "is_default")]
    pub xkey: String,
}

impl ExternalAuthorization {
    pub fn is_enabled(&self) -> bool {
        !self.auth_users.is_empty()
    }
}

/// Traces of messages that carry a sampled `traceparent` header.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MessageTrace {
    #[serde(rename = "dest", skip_serializing_if = "is_default")]
    pub destination: String,
    /// How many of a hundred; 0 is written for 100.
    #[serde(skip_serializing_if = "is_default")]
    pub sampling: i64,
}

/// In which account the servers of a cluster speak about this account's streams. An unknown word is kept, and found by
/// validation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ClusterTraffic {
    #[default]
    Unset,
    System,
    Owner,
    Unknown(String),
}

impl ClusterTraffic {
    pub fn as_str(&self) -> &str {
        match self {
            Self::Unset => "",
            Self::System => "system",
            Self::Owner => "owner",
            Self::Unknown(word) => word,
        }
    }
}

impl From<&str> for ClusterTraffic {
    fn from(word: &str) -> Self {
        match word {
            "" => Self::Unset,
            "system" => Self::System,
            "owner" => Self::Owner,
            other => Self::Unknown(other.to_owned()),
        }
    }
}

impl Serialize for ClusterTraffic {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ClusterTraffic {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        Ok(Self::from(word.as_str()))
    }
}
