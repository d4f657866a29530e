//! `nats plugins register`.

use std::path::PathBuf;

use crate::app;
use crate::error::Result;
use crate::globals::Globals;
use crate::plugins;

/// Register a program as a command
///
/// The program is asked with --fisk-introspect what it is, and from then on runs as 'nats NAME ...' with the arguments that follow.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  nats plugins register things ./things-tool")]
pub struct Args {
    /// Name of the command: small letters
    name: String,

    /// The program
    #[arg(value_name = "PROGRAM")]
    command: PathBuf,

    /// Replace one that is registered
    #[arg(long)]
    force: bool,
}

pub async fn run(_: &Globals, args: Args) -> Result {
    let folder = plugins::folder()?;
    let tree = app::command();
    let program = plugins::register(&folder, &args.name, &args.command, args.force, &tree)?;
    outln!(
        "Plugin {} using command {} was added or updated",
        args.name,
        program.display()
    )
}
