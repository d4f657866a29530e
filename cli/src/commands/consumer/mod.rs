//! `nats consumer`: the registry.
//!
//! [`flags`] are the flags of a configuration and what they change in it; [`ask`] asks for what was left out; everything
//! about the API is in [`crate::jetstream`]. Called by the root registry only.

mod add;
mod ask;
mod cluster;
mod copy;
mod edit;
mod find;
mod flags;
mod graph;
mod info;
mod list;
mod next;
mod pause;
mod remove;
mod report;
mod reset;
mod resume;
mod select;
mod state;
mod subscribe;
mod unpin;

use crate::error::Result;
use crate::globals::Globals;
use crate::jetstream::Scope;

/// Create, look into, change and delete consumers
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "con",
    aliases = ["obs", "c"],
    after_help = "Examples:\n  \
        nats consumer add ORDERS NEW --filter orders.new --pull --defaults\n  \
        nats consumer next ORDERS NEW --count 10\n  \
        nats consumer report ORDERS"
)]
pub struct Args {
    #[command(flatten)]
    scope: Scope,

    #[command(subcommand)]
    command: Consumers,
}

registry! {
    /// What can be done with consumers.
    Consumers {
        Add(add),
        Edit(edit),
        Ls(list),
        Find(find),
        Info(info),
        State(state),
        Rm(remove),
        Reset(reset),
        Copy(copy),
        Next(next),
        #[command(hide = true)]
        Sub(subscribe),
        Graph(graph),
        Pause(pause),
        Unpin(unpin),
        Resume(resume),
        Report(report),
        Cluster(cluster),
    }
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    // The commands have this flag as well, and clap hands it down.
    let Args { scope: _, command } = args;
    command.run(globals).await
}
