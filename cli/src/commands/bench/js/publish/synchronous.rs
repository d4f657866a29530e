//! `nats bench js pub sync`.

use std::sync::atomic::Ordering;

use nats_client::jetstream::JetStream;

use super::{Load, PublishArgs, at, run_with};
use crate::bench::{Kind, Sample};
use crate::commands::bench::run::Worker;
use crate::error::Result;
use crate::globals::Globals;

/// Publish one message at a time and wait for its acknowledgement
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  nats bench js pub sync test.subject --create --msgs 10000")]
pub struct Args {
    #[command(flatten)]
    publish: PublishArgs,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    run_with(globals, &args.publish, Kind::JsPublishSync, 0, publish).await
}

async fn publish(worker: Worker, js: JetStream, mut load: Load) -> Result<Sample> {
    worker.start().await;
    let mut clock = load.clock();
    for index in 0..worker.messages {
        let number = worker.first + index;
        let from = clock.due(index).await;
        let options = load.options(number);
        let subject = load.subjects.text_of(number);
        js.publish_with(subject, &load.payload, &options)
            .await
            .map_err(|e| at(number, e))?;
        clock.latencies.record(from.elapsed());
        worker.done.store(index + 1, Ordering::Relaxed);
        clock.rest().await;
    }
    Ok(clock.sample(worker.messages, &load))
}
