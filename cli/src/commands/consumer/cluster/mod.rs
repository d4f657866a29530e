//! `nats consumer cluster`: the registry.
//!
//! What only makes sense for consumers with several copies. Called by the registry of `nats consumer` only; a consumer
//! without copies is an error, never a silent success.

mod balance;
mod step_down;

use crate::error::Result;
use crate::globals::Globals;

/// Manage the copies of a consumer
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "c",
    after_help = "Examples:\n  nats consumer cluster step-down ORDERS NEW"
)]
pub struct Args {
    #[command(subcommand)]
    command: ConsumerCluster,
}

registry! {
    /// What can be done with copies.
    ConsumerCluster {
        StepDown(step_down),
        Balance(balance),
    }
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    args.command.run(globals).await
}
