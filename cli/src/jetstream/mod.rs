//! What commands share about streams and consumers: requests to the JetStream API ([`Api`]), choosing by name or from a
//! list ([`pick`]), configurations as documents that are edited field by field ([`Document`]), and how infos are shown.
//!
//! Who may call: commands. What never happens here: a decision about what to create or delete; a field of a configuration
//! that the user did not name is never touched, not even when this program does not know it.
//! Locks: none. Start reading in [`api`].

pub mod api;
pub mod archive;
pub mod balance;
mod cluster;
mod consumer_view;
mod document;
mod edit;
mod election;
pub mod message;
pub mod pick;
mod stream_view;
pub mod valid;

use std::collections::BTreeMap;

use nats_api::time::Timestamp;

use crate::error::{CliError, Result};
use crate::output::format;
use crate::parse;

pub use api::Api;
pub use cluster::{Leaders, missing, servers_cell, show as show_cluster};
pub use consumer_view::{ConsumerView, ack_policy_name};
pub use document::Document;
pub use edit::EditArgs;
pub use election::Election;
pub use stream_view::{StreamView, last_seen, storage_name};

/// Metadata below this prefix is the server's own.
pub const RESERVED_METADATA: &str = "_nats.";
/// The API level that an asset needs, in its metadata.
const REQUIRED_LEVEL: &str = "_nats.req.level";
/// The API level of the server that created it.
const CREATED_LEVEL: &str = "_nats.level";
/// The version of that server.
const CREATED_VERSION: &str = "_nats.ver";

/// What the user wrote, without what the server added.
pub fn user_metadata(metadata: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let own = |(key, _): &(&String, &String)| !key.starts_with(RESERVED_METADATA);
    let pairs = metadata.iter().filter(own);
    pairs.map(|(k, v)| (k.clone(), v.clone())).collect()
}

/// The API level that an asset needs; `0` when it says nothing.
pub fn required_level(metadata: &BTreeMap<String, String>) -> &str {
    metadata.get(REQUIRED_LEVEL).map_or("0", String::as_str)
}

/// Streams that belong to something else: buckets, object stores, MQTT.
pub fn is_internal_stream(name: &str) -> bool {
    ["KV_", "OBJ_", "$MQTT_"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
}

/// Names become part of a subject: one that would change its meaning is refused.
pub fn check_name(name: &str) -> Result {
    let bad =
        |c: char| matches!(c, '.' | '*' | '>' | '/' | '\\') || c.is_whitespace() || c.is_control();
    if name.is_empty() {
        return Err(CliError::new("the name is missing"));
    }
    if name.contains(bad) {
        return Err(CliError::new(format!(
            "{name:?} is no name: blanks and the characters . * > / \\ are not allowed"
        )));
    }
    Ok(())
}

/// How long ago something happened; `never` when it did not.
pub fn ago(now: Timestamp, then: Timestamp) -> String {
    if then.is_never() || then.unix_nanos() == 0 {
        "never".to_owned()
    } else {
        format::duration(now.since(then))
    }
}

/// Changes where an asset is placed: what is named, an empty cluster or tag removes.
pub fn place(config: &mut Document, cluster: Option<&str>, tags: Option<&[String]>) -> Result {
    if cluster.is_none() && tags.is_none() {
        return Ok(());
    }
    let placement = config
        .get("placement")
        .and_then(|placement| placement.as_object());
    let mut placement = placement.cloned().unwrap_or_default();
    if let Some(cluster) = cluster {
        placement.shift_remove("cluster");
        if !cluster.is_empty() {
            placement.insert("cluster".into(), cluster.into());
        }
    }
    if let Some(tags) = tags {
        placement.shift_remove("tags");
        let tags = parse::listed(tags);
        if !tags.is_empty() {
            placement.insert("tags".into(), tags.into());
        }
    }
    if placement.is_empty() {
        config.remove("placement");
        return Ok(());
    }
    config.set("placement", placement)
}

/// Switches of all commands that choose streams.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub struct Scope {
    /// Show and offer streams of buckets, object stores and MQTT as well
    #[arg(short, long, global = true)]
    pub all: bool,
}

/// The API level and version lines of a state view.
fn show_levels(columns: &mut crate::output::Columns, metadata: &BTreeMap<String, String>) {
    let Some(required) = metadata.get(REQUIRED_LEVEL) else {
        return;
    };
    let level = metadata.get(CREATED_LEVEL).map_or("", String::as_str);
    let version = metadata.get(CREATED_VERSION).map_or("", String::as_str);
    columns.row_if(!version.is_empty(), "Host Version", version);
    if !level.is_empty() {
        columns.row(
            "Required API Level",
            format!("{required} hosted at level {level}"),
        );
    } else {
        columns.row("Required API Level", required.as_str());
    }
}
