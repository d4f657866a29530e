//! `nats context edit`.

use clap_complete::engine::ArgValueCompleter;
use nats_client::context::{Context, Store};

use super::{sheet, show};
use crate::editor;
use crate::error::Result;
use crate::globals::Globals;

/// Edit a context in $EDITOR
///
/// The file is checked before it replaces the context; when something is wrong the context stays as it is.
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "vi",
    after_help = "Example:\n  EDITOR=vim nats context edit dev"
)]
pub struct Args {
    /// Name of the context
    #[arg(add = ArgValueCompleter::new(crate::complete::contexts))]
    name: String,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let store = Store::open_default()?;
    let context = store.load(&args.name)?;
    let before = sheet::write(&args.name, &context.settings)?;
    let after = editor::edit(&before, ".yaml", "the context")?;
    if after.trim() == before.trim() {
        log_line!("Nothing was changed");
        return Ok(());
    }
    let settings = sheet::read(&after).map_err(|e| {
        e.context("the edited context is not valid")
            .next_step(format!(
                "context {:?} was left as it was; edit it again",
                args.name
            ))
    })?;
    let mut context = Context {
        name: args.name.clone(),
        path: None,
        settings,
    };
    store.save(&mut context)?;
    show::show(globals, &context, false).await.map(|_| ())
}
