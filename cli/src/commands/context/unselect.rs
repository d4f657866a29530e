//! `nats context unselect`.

use nats_client::context::Store;

use crate::error::Result;
use crate::globals::Globals;

/// Select no context
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  nats context unselect")]
pub struct Args {}

pub async fn run(_globals: &Globals, _args: Args) -> Result {
    match Store::open_default()?.unselect()? {
        Some(name) => outln!("Unselected the {name:?} context"),
        None => outln!("No context currently selected"),
    }
}
