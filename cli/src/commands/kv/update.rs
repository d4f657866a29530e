//! `nats kv update`.

use super::bucket;
use super::value::KeyOf;
use crate::error::Result;
use crate::globals::Globals;

/// Write a value if the key's last revision is the one that is named
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  nats kv update CONFIG colour green 12")]
pub struct Args {
    #[command(flatten)]
    at: KeyOf,

    /// The value
    value: String,

    /// The last revision
    #[arg(default_value_t = 0, hide_default_value = true)]
    revision: u64,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let bucket = bucket(globals, &args.at.bucket).await?;
    bucket
        .update(&args.at.key, &args.value, args.revision)
        .await?;
    outln!("{}", args.value)
}
