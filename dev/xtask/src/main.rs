//! `cargo xtask`: the chores of the house.
//!
//! **What lives here.** `tidy` checks the repository against the house rules ([`tidy`]); `ci` runs everything that the CI machine runs.
//!
//! **Who may call.** People and `.ci/run`. **What never happens here.** No network, no change to any file.
//!
//! **Where to start reading.** [`tidy::rules`], one function a rule.

#![forbid(unsafe_code)]

mod tidy;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, bail};

const USAGE: &str = "\
Usage: cargo xtask <command>

Commands:
  tidy    check files against the rules of the house; exceptions stand in dev/xtask/tidy-exceptions.txt
  ci      run .ci/run, everything that the CI machine runs";

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<ExitCode> {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next();
    if let Some(surplus) = arguments.next() {
        bail!("unexpected argument {surplus:?}\n\n{USAGE}");
    }
    match command.as_deref() {
        Some("tidy") => tidy(),
        Some("ci") => ci(),
        Some("help" | "--help" | "-h") => {
            println!("{USAGE}");
            Ok(ExitCode::SUCCESS)
        }
        Some(other) => bail!("unknown command {other:?}\n\n{USAGE}"),
        None => bail!("no command\n\n{USAGE}"),
    }
}

fn tidy() -> anyhow::Result<ExitCode> {
    let outcome = tidy::check(&root()?)?;
    for finding in &outcome.findings {
        println!("{finding}");
    }
    if outcome.findings.is_empty() {
        println!("tidy: {} files, nothing to report", outcome.files_read);
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!(
        "tidy: {} findings in {} files",
        outcome.findings.len(),
        outcome.files_read
    );
    Ok(ExitCode::FAILURE)
}

fn ci() -> anyhow::Result<ExitCode> {
    let status = Command::new("bash")
        .arg(".ci/run")
        .current_dir(root()?)
        .status()
        .context("cannot start bash")?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The repository: two levels above this package.
fn root() -> anyhow::Result<PathBuf> {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .context("cannot find the repository")
}
