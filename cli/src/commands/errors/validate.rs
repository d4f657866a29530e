//! `nats errors validate`.

use std::path::{Path, PathBuf};

use super::file;
use crate::error::{CliError, Result};

/// Check a file of error definitions
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  nats errors validate errors.json")]
pub struct Args {
    /// The file to check
    file: Option<PathBuf>,
}

pub fn run(args: Args, path: Option<&Path>) -> Result {
    let path = args.file.as_deref().or(path).ok_or_else(|| {
        CliError::new("errors file is required")
            .next_step("name it: nats errors validate errors.json")
    })?;
    check(path)
}

/// Says what is wrong with each error of the file.
pub fn check(path: &Path) -> Result {
    let definitions = file::load(Some(path))?;
    let faults = file::faults_of_all(&definitions);
    for (code, fault) in &faults {
        outln!("{code} failed: {fault}")?;
    }
    if !faults.is_empty() {
        return Err(CliError::new(format!("{} is invalid", path.display())));
    }
    outln!("Validated {} errors", definitions.len())
}
