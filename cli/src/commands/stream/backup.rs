//! `nats stream backup`.

use std::path::PathBuf;

use clap_complete::engine::ArgValueCompleter;

use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::jetstream::Api;
use crate::jetstream::archive::{self, Wanted};
use crate::parse;

/// Save a stream in a folder
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "snapshot",
    after_help = "Examples:\n  \
        nats stream backup ORDERS ./backup/ORDERS\n  \
        nats stream backup ORDERS ./backup/ORDERS --check --no-consumers"
)]
pub struct Args {
    /// Name of the stream
    #[arg(add = ArgValueCompleter::new(crate::complete::streams))]
    stream: String,

    /// Folder for the backup; must not hold one yet
    target: PathBuf,

    /// Show no progress bar
    #[arg(long, overrides_with = "progress")]
    no_progress: bool,

    #[arg(long, overrides_with = "no_progress", hide = true)]
    progress: bool,

    /// Let the server check every message first
    #[arg(long)]
    check: bool,

    /// Leave the consumers out
    #[arg(long, overrides_with = "consumers")]
    no_consumers: bool,

    #[arg(long, overrides_with = "no_consumers", hide = true)]
    consumers: bool,

    /// Size of the chunks that the server sends
    #[arg(long, value_name = "BYTES", value_parser = parse::byte_size)]
    chunk_size: Option<i64>,

    /// How much the server sends ahead
    #[arg(long, value_name = "BYTES", value_parser = parse::byte_size)]
    window_size: Option<i64>,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let api = Api::connect(globals).await?;
    api.stream(&args.stream).await?;
    let wanted = Wanted {
        progress: !args.no_progress,
        check: args.check,
        consumers: !args.no_consumers,
        chunk_size: args.chunk_size.unwrap_or(0),
        window_size: args.window_size.unwrap_or(0),
    };
    let text = archive::save(&api, &args.stream, &args.target, &wanted).await;
    outln!(
        "{}",
        text.map_err(|e: CliError| e.context("backup failed"))?
    )
}
