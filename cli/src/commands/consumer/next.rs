//! `nats consumer next`.

use std::io::Write;
use std::time::Duration;

use clap_complete::engine::ArgValueCompleter;
use nats_client::jetstream::{FetchOptions, JetStreamMessage};

use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::jetstream::Api;
use crate::jetstream::message::write_headers;
use crate::output::format;
use crate::parse;

/// Messages that one request asks for.
const BATCH: usize = 256;

/// Get messages from a pull consumer
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
        nats consumer next ORDERS NEW\n  \
        nats consumer next ORDERS NEW --count 100 --raw\n  \
        nats consumer next ORDERS NEW --nak")]
pub struct Args {
    /// Name of the stream
    #[arg(add = ArgValueCompleter::new(crate::complete::streams))]
    stream: String,

    /// Name of the consumer
    #[arg(add = ArgValueCompleter::new(crate::complete::consumers))]
    consumer: String,

    #[command(flatten)]
    answer: Answer,

    /// Show the bodies only
    #[arg(short, long)]
    raw: bool,

    /// Wait up to so long before acknowledging
    #[arg(long, value_name = "DURATION", value_parser = parse::duration)]
    wait: Option<Duration>,

    /// Get so many messages
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    count: u64,
}

/// What is said to the consumer about a message.
#[derive(Debug, Clone, Copy, clap::Args)]
struct Answer {
    /// Acknowledge (default)
    #[arg(long, overrides_with = "no_ack", hide = true)]
    ack: bool,

    /// Do not acknowledge
    #[arg(long, overrides_with = "ack")]
    no_ack: bool,

    /// Ask for the message to be delivered again
    #[arg(long, conflicts_with = "term")]
    nak: bool,

    /// Ask for the message never to be delivered again
    #[arg(long, conflicts_with = "ack")]
    term: bool,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let api = Api::connect(globals).await?;
    let consumer = api.pull_consumer(&args.stream, &args.consumer).await?;
    let mut left = args.count;
    while left > 0 {
        let wanted = usize::try_from(left).unwrap_or(BATCH).min(BATCH);
        let options = FetchOptions::messages(wanted).expires(globals.timeout());
        let mut batch = consumer.fetch(options).await?;
        let mut received = 0;
        while let Some(message) = batch.next().await {
            let message = message?;
            received += 1;
            show(&message, args.raw)?;
            args.answer(&message).await?;
        }
        if received == 0 {
            let error = CliError::new("no message received");
            return Err(error.next_step("wait longer with --timeout, or see: nats consumer info"));
        }
        left -= received;
    }
    api.client().flush().await?;
    Ok(())
}

/// Shared with `nats consumer sub`.
pub fn show(message: &JetStreamMessage, raw: bool) -> Result {
    let mut out = std::io::stdout().lock();
    if raw {
        out.write_all(message.payload())?;
        writeln!(out)?;
        return Ok(());
    }
    let info = message.info()?;
    writeln!(
        out,
        "[{}] subj: {} / tries: {} / cons seq: {} / str seq: {} / pending: {}",
        jiff::Zoned::now().strftime("%H:%M:%S"),
        message.subject(),
        info.delivered,
        info.consumer_sequence,
        info.stream_sequence,
        format::count(info.pending)
    )?;
    if let Some(headers) = message.headers().filter(|headers| !headers.is_empty()) {
        writeln!(out, "\nHeaders:\n")?;
        write_headers(&mut out, &headers)?;
        writeln!(out, "\nData:\n")?;
    }
    writeln!(out)?;
    out.write_all(message.payload())?;
    writeln!(out)?;
    Ok(())
}

impl Args {
    async fn answer(&self, message: &JetStreamMessage) -> Result {
        let Answer {
            no_ack, nak, term, ..
        } = self.answer;
        if term {
            message.term(None).await?;
            return self.say("\nTerminated message\n");
        }
        if no_ack && !nak {
            return Ok(());
        }
        let delay = self.wait.filter(|wait| !wait.is_zero()).map(|wait| {
            let most = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
            Duration::from_nanos(fastrand::u64(..most))
        });
        if let Some(delay) = delay {
            tokio::time::sleep(delay).await;
        }
        if nak {
            message.nak(None).await?;
        } else {
            message.ack().await?;
        }
        let negative = if nak { "Negative " } else { "" };
        let after = match delay {
            Some(delay) => format!(" after {} delay", format::duration_exact(delay)),
            None => String::new(),
        };
        self.say(&format!("\n{negative}Acknowledged message{after}\n"))
    }

    fn say(&self, text: &str) -> Result {
        if self.raw {
            return Ok(());
        }
        outln!("{text}")
    }
}
