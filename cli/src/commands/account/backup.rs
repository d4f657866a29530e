//! `nats account backup`.

use std::path::PathBuf;

use nats_api::jetstream::{Storage, StreamInfo};

use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::jetstream::archive::{self, Wanted};
use crate::jetstream::{Api, pick};
use crate::output::{Columns, format};
use nats_term::prompt::Terminal;

/// Save all streams of the account, each in a folder of its own
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "snapshot",
    after_help = "Examples:\n  nats account backup ./backup --force"
)]
pub struct Args {
    /// Folder for the backups
    target: PathBuf,

    /// Let the server check every message first
    #[arg(long)]
    check: bool,

    /// Leave the consumers out
    #[arg(long, overrides_with = "consumers")]
    no_consumers: bool,

    #[arg(long, overrides_with = "no_consumers", hide = true)]
    consumers: bool,

    /// Do not ask, and go on without streams that are offline
    #[arg(short, long)]
    force: bool,

    /// A stream that cannot be saved because it is in memory is a failure
    #[arg(short = 'w', long)]
    critical_warnings: bool,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let api = Api::connect(globals).await?;
    let list = api.list("").await?;
    if !list.missing.is_empty() {
        return Err(CliError::new(format!(
            "could not obtain stream information for {} streams: {}",
            list.missing.len(),
            list.missing.join(", ")
        )));
    }
    if !args.force && !list.offline.is_empty() {
        return Err(CliError::new(format!(
            "could not obtain stream information for {} offline streams",
            list.offline.len()
        ))
        .next_step("--force saves the others"));
    }
    if list.streams.is_empty() {
        return Err(CliError::new("no streams found"));
    }
    outln!("{}", args.overview(&list.streams, globals).render())?;
    if !pick::confirmed(&mut Terminal, args.force, "Perform backup")? {
        return Ok(());
    }
    args.save(&api, &list.streams).await
}

impl Args {
    fn overview(&self, streams: &[StreamInfo], globals: &Globals) -> Columns {
        let heading = format!(
            "Performing backup of all streams to {}",
            self.target.display()
        );
        let mut columns = Columns::new(heading, globals.scheme());
        columns.row("Streams", streams.len());
        let bytes = streams.iter().map(|info| info.state.bytes).sum();
        columns.row("Size", format::bytes(bytes));
        let consumers: u64 = streams.iter().map(|info| info.state.consumer_count).sum();
        columns.row("Consumers", consumers);
        columns
    }

    /// Saves what can be saved, and fails at the end.
    async fn save(&self, api: &Api, streams: &[StreamInfo]) -> Result {
        let wanted = Wanted {
            progress: false,
            check: self.check,
            consumers: !self.no_consumers,
            chunk_size: 0,
            window_size: 0,
        };
        let (mut warnings, mut failures) = (Vec::new(), Vec::new());
        for info in streams {
            let name = &info.config.name;
            match archive::save(api, name, &self.target.join(name), &wanted).await {
                Ok(text) => outln!("{text}\n")?,
                Err(error) => {
                    outln!("Backup of {name} failed: {error}\n")?;
                    // Servers do not save streams that are in memory.
                    let list = match info.config.storage {
                        Storage::Memory => &mut warnings,
                        Storage::File => &mut failures,
                    };
                    list.push(format!("  {name}: {error}"));
                }
            }
        }
        for (title, list) in [
            ("Backup Warnings", &warnings),
            ("Backup failures", &failures),
        ] {
            if !list.is_empty() {
                outln!("{title}:\n{}\n", list.join("\n"))?;
            }
        }
        if failures.is_empty() && (warnings.is_empty() || !self.critical_warnings) {
            return Ok(());
        }
        Err(CliError::new("backup failed"))
    }
}
