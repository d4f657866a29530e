//! `nats schema info`.

use clap_complete::ArgValueCompleter;

use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::output;

/// Show a schema
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "show",
    alias = "view",
    after_help = "Examples:\n  \
        nats schema info io.nats.jetstream.api.v1.stream_create_request\n  \
        nats schema info stream_create_request --yaml"
)]
pub struct Args {
    /// Name of the schema; its end is enough
    #[arg(add = ArgValueCompleter::new(super::names))]
    schema: String,

    /// Print YAML instead of JSON
    #[arg(long)]
    yaml: bool,
}

pub async fn run(_: &Globals, args: Args) -> Result {
    let schema = super::find(&args.schema)?.render();
    if !args.yaml {
        return output::json(&schema);
    }
    let yaml = serde_saphyr::to_string(&schema)
        .map_err(|error| CliError::new(format!("writing YAML: {error}")))?;
    out!("{yaml}")
}
