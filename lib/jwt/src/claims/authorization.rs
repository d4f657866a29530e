//! What a server asks an authorization service about a newcomer, and what that answers.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::json::is_default;
use super::version1::Version1;
use super::{ClaimType, Payload, Tags, VERSION};
use crate::nkey::Kind;

/// The server that asks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServerId {
    pub name: String,
    pub host: String,
    /// Public key.
    pub id: String,
    #[serde(skip_serializing_if = "is_default")]
    pub version: String,
    #[serde(skip_serializing_if = "is_default")]
    pub cluster: String,
    #[serde(skip_serializing_if = "is_default")]
    pub tags: Tags,
    /// Curve key (public) for which the answer may be sealed.
    #[serde(skip_serializing_if = "is_default")]
    pub xkey: String,
}

/// What the server knows about the newcomer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CallerInfo {
    #[serde(skip_serializing_if = "is_default")]
    pub host: String,
    #[serde(skip_serializing_if = "is_default")]
    pub id: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub user: String,
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    #[serde(skip_serializing_if = "is_default")]
    pub tags: Tags,
    #[serde(skip_serializing_if = "is_default")]
    pub name_tag: String,
    #[serde(skip_serializing_if = "is_default")]
    pub kind: String,
    #[serde(rename = "type", skip_serializing_if = "is_default")]
    pub client_type: String,
    #[serde(skip_serializing_if = "is_default")]
    pub mqtt_id: String,
    /// What was signed, when something was.
    #[serde(skip_serializing_if = "is_default")]
    pub nonce: String,
}

/// What the newcomer sent in CONNECT. Holds secrets, and prints none.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConnectOptions {
    #[serde(skip_serializing_if = "is_default")]
    pub jwt: String,
    #[serde(skip_serializing_if = "is_default")]
    pub nkey: String,
    /// The signed nonce.
    #[serde(skip_serializing_if = "is_default")]
    pub sig: String,
    #[serde(skip_serializing_if = "is_default")]
    pub auth_token: String,
    #[serde(skip_serializing_if = "is_default")]
    pub user: String,
    #[serde(skip_serializing_if = "is_default")]
    pub pass: String,
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    #[serde(skip_serializing_if = "is_default")]
    pub lang: String,
    #[serde(skip_serializing_if = "is_default")]
    pub version: String,
    pub protocol: i64,
}

impl fmt::Debug for ConnectOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectOptions")
            .field("nkey", &self.nkey)
            .field("user", &self.user)
            .field("name", &self.name)
            .field("lang", &self.lang)
            .field("version", &self.version)
            .field("protocol", &self.protocol)
            .finish_non_exhaustive()
    }
}

/// The newcomer's TLS. Certificates are in PEM.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CallerTls {
    #[serde(skip_serializing_if = "is_default")]
    pub version: String,
    #[serde(skip_serializing_if = "is_default")]
    pub cipher: String,
    /// What was shown, when it was not verified.
    #[serde(skip_serializing_if = "is_default")]
    pub certs: Vec<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub verified_chains: Vec<Vec<String>>,
}

/// What is particular to a request.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AuthorizationRequest {
    #[serde(rename = "server_id")]
    pub server: ServerId,
    /// The user (public key) for which the answer must be, made for this one request.
    pub user_nkey: String,
    #[serde(rename = "client_info")]
    pub client: CallerInfo,
    #[serde(rename = "connect_opts")]
    pub connect: ConnectOptions,
    #[serde(rename = "client_tls", skip_serializing_if = "is_default")]
    pub tls: Option<CallerTls>,
    #[serde(skip_serializing_if = "is_default")]
    pub request_nonce: String,
    #[serde(skip_serializing_if = "is_default")]
    pub tags: Tags,
    /// Set when it is encoded.
    #[serde(rename = "type", skip_serializing_if = "is_default")]
    pub kind: Option<ClaimType>,
    /// Set when it is encoded.
    #[serde(skip_serializing_if = "is_default")]
    pub version: i64,
}

impl Payload for AuthorizationRequest {
    const TYPE: ClaimType = ClaimType::AuthorizationRequest;
    const SUBJECT: Option<Kind> = None;
    const ISSUERS: &'static [Kind] = &[Kind::Server];

    fn initial() -> Self {
        Self::default()
    }

    fn prepare(&mut self) {
        self.kind = Some(Self::TYPE);
        self.version = VERSION;
    }

    fn from_version1(_: Version1) -> Result<Self, serde_json::Error> {
        Err(serde::de::Error::custom("no such tokens in version 1"))
    }
}

/// What is particular to an answer: a token for the user, or why there is none.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AuthorizationResponse {
    #[serde(skip_serializing_if = "is_default")]
    pub jwt: String,
    #[serde(skip_serializing_if = "is_default")]
    pub error: String,
    /// Public key of the account when the issuer is one of its signing keys.
    #[serde(skip_serializing_if = "is_default")]
    pub issuer_account: String,
    #[serde(skip_serializing_if = "is_default")]
    pub tags: Tags,
    /// Set when it is encoded.
    #[serde(rename = "type", skip_serializing_if = "is_default")]
    pub kind: Option<ClaimType>,
    /// Set when it is encoded.
    #[serde(skip_serializing_if = "is_default")]
    pub version: i64,
}

impl Payload for AuthorizationResponse {
    const TYPE: ClaimType = ClaimType::AuthorizationResponse;
    const SUBJECT: Option<Kind> = None;
    const ISSUERS: &'static [Kind] = &[Kind::Account];

    fn initial() -> Self {
        Self::default()
    }

    fn prepare(&mut self) {
        self.kind = Some(Self::TYPE);
        self.version = VERSION;
    }

    fn from_version1(_: Version1) -> Result<Self, serde_json::Error> {
        Err(serde::de::Error::custom("no such tokens in version 1"))
    }
}
