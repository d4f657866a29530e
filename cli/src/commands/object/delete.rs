//! `nats object del`.

use clap_complete::engine::ArgValueCompleter;

use super::info::show_store;
use crate::buckets::Kind;
use crate::error::Result;
use crate::globals::Globals;
use crate::jetstream::{Api, pick};
use crate::output::format;
use nats_term::prompt::Terminal;

/// Delete an object, or a whole store
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "rm",
    after_help = "Examples:\n  \
        nats object del FILES image.iso --force\n  \
        nats object del FILES"
)]
pub struct Args {
    /// Name of the bucket
    #[arg(add = ArgValueCompleter::new(crate::complete::object_buckets))]
    bucket: String,

    /// Name of the object; the whole store when left out
    file: Option<String>,

    /// Do not ask
    #[arg(short, long)]
    force: bool,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let api = Api::connect(globals).await?;
    let name = &args.bucket;
    let store = api
        .object_store(name)
        .await
        .map_err(|e| Kind::Objects.missing(name, e))?;
    let Some(file) = &args.file else {
        let question = format!("Delete bucket {name} and all its files?");
        if !pick::confirmed(&mut Terminal, args.force, &question)? {
            return outln!("Skipping delete");
        }
        return Ok(api.delete_object_store(name).await?);
    };
    let size = store.info(file).await?.map_or(0, |info| info.size);
    let question = format!("Delete {} byte file {name} > {file}?", format::bytes(size));
    if !pick::confirmed(&mut Terminal, args.force, &question)? {
        return outln!("Skipping delete");
    }
    store.delete(file).await?;
    outln!("Removed {name} > {file}")?;
    show_store(globals, &api, name).await
}
