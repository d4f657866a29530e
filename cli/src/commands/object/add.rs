//! `nats object add`.

use nats_api::jetstream::StreamCreateResponse;
use nats_client::jetstream::object::ObjectStoreConfig;

use super::info::show_store;
use crate::buckets::{BucketFlags, StorageFlag};
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::jetstream::{Api, Document};

/// Create an object store
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  nats object add FILES --ttl 30d --replicas 3")]
pub struct Args {
    /// Name of the bucket
    bucket: String,

    #[command(flatten)]
    storage: StorageFlag,

    #[command(flatten)]
    flags: BucketFlags,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let base = ObjectStoreConfig {
        bucket: args.bucket.clone(),
        storage: args.storage.storage(),
        ..ObjectStoreConfig::default()
    };
    let mut config = Document::of(&base.stream().map_err(CliError::from)?)?;
    args.flags.apply(&mut config)?;
    let api = Api::connect(globals).await?;
    let subject = api.api().stream_create(config.text("name"));
    let created = api
        .request_json::<StreamCreateResponse>(subject, &config)
        .await;
    created.map_err(|e| CliError::from(e).context("could not create the bucket"))?;
    show_store(globals, &api, &args.bucket).await
}
