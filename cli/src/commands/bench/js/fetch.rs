//! `nats bench js fetch`.

use std::time::Instant;

use nats_client::jetstream::FetchOptions;

use super::StreamName;
use super::consume::{Reader, run_with};
use super::read::{ConsumerArgs, Received, payload_bytes};
use crate::bench::{Kind, Latencies, Sample};
use crate::commands::bench::{CommonArgs, SleepArgs};
use crate::error::{CliError, Result};
use crate::globals::Globals;

/// Fetches in a row that bring nothing before the benchmark gives up.
const EMPTY_FETCHES_MAX: u32 = 3;

/// Read with a durable consumer, a batch at a time; the clients share the messages
///
/// A latency is the time of one fetch.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  nats bench js fetch --msgs 1000000 --batch 1000 --acks all")]
pub struct Args {
    #[command(flatten)]
    common: CommonArgs,

    #[command(flatten)]
    sleep: SleepArgs,

    #[command(flatten)]
    name: StreamName,

    #[command(flatten)]
    consumer: ConsumerArgs,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    run_with(
        globals,
        &args.common,
        &args.sleep,
        &args.name,
        &args.consumer,
        Kind::JsFetch,
        read,
    )
    .await
}

async fn read(reader: Reader) -> Result<Sample> {
    let worker = &reader.worker;
    let consumer = reader
        .js
        .pull_consumer(&reader.stream, &reader.consumer)
        .await?;
    worker.start().await;
    let mut received = Received::start();
    let mut latencies = Latencies::new();
    let mut empty = 0;
    while reader.goal.missing() > 0 {
        let missing = usize::try_from(reader.goal.missing()).unwrap_or(usize::MAX);
        let wanted = missing.min(reader.batch.into());
        let options = FetchOptions::messages(wanted).expires(reader.js.request_timeout());
        let start = Instant::now();
        let fetch = consumer.fetch(options).await?;
        let batch = tokio::select! {
            batch = fetch.collect() => batch?,
            // The others have got the rest.
            () = reader.goal.reached() => break,
        };
        latencies.record(start.elapsed());
        empty = if batch.is_empty() { empty + 1 } else { 0 };
        if empty >= EMPTY_FETCHES_MAX {
            return Err(CliError::new(format!(
                "no more messages came; {} are missing",
                reader.goal.missing()
            ))
            .next_step("say with --msgs how many there are"));
        }
        reader.goal.took(batch.len() as u64);
        reader.acks.acknowledge_batch(&batch).await?;
        received.add(worker, batch.len() as u64, payload_bytes(&batch));
        if !reader.sleep.is_zero() {
            tokio::time::sleep(reader.sleep).await;
        }
    }
    worker.client.flush().await?;
    Ok(received.sample(latencies))
}
