//! `nats stream cluster peer-remove`.

use super::super::select::Which;
use crate::error::{CliError, Result};
use crate::globals::Globals;
use nats_term::prompt::{Prompt, Terminal};

/// Take a server out of the group of a stream; another takes its place
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "pr",
    after_help = "Examples:\n  nats stream cluster peer-remove ORDERS n3"
)]
pub struct Args {
    #[command(flatten)]
    which: Which,

    /// Name of the server; chosen from a list when left out
    peer: Option<String>,

    /// Also the only server, which loses the stream
    #[arg(short, long)]
    force: bool,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let (api, info) = args.which.connect(globals).await?;
    let name = info.config.name;
    let cluster = info
        .cluster
        .ok_or_else(|| CliError::new(format!("stream {name:?} is not clustered")))?;
    let mut peers = vec![cluster.leader];
    peers.extend(cluster.replicas.into_iter().map(|peer| peer.name));
    if peers.len() == 1 && !args.force {
        let error = CliError::new("removing the only peer of a stream loses its data");
        return Err(error.next_step("--force does it all the same"));
    }
    let peer = match args.peer {
        Some(peer) => peer,
        None => {
            let chosen = Terminal.select("Select a Peer", &peers, "the name of a server")?;
            peers.get(chosen).cloned().unwrap_or_default()
        }
    };
    api.stream_remove_peer(&name, &peer).await?;
    log_line!("Requested removal of peer {peer:?}");
    Ok(())
}
