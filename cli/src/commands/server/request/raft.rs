//! `nats server request raft`.

use nats_api::monitor::RaftzOptions;

use super::super::target::Target;
use super::print;
use crate::error::Result;
use crate::globals::Globals;

/// Show consensus groups
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "raftz",
    after_help = "Examples:\n  nats server request raft --account APP"
)]
pub struct Args {
    /// Only groups of this account; the system account when not given
    #[arg(long)]
    account: Option<String>,

    /// Only this group
    #[arg(long)]
    group: Option<String>,

    #[command(flatten)]
    target: Target,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let options = RaftzOptions {
        account: args.account.unwrap_or_default(),
        group: args.group.unwrap_or_default(),
    };
    print(globals, "RAFTZ", &options, &args.target.whom(0)).await
}
