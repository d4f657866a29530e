//! `nats kv del`.

use clap_complete::engine::ArgValueCompleter;

use crate::buckets::Kind;
use crate::error::Result;
use crate::globals::Globals;
use crate::jetstream::{Api, pick};
use nats_term::prompt::Terminal;

/// Delete a key, whose history stays; or a whole bucket
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "rm",
    after_help = "Examples:\n  \
        nats kv del CONFIG colour --force\n  \
        nats kv del CONFIG"
)]
pub struct Args {
    /// Name of the bucket
    #[arg(add = ArgValueCompleter::new(crate::complete::buckets))]
    bucket: String,

    /// The key; the whole bucket when left out
    key: Option<String>,

    /// Do not ask
    #[arg(short, long)]
    force: bool,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let api = Api::connect(globals).await?;
    let name = &args.bucket;
    let bucket = api
        .kv(name)
        .await
        .map_err(|e| Kind::KeyValue.missing(name, e))?;
    let question = match &args.key {
        Some(key) => format!("Delete key {name} > {key}?"),
        None => format!("Delete bucket {name}?"),
    };
    if !pick::confirmed(&mut Terminal, args.force, &question)? {
        return outln!("Skipping delete");
    }
    match &args.key {
        Some(key) => drop(bucket.delete(key, None).await?),
        None => api.delete_kv(name).await?,
    }
    Ok(())
}
