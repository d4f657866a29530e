//! `nats context`: the registry.
//!
//! The files are those that the other NATS tools use as well; `nats_client::context` alone reads and writes them. Called by
//! the root registry only. A secret is never printed here; [`show`] is where a context becomes text.

mod add;
mod copy;
mod edit;
mod info;
mod list;
mod previous;
mod remove;
mod select;
mod sheet;
mod show;
mod unselect;
mod validate;

use crate::error::Result;
use crate::globals::Globals;

/// Manage contexts: named connection settings
///
/// A context holds the servers and credentials of one NATS system. The selected context is used by all commands; --context
/// chooses another one, and flags and NATS_* variables override single settings of it.
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "ctx",
    after_help = "Examples:\n  \
        nats context add dev -s nats://localhost:4222 --description 'Development' --select\n  \
        nats context ls\n  \
        nats --context dev pub test hello"
)]
pub struct Args {
    #[command(subcommand)]
    command: Contexts,
}

registry! {
    /// What can be done with contexts.
    Contexts {
        Add(add),
        Copy(copy),
        Edit(edit),
        #[command(name = "ls")]
        List(list),
        #[command(name = "rm")]
        Remove(remove),
        Select(select),
        Unselect(unselect),
        Info(info),
        Validate(validate),
        Previous(previous),
    }
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    args.command.run(globals).await
}
