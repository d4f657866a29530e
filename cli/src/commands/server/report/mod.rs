//! `nats server report`: the registry.
//!
//! Each report asks all servers and shows one table over all of them. What is known about connections is in
//! [`crate::connections`]. Called by the registry of `nats server` only.

mod accounts;
mod bars;
mod connections;
mod cpu;
mod downgrade;
mod gateways;
mod health;
mod jetstream;
mod leafnodes;
mod mem;
mod routes;

use std::io::Write;
use std::time::Duration;

use super::target::Target;
use crate::error::Result;
use crate::globals::Globals;
use crate::output::screen;
use crate::signals::interrupted;

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

    /// Show the report again every so many seconds
    #[arg(long, value_name = "SECONDS", global = true, value_parser = clap::value_parser!(u64).range(1..))]
    watch: Option<u64>,

    #[command(subcommand)]
    command: Reports,
}

registry! {
    /// What can be reported.
    #[derive(Clone)]
    Reports {
        Accounts(accounts),
        Connections(connections),
        Cpu(cpu),
        Downgrade(downgrade),
        Gateways(gateways),
        Health(health),
        Jetstream(jetstream),
        Leafnodes(leafnodes),
        Mem(mem),
        Routes(routes),
    }
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    // The commands have these flags as well, and clap hands them down.
    args.target.refuse_archive()?;
    let Some(seconds) = args.watch else {
        return args.command.run(globals).await;
    };
    let mut tick = tokio::time::interval(Duration::from_secs(seconds));
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = interrupted() => return Ok(()),
        }
        screen::clear()?;
        args.command.clone().run(globals).await?;
        std::io::stdout().flush()?;
    }
}

/// An account as it fits into a table: keys are shown by their ends.
fn account_cell(account: &str) -> String {
    const LONGEST: usize = 23;
    const END: usize = 10;
    let letters: Vec<char> = account.chars().collect();
    if letters.len() <= LONGEST {
        return account.to_owned();
    }
    let (head, tail) = (&letters[..END], &letters[letters.len() - END..]);
    format!(
        "{}...{}",
        head.iter().collect::<String>(),
        tail.iter().collect::<String>()
    )
}
