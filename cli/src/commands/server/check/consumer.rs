//! `nats server check consumer`.

use std::time::Duration;

use nats_api::jetstream::{ConsumerInfo, PriorityPolicy};
use nats_api::time::Timestamp;

use super::Report;
use super::outcome::{Figure, Outcome};
use super::thresholds::{Metadata, seconds, set};
use crate::error::Result;
use crate::globals::Globals;
use crate::jetstream::Api;
use crate::output::format::duration_exact;
use crate::parse;

/// Check the health of a consumer
///
/// The consumer's metadata io.nats.monitor.<flag> sets limits as well, and wins.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
        nats server check consumer --stream ORDERS --consumer NEW --unprocessed-critical 10000\n  \
        nats server check consumer --stream ORDERS --consumer NEW --last-ack-critical 5m")]
pub struct Args {
    /// Name of the stream
    #[arg(long)]
    stream: String,

    /// Name of the consumer
    #[arg(long)]
    consumer: String,

    #[command(flatten)]
    limits: Limits,

    #[command(flatten)]
    report: Report,
}

#[derive(Debug, Clone, Default, clap::Args)]
struct Limits {
    /// Critical at so many unacknowledged messages
    #[arg(long, value_name = "COUNT", allow_hyphen_values = true)]
    outstanding_ack_critical: Option<i64>,

    /// Critical at so many waiting pull requests
    #[arg(long, value_name = "COUNT", allow_hyphen_values = true)]
    waiting_critical: Option<i64>,

    /// Critical at so many undelivered messages
    #[arg(long, value_name = "COUNT", allow_hyphen_values = true)]
    unprocessed_critical: Option<i64>,

    /// Critical when the last delivery was so long ago
    #[arg(long, value_name = "DURATION", value_parser = parse::duration)]
    last_delivery_critical: Option<Duration>,

    /// Critical when the last acknowledgement was so long ago
    #[arg(long, value_name = "DURATION", value_parser = parse::duration)]
    last_ack_critical: Option<Duration>,

    /// Critical at so many messages that are being delivered again
    #[arg(long, value_name = "COUNT", allow_hyphen_values = true)]
    redelivery_critical: Option<i64>,

    /// Critical unless each priority group has a pinned client
    #[arg(long)]
    pinned: bool,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let name = format!("{}_{}", args.stream, args.consumer);
    let mut outcome = Outcome::new("consumer", name);
    if let Err(error) = check(globals, &args, &mut outcome).await {
        outcome.critical(error.to_string());
    }
    args.report.end(&outcome)
}

async fn check(globals: &Globals, args: &Args, outcome: &mut Outcome) -> Result {
    let failed = |e: crate::error::CliError| e.context("could not load info");
    let api = Api::connect(globals).await.map_err(failed)?;
    let info = api
        .consumer(&args.stream, &args.consumer)
        .await
        .map_err(failed)?;
    let metadata = info.config.as_ref().map(|config| config.metadata.clone());
    let metadata = metadata.unwrap_or_default();
    let limits = args.limits.clone().with(&Metadata(&metadata))?;
    limits.judge(&info, outcome);
    Ok(())
}

impl Limits {
    fn with(mut self, metadata: &Metadata<'_>) -> Result<Self> {
        metadata.number(
            "outstanding-ack-critical",
            &mut self.outstanding_ack_critical,
        )?;
        metadata.number("waiting-critical", &mut self.waiting_critical)?;
        metadata.number("unprocessed-critical", &mut self.unprocessed_critical)?;
        metadata.duration("last-delivery-critical", &mut self.last_delivery_critical)?;
        metadata.duration("last-ack-critical", &mut self.last_ack_critical)?;
        metadata.number("redelivery-critical", &mut self.redelivery_critical)?;
        metadata.switch("pinned", &mut self.pinned)?;
        Ok(self)
    }

    fn judge(&self, info: &ConsumerInfo, outcome: &mut Outcome) {
        let pending = i64::try_from(info.num_pending).unwrap_or(i64::MAX);
        for (help, name, label, value, limit) in [
            (
                "The number of messages waiting to be Acknowledged",
                "ack_pending",
                "Ack Pending",
                info.num_ack_pending,
                self.outstanding_ack_critical,
            ),
            (
                "The number of waiting Pull requests",
                "pull_waiting",
                "Waiting Pulls",
                info.num_waiting,
                self.waiting_critical,
            ),
            (
                "The number of messages that have not yet been consumed",
                "pending",
                "Unprocessed Messages",
                pending,
                self.unprocessed_critical,
            ),
            (
                "The number of messages currently being redelivered",
                "redelivered",
                "Redelivered",
                info.num_redelivered,
                self.redelivery_critical,
            ),
        ] {
            let limit = set(limit);
            outcome.figure(Figure {
                help,
                name,
                value: value as f64,
                warn: 0.0,
                crit: limit.unwrap_or(0) as f64,
                unit: "",
            });
            let text = format!("{label}: {value}");
            match limit {
                None => {}
                Some(limit) if value >= limit => outcome.critical(text),
                Some(_) => outcome.ok(text),
            }
        }
        self.judge_times(info, outcome);
        self.judge_pins(info, outcome);
    }

    fn judge_times(&self, info: &ConsumerInfo, outcome: &mut Outcome) {
        for (help, name, label, none, last, limit) in [
            (
                "Seconds since the last message was delivered",
                "last_delivery",
                "Last delivery",
                "No deliveries",
                info.delivered.last_active,
                self.last_delivery_critical,
            ),
            (
                "Seconds since the last message was acknowledged",
                "last_ack",
                "Last ack",
                "No acks",
                info.ack_floor.last_active,
                self.last_ack_critical,
            ),
        ] {
            let age = last.map(|last: Timestamp| info.ts.since(last));
            if let Some(age) = age {
                outcome.figure(Figure {
                    help,
                    name,
                    value: age.as_secs_f64(),
                    warn: 0.0,
                    crit: seconds(limit),
                    unit: "s",
                });
            }
            match (set(limit), age) {
                (None, _) => {}
                (Some(_), None) => outcome.critical(none),
                (Some(limit), Some(age)) => {
                    let text = format!("{label} {} ago", duration_exact(age));
                    if age >= limit {
                        outcome.critical(text);
                    } else {
                        outcome.ok(text);
                    }
                }
            }
        }
    }

    fn judge_pins(&self, info: &ConsumerInfo, outcome: &mut Outcome) {
        let config = info.config.clone().unwrap_or_default();
        let groups = config.priority_groups.len();
        let pins = info.priority_groups.iter();
        let pinned = pins
            .filter(|group| !group.pinned_client_id.is_empty())
            .count();
        let by_pins = config.priority_policy == PriorityPolicy::PinnedClient;
        if by_pins {
            for (help, name, value) in [
                (
                    "The number of consumers groups with pinned clients",
                    "pinned_groups",
                    pinned,
                ),
                ("The total number of consumers groups", "groups", groups),
            ] {
                outcome.figure(Figure {
                    help,
                    name,
                    value: value as f64,
                    warn: 0.0,
                    crit: 0.0,
                    unit: "",
                });
            }
        }
        if !self.pinned {
            return;
        }
        if !by_pins || groups == 0 || info.priority_groups.is_empty() {
            outcome.critical("Not pinned client priority mode");
        } else if pinned == groups {
            outcome.ok(format!("{pinned} pinned clients"));
        } else {
            outcome.critical(format!("{pinned} / {groups} pinned clients"));
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::outcome::Form;
    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        limits: Limits,
    }

    fn judged(flags: &[&str], info: &str) -> String {
        let info: ConsumerInfo = serde_json::from_str(info).unwrap();
        let line = Line::try_parse_from(std::iter::once(&"x").chain(flags)).unwrap();
        let mut outcome = Outcome::new("consumer", "C");
        line.limits.judge(&info, &mut outcome);
        let text = outcome.render(Form::Nagios, "");
        text.split(" | ").next().unwrap_or_default().to_owned()
    }

    #[test]
    fn figures_without_a_limit_are_never_bad() {
        let info = r#"{"num_ack_pending":5,"num_pending":1000,"ts":"2026-01-01T00:01:00Z",
            "delivered":{"last_active":"2026-01-01T00:00:00Z"}}"#;
        assert_eq!(judged(&[], info), "OK C");
        assert_eq!(judged(&["--outstanding-ack-critical", "-1"], info), "OK C");
        assert_eq!(
            judged(&["--outstanding-ack-critical", "5"], info),
            "CRITICAL C Crit:Ack Pending: 5"
        );
        assert_eq!(
            judged(&["--unprocessed-critical", "2000"], info),
            "OK C OK:Unprocessed Messages: 1000"
        );
        assert_eq!(
            judged(&["--last-delivery-critical", "1m"], info),
            "CRITICAL C Crit:Last delivery 1m0s ago"
        );
        assert_eq!(
            judged(&["--last-ack-critical", "1m"], info),
            "CRITICAL C Crit:No acks"
        );
    }

    #[test]
    fn every_group_needs_its_pin() {
        let group = |id: &str| format!(r#"{{"group":"g","pinned_client_id":"{id}"}}"#);
        let info = |id| {
            format!(
                r#"{{"config":{{"priority_policy":"pinned_client","priority_groups":["g"]}},"priority_groups":[{}]}}"#,
                group(id)
            )
        };
        assert_eq!(
            judged(&["--pinned"], &info("x")),
            "OK C OK:1 pinned clients"
        );
        assert_eq!(
            judged(&["--pinned"], &info("")),
            "CRITICAL C Crit:0 / 1 pinned clients"
        );
        assert!(judged(&["--pinned"], "{}").contains("Not pinned client priority mode"));
    }
}
