//! `nats bench pub`.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use nats_client::Outgoing;

use super::run::{Bench, Worker};
use super::subjects::{SubjectArgs, Subjects};
use super::{CommonArgs, PayloadArgs, RateArgs};
use crate::bench::{Kind, Latencies, Pace, Sample, share};
use crate::error::Result;
use crate::globals::Globals;
use crate::messaging::headers_from;
use crate::output::format;
use crate::parse;
use crate::template::Scope;

/// Measure publishing
///
/// The clients share the messages. Without --throughput they publish as fast as the server takes them, and a latency is
/// the time that one publish call took. With --throughput messages are due at fixed times, and a latency counts from the
/// moment the message was due, so that a stall is charged to all messages that had to wait for it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
        nats bench pub test --msgs 1000000 --size 16\n  \
        nats bench pub test --clients 4 --multisubject --multisubjectmax 1000\n  \
        nats bench pub test --throughput 5000 --duration 30s --json")]
pub struct Args {
    /// Subject to publish to
    subject: String,

    #[command(flatten)]
    common: CommonArgs,

    #[command(flatten)]
    payload: PayloadArgs,

    #[command(flatten)]
    rate: RateArgs,

    /// Wait between messages
    #[arg(long, value_name = "DURATION", default_value = "0s", hide_default_value = true, value_parser = parse::duration)]
    sleep: Duration,

    #[command(flatten)]
    subjects: SubjectArgs,
}

/// What every client publishes.
#[derive(Clone)]
struct Load {
    subjects: Subjects,
    payload: Vec<u8>,
    header_block: Option<Vec<u8>>,
    sleep: Duration,
    rate_per_client: f64,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let messages = args.rate.messages(args.common.msgs)?;
    let clients = args
        .common
        .clients
        .min(u32::try_from(messages).unwrap_or(u32::MAX));
    let headers = headers_from(&args.payload.headers, &Scope::at_count(0))?;
    let load = Load {
        payload: args.payload.payload(args.common.size)?,
        header_block: (!headers.is_empty()).then(|| {
            let mut block = Vec::new();
            headers.encode_into(&mut block);
            block
        }),
        subjects: Subjects::new(&args.subject, &args.subjects),
        sleep: args.sleep,
        rate_per_client: args.rate.per_client(clients),
    };
    let bench = Bench {
        globals,
        common: &args.common,
        kind: Kind::CorePublish,
        verb: "publishing",
        arguments: args.arguments(messages, clients, load.payload.len()),
        open_loop: args.rate.throughput > 0,
    };
    bench
        .run(share(messages, clients), |worker| {
            publish(worker, load.clone())
        })
        .await
}

impl Args {
    fn arguments(&self, messages: u64, clients: u32, size: usize) -> Vec<(&'static str, String)> {
        let mut arguments = self.subjects.arguments(&self.subject);
        arguments.extend([
            ("sleep", format::duration(self.sleep)),
            ("msgs", format::count(messages)),
            ("msg-size", format::bytes(size as u64)),
            ("clients", format::count(clients.into())),
        ]);
        arguments.extend(self.rate.arguments());
        arguments
    }
}

async fn publish(worker: Worker, mut load: Load) -> Result<Sample> {
    worker.start().await;
    if !load.sleep.is_zero() && worker.index > 0 {
        // Not all at the same moment.
        let nanos = u64::try_from(load.sleep.as_nanos()).unwrap_or(u64::MAX);
        tokio::time::sleep(Duration::from_nanos(fastrand::u64(..nanos))).await;
    }
    let mut latencies = Latencies::new();
    let start = Instant::now();
    let mut pace = Pace::new(start, load.rate_per_client);
    let mut now = start;
    for index in 0..worker.messages {
        if let Some(wait) = pace.wait(index, now) {
            tokio::time::sleep(wait).await;
            now = Instant::now();
            pace.woke(now);
        }
        let from = pace.counts_from(index, now);
        let message = Outgoing {
            subject: load.subjects.of(worker.first + index),
            reply: None,
            headers: load.header_block.as_deref(),
            payload: &load.payload,
        };
        worker.client.publish_raw(&message).await?;
        now = Instant::now();
        latencies.record(now.saturating_duration_since(from));
        worker.done.store(index + 1, Ordering::Relaxed);
        if !load.sleep.is_zero() {
            tokio::time::sleep(load.sleep).await;
            now = Instant::now();
        }
    }
    worker.client.flush_within(FLUSH_TIMEOUT).await?;
    Ok(Sample {
        messages: worker.messages,
        wire_messages: worker.messages,
        payload_bytes: worker.messages * load.payload.len() as u64,
        start,
        end: Instant::now(),
        latencies,
    })
}

/// Everything that is still in the buffers has to reach the server before the clock stops.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(60);
