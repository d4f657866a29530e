//! `nats server request jetstream`.

use nats_api::monitor::JszOptions;

use super::super::target::Target;
use super::{Page, print};
use crate::error::Result;
use crate::globals::Globals;

/// Show JetStream
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "jsz",
    alias = "js",
    after_help = "Examples:\n  \
        nats server request jetstream --account APP --streams --config\n  \
        nats server request jetstream --all | jq .data.account_details"
)]
pub struct Args {
    /// Wait for so many servers
    #[arg(default_value_t = 0, hide_default_value = true)]
    wait: usize,

    /// Only this account
    #[arg(long)]
    account: Option<String>,

    /// Show accounts
    #[arg(long)]
    accounts: bool,

    /// Show streams
    #[arg(long)]
    streams: bool,

    /// Show consumers
    #[arg(long)]
    consumer: bool,

    /// Show the configuration of streams and consumers
    #[arg(long)]
    config: bool,

    /// Show the consensus groups
    #[arg(long)]
    raft: bool,

    /// Ask the leader of the meta group only
    #[arg(long)]
    leader: bool,

    /// Each stream from its leader only
    #[arg(long)]
    stream_leader: bool,

    /// Show accounts, streams, consumers, configuration and consensus groups
    #[arg(long)]
    all: bool,

    #[command(flatten)]
    page: Page,

    #[command(flatten)]
    target: Target,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    // Nobody but the leader answers.
    let wait = if args.leader { 1 } else { args.wait };
    let options = JszOptions {
        account: args.account.unwrap_or_default(),
        accounts: args.accounts || args.all,
        streams: args.streams || args.all,
        consumer: args.consumer || args.all,
        config: args.config || args.all,
        raft: args.raft || args.all,
        leader_only: args.leader,
        stream_leader_only: args.stream_leader,
        offset: args.page.offset,
        limit: args.page.limit,
        ..JszOptions::default()
    };
    print(globals, "JSZ", &options, &args.target.whom(wait)).await
}
