//! `nats context copy`.

use clap_complete::engine::ArgValueCompleter;
use nats_client::context::Store;

use super::add::{self, SaveArgs};
use crate::error::{CliError, Result};
use crate::globals::Globals;

/// Copy a context, with the changes given as flags
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "cp",
    after_help = "Example:\n  nats context copy prod prod-admin --creds ~/admin.creds --description 'Production, system account'"
)]
pub struct Args {
    /// Name of the context to copy
    #[arg(add = ArgValueCompleter::new(crate::complete::contexts))]
    source: String,

    /// Name of the new context
    name: String,

    #[command(flatten)]
    save: SaveArgs,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let store = Store::open_default()?;
    let base = store.load(&args.source)?;
    if store.exists(&args.name) {
        return Err(
            CliError::new(format!("context {:?} already exists", args.name)).next_step(format!(
                "choose another name, or remove it: nats context rm {}",
                args.name
            )),
        );
    }
    add::save(globals, &store, base, &args.name, &args.save).await
}
