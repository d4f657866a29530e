//! Message tracing (`Nats-Trace-Dest`): what happened to one message on one server.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::json::{is_default, null_is_empty};
use crate::system::server::ServerInfo;
use crate::time::Timestamp;

/// Everything that one server did with a traced message.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TraceEvent {
    pub server: ServerInfo,
    pub request: TraceRequest,
    /// How many links the message took from here; as many more events follow.
    #[serde(skip_serializing_if = "is_default")]
    pub hops: u32,
    #[serde(deserialize_with = "null_is_empty")]
    pub events: Vec<TraceStep>,
}

/// The message that is traced.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TraceRequest {
    #[serde(skip_serializing_if = "is_default")]
    pub header: BTreeMap<String, Vec<String>>,
    /// Bytes, headers included.
    #[serde(skip_serializing_if = "is_default")]
    pub msgsize: u64,
}
/// One step of a traced message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum TraceStep {
    /// Came in from a connection.
    #[serde(rename = "in")]
    Ingress {
        ts: Timestamp,
        /// Number of the kind of connection, see [`TraceKind`].
        kind: i32,
        cid: u64,
        #[serde(default, skip_serializing_if = "is_default")]
        name: String,
        acc: String,
        subj: String,
        #[serde(default, skip_serializing_if = "is_default")]
        error: String,
    },
    /// The account maps the subject.
    #[serde(rename = "sm")]
    SubjectMapping { ts: Timestamp, to: String },
    /// Crossed into an account that imports a stream.
    #[serde(rename = "se")]
    StreamExport {
        ts: Timestamp,
        acc: String,
        to: String,
    },
    /// Crossed into an account whose service is imported.
    #[serde(rename = "si")]
    ServiceImport {
        ts: Timestamp,
        acc: String,
        from: String,
        to: String,
    },
    /// Reached a stream.
    #[serde(rename = "js")]
    JetStream {
        ts: Timestamp,
        stream: String,
        #[serde(default, skip_serializing_if = "is_default")]
        subject: String,
        #[serde(default, skip_serializing_if = "is_default")]
        nointerest: bool,
        #[serde(default, skip_serializing_if = "is_default")]
        error: String,
    },
    /// Went out to a connection.
    #[serde(rename = "eg")]
    Egress {
        ts: Timestamp,
        kind: i32,
        cid: u64,
        #[serde(default, skip_serializing_if = "is_default")]
        name: String,
        #[serde(default, skip_serializing_if = "is_default")]
        hop: String,
        #[serde(default, skip_serializing_if = "is_default")]
        acc: String,
        #[serde(default, skip_serializing_if = "is_default")]
        sub: String,
        #[serde(default, skip_serializing_if = "is_default")]
        queue: String,
        #[serde(default, skip_serializing_if = "is_default")]
        error: String,
    },
}

/// Kinds of connections, as numbered in traces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum TraceKind {
    Client = 0,
    Router = 1,
    Gateway = 2,
    System = 3,
    Leaf = 4,
    JetStream = 5,
    Account = 6,
}
