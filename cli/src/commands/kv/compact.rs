//! `nats kv compact`.

use clap_complete::engine::ArgValueCompleter;
use nats_client::jetstream::kv::PurgeDeletes;

use super::bucket;
use crate::error::Result;
use crate::globals::Globals;
use crate::jetstream::pick;
use nats_term::prompt::Terminal;

/// Marks of younger deletions stay, so that whoever watches does not miss them.
const AGE_MIN: std::time::Duration = std::time::Duration::from_secs(30 * 60);

/// Remove the history and the marks of deleted keys
///
/// Marks of the last half hour stay, so that nobody who watches misses a deletion; their history goes.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  nats kv compact CONFIG --force")]
pub struct Args {
    /// Name of the bucket
    #[arg(add = ArgValueCompleter::new(crate::complete::buckets))]
    bucket: String,

    /// Do not ask
    #[arg(short, long)]
    force: bool,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let bucket = bucket(globals, &args.bucket).await?;
    let question = format!(
        "Purge all historic values and audit trails for deleted keys in bucket {}?",
        args.bucket
    );
    if !pick::confirmed(&mut Terminal, args.force, &question)? {
        return outln!("Skipping delete");
    }
    bucket
        .purge_deletes(PurgeDeletes::OlderThan(AGE_MIN))
        .await?;
    Ok(())
}
