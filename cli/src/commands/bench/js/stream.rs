//! The stream of a benchmark: created, checked and purged before the clients begin.

use std::time::Duration;

use nats_api::jetstream::{Discard, PersistMode, Storage, StreamConfig, StreamPurgeRequest};
use nats_api::time::Nanos;

use crate::error::{CliError, Result};
use crate::jetstream::Api;
use crate::output::format;
use crate::parse;

/// What the stream is like when `--create` makes it.
#[derive(Debug, Clone, clap::Args)]
pub struct StreamArgs {
    /// Create the stream, or make sure that it is like this
    #[arg(long)]
    pub create: bool,

    /// Where messages are kept
    #[arg(long, default_value = "file", value_parser = ["memory", "file"])]
    pub storage: String,

    /// Keep so many copies
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(i64).range(1..))]
    pub replicas: i64,

    /// Keep so many bytes
    #[arg(long, value_name = "BYTES", default_value = "1GB", value_parser = parse::byte_size)]
    pub maxbytes: i64,

    /// Give each message an id, so that the stream looks for duplicates
    #[arg(long)]
    pub dedup: bool,

    /// Remember ids so long
    #[arg(long, value_name = "DURATION", default_value = "2m", value_parser = parse::duration)]
    pub dedupwindow: Duration,

    /// Purge the stream first
    #[arg(long)]
    pub purge: bool,

    /// Acknowledge messages before they are on disk
    #[arg(long)]
    pub persistasync: bool,
}

impl StreamArgs {
    /// Makes the stream ready for messages on `subject`. `atomic` when it has to take atomic batches.
    pub async fn prepare(&self, api: &Api, name: &str, subject: &str, atomic: bool) -> Result {
        if self.persistasync && atomic {
            return Err(CliError::new(
                "--persistasync is incompatible with atomic batch publishing",
            ));
        }
        if self.persistasync && self.replicas > 1 {
            return Err(CliError::new(
                "--persistasync is for streams with one copy only",
            ));
        }
        if self.create {
            let config = self.config(name, subject);
            api.create_stream(&config).await.map_err(|error| {
                CliError::from(error)
                    .context("could not create the stream")
                    .next_step(format!("to define it anew: nats stream rm {name}"))
            })?;
        } else if api.find_stream(name).await?.is_none() {
            return Err(CliError::new(format!("stream {name:?} was not found"))
                .next_step("--create creates it"));
        }
        log_line!("Using stream: {name}");
        if self.purge {
            purge(api, name).await?;
        }
        Ok(())
    }

    fn config(&self, name: &str, subject: &str) -> StreamConfig {
        let file = self.storage == "file";
        StreamConfig {
            name: name.to_owned(),
            subjects: vec![subject.to_owned()],
            max_consumers: -1,
            max_msgs: -1,
            max_msgs_per_subject: -1,
            max_msg_size: -1,
            max_bytes: self.maxbytes,
            discard: Discard::New,
            storage: if file { Storage::File } else { Storage::Memory },
            num_replicas: self.replicas,
            duplicate_window: Nanos::from(self.dedupwindow),
            allow_direct: true,
            allow_atomic: !self.persistasync,
            allow_batched: true,
            persist_mode: if self.persistasync {
                PersistMode::Async
            } else {
                PersistMode::Default
            },
            ..StreamConfig::default()
        }
    }

    /// For the banner.
    pub fn arguments(&self, name: &str) -> Vec<(&'static str, String)> {
        let maxbytes = u64::try_from(self.maxbytes).unwrap_or(0);
        vec![
            ("stream", name.to_owned()),
            ("storage", self.storage.clone()),
            ("replicas", self.replicas.to_string()),
            ("max-bytes", format::bytes(maxbytes)),
            ("deduplication", self.dedup.to_string()),
            ("dedup-window", format::duration(self.dedupwindow)),
            ("purge", self.purge.to_string()),
        ]
    }
}

/// Removes all messages.
pub async fn purge(api: &Api, name: &str) -> Result {
    log_line!("Purging the stream");
    api.purge_stream(name, &StreamPurgeRequest::default())
        .await?;
    Ok(())
}
