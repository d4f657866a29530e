//! `nats subscribe --stream`: what a stream holds, and what comes to it, in order.
//!
//! [`source`] says from where messages come: a consumer of our own, one that exists, or [`direct`] gets.

mod direct;
mod source;

use std::io::Write;
use std::pin::pin;
use std::time::{Duration, Instant};

use nats_client::jetstream::{ConsumerConfig, DeliverPolicy, OrderedOptions};
use nats_proto::subject;

use super::Args;
use super::report;
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::jetstream::Api;
use crate::messaging::{Display, SubjectRates};
use crate::output::format;
use crate::parse;
use crate::signals::interrupted;
use source::{Arrival, Source};

/// How often the table of subjects is drawn.
const REDRAW: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "JetStream")]
pub struct StoredArgs {
    /// Show the messages of this stream
    #[arg(long, conflicts_with_all = ["queue", "inbox", "match_replies", "graph"])]
    stream: Option<String>,

    #[command(flatten)]
    from: Begin,

    /// End after the last message
    #[arg(short = 'T', long)]
    terminate_at_end: bool,

    /// Read by this consumer of the stream, and acknowledge what was shown; it is made when it does not exist
    #[arg(
        long,
        value_name = "CONSUMER",
        requires = "stream",
        conflicts_with = "subjects"
    )]
    durable: Option<String>,

    /// Read without a consumer; always so with streams of which consumers take messages away
    #[arg(long, conflicts_with_all = ["queue", "inbox", "match_replies", "graph"])]
    direct: bool,
}

/// Where to begin.
#[derive(Debug, Clone, clap::Args)]
#[group(multiple = false, conflicts_with_all = ["queue", "inbox", "match_replies", "graph"])]
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
        self.stream.is_some() || self.direct || self.from.is_given()
    }

    /// Whether the stream has a name, so that no subject is needed.
    pub fn has_name(&self) -> bool {
        self.stream.is_some()
    }

    pub fn check(&self, subjects: &[String]) -> Result {
        if self.direct && self.durable.is_some() {
            return Err(
                CliError::new("cannot use direct get when a durable name is supplied")
                    .next_step("leave out --direct, or --durable"),
            );
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
        self.policy() != DeliverPolicy::All || self.all
    }

    fn policy(&self) -> DeliverPolicy {
        if self.start_sequence.is_some() {
            DeliverPolicy::ByStartSequence
        } else if self.since.is_some() {
            DeliverPolicy::ByStartTime
        } else if self.new {
            DeliverPolicy::New
        } else if self.last {
            DeliverPolicy::Last
        } else if self.last_per_subject {
            DeliverPolicy::LastPerSubject
        } else {
            DeliverPolicy::All
        }
    }

    /// The moment that `--since` means.
    fn moment(&self) -> Option<nats_api::time::Timestamp> {
        let start = jiff::Timestamp::now().saturating_sub(self.since?);
        start.ok().map(Into::into)
    }

    /// Servers want a filter where the last message of each subject is asked for.
    fn filters(&self, subject: Option<&String>) -> Vec<String> {
        match subject {
            None if self.last_per_subject => vec![">".to_owned()],
            subject => subject.into_iter().cloned().collect(),
        }
    }

    fn options(&self, subject: Option<&String>) -> OrderedOptions {
        OrderedOptions {
            filter_subjects: self.filters(subject),
            deliver_policy: self.policy(),
            opt_start_seq: self.start_sequence.unwrap_or_default(),
            opt_start_time: self.moment(),
            ..OrderedOptions::default()
        }
    }

    /// The same for a consumer that stays.
    fn configure(&self, config: &mut ConsumerConfig) {
        config.deliver_policy = self.policy();
        if self.last_per_subject {
            ">".clone_into(&mut config.filter_subject);
        }
        config.opt_start_seq = self.start_sequence.unwrap_or_default();
        config.opt_start_time = self.moment();
    }

    /// The same of what is read without a consumer.
    fn direct_text(&self) -> String {
        match (self.start_sequence, self.since) {
            (Some(sequence), _) => format!("starting with sequence {sequence}"),
            (_, Some(since)) => {
                format!("starting with messages since {}", format::duration(since))
            }
            _ if self.new => "delivering any new messages received".to_owned(),
            _ if self.last => "starting with the last message received".to_owned(),
            _ if self.last_per_subject => {
                "for the last messages for each subject in the Stream".to_owned()
            }
            _ => "starting with the first message received".to_owned(),
        }
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
    let name = args.stored.name(&api, args.subjects.first()).await?;
    let stream = api.stream(&name).await?;
    let mut source = Source::open(&api, args, &stream).await?;
    let shown = if args.report_subjects || args.report_subscriptions {
        count(globals, args, &mut source).await
    } else {
        show(args, &mut source, display).await
    };
    // Also after an error: the server need not keep the consumer, and should hear about the last messages.
    source.stop().await?;
    api.client().flush().await?;
    shown
}

/// Shows messages one by one.
async fn show(args: &Args, source: &mut Source, display: &Display) -> Result {
    let mut out = std::io::stdout();
    let mut number = 0;
    while let Some(arrival) = next(args, source, async || Ok(())).await? {
        if !args.ignores(&arrival.incoming.subject) {
            number += 1;
            // Files are numbered as the stream numbers its messages.
            let shown = if args.dump.is_some() {
                arrival.sequence
            } else {
                number
            };
            display
                .show(&mut out, &arrival.incoming, None, shown)
                .await?;
            out.flush()?;
        }
        acknowledge(args, &arrival).await?;
        if args.is_last(number) {
            break;
        }
    }
    Ok(())
}

/// Counts messages by subject, and shows how many there are once a second.
async fn count(globals: &Globals, args: &Args, source: &mut Source) -> Result {
    let mut rates = SubjectRates::default();
    let mut drawn = Instant::now();
    let mut number = 0;
    loop {
        let redraw = async || report::draw(globals, args, &rates);
        let Some(arrival) = next(args, source, redraw).await? else {
            break;
        };
        if !args.ignores(&arrival.incoming.subject) {
            number += 1;
            rates.add(&arrival.incoming.subject, arrival.incoming.payload.len());
        }
        acknowledge(args, &arrival).await?;
        if args.is_last(number) {
            break;
        }
        if drawn.elapsed() >= REDRAW {
            report::draw(globals, args, &rates)?;
            drawn = Instant::now();
        }
    }
    report::draw(globals, args, &rates)
}

/// The next message; `None` at the end that the flags say. `idle` is called while there is none, once a second.
async fn next(
    args: &Args,
    source: &mut Source,
    idle: impl AsyncFn() -> Result,
) -> Result<Option<Arrival>> {
    if args.stored.terminate_at_end && source.is_at_end() {
        return Ok(None);
    }
    let waited = args.wait.unwrap_or_default();
    let mut over = pin!(tokio::time::sleep(waited));
    // Kept from one second to the next: what is under way must not be given up.
    let mut arrival = pin!(source.next());
    loop {
        tokio::select! {
            arrival = &mut arrival => {
                let closed = || CliError::new("the connection was closed");
                return arrival.unwrap_or_else(|| Err(closed())).map(Some);
            }
            () = interrupted() => return Ok(None),
            () = &mut over, if args.wait.is_some() => return Ok(None),
            () = tokio::time::sleep(REDRAW) => idle().await?,
        }
    }
}

/// Tells a consumer that acknowledges that this message was shown.
async fn acknowledge(args: &Args, arrival: &Arrival) -> Result {
    match &arrival.acknowledge {
        Some(message) if !args.no_ack => Ok(message.ack().await?),
        _ => Ok(()),
    }
}

impl Args {
    fn ignores(&self, subject: &str) -> bool {
        let collides = |ignored: &String| subject::collides(subject.as_bytes(), ignored.as_bytes());
        self.ignore.iter().any(collides)
    }

    fn is_last(&self, number: u64) -> bool {
        self.count.is_some_and(|count| count > 0 && number >= count)
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
        assert!(line(&["s", "--direct", "--inbox"]).is_none());
        assert!(line(&["--durable", "D"]).is_none());
        assert!(line(&["s", "--stream", "S", "--durable", "D"]).is_none());
        let both = line(&["--stream", "S", "--durable", "D", "--direct"]).unwrap();
        assert!(both.check(&[]).is_err());
        assert!(line(&["s", "--stream", "S", "--graph"]).is_none());
        let stored = line(&["--stream", "S", "--start-sequence", "7"]).unwrap();
        assert!(stored.wanted() && stored.has_name());
        let options = stored.from.options(None);
        assert_eq!(options.opt_start_seq, 7);
        assert_eq!(options.deliver_policy, DeliverPolicy::ByStartSequence);
        let stored = line(&["s", "--last-per-subject"]).unwrap();
        let options = stored.from.options(Some(&"s".to_owned()));
        assert_eq!(options.filter_subjects, ["s"]);
        assert_eq!(stored.from.options(None).filter_subjects, [">"]);
        assert_eq!(options.deliver_policy, DeliverPolicy::LastPerSubject);
        assert!(line(&["s", "-T"]).unwrap().check(&["s".into()]).is_err());
    }
}
