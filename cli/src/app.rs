//! The root of the command tree, and the way from the command line to an exit code.

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{ArgAction, Command, CommandFactory, FromArgMatches, Parser};

use crate::commands;
use crate::error::{CliError, Result};
use crate::globals::{GlobalArgs, Globals};
use crate::reference;

/// The NATS command line
///
/// Publish, subscribe, request, measure, and administer NATS servers and JetStream.
///
/// Connection settings come from flags, NATS_* environment variables and contexts (see 'nats context --help'), in this
/// order.
#[derive(Debug, Parser)]
#[command(
    name = "nats",
    version,
    max_term_width = 120,
    disable_version_flag = true,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "Examples:\n  \
        nats pub orders.new 'hello'             publish a message\n  \
        nats sub 'orders.>'                     show the messages of a subject\n  \
        nats context add prod -s nats://host    remember a server, then: nats context select prod\n\n\
        Every command shows its flags and an example with --help; -h is shorter."
)]
pub struct App {
    /// Show the version
    #[arg(long, action = ArgAction::Version)]
    version: (),

    #[command(flatten)]
    globals: GlobalArgs,

    #[command(subcommand)]
    command: commands::Root,
}

/// The command tree, for generators of man pages, completions and references.
pub fn command() -> Command {
    App::command()
}

/// Runs `nats` with these arguments, the program's name first.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    match run(args.into_iter().collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report(&error),
    }
}

fn run(args: Vec<OsString>) -> Result {
    if let Some(text) = args
        .get(1)
        .and_then(|flag| flag.to_str())
        .and_then(|flag| reference::of_flag(flag, command))
    {
        return crate::out!("{}", text?);
    }
    let matches = match command().try_get_matches_from(args) {
        Ok(matches) => matches,
        Err(error) => return usage(error),
    };
    let app = App::from_arg_matches(&matches).map_err(|e| CliError::new(e.to_string()))?;
    let globals = Globals::load(app.globals)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| CliError::from(e).context("starting the runtime"))?;
    let result = runtime.block_on(app.command.run(&globals));
    // Standard input may be blocked in a read that nobody can cancel; waiting for it would hang the program's end.
    runtime.shutdown_background();
    result
}

/// Help and version go to standard output and succeed; every mistake goes to standard error and ends with exit code 1, as in the
/// reference tool.
fn usage(error: clap::Error) -> Result {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            error.print()?;
            Ok(())
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            error.print()?;
            Err(CliError::exit(1))
        }
        _ => {
            let text = error.render().to_string();
            let text = text.strip_prefix("error: ").unwrap_or(&text);
            let _ = write!(io::stderr().lock(), "nats: error: {text}");
            Err(CliError::exit(1))
        }
    }
}

fn report(error: &CliError) -> ExitCode {
    if !error.is_quiet() {
        // Nobody to tell when standard error is closed.
        let mut stderr = io::stderr().lock();
        let _ = writeln!(stderr, "nats: error: {error}");
        if let Some(hint) = error.hint() {
            let _ = writeln!(stderr, "      hint: {hint}");
        }
    }
    ExitCode::from(error.code())
}
