//! `nats server`: the registry.
//!
//! [`ask`] asks servers over the system account and turns silence into advice; everything that is asked goes through it.
//! Called by the root registry only. What servers answer is never trusted: a wrong document is an error that names the
//! subject. Subcommands that need JetStream are absent until it exists; they are no empty shells.

mod account;
mod ask;
mod check;
mod config;
mod generate;
mod graph;
mod info;
mod list;
mod mappings;
mod passwd;
mod ping;
mod report;
mod request;
mod target;
mod watch;

use crate::error::Result;
use crate::globals::Globals;

/// Look into servers and check them
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "srv",
    aliases = ["sys", "system"],
    after_help = "Most of these need a user of the system account.\n\n\
        Examples:\n  \
        nats server list --context system\n  \
        nats server report connections\n  \
        nats server check connection"
)]
pub struct Args {
    #[command(subcommand)]
    command: Servers,
}

registry! {
    /// What can be done with servers.
    Servers {
        Account(account),
        Check(check),
        Config(config),
        Generate(generate),
        Graph(graph),
        Info(info),
        List(list),
        Mappings(mappings),
        Passwd(passwd),
        Ping(ping),
        Report(report),
        Request(request),
        Watch(watch),
    }
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    args.command.run(globals).await
}
