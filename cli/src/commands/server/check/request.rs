//! `nats server check request`.

use std::time::{Duration, Instant};

use nats_client::{HeaderMap, Message};
use regex::bytes::Regex;

use super::Report;
use super::outcome::{Figure, Outcome};
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::output::format::duration;
use crate::parse;

/// Check that a service answers
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "req",
    after_help = "Examples:\n  \
        nats server check request --subject svc.ping --payload hello\n  \
        nats server check request --subject svc.ping --match-payload '^pong' --response-critical 1s"
)]
pub struct Args {
    /// Subject to send the request to
    #[arg(long)]
    subject: String,

    /// Body of the request
    #[arg(long, default_value = "", hide_default_value = true)]
    payload: String,

    /// Headers of the request
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    headers: Vec<(String, String)>,

    /// Critical unless the response matches this regular expression
    #[arg(long, value_name = "REGEX")]
    match_payload: Option<Regex>,

    /// Critical unless the response has these headers
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    match_headers: Vec<(String, String)>,

    /// Critical when the response takes longer
    #[arg(long, value_name = "DURATION", value_parser = parse::duration)]
    response_critical: Option<Duration>,

    /// Warn when the response takes longer
    #[arg(long, value_name = "DURATION", value_parser = parse::duration)]
    response_warn: Option<Duration>,

    #[command(flatten)]
    report: Report,
}

/// `key=value`, or `key:value` as for headers elsewhere.
fn pair(text: &str) -> std::result::Result<(String, String), String> {
    text.split_once(['=', ':'])
        .filter(|(key, _)| !key.is_empty())
        .map(|(key, value)| (key.to_owned(), value.trim().to_owned()))
        .ok_or_else(|| format!("{text:?} has not the form KEY=VALUE"))
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let mut outcome = Outcome::new("request", args.subject.clone());
    if let Err(error) = check(globals, &args, &mut outcome).await {
        outcome.critical(error.to_string());
    }
    args.report.end(&outcome)
}

async fn check(globals: &Globals, args: &Args, outcome: &mut Outcome) -> Result {
    let client = globals
        .connect()
        .await
        .map_err(|e| e.context("connection failed"))?;
    let mut headers = HeaderMap::new();
    for (key, value) in &args.headers {
        headers
            .append(key, value)
            .map_err(|e| CliError::new(format!("--headers {key}: {e}")))?;
    }
    let headers = (!args.headers.is_empty()).then_some(&headers);
    let start = Instant::now();
    let answer = client
        .request(
            &args.subject,
            headers,
            args.payload.clone().into_bytes(),
            globals.timeout(),
        )
        .await;
    let time = start.elapsed();
    args.judge_time_figure(time, outcome);
    let answer = answer.map_err(|e| CliError::from(e).context("could not send request"))?;
    args.judge(&answer, time, outcome);
    Ok(())
}

impl Args {
    fn judge_time_figure(&self, time: Duration, outcome: &mut Outcome) {
        let seconds = |limit: Option<Duration>| limit.map_or(0.0, |limit| limit.as_secs_f64());
        outcome.figure(Figure {
            help: "How long the request took",
            name: "time",
            value: (time.as_secs_f64() * 1_000.0).round() / 1_000.0,
            warn: seconds(self.response_warn),
            crit: seconds(self.response_critical),
            unit: "s",
        });
    }

    fn judge(&self, answer: &Message, time: Duration, outcome: &mut Outcome) {
        if let Some(pattern) = &self.match_payload
            && !pattern.is_match(answer.payload())
        {
            outcome.critical("response does not match regexp");
        }
        for (key, wanted) in &self.match_headers {
            let value = answer.header(key).unwrap_or_default();
            if value != wanted.as_str() {
                outcome.critical(format!("invalid header {key:?} = {value:?}"));
            }
        }
        let exceeded =
            |limit: Option<Duration>| limit.is_some_and(|limit| !limit.is_zero() && time > limit);
        if exceeded(self.response_critical) {
            outcome.critical(format!("response took {}", duration(time)));
        } else if exceeded(self.response_warn) {
            outcome.warn(format!("response took {}", duration(time)));
        }
        outcome.ok_if_nothing_else("Valid response");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_split_at_the_first_sign() {
        assert_eq!(pair("a=b=c"), Ok(("a".into(), "b=c".into())));
        assert_eq!(pair("a: b"), Ok(("a".into(), "b".into())));
        assert!(pair("a").is_err());
        assert!(pair("=b").is_err());
    }
}
