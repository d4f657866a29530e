//! `nats errors`: the registry.
//!
//! [`file`] reads and checks tables of errors; without `--errors` the rows are those of [`nats_api::errors`]. Called by the root
//! registry only. Nothing here talks to a server.

mod edit;
mod file;
mod list;
mod lookup;
mod validate;

use std::path::PathBuf;

use crate::error::Result;
use crate::globals::Globals;

/// Look up what the error codes of JetStream mean
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "err",
    alias = "error",
    after_help = "Examples:\n  \
        nats errors ls stream\n  \
        nats errors lookup 10058"
)]
pub struct Args {
    /// File of error definitions to use instead of the built-in table
    #[arg(long, value_name = "FILE", global = true)]
    errors: Option<PathBuf>,

    #[command(subcommand)]
    command: Errors,
}

/// What can be done with errors. Written out rather than made by `registry!`, because all share `--errors`.
#[derive(Debug, clap::Subcommand)]
enum Errors {
    #[command(name = "ls")]
    List(list::Args),
    Lookup(lookup::Args),
    Edit(edit::Args),
    Validate(validate::Args),
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let file = args.errors.as_deref();
    match args.command {
        Errors::List(args) => list::run(globals, args, file),
        Errors::Lookup(args) => lookup::run(globals, args, file),
        Errors::Edit(args) => edit::run(args),
        Errors::Validate(args) => validate::run(args, file),
    }
}
