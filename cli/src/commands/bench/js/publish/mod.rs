//! `nats bench js pub`: the registry, and what the four ways of publishing share.
//!
//! One client publishes its share of the messages; how acknowledgements are awaited is what differs. Called by the registry
//! of `bench js` only. Start reading in [`run_with`].

mod asynchronous;
mod atomic;
mod fast;
mod synchronous;

use std::time::{Duration, Instant};

use nats_client::HeaderMap;
use nats_client::jetstream::{JetStream, PublishOptions};

use super::StreamName;
use super::stream::StreamArgs;
use crate::bench::{Kind, Latencies, Pace, Sample, share};
use crate::commands::bench::run::{Bench, Worker};
use crate::commands::bench::subjects::{SubjectArgs, Subjects};
use crate::commands::bench::{CommonArgs, PayloadArgs, RateArgs, SleepArgs};
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::jetstream::Api;
use crate::messaging::headers_from;
use crate::output::format;
use crate::template::{Scope, random_text};

/// Measure publishing to a stream
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
        nats bench js pub sync test.subject --create --storage memory\n  \
        nats bench js pub async test.subject --create --batch 1000\n  \
        nats bench js pub fast test.subject --create --msgs 1000000")]
pub struct Args {
    #[command(subcommand)]
    command: Publishers,
}

registry! {
    /// The ways of publishing.
    Publishers {
        Sync(synchronous),
        Async(asynchronous),
        Atomic(atomic),
        Fast(fast),
    }
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    args.command.run(globals).await
}

/// The flags that all of them have.
#[derive(Debug, Clone, clap::Args)]
pub struct PublishArgs {
    /// Subject to publish to
    pub subject: String,

    #[command(flatten)]
    pub common: CommonArgs,

    #[command(flatten)]
    pub payload: PayloadArgs,

    #[command(flatten)]
    pub rate: RateArgs,

    #[command(flatten)]
    pub sleep: SleepArgs,

    #[command(flatten)]
    pub subjects: SubjectArgs,

    #[command(flatten)]
    pub name: StreamName,

    #[command(flatten)]
    pub stream: StreamArgs,
}

/// Messages that are sent before acknowledgements are awaited.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct BatchArgs {
    /// So many messages at a time
    #[arg(long, value_name = "COUNT", default_value_t = 500, value_parser = clap::value_parser!(u16).range(1..))]
    pub batch: u16,
}

/// What one client publishes.
#[derive(Clone)]
pub struct Load {
    pub subjects: Subjects,
    pub payload: Vec<u8>,
    headers: HeaderMap,
    /// Before the number of the message in its id.
    id_prefix: Option<String>,
    sleep: Duration,
    rate_per_client: f64,
    pub batch: u16,
}

/// Keeps the time of one client.
pub struct Clock {
    pub latencies: Latencies,
    pub start: Instant,
    pace: Pace,
    sleep: Duration,
}

/// Runs `publish` in each client. `batch` is 0 where there are no batches.
pub async fn run_with<F>(
    globals: &Globals,
    args: &PublishArgs,
    kind: Kind,
    batch: u16,
    publish: impl Fn(Worker, JetStream, Load) -> F,
) -> Result
where
    F: Future<Output = Result<Sample>> + Send + 'static,
{
    let messages = args.rate.messages(args.common.msgs)?;
    let clients = args
        .common
        .clients
        .min(u32::try_from(messages).unwrap_or(u32::MAX));
    let api = Api::connect(globals).await?;
    let pattern = args.subjects.pattern(&args.subject);
    let atomic = kind == Kind::JsPublishAtomic;
    args.stream
        .prepare(&api, &args.name.stream, &pattern, atomic)
        .await?;
    let load = Load {
        subjects: Subjects::new(&args.subject, &args.subjects),
        payload: args.payload.payload(args.common.size)?,
        headers: headers_from(&args.payload.headers, &Scope::at_count(0))?,
        id_prefix: args.stream.dedup.then(|| random_text(10)),
        sleep: args.sleep.sleep,
        rate_per_client: args.rate.per_client(clients),
        batch,
    };
    let mut arguments = args.subjects.arguments(&args.subject);
    arguments.extend(args.stream.arguments(&args.name.stream));
    arguments.extend([
        ("sleep", format::duration(args.sleep.sleep)),
        ("msgs", format::count(messages)),
        ("msg-size", format::bytes(load.payload.len() as u64)),
        ("clients", format::count(clients.into())),
    ]);
    if batch > 0 {
        arguments.push(("batch", format::count(batch.into())));
    }
    arguments.extend(args.rate.arguments());
    let bench = Bench {
        globals,
        common: &args.common,
        kind,
        verb: "publishing",
        arguments,
        open_loop: args.rate.throughput > 0,
    };
    bench
        .run(share(messages, clients), |worker| {
            let api = Api::over(globals, worker.client.clone());
            let publishing = api.map(|api| publish(worker, JetStream::clone(&api), load.clone()));
            async move { publishing?.await }
        })
        .await
}

impl Load {
    /// What goes beside message `number`: headers, and an id when duplicates are looked for.
    pub fn options(&self, number: u64) -> PublishOptions {
        let options = PublishOptions::with_headers(self.headers.clone());
        match &self.id_prefix {
            Some(prefix) => options.msg_id(&format!("{prefix}-{number}")),
            None => options,
        }
    }

    pub fn clock(&self) -> Clock {
        let start = Instant::now();
        Clock {
            latencies: Latencies::new(),
            start,
            pace: Pace::new(start, self.rate_per_client),
            sleep: self.sleep,
        }
    }
}

impl Clock {
    /// Waits until message `index` is due, and returns the moment from which its latency counts.
    pub async fn due(&mut self, index: u64) -> Instant {
        let mut now = Instant::now();
        if let Some(wait) = self.pace.wait(index, now) {
            tokio::time::sleep(wait).await;
            now = Instant::now();
            self.pace.woke(now);
        }
        self.pace.counts_from(index, now)
    }

    /// Waits between two messages.
    pub async fn rest(&self) {
        if !self.sleep.is_zero() {
            tokio::time::sleep(self.sleep).await;
        }
    }

    /// What the client did.
    pub fn sample(self, messages: u64, load: &Load) -> Sample {
        Sample {
            messages,
            // A message and its acknowledgement.
            wire_messages: messages,
            payload_bytes: messages * load.payload.len() as u64,
            start: self.start,
            end: Instant::now(),
            latencies: self.latencies,
        }
    }
}

/// An error about message `number`.
pub fn at(number: u64, error: impl Into<CliError>) -> CliError {
    error.into().context(format!("message {number}"))
}
