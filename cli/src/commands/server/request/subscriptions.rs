//! `nats server request subscriptions`.

use nats_api::monitor::SubszOptions;

use super::super::target::Target;
use super::print;
use crate::error::Result;
use crate::globals::Globals;

/// Show subscriptions
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "subsz",
    alias = "sub",
    after_help = "Examples:\n  nats server request subscriptions --detail --filter-account APP"
)]
pub struct Args {
    /// Wait for so many servers
    #[arg(default_value_t = 0, hide_default_value = true)]
    wait: usize,

    /// Show every subscription
    #[arg(long)]
    detail: bool,

    /// Only those of this account
    #[arg(long, value_name = "ACCOUNT")]
    filter_account: Option<String>,

    /// Only those that a message on this subject would reach
    #[arg(long, value_name = "SUBJECT")]
    filter_subject: Option<String>,

    #[command(flatten)]
    page: super::Page,

    #[command(flatten)]
    target: Target,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let whom = args.target.whom(args.wait);
    print(
        globals,
        "SUBSZ",
        &SubszOptions {
            offset: args.page.offset,
            limit: args.page.limit,
            subscriptions: args.detail,
            account: args.filter_account.unwrap_or_default(),
            test: args.filter_subject.unwrap_or_default(),
        },
        &whom,
    )
    .await
}
