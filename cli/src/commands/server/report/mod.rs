//! `nats server report`: the registry.
//!
//! Each report asks all servers and shows one table over all of them. [`gather`] fetches connections page by page; the
//! connection table is shared by `connections` and `accounts`. Called by the registry of `nats server` only.

mod accounts;
mod bars;
mod connections;
mod cpu;
mod gather;
mod health;
mod mem;

use super::target::Target;
use crate::error::Result;
use crate::globals::Globals;

/// Reports over all servers
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "rep",
    after_help = "Examples:\n  \
        nats server report connections --sort in-bytes\n  \
        nats server report accounts\n  \
        nats server report health"
)]
pub struct Args {
    #[command(flatten)]
    target: Target,

    #[command(subcommand)]
    command: Reports,
}

registry! {
    /// What can be reported.
    Reports {
        Accounts(accounts),
        Connections(connections),
        Cpu(cpu),
        Health(health),
        Mem(mem),
    }
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    // The commands have these flags as well, and clap hands them down.
    drop(args.target);
    args.command.run(globals).await
}
