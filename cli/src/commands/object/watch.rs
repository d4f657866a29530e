//! `nats object watch`.

use clap_complete::engine::ArgValueCompleter;
use nats_client::jetstream::object::{ObjectInfo, ObjectUpdate, ObjectWatchOptions};

use super::store;
use crate::error::Result;
use crate::globals::Globals;
use crate::output::color::{Scheme, paint};
use crate::output::format;
use crate::signals::interrupted;

/// Show what changes in an object store, as it happens
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  nats object watch FILES")]
pub struct Args {
    /// Name of the bucket
    #[arg(add = ArgValueCompleter::new(crate::complete::object_buckets))]
    bucket: String,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let store = store(globals, &args.bucket).await?;
    let mut watcher = store.watch(ObjectWatchOptions::default()).await?;
    loop {
        tokio::select! {
            () = interrupted() => return Ok(()),
            update = watcher.next() => match update {
                Some(update) => {
                    if let ObjectUpdate::Object(info) = update? {
                        outln!("{}", line(&info))?;
                    }
                }
                None => return Ok(()),
            },
        }
    }
}

fn line(info: &ObjectInfo) -> String {
    let time = format::time(info.modified.into());
    let place = format!("{} > {}", info.bucket, info.name);
    if info.deleted {
        return format!("[{time}] {} {place}", paint(Scheme::Red, "DEL"));
    }
    format!(
        "[{time}] {} {place}: {} bytes in {} chunks",
        paint(Scheme::Green, "PUT"),
        format::bytes(info.size),
        format::count(info.chunks.into())
    )
}
