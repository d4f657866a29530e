//! The flags of a key-value bucket's configuration beyond those of every bucket.

use std::time::Duration;

use nats_api::jetstream::Republish;
use nats_client::jetstream::kv::HISTORY_MAX;

use crate::buckets::BucketFlags;
use crate::error::Result;
use crate::jetstream::Document;
use crate::parse;

/// What can be said about a key-value bucket.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Configuration")]
pub struct KvFlags {
    /// Keep so many values of each key, at most 64
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(i64).range(1..=HISTORY_MAX))]
    pub history: Option<i64>,

    /// Allow values to say how long they live, and keep markers of those that are gone so long
    #[arg(long, value_name = "DURATION", value_parser = parse::duration)]
    pub marker_ttl: Option<Duration>,

    /// Take values up to this size; -1 for no limit
    #[arg(long, value_name = "BYTES", value_parser = value_size, allow_hyphen_values = true)]
    pub max_value_size: Option<i32>,

    /// Publish stored values of these subjects again; all when only a destination is given
    #[arg(long, value_name = "SUBJECT", requires = "republish_destination")]
    pub republish_source: Option<String>,

    /// Publish them to this subject
    #[arg(long, value_name = "SUBJECT")]
    pub republish_destination: Option<String>,

    /// Publish their headers only
    #[arg(long, requires = "republish_destination")]
    pub republish_headers: bool,

    /// Gather the values of this bucket as well
    #[arg(long = "source", value_name = "BUCKET")]
    pub sources: Vec<String>,

    #[command(flatten)]
    pub bucket: BucketFlags,
}

fn value_size(text: &str) -> std::result::Result<i32, String> {
    let size = parse::byte_size(text).map_err(|e| e.to_string())?;
    i32::try_from(size).map_err(|_| format!("the size {text:?} is larger than a value can be"))
}

impl KvFlags {
    /// Changes what was named. Sources are the caller's: their form depends on the bucket.
    pub fn apply(&self, config: &mut Document) -> Result {
        self.bucket.apply(config)?;
        config.set_if("max_msgs_per_subject", self.history)?;
        config.set_if("max_msg_size", self.max_value_size)?;
        if let Some(ttl) = self.marker_ttl {
            config.set("allow_msg_ttl", true)?;
            config.set_duration("subject_delete_marker_ttl", Some(ttl))?;
        }
        if let Some(dest) = &self.republish_destination {
            let republish = Republish {
                src: self.republish_source.clone().unwrap_or_default(),
                dest: dest.clone(),
                headers_only: self.republish_headers,
            };
            config.set("republish", republish)?;
        }
        Ok(())
    }
}
