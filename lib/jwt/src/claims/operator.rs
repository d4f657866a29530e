use serde::{Deserialize, Serialize};

use super::json::is_default;
use super::version1::Version1;
use super::{ClaimType, Payload, Tags, VERSION};
use crate::nkey::Kind;
use crate::validate;

/// What is particular to an operator.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Operator {
    /// Operator keys that sign in its place.
    #[serde(skip_serializing_if = "is_default")]
    pub signing_keys: Vec<String>,
    /// Base of the URLs at which tools find accounts.
    #[serde(skip_serializing_if = "is_default")]
    pub account_server_url: String,
    /// Where tools connect to the servers: `nats://`, `tls://`, `ws://` or `wss://`.
    #[serde(skip_serializing_if = "is_default")]
    pub operator_service_urls: Vec<String>,
    /// Public key of the system account.
    #[serde(skip_serializing_if = "is_default")]
    pub system_account: String,
    /// Servers older than this (`major.minor.update`) refuse the operator.
    #[serde(skip_serializing_if = "is_default")]
    pub assert_server_version: String,
    /// The operator's own key signs nothing but the operator's own token.
    #[serde(skip_serializing_if = "is_default")]
    pub strict_signing_key_usage: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub tags: Tags,
    /// Set when it is encoded.
    #[serde(rename = "type", skip_serializing_if = "is_default")]
    pub kind: Option<ClaimType>,
    /// Set when it is encoded.
    #[serde(skip_serializing_if = "is_default")]
    pub version: i64,
}

impl Payload for Operator {
    const TYPE: ClaimType = ClaimType::Operator;
    const SUBJECT: Option<Kind> = Some(Kind::Operator);
    const ISSUERS: &'static [Kind] = &[Kind::Operator];

    fn initial() -> Self {
        Self::default()
    }

    fn prepare(&mut self) {
        self.kind = Some(Self::TYPE);
        self.version = VERSION;
    }

    fn refusal(&self) -> Option<String> {
        validate::account_server_url(&self.account_server_url).err()
    }

    fn from_version1(old: Version1) -> Result<Self, serde_json::Error> {
        let read: Self = old.payload()?;
        Ok(Self {
            assert_server_version: String::new(),
            strict_signing_key_usage: false,
            tags: old.tags,
            kind: Some(Self::TYPE),
            version: 1,
            ..read
        })
    }
}
