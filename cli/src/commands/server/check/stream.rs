//! `nats server check stream`.

use std::time::Duration;

use nats_api::jetstream::{StreamInfo, StreamSourceInfo};

use super::Report;
use super::outcome::{Figure, Outcome};
use super::thresholds::{Metadata, seconds, set};
use crate::error::Result;
use crate::globals::Globals;
use crate::jetstream::Api;
use crate::output::format::duration_exact;
use crate::parse;

/// Check the health of a stream
///
/// The stream's metadata io.nats.monitor.<flag> sets limits as well, and wins.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
        nats server check stream --stream ORDERS --msgs-warn 1000 --msgs-critical 100\n  \
        nats server check stream --stream COPY --lag-critical 100 --seen-critical 30s")]
pub struct Args {
    /// Name of the stream
    #[arg(long)]
    stream: String,

    #[command(flatten)]
    limits: Limits,

    #[command(flatten)]
    report: Report,
}

#[derive(Debug, Clone, Default, clap::Args)]
struct Limits {
    /// Critical when a mirror or source is so many messages behind
    #[arg(long, value_name = "MSGS")]
    lag_critical: Option<u64>,

    /// Critical when a mirror or source was last seen so long ago
    #[arg(long, value_name = "DURATION", value_parser = parse::duration)]
    seen_critical: Option<Duration>,

    /// Critical with fewer sources
    #[arg(long, value_name = "SOURCES")]
    min_sources: Option<i64>,

    /// Critical with more sources
    #[arg(long, value_name = "SOURCES")]
    max_sources: Option<i64>,

    /// Critical when the stream has not so many copies
    #[arg(long, value_name = "SERVERS")]
    peer_expect: Option<i64>,

    /// Critical when a copy is so many operations behind
    #[arg(long, value_name = "OPS")]
    peer_lag_critical: Option<u64>,

    /// Critical when a copy was last seen so long ago
    #[arg(long, value_name = "DURATION", value_parser = parse::duration)]
    peer_seen_critical: Option<Duration>,

    /// Warn with so many messages or fewer
    #[arg(long, value_name = "MSGS")]
    msgs_warn: Option<u64>,

    /// Critical with so many messages or fewer
    #[arg(long, value_name = "MSGS")]
    msgs_critical: Option<u64>,

    /// Warn at so many subjects; with a critical limit below this one few are bad
    #[arg(long, value_name = "SUBJECTS")]
    subjects_warn: Option<i64>,

    /// Critical at so many subjects
    #[arg(long, value_name = "SUBJECTS")]
    subjects_critical: Option<i64>,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let mut outcome = Outcome::new("stream", args.stream.clone());
    if let Err(error) = check(globals, &args, &mut outcome).await {
        outcome.critical(error.to_string());
    }
    args.report.end(&outcome)
}

async fn check(globals: &Globals, args: &Args, outcome: &mut Outcome) -> Result {
    let failed = |e: crate::error::CliError| e.context("could not load info");
    let api = Api::connect(globals).await.map_err(failed)?;
    let info = api.stream(&args.stream).await.map_err(failed)?;
    let limits = args.limits.clone().with(&Metadata(&info.config.metadata))?;
    limits.judge(&info, outcome);
    Ok(())
}

impl Limits {
    fn with(mut self, metadata: &Metadata<'_>) -> Result<Self> {
        metadata.number("lag-critical", &mut self.lag_critical)?;
        metadata.duration("seen-critical", &mut self.seen_critical)?;
        metadata.number("min-sources", &mut self.min_sources)?;
        metadata.number("max-sources", &mut self.max_sources)?;
        metadata.number("peer-expect", &mut self.peer_expect)?;
        metadata.number("peer-lag-critical", &mut self.peer_lag_critical)?;
        metadata.duration("peer-seen-critical", &mut self.peer_seen_critical)?;
        metadata.number("msgs-warn", &mut self.msgs_warn)?;
        metadata.number("msgs-critical", &mut self.msgs_critical)?;
        metadata.number("subjects-warn", &mut self.subjects_warn)?;
        metadata.number("subjects-critical", &mut self.subjects_critical)?;
        Ok(self)
    }

    fn judge(&self, info: &StreamInfo, outcome: &mut Outcome) {
        self.judge_cluster(info, outcome);
        self.judge_messages(info.state.messages, outcome);
        self.judge_subjects(info.state.num_subjects, outcome);
        self.judge_sources(&info.sources, outcome);
        self.judge_mirror(info, outcome);
    }

    fn judge_cluster(&self, info: &StreamInfo, outcome: &mut Outcome) {
        let expected = set(self.peer_expect);
        let cluster = info
            .cluster
            .as_ref()
            .filter(|_| info.config.num_replicas > 1);
        let Some(cluster) = cluster else {
            if expected.is_some() {
                outcome.critical("Stream is not clustered");
            }
            return;
        };
        if cluster.leader.is_empty() {
            return outcome.critical("No leader");
        }
        let peers = cluster.replicas.len() as i64 + 1;
        match expected {
            Some(expected) if expected != peers => {
                return outcome.critical(format!("Expected {expected} replicas got {peers}"));
            }
            _ => outcome.ok(format!("{peers} peers")),
        }
        let count = |bad: &dyn Fn(&nats_api::jetstream::PeerInfo) -> bool| {
            cluster.replicas.iter().filter(|peer| bad(peer)).count()
        };
        let offline = count(&|peer| peer.offline);
        if offline > 0 {
            outcome.critical(format!("{offline} replicas offline"));
        }
        if let Some(most) = set(self.peer_lag_critical) {
            match count(&|peer| peer.lag > most) {
                0 => outcome.ok("replicas are current"),
                lagged => outcome.critical(format!("{lagged} replicas lagged")),
            }
        }
        if let Some(longest) = set(self.peer_seen_critical) {
            match count(&|peer| Duration::from(peer.active) > longest) {
                0 => outcome.ok("replicas are active"),
                inactive => outcome.critical(format!("{inactive} replicas inactive")),
            }
        }
    }

    /// Few messages are bad.
    fn judge_messages(&self, messages: u64, outcome: &mut Outcome) {
        let (warn, critical) = (set(self.msgs_warn), set(self.msgs_critical));
        if warn.is_none() && critical.is_none() {
            return;
        }
        let help = "Messages stored in the stream";
        outcome.figure(Figure {
            help,
            name: "messages",
            value: messages as f64,
            warn: warn.unwrap_or(0) as f64,
            crit: critical.unwrap_or(0) as f64,
            unit: "",
        });
        let text = format!("{messages} messages");
        if critical.is_some_and(|limit| messages <= limit) {
            outcome.critical(text);
        } else if warn.is_some_and(|limit| messages <= limit) {
            outcome.warn(text);
        } else {
            outcome.ok(text);
        }
    }

    fn judge_subjects(&self, subjects: u64, outcome: &mut Outcome) {
        let (warn, critical) = (set(self.subjects_warn), set(self.subjects_critical));
        if warn.is_none() && critical.is_none() {
            return;
        }
        let (warn, critical) = (warn.unwrap_or(0), critical.unwrap_or(0));
        outcome.figure(Figure {
            help: "Number of subjects stored in the stream",
            name: "subjects",
            value: subjects as f64,
            warn: warn as f64,
            crit: critical as f64,
            unit: "",
        });
        let many_are_bad = warn < critical;
        let count = i64::try_from(subjects).unwrap_or(i64::MAX);
        let reached = |limit: i64| {
            if many_are_bad {
                count >= limit
            } else {
                count <= limit
            }
        };
        let text = format!("{subjects} subjects");
        if reached(critical) {
            outcome.critical(text);
        } else if reached(warn) {
            outcome.warn(text);
        } else {
            outcome.ok(text);
        }
    }

    fn judge_sources(&self, sources: &[StreamSourceInfo], outcome: &mut Outcome) {
        let (least, most) = (set(self.min_sources), set(self.max_sources));
        outcome.figure(Figure {
            help: "Number of sources being consumed by this stream",
            name: "sources",
            value: sources.len() as f64,
            warn: least.unwrap_or(0) as f64,
            crit: most.unwrap_or(0) as f64,
            unit: "",
        });
        let count = sources.len() as i64;
        let text = format!("{count} sources");
        if least.is_some_and(|least| count < least) || most.is_some_and(|most| count > most) {
            outcome.critical(text);
        } else {
            outcome.ok(text);
        }
        let (lag, seen) = (set(self.lag_critical), set(self.seen_critical));
        if lag.is_none() && seen.is_none() {
            return;
        }
        let number = |bad: &dyn Fn(&&StreamSourceInfo) -> bool| sources.iter().filter(bad).count();
        let lagged = number(&|source| lag.is_some_and(|most| source.lag >= most));
        let inactive =
            number(&|source| seen.is_some_and(|most| Duration::from(source.active) >= most));
        for (help, name, value) in [
            (
                "Number of sources that are behind more than the configured threshold",
                "sources_lagged",
                lagged,
            ),
            (
                "Number of sources that are inactive",
                "sources_inactive",
                inactive,
            ),
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
        match lagged {
            0 => outcome.ok(format!("{count} sources current")),
            lagged => outcome.critical(format!("{lagged} sources are lagged")),
        }
        match inactive {
            0 => outcome.ok(format!("{count} sources active")),
            inactive => outcome.critical(format!("{inactive} sources are inactive")),
        }
    }

    fn judge_mirror(&self, info: &StreamInfo, outcome: &mut Outcome) {
        let (lag, seen) = (set(self.lag_critical), set(self.seen_critical));
        if (lag.is_none() && seen.is_none()) || !info.sources.is_empty() {
            return;
        }
        let Some(config) = &info.config.mirror else {
            return outcome.critical("not mirrored");
        };
        let Some(state) = &info.mirror else {
            return outcome.critical("invalid state");
        };
        let active = Duration::from(state.active);
        outcome.figure(Figure {
            help: "Number of operations this peer is behind its origin",
            name: "lag",
            value: state.lag as f64,
            warn: 0.0,
            crit: lag.unwrap_or(0) as f64,
            unit: "",
        });
        outcome.figure(Figure {
            help: "Indicates if this peer is active and catching up if lagged",
            name: "active",
            value: active.as_secs_f64(),
            warn: 0.0,
            crit: seconds(seen),
            unit: "s",
        });
        let mut fine = true;
        if lag.is_some_and(|most| state.lag >= most) {
            outcome.critical(format!("Mirror Lag {}", state.lag));
            fine = false;
        }
        if seen.is_some_and(|most| active >= most) {
            outcome.critical(format!("Mirror Seen {}", duration_exact(active)));
            fine = false;
        }
        if fine {
            outcome.ok(format!("Mirror {}", config.name));
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
        let info: StreamInfo = serde_json::from_str(info).unwrap();
        let line = Line::try_parse_from(std::iter::once(&"x").chain(flags)).unwrap();
        let limits = line.limits.with(&Metadata(&info.config.metadata)).unwrap();
        let mut outcome = Outcome::new("stream", "S");
        limits.judge(&info, &mut outcome);
        let text = outcome.render(Form::Nagios, "");
        text.split(" | ").next().unwrap_or_default().to_owned()
    }

    #[test]
    fn few_messages_are_bad_and_metadata_sets_limits() {
        let info = r#"{"config":{"name":"S"},"state":{"messages":100}}"#;
        assert_eq!(judged(&[], info), "OK S OK:0 sources");
        assert_eq!(
            judged(&["--msgs-warn", "100"], info),
            "WARNING S Warn:100 messages OK:0 sources"
        );
        let info = r#"{"config":{"name":"S","metadata":{"io.nats.monitor.msgs-critical":"200"}},"state":{"messages":100}}"#;
        assert_eq!(
            judged(&[], info),
            "CRITICAL S Crit:100 messages OK:0 sources"
        );
    }

    #[test]
    fn subjects_have_a_bad_side() {
        let info = r#"{"config":{"name":"S"},"state":{"num_subjects":10}}"#;
        let with = |warn, critical| {
            judged(
                &["--subjects-warn", warn, "--subjects-critical", critical],
                info,
            )
        };
        assert!(with("10", "20").starts_with("WARNING"));
        assert!(with("5", "10").starts_with("CRITICAL"));
        assert!(with("20", "10").starts_with("CRITICAL"));
        assert!(with("20", "5").starts_with("WARNING"));
        assert!(with("11", "20").starts_with("OK"));
    }

    #[test]
    fn mirrors_sources_and_copies_are_judged() {
        let mirror = r#"{"config":{"name":"S","mirror":{"name":"M"}},"mirror":{"name":"M","lag":5,"active":1000000000}}"#;
        assert_eq!(
            judged(&["--lag-critical", "6", "--seen-critical", "2s"], mirror),
            "OK S OK:0 sources OK:0 sources current OK:0 sources active OK:Mirror M"
        );
        assert!(judged(&["--lag-critical", "5"], mirror).contains("Crit:Mirror Lag 5"));
        let clustered = r#"{"config":{"name":"S","num_replicas":3},"cluster":{"leader":"n1",
            "replicas":[{"name":"n2","lag":9,"active":5000000000},{"name":"n3","offline":true}]}}"#;
        let text = judged(
            &["--peer-expect", "3", "--peer-lag-critical", "5"],
            clustered,
        );
        assert!(
            text.contains("1 replicas lagged") && text.contains("1 replicas offline"),
            "{text}"
        );
        assert!(judged(&["--peer-expect", "5"], clustered).contains("Expected 5 replicas got 3"));
    }
}
