//! The program: from the command line to an operation, to a commit, to what is printed, to the exit code.
//!
//! Who may call: the `nsc` binary, and generators of references ([`command`]). Nothing here changes claims; that is [`crate::ops`].
//!
//! Results go to standard output, and what is said about them as well where there is no other result; errors go to standard error. With
//! `--json` there is one document on standard output whatever happens: the result, or the error (which standard error has in words).
//! Exit codes: 0; 1 for every error; `plan` has 2 for "changes pending".

pub mod complete;
mod interactive;
mod run;
pub mod tool;
pub mod tree;

use std::ffi::OsString;
use std::io::{self, IsTerminal as _, Write};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches};
use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::ops::Outcome;
use crate::ops::describe::pretty;

/// The command tree, for generators of references and completions.
pub fn command() -> clap::Command {
    // Of a flag that is given twice the last one counts, as in the reference: scripts append theirs.
    let tree = tree::App::command().args_override_self(true);
    complete::names_in(hyphens_in_values(tree), complete::open)
}

/// What follows an option is its value, also when it begins with a hyphen, as in the reference.
fn hyphens_in_values(command: clap::Command) -> clap::Command {
    let command = command.mut_args(|arg| {
        let optional = arg
            .get_num_args()
            .is_some_and(|count| count.min_values() == 0);
        let positional = arg.get_long().is_none() && arg.get_short().is_none();
        if arg.get_action().takes_values() && !optional && !positional {
            arg.allow_hyphen_values(true)
        } else {
            arg
        }
    });
    let names: Vec<String> = command
        .get_subcommands()
        .map(|inner| inner.get_name().to_owned())
        .collect();
    names.into_iter().fold(command, |command, name| {
        command.mut_subcommand(name, hyphens_in_values)
    })
}

/// Runs `nsc` with these arguments, the program's name first.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    match nats_term::completion::answer("nsc", complete::VARIABLE, command, &args) {
        Ok(true) => return ExitCode::SUCCESS,
        Ok(false) => {}
        Err(error) => return failed(&Error::refused(error.to_string()), false),
    }
    let matches = match command().try_get_matches_from(&args) {
        Ok(matches) => matches,
        Err(error) => return usage(&error, &args),
    };
    let app = match tree::App::from_arg_matches(&matches) {
        Ok(app) => app,
        Err(error) => return usage(&error, &args),
    };
    let json = app.json;
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            return failed(
                &Error::refused(format!("starting the runtime: {error}")),
                json,
            );
        }
    };
    let result = runtime.block_on(run::run(app));
    runtime.shutdown_background();
    match result {
        Ok(code) => ExitCode::from(code),
        Err(error) => failed(&error, json),
    }
}

/// Help and version go to standard output and succeed; mistakes go to standard error with exit code 1, as in the reference.
fn usage(error: &clap::Error, args: &[OsString]) -> ExitCode {
    if error.use_stderr() && args.iter().any(|arg| arg == "--json" || arg == "-J") {
        let text = error.render().to_string();
        let text = text.strip_prefix("error: ").unwrap_or(&text);
        let (what, rest) = text.split_once("\n\n").unwrap_or((text, ""));
        let hint = rest.replace("\n\n", "\n");
        return failed(&Error::refused(what.trim()).hint(hint.trim()), true);
    }
    // Nobody to tell when the stream is closed.
    let _ = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayVersion
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => ExitCode::SUCCESS,
        _ => ExitCode::from(1),
    }
}

fn failed(error: &Error, json: bool) -> ExitCode {
    let mut text = String::new();
    if json {
        let document = json!({
            "error": error.to_string(),
            "hint": error.next_step(),
            "report": error.report(),
        });
        // Nobody to tell when the stream is closed; standard error says it as well.
        let document = format!("{}\n", pretty(&document));
        let _ = io::stdout().lock().write_all(document.as_bytes());
    } else if let Some(report) = error.report().filter(|report| !report.is_empty()) {
        text.push_str(&format!("{}\n", report.render()));
    }
    text.push_str(&format!("Error: {error}\n"));
    if let Some(hint) = error.next_step() {
        text.push_str(&format!("  hint: {hint}\n"));
    }
    // Nobody to tell when standard error is closed.
    let _ = io::stderr().lock().write_all(text.as_bytes());
    ExitCode::from(1)
}

/// Prints to standard output. A reader that went away ends the program quietly.
///
/// # Errors
/// When nothing can be written.
pub fn print(text: &str) -> Result {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => Err(Error::refused(format!("writing the result: {error}"))),
    }
}

/// Prints an outcome; yields the exit code.
fn show(outcome: &Outcome, json: bool) -> Result<u8> {
    let report = &outcome.report;
    let code = u8::from(report.has_errors());
    if json || !io::stdout().is_terminal() {
        for line in report.urgent() {
            // Nobody to tell when standard error is closed.
            let _ = writeln!(io::stderr().lock(), "[WARN] {line}");
        }
    }
    if json {
        let document = match (&outcome.json, &outcome.text) {
            (Some(document), _) => document.clone(),
            (None, Some(text)) => json!({"text": text, "report": report}),
            (None, None) => serde_json::to_value(report).unwrap_or(Value::Null),
        };
        print(&format!("{}\n", pretty(&document)))?;
        return Ok(code);
    }
    if let Some(text) = &outcome.text {
        print(text)?;
    }
    if report.is_empty() {
        return Ok(code);
    }
    let mut text = format!("{}\n", report.render());
    match report.summary() {
        Ok(Some(summary)) => text.push_str(&format!("{summary}\n")),
        Ok(None) => {}
        Err(summary) => text.push_str(&format!("Error: {summary}\n")),
    }
    if outcome.text.is_some() || code != 0 {
        // Nobody to tell when standard error is closed.
        let _ = io::stderr().lock().write_all(text.as_bytes());
        return Ok(code);
    }
    print(&text)?;
    Ok(code)
}

#[cfg(test)]
mod tests {
    use nats_term::examples::each;

    use super::*;

    #[test]
    fn the_command_tree_is_free_of_contradictions() {
        command().debug_assert();
    }

    #[test]
    fn every_command_shows_an_example() {
        let mut missing = Vec::new();
        each(&command(), &mut |path, command| {
            let after = command
                .get_after_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            let elsewhere = matches!(command.get_name(), "load" | "update");
            if !command.has_subcommands() && !elsewhere && !after.contains("Example") {
                missing.push(path.to_owned());
            }
        });
        assert_eq!(missing, Vec::<String>::new());
    }
}
