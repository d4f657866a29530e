//! `nats server graph`.

use std::time::{Duration, Instant};

use nats_api::monitor::Varz;

use super::ask;
use crate::error::Result;
use crate::globals::Globals;
use crate::output::plots::{Plots, Rate};
use crate::output::{format, screen};
use crate::signals::interrupted;

/// Draw what a server does, every second
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
        nats server graph n1\n  \
        nats server graph n1 --jetstream")]
pub struct Args {
    /// Name or id of the server
    server: String,

    /// Draw what JetStream does
    #[arg(short, long)]
    jetstream: bool,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let client = globals.connect_system().await?;
    let (_, varz) = ask::one::<Varz>(globals, &client, &args.server, "VARZ").await?;
    let mut plots = if args.jetstream {
        jetstream_plots(&args.server, varz.cores.into())
    } else {
        server_plots(&args.server, varz.cores.into())
    };
    plots.check()?;
    let mut rates = (Rate::default(), Rate::default());
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = interrupted() => return screen::clear(),
        }
        let (_, varz) = ask::one::<Varz>(globals, &client, &args.server, "VARZ").await?;
        let readings = if args.jetstream {
            jetstream_readings(&varz, Instant::now(), &mut rates.0)
        } else {
            server_readings(&varz, Instant::now(), &mut rates)
        };
        plots.draw(&readings)?;
    }
}

fn whole(value: f64) -> String {
    format::decimal_to(value, 0)
}

fn tenths(value: f64) -> String {
    format!("{value:.1}")
}

fn bytes(value: f64) -> String {
    format::bytes(value as u64)
}

fn cpu_caption(cores: i64) -> String {
    format!("CPU % Used (normalized for {cores} cores)")
}

fn server_plots(server: &str, cores: i64) -> Plots {
    Plots::new(format!("Statistics for {server}"))
        .graph(cpu_caption(cores), tenths)
        .graph("Memory Used", bytes)
        .graph("Connections", whole)
        .graph("Subscriptions", whole)
        .graph("Messages In+Out / second", whole)
        .graph("Bytes In+Out / second", bytes)
}

fn server_readings(varz: &Varz, now: Instant, rates: &mut (Rate, Rate)) -> [f64; 6] {
    [
        cpu(varz),
        varz.mem as f64,
        varz.connections as f64,
        f64::from(varz.subscriptions),
        rates.0.of(now, varz.in_msgs as f64 + varz.out_msgs as f64),
        rates
            .1
            .of(now, varz.in_bytes as f64 + varz.out_bytes as f64),
    ]
}

fn jetstream_plots(server: &str, cores: i64) -> Plots {
    Plots::new(format!("JetStream Statistics for {server}"))
        .graph(cpu_caption(cores), tenths)
        .graph("HA Assets", whole)
        .graph("API Requests / second", whole)
        .graph("Pending API Requests", whole)
        .graph("File Storage", bytes)
        .graph("Memory Storage", bytes)
}

fn jetstream_readings(varz: &Varz, now: Instant, requests: &mut Rate) -> [f64; 6] {
    let stats = varz.jetstream.stats.clone().unwrap_or_default();
    let pending = varz.jetstream.meta.as_ref();
    let pending = pending.and_then(|meta| meta.pointer("/pending")?.as_f64());
    [
        cpu(varz),
        stats.ha_assets as f64,
        requests.of(now, stats.api.total as f64),
        pending.unwrap_or(0.0),
        stats.storage as f64,
        stats.memory as f64,
    ]
}

fn cpu(varz: &Varz) -> f64 {
    varz.cpu / f64::from(varz.cores.max(1))
}
