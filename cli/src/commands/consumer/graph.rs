//! `nats consumer graph`.

use std::time::{Duration, Instant};

use super::select::Which;
use crate::error::Result;
use crate::globals::Globals;
use crate::output::plots::{Plots, Rate};
use crate::output::{format, screen};
use crate::signals::interrupted;

/// Draw what a consumer does, every second
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  nats consumer graph ORDERS NEW")]
pub struct Args {
    #[command(flatten)]
    which: Which,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let whole = |v: f64| format::decimal_to(v, 0);
    let (api, info) = args.which.connect(globals).await?;
    let (stream, name) = (&info.stream_name, &info.name);
    let mut plots = Plots::new(format!("Consumer Statistics for {stream} > {name}"))
        .graph("Messages Pending", whole)
        .graph("Messages Waiting for Ack", whole)
        .graph("Messages Acknowledged / second", whole)
        .graph("Messages Delivered / second", whole);
    plots.check()?;
    let (mut acknowledged, mut delivered) = (Rate::default(), Rate::default());
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = interrupted() => return screen::clear(),
        }
        let info = api.consumer(stream, name).await?;
        let now = Instant::now();
        plots.draw(&[
            info.num_pending as f64,
            info.num_ack_pending as f64,
            acknowledged.of(now, info.ack_floor.consumer_seq as f64),
            delivered.of(now, info.delivered.consumer_seq as f64),
        ])?;
    }
}
