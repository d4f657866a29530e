//! `/connz`: the connections, open and closed.

use serde::{Deserialize, Serialize};

use crate::json::{is_default, null_is_empty};
use crate::monitor::subsz::SubDetail;
use crate::monitor::varz::ProxyKey;
use crate::time::Timestamp;

/// A page of connections.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Connz {
    pub server_id: String,
    pub now: Timestamp,
    /// Length of `connections`.
    pub num_connections: i64,
    /// How many connections there are, before paging (and, as in the reference server, before filtering by user).
    pub total: i64,
    pub offset: i64,
    pub limit: i64,
    #[serde(deserialize_with = "null_is_empty")]
    pub connections: Vec<ConnInfo>,
}

/// One connection. The byte and message counts are from the server's point of view.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConnInfo {
    pub cid: u64,
    /// `Client`, `Leafnode`, …
    #[serde(skip_serializing_if = "is_default")]
    pub kind: String,
    /// `nats`, `mqtt` or `websocket`.
    #[serde(rename = "type", skip_serializing_if = "is_default")]
    pub conn_type: String,
    pub ip: String,
    pub port: i32,
    pub start: Timestamp,
    pub last_activity: Timestamp,
    #[serde(skip_serializing_if = "is_default")]
    pub stop: Option<Timestamp>,
    /// Why it was closed.
    #[serde(skip_serializing_if = "is_default")]
    pub reason: String,
    /// Written by [`crate::time::round_trip`]; `0s` when not measured yet.
    #[serde(skip_serializing_if = "is_default")]
    pub rtt: String,
    pub uptime: String,
    pub idle: String,
    pub pending_bytes: i64,
    pub in_msgs: i64,
    pub out_msgs: i64,
    pub in_bytes: i64,
    pub out_bytes: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub stalls: i64,
    pub subscriptions: u32,
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    #[serde(skip_serializing_if = "is_default")]
    pub lang: String,
    #[serde(skip_serializing_if = "is_default")]
    pub version: String,
    #[serde(skip_serializing_if = "is_default")]
    pub tls_version: String,
    #[serde(skip_serializing_if = "is_default")]
    pub tls_cipher_suite: String,
    #[serde(skip_serializing_if = "is_default")]
    pub tls_peer_certs: Vec<PeerCert>,
    #[serde(skip_serializing_if = "is_default")]
    pub tls_first: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub authorized_user: String,
    /// Not given for the global account.
    #[serde(skip_serializing_if = "is_default")]
    pub account: String,
    #[serde(skip_serializing_if = "is_default")]
    pub subscriptions_list: Vec<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub subscriptions_list_detail: Vec<SubDetail>,
    /// Never that of a bearer user.
    #[serde(skip_serializing_if = "is_default")]
    pub jwt: String,
    #[serde(skip_serializing_if = "is_default")]
    pub issuer_key: String,
    #[serde(skip_serializing_if = "is_default")]
    pub name_tag: String,
    #[serde(skip_serializing_if = "is_default")]
    pub tags: Vec<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub mqtt_client: String,
    #[serde(skip_serializing_if = "is_default")]
    pub proxy: Option<ProxyKey>,
}

/// A certificate that the other side showed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PeerCert {
    #[serde(skip_serializing_if = "is_default")]
    pub subject: String,
    /// Hex.
    #[serde(skip_serializing_if = "is_default")]
    pub spki_sha256: String,
    /// Hex.
    #[serde(skip_serializing_if = "is_default")]
    pub cert_sha256: String,
}

/// What to report and how. The default is the first page of open connections by id.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConnzOptions {
    /// See [`ConnSort`]; checked when used, so that the answer can name it.
    pub sort: String,
    pub auth: bool,
    pub subscriptions: bool,
    pub subscriptions_detail: bool,
    pub offset: i64,
    /// Zero or less means [`DEFAULT_LIMIT`](super::DEFAULT_LIMIT).
    pub limit: i64,
    /// Only this connection, when not zero.
    pub cid: u64,
    pub mqtt_client: String,
    pub state: ConnState,
    pub user: String,
    pub acc: String,
    /// Only connections with a subscription that collides with it. Needs `acc`.
    pub filter_subject: String,
}
/// Which connections to report. On the wire a number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub enum ConnState {
    #[default]
    Open,
    Closed,
    All,
}

impl ConnState {
    /// As a query parameter: `open`, `closed`, `any` or `all`, in any case; nothing means open.
    pub fn from_query(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "" | "open" => Some(Self::Open),
            "closed" => Some(Self::Closed),
            "any" | "all" => Some(Self::All),
            _ => None,
        }
    }
}

impl From<ConnState> for i64 {
    fn from(state: ConnState) -> i64 {
        state as i64
    }
}

impl TryFrom<i64> for ConnState {
    type Error = String;

    fn try_from(number: i64) -> Result<Self, String> {
        match number {
            0 => Ok(Self::Open),
            1 => Ok(Self::Closed),
            2 => Ok(Self::All),
            _ => Err(format!(
                "connection state must be 0 (open), 1 (closed) or 2 (all), not {number}"
            )),
        }
    }
}

/// The order of a connection list. Counts sort from large to small.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ConnSort {
    #[default]
    Cid,
    Start,
    Subs,
    Pending,
    MsgsTo,
    MsgsFrom,
    BytesTo,
    BytesFrom,
    Last,
    Idle,
    Uptime,
    Stop,
    Reason,
    Rtt,
}

impl ConnSort {
    /// Every order and its name in queries and requests.
    pub const ALL: [(&'static str, Self); 14] = [
        ("cid", Self::Cid),
        ("start", Self::Start),
        ("subs", Self::Subs),
        ("pending", Self::Pending),
        ("msgs_to", Self::MsgsTo),
        ("msgs_from", Self::MsgsFrom),
        ("bytes_to", Self::BytesTo),
        ("bytes_from", Self::BytesFrom),
        ("last", Self::Last),
        ("idle", Self::Idle),
        ("uptime", Self::Uptime),
        ("stop", Self::Stop),
        ("reason", Self::Reason),
        ("rtt", Self::Rtt),
    ];

    /// The order with this name; no name means by id.
    pub fn from_name(name: &str) -> Option<Self> {
        if name.is_empty() {
            return Some(Self::default());
        }
        Self::ALL
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, sort)| *sort)
    }
}
