//! `nats bench js get sync`.

use std::time::{Duration, Instant};

use nats_api::jetstream::MsgGetRequest;

use super::super::StreamName;
use super::super::read::Received;
use crate::bench::{Kind, Latencies, Sample, share};
use crate::commands::bench::run::{Bench, Worker};
use crate::commands::bench::{CommonArgs, SleepArgs};
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::jetstream::Api;
use crate::output::format;

/// Get one message at a time, by its sequence; the clients share the messages
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  nats bench js get sync --msgs 10000 --clients 4")]
pub struct Args {
    #[command(flatten)]
    common: CommonArgs,

    #[command(flatten)]
    sleep: SleepArgs,

    #[command(flatten)]
    name: StreamName,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let api = Api::connect(globals).await?;
    let stream = &args.name.stream;
    let first = api.stream(stream).await?.state.first_seq;
    let messages = args.common.msgs;
    let clients = args
        .common
        .clients
        .min(u32::try_from(messages).unwrap_or(u32::MAX));
    let bench = Bench {
        globals,
        common: &args.common,
        kind: Kind::JsGetSync,
        verb: "getting",
        arguments: vec![
            ("stream", stream.clone()),
            ("sleep", format::duration(args.sleep.sleep)),
            ("msgs", format::count(messages)),
            ("msg-size", format::bytes(args.common.size as u64)),
            ("clients", format::count(clients.into())),
        ],
        open_loop: false,
    };
    let sleep = args.sleep.sleep;
    bench
        .run(share(messages, clients), |worker| {
            let api = Api::over(globals, worker.client.clone());
            let stream = stream.clone();
            async move {
                let js = api?;
                get(worker, js, stream, first, sleep).await
            }
        })
        .await
}

async fn get(
    worker: Worker,
    js: Api,
    stream: String,
    first: u64,
    sleep: Duration,
) -> Result<Sample> {
    worker.start().await;
    let mut received = Received::start();
    let mut latencies = Latencies::new();
    for index in 0..worker.messages {
        let request = MsgGetRequest {
            seq: first + worker.first + index,
            ..MsgGetRequest::default()
        };
        let start = Instant::now();
        let message = js.direct_get(&stream, &request).await;
        let message =
            message.map_err(|e| CliError::from(e).context(format!("message {}", request.seq)))?;
        latencies.record(start.elapsed());
        received.add(&worker, 1, message.payload.len() as u64);
        if !sleep.is_zero() {
            tokio::time::sleep(sleep).await;
        }
    }
    Ok(received.sample(latencies))
}
