//! `nats server check message`.

use std::time::Duration;

use jiff::Timestamp;
use nats_api::jetstream::MsgGetRequest;
use nats_client::jetstream::StreamMessage;
use regex::bytes::Regex;

use super::Report;
use super::outcome::{Figure, Outcome};
use super::thresholds::{seconds, set};
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::jetstream::Api;
use crate::output::format::duration_exact;
use crate::parse;

/// Check the last message of a subject of a stream: its age and what it says
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "msg",
    after_help = "Examples:\n  \
        nats server check message --stream ORDERS --subject orders.new --age-critical 1h\n  \
        nats server check message --stream JOBS --subject jobs.done --content '^ok' --body-timestamp"
)]
pub struct Args {
    /// Name of the stream
    #[arg(long)]
    stream: String,

    /// Subject of the message
    #[arg(long, default_value = ">")]
    subject: String,

    /// Warn when it is so old
    #[arg(long, value_name = "DURATION", value_parser = parse::duration)]
    age_warn: Option<Duration>,

    /// Critical when it is so old
    #[arg(long, value_name = "DURATION", value_parser = parse::duration)]
    age_critical: Option<Duration>,

    /// Critical unless the body matches this regular expression
    #[arg(long, value_name = "REGEX", default_value = ".")]
    content: Regex,

    /// The age is counted from the Unix time in the body
    #[arg(long)]
    body_timestamp: bool,

    #[command(flatten)]
    report: Report,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let mut outcome = Outcome::new("message", "Stream Message");
    if let Err(error) = check(globals, &args, &mut outcome).await {
        outcome.critical(error.to_string());
    }
    args.report.end(&outcome)
}

async fn check(globals: &Globals, args: &Args, outcome: &mut Outcome) -> Result {
    let api = Api::connect(globals)
        .await
        .map_err(|e| e.context("could not load info"))?;
    let request = MsgGetRequest {
        last_by_subj: args.subject.clone(),
        ..MsgGetRequest::default()
    };
    let message = match api.get_message(&args.stream, &request).await {
        Ok(message) => message,
        Err(error) if error.is(nats_client::jetstream::ApiError::NO_MESSAGE_FOUND) => {
            outcome.critical("no message found");
            return Ok(());
        }
        Err(error) => return Err(CliError::from(error).context("msg load failed")),
    };
    args.judge(&message, Timestamp::now(), outcome)
}

impl Args {
    fn judge(&self, message: &StreamMessage, now: Timestamp, outcome: &mut Outcome) -> Result {
        let time = if self.body_timestamp {
            unix_time(&message.payload)?
        } else {
            message.time.into()
        };
        let age = now.duration_since(time);
        let age = Duration::try_from(age).unwrap_or_default();
        let age = Duration::from_millis(u64::try_from(age.as_millis()).unwrap_or(u64::MAX));
        outcome.figure(Figure {
            help: "The age of the message",
            name: "age",
            value: age.as_secs_f64(),
            warn: seconds(self.age_warn),
            crit: seconds(self.age_critical),
            unit: "s",
        });
        outcome.figure(Figure {
            help: "The size of the message",
            name: "size",
            value: message.payload.len() as f64,
            warn: 0.0,
            crit: 0.0,
            unit: "B",
        });
        let older = |limit: Option<Duration>| set(limit).is_some_and(|limit| age > limit);
        let text = format!("{} old", duration_exact(age));
        if older(self.age_critical) {
            outcome.critical(text);
        } else if older(self.age_warn) {
            outcome.warn(text);
        }
        if !self.content.is_match(&message.payload) {
            outcome.critical(format!("does not match regex: {}", self.content));
        }
        let fine = format!("Valid message on {} > {}", self.stream, self.subject);
        outcome.ok_if_nothing_else(&fine);
        Ok(())
    }
}

fn unix_time(body: &[u8]) -> Result<Timestamp> {
    let text = String::from_utf8_lossy(body);
    let seconds = text.trim().parse().ok();
    seconds
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
        .ok_or_else(|| CliError::new(format!("invalid timestamp body: {:?}", text.trim())))
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use nats_client::HeaderMap;

    use super::super::outcome::Form;
    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn judged(flags: &[&str], body: &'static str) -> String {
        let now: Timestamp = "2026-01-01T01:00:00Z".parse().unwrap();
        let message = StreamMessage {
            stream: "S".into(),
            subject: "a".into(),
            sequence: 1,
            time: "2026-01-01T00:00:00Z".parse().unwrap(),
            headers: HeaderMap::new(),
            payload: body.into(),
        };
        let flags = ["x", "--stream", "S", "--subject", "a"].iter().chain(flags);
        let mut outcome = Outcome::new("message", "M");
        let result = Line::try_parse_from(flags)
            .unwrap()
            .args
            .judge(&message, now, &mut outcome);
        if let Err(error) = result {
            return error.to_string();
        }
        let text = outcome.render(Form::Nagios, "");
        text.split(" | ").next().unwrap_or_default().to_owned()
    }

    #[test]
    fn age_and_content_are_judged() {
        assert_eq!(judged(&[], "ok"), "OK M OK:Valid message on S > a");
        assert_eq!(
            judged(&["--age-warn", "30m", "--age-critical", "2h"], "ok"),
            "WARNING M Warn:1h0m0s old"
        );
        assert_eq!(
            judged(&["--age-critical", "59m"], "ok"),
            "CRITICAL M Crit:1h0m0s old"
        );
        assert_eq!(
            judged(&["--content", "^done"], "ok"),
            "CRITICAL M Crit:does not match regex: ^done"
        );
    }

    #[test]
    fn the_body_may_hold_the_time() {
        // Ten seconds before the hour.
        let flags = ["--body-timestamp", "--age-critical", "5s"];
        assert_eq!(judged(&flags, "1767229190\n"), "CRITICAL M Crit:10s old");
        assert_eq!(judged(&flags, "soon"), "invalid timestamp body: \"soon\"");
    }
}
