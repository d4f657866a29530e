//! `nats server request gateways`.

use nats_api::monitor::GatewayzOptions;

use super::super::target::Target;
use super::print;
use crate::error::Result;
use crate::globals::Globals;

/// Show gateways
#[derive(Debug, clap::Args)]
#[command(visible_alias = "gatewayz", aliases = ["gateway", "gwy"], after_help = "Examples:\n  nats server request gateways 3 east --accounts")]
pub struct Args {
    /// Wait for so many servers
    #[arg(default_value_t = 0, hide_default_value = true)]
    wait: usize,

    /// Only the gateway to this cluster
    #[arg(value_name = "NAME")]
    filter_name: Option<String>,

    /// Only this account; implies --accounts
    #[arg(long, value_name = "ACCOUNT")]
    filter_account: Option<String>,

    /// Show the accounts
    #[arg(long)]
    accounts: bool,

    /// Leave out the subscriptions of the account
    #[arg(long, overrides_with = "subscriptions")]
    no_subscriptions: bool,

    #[arg(long, overrides_with = "no_subscriptions", hide = true)]
    subscriptions: bool,

    #[command(flatten)]
    target: Target,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let whom = args.target.whom(args.wait);
    print(
        globals,
        "GATEWAYZ",
        &GatewayzOptions {
            name: args.filter_name.unwrap_or_default(),
            accounts: args.accounts || args.filter_account.is_some(),
            subscriptions: args.filter_account.is_some() && !args.no_subscriptions,
            subscriptions_detail: args.filter_account.is_some() && !args.no_subscriptions,
            account_name: args.filter_account.unwrap_or_default(),
        },
        &whom,
    )
    .await
}
