//! `nats consumer resume`.

use super::select::Which;
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::jetstream::pick;
use crate::output::format;
use nats_term::prompt::Terminal;

/// End a pause before its time
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  nats consumer resume ORDERS NEW --force")]
pub struct Args {
    #[command(flatten)]
    which: Which,

    /// Do not ask
    #[arg(short, long)]
    force: bool,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let (api, info) = args.which.connect(globals).await?;
    let (stream, name) = (&info.stream_name, &info.name);
    if !info.paused {
        return Err(CliError::new("consumer is not paused"));
    }
    let question = format!("Really resume Consumer {stream} > {name}");
    if !pick::confirmed(&mut Terminal, args.force, &question)? {
        return Ok(());
    }
    api.resume_consumer(stream, name).await?;
    let until = info.ts.unix_nanos() + i128::from(info.pause_remaining.0);
    let until = nats_api::time::Timestamp::from_unix_nanos(until);
    outln!(
        "Consumer {stream} > {name} was resumed while previously paused until {}",
        format::time(until.into())
    )
}
