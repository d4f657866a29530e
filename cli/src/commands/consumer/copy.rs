//! `nats consumer copy`.

use clap_complete::engine::ArgValueCompleter;

use super::add::create;
use super::flags::{ConsumerFlags, CreateFlags};
use crate::error::Result;
use crate::globals::Globals;
use crate::jetstream::{Api, ConsumerView, check_name};
use crate::output;

/// Create a consumer with the configuration of another
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "cp",
    after_help = "Examples:\n  \
        nats consumer copy ORDERS NEW NEW_EU --filter orders.eu.new"
)]
pub struct Args {
    /// Name of the stream
    #[arg(add = ArgValueCompleter::new(crate::complete::streams))]
    stream: String,

    /// Consumer to take the configuration from
    #[arg(add = ArgValueCompleter::new(crate::complete::consumers))]
    source: String,

    /// Name of the new consumer
    destination: String,

    /// Print JSON
    #[arg(short, long)]
    json: bool,

    #[command(flatten)]
    create: CreateFlags,

    #[command(flatten)]
    flags: ConsumerFlags,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    check_name(&args.destination)?;
    let api = Api::connect(globals).await?;
    let config = api.consumer_document(&args.stream, &args.source).await?;
    let mut config = config.without_reserved_metadata();
    // A pause belongs to the consumer that was paused.
    config.remove("pause_until");
    config.set("name", &args.destination)?;
    if args.create.ephemeral {
        config.remove("durable_name");
    } else {
        config.set("durable_name", &args.destination)?;
    }
    args.flags.apply(&mut config)?;
    args.create.apply(&mut config)?;
    let info = create(&api, &args.stream, &config).await?;
    if args.json {
        return output::json(&info);
    }
    out!("{}", ConsumerView::Full.render(&info, globals.scheme()))
}
