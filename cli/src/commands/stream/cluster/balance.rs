//! `nats stream cluster balance`.

use super::super::find::Conditions;
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::jetstream::Api;
use crate::jetstream::balance::{Asset, carry_out};

/// Spread the leaders of streams evenly over the servers
///
/// Streams without copies stay where they are.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
        nats stream cluster balance\n  \
        nats stream cluster balance --cluster east --idle 1h")]
pub struct Args {
    #[command(flatten)]
    conditions: Conditions,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let api = Api::connect(globals).await?;
    api.require_level(1, "preferring a leader").await?;
    let found = args.conditions.find(&api).await?;
    if found.is_empty() {
        return Err(CliError::new("no streams match")
            .next_step("see which there are: nats stream find, with the same conditions"));
    }
    let assets = found.into_iter();
    let assets = assets.map(|info| Asset::of("stream", info.config.name, info.cluster));
    let assets = assets.collect::<Result<Vec<_>>>()?;
    let balanced = carry_out("stream", &assets, async |name, placement| {
        api.stream_leader_stepdown(name, Some(placement)).await?;
        Ok(())
    });
    let balanced = balanced.await?;
    outln!("Balanced {balanced} streams.")
}
