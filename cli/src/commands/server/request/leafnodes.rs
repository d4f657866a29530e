//! `nats server request leafnodes`.

use nats_api::monitor::LeafzOptions;

use super::super::target::Target;
use super::print;
use crate::error::Result;
use crate::globals::Globals;

/// Show leaf node connections
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "leafz",
    alias = "leaf",
    after_help = "Examples:\n  nats server request leafnodes"
)]
pub struct Args {
    /// Wait for so many servers
    #[arg(default_value_t = 0, hide_default_value = true)]
    wait: usize,

    /// Show the subscriptions
    #[arg(long)]
    subscriptions: bool,

    #[command(flatten)]
    target: Target,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let whom = args.target.whom(args.wait);
    print(
        globals,
        "LEAFZ",
        &LeafzOptions {
            subscriptions: args.subscriptions,
            ..LeafzOptions::default()
        },
        &whom,
    )
    .await
}
