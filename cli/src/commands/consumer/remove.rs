//! `nats consumer rm`.

use super::select::Which;
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::jetstream::{Api, pick};
use nats_term::prompt::Terminal;

/// Delete a consumer
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "delete",
    alias = "del",
    after_help = "Examples:\n  nats consumer rm ORDERS NEW --force"
)]
pub struct Args {
    #[command(flatten)]
    which: Which,

    /// Do not ask
    #[arg(short, long)]
    force: bool,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let (api, stream, name) = if args.force {
        let (Some(stream), Some(name)) = (args.which.stream.stream, args.which.consumer) else {
            return Err(CliError::new("--force requires a stream and consumer name"));
        };
        // A consumer without a leader cannot be looked into, but it can be deleted.
        (Api::connect(globals).await?, stream, name)
    } else {
        let (api, info) = args.which.connect(globals).await?;
        (api, info.stream_name, info.name)
    };
    let question = format!("Really delete Consumer {stream} > {name}");
    if !pick::confirmed(&mut Terminal, args.force, &question)? {
        return Ok(());
    }
    Ok(api.delete_consumer(&stream, &name).await?)
}
