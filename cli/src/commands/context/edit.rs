//! `nats context edit`.

use std::io::Write;

use nats_client::context::{Context, Store};

use super::{sheet, show};
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::parse;

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
    name: String,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let store = Store::open_default()?;
    let context = store.load(&args.name)?;
    let before = sheet::write(&args.name, &context.settings)?;
    let after = edit(&before)?;
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

/// What the user's editor makes of `text`.
fn edit(text: &str) -> Result<String> {
    let editor = std::env::var("EDITOR")
        .or_else(|_| std::env::var("VISUAL"))
        .map_err(|_| {
            CliError::new("no editor is chosen")
                .next_step("set EDITOR, for example: export EDITOR=vim")
        })?;
    let words = parse::shell_words(&editor).map_err(|e| CliError::from(e).context("EDITOR"))?;
    let (program, arguments) = words
        .split_first()
        .ok_or_else(|| CliError::new("EDITOR is empty"))?;
    // A private file that is removed again: a context may hold secrets.
    let mut file = tempfile::Builder::new()
        .prefix("nats-context-")
        .suffix(".yaml")
        .tempfile()?;
    writeln!(file, "{text}")?;
    file.flush()?;
    let status = std::process::Command::new(program)
        .args(arguments)
        .arg(file.path())
        .status();
    let status = status.map_err(|e| CliError::from(e).context(format!("running {program:?}")))?;
    if !status.success() {
        return Err(CliError::new(format!(
            "{program:?} ended with {status}: the context was left as it was"
        )));
    }
    Ok(std::fs::read_to_string(file.path())?)
}
