//! `nats errors edit`.

use std::path::PathBuf;

use super::file::{self, Definition};
use super::validate;
use crate::editor;
use crate::error::{CliError, Result};
use nats_term::prompt::{Prompt, Terminal};

/// Change or add an error of a definition file in $EDITOR
///
/// The error is checked before the file is written.
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "vi",
    aliases = ["add", "new"],
    after_help = "Examples:\n  \
        EDITOR=vim nats errors edit errors.json 10058\n  \
        EDITOR=vim nats errors edit errors.json"
)]
pub struct Args {
    /// The file to change
    file: PathBuf,

    /// Code of the error; a new error when left out or unknown
    code: Option<u16>,
}

pub fn run(args: Args) -> Result {
    let mut definitions = file::load(Some(&args.file))?;
    let place = definitions
        .iter()
        .position(|definition| Some(definition.error_code) == args.code);
    let before = match place.and_then(|place| definitions.get(place)) {
        Some(definition) => definition.clone(),
        None => blank(&definitions),
    };
    let after = edited(&before)?;
    match place.and_then(|place| definitions.get_mut(place)) {
        Some(definition) => *definition = after,
        None => definitions.push(after),
    }
    file::save(&args.file, &definitions)?;
    validate::check(&args.file)
}

/// A new error with the next free code.
fn blank(definitions: &[Definition]) -> Definition {
    let highest = definitions.iter().map(|d| d.error_code).max();
    Definition {
        error_code: highest.unwrap_or(9_999).saturating_add(1),
        ..Definition::default()
    }
}

/// Edits until the definition is sound or the user gives up; what was typed is not lost in between.
fn edited(definition: &Definition) -> Result<Definition> {
    let mut text = serde_json::to_string_pretty(definition)?;
    loop {
        text = editor::edit(text.trim_end(), ".json", "the file")?;
        let problem = match serde_json::from_str::<Definition>(&text) {
            Ok(definition) => match file::faults(&definition).as_slice() {
                [] => return Ok(definition),
                faults => faults.join(", "),
            },
            Err(error) => error.to_string(),
        };
        outln!("Invalid error specification: {problem}")?;
        if !Terminal.confirm("Retry edit", true, "a valid definition")? {
            return Err(CliError::new("aborted; the file was left as it was"));
        }
    }
}
