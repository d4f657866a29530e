//! `nats stream copy`.

use clap_complete::engine::ArgValueCompleter;
use nats_api::jetstream::StreamCreateResponse;

use super::flags::{CreateFlags, StreamFlags};
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::jetstream::{Api, Document, StreamView, check_name};
use crate::output;

/// Create a stream with the configuration of another; messages are not copied
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "cp",
    after_help = "Examples:\n  \
        nats stream copy ORDERS ORDERS_TEST --subjects 'test.orders.>'"
)]
pub struct Args {
    /// Stream to take the configuration from
    #[arg(add = ArgValueCompleter::new(crate::complete::streams))]
    source: String,

    /// Name of the new stream
    destination: String,

    /// Print JSON
    #[arg(short, long)]
    json: bool,

    #[command(flatten)]
    create: CreateFlags,

    #[command(flatten)]
    flags: StreamFlags,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    if args.source == args.destination {
        return Err(CliError::new(
            "source and destination Stream names cannot be the same",
        ));
    }
    let api = Api::connect(globals).await?;
    let source = api.stream(&args.source).await?;
    let mut config = Document::of(&source.config)?.without_reserved_metadata();
    check_name(&args.destination)?;
    config.set("name", &args.destination)?;
    args.flags.apply(&mut config)?;
    args.create.apply(&mut config)?;
    let subject = api.api().stream_create(&args.destination);
    let answer: StreamCreateResponse = api
        .request_json(subject, &config)
        .await
        .map_err(|e| CliError::from(e).context("could not create Stream"))?;
    if args.json {
        return output::json(&answer.info);
    }
    outln!("Stream {} was created\n", args.destination)?;
    out!(
        "{}",
        StreamView::Full.render(&answer.info, globals.scheme())
    )
}
