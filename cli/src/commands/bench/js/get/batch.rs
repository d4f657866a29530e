//! `nats bench js get batch`.

use std::time::{Duration, Instant};

use nats_api::jetstream::MsgGetRequest;

use super::super::StreamName;
use super::super::read::Received;
use crate::bench::{Kind, Latencies, Sample};
use crate::commands::bench::run::{Bench, Worker};
use crate::commands::bench::{CommonArgs, SleepArgs};
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::jetstream::Api;
use crate::output::format;

/// Get many messages with one request; every client gets all messages
///
/// A latency is the time of one batch.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  nats bench js get batch --msgs 1000000 --batch 1000")]
pub struct Args {
    #[command(flatten)]
    common: CommonArgs,

    #[command(flatten)]
    sleep: SleepArgs,

    #[command(flatten)]
    name: StreamName,

    /// So many messages at a time
    #[arg(long, value_name = "COUNT", default_value_t = 500, value_parser = clap::value_parser!(u16).range(1..))]
    batch: u16,

    /// Only messages of this subject
    #[arg(long, value_name = "SUBJECT", default_value = ">")]
    filter: String,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let api = Api::connect(globals).await?;
    let stream = &args.name.stream;
    let first = api.stream(stream).await?.state.first_seq;
    let messages = args.common.msgs;
    let bench = Bench {
        globals,
        common: &args.common,
        kind: Kind::JsGetBatch,
        verb: "getting",
        arguments: vec![
            ("stream", stream.clone()),
            ("batch", args.batch.to_string()),
            ("filter", args.filter.clone()),
            ("sleep", format::duration(args.sleep.sleep)),
            ("msgs", format::count(messages)),
            ("msg-size", format::bytes(args.common.size as u64)),
            ("clients", format::count(args.common.clients.into())),
        ],
        open_loop: false,
    };
    let shares = vec![messages; args.common.clients as usize];
    let (batch, sleep) = (args.batch, args.sleep.sleep);
    bench
        .run(shares, |worker| {
            let api = Api::over(globals, worker.client.clone());
            let (stream, filter) = (stream.clone(), args.filter.clone());
            async move {
                let request = MsgGetRequest {
                    seq: first.max(1),
                    next_by_subj: filter,
                    batch: batch.into(),
                    ..MsgGetRequest::default()
                };
                let js = api?;
                get(worker, js, stream, request, sleep).await
            }
        })
        .await
}

async fn get(
    worker: Worker,
    js: Api,
    stream: String,
    mut request: MsgGetRequest,
    sleep: Duration,
) -> Result<Sample> {
    worker.start().await;
    let mut received = Received::start();
    let mut latencies = Latencies::new();
    let size = request.batch;
    while !received.is_complete(&worker) {
        let missing = i64::try_from(received.missing(&worker)).unwrap_or(i64::MAX);
        request.batch = size.min(missing);
        let start = Instant::now();
        let batch = js
            .direct_get_batch(&stream, &request)
            .await?
            .collect()
            .await;
        let batch = batch.map_err(|e| {
            CliError::from(e)
                .context(format!("messages from {} on", request.seq))
                .next_step("say with --msgs how many there are")
        })?;
        latencies.record(start.elapsed());
        let last = batch.last().map(|message| message.sequence);
        let Some(last) = last else {
            return Err(CliError::new("the stream ended too early"));
        };
        request.seq = last + 1;
        let bytes = batch
            .iter()
            .map(|message| message.payload.len() as u64)
            .sum();
        received.add(&worker, batch.len() as u64, bytes);
        if !sleep.is_zero() {
            tokio::time::sleep(sleep).await;
        }
    }
    Ok(received.sample(latencies))
}
