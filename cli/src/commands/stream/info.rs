//! `nats stream info`.

use super::select::Which;
use crate::error::Result;
use crate::globals::Globals;
use crate::jetstream::StreamView;
use crate::output;

/// Show everything about a stream
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "i",
    alias = "nfo",
    after_help = "Examples:\n  \
        nats stream info ORDERS\n  \
        nats stream info ORDERS --json | jq .state.messages"
)]
pub struct Args {
    #[command(flatten)]
    which: Which,

    /// Print JSON
    #[arg(short, long)]
    json: bool,

    /// Leave out the configuration
    #[arg(long)]
    state: bool,

    /// Choose nothing from a list
    #[arg(long)]
    no_select: bool,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let view = if args.state {
        StreamView::State
    } else {
        StreamView::Full
    };
    show(globals, &args.which, args.json, args.no_select, view).await
}

/// Shared with `nats stream state`.
pub async fn show(
    globals: &Globals,
    which: &Which,
    json: bool,
    no_select: bool,
    view: StreamView,
) -> Result {
    let (_, info) = which.connect_or_fail(globals, no_select).await?;
    if json {
        return output::json(&info);
    }
    outln!("{}", view.render(&info, globals.scheme()))
}
