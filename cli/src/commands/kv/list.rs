//! `nats kv ls`.

use clap_complete::engine::ArgValueCompleter;
use nats_client::jetstream::kv::{Bucket, KvStatus};

use super::bucket;
use crate::buckets::{print_names, printable};
use crate::error::Result;
use crate::globals::Globals;
use crate::jetstream::Api;
use crate::output::color::Scheme;
use crate::output::{self, Table, format};

/// List buckets, or the keys of one
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "list",
    after_help = "Examples:\n  \
        nats kv ls\n  \
        nats kv ls CONFIG\n  \
        nats kv ls CONFIG 'app.>' --display-value"
)]
pub struct Args {
    /// Name of the bucket; the buckets when left out
    #[arg(add = ArgValueCompleter::new(crate::complete::buckets))]
    bucket: Option<String>,

    /// Only keys that match this
    key: Option<String>,

    /// Print the names only
    #[arg(short, long)]
    names: bool,

    /// Show more about each key
    #[arg(short, long)]
    verbose: bool,

    /// Show more about each key, and its value
    #[arg(long)]
    display_value: bool,

    /// Print the names as JSON
    #[arg(short, long, conflicts_with_all = ["verbose", "display_value"])]
    json: bool,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    match &args.bucket {
        Some(name) => {
            let bucket = bucket(globals, name).await?;
            keys(globals, &args, &bucket).await
        }
        None => buckets(globals, &args).await,
    }
}

async fn keys(globals: &Globals, args: &Args, bucket: &Bucket) -> Result {
    let mut keys = match &args.key {
        Some(pattern) => bucket.keys_matching(&[pattern]).await?,
        None => bucket.keys().await?,
    };
    if args.json {
        return output::json(&keys);
    }
    if keys.is_empty() && !args.names {
        return outln!("No keys found in bucket");
    }
    if !args.verbose && !args.display_value {
        for key in keys {
            outln!("{key}")?;
        }
        return Ok(());
    }
    keys.sort();
    let title = format!("Contents for bucket '{}'", bucket.name());
    let mut header = vec!["Key", "Created", "Delta", "Revision"];
    header.extend(args.display_value.then_some("Value"));
    let mut table = Table::new(title, globals.scheme()).header(header);
    for key in keys {
        // It may be gone in the meantime.
        let Some(entry) = bucket.get(&key).await? else {
            continue;
        };
        let mut row = vec![
            key,
            format::time(entry.created.into()),
            entry.delta.to_string(),
            entry.revision.to_string(),
        ];
        row.extend(args.display_value.then(|| printable(&entry.value)));
        table.row(row);
    }
    outln!("{}", table.render())
}

async fn buckets(globals: &Globals, args: &Args) -> Result {
    let api = Api::connect(globals).await?;
    if args.names || args.json {
        return print_names(api.kv_names().await?, args.json);
    }
    let mut found = api.kv_buckets().await?;
    if found.is_empty() {
        return outln!("No Key-Value buckets found");
    }
    found.sort_by(|a, b| (a.bytes, &a.bucket).cmp(&(b.bytes, &b.bucket)));
    outln!("{}", table(&found, globals.scheme()).render())
}

fn table(buckets: &[KvStatus], scheme: Scheme) -> Table {
    let mut table = Table::new("Key-Value Buckets", scheme).header([
        "Bucket",
        "Description",
        "Created",
        "Size",
        "Values",
        "Last Update",
    ]);
    for status in buckets {
        let info = &status.stream;
        table.row([
            status.bucket.clone(),
            status.config.description.clone(),
            format::time(info.created.into()),
            format::bytes(status.bytes),
            format::count(status.values),
            crate::jetstream::ago(info.ts, info.state.last_ts),
        ]);
    }
    table
}
