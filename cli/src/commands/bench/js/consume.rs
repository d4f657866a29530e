//! `nats bench js consume`.

use std::sync::Arc;

use nats_client::jetstream::{JetStream, MessagesOptions};

use super::StreamName;
use super::read::{Acks, ConsumerArgs, Goal, Received, payload_bytes};
use super::stream::purge;
use crate::bench::{Kind, Latencies, Sample, share};
use crate::commands::bench::run::{Bench, Worker};
use crate::commands::bench::{CommonArgs, SleepArgs};
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::jetstream::Api;
use crate::output::format;

/// Read with a durable consumer, messages asked for ahead; the clients share the messages
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  nats bench js consume --msgs 1000000 --clients 2 --acks none")]
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
        Kind::JsConsume,
        read,
    )
    .await
}

/// What one client needs to read.
pub struct Reader {
    pub worker: Worker,
    pub js: JetStream,
    pub stream: String,
    pub consumer: String,
    pub batch: u16,
    pub acks: Acks,
    pub goal: Arc<Goal>,
    pub sleep: std::time::Duration,
}

/// Runs `read` in each client; shared with `nats bench js fetch`.
pub async fn run_with<F>(
    globals: &Globals,
    common: &CommonArgs,
    sleep: &SleepArgs,
    name: &StreamName,
    consumer: &ConsumerArgs,
    kind: Kind,
    read: impl Fn(Reader) -> F,
) -> Result
where
    F: Future<Output = Result<Sample>> + Send + 'static,
{
    let clients = common
        .clients
        .min(u32::try_from(common.msgs).unwrap_or(u32::MAX));
    let api = Api::connect(globals).await?;
    api.stream(&name.stream).await?;
    if consumer.purge {
        purge(&api, &name.stream).await?;
    }
    consumer.prepare(&api, &name.stream, clients).await?;
    let mut arguments = consumer.arguments();
    arguments.extend([
        ("stream", name.stream.clone()),
        ("sleep", format::duration(sleep.sleep)),
        ("msgs", format::count(common.msgs)),
        ("msg-size", format::bytes(common.size as u64)),
        ("clients", format::count(clients.into())),
    ]);
    let goal = Goal::of(common.msgs);
    let bench = Bench {
        globals,
        common,
        kind,
        verb: "expecting",
        arguments,
        open_loop: false,
    };
    bench
        .run(share(common.msgs, clients), |worker| {
            let reading = Api::over(globals, worker.client.clone()).map(|api| {
                read(Reader {
                    js: JetStream::clone(&api),
                    worker,
                    stream: name.stream.clone(),
                    consumer: consumer.consumer.clone(),
                    batch: consumer.batch,
                    acks: consumer.acks(globals.timeout()),
                    goal: Arc::clone(&goal),
                    sleep: sleep.sleep,
                })
            });
            async move { reading?.await }
        })
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
    let options = MessagesOptions::default().max_messages(reader.batch.into());
    let mut messages = consumer.messages(options).await?;
    let mut batch = Vec::new();
    while reader.goal.missing() > 0 {
        batch.clear();
        let count = tokio::select! {
            count = messages.next_batch(&mut batch) => count?,
            () = reader.goal.reached() => break,
        };
        if count == 0 {
            return Err(CliError::new("the consumer ended too early"));
        }
        reader.goal.took(count as u64);
        reader.acks.acknowledge_batch(&batch).await?;
        received.add(worker, batch.len() as u64, payload_bytes(&batch));
        if !reader.sleep.is_zero() {
            tokio::time::sleep(reader.sleep * u32::try_from(batch.len()).unwrap_or(u32::MAX)).await;
        }
    }
    worker.client.flush().await?;
    Ok(received.sample(Latencies::new()))
}
