//! `nats account report`: the registry.
//!
//! Each report asks all servers about the user's own account and adds up what they say. Called by the registry of
//! [`super`] only. Nothing here needs a user of the system account.

mod connections;
mod statistics;

use crate::error::Result;
use crate::globals::Globals;

/// Report on the account's connections and traffic
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "rep",
    after_help = "Examples:\n  \
        nats account report connections --top 10\n  \
        nats account report statistics"
)]
pub struct Args {
    #[command(subcommand)]
    command: Reports,
}

registry! {
    /// The reports.
    Reports {
        Connections(connections),
        Statistics(statistics),
    }
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    args.command.run(globals).await
}
