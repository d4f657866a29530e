//! `nats stream graph`.

use std::time::{Duration, Instant};

use super::select::Which;
use crate::error::Result;
use crate::globals::Globals;
use crate::output::plots::{Plots, Rate};
use crate::output::{format, screen};
use crate::signals::interrupted;

/// Draw what a stream does, every second
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  nats stream graph ORDERS")]
pub struct Args {
    #[command(flatten)]
    which: Which,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let whole = |v: f64| format::decimal_to(v, 0);
    let (api, info) = args.which.connect(globals).await?;
    let name = info.config.name;
    let mut plots = Plots::new(format!("Stream Statistics for {name}"))
        .graph("Messages Stored", whole)
        .graph("Messages / second", whole)
        .graph("Deleted / second", whole);
    plots.check()?;
    let (mut stored, mut deleted) = (Rate::default(), Rate::default());
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = interrupted() => return screen::clear(),
        }
        let state = api.stream(&name).await?.state;
        let now = Instant::now();
        // Everything that was ever stored and is no longer there.
        let gone = state.last_seq.saturating_sub(state.messages);
        plots.draw(&[
            state.messages as f64,
            stored.of(now, state.last_seq as f64),
            deleted.of(now, gone as f64),
        ])?;
    }
}
