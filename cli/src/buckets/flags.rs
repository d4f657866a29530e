//! The flags of a bucket's configuration, and what they change in its stream.

use std::time::Duration;

use nats_api::jetstream::Storage;
use nats_api::time::Nanos;

use crate::error::Result;
use crate::jetstream::Document;
use crate::parse;

/// What can be said about a bucket, when it is made and later. What is not said is not touched.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Configuration")]
pub struct BucketFlags {
    /// What the bucket is for
    #[arg(long)]
    pub description: Option<String>,

    /// Keep what is in it so long; -1 for ever
    #[arg(long, value_name = "DURATION", value_parser = parse::age, allow_hyphen_values = true)]
    pub ttl: Option<Duration>,

    /// Keep so many copies in a cluster
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(i64).range(1..))]
    pub replicas: Option<i64>,

    /// Keep so many bytes; -1 for no limit
    #[arg(long, value_name = "BYTES", value_parser = parse::byte_size, allow_hyphen_values = true)]
    pub max_bucket_size: Option<i64>,

    /// Place it on servers with this tag
    #[arg(long, value_name = "TAG")]
    pub tags: Option<Vec<String>>,

    /// Place it in this cluster
    #[arg(long, value_name = "NAME")]
    pub cluster: Option<String>,

    /// A remark, as key=value
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse::pair)]
    pub metadata: Vec<(String, String)>,

    #[command(flatten)]
    pub switches: BucketSwitches,
}

crate::switches! {
    /// The switches among them.
    BucketSwitches {
        /// Compress what is stored
        compress: "compress",
    }
}

/// Where a new bucket is kept.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct StorageFlag {
    /// Where it is kept
    #[arg(long, value_parser = ["file", "f", "memory", "m"], default_value = "file")]
    storage: String,
}

impl StorageFlag {
    pub fn storage(&self) -> Storage {
        if self.storage.starts_with('m') {
            Storage::Memory
        } else {
            Storage::File
        }
    }
}

impl BucketFlags {
    /// Changes what was named.
    pub fn apply(&self, config: &mut Document) -> Result {
        config.set_if("description", self.description.as_ref())?;
        if let Some(ttl) = self.ttl {
            config.set_duration("max_age", Some(ttl))?;
            // Ids are not remembered longer than messages live: the server would refuse it.
            let window = config.get("duplicate_window").and_then(|n| n.as_i64());
            let ttl = Nanos::from(ttl);
            if ttl.0 > 0 && window.unwrap_or(0) > ttl.0 {
                config.set("duplicate_window", ttl)?;
            }
        }
        config.set_if("num_replicas", self.replicas)?;
        config.set_if("max_bytes", self.max_bucket_size)?;
        let compression = self.switches.compress;
        config.set_if(
            "compression",
            compression.map(|on| if on { "s2" } else { "none" }),
        )?;
        if !self.metadata.is_empty() {
            let metadata: serde_json::Map<_, _> = self
                .metadata
                .iter()
                .map(|(key, value)| (key.clone(), value.as_str().into()))
                .collect();
            config.set("metadata", metadata)?;
        }
        crate::jetstream::place(config, self.cluster.as_deref(), self.tags.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        flags: BucketFlags,
    }

    #[test]
    fn each_flag_changes_its_own_field_only() {
        let before = Document::from_json(
            r#"{"name":"KV_A","max_age":0,"duplicate_window":120000000000,"compression":"none","unknown":1}"#,
        )
        .unwrap();
        for (flags, changes) in [
            (&[][..], ""),
            (&["--ttl", "1h"], "- max_age: 0s\n+ max_age: 1h0m0s\n"),
            (
                &["--ttl", "1m"],
                "- max_age: 0s\n+ max_age: 1m0s\n- duplicate_window: 2m0s\n+ duplicate_window: 1m0s\n",
            ),
            (
                &["--compress"],
                "- compression: \"none\"\n+ compression: \"s2\"\n",
            ),
            (&["--no-compress"], ""),
            (&["--max-bucket-size", "-1"], "+ max_bytes: -1\n"),
            (
                &["--cluster", "east"],
                "+ placement: {\"cluster\":\"east\"}\n",
            ),
        ] {
            let line = Line::try_parse_from(std::iter::once(&"x").chain(flags)).unwrap();
            let mut after = before.clone();
            line.flags.apply(&mut after).unwrap();
            assert_eq!(before.differences(&after), changes, "{flags:?}");
        }
    }
}
