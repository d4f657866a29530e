//! `nats object ls`.

use clap_complete::engine::ArgValueCompleter;
use nats_client::jetstream::object::ObjectStoreStatus;

use super::store;
use crate::buckets::print_names;
use crate::error::Result;
use crate::globals::Globals;
use crate::jetstream::{Api, ago};
use crate::output::color::Scheme;
use crate::output::{self, Table, format};

/// List object stores, or what is in one
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
        nats object ls\n  \
        nats object ls FILES --names")]
pub struct Args {
    /// Name of the bucket; the stores when left out
    #[arg(add = ArgValueCompleter::new(crate::complete::object_buckets))]
    bucket: Option<String>,

    /// Print the names only
    #[arg(short, long)]
    names: bool,

    /// Print JSON
    #[arg(short, long)]
    json: bool,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    match &args.bucket {
        Some(name) => objects(globals, &args, name).await,
        None => stores(globals, &args).await,
    }
}

async fn objects(globals: &Globals, args: &Args, name: &str) -> Result {
    let store = store(globals, name).await?;
    let mut found = store.list().await?;
    found.sort_by(|a, b| a.name.cmp(&b.name));
    if args.json {
        return output::json(&found);
    }
    if args.names {
        for info in found {
            outln!("{}", info.name)?;
        }
        return Ok(());
    }
    if found.is_empty() {
        return outln!("No entries found");
    }
    let mut table =
        Table::new("Bucket Contents", globals.scheme()).header(["Name", "Size", "Time"]);
    for info in found {
        table.row([
            info.name,
            format::bytes(info.size),
            format::time(info.modified.into()),
        ]);
    }
    outln!("{}", table.render())
}

async fn stores(globals: &Globals, args: &Args) -> Result {
    let api = Api::connect(globals).await?;
    if args.names || args.json {
        return print_names(api.object_store_names().await?, args.json);
    }
    let mut found = api.object_stores().await?;
    if found.is_empty() {
        return outln!("No Object Store buckets found");
    }
    found.sort_by(|a, b| (a.size, &a.bucket).cmp(&(b.size, &b.bucket)));
    outln!("{}", table(&found, globals.scheme()).render())
}

fn table(stores: &[ObjectStoreStatus], scheme: Scheme) -> Table {
    let mut table = Table::new("Object Store Buckets", scheme).header([
        "Bucket",
        "Description",
        "Created",
        "Size",
        "Last Update",
    ]);
    for status in stores {
        let info = &status.stream;
        table.row([
            status.bucket.clone(),
            status.description.clone(),
            format::time(info.created.into()),
            format::bytes(status.size),
            ago(info.ts, info.state.last_ts),
        ]);
    }
    table
}
