//! `nats server check jetstream`.

use std::time::Duration;

use nats_api::jetstream::{AccountInfo, StreamInfo};

use super::Report;
use super::outcome::{Figure, Outcome};
use crate::error::Result;
use crate::globals::Globals;
use crate::jetstream::Api;
use crate::parse;

/// Check what the account uses of JetStream, and its streams' copies
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "js",
    after_help = "Examples:\n  \
        nats server check jetstream --store-critical 95\n  \
        nats server check jetstream --no-replicas"
)]
pub struct Args {
    /// Warn at so many percent of the memory
    #[arg(
        long,
        value_name = "PERCENT",
        default_value_t = 75,
        allow_hyphen_values = true
    )]
    mem_warn: i64,

    /// Critical at so many percent of the memory
    #[arg(
        long,
        value_name = "PERCENT",
        default_value_t = 90,
        allow_hyphen_values = true
    )]
    mem_critical: i64,

    /// Warn at so many percent of the storage
    #[arg(
        long,
        value_name = "PERCENT",
        default_value_t = 75,
        allow_hyphen_values = true
    )]
    store_warn: i64,

    /// Critical at so many percent of the storage
    #[arg(
        long,
        value_name = "PERCENT",
        default_value_t = 90,
        allow_hyphen_values = true
    )]
    store_critical: i64,

    /// Warn at so many percent of the streams; -1 for never
    #[arg(long, value_name = "PERCENT", default_value_t = -1, allow_hyphen_values = true)]
    streams_warn: i64,

    /// Critical at so many percent of the streams; -1 for never
    #[arg(long, value_name = "PERCENT", default_value_t = -1, allow_hyphen_values = true)]
    streams_critical: i64,

    /// Warn at so many percent of the consumers; -1 for never
    #[arg(long, value_name = "PERCENT", default_value_t = -1, allow_hyphen_values = true)]
    consumers_warn: i64,

    /// Critical at so many percent of the consumers; -1 for never
    #[arg(long, value_name = "PERCENT", default_value_t = -1, allow_hyphen_values = true)]
    consumers_critical: i64,

    /// Do not look at the copies of the streams
    #[arg(long, overrides_with = "replicas")]
    no_replicas: bool,

    #[arg(long, overrides_with = "no_replicas", hide = true)]
    replicas: bool,

    /// A copy that was last seen so long ago is bad
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = parse::duration)]
    replica_seen_critical: Duration,

    /// A copy that is so many operations behind is bad
    #[arg(long, value_name = "OPS", default_value_t = 200)]
    replica_lag_critical: u64,

    #[command(flatten)]
    report: Report,
}

/// What is bad about a stream's copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Copies {
    Fine,
    NoLeader,
    Missing,
    Lagged,
    NotSeen,
    Failed,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let mut outcome = Outcome::new("jetstream", "JetStream");
    if let Err(error) = check(globals, &args, &mut outcome).await {
        outcome.critical(error.to_string());
    }
    args.report.end(&outcome)
}

async fn check(globals: &Globals, args: &Args, outcome: &mut Outcome) -> Result {
    let failed = |e: crate::error::CliError| e.context("JetStream not available");
    let api = Api::connect(globals)
        .await
        .map_err(|e| e.context("connection failed"))?;
    let info = api.account_info().await.map_err(|e| failed(e.into()))?;
    args.judge_account(&info, outcome);
    if !args.no_replicas {
        let streams = api.list("").await.map_err(failed)?.streams;
        args.judge_streams(&streams, outcome);
    }
    Ok(())
}

impl Args {
    fn judge_account(&self, info: &AccountInfo, outcome: &mut Outcome) {
        let limits = &info.limits;
        let count = |value: i64| u64::try_from(value).unwrap_or(0);
        for (names, unit, value, most, warn, critical) in [
            (
                ("memory", "memory_pct"),
                "B",
                info.memory,
                limits.max_memory,
                self.mem_warn,
                self.mem_critical,
            ),
            (
                ("storage", "storage_pct"),
                "B",
                info.storage,
                limits.max_storage,
                self.store_warn,
                self.store_critical,
            ),
            (
                ("streams", "streams_pct"),
                "",
                count(info.streams),
                limits.max_streams,
                self.streams_warn,
                self.streams_critical,
            ),
            (
                ("consumers", "consumers_pct"),
                "",
                count(info.consumers),
                limits.max_consumers,
                self.consumers_warn,
                self.consumers_critical,
            ),
        ] {
            judge_use(
                outcome,
                Use {
                    names,
                    unit,
                    value,
                    most,
                    warn,
                    critical,
                },
            );
        }
    }

    fn judge_streams(&self, streams: &[StreamInfo], outcome: &mut Outcome) {
        let verdicts: Vec<Copies> = streams.iter().map(|info| self.copies(info)).collect();
        let count = |wanted: Copies| verdicts.iter().filter(|found| **found == wanted).count();
        for (help, name, what, crit, unit) in [
            (
                "Streams with healthy cluster state",
                "replicas_ok",
                Copies::Fine,
                0.0,
                "",
            ),
            (
                "Streams with no leader elected",
                "replicas_no_leader",
                Copies::NoLeader,
                0.0,
                "",
            ),
            (
                "Streams where there are fewer known replicas than configured",
                "replicas_missing_replicas",
                Copies::Missing,
                0.0,
                "",
            ),
            (
                "Streams with lagged replicas",
                "replicas_lagged",
                Copies::Lagged,
                self.replica_lag_critical as f64,
                "",
            ),
            (
                "Streams with replicas that were not seen recently",
                "replicas_not_seen",
                Copies::NotSeen,
                self.replica_seen_critical.as_secs_f64(),
                "s",
            ),
            (
                "Streams unhealthy cluster state",
                "replicas_fail",
                Copies::Failed,
                0.0,
                "",
            ),
        ] {
            outcome.figure(Figure {
                help,
                name,
                value: count(what) as f64,
                warn: 0.0,
                crit,
                unit,
            });
        }
        let bad = verdicts.len() - count(Copies::Fine);
        if bad > 0 {
            outcome.critical(format!("{bad} unhealthy streams"));
        }
    }

    fn copies(&self, info: &StreamInfo) -> Copies {
        if info.config.num_replicas == 1 {
            return Copies::Fine;
        }
        let Some(cluster) = &info.cluster else {
            return Copies::Failed;
        };
        if cluster.leader.is_empty() {
            return Copies::NoLeader;
        }
        if cluster.replicas.len() as i64 != info.config.num_replicas - 1 {
            return Copies::Missing;
        }
        let seen = self.replica_seen_critical;
        let lag = self.replica_lag_critical;
        for peer in &cluster.replicas {
            if peer.offline {
                return Copies::Failed;
            }
            if !seen.is_zero() && Duration::from(peer.active) > seen {
                return Copies::NotSeen;
            }
            if lag > 0 && peer.lag > lag {
                return Copies::Lagged;
            }
        }
        Copies::Fine
    }
}

/// What is used of one resource.
struct Use {
    /// Of the figure, and of the figure in percent.
    names: (&'static str, &'static str),
    unit: &'static str,
    value: u64,
    /// What may be used.
    most: i64,
    warn: i64,
    critical: i64,
}

fn judge_use(outcome: &mut Outcome, used: Use) {
    let Use {
        names,
        unit,
        value,
        most,
        warn,
        critical,
    } = used;
    let percent = if most > 0 {
        (value as f64 / most as f64 * 100.0) as i64
    } else {
        0
    };
    outcome.figure(Figure {
        help: "What the account uses",
        name: names.0,
        value: value as f64,
        warn: 0.0,
        crit: 0.0,
        unit,
    });
    outcome.figure(Figure {
        help: "What the account uses, in percent of what it may use",
        name: names.1,
        value: percent as f64,
        warn: warn.max(0) as f64,
        crit: critical.max(0) as f64,
        unit: "%",
    });
    let name = names.0;
    if warn != -1 && critical != -1 && warn >= critical {
        outcome.critical(format!("{name}: invalid thresholds"));
    } else if percent > 100 {
        outcome.critical(format!("{name}: exceed server limits"));
    } else if warn >= 0 && critical >= 0 {
        if percent > critical {
            outcome.critical(format!("{percent}% {name}"));
        } else if percent > warn {
            outcome.warn(format!("{percent}% {name}"));
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
        args: Args,
    }

    fn line(flags: &[&str]) -> Args {
        Line::try_parse_from(std::iter::once(&"x").chain(flags))
            .unwrap()
            .args
    }

    fn text(outcome: &Outcome) -> String {
        let text = outcome.render(Form::Nagios, "");
        text.split(" | ").next().unwrap_or_default().to_owned()
    }

    #[test]
    fn use_is_judged_in_percent_of_the_limits() {
        let judged = |flags: &[&str], info: &str| {
            let mut outcome = Outcome::new("jetstream", "J");
            line(flags).judge_account(&serde_json::from_str(info).unwrap(), &mut outcome);
            text(&outcome)
        };
        let info = r#"{"memory":80,"storage":50,"streams":5,"limits":{"max_memory":100,"max_storage":-1,"max_streams":10}}"#;
        assert_eq!(judged(&[], info), "WARNING J Warn:80% memory");
        assert_eq!(
            judged(&["--mem-critical", "79"], info),
            "CRITICAL J Crit:80% memory"
        );
        assert_eq!(
            judged(
                &[
                    "--mem-warn",
                    "85",
                    "--streams-warn",
                    "40",
                    "--streams-critical",
                    "60"
                ],
                info
            ),
            "WARNING J Warn:50% streams"
        );
        assert!(judged(&["--mem-warn", "95"], info).contains("memory: invalid thresholds"));
    }

    #[test]
    fn a_stream_with_a_bad_copy_is_counted_once() {
        let info = |peers: &str| -> StreamInfo {
            let text = format!(
                r#"{{"config":{{"num_replicas":3}},"cluster":{{"leader":"n1","replicas":[{peers}]}}}}"#
            );
            serde_json::from_str(&text).unwrap()
        };
        let args = line(&[]);
        assert_eq!(
            args.copies(&info(r#"{"name":"a"},{"name":"b"}"#)),
            Copies::Fine
        );
        assert_eq!(args.copies(&info(r#"{"name":"a"}"#)), Copies::Missing);
        assert_eq!(
            args.copies(&info(r#"{"name":"a","lag":500},{"name":"b"}"#)),
            Copies::Lagged
        );
        assert_eq!(
            args.copies(&info(r#"{"name":"a","active":6000000000},{"name":"b"}"#)),
            Copies::NotSeen
        );
        let mut outcome = Outcome::new("jetstream", "J");
        let streams = [info(
            r#"{"name":"a","offline":true},{"name":"b","offline":true}"#,
        )];
        args.judge_streams(&streams, &mut outcome);
        assert_eq!(text(&outcome), "CRITICAL J Crit:1 unhealthy streams");
    }
}
