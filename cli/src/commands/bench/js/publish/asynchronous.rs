//! `nats bench js pub async`.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::time::Instant;

use nats_client::jetstream::{AckFuture, JetStream, PublisherOptions};

use super::{BatchArgs, Load, PublishArgs, at, run_with};
use crate::bench::{Kind, Latencies, Sample};
use crate::commands::bench::run::Worker;
use crate::error::Result;
use crate::globals::Globals;

/// Publish with so many acknowledgements under way
///
/// A latency is the time from sending a message to its acknowledgement.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  nats bench js pub async test.subject --create --batch 1000")]
pub struct Args {
    #[command(flatten)]
    batch: BatchArgs,

    #[command(flatten)]
    publish: PublishArgs,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let kind = Kind::JsPublishAsync;
    run_with(globals, &args.publish, kind, args.batch.batch, publish).await
}

async fn publish(worker: Worker, js: JetStream, mut load: Load) -> Result<Sample> {
    let window = usize::from(load.batch);
    let options = PublisherOptions {
        window,
        ack_timeout: js.request_timeout(),
    };
    let publisher = js.publisher(options).await?;
    worker.start().await;
    let mut clock = load.clock();
    let mut open: VecDeque<(u64, Instant, AckFuture)> = VecDeque::with_capacity(window);
    let mut acknowledged = 0;
    for index in 0..worker.messages {
        let number = worker.first + index;
        let from = clock.due(index).await;
        if open.len() >= window {
            acknowledged += settle(&mut open, &mut clock.latencies).await?;
            worker.done.store(acknowledged, Ordering::Relaxed);
        }
        let options = load.options(number);
        let subject = load.subjects.text_of(number);
        let ack = publisher
            .publish_with(subject, &load.payload, &options)
            .await
            .map_err(|e| at(number, e))?;
        open.push_back((number, from, ack));
        clock.rest().await;
    }
    while !open.is_empty() {
        acknowledged += settle(&mut open, &mut clock.latencies).await?;
        worker.done.store(acknowledged, Ordering::Relaxed);
    }
    Ok(clock.sample(worker.messages, &load))
}

/// Waits for the oldest acknowledgement.
async fn settle(
    open: &mut VecDeque<(u64, Instant, AckFuture)>,
    latencies: &mut Latencies,
) -> Result<u64> {
    let Some((number, from, ack)) = open.pop_front() else {
        return Ok(0);
    };
    ack.await.map_err(|e| at(number, e))?;
    latencies.record(from.elapsed());
    Ok(1)
}
