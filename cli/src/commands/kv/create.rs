//! `nats kv create`.

use std::time::Duration;

use nats_client::jetstream::MessageTtl;

use super::bucket;
use super::value::{KeyOf, value_or_stdin};
use crate::error::Result;
use crate::globals::Globals;
use crate::parse;

/// Write a value if the key has none
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  nats kv create LOCKS leader n1 --ttl 30s")]
pub struct Args {
    #[command(flatten)]
    at: KeyOf,

    /// The value; standard input when left out
    value: Option<String>,

    /// How long the value lives
    #[arg(long, value_name = "DURATION", value_parser = parse::duration)]
    ttl: Option<Duration>,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let value = value_or_stdin(args.value.as_deref())?;
    let bucket = bucket(globals, &args.at.bucket).await?;
    match args.ttl {
        Some(ttl) => {
            let ttl = MessageTtl::For(ttl);
            bucket
                .create_with_ttl(&args.at.key, value, Some(ttl))
                .await?
        }
        None => bucket.create(&args.at.key, value).await?,
    };
    outln!("{}", args.value.unwrap_or_default())
}
