//! `nats bench js pub fast`.

use std::sync::atomic::Ordering;

use nats_client::jetstream::{FastBatchOptions, Gaps, JetStream};

use super::{BatchArgs, Load, PublishArgs, at, run_with};
use crate::bench::{Kind, Sample};
use crate::commands::bench::run::Worker;
use crate::error::Result;
use crate::globals::Globals;

/// Publish in one long batch that the stream acknowledges now and then
///
/// A latency is the time that one publish call took, waits for acknowledgements included.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  nats bench js pub fast test.subject --create --msgs 1000000")]
pub struct Args {
    #[command(flatten)]
    batch: BatchArgs,

    /// Go on while so many acknowledgements are due
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    max_outstanding_acks: u16,

    #[command(flatten)]
    publish: PublishArgs,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let outstanding_acks = args.max_outstanding_acks;
    let kind = Kind::JsPublishFast;
    run_with(
        globals,
        &args.publish,
        kind,
        args.batch.batch,
        |worker, js, load| publish(worker, js, load, outstanding_acks),
    )
    .await
}

async fn publish(
    worker: Worker,
    js: JetStream,
    mut load: Load,
    outstanding_acks: u16,
) -> Result<Sample> {
    let options = FastBatchOptions {
        flow: load.batch,
        outstanding_acks,
        gaps: Gaps::Fail,
    };
    let mut batch = js.fast_batch(options).await?;
    worker.start().await;
    let mut clock = load.clock();
    for index in 0..worker.messages.saturating_sub(1) {
        let number = worker.first + index;
        let from = clock.due(index).await;
        let options = load.options(number);
        let subject = load.subjects.text_of(number);
        let added = batch.add_with(subject, &load.payload, &options).await;
        added.map_err(|e| at(number, e))?;
        clock.latencies.record(from.elapsed());
        worker.done.store(index + 1, Ordering::Relaxed);
        clock.rest().await;
    }
    let last = worker.messages.saturating_sub(1);
    let from = clock.due(last).await;
    let number = worker.first + last;
    let stored = batch
        .commit(load.subjects.text_of(number), &load.payload)
        .await;
    stored.map_err(|e| at(number, e))?;
    clock.latencies.record(from.elapsed());
    worker.done.store(worker.messages, Ordering::Relaxed);
    Ok(clock.sample(worker.messages, &load))
}
