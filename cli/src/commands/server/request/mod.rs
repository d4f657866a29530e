//! `nats server request`: the registry.
//!
//! Each command asks for one monitoring page and prints the whole answer of each server as a line of JSON, as it came:
//! fields that this build does not know stay. Called by the registry of `nats server` only. Nothing is interpreted here.

mod accounts;
mod connections;
mod gateways;
mod health;
mod ipqueue;
mod jetstream;
mod kick;
mod leafnodes;
mod profile;
mod raft;
mod routes;
mod subscriptions;
mod variables;

use nats_api::system::subjects;
use serde::Serialize;
use serde_json::Value;

use super::ask::{self, Whom};
use super::target::Target;
use crate::error::Result;
use crate::globals::Globals;

/// Request monitoring data, as JSON
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "req",
    after_help = "Examples:\n  \
        nats server request variables --name n1\n  \
        nats server request connections --filter-state closed | jq .data.connections"
)]
pub struct Args {
    #[command(flatten)]
    target: Target,

    #[command(subcommand)]
    command: Requests,
}

registry! {
    /// What can be requested.
    Requests {
        Accounts(accounts),
        Connections(connections),
        Gateways(gateways),
        Ipqueue(ipqueue),
        Jetstream(jetstream),
        JetstreamHealth(health),
        Kick(kick),
        Leafnodes(leafnodes),
        Profile(profile),
        Raft(raft),
        Routes(routes),
        Subscriptions(subscriptions),
        Variables(variables),
    }
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    // The commands have these flags as well, and clap hands them down.
    args.target.refuse_archive()?;
    args.command.run(globals).await
}

/// The part of a list to show.
#[derive(Debug, Clone, clap::Args)]
pub struct Page {
    /// Show at most so many records of each server
    #[arg(long, default_value_t = 2_048)]
    pub limit: i64,

    /// Leave out so many records at the beginning
    #[arg(long, default_value_t = 0)]
    pub offset: i64,
}

/// Prints what the servers answer, a line each.
async fn print(globals: &Globals, verb: &str, options: &impl Serialize, whom: &Whom) -> Result {
    for answer in documents(globals, verb, options, whom).await? {
        outln!("{answer}")?;
    }
    Ok(())
}

async fn documents(
    globals: &Globals,
    verb: &str,
    options: &impl Serialize,
    whom: &Whom,
) -> Result<Vec<Value>> {
    let client = globals.connect_system().await?;
    let subject = subjects::server_ping(verb);
    let answers = ask::answers::<Value>(globals, &client, &subject, options, whom).await?;
    Ok(answers.into_iter().map(|answer| answer.document).collect())
}
