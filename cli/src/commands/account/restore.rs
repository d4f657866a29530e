//! `nats account restore`.

use std::path::{Path, PathBuf};

use nats_api::jetstream::{Placement, StreamRestoreRequest};

use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::jetstream::{Api, StreamView, archive};
use crate::parse;

/// Create all streams that 'account backup' saved
///
/// Nothing is created when one of them exists already, or when one of the folders holds no backup.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  nats account restore ./backup")]
pub struct Args {
    /// The folder
    directory: PathBuf,

    /// Place the streams in this cluster
    #[arg(long)]
    cluster: Option<String>,

    /// Place the streams on servers with this tag
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let mut backups = backups(&args.directory)?;
    let api = Api::connect(globals).await?;
    let known = api.names("").await?;
    for (_, about) in &mut backups {
        let name = &about.config.name;
        if known.contains(name) {
            return Err(CliError::new(format!("stream {name:?} exists already"))
                .next_step("nothing was restored: delete it, or move its folder away"));
        }
        if args.cluster.is_some() || !args.tags.is_empty() {
            about.config.placement = Some(Placement {
                cluster: args.cluster.clone().unwrap_or_default(),
                tags: parse::listed(&args.tags),
                ..Placement::default()
            });
        }
    }
    outln!(
        "Restoring backup of all {} streams in directory {:?}\n",
        backups.len(),
        args.directory.display().to_string()
    )?;
    for (folder, about) in &backups {
        let info = archive::load(&api, about, folder, false).await;
        let name = &about.config.name;
        let info = info.map_err(|e| e.context(format!("restore of {name} failed")))?;
        outln!("{}", StreamView::Full.render(&info, globals.scheme()))?;
    }
    Ok(())
}

/// All backups below a folder; anything else in it is an error.
fn backups(directory: &Path) -> Result<Vec<(PathBuf, StreamRestoreRequest)>> {
    let failed = |e: std::io::Error| CliError::from(e).context(directory.display());
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if !path.is_dir() {
            return Err(CliError::new(format!("{} is no folder", path.display()))
                .next_step("name a folder that 'nats account backup' made"));
        }
        folders.push(path);
    }
    folders.sort();
    let mut backups = Vec::new();
    for folder in folders {
        let about = archive::about(&folder)?;
        backups.push((folder, about));
    }
    if backups.is_empty() {
        return Err(CliError::new(format!(
            "{} holds no backups",
            directory.display()
        )));
    }
    Ok(backups)
}
