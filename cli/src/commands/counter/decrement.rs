//! `nats counter decrement`.

use super::Where;
use crate::error::Result;
use crate::globals::Globals;

/// Take from a counter and show its new value
#[derive(Debug, clap::Args)]
#[command(
    visible_aliases = ["decr", "dec"], alias = "d",
    after_help = "Examples:\n  nats counter decrement hits.home\n  nats counter decrement hits.home 5"
)]
pub struct Args {
    /// The counter's subject
    subject: String,

    /// How much to take; may be negative
    #[arg(default_value = "1", allow_hyphen_values = true)]
    value: String,

    #[command(flatten)]
    which: Where,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let delta = super::signed(&args.value, true)?;
    super::add(globals, &args.which, &args.subject, &delta).await
}
