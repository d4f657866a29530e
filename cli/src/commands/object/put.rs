//! `nats object put`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap_complete::engine::ArgValueCompleter;
use nats_client::jetstream::object::{CHUNK_BYTES, ObjectMeta};
use tokio::io::AsyncRead;

use super::info::show_object;
use super::store;
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::jetstream::pick;
use crate::parse;
use crate::progress::{Counted, Progress};
use nats_term::prompt::Terminal;

/// Smaller files need no bar.
const BAR_BYTES_MIN: u64 = 20 << 10;

/// Store a file
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
        nats object put FILES ./image.iso\n  \
        tar c . | nats object put FILES --name backup.tar")]
pub struct Args {
    /// Name of the bucket
    #[arg(add = ArgValueCompleter::new(crate::complete::object_buckets))]
    bucket: String,

    /// The file; standard input when left out
    file: Option<PathBuf>,

    /// Name of the object; that of the file when not given
    #[arg(long)]
    name: Option<String>,

    /// What it is
    #[arg(long)]
    description: Option<String>,

    /// Add a header, as Name:Value
    #[arg(short = 'H', long = "header", value_name = "K:V")]
    headers: Vec<String>,

    /// Cut it into pieces of this size
    #[arg(long, value_name = "BYTES", value_parser = chunk_size)]
    chunk_size: Option<usize>,

    /// Show no progress bar
    #[arg(long, overrides_with = "progress")]
    no_progress: bool,

    #[arg(long, overrides_with = "no_progress", hide = true)]
    progress: bool,

    /// Do not ask before replacing an object
    #[arg(short, long)]
    force: bool,
}

fn chunk_size(text: &str) -> std::result::Result<usize, String> {
    let size = parse::byte_size(text).map_err(|e| e.to_string())?;
    usize::try_from(size)
        .ok()
        .filter(|size| (1..=64 << 20).contains(size))
        .ok_or_else(|| format!("the size {text:?} is not between 1 byte and 64 MiB"))
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let meta = args.meta()?;
    let store = store(globals, &args.bucket).await?;
    if let Some(known) = store.info(&meta.name).await?
        && !args.force
    {
        show_object(globals, &known)?;
        outln!()?;
        let question = format!("Replace existing file {} > {}", args.bucket, meta.name);
        if !pick::confirmed(&mut Terminal, false, &question)? {
            return Ok(());
        }
    }
    let (source, size): (Box<dyn AsyncRead + Unpin>, u64) = match &args.file {
        None => (Box::new(tokio::fs::File::from_std(stdin()?)), 0),
        Some(path) => {
            let failed = |e: std::io::Error| CliError::from(e).context(path.display());
            let file = tokio::fs::File::open(path).await.map_err(failed)?;
            let size = file.metadata().await.map_err(failed)?.len();
            (Box::new(file), size)
        }
    };
    let bar = Progress::of_bytes(size, !args.no_progress && size > BAR_BYTES_MIN);
    let mut source = Counted::new(source, bar.clone());
    let stored = store.put(&meta, &mut source).await;
    bar.finish();
    show_object(globals, &stored?)
}

/// Standard input as a file, which can be read without keeping the program from its end.
fn stdin() -> std::io::Result<std::fs::File> {
    #[cfg(unix)]
    let stdin = std::os::fd::AsFd::as_fd(&std::io::stdin()).try_clone_to_owned()?;
    #[cfg(windows)]
    let stdin =
        std::os::windows::io::AsHandle::as_handle(&std::io::stdin()).try_clone_to_owned()?;
    Ok(stdin.into())
}

impl Args {
    fn meta(&self) -> Result<ObjectMeta> {
        let of_file = self.file.as_ref().map(|file| file.display().to_string());
        let name = self.name.clone().or(of_file);
        let name = name.ok_or_else(|| {
            CliError::new("--name is required when reading from stdin")
                .next_step("for example: --name backup.tar")
        })?;
        let mut headers = BTreeMap::<String, Vec<String>>::new();
        for text in &self.headers {
            let (name, value) = parse::header(text)?;
            headers
                .entry(name.to_owned())
                .or_default()
                .push(value.to_owned());
        }
        Ok(ObjectMeta {
            name: cleaned(&name),
            description: self.description.clone().unwrap_or_default(),
            headers,
            metadata: BTreeMap::new(),
            chunk_size: self.chunk_size.unwrap_or(CHUNK_BYTES),
        })
    }
}

/// `./a/../b` is `b`: the same file gets the same name.
fn cleaned(name: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let root = if name.starts_with('/') { "/" } else { "" };
    format!("{root}{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_file_gets_the_same_name() {
        for (name, clean) in [
            ("./a.txt", "a.txt"),
            ("a/./b/../c", "a/c"),
            ("/a//b/", "/a/b"),
            ("../a", "../a"),
        ] {
            assert_eq!(cleaned(name), clean, "{name}");
        }
    }
}
