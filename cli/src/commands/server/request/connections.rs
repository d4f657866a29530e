//! `nats server request connections`.

use clap::builder::PossibleValuesParser;
use nats_api::monitor::{ConnSort, ConnState, ConnzOptions};

use super::super::target::Target;
use super::{Page, documents};
use crate::error::Result;
use crate::globals::Globals;

/// Show connections
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "connz",
    alias = "conn",
    after_help = "Examples:\n  \
        nats server request connections --sort idle\n  \
        nats server request connections --filter-user joe --subscriptions"
)]
pub struct Args {
    /// Wait for so many servers
    #[arg(default_value_t = 0, hide_default_value = true)]
    wait: usize,

    /// What to sort by
    #[arg(long, default_value = "cid", value_name = "KEY", value_parser = PossibleValuesParser::new(ConnSort::ALL.map(|(name, _)| name)))]
    sort: String,

    /// Show the subscriptions
    #[arg(long)]
    subscriptions: bool,

    /// Only the connection with this id
    #[arg(
        long,
        value_name = "CID",
        default_value_t = 0,
        hide_default_value = true
    )]
    filter_cid: u64,

    /// Which connections to show
    #[arg(long, default_value = "open", value_name = "STATE", value_parser = ["open", "closed", "all"])]
    filter_state: String,

    /// Only those of this user
    #[arg(long, value_name = "USER")]
    filter_user: Option<String>,

    /// Only those of this account
    #[arg(long, value_name = "ACCOUNT")]
    filter_account: Option<String>,

    /// Only those with a subscription on this subject; needs --filter-account
    #[arg(long, value_name = "SUBJECT", requires = "filter_account")]
    filter_subject: Option<String>,

    /// Leave out servers without connections
    #[arg(long)]
    filter_empty: bool,

    #[command(flatten)]
    page: Page,

    #[command(flatten)]
    target: Target,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let whom = args.target.whom(args.wait);
    let filter_empty = args.filter_empty;
    let options = ConnzOptions {
        sort: args.sort,
        auth: true,
        subscriptions: args.subscriptions,
        subscriptions_detail: args.subscriptions,
        offset: args.page.offset,
        limit: args.page.limit,
        cid: args.filter_cid,
        state: ConnState::from_query(&args.filter_state).unwrap_or_default(),
        user: args.filter_user.unwrap_or_default(),
        acc: args.filter_account.unwrap_or_default(),
        filter_subject: args.filter_subject.unwrap_or_default(),
        ..ConnzOptions::default()
    };
    for answer in documents(globals, "CONNZ", &options, &whom).await? {
        let connections = answer.pointer("/data/num_connections");
        if filter_empty && connections.is_none_or(|number| number == 0) {
            continue;
        }
        outln!("{answer}")?;
    }
    Ok(())
}
