//! `nats kv add`.

use nats_api::jetstream::subjects::domain_prefix;
use nats_api::jetstream::{ExternalStream, StreamCreateResponse, StreamSource};
use nats_client::jetstream::kv::KvConfig;

use super::flags::KvFlags;
use super::info::show;
use crate::buckets::StorageFlag;
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::jetstream::{Api, Document};

/// Create a bucket
#[derive(Debug, clap::Args)]
#[command(
    alias = "new",
    after_help = "Examples:\n  \
        nats kv add CONFIG --history 5 --ttl 30d\n  \
        nats kv add CONFIG_COPY --mirror CONFIG --mirror-domain hub"
)]
pub struct Args {
    /// Name of the bucket
    bucket: String,

    #[command(flatten)]
    storage: StorageFlag,

    /// Be a mirror of this bucket
    #[arg(long, value_name = "BUCKET", conflicts_with = "sources")]
    mirror: Option<String>,

    /// The mirrored bucket is in this JetStream domain
    #[arg(long, value_name = "DOMAIN", requires = "mirror")]
    mirror_domain: Option<String>,

    #[command(flatten)]
    flags: KvFlags,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let upstream = |name: &String| StreamSource {
        name: name.clone(),
        ..StreamSource::default()
    };
    let base = KvConfig {
        bucket: args.bucket.clone(),
        ttl: args.flags.bucket.ttl.unwrap_or_default(),
        storage: args.storage.storage(),
        mirror: args.mirror.as_ref().map(|name| StreamSource {
            external: args.mirror_domain.as_ref().map(|domain| ExternalStream {
                api: domain_prefix(domain),
                ..ExternalStream::default()
            }),
            ..upstream(name)
        }),
        sources: args.flags.sources.iter().map(upstream).collect(),
        ..KvConfig::default()
    };
    let mut config = Document::of(&base.stream().map_err(CliError::from)?)?;
    args.flags.apply(&mut config)?;
    let api = Api::connect(globals).await?;
    let subject = api.api().stream_create(config.text("name"));
    let created = api
        .request_json::<StreamCreateResponse>(subject, &config)
        .await;
    created.map_err(|e| CliError::from(e).context("could not create the bucket"))?;
    show(globals, &api, &args.bucket).await
}
