//! `nats server check message`: known by name, so that it can say why it does not work yet.

use super::Report;
use super::outcome::Outcome;
use crate::error::{CliError, Result};
use crate::globals::Globals;

/// Check the last message of a stream (needs JetStream, which this build does not have)
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "msg",
    after_help = "Examples:\n  nats server check message --stream ORDERS --age-critical 1h"
)]
pub struct Args {
    /// Name of the stream
    #[arg(long)]
    stream: String,

    /// Subject of the message
    #[arg(long, default_value = ">")]
    subject: String,

    #[arg(long, hide = true)]
    age_warn: Option<String>,

    #[arg(long, hide = true)]
    age_critical: Option<String>,

    #[arg(long, hide = true)]
    content: Option<String>,

    #[arg(long, hide = true)]
    body_timestamp: bool,

    #[command(flatten)]
    report: Report,
}

pub async fn run(_globals: &Globals, args: Args) -> Result {
    let refused = CliError::not_available("nats server check message", "JetStream");
    let mut outcome = Outcome::new("message", "Stream Message");
    outcome.unknown(refused.message());
    args.report.end(&outcome)
}
