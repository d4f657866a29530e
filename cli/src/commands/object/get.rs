//! `nats object get`.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap_complete::engine::ArgValueCompleter;

use super::store;
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::jetstream::pick;
use crate::output::format;
use crate::progress::Progress;
use nats_term::prompt::Terminal;

/// Smaller objects need no bar.
const BAR_BYTES_MIN: u64 = 20 << 10;
/// Shorter transfers have no rate that means something.
const RATE_AFTER: Duration = Duration::from_secs(2);

/// Fetch an object into a file
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
        nats object get FILES image.iso\n  \
        nats object get FILES image.iso --output /tmp/copy.iso --force")]
pub struct Args {
    /// Name of the bucket
    #[arg(add = ArgValueCompleter::new(crate::complete::object_buckets))]
    bucket: String,

    /// Name of the object
    file: String,

    /// The file; the last part of the object's name when not given
    #[arg(short = 'O', long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Show no progress bar
    #[arg(long, overrides_with = "progress")]
    no_progress: bool,

    #[arg(long, overrides_with = "no_progress", hide = true)]
    progress: bool,

    /// Do not ask before replacing a file
    #[arg(short, long)]
    force: bool,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let store = store(globals, &args.bucket).await?;
    let mut object = store.get(&args.file).await?;
    let size = object.info().size;
    let target = match &args.output {
        Some(path) => path.clone(),
        None => PathBuf::from(last_part(&object.info().name)?),
    };
    let target = std::path::absolute(&target)?;
    let question = format!("Replace existing target file {}", target.display());
    if target.exists() && !pick::confirmed(&mut Terminal, args.force, &question)? {
        return Ok(());
    }
    let start = Instant::now();
    let folder = target.parent().unwrap_or(Path::new("."));
    let failed = |e: std::io::Error| CliError::from(e).context(target.display());
    // Complete, or not there at all.
    let temporary = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    let mut file = tokio::fs::File::from_std(temporary.reopen().map_err(failed)?);
    let bar = Progress::of_bytes(size, !args.no_progress && size > BAR_BYTES_MIN);
    while let Some(chunk) = object.next().await {
        let chunk = chunk?;
        tokio::io::AsyncWriteExt::write_all(&mut file, &chunk)
            .await
            .map_err(failed)?;
        bar.add(chunk.len() as u64);
    }
    tokio::io::AsyncWriteExt::flush(&mut file)
        .await
        .map_err(failed)?;
    bar.finish();
    readable(temporary.path()).map_err(failed)?;
    temporary.persist(&target).map_err(|e| failed(e.error))?;
    let elapsed = start.elapsed();
    let rate = if elapsed > RATE_AFTER {
        let rate = size as f64 / elapsed.as_secs_f64();
        format!(" average {}/s", format::bytes(rate as u64))
    } else {
        String::new()
    };
    outln!(
        "Wrote: {} to {} in {}{rate}",
        format::bytes(size),
        target.display(),
        format::duration(elapsed)
    )
}

/// Temporary files are private; this one becomes the user's file, with the rights that a new file has.
#[cfg(unix)]
fn readable(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    // What the system takes away from a new file, found out with one.
    let probe = path.with_extension("rights");
    let rights = std::fs::File::create(&probe)?
        .metadata()?
        .permissions()
        .mode();
    std::fs::remove_file(&probe)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(rights))
}

#[cfg(not(unix))]
fn readable(_path: &Path) -> std::io::Result<()> {
    Ok(())
}

/// An object's name comes from somebody else: it must not lead out of this folder.
fn last_part(name: &str) -> Result<String> {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    if matches!(last, "" | "." | "..") || last.contains('\0') {
        return Err(CliError::new(format!("{name:?} is no name for a file"))
            .next_step("name one with --output"));
    }
    Ok(last.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_cannot_choose_another_folder() {
        assert_eq!(last_part("a/b/c.txt").unwrap(), "c.txt");
        assert_eq!(last_part("../../etc/passwd").unwrap(), "passwd");
        assert_eq!(last_part("..\\x").unwrap(), "x");
        for name in ["a/..", "/", "", "."] {
            assert!(last_part(name).is_err(), "{name:?}");
        }
    }
}
