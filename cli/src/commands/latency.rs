//! `nats latency`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use nats_client::{Client, Subscription};
use serde_json::json;

use crate::bench::Pace;
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::output::{self, format};
use crate::parse;

/// The time of sending stands in front of every message.
const STAMP_BYTES: usize = 8;

const PERCENTILES: [f64; 11] = [
    10.0, 50.0, 75.0, 90.0, 99.0, 99.9, 99.99, 99.999, 99.9999, 99.99999, 100.0,
];

/// Those of the histogram file.
const FILE_PERCENTILES: [f64; 12] = [
    10.0, 25.0, 50.0, 75.0, 90.0, 99.0, 99.9, 99.99, 99.999, 99.9999, 99.99999, 100.0,
];

/// Measure how long messages take from one server to another
///
/// Publishes through --server at a fixed rate and receives through --server-b. A latency counts from the moment the message
/// was due, so that a stall is charged to all messages that had to wait for it.
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "lat",
    after_help = "Examples:\n  \
        nats latency -s nats://a.example --server-b nats://b.example\n  \
        nats latency --server-b localhost --rate 10000 --duration 30s --histogram ab"
)]
pub struct Args {
    /// Server to receive from
    #[arg(long, value_name = "URL")]
    server_b: String,

    /// Size of the messages in bytes
    #[arg(long, value_name = "BYTES", default_value_t = STAMP_BYTES)]
    size: usize,

    /// Messages per second
    #[arg(long, value_name = "RATE", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    rate: u32,

    /// How long to measure
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = parse::duration)]
    duration: Duration,

    /// Save the latencies in FILE.histogram (percentiles) and FILE.raw (one per line, in milliseconds)
    #[arg(long, value_name = "FILE")]
    histogram: Option<PathBuf>,

    /// Print JSON
    #[arg(short, long)]
    json: bool,
}

/// What was measured.
struct Figures {
    /// In order of arrival, in nanoseconds.
    latencies: Vec<u64>,
    histogram: Histogram<u64>,
    /// Until the first message was sent, and from there until the last one was sent and received.
    setup: Duration,
    sending: Duration,
    receiving: Duration,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let begun = Instant::now();
    if args.size < STAMP_BYTES {
        return Err(CliError::new(format!(
            "--size must be at least {STAMP_BYTES}: the time of sending stands in it"
        )));
    }
    let messages = (args.duration.as_secs_f64() * f64::from(args.rate)) as u64;
    if messages == 0 {
        return Err(CliError::new(
            "--rate and --duration together result in no message at all",
        ));
    }
    let publisher = globals
        .connect()
        .await
        .map_err(|e| e.context("first connection"))?;
    let receiver = globals
        .connect_to(&args.server_b)
        .await
        .map_err(|e| e.context("second connection"))?;
    let rule = "==============================";
    log_line!("{rule}");
    log_line!("Pub Server RTT : {}", short(publisher.rtt().await?));
    log_line!("Sub Server RTT : {}", short(receiver.rtt().await?));
    let subject = receiver.new_inbox();
    let subscription = receiver.subscribe(&subject).await?;
    receiver.flush().await?;
    // Interest travels in order: when that of the test has arrived, that of the measurement has as well.
    wait_for_route(&publisher, &receiver).await?;
    let band = u64::from(args.rate) * args.size as u64 * 2;
    log_line!("Message Payload: {}", format::bytes(args.size as u64));
    log_line!("Target Duration: {}", format::duration(args.duration));
    log_line!("Target Msgs/Sec: {}", args.rate);
    log_line!("Target Band/Sec: {}", format::bytes(band));
    log_line!("{rule}");
    let start = Instant::now();
    let receive = receive(
        subscription,
        messages,
        start,
        args.duration + globals.timeout(),
    );
    let send = send(&publisher, &subject, &args, messages, start);
    let (sending, received) = tokio::join!(send, receive);
    let (sending, latencies) = (sending?, received?);
    let figures = Figures {
        histogram: histogram_of(&latencies)?,
        setup: start.duration_since(begun),
        sending,
        receiving: start.elapsed(),
        latencies,
    };
    if let Some(path) = &args.histogram {
        figures.save(path)?;
    }
    if args.json {
        return output::json(&figures.json(&args, messages));
    }
    figures.log(&args, messages, rule);
    Ok(())
}

/// Sends all messages, each at its time. Its stamp is the moment it was due, in nanoseconds since `start`.
async fn send(
    client: &Client,
    subject: &str,
    args: &Args,
    messages: u64,
    start: Instant,
) -> Result<Duration> {
    let mut payload: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(..))
        .take(args.size)
        .collect();
    let mut pace = Pace::new(start, f64::from(args.rate));
    for index in 0..messages {
        let mut now = Instant::now();
        if let Some(wait) = pace.wait(index, now) {
            tokio::time::sleep(wait).await;
            now = Instant::now();
            pace.woke(now);
        }
        let due = pace.counts_from(index, now).duration_since(start);
        let stamp = u64::try_from(due.as_nanos())
            .unwrap_or(u64::MAX)
            .to_le_bytes();
        if let Some(place) = payload.get_mut(..STAMP_BYTES) {
            place.copy_from_slice(&stamp);
        }
        client.publish(subject, &payload).await?;
    }
    client.flush().await?;
    Ok(start.elapsed())
}

async fn receive(
    mut subscription: Subscription,
    messages: u64,
    start: Instant,
    patience: Duration,
) -> Result<Vec<u64>> {
    let mut latencies = Vec::with_capacity(usize::try_from(messages).unwrap_or(0).min(100_000_000));
    let all = async {
        while (latencies.len() as u64) < messages {
            let Some(message) = subscription.next().await else {
                return Err(CliError::new(
                    "the connection was closed before all messages came",
                ));
            };
            let now = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
            if let Some(stamp) = message.payload().first_chunk::<STAMP_BYTES>() {
                latencies.push(now.saturating_sub(u64::from_le_bytes(*stamp)));
            }
        }
        Ok(())
    };
    match tokio::time::timeout(patience, all).await {
        Ok(result) => result.map(|()| latencies),
        Err(_) => Err(CliError::new(format!(
            "only {} of {messages} messages came in time",
            latencies.len()
        ))
        .next_step("lower the --rate, or raise --timeout")),
    }
}

/// Between two servers interest has to travel first. Sends test messages until one arrives.
async fn wait_for_route(publisher: &Client, receiver: &Client) -> Result {
    const PATIENCE: Duration = Duration::from_secs(2);
    if publisher.server_info().server_id == receiver.server_info().server_id {
        return Ok(());
    }
    let subject = receiver.new_inbox();
    let mut arrivals = receiver.subscribe(&subject).await?;
    receiver.flush().await?;
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        publisher.publish(&subject, "").await?;
        if let Ok(Some(_)) = tokio::time::timeout(Duration::from_millis(10), arrivals.next()).await
        {
            return Ok(());
        }
    }
    Err(
        CliError::new("no test message came from the first server to the second").next_step(
            "are the two servers part of one system, and do both connections use the same account?",
        ),
    )
}

fn histogram_of(latencies: &[u64]) -> Result<Histogram<u64>> {
    let failed = |e: &dyn std::fmt::Display| CliError::new(format!("building the histogram: {e}"));
    let longest = latencies.iter().copied().max().unwrap_or(0).max(2);
    let mut histogram = Histogram::new_with_max(longest, 5).map_err(|e| failed(&e))?;
    for latency in latencies {
        histogram.record(*latency).map_err(|e| failed(&e))?;
    }
    Ok(histogram)
}

impl Figures {
    fn log(&self, args: &Args, messages: u64, rule: &str) {
        log_line!("HDR Percentiles:");
        for percentile in PERCENTILES {
            let label = format!("{percentile}:");
            log_line!("{label:<9} {}", short(self.at(percentile)));
        }
        log_line!("{rule}");
        let rate = (messages as f64 / self.sending.as_secs_f64()) as u64;
        log_line!("Actual Msgs/Sec: {rate}");
        log_line!(
            "Actual Band/Sec: {}",
            format::bytes(rate * args.size as u64 * 2)
        );
        log_line!("Minimum Latency: {}", short(self.extreme(Iterator::min)));
        log_line!("Median Latency : {}", short(self.at(50.0)));
        log_line!("Maximum Latency: {}", short(self.extreme(Iterator::max)));
        log_line!("1st Sent Wall Time : {}", short(self.setup));
        log_line!("Last Sent Wall Time: {}", short(self.sending));
        log_line!("Last Recv Wall Time: {}", short(self.receiving));
    }

    fn json(&self, args: &Args, messages: u64) -> serde_json::Value {
        let nanos = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let percentiles: serde_json::Map<_, _> = PERCENTILES
            .iter()
            .map(|p| (format!("{p}"), json!(nanos(self.at(*p)))))
            .collect();
        json!({
            "messages": messages,
            "payload_bytes": args.size,
            "target_messages_per_second": args.rate,
            "messages_per_second": messages as f64 / self.sending.as_secs_f64(),
            "latency_ns": {
                "min": nanos(self.extreme(Iterator::min)),
                "mean": self.histogram.mean(),
                "max": nanos(self.extreme(Iterator::max)),
                "stddev": self.histogram.stdev(),
                "percentiles": percentiles,
            },
        })
    }

    fn at(&self, percentile: f64) -> Duration {
        Duration::from_nanos(self.histogram.value_at_percentile(percentile))
    }

    fn extreme<'a>(
        &'a self,
        of: fn(std::iter::Copied<std::slice::Iter<'a, u64>>) -> Option<u64>,
    ) -> Duration {
        Duration::from_nanos(of(self.latencies.iter().copied()).unwrap_or(0))
    }

    /// `<path>.raw` and `<path>.histogram`, in the form that the tools for HDR histograms plot.
    fn save(&self, path: &Path) -> Result {
        let with = |suffix: &str| {
            let mut name = path.as_os_str().to_owned();
            name.push(suffix);
            PathBuf::from(name)
        };
        let raw = with(".raw");
        self.write_raw(&raw)
            .map_err(|e| CliError::from(e).context(raw.display()))?;
        let histogram = with(".histogram");
        self.write_histogram(&histogram)
            .map_err(|e| CliError::from(e).context(histogram.display()))
    }

    fn write_raw(&self, path: &Path) -> std::io::Result<()> {
        let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
        for latency in &self.latencies {
            writeln!(file, "{:.6}", *latency as f64 / 1e6)?;
        }
        file.flush()
    }

    fn write_histogram(&self, path: &Path) -> std::io::Result<()> {
        let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
        writeln!(file, "Value\tPercentile\tTotalCount\t1/(1-Percentile)\n")?;
        let total = self.histogram.len();
        for percentile in FILE_PERCENTILES {
            let value = self.histogram.value_at_percentile(percentile);
            let below = (total as f64 * percentile / 100.0).round() as u64;
            let inverse = if percentile < 100.0 {
                format!("{:.6}", 1.0 / (1.0 - percentile / 100.0))
            } else {
                "inf".into()
            };
            writeln!(
                file,
                "{:.6}\t{:.6}\t{below}\t{inverse}",
                value as f64 / 1e6,
                percentile / 100.0
            )?;
        }
        file.flush()
    }
}

/// Microseconds are precise enough here.
fn short(duration: Duration) -> String {
    let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    format::duration_exact(Duration::from_micros(micros))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_files_are_written_in_milliseconds() {
        let latencies = vec![1_000_000, 2_000_000, 3_500_000];
        let figures = Figures {
            histogram: histogram_of(&latencies).unwrap(),
            latencies,
            setup: Duration::ZERO,
            sending: Duration::from_secs(1),
            receiving: Duration::from_secs(1),
        };
        let folder = tempfile::tempdir().unwrap();
        figures.save(&folder.path().join("x")).unwrap();
        let raw = std::fs::read_to_string(folder.path().join("x.raw")).unwrap();
        assert_eq!(raw, "1.000000\n2.000000\n3.500000\n");
        let histogram = std::fs::read_to_string(folder.path().join("x.histogram")).unwrap();
        assert_eq!(histogram.lines().count(), 2 + FILE_PERCENTILES.len());
        assert!(
            histogram
                .lines()
                .last()
                .unwrap()
                .ends_with("1.000000\t3\tinf"),
            "{histogram}"
        );
    }
}
