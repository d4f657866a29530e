//! `nats rtt`.

use std::net::{IpAddr, ToSocketAddrs};
use std::time::Duration;

use nats_api::time::{Nanos, Timestamp};
use nats_client::ServerUrl;
use serde::Serialize;

use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::output::{self, format};

/// Measure the round-trip time to servers
///
/// A name that stands for several addresses is measured at each of them.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
        nats rtt\n  \
        nats rtt 100 -s nats://a.example,nats://b.example\n  \
        nats rtt --json")]
pub struct Args {
    /// Round trips to each address
    #[arg(default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    iterations: u32,

    /// Print JSON
    #[arg(short, long)]
    json: bool,
}

/// One server of the list, with the addresses that its name stands for.
#[derive(Serialize)]
struct Target {
    url: String,
    results: Vec<Measurement>,
    #[serde(skip)]
    server: ServerUrl,
}

/// The mean over one address. `rtt` is 0 when it could not be reached.
#[derive(Serialize)]
struct Measurement {
    time: Timestamp,
    address: String,
    rtt: Nanos,
    url: String,
    #[serde(skip)]
    host: String,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let mut targets = targets(globals.context()?.server_url())?;
    for target in &mut targets {
        for measurement in &mut target.results {
            measurement.time = now();
            match measure(globals, &target.server, &measurement.host, args.iterations).await {
                Ok((url, rtt)) => {
                    measurement.url = url;
                    measurement.rtt = Nanos(i64::try_from(rtt.as_nanos()).unwrap_or(i64::MAX));
                }
                Err(error) => {
                    log_line!("Failed to compute rtt for {}: {error}", measurement.address)
                }
            }
        }
    }
    if args.json {
        output::json(&targets)?;
    } else {
        print(&targets)?;
    }
    let failed = |target: &&Target| target.results.iter().all(|result| result.rtt.0 == 0);
    match targets.iter().find(failed) {
        Some(target) => Err(CliError::new(format!("no address of {} could be reached", target.url))
            .next_step("check the address given with --server or in the context, and whether the server is running")),
        None => Ok(()),
    }
}

fn targets(servers: &str) -> Result<Vec<Target>> {
    let servers = ServerUrl::parse_list(servers).map_err(|e| CliError::new(e.to_string()))?;
    let mut targets = Vec::with_capacity(servers.len());
    for server in servers {
        let measurement = |host: String| Measurement {
            time: now(),
            address: format!(
                "{}://{}",
                scheme(&server),
                host_and_port(&host, server.port())
            ),
            rtt: Nanos(0),
            url: String::new(),
            host,
        };
        let results = addresses(&server).into_iter().map(measurement).collect();
        let url = server.to_string();
        targets.push(Target {
            url,
            results,
            server,
        });
    }
    Ok(targets)
}

/// The addresses of a name; the name itself when it is an address or stands for none.
fn addresses(server: &ServerUrl) -> Vec<String> {
    let host = server.host().to_owned();
    if host.parse::<IpAddr>().is_ok() {
        return vec![host];
    }
    let mut found: Vec<String> = match (host.as_str(), server.port()).to_socket_addrs() {
        Ok(addresses) => addresses.map(|address| address.ip().to_string()).collect(),
        Err(_) => Vec::new(),
    };
    found.dedup();
    if found.is_empty() {
        found.push(host);
    }
    found
}

/// Where we got to, and the mean of the round trips.
async fn measure(
    globals: &Globals,
    server: &ServerUrl,
    host: &str,
    iterations: u32,
) -> Result<(String, Duration)> {
    if globals.trace() {
        log_line!(">>> Connecting to {host}");
    }
    let client = globals.connect_to_address(server, host).await?;
    // The server sends its INFO with the cluster's servers right after the connection; let that pass.
    tokio::time::sleep(Duration::from_millis(25)).await;
    let mut sum = Duration::ZERO;
    for number in 1..=iterations {
        let rtt = tokio::time::timeout(globals.timeout(), client.rtt()).await;
        let rtt = rtt.map_err(|_| CliError::new("no answer in time"))??;
        sum += rtt;
        if globals.trace() {
            log_line!("#{number}: rtt={}", format::duration(rtt));
        }
    }
    let url = client
        .connected_url()
        .map(|url| url.to_string())
        .unwrap_or_default();
    client.close().await;
    Ok((url, sum / iterations.max(1)))
}

fn print(targets: &[Target]) -> Result {
    let results = targets.iter().flat_map(|target| &target.results);
    let indent = results
        .map(|result| result.address.len())
        .max()
        .unwrap_or(0)
        + 3;
    for target in targets {
        outln!("{}:\n", target.url)?;
        for result in &target.results {
            let rtt = match u64::try_from(result.rtt.0) {
                Ok(0) | Err(_) => "failed".to_owned(),
                Ok(nanos) => format::duration(Duration::from_nanos(nanos)),
            };
            outln!("{:>indent$}: {rtt}", result.address)?;
        }
        outln!()?;
    }
    Ok(())
}

fn scheme(server: &ServerUrl) -> &'static str {
    if server.wants_tls() { "tls" } else { "nats" }
}

fn host_and_port(host: &str, port: u16) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

fn now() -> Timestamp {
    Timestamp::from_unix_nanos(jiff::Timestamp::now().as_nanosecond())
}
