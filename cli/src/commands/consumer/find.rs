//! `nats consumer find`.

use std::time::Duration;

use nats_api::jetstream::{ConsumerInfo, PriorityPolicy};

use super::select::WhichStream;
use crate::error::Result;
use crate::expression::{Expression, Scope};
use crate::globals::Globals;
use crate::jetstream::{Api, required_level};
use crate::parse;

/// Find consumers of a stream by what they are and do
///
/// All conditions must hold. With --invert those that do not match are shown.
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "query",
    after_help = "Examples:\n  \
        nats consumer find ORDERS --pull --idle 1h\n  \
        nats consumer find ORDERS --ack-pending 100 --invert\n  \
        nats consumer find ORDERS --expression 'info.num_pending > 1000'"
)]
pub struct Args {
    #[command(flatten)]
    which: WhichStream,

    #[command(flatten)]
    conditions: Conditions,

    /// Only consumers that need at least this API level
    #[arg(long, value_name = "LEVEL")]
    api_level: Option<u32>,
}

/// Shared with `nats consumer cluster balance`.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Conditions")]
pub(super) struct Conditions {
    /// Pull consumers
    #[arg(long)]
    pull: bool,

    /// Push consumers
    #[arg(long)]
    push: bool,

    /// Push consumers with a subscriber, pull consumers with waiting requests
    #[arg(long)]
    bound: bool,

    /// With fewer waiting pull requests than this
    #[arg(long, value_name = "COUNT")]
    waiting: Option<i64>,

    /// With fewer unacknowledged messages than this
    #[arg(long, value_name = "COUNT")]
    ack_pending: Option<i64>,

    /// With fewer undelivered messages than this
    #[arg(long, value_name = "COUNT")]
    pending: Option<u64>,

    /// Without deliveries for so long
    #[arg(long, value_name = "DURATION", value_parser = parse::duration)]
    idle: Option<Duration>,

    /// Created longer ago than this
    #[arg(long, value_name = "DURATION", value_parser = parse::duration)]
    created: Option<Duration>,

    /// With so many copies or fewer
    #[arg(long, value_name = "COUNT")]
    replicas: Option<i64>,

    /// Whose leader is this server
    #[arg(long, value_name = "SERVER")]
    leader: Option<String>,

    /// With a pinned client in each priority group
    #[arg(long)]
    pinned: bool,

    /// Show those that do not match
    #[arg(long, overrides_with = "no_invert")]
    invert: bool,

    #[arg(long, overrides_with = "invert", hide = true)]
    no_invert: bool,

    /// For which this expression over `info` (also `state`) and `config` is true
    #[arg(long, value_name = "EXPRESSION")]
    expression: Option<Expression>,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let (api, stream) = args.which.connect(globals, false).await?;
    let mut found = args.conditions.find(&api, &stream.config.name).await?;
    if let Some(level) = args.api_level {
        found.retain(|info| {
            let config = info.config.as_ref();
            let needed = config.map_or("0", |config| required_level(&config.metadata));
            needed.parse::<u32>().is_ok_and(|needed| needed >= level)
        });
    }
    for info in found {
        outln!("{}", info.name)?;
    }
    Ok(())
}

impl Conditions {
    pub async fn find(&self, api: &Api, stream: &str) -> Result<Vec<ConsumerInfo>> {
        let mut found = api.consumers_of(stream).await?.consumers;
        let mut keep = Vec::with_capacity(found.len());
        for info in &found {
            let wanted = self.matches(info) && self.answers(info)?;
            keep.push(wanted != self.invert);
        }
        let mut keep = keep.into_iter();
        found.retain(|_| keep.next().unwrap_or(false));
        Ok(found)
    }

    /// What the expression says; without one, yes.
    fn answers(&self, info: &ConsumerInfo) -> Result<bool> {
        let Some(expression) = &self.expression else {
            return Ok(true);
        };
        let scope = Scope::default()
            .with(&["info", "Info", "state"], info)?
            .with(&["config"], &info.config)?;
        Ok(expression.holds(&scope)?)
    }

    fn matches(&self, info: &ConsumerInfo) -> bool {
        let config = info.config.clone().unwrap_or_default();
        let push = config.is_push();
        let bound = if push {
            info.push_bound
        } else {
            info.num_waiting > 0
        };
        let idle = info.delivered.last_active.unwrap_or(info.created);
        let pinned = config.priority_policy == PriorityPolicy::PinnedClient
            && info
                .priority_groups
                .iter()
                .all(|group| !group.pinned_client_id.is_empty());
        let leader = info.cluster.as_ref().map(|cluster| cluster.leader.as_str());
        (!self.pull || !push)
            && (!self.push || push)
            && (!self.bound || bound)
            && self.waiting.is_none_or(|most| info.num_waiting < most)
            && self
                .ack_pending
                .is_none_or(|most| info.num_ack_pending < most)
            && self.pending.is_none_or(|most| info.num_pending < most)
            && self.idle.is_none_or(|wanted| info.ts.since(idle) > wanted)
            && self
                .created
                .is_none_or(|wanted| info.ts.since(info.created) > wanted)
            && self.replicas.is_none_or(|most| config.num_replicas <= most)
            && self
                .leader
                .as_deref()
                .is_none_or(|wanted| leader == Some(wanted))
            && (!self.pinned || pinned)
    }
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
        let info: ConsumerInfo = serde_json::from_str(
            r#"{"name":"A","created":"2026-01-01T00:00:00Z","config":{"num_replicas":1},"num_waiting":2,
            "num_ack_pending":5,"num_pending":100,"delivered":{"last_active":"2026-01-01T12:00:00Z"},
            "ts":"2026-01-02T00:00:00Z"}"#,
        )
        .unwrap();
        let matches = |flags: &[&str]| {
            let line = Line::try_parse_from(std::iter::once(&"x").chain(flags)).unwrap();
            line.conditions.matches(&info)
        };
        assert!(matches(&[
            "--pull",
            "--bound",
            "--waiting",
            "3",
            "--ack-pending",
            "6",
            "--idle",
            "6h"
        ]));
        for no in [
            &["--push"][..],
            &["--pending", "100"],
            &["--idle", "13h"],
            &["--leader", "n1"],
            &["--pinned"],
        ] {
            assert!(!matches(no), "{no:?}");
        }
    }
}
