//! `nats server report cpu`.

use super::super::target::Target;
use super::bars;
use crate::error::Result;
use crate::globals::Globals;
use crate::output::format;

/// Show how busy the processors of the servers are
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:\n  nats server report cpu")]
pub struct Args {
    /// Wait for so many servers
    #[arg(default_value_t = 0, hide_default_value = true)]
    limit: usize,

    #[command(flatten)]
    shape: bars::Shape,

    #[command(flatten)]
    target: Target,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    bars::report(
        globals,
        &args.target,
        args.limit,
        args.shape,
        "CPU Usage",
        |stats| stats.cpu,
        format::decimal,
    )
    .await
}
