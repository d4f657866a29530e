//! `nats kv get`.

use std::io::Write;

use super::bucket;
use super::value::{KeyOf, not_found};
use crate::buckets::printable;
use crate::error::Result;
use crate::globals::Globals;
use crate::output::format;

/// More of a value is shown with `--raw` only.
const SHOWN_MAX: usize = 120;

/// Show a value
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
        nats kv get CONFIG colour\n  \
        nats kv get CONFIG logo --raw > logo.png")]
pub struct Args {
    #[command(flatten)]
    at: KeyOf,

    /// The value at this revision
    #[arg(long, value_name = "REVISION")]
    revision: Option<u64>,

    /// Print the value and nothing else
    #[arg(long)]
    raw: bool,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let bucket = bucket(globals, &args.at.bucket).await?;
    let key = &args.at.key;
    let entry = match args.revision.filter(|revision| *revision > 0) {
        Some(revision) => bucket.get_revision(key, revision).await?,
        None => bucket.get(key).await?,
    };
    let entry = entry.ok_or_else(|| not_found(&args.at.bucket, key))?;
    let mut out = std::io::stdout().lock();
    if args.raw {
        out.write_all(&entry.value)?;
        return Ok(out.flush()?);
    }
    writeln!(
        out,
        "{} > {} revision: {} created @ {}\n",
        entry.bucket,
        entry.key,
        entry.revision,
        format::time(entry.created.into())
    )?;
    let text = printable(&entry.value);
    let length = text.len();
    if length > SHOWN_MAX {
        writeln!(
            out,
            "Showing first {SHOWN_MAX} bytes of {}, use --raw for full data\n",
            format::count(length as u64)
        )?;
        let mut ends = (0..=SHOWN_MAX).rev();
        let end = ends.find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        writeln!(out, "{}\n", &text[..end])?;
    } else {
        writeln!(out, "{text}\n")?;
    }
    Ok(())
}
