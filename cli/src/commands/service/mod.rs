//! `nats service`: the registry.
//!
//! [`discovery`] asks the services, [`crate::micro`] is one. Called by the root registry only. Answers of services are
//! never trusted: what is no document of the expected type is left out.

mod discovery;
mod info;
mod list;
mod ping;
mod request;
mod serve;
mod stats;

use crate::error::Result;
use crate::globals::Globals;

/// Find services and look into them
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "micro",
    after_help = "Examples:\n  \
        nats service serve demo\n  \
        nats service list\n  \
        nats service request demo echo 'hello'"
)]
pub struct Args {
    #[command(subcommand)]
    command: Services,
}

registry! {
    /// What can be done with services.
    Services {
        List(list),
        Info(info),
        Stats(stats),
        Ping(ping),
        Request(request),
        Serve(serve),
    }
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    args.command.run(globals).await
}
