//! `nats stream`: the registry.
//!
//! [`flags`] are the flags of a configuration and what they change in it; [`ask`] asks for what was left out; everything
//! about the API is in [`crate::jetstream`]. Called by the root registry only.

mod add;
mod ask;
mod backup;
mod cluster;
mod copy;
mod edit;
mod find;
mod flags;
mod gaps;
mod get;
mod graph;
mod info;
mod list;
mod purge;
mod remove;
mod remove_message;
mod report;
mod restore;
mod seal;
mod select;
mod state;
mod subjects;
mod view;

use crate::error::Result;
use crate::globals::Globals;
use crate::jetstream::Scope;

/// Create, look into, change and delete streams
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "str",
    aliases = ["st", "ms", "s"],
    after_help = "Examples:\n  \
        nats stream add ORDERS --subjects 'orders.>' --defaults\n  \
        nats stream info ORDERS\n  \
        nats stream edit ORDERS --max-age 30d --dry-run"
)]
pub struct Args {
    #[command(flatten)]
    scope: Scope,

    #[command(subcommand)]
    command: Streams,
}

registry! {
    /// What can be done with streams.
    Streams {
        Add(add),
        Ls(list),
        Report(report),
        Find(find),
        Info(info),
        State(state),
        Subjects(subjects),
        Edit(edit),
        Rm(remove),
        Purge(purge),
        Copy(copy),
        Rmm(remove_message),
        View(view),
        Get(get),
        Backup(backup),
        Restore(restore),
        Seal(seal),
        Gaps(gaps),
        Graph(graph),
        Cluster(cluster),
    }
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    // The commands have this flag as well, and clap hands it down.
    let Args { scope: _, command } = args;
    command.run(globals).await
}
