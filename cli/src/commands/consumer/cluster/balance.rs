//! `nats consumer cluster balance`.

use super::super::find::Conditions;
use super::super::select::WhichStream;
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::jetstream::balance::{Asset, carry_out};

/// Spread the leaders of a stream's consumers evenly over the servers
///
/// Consumers without copies stay where they are.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
        nats consumer cluster balance ORDERS\n  \
        nats consumer cluster balance ORDERS --pull")]
pub struct Args {
    #[command(flatten)]
    which: WhichStream,

    #[command(flatten)]
    conditions: Conditions,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let (api, stream) = args.which.connect(globals, false).await?;
    api.require_level(1, "preferring a leader").await?;
    let stream = stream.config.name;
    let found = args.conditions.find(&api, &stream).await?;
    if found.is_empty() {
        return Err(CliError::new(format!("no consumers of {stream:?} match"))
            .next_step("see which there are: nats consumer find, with the same conditions"));
    }
    let assets = found.into_iter();
    let assets = assets.map(|info| Asset::of("consumer", info.name, info.cluster));
    let assets = assets.collect::<Result<Vec<_>>>()?;
    let balanced = carry_out("consumer", &assets, async |name, placement| {
        api.consumer_leader_stepdown(&stream, name, Some(placement))
            .await?;
        Ok(())
    });
    let balanced = balanced.await?;
    outln!("Balanced {balanced} consumers on {stream}")
}
