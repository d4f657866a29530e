//! Requests to the system account: which servers are asked, and what they answer.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::errors::ApiError;
use crate::json::is_default;
use crate::monitor::routez::SubjectPermission;
use crate::system::server::ServerInfo;
use crate::time::Nanos;

/// Which servers shall answer; a server that does not match stays silent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EventFilter {
    #[serde(skip_serializing_if = "is_default")]
    pub server_name: String,
    #[serde(skip_serializing_if = "is_default")]
    pub cluster: String,
    #[serde(skip_serializing_if = "is_default")]
    pub host: String,
    /// The three above must be equal, not just contained.
    #[serde(skip_serializing_if = "is_default")]
    pub exact_match: bool,
    /// All of them.
    #[serde(skip_serializing_if = "is_default")]
    pub tags: Vec<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub domain: String,
}

/// The reply to USER.INFO.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UserInfo {
    pub user: String,
    pub account: String,
    #[serde(skip_serializing_if = "is_default")]
    pub account_name: String,
    #[serde(skip_serializing_if = "is_default")]
    pub user_name: String,
    /// None when nothing is restricted.
    #[serde(skip_serializing_if = "is_default")]
    pub permissions: Option<Permissions>,
    #[serde(skip_serializing_if = "is_default")]
    pub expires: Nanos,
}

/// What a user may do.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Permissions {
    pub publish: Option<SubjectPermission>,
    pub subscribe: Option<SubjectPermission>,
    #[serde(skip_serializing_if = "is_default")]
    pub responses: Option<ResponsePermission>,
}

/// How often and how long a user may answer requests.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ResponsePermission {
    pub max: i64,
    pub ttl: Nanos,
}

/// Which connection to close (KICK) or to send away (LDM).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConnectionRequest {
    pub cid: u64,
}

/// How many connections has an account? Sent when a server starts to track it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AccountConnectionsRequest {
    pub server: ServerInfo,
    pub acc: String,
}

/// How many subscriptions match? Answered with a number.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SubscriptionCountRequest {
    pub acc: String,
    pub subject: String,
    /// Base64 of the group's name.
    #[serde(skip_serializing_if = "is_default")]
    pub queue: Option<String>,
}
/// The reply of a server to one request of the system account.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
pub struct Reply<T> {
    pub server: ServerInfo,
    #[serde(default = "Option::default", skip_serializing_if = "Option::is_none")]
    pub data: Option<T>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ApiError>,
}

impl<T> Reply<T> {
    pub fn data(server: ServerInfo, data: T) -> Self {
        Self {
            server,
            data: Some(data),
            error: None,
        }
    }

    pub fn error(server: ServerInfo, error: ApiError) -> Self {
        Self {
            server,
            data: None,
            error: Some(error),
        }
    }
}

/// The body of a request: the options of a page and the filter, side by side in one document.
///
/// An empty body means the defaults. Fields that neither knows are ignored.
pub fn read_request<T: DeserializeOwned + Default>(
    body: &[u8],
) -> Result<(T, EventFilter), serde_json::Error> {
    if body.is_empty() {
        return Ok((T::default(), EventFilter::default()));
    }
    let fields: Option<serde_json::Map<String, Value>> = serde_json::from_slice(body)?;
    let fields = Value::Object(fields.unwrap_or_default());
    Ok((T::deserialize(&fields)?, EventFilter::deserialize(&fields)?))
}

/// Writes what [`read_request`] reads. Options that are not a document of their own are left out.
pub fn write_request<T: Serialize>(
    options: &T,
    filter: &EventFilter,
) -> Result<Vec<u8>, serde_json::Error> {
    let mut body = serde_json::Map::new();
    for part in [
        serde_json::to_value(options)?,
        serde_json::to_value(filter)?,
    ] {
        if let Value::Object(fields) = part {
            body.extend(fields);
        }
    }
    serde_json::to_vec(&body)
}

/// How a reply may be compressed, from the request's `Accept-Encoding` header.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ReplyEncoding {
    /// The request did not ask.
    #[default]
    Plain,
    Gzip,
    /// The framed format of snappy, which S2 readers read too.
    Snappy,
    /// The request asked for something that we do not speak: the answer says `identity`.
    Identity,
}

impl ReplyEncoding {
    /// Name of the request's header.
    pub const REQUEST_HEADER: &str = "Accept-Encoding";
    /// Name of the reply's header.
    pub const REPLY_HEADER: &str = "Content-Encoding";

    pub fn from_header(value: &str) -> Self {
        let value = value.to_ascii_lowercase();
        if value.is_empty() {
            Self::Plain
        } else if value.contains("snappy") || value.contains("s2") {
            Self::Snappy
        } else if value.contains("gzip") {
            Self::Gzip
        } else {
            Self::Identity
        }
    }

    /// Value of the reply's header, if it has one.
    pub fn header_value(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Gzip => Some("gzip"),
            Self::Snappy => Some("snappy"),
            Self::Identity => Some("identity"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::ConnzOptions;

    #[test]
    fn options_and_filter_share_one_document() {
        let body = br#"{"limit":5,"acc":"A","server_name":"n1","tags":["x"],"unknown":1}"#;
        let (options, filter): (ConnzOptions, _) = read_request(body).unwrap();
        assert_eq!((options.limit, &*options.acc), (5, "A"));
        assert_eq!((&*filter.server_name, filter.tags.len()), ("n1", 1));
        let again = write_request(&options, &filter).unwrap();
        let back: (ConnzOptions, EventFilter) = read_request(&again).unwrap();
        assert_eq!(back, (options, filter));
    }

    #[test]
    fn no_body_and_null_mean_the_defaults() {
        for body in ["", "null", "{}"] {
            let read: (ConnzOptions, EventFilter) = read_request(body.as_bytes()).unwrap();
            assert_eq!(read, Default::default());
        }
    }

    #[test]
    fn a_wrong_body_is_an_error_not_a_default() {
        for body in [
            "{",
            "[]",
            "7",
            r#"{"limit":"x"}"#,
            r#"{"state":9}"#,
            r#"{"tags":"x"}"#,
        ] {
            assert!(
                read_request::<ConnzOptions>(body.as_bytes()).is_err(),
                "{body}"
            );
        }
    }

    #[test]
    fn encodings_are_found_anywhere_in_the_header() {
        let table = [
            ("", ReplyEncoding::Plain),
            ("GZIP", ReplyEncoding::Gzip),
            ("gzip, S2", ReplyEncoding::Snappy),
            ("snappy", ReplyEncoding::Snappy),
            ("br", ReplyEncoding::Identity),
        ];
        for (header, encoding) in table {
            assert_eq!(ReplyEncoding::from_header(header), encoding, "{header}");
        }
    }
}
