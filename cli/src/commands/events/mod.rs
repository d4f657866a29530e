//! `nats events`: what to listen to.
//!
//! Called by the root registry only. [`render`] makes text of an event and knows no connection, [`advisory`] a line of JetStream's; an event that it cannot
//! read is shown as it came, never left out.

mod advisory;
mod render;

use std::time::Duration;

use clap_complete::ArgValueCompleter;
use nats_client::jetstream::{DeliverPolicy, OrderedOptions};
use nats_client::{Client, Message};
use regex::{Regex, RegexBuilder};
use tokio::sync::mpsc;

use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::jetstream::Api;
use crate::output::format;
use crate::parse;
use crate::signals::interrupted;
use render::Form;

/// Subjects of the server's own events, with what to call them.
const SERVER: [(&str, &str); 3] = [
    ("Client Connection events", "$SYS.ACCOUNT.*.CONNECT"),
    ("Client Disconnection events", "$SYS.ACCOUNT.*.DISCONNECT"),
    (
        "Authentication Errors events",
        "$SYS.SERVER.*.CLIENT.AUTH.ERR",
    ),
];

/// Events that wait to be shown.
const WAITING_MAX: usize = 4_096;

/// Show connections, disconnections and other events as they happen
///
/// The events of the server come to users of the system account only.
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "event",
    alias = "e",
    after_help = "Examples:\n  \
        nats events --context system\n  \
        nats events --short --filter 'app-[0-9]+'\n  \
        nats events --json | jq .client.user\n  \
        nats events --no-srv-advisory --subjects 'latency.>'\n  \
        nats events --stream EVENTS --since 1h --short"
)]
pub struct Args {
    /// Show all kinds of events
    #[arg(short, long)]
    all: bool,

    /// Print the events as they are: JSON, one per line
    #[arg(short, long, conflicts_with_all = ["cloudevent", "short"])]
    json: bool,

    /// Print CloudEvents v1
    #[arg(long, conflicts_with = "short")]
    cloudevent: bool,

    /// Print a line per event
    #[arg(long)]
    short: bool,

    /// Show events that match this regular expression, whatever the case of the letters
    #[arg(
        long,
        value_name = "REGEX",
        default_value = ".",
        hide_default_value = true
    )]
    filter: String,

    /// Show JetStream metrics
    #[arg(long)]
    js_metric: bool,

    /// Show JetStream advisories
    #[arg(long)]
    js_advisory: bool,

    /// Leave out the events of the server
    #[arg(long, overrides_with = "srv_advisory")]
    no_srv_advisory: bool,

    /// Show the events of the server (default)
    #[arg(long, overrides_with = "no_srv_advisory", hide = true)]
    srv_advisory: bool,

    /// Show the events on these subjects
    #[arg(long, value_name = "SUBJECT")]
    subjects: Vec<String>,

    /// Show the events that this stream holds, and those that come to it
    #[arg(long, conflicts_with_all = ["all", "js_metric", "js_advisory", "subjects"], add = ArgValueCompleter::new(crate::complete::streams))]
    stream: Option<String>,

    /// Only those of the last DURATION
    #[arg(long, value_name = "DURATION", requires = "stream", value_parser = parse::duration)]
    since: Option<Duration>,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let filter = RegexBuilder::new(&args.filter)
        .case_insensitive(true)
        .build();
    let filter = filter.map_err(|e| CliError::new(format!("--filter: {e}")))?;
    if let Some(stream) = &args.stream {
        return stored(globals, &args, stream, &filter).await;
    }
    let subjects = args.listened(&globals.context()?.settings.jetstream_event_prefix);
    if subjects.is_empty() {
        return Err(CliError::new("no events were chosen")
            .next_step("leave out --no-srv-advisory, or name --subjects"));
    }
    let client = globals.connect().await?;
    let (sender, mut receiver) = mpsc::channel(WAITING_MAX);
    for (kind, subject) in subjects {
        if args.form().is_text() {
            outln!("Listening for {kind} on {subject}")?;
        }
        forward(&client, &subject, sender.clone()).await?;
    }
    // So that the end of the last subscription is seen.
    drop(sender);
    client.flush().await?;
    if globals.trace() {
        log_line!(">>> The server knows the subscriptions");
    }
    loop {
        tokio::select! {
            event = receiver.recv() => match event {
                Some(event) => show(&event, args.form(), &filter, globals.trace())?,
                None => return Err(CliError::new("the connection was closed")),
            },
            () = interrupted() => return Ok(()),
        }
    }
}

/// What a stream holds of events.
async fn stored(globals: &Globals, args: &Args, stream: &str, filter: &Regex) -> Result {
    let api = Api::connect(globals).await?;
    api.stream(stream).await?;
    let start = args.since.and_then(|since| {
        let start = jiff::Timestamp::now().saturating_sub(since);
        start.ok()
    });
    let mut options = OrderedOptions::default();
    if let Some(start) = start {
        options.deliver_policy = DeliverPolicy::ByStartTime;
        options.opt_start_time = Some(start.into());
    }
    if args.form().is_text() {
        let since = start.map_or_else(String::new, |start| {
            format!(" since {}", format::time(start))
        });
        outln!("Listening for Events in stream {stream}{since}")?;
    }
    let mut events = api.ordered_consumer(stream, options).await?;
    let shown = loop {
        tokio::select! {
            event = events.next() => match event {
                Some(Ok(event)) => show(event.message(), args.form(), filter, globals.trace())?,
                Some(Err(error)) => break Err(error.into()),
                None => break Err(CliError::new("the connection was closed")),
            },
            () = interrupted() => break Ok(()),
        }
    };
    events.stop().await?;
    shown
}

impl Args {
    fn form(&self) -> Form {
        if self.cloudevent {
            Form::CloudEvent
        } else if self.json {
            Form::Json
        } else if self.short {
            Form::Short
        } else {
            Form::Text
        }
    }

    /// What to listen to: a name for people, and the subject. JetStream's subjects may be imported under a prefix.
    fn listened(&self, js_prefix: &str) -> Vec<(String, String)> {
        let prefixed = |kind: &str| match js_prefix {
            "" => format!("$JS.EVENT.{kind}.>"),
            prefix => format!("{}.{kind}.>", prefix.trim_end_matches('.')),
        };
        let mut subjects = Vec::new();
        if self.js_advisory || self.all {
            subjects.push(("Advisories".to_owned(), prefixed("ADVISORY")));
        }
        if self.js_metric || self.all {
            subjects.push(("Metrics".to_owned(), prefixed("METRIC")));
        }
        if !self.no_srv_advisory || self.all {
            subjects.extend(
                SERVER
                    .iter()
                    .map(|(kind, subject)| ((*kind).to_owned(), (*subject).to_owned())),
            );
        }
        subjects.extend(
            self.subjects
                .iter()
                .map(|subject| ("advisories".to_owned(), subject.clone())),
        );
        subjects
    }
}

async fn forward(client: &Client, subject: &str, sender: mpsc::Sender<Message>) -> Result {
    let mut events = client
        .subscribe(subject)
        .await
        .map_err(|e| CliError::from(e).context(subject))?;
    tokio::spawn(async move {
        while let Some(event) = events.next().await {
            if sender.send(event).await.is_err() {
                return;
            }
        }
    });
    Ok(())
}

fn show(event: &Message, form: Form, filter: &Regex, trace: bool) -> Result {
    if !filter.is_match(&event.text()) {
        return Ok(());
    }
    if trace {
        log_line!("Received an event on subject {}", event.subject());
    }
    match render::event(event.payload(), form) {
        Ok(text) => outln!("{text}"),
        Err(error) => outln!(
            "Event error on {}: {error}\n\n          {}",
            event.subject(),
            event.text()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn subjects(flags: &[&str], prefix: &str) -> Vec<String> {
        let line = <Line as clap::Parser>::try_parse_from(["events"].iter().chain(flags)).unwrap();
        line.args
            .listened(prefix)
            .into_iter()
            .map(|(_, subject)| subject)
            .collect()
    }

    #[test]
    fn the_flags_choose_the_subjects() {
        assert_eq!(subjects(&[], ""), [SERVER[0].1, SERVER[1].1, SERVER[2].1]);
        assert_eq!(
            subjects(&["--no-srv-advisory", "--subjects", "a.>"], ""),
            ["a.>"]
        );
        assert_eq!(
            subjects(&["--no-srv-advisory", "--js-metric"], "imported."),
            ["imported.METRIC.>"]
        );
        assert_eq!(subjects(&["--all"], "").len(), 5);
    }
}
