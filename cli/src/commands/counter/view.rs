//! `nats counter view`.

use super::Where;
use crate::error::Result;
use crate::globals::Globals;
use crate::jetstream::Api;
use crate::output::Columns;

/// Show all about a counter: value, last change, and what came from other streams
#[derive(Debug, clap::Args)]
#[command(
    alias = "v",
    after_help = "Examples:\n  nats counter view hits.home --stream WORLD"
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
    let entry = counter.get(&args.subject).await?;
    let mut columns = Columns::new(format!("Counter {}", args.subject), globals.scheme());
    columns.row("Value", entry.value);
    columns.row("Increment", entry.increment.unwrap_or_default());
    columns.row("Subject", entry.subject);
    if entry.sources.is_empty() {
        columns.text("");
        columns.text("No source information found");
    } else {
        columns.section("Sources");
        for (stream, values) in &entry.sources {
            let values = values
                .iter()
                .map(|(subject, value)| format!("{subject}: {value}"));
            columns.rows(stream, values);
        }
    }
    out!("{}", columns.render())
}
