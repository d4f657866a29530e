//! Publishing into a stream: the flags, and what is said about the answers.

use std::time::Duration;

use nats_api::time::Timestamp;
use nats_client::jetstream::{AtomicBatch, MessageTtl, PubAck, PublishOptions, Schedule};

use crate::error::{CliError, Result};
use crate::jetstream::Api;
use crate::messaging::Outgoing;
use crate::output::format;
use crate::parse;

#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "JetStream")]
pub struct StoreArgs {
    /// Wait until a stream has stored each message
    #[arg(short = 'J', long, conflicts_with = "reply")]
    jetstream: bool,

    /// Store all messages or none: those of --count, or the lines of standard input with --send-on newline
    #[arg(long, conflicts_with_all = ["reply", "schedule_dest"])]
    atomic: bool,

    /// Publish the message on this subject when its time has come
    #[arg(long, value_name = "SUBJECT", conflicts_with = "reply")]
    schedule_dest: Option<String>,

    #[command(flatten)]
    when: When,

    /// Publish the last message of this subject instead of the body
    #[arg(long, value_name = "SUBJECT", requires = "schedule_dest")]
    schedule_source: Option<String>,

    /// What the schedule publishes lives so long
    #[arg(long, value_name = "DURATION", requires = "schedule_dest", value_parser = parse::duration)]
    schedule_ttl: Option<Duration>,
}

#[derive(Debug, Clone, clap::Args)]
#[group(id = "when", requires = "schedule_dest")]
struct When {
    /// Publish it after so long
    #[arg(long, value_name = "DURATION", value_parser = parse::age, allow_negative_numbers = true)]
    schedule_after: Option<Duration>,

    /// Publish it at this time, as RFC 3339
    #[arg(long, value_name = "TIME")]
    schedule_at: Option<jiff::Timestamp>,

    /// Publish it by a cron pattern of six fields, or a word such as @hourly
    #[arg(long, value_name = "PATTERN")]
    schedule_cron: Option<String>,

    /// Publish it every so often
    #[arg(long, value_name = "DURATION", value_parser = parse::age, allow_negative_numbers = true)]
    schedule_every: Option<Duration>,
}

impl StoreArgs {
    /// Whether streams are wanted at all.
    pub fn wanted(&self) -> bool {
        self.jetstream || self.atomic || self.schedule_dest.is_some()
    }

    /// Whether the messages are one batch.
    pub fn atomic(&self) -> bool {
        self.atomic
    }

    /// Says what does not go together, in the words of the reference tool.
    pub fn check(&self, is_one_body_from_stdin: bool) -> Result {
        let when = &self.when;
        let (at, after) = (when.schedule_at.is_some(), when.schedule_after.is_some());
        let (every, cron) = (when.schedule_every.is_some(), when.schedule_cron.is_some());
        let mistake = if self.atomic && is_one_body_from_stdin {
            "atomic batch publishing requires JetStream and STDIN with --send-on=newline"
        } else if when.schedule_after.is_some_and(|time| time.is_zero()) {
            "--schedule-after must be greater than 0"
        } else if when.schedule_every.is_some_and(|time| time.is_zero()) {
            "--schedule-every must be greater than 0"
        } else if at && after {
            "--schedule-at and --schedule-after are mutually exclusive"
        } else if every && (at || after) {
            "--schedule-every may not be used with --schedule-at or --schedule-after"
        } else if cron && (at || after || every) {
            "--schedule-at, --schedule-every and --schedule-after may not be used with --schedule-cron"
        } else {
            return Ok(());
        };
        Err(CliError::new(mistake))
    }

    /// The schedule, counted from now.
    fn schedule(&self) -> Option<Schedule> {
        let target = self.schedule_dest.as_deref()?;
        let when = &self.when;
        let mut schedule = if let Some(after) = when.schedule_after {
            let now = jiff::Timestamp::now();
            let time = now.saturating_add(after).unwrap_or(jiff::Timestamp::MAX);
            Schedule::at(Timestamp::from(time), target)
        } else if let Some(time) = when.schedule_at {
            Schedule::at(Timestamp::from(time), target)
        } else if let Some(interval) = when.schedule_every {
            Schedule::every(interval, target)
        } else {
            Schedule::cron(when.schedule_cron.as_deref()?, target)
        };
        if let Some(ttl) = self.schedule_ttl {
            schedule = schedule.ttl(MessageTtl::For(ttl));
        }
        if let Some(source) = &self.schedule_source {
            schedule = schedule.source(source);
        }
        Some(schedule)
    }

    /// The headers of a message: its own, then those of the schedule.
    fn options(&self, message: &Outgoing) -> Result<PublishOptions> {
        let mut options = PublishOptions::with_headers(message.headers.clone());
        if let Some(schedule) = self.schedule() {
            for (name, value) in schedule.options().headers()? {
                options = options.header(name, value);
            }
        }
        Ok(options)
    }

    /// Stores a message.
    pub async fn store(&self, api: &Api, message: &Outgoing) -> Result<PubAck> {
        let options = self.options(message)?;
        let Outgoing {
            subject, payload, ..
        } = message;
        Ok(api.publish_with(subject, payload, &options).await?)
    }
}

/// A batch that is stored as a whole, or not at all. Its last message ends it: that one waits here.
pub struct Batch {
    open: AtomicBatch,
    last: Option<Outgoing>,
}

impl Batch {
    pub fn new(api: &Api) -> Self {
        Self {
            open: api.atomic_batch(),
            last: None,
        }
    }

    pub async fn add(&mut self, message: Outgoing) -> Result {
        if let Some(earlier) = self.last.replace(message) {
            let options = PublishOptions::with_headers(earlier.headers);
            let added = self
                .open
                .add_with(&earlier.subject, earlier.payload, options);
            added.await?;
        }
        Ok(())
    }

    /// `None` when nothing was added.
    pub async fn store(self) -> Result<Option<PubAck>> {
        let Some(last) = self.last else {
            return Ok(None);
        };
        let options = PublishOptions::with_headers(last.headers);
        let stored = self.open.commit_with(&last.subject, last.payload, options);
        Ok(Some(stored.await?))
    }
}

/// What the server said about a message.
pub fn stored_line(ack: &PubAck) -> String {
    let mut line = format!(
        "Stored in Stream: {} Sequence: {}",
        ack.stream,
        format::count(ack.seq)
    );
    if !ack.domain.is_empty() {
        line += &format!(" Domain: {:?}", ack.domain);
    }
    if ack.duplicate {
        line += " Duplicate: true";
    }
    line + &counter(ack)
}

/// The same about a batch.
pub fn batch_line(ack: &PubAck) -> String {
    let mut line = format!(
        "Wrote batch ID: {} Messages: {} Sequence: {}",
        ack.batch,
        format::count(ack.count),
        format::count(ack.seq)
    );
    if !ack.domain.is_empty() {
        line += &format!(" Domain: {:?}", ack.domain);
    }
    line + &counter(ack)
}

fn counter(ack: &PubAck) -> String {
    if ack.val.is_empty() {
        String::new()
    } else {
        format!(" Counter Value: {}", ack.val)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[arg(long = "reply", id = "reply")]
        _reply: Option<String>,

        #[command(flatten)]
        store: StoreArgs,
    }

    fn line(flags: &[&str]) -> Option<StoreArgs> {
        let line = Line::try_parse_from(std::iter::once(&"x").chain(flags)).ok()?;
        Some(line.store)
    }

    fn headers(flags: &[&str]) -> Vec<(String, String)> {
        let options = line(flags).unwrap().schedule().unwrap().options();
        let headers = options.headers().unwrap();
        let pairs = headers.iter();
        pairs.map(|(n, v)| (n.to_owned(), v.to_owned())).collect()
    }

    #[test]
    fn a_schedule_has_one_time_and_a_destination() {
        assert!(!line(&[]).unwrap().wanted());
        assert!(line(&["--schedule-every", "1m"]).is_none());
        // A destination alone is a plain message for a stream, as by the reference tool.
        assert!(line(&["--schedule-dest", "d"]).unwrap().wanted());
        for (flags, why) in [
            ("--schedule-every 0s", "must be greater than 0"),
            ("--schedule-after=-1m", "must be greater than 0"),
            ("--schedule-every 1m --schedule-after 1m", "may not be used"),
            (
                "--schedule-cron @daily --schedule-every 1m",
                "may not be used",
            ),
        ] {
            let flags: Vec<&str> = ["--schedule-dest", "d"]
                .into_iter()
                .chain(flags.split(' '))
                .collect();
            let error = line(&flags).unwrap().check(false).unwrap_err();
            assert!(error.to_string().contains(why), "{flags:?}: {error}");
        }
        assert!(line(&["--atomic"]).unwrap().check(true).is_err());
        assert!(line(&["--atomic"]).unwrap().check(false).is_ok());
        assert!(line(&["--jetstream", "--reply", "r"]).is_none());
        let flags = [
            "--schedule-dest",
            "d",
            "--schedule-at",
            "2030-01-02T03:04:05+01:00",
            "--schedule-ttl",
            "1m",
        ];
        assert!(line(&flags).unwrap().wanted());
        let pairs = headers(&flags);
        let has = |name: &str, value: &str| pairs.iter().any(|(n, v)| n == name && v == value);
        assert!(
            has("Nats-Schedule", "@at 2030-01-02T02:04:05Z"),
            "{pairs:?}"
        );
        assert!(has("Nats-Schedule-Target", "d"), "{pairs:?}");
        assert!(has("Nats-Schedule-TTL", "60"), "{pairs:?}");
    }

    #[test]
    fn answers_are_one_line() {
        let ack = PubAck {
            stream: "ORDERS".into(),
            seq: 1_234,
            duplicate: true,
            val: "7".into(),
            ..PubAck::default()
        };
        assert_eq!(
            stored_line(&ack),
            "Stored in Stream: ORDERS Sequence: 1,234 Duplicate: true Counter Value: 7"
        );
    }
}
