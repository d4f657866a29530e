//! `nats stream rm`.

use super::select::Which;
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::jetstream::{Api, pick};
use nats_term::prompt::Terminal;

/// Delete a stream with all its messages and consumers
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "delete",
    alias = "del",
    after_help = "Examples:\n  nats stream rm ORDERS --force"
)]
pub struct Args {
    #[command(flatten)]
    which: Which,

    /// Do not ask
    #[arg(short, long)]
    force: bool,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let (api, name) = if args.force {
        let name = args
            .which
            .stream
            .ok_or_else(|| CliError::new("--force requires a stream name"))?;
        // A stream without a leader cannot be looked into, but it can be deleted.
        (Api::connect(globals).await?, name)
    } else {
        let (api, info) = args.which.connect(globals).await?;
        (api, info.config.name)
    };
    let question = format!("Really delete Stream {name}");
    if !pick::confirmed(&mut Terminal, args.force, &question)? {
        return Ok(());
    }
    let deleted = api.delete_stream(&name).await;
    deleted.map_err(|e| CliError::from(e).context("could not remove Stream"))
}
