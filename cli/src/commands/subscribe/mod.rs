//! `nats subscribe`: the flags, and which way of showing messages they ask for.
//!
//! [`feed`] brings the messages of all subscriptions together; [`show`] prints them one by one, [`report`] counts them,
//! [`graph`] draws their rates; [`stored`] reads a stream.

mod feed;
mod graph;
mod report;
mod show;
mod stored;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::messaging::{Clock, Display, Form, Translation};
use crate::parse;
use feed::Feed;

/// Show the messages of subjects
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "sub",
    after_help = "Examples:\n  \
        nats sub 'orders.>'\n  \
        nats sub orders.new orders.changed --queue workers --count 10\n  \
        nats sub 'logs.>' --raw | grep ERROR\n  \
        nats sub '>' --report-subjects --report-top 20\n  \
        nats sub 'orders.>' 'payments.>' --graph\n  \
        nats sub --stream ORDERS --last-per-subject\n  \
        nats sub --stream ORDERS --durable BILLING --count 10"
)]
pub struct Args {
    /// Subjects to subscribe to
    subjects: Vec<String>,

    /// Share the messages with the other members of this queue group
    #[arg(long, value_name = "GROUP")]
    queue: Option<String>,

    /// Show bodies and nothing else
    #[arg(short, long)]
    raw: bool,

    /// Run bodies through this command before showing them; {{Subject}} is filled in
    #[arg(long, value_name = "COMMAND")]
    translate: Option<String>,

    /// Show requests together with their replies
    #[arg(long)]
    match_replies: bool,

    /// Subscribe to a new inbox
    #[arg(short, long)]
    inbox: bool,

    /// End after so many messages
    #[arg(long, value_name = "COUNT")]
    count: Option<u64>,

    /// Save each message as a JSON file in this directory; - writes them to standard output, each followed by a NUL for
    /// xargs -0
    #[arg(long, value_name = "DIRECTORY")]
    dump: Option<String>,

    /// Show headers, no bodies
    #[arg(long)]
    headers_only: bool,

    /// Show subjects, no headers and no bodies
    #[arg(long)]
    subjects_only: bool,

    /// Leave out messages of these subjects
    #[arg(
        short = 'I',
        long = "ignore-subject",
        value_name = "SUBJECT",
        value_delimiter = ','
    )]
    ignore: Vec<String>,

    /// End when no message comes for so long
    #[arg(long, value_name = "DURATION", value_parser = parse::duration)]
    wait: Option<Duration>,

    /// Show a table of the busiest subjects
    #[arg(long)]
    report_subjects: bool,

    /// Show a table of the busiest subscriptions
    #[arg(long)]
    report_subscriptions: bool,

    /// Rows of these tables
    #[arg(long, value_name = "ROWS", default_value_t = 10)]
    report_top: usize,

    /// Show the time of each message
    #[arg(short, long, conflicts_with = "delta_time")]
    timestamp: bool,

    /// Show the time since the start of each message
    #[arg(short, long)]
    delta_time: bool,

    /// Draw the rate of messages per second
    #[arg(long)]
    graph: bool,

    /// Acknowledge messages that a JetStream consumer delivers to the subject
    #[arg(long, overrides_with = "no_ack")]
    ack: bool,

    /// Acknowledge nothing (default)
    #[arg(long, overrides_with = "ack", hide = true)]
    no_ack: bool,

    #[command(flatten)]
    stored: stored::StoredArgs,
}

pub async fn run(globals: &Globals, mut args: Args) -> Result {
    args.check()?;
    let translation = args
        .translate
        .as_deref()
        .map(Translation::parse)
        .transpose()?;
    if args.stored.wanted() {
        return stored::run(globals, &args, &args.display(translation)?).await;
    }
    let client = globals.connect().await?;
    if args.subjects.is_empty() {
        args.subjects.push(client.new_inbox());
    }
    if !args.is_quiet() || args.inbox {
        let acknowledging = if args.ack {
            " with acknowledgement of JetStream messages"
        } else {
            ""
        };
        log_line!("Subscribing on {}{acknowledging}", args.subjects.join(", "));
        if !args.ignore.is_empty() {
            log_line!("Ignored subjects: {}", args.ignore.join(", "));
        }
    }
    let mut feed = Feed::new(client, &args);
    // Before the requests, or the first replies would be missed.
    if args.match_replies {
        let inboxes = format!("{}.>", globals.inbox_prefix());
        if !args.is_quiet() {
            log_line!("Matching replies with inbox prefix {inboxes}");
        }
        feed.watch_replies(&inboxes).await?;
    }
    for subject in &args.subjects {
        feed.subscribe(subject, args.queue.as_deref()).await?;
    }
    feed.ready().await?;
    if globals.trace() {
        log_line!(">>> The server knows the subscriptions");
    }
    if args.graph {
        return graph::run(&args, feed).await;
    }
    if args.report_subjects || args.report_subscriptions {
        return report::run(globals, &args, feed).await;
    }
    let display = args.display(translation)?;
    show::run(&args, feed, &display).await
}

impl Args {
    fn check(&self) -> Result {
        self.stored.check(&self.subjects)?;
        if self.subjects.is_empty() && !self.inbox && !self.stored.has_name() {
            return Err(CliError::new("no subject to subscribe to")
                .next_step("name one: nats sub 'orders.>'; or generate an inbox with --inbox"));
        }
        if self.inbox && self.dump.as_deref() == Some("-") {
            return Err(CliError::new(
                "--inbox cannot be used with --dump -: the inbox's name would be lost",
            ));
        }
        if self.report_top == 0 {
            return Err(CliError::new("--report-top must be at least 1"));
        }
        Ok(())
    }

    /// Nothing but messages may be printed.
    fn is_quiet(&self) -> bool {
        self.raw || self.dump.is_some()
    }

    fn display(&self, translation: Option<Translation>) -> Result<Display> {
        let form = match &self.dump {
            Some(place) if place == "-" => Form::DumpToStdout,
            Some(folder) => {
                let folder = PathBuf::from(folder);
                std::fs::create_dir_all(&folder)
                    .map_err(|e| CliError::from(e).context(folder.display()))?;
                Form::DumpTo(folder)
            }
            None if self.raw => Form::Raw,
            None => Form::Pretty {
                headers_only: self.headers_only,
                subjects_only: self.subjects_only,
            },
        };
        let clock = if self.timestamp {
            Clock::Timestamp
        } else if self.delta_time {
            Clock::Delta(Instant::now())
        } else {
            Clock::None
        };
        Ok(Display {
            form,
            clock,
            translation,
        })
    }
}
