//! `nats server check meta`.

use std::time::Duration;

use nats_api::monitor::{Jsz, JszOptions};
use serde_json::Value;

use super::super::ask::{self, Whom};
use super::Report;
use super::outcome::{Figure, Outcome};
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::output::format::duration_exact;
use crate::parse;

/// Check the group of servers that decides where streams live
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "raft",
    after_help = "Examples:\n  \
        nats server check meta --expect 3 --lag-critical 100 --seen-critical 5s --context system"
)]
pub struct Args {
    /// Critical unless so many servers belong to it
    #[arg(long, value_name = "SERVERS")]
    expect: i64,

    /// Critical when a server is so many operations behind
    #[arg(long, value_name = "OPS")]
    lag_critical: u64,

    /// Critical when a server was last seen so long ago
    #[arg(long, value_name = "DURATION", value_parser = parse::duration)]
    seen_critical: Duration,

    #[command(flatten)]
    report: Report,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let mut outcome = Outcome::new("meta", "JetStream Meta Cluster");
    if let Err(error) = check(globals, &args, &mut outcome).await {
        outcome.critical(error.to_string());
    }
    args.report.end(&outcome)
}

async fn check(globals: &Globals, args: &Args, outcome: &mut Outcome) -> Result {
    let client = globals
        .connect_system()
        .await
        .map_err(|e| e.context("connection failed"))?;
    let options = JszOptions {
        leader_only: true,
        ..JszOptions::default()
    };
    // Nobody but the leader answers.
    let whom = Whom::everybody(1);
    let pages = ask::pages::<Jsz>(globals, &client, "JSZ", &options, &whom).await;
    let mut pages = pages.map_err(|e| e.context("JSZ API request failed"))?;
    let meta = pages.pop().and_then(|(_, page)| page.meta_cluster);
    let meta = meta.ok_or_else(|| CliError::new("no cluster information"))?;
    args.judge(&meta, outcome);
    Ok(())
}

impl Args {
    fn judge(&self, meta: &Value, outcome: &mut Outcome) {
        let leader = meta
            .get("leader")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if leader.is_empty() {
            return outcome.critical("No leader");
        }
        let replicas = meta.get("replicas").and_then(Value::as_array);
        let replicas = replicas.map(Vec::as_slice).unwrap_or_default();
        let peers = replicas.len() as i64 + 1;
        outcome.figure(Figure {
            help: "Configured RAFT peers",
            name: "peers",
            value: peers as f64,
            warn: self.expect as f64,
            crit: self.expect as f64,
            unit: "",
        });
        if self.expect > 0 && peers != self.expect {
            outcome.critical(format!("{peers} peers of expected {}", self.expect));
        }
        self.judge_replicas(replicas, outcome);
        outcome.ok_if_nothing_else(&format!("{peers} peers led by {leader}"));
    }

    fn judge_replicas(&self, replicas: &[Value], outcome: &mut Outcome) {
        let is =
            |peer: &Value, field: &str| peer.get(field).and_then(Value::as_bool).unwrap_or(false);
        let number =
            |peer: &Value, field: &str| peer.get(field).and_then(Value::as_u64).unwrap_or(0);
        let seen = u64::try_from(self.seen_critical.as_nanos()).unwrap_or(u64::MAX);
        let count = |bad: &dyn Fn(&Value) -> bool| replicas.iter().filter(|peer| bad(peer)).count();
        let offline = count(&|peer| is(peer, "offline"));
        let not_current = count(&|peer| !is(peer, "current"));
        let inactive = count(&|peer| seen > 0 && number(peer, "active") > seen);
        let lagged =
            count(&|peer| self.lag_critical > 0 && number(peer, "lag") > self.lag_critical);
        for (help, name, value) in [
            ("Offline RAFT peers", "peer_offline", offline),
            (
                "RAFT peers that are not current",
                "peer_not_current",
                not_current,
            ),
            ("Inactive RAFT peers", "peer_inactive", inactive),
            (
                "RAFT peers that are lagged more than configured threshold",
                "peer_lagged",
                lagged,
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
        let longest = duration_exact(self.seen_critical);
        for (count, text) in [
            (not_current, format!("{not_current} not current")),
            (inactive, format!("{inactive} inactive more than {longest}")),
            (offline, format!("{offline} offline")),
            (
                lagged,
                format!("{lagged} lagged more than {} ops", self.lag_critical),
            ),
        ] {
            if count > 0 {
                outcome.critical(text);
            }
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

    fn judged(flags: &[&str], meta: &str) -> String {
        let line = Line::try_parse_from(std::iter::once(&"x").chain(flags)).unwrap();
        let mut outcome = Outcome::new("meta", "M");
        line.args
            .judge(&serde_json::from_str(meta).unwrap(), &mut outcome);
        let text = outcome.render(Form::Nagios, "");
        text.split(" | ").next().unwrap_or_default().to_owned()
    }

    #[test]
    fn the_group_is_complete_and_everybody_follows() {
        let meta = r#"{"leader":"n1","replicas":[{"name":"n2","current":true,"active":1000,"lag":2},
            {"name":"n3","current":true,"active":1000}]}"#;
        let flags = [
            "--expect",
            "3",
            "--lag-critical",
            "10",
            "--seen-critical",
            "5s",
        ];
        assert_eq!(judged(&flags, meta), "OK M OK:3 peers led by n1");
        let flags = [
            "--expect",
            "5",
            "--lag-critical",
            "1",
            "--seen-critical",
            "5s",
        ];
        assert_eq!(
            judged(&flags, meta),
            "CRITICAL M Crit:3 peers of expected 5 Crit:1 lagged more than 1 ops"
        );
        assert_eq!(judged(&flags, "{}"), "CRITICAL M Crit:No leader");
    }
}
