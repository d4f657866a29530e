//! Exports and imports.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::Revocations;
use super::json::is_default;

/// What is shared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExportType {
    /// Not said; never valid.
    #[default]
    #[serde(skip)]
    Unknown,
    Stream,
    Service,
}

impl ExportType {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Stream => "stream",
            Self::Service => "service",
        }
    }
}

impl std::fmt::Display for ExportType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// How a service answers, by the words of the documents. An unknown word is kept, and found by validation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ResponseType {
    /// Not said: one answer.
    #[default]
    Unset,
    Singleton,
    Stream,
    Chunked,
    Unknown(String),
}

impl ResponseType {
    pub fn as_str(&self) -> &str {
        match self {
            Self::Unset => "",
            Self::Singleton => "Singleton",
            Self::Stream => "Stream",
            Self::Chunked => "Chunked",
            Self::Unknown(word) => word,
        }
    }
}

impl From<&str> for ResponseType {
    fn from(word: &str) -> Self {
        match word {
            "" => Self::Unset,
            "Singleton" => Self::Singleton,
            "Stream" => Self::Stream,
            "Chunked" => Self::Chunked,
            other => Self::Unknown(other.to_owned()),
        }
    }
}

impl Serialize for ResponseType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ResponseType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        Ok(Self::from(word.as_str()))
    }
}

/// Which requests are measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sampling {
    /// Those whose headers ask for it.
    #[default]
    Headers,
    /// This many of a hundred: 1 to 100.
    Percent(i64),
}

impl Serialize for Sampling {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Headers => serializer.serialize_str("headers"),
            Self::Percent(rate @ 1..=100) => serializer.serialize_i64(*rate),
            Self::Percent(_) => Err(serde::ser::Error::custom("unknown sampling rate")),
        }
    }
}

impl<'de> Deserialize<'de> for Sampling {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        match (&value, value.as_i64()) {
            (_, Some(0)) => Ok(Self::Headers),
            (_, Some(rate)) => Ok(Self::Percent(rate)),
            (Value::String(word), _) if word.eq_ignore_ascii_case("headers") => Ok(Self::Headers),
            _ => Err(serde::de::Error::custom(
                "sampling is a whole number or \"headers\"",
            )),
        }
    }
}

/// Where the times that a service takes are published.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Latency {
    pub sampling: Sampling,
    /// The subject.
    pub results: String,
}

/// A stream or service that other accounts may import.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Export {
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    #[serde(skip_serializing_if = "is_default")]
    pub subject: String,
    #[serde(rename = "type", skip_serializing_if = "is_default")]
    pub kind: ExportType,
    /// Importers need an activation token.
    #[serde(rename = "token_req", skip_serializing_if = "is_default")]
    pub token_required: bool,
    /// Accounts whose activation tokens no longer count.
    #[serde(skip_serializing_if = "is_default")]
    pub revocations: Revocations,
    #[serde(skip_serializing_if = "is_default")]
    pub response_type: ResponseType,
    /// How long a service may take, in nanoseconds; the server's default when 0.
    #[serde(rename = "response_threshold", skip_serializing_if = "is_default")]
    pub response_threshold_ns: i64,
    #[serde(rename = "service_latency", skip_serializing_if = "is_default")]
    pub latency: Option<Latency>,
    /// The token of the subject (from 1) that is the importer's account; 0 for none.
    #[serde(skip_serializing_if = "is_default")]
    pub account_token_position: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub advertise: bool,
    /// Message traces go on in this account (services only).
    #[serde(skip_serializing_if = "is_default")]
    pub allow_trace: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub description: String,
    #[serde(skip_serializing_if = "is_default")]
    pub info_url: String,
}

/// A stream or service of another account that is used in this one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Import {
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    /// From the view of who publishes first: for a stream the exporter's subject, for a service with `to` the importer's.
    #[serde(skip_serializing_if = "is_default")]
    pub subject: String,
    /// Public key of the exporting account.
    #[serde(skip_serializing_if = "is_default")]
    pub account: String,
    /// The activation token, if the export wants one.
    #[serde(skip_serializing_if = "is_default")]
    pub token: String,
    /// Deprecated in favour of `local_subject`: for a stream a prefix, for a service the exporter's subject.
    #[serde(skip_serializing_if = "is_default")]
    pub to: String,
    /// The subject in this account, with `$1` or `*` for the wildcards of `subject`; the same subject when empty.
    #[serde(skip_serializing_if = "is_default")]
    pub local_subject: String,
    #[serde(rename = "type", skip_serializing_if = "is_default")]
    pub kind: ExportType,
    /// Tell the service who asks.
    #[serde(skip_serializing_if = "is_default")]
    pub share: bool,
    /// Message traces go on in this account (streams only).
    #[serde(skip_serializing_if = "is_default")]
    pub allow_trace: bool,
}
