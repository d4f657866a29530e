//! `nats bench service request`.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use nats_client::HeaderMap;

use crate::bench::{Kind, Latencies, Pace, Sample, share};
use crate::commands::bench::run::{Bench, Worker};
use crate::commands::bench::{CommonArgs, PayloadArgs, RateArgs, SleepArgs};
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::messaging::headers_from;
use crate::output::format;
use crate::template::Scope;

/// Measure requests
///
/// Each client has one request under way at a time. With --throughput requests are due at fixed times, and a latency
/// counts from the moment the request was due, so that a slow answer is charged to all requests that had to wait for it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
        nats bench service request test.service --clients 8\n  \
        nats bench service request test.service --throughput 2000 --duration 10s --json")]
pub struct Args {
    /// Subject to send requests to
    subject: String,

    #[command(flatten)]
    common: CommonArgs,

    #[command(flatten)]
    payload: PayloadArgs,

    #[command(flatten)]
    rate: RateArgs,

    #[command(flatten)]
    sleep: SleepArgs,
}

#[derive(Clone)]
struct Load {
    subject: String,
    headers: HeaderMap,
    payload: Vec<u8>,
    sleep: Duration,
    timeout: Duration,
    rate_per_client: f64,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let messages = args.rate.messages(args.common.msgs)?;
    let clients = args
        .common
        .clients
        .min(u32::try_from(messages).unwrap_or(u32::MAX));
    let load = Load {
        subject: args.subject.clone(),
        headers: headers_from(&args.payload.headers, &Scope::at_count(0))?,
        payload: args.payload.payload(args.common.size)?,
        sleep: args.sleep.sleep,
        timeout: globals.timeout(),
        rate_per_client: args.rate.per_client(clients),
    };
    let mut arguments = vec![
        ("subject", args.subject.clone()),
        ("sleep", format::duration(args.sleep.sleep)),
        ("msgs", format::count(messages)),
        ("msg-size", format::bytes(load.payload.len() as u64)),
        ("clients", format::count(clients.into())),
    ];
    arguments.extend(args.rate.arguments());
    let bench = Bench {
        globals,
        common: &args.common,
        kind: Kind::ServiceRequest,
        verb: "requesting",
        arguments,
        open_loop: args.rate.throughput > 0,
    };
    bench
        .run(share(messages, clients), |worker| {
            request(worker, load.clone())
        })
        .await
}

async fn request(worker: Worker, load: Load) -> Result<Sample> {
    worker.start().await;
    if !load.sleep.is_zero() && worker.index > 0 {
        let nanos = u64::try_from(load.sleep.as_nanos()).unwrap_or(u64::MAX);
        tokio::time::sleep(Duration::from_nanos(fastrand::u64(..nanos))).await;
    }
    let headers = (!load.headers.is_empty()).then_some(&load.headers);
    let mut latencies = Latencies::new();
    let start = Instant::now();
    let mut pace = Pace::new(start, load.rate_per_client);
    for index in 0..worker.messages {
        let mut now = Instant::now();
        if let Some(wait) = pace.wait(index, now) {
            tokio::time::sleep(wait).await;
            now = Instant::now();
            pace.woke(now);
        }
        let from = pace.counts_from(index, now);
        let answer = worker
            .client
            .request(&load.subject, headers, &load.payload, load.timeout)
            .await?;
        latencies.record(from.elapsed());
        if let Some(error) = answer.header(nats_api::micro::ERROR_HEADER) {
            return Err(CliError::new(format!(
                "the service answered with an error: {error}"
            )));
        }
        worker.done.store(index + 1, Ordering::Relaxed);
        if !load.sleep.is_zero() {
            tokio::time::sleep(load.sleep).await;
        }
    }
    Ok(Sample {
        messages: worker.messages,
        wire_messages: 2 * worker.messages,
        payload_bytes: worker.messages * load.payload.len() as u64,
        start,
        end: Instant::now(),
        latencies,
    })
}
