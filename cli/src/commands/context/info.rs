//! `nats context info`.

use clap_complete::engine::ArgValueCompleter;
use nats_client::context::Store;

use super::show;
use crate::error::{CliError, Result};
use crate::globals::{Globals, OVERRIDES};
use crate::output;

/// Show a context, and whether its files can be read
#[derive(Debug, clap::Args)]
#[command(
    visible_aliases = ["show", "view"],
    alias = "v",
    after_help = "Examples:\n  \
        nats context info\n  \
        nats context info prod --connect"
)]
pub struct Args {
    /// Name of the context; the selected one when left out
    #[arg(add = ArgValueCompleter::new(crate::complete::contexts))]
    name: Option<String>,

    /// Print JSON
    #[arg(short, long)]
    json: bool,

    /// Connect with it
    #[arg(long)]
    connect: bool,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let store = Store::open_default()?;
    let name = args
        .name
        .or_else(|| store.selected())
        .ok_or_else(none_selected)?;
    let context = store.load(&name)?;
    if args.json {
        return output::json(&show::document(&context)?);
    }
    show::show(globals, &context, args.connect).await?;
    let overrides: Vec<_> = OVERRIDES
        .into_iter()
        .filter(|name| std::env::var_os(name).is_some_and(|v| !v.is_empty()))
        .collect();
    if !overrides.is_empty() {
        outln!(
            "WARNING: Shell environment overrides in place using {}",
            overrides.join(", ")
        )?;
    }
    Ok(())
}

pub fn none_selected() -> CliError {
    CliError::new("no default context and no name supplied")
        .next_step("name one, or select one: nats context select")
}
