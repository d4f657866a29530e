//! Backups of a stream: its archive read out of a server, and given back.
//!
//! The archive is opaque here; servers write one form and read several. Chunks are acknowledged as soon as they are here,
//! so that a slow disk does not make the server give up, and the bytes wait in memory no longer than the server's window
//! allows. Source: inventory section 9.8.

use std::time::Duration;

use nats_api::jetstream::{
    StreamCreateResponse, StreamInfo, StreamRestoreRequest, StreamRestoreResponse,
    StreamSnapshotRequest, StreamSnapshotResponse, reply,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::context::{JetStream, check_name, encode};
use super::error::JetStreamError;
use crate::limits;
use crate::message::Message;
use crate::registry::PendingLimits;
use crate::subscription::{SubscribeOptions, Subscription};

/// What to read out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SnapshotOptions {
    /// Leave the consumers out.
    pub no_consumers: bool,
    /// Let the server check every message first.
    pub check: bool,
    /// Bytes of a chunk; the server's choice when 0.
    pub chunk_size: i64,
    /// Bytes that the server sends ahead; the server's choice when 0.
    pub window_size: i64,
}

/// How far it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of the archive so far.
    pub bytes: u64,
    pub chunks: u64,
    /// Bytes of the stream, which are more or less than those of its archive; 0 when not known.
    pub stream_bytes: u64,
}

impl JetStream {
    /// Writes a stream's archive to `target`. Returns its configuration and state: what [`JetStream::restore`] wants beside
    /// the archive.
    ///
    /// ```no_run
    /// # async fn example(js: nats_client::jetstream::JetStream) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut archive = tokio::fs::File::create("stream.tar.s2").await?;
    /// let about = js
    ///     .snapshot("ORDERS", Default::default(), &mut archive, |progress| println!("{} bytes", progress.bytes))
    ///     .await?;
    /// tokio::fs::write("backup.json", serde_json::to_vec_pretty(&about)?).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// The server refuses or gives up, falls silent, or `target` cannot be written.
    pub async fn snapshot(
        &self,
        stream: &str,
        options: SnapshotOptions,
        target: &mut (impl AsyncWrite + Unpin),
        mut progress: impl FnMut(Progress),
    ) -> Result<StreamRestoreRequest, JetStreamError> {
        check_name("stream", stream)?;
        let client = self.client();
        let inbox = client.new_inbox();
        let subscribe = SubscribeOptions {
            limits: PendingLimits::UNLIMITED,
            ..SubscribeOptions::default()
        };
        let mut chunks = client.subscribe_with(&inbox, subscribe).await?;
        let request = StreamSnapshotRequest {
            deliver_subject: inbox,
            no_consumers: options.no_consumers,
            chunk_size: options.chunk_size,
            window_size: options.window_size,
            jsck: options.check,
        };
        // Checking reads the whole stream before the answer.
        let patience = if options.check {
            limits::RESTORE_TIMEOUT
        } else {
            self.request_timeout().max(limits::SNAPSHOT_TIMEOUT)
        };
        let (subject, body) = (self.api().stream_snapshot(stream), encode(&request)?);
        let answer: StreamSnapshotResponse = self
            .while_connected(self.request_within(subject, &body, patience))
            .await?;
        let (Some(config), Some(state)) = (answer.config, answer.state) else {
            return Err(JetStreamError::Answer("a snapshot without a stream".into()));
        };
        let mut so_far = Progress {
            stream_bytes: state.bytes,
            ..Progress::default()
        };
        progress(so_far);
        while let Some(chunk) = self.next_chunk(&mut chunks).await? {
            target.write_all(chunk.payload()).await?;
            so_far.bytes += chunk.payload().len() as u64;
            so_far.chunks += 1;
            progress(so_far);
        }
        target.flush().await?;
        Ok(StreamRestoreRequest { config, state })
    }

    /// The next chunk, acknowledged; `None` at the end.
    async fn next_chunk(
        &self,
        chunks: &mut Subscription,
    ) -> Result<Option<Message>, JetStreamError> {
        let patience = limits::SNAPSHOT_TIMEOUT;
        let chunk = match tokio::time::timeout(patience, chunks.next()).await {
            Ok(Some(chunk)) => chunk,
            Ok(None) => return Err(JetStreamError::Closed),
            Err(_) => return Err(JetStreamError::NoHeartbeat(patience)),
        };
        if chunk.payload().is_empty() {
            return match chunk.status() {
                None | Some(204) => Ok(None),
                Some(status) => Err(JetStreamError::Status {
                    status,
                    description: chunk.status_description().unwrap_or_default(),
                }),
            };
        }
        if let Some(reply) = chunk.reply() {
            self.client().publish(reply, b"").await?;
        }
        Ok(Some(chunk))
    }

    /// Makes a stream out of an archive. `about` is what [`JetStream::snapshot`] returned; its configuration may be
    /// changed where the server allows it, but not its name.
    ///
    /// # Errors
    /// A stream of this name exists, the server refuses the archive, or `source` cannot be read. A restore that fails
    /// leaves no stream.
    pub async fn restore(
        &self,
        about: &StreamRestoreRequest,
        source: &mut (impl AsyncRead + Unpin),
        mut progress: impl FnMut(Progress),
    ) -> Result<StreamInfo, JetStreamError> {
        check_name("stream", &about.config.name)?;
        let subject = self.api().stream_restore(&about.config.name);
        let answer: StreamRestoreResponse = self.request_json(subject, about).await?;
        let to = answer.deliver_subject;
        let mut so_far = Progress {
            stream_bytes: about.state.bytes,
            ..Progress::default()
        };
        let mut chunk = vec![0; limits::RESTORE_CHUNK_BYTES.min(self.client().max_payload())];
        loop {
            let count = fill(source, &mut chunk).await?;
            if count == 0 {
                break;
            }
            let sent = chunk.get(..count).unwrap_or_default();
            let answer = self.send_chunk(&to, sent, limits::SNAPSHOT_TIMEOUT).await?;
            if !answer.payload().is_empty() {
                // Only errors say something before the end.
                reply::decode::<StreamCreateResponse>(answer.payload())?;
                return Err(JetStreamError::Answer("an end before the end".into()));
            }
            so_far.bytes += count as u64;
            so_far.chunks += 1;
            progress(so_far);
        }
        // The server does the work now.
        let last = self
            .while_connected(self.send_chunk(&to, b"", limits::RESTORE_TIMEOUT))
            .await?;
        Ok(reply::decode::<StreamCreateResponse>(last.payload())?.info)
    }

    async fn send_chunk(
        &self,
        to: &str,
        chunk: &[u8],
        timeout: Duration,
    ) -> Result<Message, JetStreamError> {
        match self.client().request(to, None, chunk, timeout).await {
            Ok(answer) => Ok(answer),
            Err(crate::error::RequestError::NoResponders { .. }) => Err(JetStreamError::Answer(
                "the server has given the restore up".into(),
            )),
            Err(error) => Err(error.into()),
        }
    }
}

/// Reads until `chunk` is full or the source ends.
async fn fill(
    source: &mut (impl AsyncRead + Unpin),
    chunk: &mut [u8],
) -> Result<usize, std::io::Error> {
    let mut count = 0;
    while let Some(rest) = chunk.get_mut(count..).filter(|rest| !rest.is_empty()) {
        match source.read(rest).await? {
            0 => break,
            more => count += more,
        }
    }
    Ok(count)
}
