//! `nats bench js get`: the registry.
//!
//! Messages looked up by their sequences, without a consumer. Called by the registry of `bench js` only. The stream must
//! allow direct gets, and is never changed.

mod batch;
mod single;

use crate::error::Result;
use crate::globals::Globals;

/// Measure direct gets
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
        nats bench js get sync --msgs 10000\n  \
        nats bench js get batch --msgs 1000000")]
pub struct Args {
    #[command(subcommand)]
    command: Gets,
}

registry! {
    /// The ways of getting.
    Gets {
        Sync(single),
        Batch(batch),
    }
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    args.command.run(globals).await
}
