//! `nats bench pub`.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use nats_client::Outgoing;

use super::run::{Bench, Worker};
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

#[derive(Debug, Clone, clap::Args)]
struct SubjectArgs {
    /// Append the number of the message to the subject, as a token of its own
    #[arg(long)]
    multisubject: bool,

    /// Use so many subjects at most; 0 for as many as there are messages
    #[arg(long, value_name = "COUNT", default_value_t = 100_000)]
    multisubjectmax: u64,

    /// Choose among them at random
    #[arg(long)]
    multisubjectrandomize: bool,
}

/// What every client publishes.
#[derive(Clone)]
struct Load {
    subject: String,
    subjects: SubjectArgs,
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
        subject: args.subject.clone(),
        subjects: args.subjects.clone(),
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
        let subject = if self.subjects.multisubject {
            format!("{}.*", self.subject)
        } else {
            self.subject.clone()
        };
        let mut arguments = vec![
            ("subject", subject),
            ("multi-subject", self.subjects.multisubject.to_string()),
            (
                "multi-subject-max",
                format::count(self.subjects.multisubjectmax),
            ),
            (
                "multi-subject-randomize",
                self.subjects.multisubjectrandomize.to_string(),
            ),
            ("sleep", format::duration(self.sleep)),
            ("msgs", format::count(messages)),
            ("msg-size", format::bytes(size as u64)),
            ("clients", format::count(clients.into())),
        ];
        if self.rate.throughput > 0 {
            arguments.push(("throughput", format::count(self.rate.throughput.into())));
        }
        if let Some(duration) = self.rate.duration {
            arguments.push(("duration", format::duration(duration)));
        }
        arguments
    }
}

async fn publish(worker: Worker, load: Load) -> Result<Sample> {
    worker.start().await;
    if !load.sleep.is_zero() && worker.index > 0 {
        // Not all at the same moment.
        let nanos = u64::try_from(load.sleep.as_nanos()).unwrap_or(u64::MAX);
        tokio::time::sleep(Duration::from_nanos(fastrand::u64(..nanos))).await;
    }
    let mut latencies = Latencies::new();
    let mut subject = load.subject.clone().into_bytes();
    let start = Instant::now();
    let mut pace = Pace::new(start, load.rate_per_client);
    let mut now = start;
    for index in 0..worker.messages {
        if let Some(wait) = pace.wait(index, now) {
            tokio::time::sleep(wait).await;
            now = Instant::now();
            pace.woke(now);
        }
        load.next_subject(&mut subject, worker.first + index);
        let from = pace.counts_from(index, now);
        let message = Outgoing {
            subject: &subject,
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

impl Load {
    /// Writes the subject of message `number` over `subject`.
    fn next_subject(&self, subject: &mut Vec<u8>, number: u64) {
        use std::io::Write;
        let options = &self.subjects;
        if !options.multisubject {
            return;
        }
        subject.truncate(self.subject.len());
        // Writing to memory cannot fail.
        let _ = match options.multisubjectmax {
            0 => write!(subject, ".{number}"),
            max => {
                let token = if options.multisubjectrandomize {
                    fastrand::u64(..max)
                } else {
                    number % max
                };
                let width = max.ilog10() as usize + 1;
                write!(subject, ".{token:0width$}")
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subjects(multisubjectmax: u64, multisubject: bool) -> Vec<String> {
        let load = Load {
            subject: "s".into(),
            subjects: SubjectArgs {
                multisubject,
                multisubjectmax,
                multisubjectrandomize: false,
            },
            payload: Vec::new(),
            header_block: None,
            sleep: Duration::ZERO,
            rate_per_client: 0.0,
        };
        let mut subject = b"s".to_vec();
        let mut next = |number| {
            load.next_subject(&mut subject, number);
            String::from_utf8(subject.clone()).unwrap()
        };
        vec![next(0), next(9), next(12)]
    }

    #[test]
    fn subjects_are_numbered_with_the_width_of_the_greatest_number() {
        assert_eq!(subjects(10, true), ["s.00", "s.09", "s.02"]);
        assert_eq!(subjects(0, true), ["s.0", "s.9", "s.12"]);
        assert_eq!(subjects(10, false), ["s", "s", "s"]);
    }
}
