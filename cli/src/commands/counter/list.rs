//! `nats counter list`.

use super::Where;
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::jetstream::Api;
use crate::output;

/// List the counters of a stream
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "ls",
    alias = "l",
    after_help = "Examples:\n  nats counter ls 'hits.>'\n  nats counter ls --stream HITS --json"
)]
pub struct Args {
    /// Subjects of this pattern only
    subject: Option<String>,

    #[command(flatten)]
    which: Where,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    if args.subject.is_none() && args.which.stream.is_none() {
        return Err(CliError::new("no stream or subject specified")
            .next_step("name a pattern: nats counter ls 'hits.>'; or a stream with --stream"));
    }
    let subject = args.subject.as_deref().unwrap_or(">");
    let api = Api::connect(globals).await?;
    let (_, stream) = args.which.open(&api, subject).await?;
    let subjects = api.stream_subjects(&stream, subject).await?;
    if subjects.is_empty() {
        return Err(CliError::new("no counters found"));
    }
    let subjects: Vec<_> = subjects.into_keys().collect();
    if args.json {
        return output::json(&subjects);
    }
    for subject in subjects {
        outln!("{subject}")?;
    }
    Ok(())
}
