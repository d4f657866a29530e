//! `nats counter get`.

use super::Where;
use crate::error::Result;
use crate::globals::Globals;
use crate::jetstream::Api;

/// Show the value of a counter
#[derive(Debug, clap::Args)]
#[command(
    alias = "g",
    after_help = "Examples:\n  nats counter get hits.home\n  nats counter get hits.home --stream HITS"
)]
pub struct Args {
    /// The counter's subject
    subject: String,

    #[command(flatten)]
    which: Where,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let api = Api::connect(globals).await?;
    let (counter, _) = args.which.open(&api, &args.subject).await?;
    outln!("{}", counter.get(&args.subject).await?.value)
}
