use aws_lc_rs::digest;
use data_encoding::BASE32;
use serde::{Deserialize, Serialize};

use super::json::is_default;
use super::version1::Version1;
use super::{ActivationClaims, ClaimType, ExportType, Payload, Tags, VERSION};
use crate::nkey::Kind;

/// What is particular to a permission to import.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Activation {
    /// What may be imported.
    #[serde(rename = "subject", skip_serializing_if = "is_default")]
    pub import_subject: String,
    #[serde(rename = "kind", skip_serializing_if = "is_default")]
    pub import_type: ExportType,
    /// Public key of the exporting account when the issuer is one of its signing keys.
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

impl Payload for Activation {
    const TYPE: ClaimType = ClaimType::Activation;
    const SUBJECT: Option<Kind> = Some(Kind::Account);
    const ISSUERS: &'static [Kind] = &[Kind::Account, Kind::Operator];

    fn initial() -> Self {
        Self::default()
    }

    fn prepare(&mut self) {
        self.kind = Some(Self::TYPE);
        self.version = VERSION;
    }

    fn from_version1(old: Version1) -> Result<Self, serde_json::Error> {
        let read: Self = old.payload()?;
        // In version 1 the word `type` of the payload is what `kind` is in version 2.
        let import_type = match old.text("type") {
            None => ExportType::Unknown,
            Some(word) => serde_json::from_value(word.into())?,
        };
        Ok(Self {
            import_subject: read.import_subject,
            import_type,
            issuer_account: old.issuer_account,
            tags: old.tags,
            kind: Some(Self::TYPE),
            version: 1,
        })
    }
}

impl ActivationClaims {
    /// A name for this permission that stays the same when it is issued again; `None` when issuer, subject or import subject
    /// are missing.
    pub fn hash_id(&self) -> Option<String> {
        let subject = &self.nats.import_subject;
        if self.issuer.is_empty() || self.subject.is_empty() || subject.is_empty() {
            return None;
        }
        let text = format!("{}.{}.{}", self.issuer, self.subject, literal_head(subject));
        let hash = digest::digest(&digest::SHA256, text.as_bytes());
        Some(BASE32.encode(hash.as_ref()))
    }
}

/// The tokens before the first wildcard; `_` when there are none.
fn literal_head(subject: &str) -> String {
    let head: Vec<_> = subject
        .split('.')
        .take_while(|token| !matches!(*token, "*" | ">"))
        .collect();
    if head.is_empty() {
        return "_".to_owned();
    }
    head.join(".")
}
