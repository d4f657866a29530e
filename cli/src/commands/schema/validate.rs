//! `nats schema validate`.

use std::path::Path;

use clap_complete::ArgValueCompleter;
use serde_json::Value;

use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::input;
use crate::output;

/// Check a JSON file against a schema
///
/// Ends with exit code 1 when the file is not as the schema wants it.
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "check",
    after_help = "Examples:\n  \
        nats schema validate stream_configuration orders.json\n  \
        nats stream info ORDERS --json | jq .config | nats schema validate stream_configuration -"
)]
pub struct Args {
    /// Name of the schema; its end is enough
    #[arg(add = ArgValueCompleter::new(super::names))]
    schema: String,

    /// The file; - is standard input
    file: String,

    /// Print what is wrong as JSON, a list of texts
    #[arg(long)]
    json: bool,
}

pub async fn run(_: &Globals, args: Args) -> Result {
    let schema = super::find(&args.schema)?;
    let document: Value =
        serde_json::from_str(&input::text(Path::new(&args.file))?).map_err(|error| {
            CliError::new(format!(
                "could not parse JSON data in {:?}: {error}",
                args.file
            ))
        })?;
    let problems: Vec<_> = schema
        .check(&document)
        .iter()
        .map(ToString::to_string)
        .collect();
    if args.json {
        output::json(&problems)?;
    } else if problems.is_empty() {
        outln!("{} validates against {}", args.file, schema.name)?;
    } else {
        let told = problems.join("\n  ");
        outln!("Validation errors in {}:\n\n  {told}", args.file)?;
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(CliError::exit(1))
    }
}
