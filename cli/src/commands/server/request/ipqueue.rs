//! `nats server request ipqueue`.

use nats_api::monitor::IpqueueszOptions;

use super::super::target::Target;
use super::print;
use crate::error::Result;
use crate::globals::Globals;

/// Show internal queues
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "ipqueuesz",
    alias = "ipq",
    after_help = "Examples:\n  nats server request ipqueue --no-all"
)]
pub struct Args {
    /// Leave out queues with nothing in them
    #[arg(long)]
    no_all: bool,

    /// Show queues with nothing in them as well (default)
    #[arg(long, overrides_with = "no_all", hide = true)]
    all: bool,

    /// Only queues whose name contains this
    #[arg(long)]
    filter: Option<String>,

    #[command(flatten)]
    target: Target,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let options = IpqueueszOptions {
        all: !args.no_all,
        filter: args.filter.unwrap_or_default(),
    };
    print(globals, "IPQUEUESZ", &options, &args.target.whom(0)).await
}
