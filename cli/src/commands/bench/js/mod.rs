//! `nats bench js`: the registry, and what its commands share.
//!
//! [`stream`] makes the stream of a benchmark ready; the frame is that of every benchmark ([`super::run`]). Called by the
//! registry of `bench` only. A stream is created or purged only when the user says so.

mod consume;
mod fetch;
mod get;
mod ordered;
mod publish;
mod read;
mod stream;

use super::{CommonArgs, SleepArgs};
use crate::error::Result;
use crate::globals::Globals;

/// Measure JetStream
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
        nats bench js pub async test.subject --create --msgs 1000000\n  \
        nats bench js consume --msgs 1000000 --clients 2\n  \
        nats bench js ordered --msgs 1000000")]
pub struct Args {
    #[command(flatten)]
    common: CommonArgs,

    #[command(flatten)]
    sleep: SleepArgs,

    #[command(flatten)]
    name: StreamName,

    #[command(subcommand)]
    command: JetStream,
}

/// The stream; on the group as well, so that the flag may stand before or after the command's name.
#[derive(Debug, Clone, clap::Args)]
pub struct StreamName {
    /// Name of the stream
    #[arg(
        long,
        value_name = "NAME",
        default_value = "benchstream",
        global = true
    )]
    pub stream: String,
}

registry! {
    /// What can be measured.
    JetStream {
        Pub(publish),
        Ordered(ordered),
        Consume(consume),
        Fetch(fetch),
        Get(get),
    }
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    // The commands have these flags as well, and clap hands them down.
    drop((args.common, args.sleep, args.name));
    args.command.run(globals).await
}
