//! `nats consumer reset`.

use super::select::Which;
use crate::error::Result;
use crate::globals::Globals;
use crate::jetstream::{ConsumerView, pick};
use nats_term::prompt::Terminal;

/// Deliver again from an earlier message on
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  nats consumer reset ORDERS NEW --sequence 1000")]
pub struct Args {
    #[command(flatten)]
    which: Which,

    /// The first message to deliver; the first unacknowledged one when not given
    #[arg(long, value_name = "SEQUENCE")]
    sequence: Option<u64>,

    /// Do not ask
    #[arg(short, long)]
    force: bool,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let (api, info) = args.which.connect(globals).await?;
    let (stream, name) = (&info.stream_name, &info.name);
    let question = format!("Really reset the consumer {stream} > {name}");
    if !pick::confirmed(&mut Terminal, args.force, &question)? {
        return Ok(());
    }
    let answer = api.reset_consumer(stream, name, args.sequence).await?;
    out!(
        "{}",
        ConsumerView::State.render(&answer.info, globals.scheme())
    )
}
