//! `nats account report connections`.

use nats_api::monitor::{Connz, ConnzOptions};

use super::super::ask;
use crate::connections::{self, Choice, View};
use crate::error::Result;
use crate::globals::Globals;

/// Show the account's connections
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "conns",
    aliases = ["conn", "connz"],
    after_help = "Examples:\n  \
        nats account report connections --sort in-bytes --top 10\n  \
        nats account report connections --subject orders.new\n  \
        nats account report connections --state closed --closed-reason 'slow consumer'"
)]
pub struct Args {
    #[command(flatten)]
    view: View,

    /// Only those that receive messages of this subject
    #[arg(long)]
    subject: Option<String>,

    #[command(flatten)]
    choice: Choice,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let client = globals.connect().await?;
    let options = ConnzOptions {
        filter_subject: args.subject.unwrap_or_default(),
        ..args.choice.options(args.view.json)
    };
    let reason = args.choice.closed_reason.as_ref();
    let found = connections::collect(options, reason, async |options| {
        ask::servers::<Connz>(globals, &client, "CONNZ", options).await
    });
    let scheme = globals.scheme();
    connections::show(found.await?, &args.view, args.choice.has_closed(), scheme)
}
