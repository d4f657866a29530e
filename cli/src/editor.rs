//! The user's editor: a text goes in, what the user made of it comes back.

use std::io::Write;

use crate::error::{CliError, Result};
use crate::parse;

/// What `$EDITOR` makes of `text`, shown in a file that ends in `suffix`.
///
/// The file is private and removed again: the text may hold secrets. `kept` names what stays as it was when the editor
/// fails.
pub fn edit(text: &str, suffix: &str, kept: &str) -> Result<String> {
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
    let mut file = tempfile::Builder::new()
        .prefix("nats-")
        .suffix(suffix)
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
            "{program:?} ended with {status}: {kept} was left as it was"
        )));
    }
    Ok(std::fs::read_to_string(file.path())?)
}
