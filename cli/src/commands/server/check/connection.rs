//! `nats server check connection`.

use std::time::{Duration, Instant};

use super::Report;
use super::outcome::{Figure, Outcome};
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::output::format::duration_exact;
use crate::parse;

/// Check that a connection comes about and carries messages
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "conn",
    after_help = "Examples:\n  \
        nats server check connection\n  \
        nats server check connection --rtt-warn 50ms --rtt-critical 200ms"
)]
pub struct Args {
    /// Warn when connecting takes so long
    #[arg(long, default_value = "500ms", value_name = "DURATION", value_parser = parse::duration)]
    connect_warn: Duration,

    /// Critical when connecting takes so long
    #[arg(long, default_value = "1s", value_name = "DURATION", value_parser = parse::duration)]
    connect_critical: Duration,

    /// Warn when the round trip to the server takes so long
    #[arg(long, default_value = "500ms", value_name = "DURATION", value_parser = parse::duration)]
    rtt_warn: Duration,

    /// Critical when the round trip to the server takes so long
    #[arg(long, default_value = "1s", value_name = "DURATION", value_parser = parse::duration)]
    rtt_critical: Duration,

    /// Warn when a message to this connection itself takes so long
    #[arg(long, default_value = "500ms", value_name = "DURATION", value_parser = parse::duration)]
    req_warn: Duration,

    /// Critical when a message to this connection itself takes so long
    #[arg(long, default_value = "1s", value_name = "DURATION", value_parser = parse::duration)]
    req_critical: Duration,

    #[command(flatten)]
    report: Report,
}

/// A measured time and what is too long; zero thresholds do not count.
struct Measured {
    time: Duration,
    warn: Duration,
    critical: Duration,
}

/// How a measured time is judged.
#[derive(Debug, PartialEq)]
enum Verdict {
    Ok,
    Warn(f64),
    Critical(f64),
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let mut outcome = Outcome::new("connections", "Connection");
    if let Err(error) = check(globals, &args, &mut outcome).await {
        outcome.critical(error.to_string());
    }
    args.report.end(&outcome)
}

async fn check(globals: &Globals, args: &Args, outcome: &mut Outcome) -> Result {
    let start = Instant::now();
    let client = globals
        .connect()
        .await
        .map_err(|e| e.context("connection failed"))?;
    let connect = Measured {
        time: start.elapsed(),
        warn: args.connect_warn,
        critical: args.connect_critical,
    };
    outcome.figure(connect.figure("connect_time", "Time taken to connect to NATS"));
    let url = client.connected_url();
    let url = url.as_deref().unwrap_or("the server");
    let exceeded = |limit| format!("connected to {url}, connect time exceeded {limit}");
    let fine = format!("connected to {url} in {}", duration_exact(connect.time));
    connect.judge(outcome, fine, exceeded);

    let start = Instant::now();
    tokio::time::timeout(globals.timeout(), client.flush())
        .await
        .map_err(|_| CliError::new("rtt failed: nats: timeout"))?
        .map_err(|e| CliError::from(e).context("rtt failed"))?;
    let rtt = Measured {
        time: start.elapsed(),
        warn: args.rtt_warn,
        critical: args.rtt_critical,
    };
    outcome.figure(rtt.figure("rtt", "The round-trip-time of the connection"));
    let fine = format!("rtt time {}", duration_exact(rtt.time));
    rtt.judge(outcome, fine, |limit| format!("rtt time exceeded {limit}"));

    let request = Measured {
        time: to_itself(globals, &client, outcome).await?,
        warn: args.req_warn,
        critical: args.req_critical,
    };
    outcome.figure(request.figure(
        "request_time",
        "Time taken for a full Request-Reply operation",
    ));
    let seconds = request.time.as_secs_f64();
    request.judge(outcome, format!("round trip took {seconds:.6}s"), |_| {
        format!("round trip request took {seconds:.6}")
    });
    Ok(())
}

/// Sends a message to an inbox of this connection and awaits it.
async fn to_itself(
    globals: &Globals,
    client: &nats_client::Client,
    outcome: &mut Outcome,
) -> Result<Duration> {
    let inbox = client.new_inbox();
    let mut subscription = client
        .subscribe(&inbox)
        .await
        .map_err(|e| CliError::from(e).context(format!("could not subscribe to {inbox}")))?;
    let sent: Vec<u8> = std::iter::repeat_with(|| fastrand::alphanumeric() as u8)
        .take(100)
        .collect();
    let start = Instant::now();
    client
        .publish(&inbox, sent.clone())
        .await
        .map_err(|e| CliError::from(e).context(format!("could not publish to {inbox}")))?;
    let received = tokio::time::timeout(globals.timeout(), subscription.next()).await;
    let received = match received {
        Ok(Some(message)) => message,
        _ => {
            return Err(CliError::new(format!(
                "did not receive from {inbox}: nats: timeout"
            )));
        }
    };
    if received.payload()[..] != sent[..] {
        outcome.critical("did not receive expected message");
    }
    Ok(start.elapsed())
}

impl Measured {
    fn figure(&self, name: &'static str, help: &'static str) -> Figure {
        Figure {
            help,
            name,
            value: self.time.as_secs_f64(),
            warn: self.warn.as_secs_f64(),
            crit: self.critical.as_secs_f64(),
            unit: "s",
        }
    }

    fn verdict(&self) -> Verdict {
        let reached = |limit: Duration| !limit.is_zero() && self.time >= limit;
        if reached(self.critical) {
            Verdict::Critical(self.critical.as_secs_f64())
        } else if reached(self.warn) {
            Verdict::Warn(self.warn.as_secs_f64())
        } else {
            Verdict::Ok
        }
    }

    fn judge(&self, outcome: &mut Outcome, fine: String, exceeded: impl Fn(f64) -> String) {
        match self.verdict() {
            Verdict::Ok => outcome.ok(fine),
            Verdict::Warn(limit) => outcome.warn(exceeded(limit)),
            Verdict::Critical(limit) => outcome.critical(exceeded(limit)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_counts_once_it_is_reached_and_zero_is_none() {
        let verdict = |time, warn, critical| {
            let [time, warn, critical] = [time, warn, critical].map(Duration::from_millis);
            Measured {
                time,
                warn,
                critical,
            }
            .verdict()
        };
        assert_eq!(verdict(499, 500, 1_000), Verdict::Ok);
        assert_eq!(verdict(500, 500, 1_000), Verdict::Warn(0.5));
        assert_eq!(verdict(1_000, 500, 1_000), Verdict::Critical(1.0));
        assert_eq!(verdict(9_999, 0, 0), Verdict::Ok);
    }
}
