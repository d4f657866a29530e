//! `nats server request routes`.

use nats_api::monitor::RoutezOptions;

use super::super::target::Target;
use super::print;
use crate::error::Result;
use crate::globals::Globals;

/// Show routes
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "routez",
    alias = "route",
    after_help = "Examples:\n  nats server request routes"
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
        "ROUTEZ",
        &RoutezOptions {
            subscriptions: args.subscriptions,
            subscriptions_detail: args.subscriptions,
        },
        &whom,
    )
    .await
}
