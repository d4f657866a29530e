//! `nats subscribe --stream`: what a stream holds, and what comes to it, in order.

use std::io::Write;
use std::time::Duration;

use nats_client::jetstream::{DeliverPolicy, JetStreamMessage, OrderedConsumer, OrderedOptions};
use nats_proto::subject;

use super::Args;
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::jetstream::Api;
use crate::messaging::{Display, Incoming};
use crate::output::format;
use crate::parse;
use crate::signals::interrupted;

#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "JetStream")]
pub struct StoredArgs {
    /// Show the messages of this stream
    #[arg(long, conflicts_with_all = ["queue", "inbox", "match_replies", "graph", "report_subjects", "report_subscriptions", "ack"])]
    stream: Option<String>,

    #[command(flatten)]
    from: Begin,

    /// End after the last message
    #[arg(short = 'T', long)]
    terminate_at_end: bool,

    /// Known, so that they are refused by name.
    #[arg(long, hide = true)]
    durable: Option<String>,

    #[arg(long, hide = true)]
    direct: bool,
}

/// Where to begin.
#[derive(Debug, Clone, clap::Args)]
#[group(multiple = false, conflicts_with_all = ["queue", "inbox", "match_replies", "graph", "report_subjects", "report_subscriptions", "ack"])]
struct Begin {
    /// Begin with this message of the stream
    #[arg(long, value_name = "SEQUENCE")]
    start_sequence: Option<u64>,

    /// Begin with the first message of the stream (default)
    #[arg(long)]
    all: bool,

    /// Messages that come from now on
    #[arg(long)]
    new: bool,

    /// Begin with the last message of the stream
    #[arg(long)]
    last: bool,

    /// Begin with the last message of each subject
    #[arg(long)]
    last_per_subject: bool,

    /// Begin with the messages of the last DURATION
    #[arg(long, value_name = "DURATION", value_parser = parse::duration)]
    since: Option<Duration>,
}

impl StoredArgs {
    /// Whether a stream is wanted at all.
    pub fn wanted(&self) -> bool {
        self.stream.is_some() || self.from.is_given()
    }

    /// Whether the stream has a name, so that no subject is needed.
    pub fn has_name(&self) -> bool {
        self.stream.is_some()
    }

    pub fn check(&self, subjects: &[String]) -> Result {
        if self.durable.is_some() {
            return Err(CliError::new("--durable is not available here")
                .next_step("for a consumer that exists: nats consumer sub STREAM CONSUMER"));
        }
        if self.direct {
            return Err(CliError::not_available(
                "--direct",
                "reading without a consumer",
            ));
        }
        if self.terminate_at_end && !self.wanted() {
            return Err(CliError::new("--terminate-at-end is for streams")
                .next_step("name one with --stream"));
        }
        if self.wanted() && subjects.len() > 1 {
            return Err(CliError::new("a stream is read with one subject at a time"));
        }
        Ok(())
    }

    /// The stream that was named, or the one that takes the subject.
    async fn name(&self, api: &Api, subject: Option<&String>) -> Result<String> {
        if let Some(name) = &self.stream {
            return Ok(name.clone());
        }
        let subject = subject.map_or("", String::as_str);
        let names = api.names(subject).await?;
        names.into_iter().next().ok_or_else(|| {
            CliError::new(format!("no stream found with subject: {subject}"))
                .next_step("name one with --stream; see which there are: nats stream ls")
        })
    }
}

impl Begin {
    fn is_given(&self) -> bool {
        self.start_sequence.is_some()
            || self.since.is_some()
            || self.all
            || self.new
            || self.last
            || self.last_per_subject
    }

    fn options(&self, subject: Option<&String>) -> OrderedOptions {
        let mut options = OrderedOptions {
            filter_subjects: subject.into_iter().cloned().collect(),
            ..OrderedOptions::default()
        };
        if let Some(sequence) = self.start_sequence {
            return options.from_sequence(sequence);
        }
        if let Some(since) = self.since {
            options.deliver_policy = DeliverPolicy::ByStartTime;
            let start = jiff::Timestamp::now().saturating_sub(since);
            options.opt_start_time = start.ok().map(Into::into);
            return options;
        }
        options.deliver_policy = if self.new {
            DeliverPolicy::New
        } else if self.last {
            DeliverPolicy::Last
        } else if self.last_per_subject {
            DeliverPolicy::LastPerSubject
        } else {
            DeliverPolicy::All
        };
        options
    }

    /// In words, as it is said before the first message.
    fn text(&self) -> String {
        match (self.start_sequence, self.since) {
            (Some(sequence), _) => format!("starting at sequence {sequence}"),
            (_, Some(since)) => format!("since {}", format::duration(since)),
            _ if self.new => "for new messages".to_owned(),
            _ if self.last => "from last received message".to_owned(),
            _ if self.last_per_subject => "for last message per subject".to_owned(),
            _ => "from first received message".to_owned(),
        }
    }
}

pub async fn run(globals: &Globals, args: &Args, display: &Display) -> Result {
    let api = Api::connect(globals).await?;
    let subject = args.subjects.first();
    let stored = &args.stored;
    let name = stored.name(&api, subject).await?;
    let mut options = stored.from.options(subject);
    options.headers_only = args.headers_only || args.subjects_only;
    // On standard error, also when only bodies or dumps are wanted, as by the reference tool.
    let what = subject.map_or_else(|| format!("stream {name}"), |s| format!("subject {s}"));
    log_line!("Subscribing to {what} {}", stored.from.text());
    let mut messages = api.ordered_consumer(&name, options).await?;
    let shown = show(args, &mut messages, display).await;
    // Also after an error: the server need not keep the consumer.
    messages.stop().await?;
    shown
}

async fn show(args: &Args, messages: &mut OrderedConsumer, display: &Display) -> Result {
    let mut out = std::io::stdout();
    let mut pending = messages.first_info().num_pending;
    let mut number = 0;
    while !(args.stored.terminate_at_end && pending == 0) {
        let message = tokio::select! {
            message = messages.next() => message,
            () = interrupted() => return Ok(()),
            () = tokio::time::sleep(args.wait.unwrap_or_default()), if args.wait.is_some() => return Ok(()),
        };
        let Some(message) = message else {
            return Err(CliError::new("the connection was closed"));
        };
        let message = message?;
        pending = message.info()?.pending;
        if args.ignores(message.subject()) {
            continue;
        }
        number += 1;
        let (message, sequence) = incoming(&message)?;
        // Files are numbered as the stream numbers its messages.
        let shown = if args.dump.is_some() {
            sequence
        } else {
            number
        };
        display.show(&mut out, &message, None, shown).await?;
        out.flush()?;
        if args.count.is_some_and(|count| count > 0 && number >= count) {
            break;
        }
    }
    Ok(())
}

/// A message as it is shown, and its number in the stream.
fn incoming(message: &JetStreamMessage) -> Result<(Incoming, u64)> {
    let info = message.info()?;
    let line = format!(
        "stream: {} seq: {} / pending: {} / subject: {} / time: {}",
        info.stream,
        format::count(info.stream_sequence),
        format::count(info.pending),
        message.subject(),
        format::time(info.published.into())
    );
    let sequence = info.stream_sequence;
    let incoming = Incoming {
        subject: message.subject().to_owned(),
        reply: message.message().reply().map(str::to_owned),
        headers: message.headers().unwrap_or_default(),
        payload: message.payload().to_vec(),
        stored: Some(line),
    };
    Ok((incoming, sequence))
}

impl Args {
    fn ignores(&self, subject: &str) -> bool {
        let collides = |ignored: &String| subject::collides(subject.as_bytes(), ignored.as_bytes());
        self.ignore.iter().any(collides)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn line(flags: &[&str]) -> Option<StoredArgs> {
        let line = Line::try_parse_from(std::iter::once(&"x").chain(flags)).ok()?;
        Some(line.args.stored)
    }

    #[test]
    fn a_stream_begins_at_one_place() {
        assert!(!line(&["s"]).unwrap().wanted());
        assert!(line(&["s", "--all", "--new"]).is_none());
        assert!(line(&["s", "--last", "--queue", "q"]).is_none());
        assert!(line(&["s", "--stream", "S", "--graph"]).is_none());
        let stored = line(&["--stream", "S", "--start-sequence", "7"]).unwrap();
        assert!(stored.wanted() && stored.has_name());
        let options = stored.from.options(None);
        assert_eq!(options.opt_start_seq, 7);
        assert_eq!(options.deliver_policy, DeliverPolicy::ByStartSequence);
        let stored = line(&["s", "--last-per-subject"]).unwrap();
        let options = stored.from.options(Some(&"s".to_owned()));
        assert_eq!(options.filter_subjects, ["s"]);
        assert_eq!(options.deliver_policy, DeliverPolicy::LastPerSubject);
        assert!(line(&["s", "-T"]).unwrap().check(&["s".into()]).is_err());
    }
}
