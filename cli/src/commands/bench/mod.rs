//! `nats bench`: the registry, and what its commands share with each other but with nothing else.
//!
//! Only the commands below call in here; what can be tested without a server lives in [`crate::bench`]. Nothing is printed
//! while a measurement runs. Start reading in [`run`](self::run), the frame of every benchmark.

mod js;
mod kv;
mod publish;
mod run;
mod service;
mod subjects;
mod subscribe;

use std::path::PathBuf;

use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::input;
use crate::parse;

/// Measure how fast messages travel
///
/// Run 'nats bench sub' in one terminal and 'nats bench pub' with the same subject and number of messages in another.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
        nats bench sub test.subject --clients 2 --msgs 1000000\n  \
        nats bench pub test.subject --clients 2 --msgs 1000000 --size 256")]
pub struct Args {
    #[command(subcommand)]
    command: Benchmarks,
}

registry! {
    /// The benchmarks.
    Benchmarks {
        Pub(publish),
        Sub(subscribe),
        Service(service),
        Js(js),
        Kv(kv),
    }
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    args.command.run(globals).await
}

/// Messages of a benchmark unless told otherwise.
const DEFAULT_MSGS: u64 = 100_000;
/// Their size unless told otherwise.
const DEFAULT_SIZE: &str = "128B";

/// The flags of every benchmark; on groups of benchmarks as well, so that they may stand before or after the name.
#[derive(Debug, Clone, clap::Args)]
pub struct CommonArgs {
    /// Number of concurrent clients, each with its own connection
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..), global = true)]
    pub clients: u32,

    /// Number of messages
    #[arg(long, value_name = "COUNT", default_value_t = DEFAULT_MSGS, value_parser = clap::value_parser!(u64).range(1..), global = true)]
    pub msgs: u64,

    /// Show no progress bars
    #[arg(long, overrides_with = "progress", global = true)]
    pub no_progress: bool,

    /// Show progress bars (default)
    #[arg(long, overrides_with = "no_progress", hide = true, global = true)]
    pub progress: bool,

    /// Save the figures of each client in this CSV file
    #[arg(long, value_name = "FILE", global = true)]
    pub csv: Option<PathBuf>,

    /// Size of the messages
    #[arg(long, value_name = "BYTES", default_value = DEFAULT_SIZE, value_parser = message_size, global = true)]
    pub size: usize,

    /// Print the figures as JSON
    #[arg(short, long, global = true)]
    pub json: bool,
}

/// What is sent.
#[derive(Debug, Clone, clap::Args)]
pub struct PayloadArgs {
    /// Send the content of this file instead of --size zero bytes
    #[arg(long, value_name = "FILE")]
    pub payload: Option<PathBuf>,

    /// Add a header, as Name:Value
    #[arg(short = 'H', long = "header", value_name = "K:V")]
    pub headers: Vec<String>,
}

/// How fast it is sent.
#[derive(Debug, Clone, clap::Args)]
pub struct RateArgs {
    /// Send so many messages per second, all clients together; latencies then count from the moment a message was due
    #[arg(
        long,
        value_name = "RATE",
        default_value_t = 0,
        hide_default_value = true
    )]
    pub throughput: u32,

    /// With --throughput: send for so long, whatever --msgs says
    #[arg(long, value_name = "DURATION", value_parser = parse::duration, requires = "throughput")]
    pub duration: Option<std::time::Duration>,
}

/// Wait between messages; on groups of benchmarks as well.
#[derive(Debug, Clone, clap::Args)]
pub struct SleepArgs {
    /// Wait between messages
    #[arg(long, value_name = "DURATION", default_value = "0s", hide_default_value = true, value_parser = parse::duration, global = true)]
    pub sleep: std::time::Duration,
}

impl CommonArgs {
    /// Those of the flags that were given and that mean nothing to a benchmark without an end.
    fn without_effect(&self) -> impl Iterator<Item = &'static str> {
        let size = message_size(DEFAULT_SIZE).is_ok_and(|size| size == self.size);
        [
            ("--msgs", self.msgs != DEFAULT_MSGS),
            ("--size", !size),
            ("--csv", self.csv.is_some()),
        ]
        .into_iter()
        .filter_map(|(flag, given)| given.then_some(flag))
    }
}

impl PayloadArgs {
    pub fn payload(&self, size: usize) -> Result<Vec<u8>> {
        match &self.payload {
            Some(path) => input::file(path).map_err(|e| CliError::from(e).context(path.display())),
            None => Ok(vec![0; size]),
        }
    }
}

impl RateArgs {
    /// The number of messages: what `--duration` makes of `--throughput`, or `messages`.
    pub fn messages(&self, messages: u64) -> Result<u64> {
        let Some(duration) = self.duration else {
            return Ok(messages);
        };
        if self.throughput == 0 {
            return Err(CliError::new(
                "--duration needs a --throughput greater than 0",
            ));
        }
        match (f64::from(self.throughput) * duration.as_secs_f64()).round() as u64 {
            0 => Err(CliError::new(
                "--throughput and --duration together result in no message at all",
            )),
            messages => Ok(messages),
        }
    }

    /// For the banner; nothing when there is no rate.
    pub fn arguments(&self) -> Vec<(&'static str, String)> {
        use crate::output::format;
        let mut arguments = Vec::new();
        if self.throughput > 0 {
            arguments.push(("throughput", format::count(self.throughput.into())));
        }
        if let Some(duration) = self.duration {
            arguments.push(("duration", format::duration(duration)));
        }
        arguments
    }

    pub fn per_client(&self, clients: u32) -> f64 {
        f64::from(self.throughput) / f64::from(clients.max(1))
    }
}

fn message_size(text: &str) -> std::result::Result<usize, String> {
    let size = parse::byte_size(text).map_err(|e| e.to_string())?;
    usize::try_from(size)
        .ok()
        .filter(|size| (1..=64 << 20).contains(size))
        .ok_or_else(|| format!("the size {text:?} is not between 1 byte and 64 MiB"))
}
