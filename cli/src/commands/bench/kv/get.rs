//! `nats bench kv get`.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use nats_client::jetstream::kv::Bucket;

use super::{BucketName, key};
use crate::bench::{Kind, Latencies, Sample, share};
use crate::buckets::Kind as BucketKind;
use crate::commands::bench::run::{Bench, Worker};
use crate::commands::bench::{CommonArgs, SleepArgs};
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::jetstream::Api;
use crate::output::format;

/// Read values; the clients share them
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  nats bench kv get --msgs 10000 --clients 4")]
pub struct Args {
    #[command(flatten)]
    common: CommonArgs,

    #[command(flatten)]
    sleep: SleepArgs,

    #[command(flatten)]
    name: BucketName,

    /// Use random keys below this number
    #[arg(
        long,
        value_name = "KEYS",
        default_value_t = 0,
        hide_default_value = true
    )]
    randomize: u64,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let name = &args.name.bucket;
    let messages = args.common.msgs;
    let clients = args
        .common
        .clients
        .min(u32::try_from(messages).unwrap_or(u32::MAX));
    let api = Api::connect(globals).await?;
    api.kv(name)
        .await
        .map_err(|e| BucketKind::KeyValue.missing(name, e))?;
    let bench = Bench {
        globals,
        common: &args.common,
        kind: Kind::KvGet,
        verb: "getting",
        arguments: vec![
            ("bucket", name.clone()),
            ("randomize", args.randomize.to_string()),
            ("sleep", format::duration(args.sleep.sleep)),
            ("msgs", format::count(messages)),
            ("msg-size", format::bytes(args.common.size as u64)),
            ("clients", format::count(clients.into())),
        ],
        open_loop: false,
    };
    let (random, sleep) = (args.randomize, args.sleep.sleep);
    bench
        .run(share(messages, clients), |worker| {
            let api = Api::over(globals, worker.client.clone());
            let name = name.clone();
            async move {
                let bucket = api?.kv(&name).await?;
                get(worker, bucket, random, sleep).await
            }
        })
        .await
}

async fn get(worker: Worker, bucket: Bucket, random: u64, sleep: Duration) -> Result<Sample> {
    worker.start().await;
    let mut latencies = Latencies::new();
    let mut bytes = 0;
    let start = Instant::now();
    for index in 0..worker.messages {
        let key = key(worker.first + index, random);
        let from = Instant::now();
        let entry = bucket.get(&key).await?;
        latencies.record(from.elapsed());
        let entry = entry.ok_or_else(|| {
            CliError::new(format!("key {key} has no value"))
                .next_step("write the values first: nats bench kv put, with the same flags")
        })?;
        bytes += entry.value.len() as u64;
        worker.done.store(index + 1, Ordering::Relaxed);
        if !sleep.is_zero() {
            tokio::time::sleep(sleep).await;
        }
    }
    Ok(Sample {
        messages: worker.messages,
        wire_messages: worker.messages,
        payload_bytes: bytes,
        start,
        end: Instant::now(),
        latencies,
    })
}
