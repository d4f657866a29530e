//! `nats kv update`.

use super::bucket;
use super::value::{KeyOf, value_or_stdin};
use crate::error::Result;
use crate::globals::Globals;

/// Write a value if the key's last revision is the one that is named
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  nats kv update CONFIG colour green 12")]
pub struct Args {
    #[command(flatten)]
    at: KeyOf,

    /// The value; read from standard input when it is empty
    value: String,

    /// The last revision
    #[arg(default_value_t = 0, hide_default_value = true)]
    revision: u64,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let value = value_or_stdin(Some(&args.value))?;
    let bucket = bucket(globals, &args.at.bucket).await?;
    bucket.update(&args.at.key, &value, args.revision).await?;
    // What was piped in is not printed again.
    outln!("{}", args.value)
}
