//! `nats stream restore`.

use std::path::PathBuf;

use nats_api::jetstream::Placement;

use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::jetstream::{Api, Document, StreamView, archive};
use crate::parse;

/// Create a stream from a folder that 'stream backup' made
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
        nats stream restore ./backup/ORDERS\n  \
        nats stream restore ./backup/ORDERS --replicas 3 --cluster east")]
pub struct Args {
    /// The folder
    file: PathBuf,

    /// Show no progress bar
    #[arg(long, overrides_with = "progress")]
    no_progress: bool,

    #[arg(long, overrides_with = "no_progress", hide = true)]
    progress: bool,

    /// Use the configuration in this file; the name must be the same
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Place it in this cluster
    #[arg(long)]
    cluster: Option<String>,

    /// Place it on servers with this tag
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,

    /// Keep so many copies
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(i64).range(1..))]
    replicas: Option<i64>,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let mut about = archive::about(&args.file)?;
    let name = about.config.name.clone();
    if let Some(path) = &args.config {
        about.config = Document::from_file(path)?.read()?;
        if about.config.name != name {
            return Err(
                CliError::new("stream names may not be changed during restore")
                    .next_step(format!("call it {name} in {}", path.display())),
            );
        }
    }
    if args.cluster.is_some() || !args.tags.is_empty() {
        about.config.placement = Some(Placement {
            cluster: args.cluster.unwrap_or_default(),
            tags: parse::listed(&args.tags),
            ..Placement::default()
        });
    }
    if let Some(replicas) = args.replicas {
        about.config.num_replicas = replicas;
    }
    let api = Api::connect(globals).await?;
    if api.find_stream(&name).await?.is_some() {
        return Err(CliError::new(format!("Stream {name:?} already exist"))
            .next_step(format!("delete it first: nats stream rm {name}")));
    }
    outln!(
        "Starting restore of Stream {name:?} from file {:?}\n",
        args.file.display().to_string()
    )?;
    let info = archive::load(&api, &about, &args.file, !args.no_progress).await;
    let info = info.map_err(|e: CliError| e.context("restore failed"))?;
    out!("\n{}", StreamView::Full.render(&info, globals.scheme()))
}
