//! `nats stream find`.

use std::time::Duration;

use nats_api::jetstream::StreamInfo;
use regex::Regex;

use super::list;
use crate::error::Result;
use crate::expression::{Expression, Scope};
use crate::globals::Globals;
use crate::jetstream::{Api, required_level};
use crate::parse;

/// Find streams by what they are and do
///
/// All conditions must hold. With --invert those that do not match are shown.
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "query",
    after_help = "Examples:\n  \
        nats stream find --empty --created 30d\n  \
        nats stream find --subject orders.new --names\n  \
        nats stream find --leader n1\n  \
        nats stream find --expression 'state.messages < 10 and not (config.name startsWith \"KV_\")'"
)]
pub struct Args {
    #[command(flatten)]
    conditions: Conditions,

    /// Print the names only
    #[arg(short, long)]
    names: bool,

    /// Only streams that need at least this API level
    #[arg(long, value_name = "LEVEL")]
    api_level: Option<u32>,
}

/// Shared with `nats stream cluster balance`.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Conditions")]
pub struct Conditions {
    /// On a server whose name matches this regular expression
    #[arg(long, value_name = "REGEX")]
    server_name: Option<Regex>,

    /// In a cluster whose name matches this regular expression
    #[arg(long, value_name = "REGEX")]
    cluster: Option<Regex>,

    /// Without messages
    #[arg(long)]
    empty: bool,

    /// Without new messages and deliveries for so long
    #[arg(long, value_name = "DURATION", value_parser = parse::duration)]
    idle: Option<Duration>,

    /// Created longer ago than this
    #[arg(long, value_name = "DURATION", value_parser = parse::duration)]
    created: Option<Duration>,

    /// With fewer consumers than this
    #[arg(long, value_name = "COUNT", allow_hyphen_values = true)]
    consumers: Option<i64>,

    /// That take this subject
    #[arg(long, value_name = "SUBJECT")]
    pub subject: Option<String>,

    /// With so many copies or fewer
    #[arg(long, value_name = "COUNT")]
    replicas: Option<i64>,

    /// That gather from other streams
    #[arg(long)]
    sourced: bool,

    /// That are mirrors
    #[arg(long)]
    mirrored: bool,

    /// Whose leader is this server
    #[arg(long, value_name = "SERVER")]
    leader: Option<String>,

    /// Show those that do not match
    #[arg(long, overrides_with = "no_invert")]
    invert: bool,

    #[arg(long, overrides_with = "invert", hide = true)]
    no_invert: bool,

    /// For which this expression over `info`, `config` and `state` is true
    #[arg(long, value_name = "EXPRESSION")]
    expression: Option<Expression>,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let api = Api::connect(globals).await?;
    let mut found = args.conditions.find(&api).await?;
    if let Some(level) = args.api_level {
        found.retain(|info| {
            required_level(&info.config.metadata)
                .parse::<u32>()
                .is_ok_and(|needed| needed >= level)
        });
    }
    if args.names {
        found.sort_by(|a, b| a.config.name.cmp(&b.config.name));
        for info in &found {
            outln!("{}", info.config.name)?;
        }
        return Ok(());
    }
    let subject = args.conditions.subject.as_deref().unwrap_or_default();
    outln!(
        "{}",
        list::table(&mut found, subject, globals.scheme()).render()
    )
}

impl Conditions {
    pub async fn find(&self, api: &Api) -> Result<Vec<StreamInfo>> {
        let mut found = api.list("").await?.streams;
        let by_subject = match &self.subject {
            Some(subject) => Some(api.names(subject).await?),
            None => None,
        };
        let mut keep = Vec::with_capacity(found.len());
        for info in &found {
            let name = &info.config.name;
            let subject = by_subject.as_ref().is_none_or(|names| names.contains(name));
            let idle = match self.idle {
                // Deliveries are known to the consumers only; they are asked when nothing else excludes the stream.
                Some(idle) if self.matches(info) => is_idle(api, info, idle).await?,
                _ => true,
            };
            let wanted = subject && idle && self.matches(info) && self.answers(info)?;
            keep.push(wanted != self.invert);
        }
        let mut keep = keep.into_iter();
        found.retain(|_| keep.next().unwrap_or(false));
        Ok(found)
    }

    /// What the expression says; without one, yes.
    fn answers(&self, info: &StreamInfo) -> Result<bool> {
        let Some(expression) = &self.expression else {
            return Ok(true);
        };
        let scope = Scope::default()
            .with(&["info", "Info"], info)?
            .with(&["config"], &info.config)?
            .with(&["state"], &info.state)?;
        Ok(expression.holds(&scope)?)
    }

    /// The conditions that the info alone answers.
    fn matches(&self, info: &StreamInfo) -> bool {
        let cluster = info.cluster.as_ref();
        let servers = cluster.map(|cluster| {
            let peers = cluster.replicas.iter().map(|peer| &peer.name);
            std::iter::once(&cluster.leader).chain(peers)
        });
        let on_server = |wanted: &Regex| {
            servers
                .clone()
                .is_some_and(|mut names| names.any(|name| wanted.is_match(name)))
        };
        let in_cluster = |wanted: &Regex| cluster.is_some_and(|c| wanted.is_match(&c.name));
        let age = info.ts.since(info.created);
        let config = &info.config;
        self.server_name.as_ref().is_none_or(on_server)
            && self.cluster.as_ref().is_none_or(in_cluster)
            && (!self.empty || info.state.messages == 0)
            && self.created.is_none_or(|wanted| age > wanted)
            && self.consumers.filter(|n| *n >= 0).is_none_or(|wanted| {
                i64::try_from(info.state.consumer_count).is_ok_and(|count| count < wanted)
            })
            && self
                .replicas
                .is_none_or(|wanted| config.num_replicas <= wanted)
            && (!self.sourced || !config.sources.is_empty())
            && (!self.mirrored || config.mirror.is_some())
            && self
                .leader
                .as_ref()
                .is_none_or(|wanted| cluster.is_some_and(|c| c.leader == *wanted))
    }
}

/// Nothing came in and nothing went out for so long.
async fn is_idle(api: &Api, info: &StreamInfo, idle: Duration) -> Result<bool> {
    if !info.state.last_ts.is_never() && info.ts.since(info.state.last_ts) < idle {
        return Ok(false);
    }
    if info.state.consumer_count == 0 {
        return Ok(true);
    }
    let consumers = api.consumers_of(&info.config.name).await?.consumers;
    Ok(consumers.iter().all(|consumer| {
        let last = consumer.delivered.last_active;
        last.is_none_or(|last| consumer.ts.since(last) >= idle)
    }))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        conditions: Conditions,
    }

    #[test]
    fn all_conditions_must_hold() {
        let info: StreamInfo = serde_json::from_str(
            r#"{"config":{"name":"A","num_replicas":3,"sources":[{"name":"B"}]},"created":"2026-01-01T00:00:00Z",
            "state":{"messages":0,"consumer_count":2},"ts":"2026-01-02T00:00:00Z",
            "cluster":{"name":"east","leader":"n1","replicas":[{"name":"n2"}]}}"#,
        )
        .unwrap();
        let matches = |flags: &[&str]| {
            let line = Line::try_parse_from(std::iter::once(&"x").chain(flags)).unwrap();
            line.conditions.matches(&info)
        };
        assert!(matches(&[]));
        assert!(matches(&[
            "--empty",
            "--created",
            "1h",
            "--sourced",
            "--leader",
            "n1"
        ]));
        assert!(matches(&[
            "--server-name",
            "n[23]",
            "--cluster",
            "^ea",
            "--consumers",
            "3"
        ]));
        assert!(matches(&["--consumers", "-1"]));
        for no in [
            &["--created", "2d"][..],
            &["--mirrored"],
            &["--consumers", "2"],
            &["--replicas", "2"],
            &["--leader", "n2"],
            &["--empty", "--cluster", "west"],
        ] {
            assert!(!matches(no), "{no:?}");
        }
    }
}
