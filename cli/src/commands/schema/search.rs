//! `nats schema search`.

use regex::Regex;

use crate::error::Result;
use crate::globals::Globals;
use crate::output;

/// Search the names of schemas
#[derive(Debug, clap::Args)]
#[command(
    visible_aliases = ["find", "ls"],
    alias = "list",
    after_help = "Examples:\n  \
        nats schema search\n  \
        nats schema search 'consumer.*request' --json"
)]
pub struct Args {
    /// Regular expression that the names must match
    #[arg(default_value = ".", hide_default_value = true)]
    pattern: Regex,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub async fn run(_: &Globals, args: Args) -> Result {
    let all = nats_api::schema::all()
        .into_iter()
        .map(|schema| schema.name);
    let found: Vec<_> = all.filter(|name| args.pattern.is_match(name)).collect();
    if args.json {
        return output::json(&found);
    }
    if found.is_empty() {
        return outln!("No schemas matched {:?}", args.pattern.as_str());
    }
    outln!("Matched Schemas:\n\n  {}", found.join("\n  "))
}
