//! `nats bench kv`: the registry.
//!
//! Keys are the numbers of the messages, or random ones. Called by the registry of `bench` only. Only the bucket of
//! benchmarks is created by itself, and a bucket is deleted only with `--purge`.

mod get;
mod put;

use super::{CommonArgs, SleepArgs};
use crate::error::Result;
use crate::globals::Globals;

/// The bucket when none is named.
const DEFAULT_BUCKET: &str = "benchbucket";

/// Measure a key-value bucket
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
        nats bench kv put --msgs 10000\n  \
        nats bench kv get --msgs 10000 --clients 4")]
pub struct Args {
    #[command(flatten)]
    common: CommonArgs,

    #[command(flatten)]
    sleep: SleepArgs,

    #[command(flatten)]
    name: BucketName,

    #[command(subcommand)]
    command: KeyValue,
}

/// The bucket; on the group as well, so that the flag may stand before or after the command's name.
#[derive(Debug, Clone, clap::Args)]
pub struct BucketName {
    /// Name of the bucket
    #[arg(long, value_name = "NAME", default_value = DEFAULT_BUCKET, global = true)]
    pub bucket: String,
}

registry! {
    /// What can be measured.
    KeyValue {
        Put(put),
        Get(get),
    }
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    // The commands have these flags as well, and clap hands them down.
    drop((args.common, args.sleep, args.name));
    args.command.run(globals).await
}

/// The key of message `number`; a random one below `random` when that is not 0.
fn key(number: u64, random: u64) -> String {
    match random {
        0 => number.to_string(),
        random => fastrand::u64(..random).to_string(),
    }
}
