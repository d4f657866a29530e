//! `nats bench js pub atomic`.

use std::sync::atomic::Ordering;

use nats_client::jetstream::JetStream;

use super::{BatchArgs, Load, PublishArgs, at, run_with};
use crate::bench::{Kind, Sample};
use crate::commands::bench::run::Worker;
use crate::error::{CliError, Result};
use crate::globals::Globals;

/// Most messages of one atomic batch that servers take.
const BATCH_MAX: u16 = 1_000;

/// Publish in batches that are stored whole or not at all
///
/// A latency is the time from the first message of a batch to the acknowledgement of the batch.
#[derive(Debug, clap::Args)]
#[command(
    alias = "batch",
    after_help = "Examples:\n  nats bench js pub atomic test.subject --create --batch 100"
)]
pub struct Args {
    #[command(flatten)]
    batch: BatchArgs,

    #[command(flatten)]
    publish: PublishArgs,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let batch = args.batch.batch;
    if batch > BATCH_MAX {
        return Err(CliError::new(format!(
            "an atomic batch has at most {BATCH_MAX} messages, not {batch}"
        )));
    }
    run_with(
        globals,
        &args.publish,
        Kind::JsPublishAtomic,
        batch,
        publish,
    )
    .await
}

async fn publish(worker: Worker, js: JetStream, mut load: Load) -> Result<Sample> {
    worker.start().await;
    let mut clock = load.clock();
    let mut index = 0;
    while index < worker.messages {
        let end = (index + u64::from(load.batch)).min(worker.messages);
        let from = clock.due(index).await;
        let mut batch = js.atomic_batch();
        for at_index in index..end - 1 {
            let number = worker.first + at_index;
            let options = load.options(number);
            let subject = load.subjects.text_of(number);
            let added = batch.add_with(subject, &load.payload, options).await;
            added.map_err(|e| at(number, e))?;
        }
        let number = worker.first + end - 1;
        let options = load.options(number);
        let subject = load.subjects.text_of(number);
        let stored = batch.commit_with(subject, &load.payload, options).await;
        stored.map_err(|e| at(number, e))?;
        let latency = from.elapsed();
        for _ in index..end {
            clock.latencies.record(latency);
        }
        index = end;
        worker.done.store(index, Ordering::Relaxed);
        clock.rest().await;
    }
    Ok(clock.sample(worker.messages, &load))
}
