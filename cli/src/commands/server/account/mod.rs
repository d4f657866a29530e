//! `nats server account`: the registry.
//!
//! One account as the servers see it; one's own is `nats account`. Called by the registry of `nats server` only. Nothing is deleted
//! here without a question or `--force`.

mod info;
mod purge;

use crate::error::Result;
use crate::globals::Globals;

/// Look into one account, or empty it
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "acct",
    after_help = "Examples:\n  \
        nats server account info APP\n  \
        nats server account purge APP"
)]
pub struct Args {
    #[command(subcommand)]
    command: Accounts,
}

registry! {
    /// What can be done with an account.
    Accounts {
        Info(info),
        Purge(purge),
    }
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    args.command.run(globals).await
}
