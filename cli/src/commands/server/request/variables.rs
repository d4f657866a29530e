//! `nats server request variables`.

use super::super::target::Target;
use super::print;
use crate::error::Result;
use crate::globals::Globals;

/// Show configuration and statistics
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "varz",
    alias = "var",
    after_help = "Examples:\n  nats server request variables | jq .data.version"
)]
pub struct Args {
    /// Wait for so many servers
    #[arg(default_value_t = 0, hide_default_value = true)]
    wait: usize,

    #[command(flatten)]
    target: Target,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let whom = args.target.whom(args.wait);
    print(globals, "VARZ", &(), &whom).await
}
