//! `nats kv watch`.

use clap_complete::engine::ArgValueCompleter;
use nats_client::jetstream::kv::{Entry, Update, WatchOptions};

use super::bucket;
use crate::buckets::{operation_name, printable};
use crate::error::Result;
use crate::globals::Globals;
use crate::output::color::{Scheme, paint};
use crate::output::format;
use crate::signals::interrupted;

/// Show what changes in a bucket, as it happens
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
        nats kv watch CONFIG\n  \
        nats kv watch CONFIG 'app.*' --updates --no-deletes")]
pub struct Args {
    /// Name of the bucket
    #[arg(add = ArgValueCompleter::new(crate::complete::buckets))]
    bucket: String,

    /// Only keys that match this
    #[arg(default_value = ">", hide_default_value = true)]
    key: String,

    /// Begin with all values that are kept
    #[arg(long)]
    history: bool,

    /// Leave out deletions
    #[arg(long, overrides_with = "deletes")]
    no_deletes: bool,

    #[arg(long, overrides_with = "no_deletes", hide = true)]
    deletes: bool,

    /// Only what changes from now on
    #[arg(long, conflicts_with_all = ["history", "revision"])]
    updates: bool,

    /// Begin with this revision
    #[arg(long, value_name = "REVISION", conflicts_with = "history")]
    revision: Option<u64>,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let bucket = bucket(globals, &args.bucket).await?;
    let mut options = WatchOptions::default();
    if args.history {
        options = options.include_history();
    }
    if args.updates {
        options = options.updates_only();
    }
    if let Some(revision) = args.revision {
        options = options.from_revision(revision);
    }
    if args.no_deletes {
        options = options.ignore_deletes();
    }
    let mut watcher = bucket.watch(&[&args.key], options).await?;
    loop {
        tokio::select! {
            () = interrupted() => return Ok(()),
            update = watcher.next() => match update {
                Some(update) => {
                    if let Update::Entry(entry) = update? {
                        outln!("{}", line(&entry))?;
                    }
                }
                None => return Ok(()),
            },
        }
    }
}

fn line(entry: &Entry) -> String {
    let time = format::time(entry.created.into());
    let scheme = if entry.is_value() {
        Scheme::Green
    } else {
        Scheme::Red
    };
    let operation = paint(scheme, operation_name(entry.operation));
    let head = format!("[{time}] {operation} {} > {}", entry.bucket, entry.key);
    if entry.is_value() {
        format!("{head}: {}", printable(&entry.value))
    } else {
        head
    }
}
