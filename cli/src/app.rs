//! The root of the command tree, and the way from the command line to an exit code.

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgAction, Command, CommandFactory, FromArgMatches, Parser};

use crate::absent;
use crate::commands;
use crate::complete;
use crate::error::{CliError, Result};
use crate::globals::{GlobalArgs, Globals};
use crate::plugins;
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
    App::command().mut_subcommand("auth", commands::auth::finished)
}

/// Runs `nats` with these arguments, the program's name first.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    match run(args.into_iter().collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report(&error),
    }
}

fn run(args: Vec<OsString>) -> Result {
    if complete::answer(&args)? {
        return Ok(());
    }
    if let Some(text) = args
        .get(1)
        .and_then(|flag| flag.to_str())
        .and_then(|flag| reference::of_flag(flag, command))
    {
        return crate::out!("{}", text?);
    }
    let plugins = plugins::folder().map_or_else(|_| Vec::new(), |folder| plugins::load(&folder));
    let mut tree = plugins::shown_in(command(), &plugins);
    if args.len() <= 1 {
        // As the reference tool: somebody who types nothing but the name wants to know what there is.
        return crate::outln!("{}", tree.render_help());
    }
    if let Some(program) = plugins::chosen(&args, &plugins, &tree)? {
        return plugins::run(program);
    }
    let matches = match tree.try_get_matches_from(&args) {
        Ok(matches) => matches,
        Err(error) => return usage(error, &args),
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

/// Help and version go to standard output and succeed; every mistake goes to standard error and ends with exit code 1, as
/// in the reference tool.
fn usage(mut error: clap::Error, args: &[OsString]) -> Result {
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    ) {
        error.print()?;
        return Ok(());
    }
    if error.kind() == ErrorKind::InvalidSubcommand
        && let Some(refused) = refuse_absent(&error, args)
    {
        return Err(refused);
    }
    // The usage line that comes with an error names every flag that has a variable set; the plain one is of more use.
    error.remove(ContextKind::Usage);
    let mut tree = command();
    tree.build();
    let chosen = chosen_command(&mut tree, args.get(1..).unwrap_or_default());
    let missing = [
        ErrorKind::MissingSubcommand,
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand,
    ];
    let text = if missing.contains(&error.kind()) {
        format!(
            "nats: error: a command is missing\n\n{}",
            chosen.render_help()
        )
    } else {
        let text = error.render().to_string();
        let text = text.strip_prefix("error: ").unwrap_or(&text);
        let text = text
            .split("\n\nFor more information")
            .next()
            .unwrap_or(text)
            .trim_end();
        let name = chosen.get_bin_name().unwrap_or("nats").to_owned();
        format!(
            "nats: error: {text}\n\n{}\n\nFor more information, try '{name} --help'.\n",
            chosen.render_usage()
        )
    };
    // Nobody to tell when standard error is closed.
    let _ = io::stderr().lock().write_all(text.as_bytes());
    Err(CliError::exit(1))
}

/// Says of a command of the reference tool that it is not here, and what is.
fn refuse_absent(error: &clap::Error, args: &[OsString]) -> Option<CliError> {
    let ContextValue::String(name) = error.get(ContextKind::InvalidSubcommand)? else {
        return None;
    };
    let mut tree = command();
    tree.build();
    let group = chosen_command(&mut tree, args.get(1..).unwrap_or_default());
    // The root has no such name before it was run.
    let group = group.get_bin_name().unwrap_or("nats");
    let path = format!("{group} {name}");
    let path = path.strip_prefix("nats ").unwrap_or(&path);
    let instead = absent::instead(path)?;
    let error = CliError::new(format!(
        "this build of nats has no command 'nats {path}' yet"
    ));
    Some(error.next_step(format!("use meanwhile: {instead}")))
}

/// The innermost command that the arguments name.
fn chosen_command<'a>(tree: &'a mut Command, args: &[OsString]) -> &'a mut Command {
    let Some((first, rest)) = args.split_first() else {
        return tree;
    };
    let named = |child: &Command| {
        let mut names = std::iter::once(child.get_name()).chain(child.get_all_aliases());
        names.any(|name| first == name)
    };
    let position = tree.get_subcommands().position(named);
    match position {
        Some(position) => {
            let mut children: Vec<_> = tree.get_subcommands_mut().collect();
            chosen_command(children.swap_remove(position), rest)
        }
        None => chosen_command(tree, rest),
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
