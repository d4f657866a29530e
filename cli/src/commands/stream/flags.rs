//! The flags of a stream's configuration, and what they change in it.

use std::time::Duration;

use nats_api::jetstream::{Republish, StreamSource, SubjectTransform};

use crate::error::{CliError, Result};
use crate::jetstream::Document;
use crate::parse;

/// What can be said about a stream, when it is made and later. What is not said is not touched.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Configuration")]
pub struct StreamFlags {
    /// Subjects that the stream takes, separated by commas
    #[arg(long, value_name = "SUBJECT")]
    pub subjects: Vec<String>,

    /// What the stream is for
    #[arg(long)]
    pub description: Option<String>,

    /// How files are compressed
    #[arg(long, value_parser = ["none", "s2"])]
    pub compression: Option<String>,

    /// Keep so many copies in a cluster
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(i64).range(1..))]
    pub replicas: Option<i64>,

    /// Place it on servers with this tag; an empty one removes all
    #[arg(long = "tag", alias = "tags", value_name = "TAG")]
    pub tags: Option<Vec<String>>,

    /// Place it in this cluster; an empty name removes it
    #[arg(long, value_name = "NAME")]
    pub cluster: Option<String>,

    /// When messages leave the stream, apart from limits
    #[arg(long, value_parser = ["limits", "interest", "workq", "work"])]
    pub retention: Option<String>,

    /// What makes room at a limit: the new message is refused, or old ones go
    #[arg(long, value_parser = ["new", "old"])]
    pub discard: Option<String>,

    /// Keep messages so long; -1 for ever
    #[arg(long, value_name = "DURATION", value_parser = parse::age, allow_hyphen_values = true)]
    pub max_age: Option<Duration>,

    /// Keep so many bytes; -1 for no limit
    #[arg(long, value_name = "BYTES", value_parser = parse::byte_size, allow_hyphen_values = true)]
    pub max_bytes: Option<i64>,

    /// Allow so many consumers; -1 for no limit
    #[arg(long, value_name = "COUNT", allow_hyphen_values = true)]
    pub max_consumers: Option<i64>,

    /// Take messages up to this size; -1 for no limit
    #[arg(long, value_name = "BYTES", value_parser = message_size, allow_hyphen_values = true)]
    pub max_msg_size: Option<i32>,

    /// Keep so many messages; -1 for no limit
    #[arg(long, value_name = "COUNT", allow_hyphen_values = true)]
    pub max_msgs: Option<i64>,

    /// Keep so many messages of each subject; -1 for no limit
    #[arg(long, value_name = "COUNT", allow_hyphen_values = true)]
    pub max_msgs_per_subject: Option<i64>,

    /// Remember message ids so long to find duplicates
    #[arg(long, value_name = "DURATION", value_parser = parse::duration)]
    pub dupe_window: Option<Duration>,

    /// Be a mirror of this stream: a name, or a JSON document
    #[arg(long, value_name = "STREAM")]
    pub mirror: Option<String>,

    /// Gather the messages of this stream: a name, or a JSON document
    #[arg(long = "source", value_name = "STREAM")]
    pub sources: Vec<String>,

    /// Be a counter: messages add to the last value of their subject
    #[arg(long)]
    pub allow_counter: bool,

    /// Allow messages to say how long they live
    #[arg(long)]
    pub allow_msg_ttl: bool,

    /// Keep markers of subjects whose last message timed out so long
    #[arg(long, value_name = "DURATION", value_parser = parse::duration)]
    pub subject_del_markers_ttl: Option<Duration>,

    /// Rename subjects that match this before they are stored
    #[arg(long, value_name = "SUBJECT", requires = "transform_destination")]
    pub transform_source: Option<String>,

    /// Rename them to this
    #[arg(long, value_name = "SUBJECT", requires = "transform_source")]
    pub transform_destination: Option<String>,

    /// A remark, as key=value
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse::pair)]
    pub metadata: Vec<(String, String)>,

    /// Publish stored messages of these subjects again
    #[arg(long, value_name = "SUBJECT", requires = "republish_destination")]
    pub republish_source: Option<String>,

    /// Publish them to this subject
    #[arg(long, value_name = "SUBJECT", requires = "republish_source")]
    pub republish_destination: Option<String>,

    /// Publish their headers only
    #[arg(long, requires = "republish_source")]
    pub republish_headers: bool,

    #[command(flatten)]
    pub switches: StreamSwitches,
}

switches! {
    /// The switches among them.
    StreamSwitches {
        /// Acknowledge publishes
        ack: "ack",
        /// Apply the discard policy 'new' to each subject
        discard_per_subject: "discard-per-subject",
        /// Allow atomic batches
        allow_batch: "allow-batch",
        /// Allow fast batches
        allow_fast: "allow-fast",
        /// Allow messages to replace those before them
        allow_rollup: "allow-rollup",
        /// Forbid to delete messages
        deny_delete: "deny-delete",
        /// Forbid to purge
        deny_purge: "deny-purge",
        /// Allow any server with a copy to answer gets
        allow_direct: "allow-direct",
        /// Allow mirrors to answer gets for their origin
        allow_mirror_direct: "allow-mirror-direct",
        /// Allow messages that are published later
        allow_schedules: "allow-schedules",
    }
}

/// What can be said only when a stream is made.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Configuration of a new stream")]
pub struct CreateFlags {
    /// Where messages are kept
    #[arg(long, value_parser = ["file", "f", "memory", "m"])]
    pub storage: Option<String>,

    /// Sequence of the first message
    #[arg(long, value_name = "SEQUENCE")]
    pub first_sequence: Option<u64>,

    /// Consumers may be idle so long at most
    #[arg(long, value_name = "DURATION", value_parser = parse::duration)]
    pub limit_consumer_inactive: Option<Duration>,

    /// Consumers may have so many unacknowledged messages at most
    #[arg(long, value_name = "COUNT")]
    pub limit_consumer_max_pending: Option<i64>,

    /// Whether a message is on disk when it is acknowledged
    #[arg(long, value_parser = ["default", "async"])]
    pub persist_mode: Option<String>,
}

fn message_size(text: &str) -> std::result::Result<i32, String> {
    let size = parse::byte_size(text).map_err(|e| e.to_string())?;
    i32::try_from(size).map_err(|_| format!("the size {text:?} is larger than a message can be"))
}

impl StreamFlags {
    /// Changes what was named.
    pub fn apply(&self, config: &mut Document) -> Result {
        if !self.subjects.is_empty() {
            config.set("subjects", parse::listed(&self.subjects))?;
        }
        config.set_if("description", self.description.as_ref())?;
        config.set_if("compression", self.compression.as_ref())?;
        config.set_if("num_replicas", self.replicas)?;
        let retention = self.retention.as_deref().map(|name| match name {
            "workq" | "work" => "workqueue",
            name => name,
        });
        config.set_if("retention", retention)?;
        config.set_if("discard", self.discard.as_ref())?;
        config.set_duration("max_age", self.max_age)?;
        config.set_if("max_bytes", self.max_bytes)?;
        config.set_if("max_consumers", self.max_consumers)?;
        config.set_if("max_msg_size", self.max_msg_size)?;
        config.set_if("max_msgs", self.max_msgs)?;
        config.set_if("max_msgs_per_subject", self.max_msgs_per_subject)?;
        config.set_duration("duplicate_window", self.dupe_window)?;
        config.set_if("allow_msg_counter", self.allow_counter.then_some(true))?;
        config.set_if("allow_msg_ttl", self.allow_msg_ttl.then_some(true))?;
        config.set_duration("subject_delete_marker_ttl", self.subject_del_markers_ttl)?;
        if !self.metadata.is_empty() {
            let metadata: serde_json::Map<_, _> = self
                .metadata
                .iter()
                .map(|(key, value)| (key.clone(), value.as_str().into()))
                .collect();
            config.set("metadata", metadata)?;
        }
        crate::jetstream::place(config, self.cluster.as_deref(), self.tags.as_deref())?;
        self.apply_upstreams(config)?;
        self.apply_transforms(config)?;
        self.switches.apply(config)
    }

    fn apply_upstreams(&self, config: &mut Document) -> Result {
        if let Some(mirror) = &self.mirror {
            config.set("mirror", upstream(mirror, "--mirror")?)?;
        }
        if !self.sources.is_empty() {
            let sources: Result<Vec<_>> = self
                .sources
                .iter()
                .map(|text| upstream(text, "--source"))
                .collect();
            config.set("sources", sources?)?;
        }
        Ok(())
    }

    fn apply_transforms(&self, config: &mut Document) -> Result {
        if let (Some(src), Some(dest)) = (&self.transform_source, &self.transform_destination) {
            let transform = SubjectTransform {
                src: src.clone(),
                dest: dest.clone(),
            };
            config.set("subject_transform", transform)?;
        }
        if let (Some(src), Some(dest)) = (&self.republish_source, &self.republish_destination) {
            let republish = Republish {
                src: src.clone(),
                dest: dest.clone(),
                headers_only: self.republish_headers,
            };
            config.set("republish", republish)?;
        }
        Ok(())
    }
}

/// An upstream by its name alone, or all about it as JSON.
pub fn upstream(text: &str, flag: &str) -> Result<serde_json::Value> {
    if text.trim_start().starts_with('{') {
        let read = nats_api::decode::strict::<StreamSource>(text.as_bytes());
        let source = read.map_err(|e| CliError::new(format!("{flag}: {e}")))?;
        return Ok(serde_json::to_value(source)?);
    }
    Ok(serde_json::to_value(StreamSource {
        name: text.to_owned(),
        ..StreamSource::default()
    })?)
}

impl StreamSwitches {
    fn apply(self, config: &mut Document) -> Result {
        config.set_if("no_ack", self.ack.map(|ack| !ack))?;
        config.set_if("discard_new_per_subject", self.discard_per_subject)?;
        config.set_if("allow_atomic", self.allow_batch)?;
        config.set_if("allow_batched", self.allow_fast)?;
        config.set_if("allow_rollup_hdrs", self.allow_rollup)?;
        config.set_if("deny_delete", self.deny_delete)?;
        config.set_if("deny_purge", self.deny_purge)?;
        config.set_if("allow_direct", self.allow_direct)?;
        config.set_if("mirror_direct", self.allow_mirror_direct)?;
        config.set_if("allow_msg_schedules", self.allow_schedules)
    }
}

impl CreateFlags {
    /// Changes what was named.
    pub fn apply(&self, config: &mut Document) -> Result {
        let storage = self.storage.as_deref().map(|name| match name {
            "m" => "memory",
            "f" => "file",
            name => name,
        });
        config.set_if("storage", storage)?;
        config.set_if("first_seq", self.first_sequence)?;
        config.set_if("persist_mode", self.persist_mode.as_ref())?;
        let mut limits = serde_json::Map::new();
        if let Some(inactive) = self.limit_consumer_inactive {
            let nanos = nats_api::time::Nanos::from(inactive).0;
            limits.insert("inactive_threshold".into(), nanos.into());
        }
        if let Some(pending) = self.limit_consumer_max_pending {
            limits.insert("max_ack_pending".into(), pending.into());
        }
        if !limits.is_empty() {
            config.set("consumer_limits", limits)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use nats_api::jetstream::{Retention, StreamConfig};

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        flags: StreamFlags,
        #[command(flatten)]
        create: CreateFlags,
    }

    fn applied(before: &Document, flags: &[&str]) -> Document {
        let line = Line::try_parse_from(std::iter::once(&"x").chain(flags)).unwrap();
        let mut after = before.clone();
        line.flags.apply(&mut after).unwrap();
        line.create.apply(&mut after).unwrap();
        after
    }

    fn config() -> Document {
        Document::from_json(
            r#"{"name":"A","subjects":["a"],"compression":"s2","max_age":5,"allow_direct":true,
            "placement":{"cluster":"east","tags":["ssd"]},"unknown":[1]}"#,
        )
        .unwrap()
    }

    #[test]
    fn nothing_said_changes_nothing() {
        assert_eq!(applied(&config(), &[]), config());
    }

    #[test]
    fn each_flag_changes_its_own_field_only() {
        for (flags, changes) in [
            (
                &["--max-age", "1h"][..],
                "- max_age: 5ns\n+ max_age: 1h0m0s\n",
            ),
            (&["--max-age", "-1"], "- max_age: 5ns\n+ max_age: 0s\n"),
            (&["--max-msgs", "-1"], "+ max_msgs: -1\n"),
            (&["--max-bytes", "1GB"], "+ max_bytes: 1073741824\n"),
            (
                &["--no-allow-direct"],
                "- allow_direct: true\n+ allow_direct: false\n",
            ),
            (&["--no-ack"], "+ no_ack: true\n"),
            (&["--retention", "work"], "+ retention: \"workqueue\"\n"),
            (
                &["--subjects", "b,c", "--subjects", "d"],
                "- subjects: [\"a\"]\n+ subjects: [\"b\", \"c\", \"d\"]\n",
            ),
            (&["--storage", "m"], "+ storage: \"memory\"\n"),
            (
                &["--tag", ""],
                "- placement: {\"cluster\":\"east\",\"tags\":[\"ssd\"]}\n+ placement: {\"cluster\":\"east\"}\n",
            ),
            (
                &["--cluster", "", "--tag", ""],
                "- placement: {\"cluster\":\"east\",\"tags\":[\"ssd\"]}\n",
            ),
            (&["--source", "B"], "+ sources: [{\"name\":\"B\"}]\n"),
            (&["--metadata", "a=b=c"], "+ metadata: {\"a\":\"b=c\"}\n"),
        ] {
            assert_eq!(
                config().differences(&applied(&config(), flags)),
                changes,
                "{flags:?}"
            );
        }
    }

    #[test]
    fn half_a_pair_of_flags_is_refused() {
        for flags in [
            &["--republish-source", "a"][..],
            &["--transform-destination", "a"],
            &["--republish-headers"],
        ] {
            assert!(
                Line::try_parse_from(std::iter::once(&"x").chain(flags)).is_err(),
                "{flags:?}"
            );
        }
    }

    #[test]
    fn an_upstream_may_be_a_document_whose_fields_are_checked() {
        let source = upstream(r#"{"name":"B","opt_start_seq":7}"#, "--source").unwrap();
        assert_eq!(source["opt_start_seq"], 7);
        let error = upstream(r#"{"name":"B","start":7}"#, "--source").unwrap_err();
        assert!(error.message().contains("start"), "{error}");
    }

    #[test]
    fn what_flags_write_is_a_configuration() {
        let flags = [
            "--retention",
            "workq",
            "--discard",
            "new",
            "--compression",
            "s2",
            "--storage",
            "f",
            "--persist-mode",
            "async",
            "--dupe-window",
            "2m",
            "--mirror",
            "M",
            "--limit-consumer-inactive",
            "1h",
            "--replicas",
            "3",
        ];
        let config: StreamConfig = applied(&config(), &flags).read().unwrap();
        assert_eq!(config.retention, Retention::WorkQueue);
        assert_eq!(config.mirror.unwrap().name, "M");
        assert_eq!(
            config.consumer_limits.inactive_threshold.0,
            3_600_000_000_000
        );
    }
}
