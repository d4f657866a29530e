//! `nats object seal`.

use clap_complete::engine::ArgValueCompleter;

use super::info::show_store;
use crate::buckets::Kind;
use crate::error::Result;
use crate::globals::Globals;
use crate::jetstream::{Api, pick};
use nats_term::prompt::Terminal;

/// Close an object store for good: nothing can be added, deleted or changed any longer
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  nats object seal FILES_2025 --force")]
pub struct Args {
    /// Name of the bucket
    #[arg(add = ArgValueCompleter::new(crate::complete::object_buckets))]
    bucket: String,

    /// Do not ask
    #[arg(short, long)]
    force: bool,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let name = &args.bucket;
    let question =
        format!("Really seal Bucket {name}, sealed buckets can not be unsealed or modified");
    if !pick::confirmed(&mut Terminal, args.force, &question)? {
        return Ok(());
    }
    let api = Api::connect(globals).await?;
    let store = api
        .object_store(name)
        .await
        .map_err(|e| Kind::Objects.missing(name, e))?;
    store.seal().await?;
    outln!("{name} has been sealed")?;
    show_store(globals, &api, name).await
}
