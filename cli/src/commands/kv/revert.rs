//! `nats kv revert`.

use super::value::KeyOf;
use super::{bucket, history};
use crate::buckets::shortened;
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::jetstream::pick;
use nats_term::prompt::Terminal;

/// Write an earlier value again
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  nats kv revert CONFIG colour 12")]
pub struct Args {
    #[command(flatten)]
    at: KeyOf,

    /// The revision of the value
    revision: u64,

    /// Do not ask
    #[arg(short, long, overrides_with = "no_force")]
    force: bool,

    #[arg(long, overrides_with = "force", hide = true)]
    no_force: bool,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let KeyOf { bucket: name, key } = &args.at;
    let bucket = bucket(globals, name).await?;
    let known = bucket.history(key).await?;
    let (Some(last), true) = (known.last(), known.len() > 1) else {
        return Err(CliError::new(
            "cannot revert key in a bucket where history=1",
        ));
    };
    let entry = bucket.get_revision(key, args.revision).await?;
    let entry = entry.ok_or_else(|| {
        CliError::new(format!(
            "revision {} of key {key:?} was not found",
            args.revision
        ))
        .next_step(format!("see which there are: nats kv history {name} {key}"))
    })?;
    if !args.force {
        outln!(
            "Revision: {}\n\n{}\n",
            entry.revision,
            shortened(&entry.value)
        )?;
    }
    let question = format!("Really revert to revision {}", args.revision);
    if !pick::confirmed(&mut Terminal, args.force, &question)? {
        return Ok(());
    }
    // Not over a value that somebody wrote in the meantime.
    bucket.update(key, &entry.value, last.revision).await?;
    let known = bucket.history(key).await?;
    outln!(
        "{}",
        history::table(&known, name, key, globals.scheme()).render()
    )
}
