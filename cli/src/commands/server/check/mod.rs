//! `nats server check`: the registry.
//!
//! A check collects findings and figures in an [`outcome::Outcome`] and ends with [`Report::end`], which prints it in the
//! form that the monitoring system wants and turns the status into the exit code: 0, 1, 2 for OK, WARNING, CRITICAL.
//! Whatever fails while checking is a critical finding, never another kind of error: monitoring systems read
//! standard output and the exit code only. Called by the registry of `nats server` only.

mod connection;
mod consumer;
mod credential;
mod jetstream;
mod kv;
mod message;
mod meta;
mod outcome;
mod prometheus;
mod request;
mod server;
mod stream;
mod thresholds;

use std::io::Write;
use std::path::{Path, PathBuf};

use outcome::{Form, Outcome};

use crate::error::{CliError, Result};
use crate::globals::Globals;

/// Check servers and connections for monitoring systems
///
/// The exit code is 0 for OK, 1 for WARNING and 2 for CRITICAL; always 0 with --format prometheus.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
        nats server check connection --rtt-warn 100ms\n  \
        nats server check request --subject svc.ping --format json\n  \
        nats server check server --name n1 --conn-critical 1000 --context system")]
pub struct Args {
    #[command(flatten)]
    report: Report,

    #[command(subcommand)]
    command: Checks,
}

registry! {
    /// What can be checked.
    Checks {
        Connection(connection),
        Consumer(consumer),
        Credential(credential),
        Jetstream(jetstream),
        Kv(kv),
        Message(message),
        Meta(meta),
        Request(request),
        Server(server),
        Stream(stream),
    }
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    // The checks have these flags as well, and clap hands them down.
    drop(args.report);
    args.command.run(globals).await
}

/// How the result is shown; on the group and on each check, so that the flags may stand before or after its name.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Result")]
pub struct Report {
    /// Form of the result
    #[arg(
        long,
        value_enum,
        default_value_t = Form::Nagios,
        value_name = "FORMAT",
        global = true
    )]
    format: Form,

    /// Prefix of the metrics with --format prometheus
    #[arg(
        long,
        default_value = "nats_server_check",
        value_name = "NAME",
        global = true
    )]
    namespace: String,

    /// Write the result to this file instead of standard output
    #[arg(long, value_name = "FILE", global = true)]
    outfile: Option<PathBuf>,
}

impl Report {
    /// Shows the outcome and ends with its exit code.
    fn end(&self, outcome: &Outcome) -> Result {
        let text = outcome.render(self.format, &self.namespace);
        match &self.outfile {
            Some(path) => replace(path, &text)
                .map_err(|e| CliError::new(format!("cannot write {}: {e}", path.display())))?,
            None => outln!("{text}")?,
        }
        match self.format {
            Form::Prometheus => Ok(()),
            _ if outcome.status().code() == 0 => Ok(()),
            _ => Err(CliError::exit(outcome.status().code())),
        }
    }
}

/// Writes a new file, readable by its owner only, and moves it over the old one: readers never see half of it.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
    let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
    writeln!(file, "{text}")?;
    file.persist(path).map_err(|e| e.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn the_result_file_is_replaced_and_private() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("check.prom");
        std::fs::write(&path, "old").unwrap();
        replace(&path, "new").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new\n");
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
