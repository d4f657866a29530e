//! `nats consumer pause`.

use std::time::Duration;

use jiff::Zoned;

use super::flags::pause_until;
use super::select::Which;
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::jetstream::pick;
use crate::output::format;
use nats_term::prompt::{Prompt, Terminal};

/// What is proposed.
const PROPOSED: Duration = Duration::from_secs(3_600);

/// Deliver nothing until a time
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
        nats consumer pause ORDERS NEW 1h30m\n  \
        nats consumer pause ORDERS NEW '2026-12-24 18:00:00' --force")]
pub struct Args {
    #[command(flatten)]
    which: Which,

    /// How long, or until when
    until: Option<String>,

    /// Do not ask
    #[arg(short, long)]
    force: bool,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let (api, info) = args.which.connect(globals).await?;
    let (stream, name) = (&info.stream_name, &info.name);
    api.require_level(1, "pausing consumers").await?;
    let now = Zoned::now();
    let until = match args.until {
        Some(until) => until,
        None => {
            let proposed = now
                .timestamp()
                .checked_add(PROPOSED)
                .unwrap_or(now.timestamp());
            let question = "Pause until (time or duration)";
            Terminal.input(question, &format::time(proposed), "a time or a duration")?
        }
    };
    let until = pause_until(&until, &now)?;
    // Servers take a time that has passed as the end of the pause.
    if until <= now.timestamp() {
        return Err(CliError::new(format!(
            "the consumer can not be paused until {}, which has passed",
            format::time(until)
        ))
        .next_step(format!(
            "end its pause with: nats consumer resume {stream} {name}"
        )));
    }
    let shown = format::time(until);
    let question = format!("Really pause Consumer {stream} > {name} until {shown}");
    if !pick::confirmed(&mut Terminal, args.force, &question)? {
        return Ok(());
    }
    let answer = api.pause_consumer(stream, name, until.into()).await?;
    if !answer.paused {
        return Err(CliError::new(
            "consumer failed to pause, perhaps a time in the past was given",
        ));
    }
    outln!(
        "Paused {stream} > {name} until {} ({})",
        format::time(answer.pause_until.into()),
        remaining(answer.pause_remaining.into())
    )
}

/// To the nearest second: an hour is an hour also a millisecond later.
fn remaining(left: Duration) -> String {
    let nearest = left.saturating_add(Duration::from_millis(500)).as_secs();
    format::duration(Duration::from_secs(nearest))
}
