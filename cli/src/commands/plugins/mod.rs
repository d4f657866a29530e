//! `nats plugins`: the registry.
//!
//! What a plugin is, and how one is run, stands in [`crate::plugins`]. Called by the root registry only. Nothing here talks to a
//! server, and nothing is run but the program that the user names.

mod register;

use crate::error::Result;
use crate::globals::Globals;

/// Make other programs commands of nats
#[derive(Debug, clap::Args)]
#[command(
    hide = true,
    after_help = "Example:\n  nats plugins register things ./things-tool"
)]
pub struct Args {
    #[command(subcommand)]
    command: Plugins,
}

registry! {
    /// What can be done with plugins.
    Plugins {
        Register(register),
    }
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    args.command.run(globals).await
}
