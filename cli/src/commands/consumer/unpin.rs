//! `nats consumer unpin`.

use nats_api::jetstream::PriorityPolicy;

use super::select::Which;
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::jetstream::pick;
use nats_term::prompt::{Prompt, Terminal};

/// Take the pin of a priority group from the client that has it
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  nats consumer unpin ORDERS NEW group-a --force")]
pub struct Args {
    #[command(flatten)]
    which: Which,

    /// The group; chosen from a list when left out
    group: Option<String>,

    /// Do not ask
    #[arg(short, long)]
    force: bool,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let (api, info) = args.which.connect(globals).await?;
    let (stream, name) = (&info.stream_name, &info.name);
    let policy = info.config.as_ref().map(|config| config.priority_policy);
    if policy != Some(PriorityPolicy::PinnedClient) {
        return Err(CliError::new("consumer is not a pinned priority consumer"));
    }
    let pinned: Vec<_> = info
        .priority_groups
        .iter()
        .filter(|group| !group.pinned_client_id.is_empty())
        .collect();
    if pinned.is_empty() {
        return Err(CliError::new("no priority groups have pinned clients"));
    }
    let group = match args.group {
        Some(group) => group,
        None => {
            let names: Vec<String> = pinned.iter().map(|group| group.group.clone()).collect();
            let chosen = Terminal.select("Select a Group", &names, "the name of a group")?;
            names.get(chosen).cloned().unwrap_or_default()
        }
    };
    let client = pinned.iter().find(|known| known.group == group);
    let client = client
        .map(|known| known.pinned_client_id.clone())
        .ok_or_else(|| CliError::new(format!("group {group:?} has no pinned client")))?;
    let question = format!("Really unpin client from group {stream} > {name} > {group}");
    if !pick::confirmed(&mut Terminal, args.force, &question)? {
        return Ok(());
    }
    api.unpin_consumer(stream, name, &group).await?;
    outln!("Unpinned client {client} from Priority Group {stream} > {name} > {group}")
}
