//! `nats context previous`.

use nats_client::context::Store;

use super::info::none_selected;
use super::show;
use crate::error::Result;
use crate::globals::Globals;

/// Select the context that was selected before
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "-",
    after_help = "Example:\n  nats context previous\n  nats ctx -"
)]
pub struct Args {}

pub async fn run(globals: &Globals, _args: Args) -> Result {
    let store = Store::open_default()?;
    let name = match store.previous() {
        Some(name) => {
            store.select(&name)?;
            name
        }
        None => store.selected().ok_or_else(none_selected)?,
    };
    show::show(globals, &store.load(&name)?, false)
        .await
        .map(|_| ())
}
