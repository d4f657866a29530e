//! `nats server request profile`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use nats_api::monitor::{Profilez, ProfilezOptions};
use nats_api::time::Nanos;

use super::super::ask;
use super::super::target::Target;
use crate::error::{CliError, Result};
use crate::globals::Globals;

/// Save a profile of the running servers, a file each
///
/// A server that takes no profile of that kind says so; the others are saved all the same. A CPU profile takes --timeout.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
        nats server request profile heap\n  \
        nats server request profile cpu /tmp --name n1 --timeout 10s")]
pub struct Args {
    /// What to profile
    #[arg(value_parser = ["allocs", "heap", "goroutine", "mutex", "threadcreate", "block", "cpu"])]
    profile: String,

    /// Folder for the files
    #[arg(default_value = ".")]
    dir: PathBuf,

    /// How much to write about each sample
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    level: i64,

    #[command(flatten)]
    target: Target,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    if !args.dir.is_dir() {
        return Err(CliError::new(format!(
            "{} is no folder",
            args.dir.display()
        )));
    }
    let mut globals = globals.clone();
    let duration = match args.profile.as_str() {
        "cpu" => {
            let length = globals.timeout();
            // The answer has to come after the profile is complete.
            globals.args.timeout = length.saturating_add(Duration::from_secs(2));
            Nanos(i64::try_from(length.as_nanos()).unwrap_or(i64::MAX))
        }
        _ => Nanos::default(),
    };
    let options = ProfilezOptions {
        name: args.profile.clone(),
        debug: args.level,
        duration,
    };
    let client = globals.connect_system().await?;
    let whom = args.target.whom(0);
    let pages = ask::pages::<Profilez>(&globals, &client, "PROFILEZ", &options, &whom).await?;
    let time = jiff::Zoned::now().strftime("%Y%m%d-%H%M%S").to_string();
    let mut failed = false;
    for (server, page) in pages {
        let name = file_name(&args.profile, &time, &server.name);
        // As the user would name it: without a dot for where he is.
        let path = args.dir.join(name);
        match save(path.strip_prefix(".").unwrap_or(&path), &page) {
            Ok(path) => outln!(
                "Server {:?} profile written: {}",
                server.name,
                path.display()
            )?,
            Err(error) => {
                failed = true;
                eprintln!("Server {:?} error: {error}", server.name);
            }
        }
    }
    if failed {
        Err(CliError::exit(1))
    } else {
        Ok(())
    }
}

/// The name of a server becomes part of a file name: it must not lead out of the folder.
fn file_name(profile: &str, time: &str, server: &str) -> String {
    let server = server.replace(['/', '\\', '\0'], "_");
    format!("{profile}-{time}-{server}")
}

fn save(path: &Path, page: &Profilez) -> Result<PathBuf> {
    if !page.error.is_empty() {
        return Err(CliError::new(&page.error));
    }
    let profile = page.profile.as_deref().unwrap_or_default();
    let profile = base64::engine::general_purpose::STANDARD
        .decode(profile)
        .map_err(|e| CliError::new(format!("the profile is no base64: {e}")))?;
    std::fs::write(path, profile).map_err(|e| CliError::from(e).context(path.display()))?;
    Ok(path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_cannot_name_a_file_outside_of_the_folder() {
        assert_eq!(
            file_name("heap", "20260101-000000", "../../etc/x"),
            "heap-20260101-000000-.._.._etc_x"
        );
    }

    #[test]
    fn a_refusal_is_an_error_and_a_profile_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p");
        let refused = Profilez {
            error: "no such profile".into(),
            ..Profilez::default()
        };
        assert_eq!(
            save(&path, &refused).unwrap_err().message(),
            "no such profile"
        );
        let taken = Profilez {
            profile: Some("AAEC".into()),
            ..Profilez::default()
        };
        save(&path, &taken).unwrap();
        assert_eq!(std::fs::read(path).unwrap(), [0, 1, 2]);
    }
}
