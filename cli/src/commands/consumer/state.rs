//! `nats consumer state`.

use super::info;
use super::select::Which;
use crate::error::Result;
use crate::globals::Globals;
use crate::jetstream::ConsumerView;

/// Show how far a consumer is
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  nats consumer state ORDERS NEW")]
pub struct Args {
    #[command(flatten)]
    which: Which,

    /// Print JSON
    #[arg(short, long)]
    json: bool,

    /// Choose nothing from a list
    #[arg(long)]
    no_select: bool,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    info::show(
        globals,
        &args.which,
        args.json,
        args.no_select,
        ConsumerView::State,
    )
    .await
}
