//! `nats account`: the registry.
//!
//! [`ask`] puts the questions that every user may put about his own account. Called by the root registry only. Nothing here
//! needs a user of the system account, and nothing but `restore` changes anything.

mod ask;
mod backup;
mod info;
mod report;
mod restore;
mod tls;

use crate::error::Result;
use crate::globals::Globals;

/// Look into the account that the connection belongs to
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "a",
    after_help = "Examples:\n  \
        nats account info\n  \
        nats account report connections --sort in-bytes"
)]
pub struct Args {
    #[command(subcommand)]
    command: Account,
}

registry! {
    /// What can be asked about the account.
    Account {
        Info(info),
        Report(report),
        Backup(backup),
        Restore(restore),
        Tls(tls),
    }
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    args.command.run(globals).await
}
