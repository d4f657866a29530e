//! `nats stream gaps`.

use std::time::Duration;

use nats_client::jetstream::OrderedOptions;

use super::select::Which;
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::jetstream::pick;
use crate::output::{self, Table, format};
use crate::progress::Progress;
use nats_term::prompt::Terminal;

/// Find the sequences of a stream whose messages are gone
///
/// Reads the whole stream, headers only.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  nats stream gaps ORDERS --force --json")]
pub struct Args {
    #[command(flatten)]
    which: Which,

    /// Do not ask
    #[arg(short, long)]
    force: bool,

    /// Show no progress bar
    #[arg(long, overrides_with = "progress")]
    no_progress: bool,

    #[arg(long, overrides_with = "no_progress", hide = true)]
    progress: bool,

    /// Print JSON
    #[arg(short, long)]
    json: bool,
}

/// The first and the last sequence that are gone.
type Gap = (u64, u64);

pub async fn run(globals: &Globals, args: Args) -> Result {
    let (api, info) = args.which.connect(globals).await?;
    let name = info.config.name;
    let state = info.state;
    if state.num_deleted == 0 {
        return report(&[], &name, &args, globals);
    }
    if !args.force {
        eprintln!("WARNING: finding gaps reads the whole stream.\n");
    }
    let question = format!(
        "Really detect gaps in stream {name} with {} messages and {} bytes",
        format::count(state.messages),
        format::bytes(state.bytes)
    );
    if !pick::confirmed(&mut Terminal, args.force, &question)? {
        return Ok(());
    }
    let bar = Progress::of_messages(state.messages, !args.no_progress && !args.json);
    let options = OrderedOptions::default().headers_only();
    let mut messages = api.ordered_consumer(&name, options).await?;
    let mut finder = Finder::after(state.first_seq.saturating_sub(1));
    let mut pending = messages.first_info().num_pending;
    while pending > 0 {
        let next = tokio::time::timeout(SILENCE_MAX, messages.next()).await;
        let next = next.map_err(|_| CliError::new("the stream fell silent before its end"))?;
        let Some(message) = next else { break };
        let message = message?;
        let info = message.info()?;
        finder.saw(info.stream_sequence);
        pending = info.pending;
        bar.add(1);
    }
    messages.stop().await?;
    finder.end(state.last_seq);
    bar.finish();
    report(&finder.gaps, &name, &args, globals)
}

/// No message for so long is the end of the scan.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// Finds what is missing between the sequences that it sees.
#[derive(Debug, Default)]
struct Finder {
    last: u64,
    gaps: Vec<Gap>,
}

impl Finder {
    fn after(last: u64) -> Self {
        Self {
            last,
            gaps: Vec::new(),
        }
    }

    fn saw(&mut self, sequence: u64) {
        if sequence > self.last.saturating_add(1) {
            self.gaps.push((self.last + 1, sequence - 1));
        }
        self.last = self.last.max(sequence);
    }

    /// The stream ends with `last`, whether its message is there or not.
    fn end(&mut self, last: u64) {
        if last > self.last {
            self.gaps.push((self.last + 1, last));
        }
    }
}

fn report(gaps: &[Gap], stream: &str, args: &Args, globals: &Globals) -> Result {
    if args.json {
        return output::json(gaps);
    }
    if gaps.is_empty() {
        return outln!("No deleted messages in {stream}");
    }
    let title = match gaps.len() {
        1 => format!("1 gap found in Stream {stream}"),
        count => format!(
            "{} gaps found in Stream {stream}",
            format::count(count as u64)
        ),
    };
    let mut table = Table::new(title, globals.scheme()).header(["First Message", "Last Message"]);
    for (first, last) in gaps {
        table.row([format::count(*first), format::count(*last)]);
    }
    outln!("{}", table.render())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_lie_between_what_was_seen_and_at_the_end() {
        let mut finder = Finder::after(4);
        for sequence in [5, 6, 9, 10, 15] {
            finder.saw(sequence);
        }
        finder.end(17);
        assert_eq!(finder.gaps, [(7, 8), (11, 14), (16, 17)]);
        let mut none = Finder::after(0);
        none.saw(1);
        none.end(1);
        assert_eq!(none.gaps, []);
    }
}
