//! Backups: a folder with `backup.json` (configuration and state) and `stream.tar.s2` (the archive as the server sent it).

use std::path::Path;
use std::time::Instant;

use nats_api::jetstream::{StreamInfo, StreamRestoreRequest};
use nats_client::jetstream::snapshot::SnapshotOptions;

use super::Api;
use crate::error::{CliError, Result};
use crate::input;
use crate::output::format;
use crate::progress::Progress;

/// Configuration and state.
const ABOUT: &str = "backup.json";
/// The archive.
const ARCHIVE: &str = "stream.tar.s2";

/// What goes into a backup, and how.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    pub progress: bool,
    pub check: bool,
    pub consumers: bool,
    /// 0 for the server's choice.
    pub chunk_size: i64,
    pub window_size: i64,
}

/// Saves a stream in `folder` and says what came in. A folder that holds a backup already is refused; what is half
/// written when something fails stays, without the file that makes it a backup.
pub async fn save(api: &Api, stream: &str, folder: &Path, wanted: &Wanted) -> Result<String> {
    let about = folder.join(ABOUT);
    if about.exists() {
        return Err(
            CliError::new(format!("{} holds a backup already", folder.display()))
                .next_step("choose another folder, or move this one away"),
        );
    }
    let failed = |e: std::io::Error| CliError::from(e).context(folder.display());
    std::fs::create_dir_all(folder).map_err(failed)?;
    let file = tokio::fs::File::create(folder.join(ARCHIVE))
        .await
        .map_err(failed)?;
    let mut file = tokio::io::BufWriter::new(file);
    let start = Instant::now();
    let mut bar: Option<Progress> = None;
    let (mut bytes, mut chunks) = (0, 0);
    let options = SnapshotOptions {
        no_consumers: !wanted.consumers,
        check: wanted.check,
        chunk_size: wanted.chunk_size,
        window_size: wanted.window_size,
    };
    if wanted.check {
        log_line!("The server checks the stream first; this can take long, without progress");
    }
    let made = api
        .snapshot(stream, options, &mut file, |progress| {
            let bar = bar.get_or_insert_with(|| {
                let size = format::bytes(progress.stream_bytes);
                log_line!("Starting backup of Stream {stream:?} with {size}");
                Progress::of_bytes(progress.stream_bytes, wanted.progress)
            });
            bar.set(progress.bytes);
            (bytes, chunks) = (progress.bytes, progress.chunks);
        })
        .await;
    if let Some(bar) = bar {
        bar.finish();
    }
    let made = made?;
    file.into_inner().sync_all().await.map_err(failed)?;
    // Last, and whole: a folder with this file is a complete backup.
    let mut text = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    serde_json::to_writer_pretty(&mut text, &made)?;
    text.as_file().sync_all().map_err(failed)?;
    text.persist(&about).map_err(|e| failed(e.error))?;
    Ok(format!(
        "Received {} compressed data in {} chunks for stream {stream:?} in {}, {} uncompressed",
        format::bytes(bytes),
        format::count(chunks),
        format::duration(start.elapsed()),
        format::bytes(made.state.bytes)
    ))
}

/// What a backup is of.
pub fn about(folder: &Path) -> Result<StreamRestoreRequest> {
    let path = folder.join(ABOUT);
    let text = input::file(&path).map_err(|e| {
        CliError::from(e)
            .context(path.display())
            .next_step("name a folder that 'nats stream backup' made")
    })?;
    serde_json::from_slice(&text).map_err(|e| CliError::from(e).context(path.display()))
}

/// Makes a stream out of a backup; `about` may differ from what is in the folder where the server allows it.
pub async fn load(
    api: &Api,
    about: &StreamRestoreRequest,
    folder: &Path,
    progress: bool,
) -> Result<StreamInfo> {
    let path = folder.join(ARCHIVE);
    let failed = |e: std::io::Error| CliError::from(e).context(path.display());
    let size = std::fs::metadata(&path).map_err(failed)?.len();
    let file = tokio::fs::File::open(&path).await.map_err(failed)?;
    let mut file = tokio::io::BufReader::new(file);
    let start = Instant::now();
    let bar = Progress::of_bytes(size, progress);
    let made = api
        .restore(about, &mut file, |progress| bar.set(progress.bytes))
        .await;
    bar.finish();
    let info = made?;
    outln!(
        "Restored stream {:?} in {}",
        about.config.name,
        format::duration(start.elapsed())
    )?;
    Ok(info)
}
