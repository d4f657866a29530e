//! `nats stream purge`.

use nats_api::jetstream::StreamPurgeRequest;

use super::select::Which;
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::jetstream::{StreamView, pick};
use crate::output;
use nats_term::prompt::Terminal;

/// Delete messages of a stream, all or many
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
        nats stream purge ORDERS --subject orders.test\n  \
        nats stream purge ORDERS --keep 1000 --force")]
pub struct Args {
    #[command(flatten)]
    which: Which,

    /// Print JSON
    #[arg(short, long)]
    json: bool,

    /// Do not ask
    #[arg(short, long)]
    force: bool,

    /// Only messages of this subject
    #[arg(long, value_name = "SUBJECT")]
    subject: Option<String>,

    /// Only messages before this sequence
    #[arg(long, value_name = "SEQUENCE", conflicts_with = "keep")]
    seq: Option<u64>,

    /// Keep so many of the newest
    #[arg(long, value_name = "MESSAGES")]
    keep: Option<u64>,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let (api, info) = args.which.connect(globals).await?;
    let name = info.config.name;
    if !pick::confirmed(
        &mut Terminal,
        args.force,
        &format!("Really purge Stream {name}"),
    )? {
        return Ok(());
    }
    pick::warned(&mut Terminal, &name)?;
    let request = StreamPurgeRequest {
        seq: args.seq.unwrap_or(0),
        filter: args.subject.unwrap_or_default(),
        keep: args.keep.unwrap_or(0),
    };
    let purged = api.purge_stream(&name, &request).await;
    let purged = purged.map_err(|e| CliError::from(e).context("could not purge Stream"))?;
    let info = api.stream(&name).await?;
    if args.json {
        return output::json(&info);
    }
    outln!("Purged {purged} messages from {name}\n")?;
    out!("{}", StreamView::State.render(&info, globals.scheme()))
}
