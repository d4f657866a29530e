//! `nats kv put`.

use super::bucket;
use super::value::{KeyOf, value_or_stdin};
use crate::error::Result;
use crate::globals::Globals;

/// Write a value
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
        nats kv put CONFIG colour blue\n  \
        nats kv put CONFIG logo < logo.png")]
pub struct Args {
    #[command(flatten)]
    at: KeyOf,

    /// The value; standard input when left out
    value: Option<String>,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let value = value_or_stdin(args.value.as_deref())?;
    let bucket = bucket(globals, &args.at.bucket).await?;
    bucket.put(&args.at.key, value).await?;
    outln!("{}", args.value.unwrap_or_default())
}
