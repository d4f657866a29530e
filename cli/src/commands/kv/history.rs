//! `nats kv history`.

use nats_client::jetstream::kv::Entry;

use super::bucket;
use super::value::{KeyOf, not_found};
use crate::buckets::{operation_name, shortened};
use crate::error::Result;
use crate::globals::Globals;
use crate::output::color::Scheme;
use crate::output::{Table, format};

/// Show all values of a key that are kept
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  nats kv history CONFIG colour")]
pub struct Args {
    #[command(flatten)]
    at: KeyOf,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let KeyOf { bucket: name, key } = &args.at;
    let bucket = bucket(globals, name).await?;
    let history = bucket.history(key).await?;
    if history.is_empty() {
        return Err(not_found(name, key));
    }
    outln!("{}", table(&history, name, key, globals.scheme()).render())
}

/// Shared with `nats kv revert`.
pub fn table(history: &[Entry], bucket: &str, key: &str, scheme: Scheme) -> Table {
    let title = format!("History for {bucket} > {key}");
    let header = ["Key", "Revision", "Op", "Created", "Length", "Value"];
    let mut table = Table::new(title, scheme).header(header);
    for entry in history {
        table.row([
            entry.key.clone(),
            entry.revision.to_string(),
            operation_name(entry.operation).to_owned(),
            format::time(entry.created.into()),
            format::count(entry.value.len() as u64),
            shortened(&entry.value),
        ]);
    }
    table
}
