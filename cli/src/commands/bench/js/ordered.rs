//! `nats bench js ordered`.

use nats_client::jetstream::OrderedOptions;

use super::StreamName;
use super::read::Received;
use super::stream::purge;
use crate::bench::{Kind, Latencies, Sample};
use crate::commands::bench::run::{Bench, Worker};
use crate::commands::bench::{CommonArgs, SleepArgs};
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::jetstream::Api;
use crate::output::format;

/// Read the stream in order; every client reads all messages
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  nats bench js ordered --msgs 1000000 --clients 2")]
pub struct Args {
    #[command(flatten)]
    common: CommonArgs,

    #[command(flatten)]
    sleep: SleepArgs,

    #[command(flatten)]
    name: StreamName,

    /// Known because the others have it; an ordered consumer asks for nothing
    #[arg(long, value_name = "COUNT", default_value_t = 500, hide = true)]
    batch: u16,

    /// Purge the stream first
    #[arg(long)]
    purge: bool,

    /// Only messages of these subjects
    #[arg(long, value_name = "SUBJECT")]
    filter: Vec<String>,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let api = Api::connect(globals).await?;
    let stream = &args.name.stream;
    api.stream(stream).await?;
    if args.purge {
        purge(&api, stream).await?;
    }
    if args.batch != 500 {
        log_line!("--batch has no effect here: the server sends without being asked");
    }
    let filter = crate::parse::listed(&args.filter);
    let mut arguments = vec![
        ("stream", stream.clone()),
        ("purge", args.purge.to_string()),
        ("sleep", format::duration(args.sleep.sleep)),
        ("msgs", format::count(args.common.msgs)),
        ("msg-size", format::bytes(args.common.size as u64)),
        ("clients", format::count(args.common.clients.into())),
    ];
    if !filter.is_empty() {
        arguments.push(("filter", filter.join(",")));
    }
    let bench = Bench {
        globals,
        common: &args.common,
        kind: Kind::JsOrdered,
        verb: "expecting",
        arguments,
        open_loop: false,
    };
    let shares = vec![args.common.msgs; args.common.clients as usize];
    let sleep = args.sleep.sleep;
    bench
        .run(shares, |worker| {
            let api = Api::over(globals, worker.client.clone());
            let (stream, filter) = (stream.clone(), filter.clone());
            async move {
                let js = api?;
                read(worker, js, stream, filter, sleep).await
            }
        })
        .await
}

async fn read(
    worker: Worker,
    js: Api,
    stream: String,
    filter: Vec<String>,
    sleep: std::time::Duration,
) -> Result<Sample> {
    worker.start().await;
    let mut received = Received::start();
    let options = OrderedOptions {
        filter_subjects: filter,
        ..OrderedOptions::default()
    };
    let mut messages = js.ordered_consumer(&stream, options).await?;
    while !received.is_complete(&worker) {
        let message = messages.next().await;
        let message = message.ok_or_else(|| CliError::new("the consumer ended too early"))??;
        received.add(&worker, 1, message.payload().len() as u64);
        if !sleep.is_zero() {
            tokio::time::sleep(sleep).await;
        }
    }
    let sample = received.sample(Latencies::new());
    messages.stop().await?;
    Ok(sample)
}
