//! `nats errors lookup`.

use std::path::Path;

use super::file;
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::output::{self, Columns};

/// Show one error by its code
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "find",
    aliases = ["get", "l", "view", "show"],
    after_help = "Examples:\n  nats errors lookup 10058\n  nats errors lookup 10058 --json"
)]
pub struct Args {
    /// The code, as in err_code of an answer
    code: u16,

    /// Print JSON
    #[arg(short, long)]
    json: bool,
}

pub fn run(globals: &Globals, args: Args, path: Option<&Path>) -> Result {
    let found = file::load(path)?
        .into_iter()
        .find(|definition| definition.error_code == args.code);
    let definition = found.ok_or_else(|| {
        CliError::new(format!("no error matches code {}", args.code))
            .next_step("see which there are: nats errors ls")
    })?;
    if args.json {
        return output::json(&definition);
    }
    let heading = format!("NATS Error Code: {}", definition.error_code);
    let mut columns = Columns::new(heading, globals.scheme());
    columns.row("Description", &definition.description);
    columns.row_unless_empty("Comment", &definition.comment);
    columns.row("HTTP Code", definition.code);
    columns.row("Go Index Constant", &definition.constant);
    columns.row_unless_empty("Help URL", &definition.url);
    columns.text("");
    columns.text(if definition.help.is_empty() {
        "No further information available"
    } else {
        &definition.help
    });
    out!("{}", columns.render())
}
