//! `nats server config`: the registry.
//!
//! [`check`] reads a file on this machine and needs no server, [`reload`] orders a running server to read its own.
//! Called by the registry of `nats server` only. Nothing here changes a configuration file.

mod check;
mod reload;

use crate::error::Result;
use crate::globals::Globals;

/// Check and reload configurations
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
        nats server config check nats-server.conf\n  \
        nats server config reload NDAZ…")]
pub struct Args {
    #[command(subcommand)]
    command: Configs,
}

registry! {
    /// What can be done with configurations.
    Configs {
        Check(check),
        Reload(reload),
    }
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    args.command.run(globals).await
}
