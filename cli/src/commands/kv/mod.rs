//! `nats kv`: the registry.
//!
//! A bucket is a stream of a fixed shape; reading and writing it is done by the client library, and what buckets have in
//! common with object stores is in [`crate::buckets`]. Called by the root registry only.

mod add;
mod compact;
mod create;
mod delete;
mod edit;
mod flags;
mod get;
mod history;
mod info;
mod list;
mod purge;
mod put;
mod revert;
mod update;
mod value;
mod watch;

use nats_client::jetstream::kv::Bucket;

use crate::buckets::Kind;
use crate::error::Result;
use crate::globals::Globals;
use crate::jetstream::Api;

/// Work with key-value buckets
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
        nats kv add CONFIG --history 5\n  \
        nats kv put CONFIG colour blue\n  \
        nats kv get CONFIG colour --raw\n  \
        nats kv watch CONFIG")]
pub struct Args {
    #[command(subcommand)]
    command: Buckets,
}

registry! {
    /// What can be done with buckets.
    Buckets {
        Add(add),
        Edit(edit),
        Put(put),
        Get(get),
        Create(create),
        Update(update),
        Del(delete),
        Purge(purge),
        History(history),
        Revert(revert),
        Info(info),
        Watch(watch),
        Ls(list),
        Compact(compact),
    }
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    args.command.run(globals).await
}

/// Connects and takes hold of a bucket that exists.
async fn bucket(globals: &Globals, name: &str) -> Result<Bucket> {
    let api = Api::connect(globals).await?;
    api.kv(name)
        .await
        .map_err(|e| Kind::KeyValue.missing(name, e))
}
