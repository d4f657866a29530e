//! `nats object`: the registry.
//!
//! An object store is a stream of a fixed shape; reading and writing it is done by the client library, and what stores have
//! in common with key-value buckets is in [`crate::buckets`]. Called by the root registry only. A file is only ever
//! replaced when its new content is complete.

mod add;
mod delete;
mod edit;
mod get;
mod info;
mod list;
mod put;
mod seal;
mod watch;

use nats_client::jetstream::object::ObjectStore;

use crate::buckets::Kind;
use crate::error::Result;
use crate::globals::Globals;
use crate::jetstream::Api;

/// Work with object stores
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "obj",
    after_help = "Examples:\n  \
        nats object add FILES\n  \
        nats object put FILES ./image.iso\n  \
        nats object get FILES image.iso --output ./copy.iso"
)]
pub struct Args {
    #[command(subcommand)]
    command: Stores,
}

registry! {
    /// What can be done with object stores.
    Stores {
        Add(add),
        Edit(edit),
        Put(put),
        Del(delete),
        Get(get),
        Info(info),
        Ls(list),
        Seal(seal),
        Watch(watch),
    }
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    args.command.run(globals).await
}

/// Connects and takes hold of a store that exists.
async fn store(globals: &Globals, name: &str) -> Result<ObjectStore> {
    let api = Api::connect(globals).await?;
    api.object_store(name)
        .await
        .map_err(|e| Kind::Objects.missing(name, e))
}
