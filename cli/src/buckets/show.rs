//! How buckets and what is in them are shown.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nats_api::jetstream::{StreamInfo, StreamSourceInfo};
use nats_client::jetstream::kv::Operation;

use crate::error::Result;
use crate::jetstream::{last_seen, storage_name, user_metadata};
use crate::output::{self, Columns, format};

/// What was done to a key. In the message it is called `DEL`.
pub fn operation_name(operation: Operation) -> &'static str {
    match operation {
        Operation::Delete => "DELETE",
        other => other.name(),
    }
}

/// A value as text; base64 when it is none, or would move the cursor.
pub fn printable(value: &[u8]) -> String {
    match std::str::from_utf8(value) {
        Ok(text)
            if !text
                .chars()
                .any(|c| c.is_control() && !matches!(c, '\n' | '\t')) =>
        {
            text.to_owned()
        }
        _ => STANDARD.encode(value),
    }
}

/// The same for a cell of a table: long values are shown by their ends.
pub fn shortened(value: &[u8]) -> String {
    const LONGEST: usize = 40;
    const END: usize = 15;
    let text = printable(value);
    let letters: Vec<char> = text.chars().collect();
    if letters.len() <= LONGEST {
        return text;
    }
    let ends = |part: &[char]| part.iter().collect::<String>();
    let (head, tail) = (&letters[..END], &letters[letters.len() - END..]);
    format!("{}...{}", ends(head), ends(tail))
}

/// Names of buckets, sorted, a line each or as JSON.
pub fn print_names(mut names: Vec<String>, json: bool) -> Result {
    names.sort();
    if json {
        return output::json(&names);
    }
    names.iter().try_for_each(|name| outln!("{name}"))
}

/// The rows that tell about the stream below a bucket.
pub fn configuration(columns: &mut Columns, info: &StreamInfo) {
    let bytes = |limit: i64| match u64::try_from(limit) {
        Ok(limit) => format::bytes(limit),
        Err(_) => "unlimited".to_owned(),
    };
    let config = &info.config;
    columns.row_unless_empty("Description", &config.description);
    columns.row("Bucket Size", format::bytes(info.state.bytes));
    columns.row("Maximum Bucket Size", bytes(config.max_bytes));
    columns.row("Maximum Value Size", bytes(config.max_msg_size.into()));
    if config.max_age.0 > 0 {
        columns.row("Maximum Age", Duration::from(config.max_age));
    } else {
        columns.row("Maximum Age", "unlimited");
    }
    columns.row("JetStream Stream", &*config.name);
    columns.row("Storage", storage_name(config.storage));
    if let Some(republish) = &config.republish {
        let label = if republish.headers_only {
            "Republishing Headers"
        } else {
            "Republishing"
        };
        columns.row(label, format!("{} to {}", republish.src, republish.dest));
    }
    if let Some(mirror) = &info.mirror {
        columns.section("Mirror Information");
        upstream(columns, Upstream::Origin, mirror);
    }
    if !info.sources.is_empty() {
        columns.section("Sources Information");
        for source in &info.sources {
            upstream(columns, Upstream::Source, source);
        }
    }
    let metadata = user_metadata(&config.metadata);
    if !metadata.is_empty() {
        columns.section("Metadata");
        for (key, value) in &metadata {
            columns.row(key, value.as_str());
        }
    }
    crate::jetstream::show_cluster(columns, info.cluster.as_ref(), "Cluster Group", info.ts);
}

/// What another bucket is to this one.
#[derive(Debug, Clone, Copy)]
pub enum Upstream {
    Origin,
    Source,
}

pub fn upstream(columns: &mut Columns, what: Upstream, source: &StreamSourceInfo) {
    let label = match what {
        Upstream::Origin => "Origin Bucket",
        Upstream::Source => "Source Bucket",
    };
    let bucket = source.name.strip_prefix("KV_").unwrap_or(&source.name);
    columns.row(label, bucket);
    if let Some(external) = &source.external {
        columns.row("External API", &*external.api);
    }
    columns.row("Last Seen", last_seen(source.active));
    columns.row("Lag", source.lag);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_are_no_text_are_encoded_and_long_ones_shortened() {
        assert_eq!(printable(b"blue\n"), "blue\n");
        assert_eq!(printable(&[0xff, 0]), "/wA=");
        assert_eq!(printable(b"\x1b[2J"), "G1sySg==");
        assert_eq!(shortened(&[b'x'; 40]), "x".repeat(40));
        let long = format!("{}{}", "a".repeat(30), "b".repeat(30));
        assert_eq!(
            shortened(long.as_bytes()),
            format!("{}...{}", "a".repeat(15), "b".repeat(15))
        );
    }
}
