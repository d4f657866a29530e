//! `nats bench kv put`.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use nats_api::jetstream::Storage;
use nats_client::jetstream::kv::{Bucket, KvConfig};

use super::{BucketName, DEFAULT_BUCKET, key};
use crate::bench::{Kind, Latencies, Pace, Sample, share};
use crate::buckets::Kind as BucketKind;
use crate::commands::bench::run::{Bench, Worker};
use crate::commands::bench::{CommonArgs, RateArgs, SleepArgs};
use crate::error::Result;
use crate::globals::Globals;
use crate::jetstream::Api;
use crate::output::format;
use crate::parse;

/// Write values; the clients share them
///
/// The bucket of benchmarks is created when it is not there; another one has to exist.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  nats bench kv put --msgs 10000 --randomize 1000")]
pub struct Args {
    #[command(flatten)]
    common: CommonArgs,

    #[command(flatten)]
    rate: RateArgs,

    #[command(flatten)]
    sleep: SleepArgs,

    #[command(flatten)]
    name: BucketName,

    /// Where a new bucket is kept
    #[arg(long, default_value = "file", value_parser = ["memory", "file"])]
    storage: String,

    /// Copies of a new bucket
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(i64).range(1..))]
    replicas: i64,

    /// Bytes that a new bucket keeps
    #[arg(long, value_name = "BYTES", default_value = "1GB", value_parser = parse::byte_size)]
    maxbytes: i64,

    /// Values of each key that a new bucket keeps
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(i64).range(1..=64))]
    history: i64,

    /// Delete the bucket first
    #[arg(long)]
    purge: bool,

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
    let messages = args.rate.messages(args.common.msgs)?;
    let clients = args
        .common
        .clients
        .min(u32::try_from(messages).unwrap_or(u32::MAX));
    let api = Api::connect(globals).await?;
    args.prepare(&api).await?;
    let mut arguments = vec![
        ("bucket", name.clone()),
        ("storage", args.storage.clone()),
        ("replicas", args.replicas.to_string()),
        (
            "max-bytes",
            format::bytes(u64::try_from(args.maxbytes).unwrap_or(0)),
        ),
        ("purge", args.purge.to_string()),
        ("randomize", args.randomize.to_string()),
        ("sleep", format::duration(args.sleep.sleep)),
        ("msgs", format::count(messages)),
        ("msg-size", format::bytes(args.common.size as u64)),
        ("clients", format::count(clients.into())),
    ];
    arguments.extend(args.rate.arguments());
    let bench = Bench {
        globals,
        common: &args.common,
        kind: Kind::KvPut,
        verb: "putting",
        arguments,
        open_loop: args.rate.throughput > 0,
    };
    let (size, random, sleep) = (args.common.size, args.randomize, args.sleep.sleep);
    let rate = args.rate.per_client(clients);
    bench
        .run(share(messages, clients), |worker| {
            let api = Api::over(globals, worker.client.clone());
            let name = name.clone();
            async move {
                let bucket = api?.kv(&name).await?;
                put(worker, bucket, vec![0; size], random, sleep, rate).await
            }
        })
        .await
}

impl Args {
    async fn prepare(&self, api: &Api) -> Result {
        let name = &self.name.bucket;
        if self.purge
            && api
                .find_stream(&BucketKind::KeyValue.stream(name))
                .await?
                .is_some()
        {
            log_line!("Deleting the bucket");
            api.delete_kv(name).await?;
        }
        if name == DEFAULT_BUCKET {
            let file = self.storage == "file";
            api.create_kv(&KvConfig {
                bucket: name.clone(),
                description: "nats bench bucket".to_owned(),
                history: self.history,
                storage: if file { Storage::File } else { Storage::Memory },
                replicas: self.replicas,
                max_bytes: self.maxbytes,
                ..KvConfig::default()
            })
            .await?;
            return Ok(());
        }
        let found = api.kv(name).await;
        found.map_err(|e| BucketKind::KeyValue.missing(name, e))?;
        Ok(())
    }
}

async fn put(
    worker: Worker,
    bucket: Bucket,
    value: Vec<u8>,
    random: u64,
    sleep: Duration,
    rate: f64,
) -> Result<Sample> {
    worker.start().await;
    let mut latencies = Latencies::new();
    let start = Instant::now();
    let mut pace = Pace::new(start, rate);
    for index in 0..worker.messages {
        let mut now = Instant::now();
        if let Some(wait) = pace.wait(index, now) {
            tokio::time::sleep(wait).await;
            now = Instant::now();
            pace.woke(now);
        }
        let from = pace.counts_from(index, now);
        bucket
            .put(&key(worker.first + index, random), &value)
            .await?;
        latencies.record(from.elapsed());
        worker.done.store(index + 1, Ordering::Relaxed);
        if !sleep.is_zero() {
            tokio::time::sleep(sleep).await;
        }
    }
    Ok(Sample {
        messages: worker.messages,
        wire_messages: worker.messages,
        payload_bytes: worker.messages * value.len() as u64,
        start,
        end: Instant::now(),
        latencies,
    })
}
