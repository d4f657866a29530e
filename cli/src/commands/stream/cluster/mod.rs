//! `nats stream cluster`: the registry.
//!
//! What only makes sense for streams with several copies. Called by the registry of `nats stream` only; a stream without
//! copies is an error, never a silent success.

mod balance;
mod peer_remove;
mod step_down;

use crate::error::Result;
use crate::globals::Globals;

/// Manage the copies of a stream
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "c",
    after_help = "Examples:\n  \
        nats stream cluster step-down ORDERS\n  \
        nats stream cluster peer-remove ORDERS n3"
)]
pub struct Args {
    #[command(subcommand)]
    command: StreamCluster,
}

registry! {
    /// What can be done with copies.
    StreamCluster {
        StepDown(step_down),
        Balance(balance),
        PeerRemove(peer_remove),
    }
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    args.command.run(globals).await
}
