//! `nats kv purge`.

use std::time::Duration;

use nats_client::jetstream::MessageTtl;

use super::bucket;
use super::value::KeyOf;
use crate::error::Result;
use crate::globals::Globals;
use crate::jetstream::pick;
use crate::parse;
use nats_term::prompt::Terminal;

/// Delete a key with its history
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  nats kv purge CONFIG colour --force")]
pub struct Args {
    #[command(flatten)]
    at: KeyOf,

    /// Do not ask
    #[arg(short, long)]
    force: bool,

    /// How long the mark of the deletion stays
    #[arg(long, value_name = "DURATION", value_parser = parse::duration)]
    ttl: Option<Duration>,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let KeyOf { bucket: name, key } = &args.at;
    let bucket = bucket(globals, name).await?;
    let question = format!("Purge key {name} > {key}?");
    if !pick::confirmed(&mut Terminal, args.force, &question)? {
        return outln!("Skipping purge");
    }
    let ttl = args.ttl.map(MessageTtl::For);
    bucket.purge(key, None, ttl).await?;
    Ok(())
}
