//! `nats stream seal`.

use clap_complete::engine::ArgValueCompleter;
use nats_api::jetstream::StreamUpdateResponse;

use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::jetstream::{Api, StreamView, pick};
use nats_term::prompt::Terminal;

/// Close a stream for good: nothing can be added, deleted or changed any longer
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  nats stream seal ORDERS_2025 --force")]
pub struct Args {
    /// Name of the stream
    #[arg(add = ArgValueCompleter::new(crate::complete::streams))]
    stream: String,

    /// Do not ask
    #[arg(short, long)]
    force: bool,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let api = Api::connect(globals).await?;
    let name = args.stream;
    let mut config = api.stream_document(&name).await?;
    let question =
        format!("Really seal Stream {name}, sealed streams can not be unsealed or modified");
    if !pick::confirmed(&mut Terminal, args.force, &question)? {
        return Ok(());
    }
    config.set("sealed", true)?;
    let answer: StreamUpdateResponse = api
        .request_json(
            api.api().stream_update(&name),
            &config.without_reserved_metadata(),
        )
        .await
        .map_err(|e| CliError::from(e).context("could not seal Stream"))?;
    out!(
        "{}",
        StreamView::Full.render(&answer.info, globals.scheme())
    )
}
