//! `nats server config check`.

use std::path::PathBuf;

use nats_server::options::{ConfigError, Options};

use crate::error::{CliError, Result};
use crate::globals::Globals;

/// Check a configuration file of the server, without a server
///
/// Every error and warning is printed with its place, and every setting whose feature this build does not have. The exit
/// code is 1 when the server would not start with the file.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
        nats server config check nats-server.conf")]
pub struct Args {
    /// The configuration file
    file: PathBuf,
}

/// What is wrong with a file: one line each.
#[derive(Debug, Default, PartialEq)]
struct Findings {
    warnings: Vec<String>,
    errors: Vec<String>,
}

pub async fn run(_globals: &Globals, args: Args) -> Result {
    let findings = findings(Options::from_file(&args.file));
    for warning in &findings.warnings {
        outln!("warning: {warning}")?;
    }
    for error in &findings.errors {
        outln!("error: {error}")?;
    }
    let file = args.file.display();
    match findings.errors.len() {
        0 => outln!("{file} is valid"),
        count => Err(CliError::new(format!(
            "{file} has {count} error{}",
            if count == 1 { "" } else { "s" }
        ))
        .next_step("correct what is listed above and check again")),
    }
}

fn findings(read: std::result::Result<nats_server::options::Loaded, ConfigError>) -> Findings {
    fn lines<T: ToString>(problems: &[T]) -> impl Iterator<Item = String> {
        problems.iter().map(T::to_string)
    }
    let mut findings = Findings::default();
    match read {
        Ok(loaded) => {
            let options = &loaded.options;
            findings.warnings.extend(lines(&loaded.warnings));
            findings.errors.extend(lines(&options.obstacles()));
            findings.errors.extend(lines(&options.unreadable_files()));
            findings.errors.extend(lines(&options.unavailable()));
        }
        Err(ConfigError::Text(errors)) => {
            let text = errors.to_string();
            findings.errors.extend(text.lines().map(str::to_owned));
        }
        Err(ConfigError::Settings { warnings, errors }) => {
            findings.warnings.extend(lines(&warnings));
            findings.errors.extend(lines(&errors));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_is_listed_with_its_place() {
        let found = findings(Options::from_text("port: 99999999\nmax_payload: x\n"));
        assert_eq!(found.errors.len(), 2, "{found:?}");
        assert!(
            found.errors[0].starts_with("(configuration):1:"),
            "{found:?}"
        );
        assert!(
            found.errors[1].starts_with("(configuration):2:"),
            "{found:?}"
        );
    }

    #[test]
    fn a_valid_file_has_no_findings() {
        assert_eq!(
            findings(Options::from_text("port: 4222\n")),
            Findings::default()
        );
    }

    #[test]
    fn a_broken_text_is_an_error_and_not_a_panic() {
        assert!(!findings(Options::from_text("port: [")).errors.is_empty());
    }
}
