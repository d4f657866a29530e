//! `nats server watch api`: the registry of what can be watched of the JetStream API; one command so far, as in the
//! reference tool. Called by the registry of `nats server watch` only. Requests are counted, never answered or changed.
//! What never happens here: a request of our own to the API.

mod requests;

use crate::error::Result;
use crate::globals::Globals;

/// Watch the JetStream API
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  nats server watch api requests")]
pub struct Args {
    #[command(subcommand)]
    command: ApiWatches,
}

registry! {
    /// What can be watched.
    ApiWatches {
        Requests(requests),
    }
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    args.command.run(globals).await
}
