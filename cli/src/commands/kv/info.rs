//! `nats kv info`.

use clap_complete::engine::ArgValueCompleter;
use nats_client::jetstream::kv::KvStatus;

use crate::buckets::{self, Kind};
use crate::error::Result;
use crate::globals::Globals;
use crate::jetstream::Api;
use crate::output::color::Scheme;
use crate::output::{self, Columns, format};
use nats_term::prompt::Terminal;

/// Show everything about a bucket
#[derive(Debug, clap::Args)]
#[command(
    visible_aliases = ["view", "status"],
    after_help = "Examples:\n  nats kv info CONFIG"
)]
pub struct Args {
    /// Name of the bucket; chosen from a list when left out
    #[arg(add = ArgValueCompleter::new(crate::complete::buckets))]
    bucket: Option<String>,

    /// Print JSON: the info of the stream below
    #[arg(short, long)]
    json: bool,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let api = Api::connect(globals).await?;
    let name = Kind::KeyValue
        .chosen(&api, args.bucket, &mut Terminal)
        .await?;
    if args.json {
        let bucket = api
            .kv(&name)
            .await
            .map_err(|e| Kind::KeyValue.missing(&name, e))?;
        return output::json(&bucket.status().await?.stream);
    }
    show(globals, &api, &name).await
}

/// Shared with the commands that change a bucket.
pub async fn show(globals: &Globals, api: &Api, name: &str) -> Result {
    let bucket = api
        .kv(name)
        .await
        .map_err(|e| Kind::KeyValue.missing(name, e))?;
    let status = bucket.status().await?;
    out!("{}", columns(&status, globals.scheme()).render())
}

fn columns(status: &KvStatus, scheme: Scheme) -> Columns {
    let mut columns = Columns::new(
        format!(
            "Information for Key-Value Store Bucket {} created {}",
            status.bucket,
            format::time(status.stream.created.into())
        ),
        scheme,
    );
    let marker = status.config.limit_marker_ttl;
    columns.section("Configuration");
    columns.row("Bucket Name", &*status.bucket);
    columns.row("History Kept", status.config.history);
    columns.row("Values Stored", status.values);
    columns.row("Compressed", status.config.compression);
    columns.row("Per-Key TTL Supported", marker.is_some());
    columns.row_if(
        marker.is_some(),
        "Limit Marker TTL",
        marker.unwrap_or_default(),
    );
    columns.row("Backing Store Kind", "JetStream");
    buckets::configuration(&mut columns, &status.stream);
    columns
}
