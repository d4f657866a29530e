//! `nats consumer cluster step-down`.

use nats_api::jetstream::Placement;

use super::super::select::Which;
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::jetstream::{ConsumerView, Election};

/// Make the leader of a consumer step down, so that a new one is elected
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "elect",
    aliases = ["down", "d"],
    after_help = "Examples:\n  nats consumer cluster step-down ORDERS NEW"
)]
pub struct Args {
    #[command(flatten)]
    which: Which,

    /// The server that should lead
    #[arg(long, value_name = "SERVER")]
    preferred: Option<String>,

    /// Also when there is no leader
    #[arg(short, long)]
    force: bool,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let (api, info) = args.which.connect(globals).await?;
    let (stream, name) = (&info.stream_name, &info.name);
    let what = format!("consumer \"{stream} > {name}\"");
    let cluster = info.cluster.filter(|cluster| !cluster.replicas.is_empty());
    let cluster = cluster.ok_or_else(|| CliError::new(format!("{what} is not clustered")))?;
    if cluster.leader.is_empty() && !args.force {
        return Err(CliError::new(format!("{what} has no current leader")));
    }
    log_line!(
        "Requesting leader step down of {:?} in a {} peer RAFT group",
        cluster.leader,
        cluster.replicas.len() + 1
    );
    let placement = args.preferred.map(|preferred| Placement {
        preferred,
        ..Placement::default()
    });
    api.consumer_leader_stepdown(stream, name, placement)
        .await?;
    let info = Election::after(&cluster.leader)
        .wait(&what, async || {
            let info = api.consumer(stream, name).await?;
            let leader = info.cluster.as_ref().map(|c| c.leader.clone());
            Ok((leader.unwrap_or_default(), info))
        })
        .await?;
    out!("\n{}", ConsumerView::Full.render(&info, globals.scheme()))
}
