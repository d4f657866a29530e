//! `nats counter increment`.

use super::Where;
use crate::error::Result;
use crate::globals::Globals;

/// Add to a counter and show its new value
#[derive(Debug, clap::Args)]
#[command(
    visible_aliases = ["incr", "inc"], alias = "i",
    after_help = "Examples:\n  nats counter increment hits.home\n  nats counter increment hits.home 5"
)]
pub struct Args {
    /// The counter's subject
    subject: String,

    /// How much to add; may be negative
    #[arg(default_value = "1", allow_hyphen_values = true)]
    value: String,

    #[command(flatten)]
    which: Where,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let delta = super::signed(&args.value, false)?;
    super::add(globals, &args.which, &args.subject, &delta).await
}
