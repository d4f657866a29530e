//! `nats object edit`.

use clap_complete::engine::ArgValueCompleter;
use nats_api::jetstream::StreamUpdateResponse;

use super::info::show_store;
use crate::buckets::{BucketFlags, Kind};
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::jetstream::Api;

/// Change the configuration of an object store; only what is named changes
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  nats object edit FILES --description 'images of the build'")]
pub struct Args {
    /// Name of the bucket
    #[arg(add = ArgValueCompleter::new(crate::complete::object_buckets))]
    bucket: String,

    #[command(flatten)]
    flags: BucketFlags,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let api = Api::connect(globals).await?;
    let name = &args.bucket;
    api.object_store(name)
        .await
        .map_err(|e| Kind::Objects.missing(name, e))?;
    let stream = Kind::Objects.stream(name);
    let before = api
        .stream_document(&stream)
        .await?
        .without_reserved_metadata();
    let mut after = before.clone();
    args.flags.apply(&mut after)?;
    if before.differences(&after).is_empty() {
        return outln!("No difference in configuration");
    }
    let subject = api.api().stream_update(&stream);
    let updated = api
        .request_json::<StreamUpdateResponse>(subject, &after)
        .await;
    updated.map_err(|e| CliError::from(e).context("could not edit the bucket"))?;
    show_store(globals, &api, name).await
}
