//! `nats server request accounts`.

use nats_api::monitor::AccountzOptions;

use super::super::target::Target;
use super::print;
use crate::error::Result;
use crate::globals::Globals;

/// Show accounts
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "accountz",
    alias = "acct",
    after_help = "Examples:\n  nats server request accounts --account APP"
)]
pub struct Args {
    /// Wait for so many servers
    #[arg(default_value_t = 0, hide_default_value = true)]
    wait: usize,

    /// Show everything about this account
    #[arg(long)]
    account: Option<String>,

    #[command(flatten)]
    target: Target,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let whom = args.target.whom(args.wait);
    print(
        globals,
        "ACCOUNTZ",
        &AccountzOptions {
            account: args.account.unwrap_or_default(),
        },
        &whom,
    )
    .await
}
