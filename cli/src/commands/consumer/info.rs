//! `nats consumer info`.

use super::select::Which;
use crate::error::Result;
use crate::globals::Globals;
use crate::jetstream::ConsumerView;
use crate::output;

/// Show everything about a consumer
#[derive(Debug, clap::Args)]
#[command(
    alias = "nfo",
    after_help = "Examples:\n  \
        nats consumer info ORDERS NEW\n  \
        nats consumer info ORDERS NEW --json | jq .num_pending"
)]
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
    show(
        globals,
        &args.which,
        args.json,
        args.no_select,
        ConsumerView::Full,
    )
    .await
}

/// Shared with `nats consumer state`.
pub async fn show(
    globals: &Globals,
    which: &Which,
    json: bool,
    no_select: bool,
    view: ConsumerView,
) -> Result {
    let (_, info) = which.connect_or_fail(globals, no_select).await?;
    if json {
        return output::json(&info);
    }
    out!("{}", view.render(&info, globals.scheme()))
}
