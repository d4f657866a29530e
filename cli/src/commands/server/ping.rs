//! `nats server ping`.

use std::time::{Duration, Instant};

use nats_api::system::events::ServerStatsEvent;
use nats_api::system::subjects::SERVER_PING;
use nats_client::RequestManyOptions;
use nats_client::system::SystemError;

use super::ask;
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::output::{format, graph};
use crate::signals::interrupted;

/// Width of a bucket of the graph.
const BUCKET_MS: f64 = 25.0;

/// Ping all servers
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
        nats server ping\n  \
        nats server ping 9 --graph")]
pub struct Args {
    /// How many servers to expect; as many as the first one knows when not given
    expect: Option<usize>,

    /// Show how the response times are distributed
    #[arg(long)]
    graph: bool,

    /// Show the ids of the servers
    #[arg(long)]
    id: bool,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let client = globals.connect_system().await?;
    let mut expected = args.expect.filter(|n| *n > 0);
    let options = RequestManyOptions {
        max: expected,
        stall: None,
        sentinel: false,
        timeout: globals.timeout(),
    };
    let start = Instant::now();
    let mut responses = client
        .request_many(SERVER_PING, None, Vec::new(), options)
        .await
        .map_err(|e| ask::advice(SystemError::from(e), globals))?;
    let mut times = Vec::new();
    loop {
        let response = tokio::select! {
            response = responses.next() => response,
            () = interrupted() => break,
        };
        let Some(response) = response else { break };
        let message = response.map_err(|e| ask::advice(SystemError::from(e), globals))?;
        let rtt = start.elapsed();
        let answer: ServerStatsEvent = serde_json::from_slice(message.payload())
            .map_err(|e| CliError::from(e).context(SERVER_PING))?;
        if args.id {
            out!("{} ", answer.server.id)?;
        }
        outln!(
            "{:<60} rtt={}",
            answer.server.name,
            format::duration_exact(rtt)
        )?;
        times.push(rtt);
        // 0 of a server that does not say how many there are: everybody has until the timeout.
        expected = expected.or(usize::try_from(answer.statsz.active_servers)
            .ok()
            .filter(|n| *n > 0));
        if expected.is_some_and(|expected| times.len() >= expected) {
            break;
        }
    }
    outln!("\n---- ping statistics ----\n{}", summary(&times))?;
    if args.graph && !times.is_empty() {
        outln!("\n{}", chart(&times).trim_end())?;
    }
    let missing = expected.unwrap_or(0).saturating_sub(times.len());
    if missing > 0 {
        outln!("\nMissing {missing} server(s)")?;
    }
    Ok(())
}

fn millis(time: &Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

fn summary(times: &[Duration]) -> String {
    if times.is_empty() {
        return "no responses received".to_owned();
    }
    let times: Vec<f64> = times.iter().map(millis).collect();
    let lowest = times.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = times.iter().copied().fold(0.0, f64::max);
    let average = times.iter().sum::<f64>() / times.len() as f64;
    format!(
        "{} replies max: {highest:.2} min: {lowest:.2} avg: {average:.2}",
        times.len()
    )
}

fn chart(times: &[Duration]) -> String {
    let bucket = |time: &Duration| (millis(time) / BUCKET_MS) as usize;
    let last = times.iter().map(bucket).max().unwrap_or(0);
    // Two points at least: a single one is no line.
    let mut buckets = vec![0.0; last.max(1) + 1];
    for time in times {
        if let Some(count) = buckets.get_mut(bucket(time)) {
            *count += 1.0;
        }
    }
    graph::plot(&buckets, 15, "Responses per 25ms", |v| format!("{v:.2}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_is_in_milliseconds() {
        let times = [Duration::from_micros(500), Duration::from_micros(2_500)];
        assert_eq!(summary(&times), "2 replies max: 2.50 min: 0.50 avg: 1.50");
        assert_eq!(summary(&[]), "no responses received");
    }

    #[test]
    fn the_graph_counts_the_answers_of_each_bucket() {
        let times = [1, 2, 30, 99].map(Duration::from_millis);
        insta::assert_snapshot!(chart(&times));
    }
}
