//! `nats kv edit`.

use clap_complete::engine::ArgValueCompleter;
use nats_api::jetstream::{StreamSource, StreamUpdateResponse};
use nats_client::jetstream::kv::KvConfig;

use super::flags::KvFlags;
use super::info::show;
use crate::buckets::Kind;
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::jetstream::Api;

/// Change the configuration of a bucket
///
/// Only what is named changes. --source adds to the buckets that are gathered already.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  nats kv edit CONFIG --history 10 --ttl 90d")]
pub struct Args {
    /// Name of the bucket
    #[arg(add = ArgValueCompleter::new(crate::complete::buckets))]
    bucket: String,

    /// Be no mirror any longer
    #[arg(long, overrides_with = "no_no_mirror")]
    no_mirror: bool,

    #[arg(long, overrides_with = "no_mirror", hide = true)]
    no_no_mirror: bool,

    #[command(flatten)]
    flags: KvFlags,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let api = Api::connect(globals).await?;
    let stream = Kind::KeyValue.stream(&args.bucket);
    api.kv(&args.bucket)
        .await
        .map_err(|e| Kind::KeyValue.missing(&args.bucket, e))?;
    let before = api
        .stream_document(&stream)
        .await?
        .without_reserved_metadata();
    let mut after = before.clone();
    args.flags.apply(&mut after)?;
    if !args.flags.sources.is_empty() {
        let added = KvConfig {
            bucket: args.bucket.clone(),
            sources: args
                .flags
                .sources
                .iter()
                .map(|name| StreamSource {
                    name: name.clone(),
                    ..StreamSource::default()
                })
                .collect(),
            ..KvConfig::default()
        };
        let added = added.stream().map_err(CliError::from)?.sources;
        let known = after.get("sources").and_then(|sources| sources.as_array());
        let mut sources = known.cloned().unwrap_or_default();
        for source in added {
            sources.push(serde_json::to_value(source)?);
        }
        after.set("sources", sources)?;
    }
    if args.no_mirror {
        after.remove("mirror");
    }
    if before.differences(&after).is_empty() {
        return outln!("No difference in configuration");
    }
    let subject = api.api().stream_update(&stream);
    let updated = api
        .request_json::<StreamUpdateResponse>(subject, &after)
        .await;
    updated.map_err(|e| CliError::from(e).context("could not edit the bucket"))?;
    show(globals, &api, &args.bucket).await
}
