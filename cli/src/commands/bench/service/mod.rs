//! `nats bench service`: both sides of a request, each a command of its own.
//!
//! Called by the registry of `bench` only; both sides use its frame or `crate::micro`, and never each other.

mod request;
mod serve;

use super::{CommonArgs, SleepArgs};
use crate::error::Result;
use crate::globals::Globals;

/// Measure requests and replies
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
        nats bench service serve test.service --clients 2\n  \
        nats bench service request test.service --clients 8 --msgs 100000")]
pub struct Args {
    #[command(flatten)]
    common: CommonArgs,

    #[command(flatten)]
    sleep: SleepArgs,

    #[command(subcommand)]
    command: Sides,
}

registry! {
    /// Both sides of a request.
    Sides {
        Request(request),
        Serve(serve),
    }
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    // Both sides have these flags as well, and clap hands them down.
    drop((args.common, args.sleep));
    args.command.run(globals).await
}
