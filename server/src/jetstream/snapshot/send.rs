//! A stream is sent as an archive, chunk by chunk.

use std::sync::Arc;
use std::time::Duration;

use nats_api::errors::ApiError;
use nats_api::jetstream::advisory::{SnapshotComplete, SnapshotCreate};
use nats_api::jetstream::subjects::SNAPSHOT_ACK_PREFIX;
use nats_api::jetstream::{StreamSnapshotRequest, StreamSnapshotResponse};
use nats_api::time::Timestamp as ApiTime;
use nats_jetstream::archive::Writer;
use nats_jetstream::stream::Snapshot;
use nats_jetstream::{Effects, Kind};
use nats_proto::nuid;
use nats_store::StoreError;

use super::Turn;
use super::window::{Acks, Halt, Window};
use crate::interest::Sub;
use crate::jetstream::JetStream;
use crate::jetstream::account::{JsAccount, StreamEntry};
use crate::jetstream::api::{Request, Serving};
use crate::jetstream::engine::Outlet;
use crate::router::Handler;

const CHUNK_DEFAULT: i64 = 128 << 10;
const CHUNK_MIN: i64 = 1 << 10;
const CHUNK_MAX: i64 = 1 << 20;
const WINDOW_DEFAULT: i64 = 8 << 20;
const WINDOW_MAX: i64 = 32 << 20;
/// How long the receiver's subscription may take to appear.
const INTEREST_PATIENCE: Duration = Duration::from_secs(2);
/// Bytes of messages that are read in one go, while the stream waits.
const STEP_BYTES: usize = 256 << 10;
/// Bytes that consumers may remember together.
const CONSUMERS_MAX: usize = 256 << 20;

const END: &str = "NATS/1.0 204\r\n\r\n";

/// A snapshot under way.
pub struct Sending {
    jetstream: Arc<JetStream>,
    request: Request,
    account: Arc<JsAccount>,
    entry: Arc<StreamEntry>,
    ask: StreamSnapshotRequest,
    window: Arc<Window>,
    _turn: Turn,
}

/// Why the archive did not come to its end.
enum Failure {
    Halt(Halt),
    Store(StoreError),
    Deleted,
    Json(serde_json::Error),
}

impl Failure {
    /// The status that the receiver sees, and what the advisory says.
    fn texts(&self) -> (u16, String) {
        match self {
            Self::Halt(Halt::NoInterest) => (408, "No Interest".to_owned()),
            Self::Halt(Halt::NoFlow) => (408, "No Flow Response".to_owned()),
            Self::Halt(Halt::Stopped) => (500, "the server stops".to_owned()),
            Self::Store(error) => (500, error.to_string()),
            Self::Deleted => (500, "the stream was deleted".to_owned()),
            Self::Json(error) => (500, error.to_string()),
        }
    }
}

impl From<Halt> for Failure {
    fn from(halt: Halt) -> Self {
        Self::Halt(halt)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::Json(error)
    }
}

impl Sending {
    /// Begins; the request is answered by the thread that sends.
    ///
    /// # Errors
    /// There is no room for one more (10064).
    pub fn begin(
        jetstream: Arc<JetStream>,
        request: Request,
        account: Arc<JsAccount>,
        entry: Arc<StreamEntry>,
        ask: StreamSnapshotRequest,
    ) -> Result<(), ApiError> {
        let transfers = jetstream.transfers.clone();
        let turn = transfers.turn(None).map_err(|e| failed(&e))?;
        let window = Arc::new(Window::default());
        let sending = Self {
            jetstream,
            request,
            account,
            entry,
            ask,
            window: window.clone(),
            _turn: turn,
        };
        let waits: Arc<dyn super::Interrupt> = window;
        transfers
            .start(Arc::downgrade(&waits), move || sending.run())
            .map_err(|e| failed(&e))
    }

    fn run(self) {
        let name = self.shown();
        let checked = if self.ask.jsck {
            "health check and "
        } else {
            ""
        };
        tracing::info!("Starting {checked}snapshot for stream '{name}'");
        let start = now();
        let snapshot = self.check().and_then(|()| self.capture());
        let serving = Serving {
            jetstream: &self.jetstream,
            request: &self.request,
            account: Some(self.account.clone()),
        };
        let snapshot = match snapshot {
            Ok(snapshot) => snapshot,
            Err(error) => {
                tracing::warn!("Snapshot of stream '{name}' failed: {}", error.description);
                return serving.answer::<StreamSnapshotResponse>(Err(error));
            }
        };
        serving.answer(Ok(StreamSnapshotResponse {
            config: Some((*snapshot.config).clone()),
            state: Some(snapshot.state.clone()),
        }));
        self.announce_begin(&snapshot);
        let sent = self.send(&snapshot);
        let (headers, error) = match &sent {
            // As in the reference: who had nothing to acknowledge gets an end without a status.
            Ok(0) => (String::new(), String::new()),
            Ok(_) => (END.to_owned(), String::new()),
            Err(failure) => {
                let (status, text) = failure.texts();
                let line = text.replace(['\r', '\n'], " ");
                (format!("NATS/1.0 {status} {line}\r\n\r\n"), text)
            }
        };
        self.publish(b"", headers.as_bytes(), b"");
        self.announce_end(start, &error);
        match sent {
            Ok(_) => tracing::info!("Completed snapshot of stream '{name}'"),
            Err(_) => tracing::warn!("Snapshot for stream '{name}' failed: {error}"),
        }
    }

    fn shown(&self) -> String {
        format!("{} > {}", self.account.account.name, self.entry.name)
    }

    /// Reads every message before anything is said, if the client wants that.
    fn check(&self) -> Result<(), ApiError> {
        if !self.ask.jsck {
            return Ok(());
        }
        let last = self
            .entry
            .lane
            .with(|seat, _, _| seat.stream.state().last_sequence);
        let mut from = 0;
        loop {
            let step = self
                .step(from, last)
                .map_err(|failure| failed(&failure.texts().1))?;
            match step.last() {
                Some(message) => from = message.sequence.saturating_add(1),
                None => return Ok(()),
            }
        }
    }

    /// The stream as it is, durable: an archive does not know more than the disk.
    fn capture(&self) -> Result<Snapshot, ApiError> {
        let with_consumers = !self.ask.no_consumers;
        let snapshot = self
            .entry
            .lane
            .with(|seat, _, _| seat.stream.begin_snapshot(with_consumers, CONSUMERS_MAX))
            .ok_or_else(|| failed(&"its consumers remember too much; leave them out"))?;
        self.jetstream
            .vault
            .log()
            .commit()
            .map_err(|e| failed(&e))?;
        Ok(snapshot)
    }

    fn step(&self, from: u64, last: u64) -> Result<Vec<nats_store::Message>, Failure> {
        let same = self.account.find(&self.entry.name);
        if !same.is_some_and(|entry| Arc::ptr_eq(&entry, &self.entry)) {
            return Err(Failure::Deleted);
        }
        let read = |seat: &mut crate::jetstream::seat::StreamSeat| {
            seat.stream.snapshot_step(from, last, STEP_BYTES)
        };
        Ok(self.entry.lane.with(|seat, _, _| read(seat))?)
    }

    /// The number of chunks that wanted an acknowledgement.
    fn send(&self, snapshot: &Snapshot) -> Result<u64, Failure> {
        let to = self.ask.deliver_subject.as_bytes();
        let interest = &self.account.account.interest;
        // Some clients ask first and subscribe when they have the answer. Their subscription for all their answers matches meanwhile, and would
        // throw the first chunks away: so it is the very subject that is waited for, and anything that matches is enough only afterwards.
        let named = || interest.has_subscription(to, None);
        let is_named = self.window.wait_for_interest(INTEREST_PATIENCE, named);
        if let Err(halt @ Halt::Stopped) = is_named {
            return Err(halt.into());
        }
        let is_named = is_named.is_ok();
        let listens = || match is_named {
            true => named(),
            false => interest.has_interest(to),
        };
        let prefix = format!(
            "{SNAPSHOT_ACK_PREFIX}.{}.{}",
            self.entry.name,
            nuid::next().as_str()
        );
        let acks = Handler::target(Arc::new(Acks(self.window.clone())));
        let pattern = format!("{prefix}.>");
        let sub = Arc::new(Sub::new(pattern.as_bytes(), None, b"", acks));
        interest.insert(sub.clone());
        let sent = self.send_all(snapshot, &prefix, &listens);
        sub.close();
        interest.remove(&sub);
        sent
    }

    fn send_all(
        &self,
        snapshot: &Snapshot,
        prefix: &str,
        listens: &dyn Fn() -> bool,
    ) -> Result<u64, Failure> {
        let chunk = size(self.ask.chunk_size, CHUNK_DEFAULT, CHUNK_MAX);
        let window = size(self.ask.window_size, WINDOW_DEFAULT, WINDOW_MAX).max(chunk);
        let most = (window / chunk) as u64;
        let mut out = Out {
            sending: self,
            prefix,
            listens,
            chunk,
            most,
            sent: 0,
            bytes: Vec::with_capacity(chunk),
        };
        let mut state = snapshot.state.clone();
        state.consumer_count = snapshot.consumers.len() as u64;
        let mut writer = Writer::new(&state, self.jetstream.engine.now())?;
        for consumer in &snapshot.consumers {
            writer.consumer(&consumer.name, &consumer.config, &consumer.state)?;
            out.full_chunks(&mut writer)?;
        }
        let mut from = snapshot.state.first_seq;
        loop {
            let step = self.step(from, snapshot.state.last_seq)?;
            let Some(last) = step.last() else { break };
            from = last.sequence.saturating_add(1);
            for message in &step {
                writer.message(message);
                out.full_chunks(&mut writer)?;
            }
        }
        writer.end();
        out.full_chunks(&mut writer)?;
        // What is left is less than a chunk; nobody waits for its acknowledgement.
        if writer.take(chunk, &mut out.bytes) > 0 {
            self.publish(b"", b"", &out.bytes);
        }
        Ok(out.sent)
    }

    fn publish(&self, reply: &[u8], headers: &[u8], payload: &[u8]) {
        let mut effects = Effects::default();
        let to = self.ask.deliver_subject.as_bytes();
        effects.send(Kind::Answer, to, reply, headers, payload);
        self.account.outlet.release(&effects);
    }

    fn announce_begin(&self, snapshot: &Snapshot) {
        let event = SnapshotCreate {
            stream: self.entry.name.to_string(),
            state: snapshot.state.clone(),
            client: self.request.client.clone(),
            domain: self.domain(),
            ..SnapshotCreate::new(nuid::next().as_str(), now())
        };
        self.account.outlet.advise(&event.subject(), &event);
    }

    fn announce_end(&self, start: ApiTime, error: &str) {
        let end = now();
        let event = SnapshotComplete {
            stream: self.entry.name.to_string(),
            start,
            end,
            client: self.request.client.clone(),
            domain: self.domain(),
            error: error.to_owned(),
            ..SnapshotComplete::new(nuid::next().as_str(), end)
        };
        self.account.outlet.advise(&event.subject(), &event);
    }

    fn domain(&self) -> String {
        self.jetstream.settings.domain.clone().unwrap_or_default()
    }
}

/// Chunks on their way.
struct Out<'a> {
    sending: &'a Sending,
    prefix: &'a str,
    listens: &'a dyn Fn() -> bool,
    chunk: usize,
    most: u64,
    /// Full chunks so far.
    sent: u64,
    bytes: Vec<u8>,
}

impl Out<'_> {
    fn full_chunks(&mut self, writer: &mut Writer) -> Result<(), Failure> {
        while writer.ready() >= self.chunk {
            self.bytes.clear();
            writer.take(self.chunk, &mut self.bytes);
            self.sent = self.sending.window.wait(self.most, self.listens)?;
            let reply = format!("{}.{}.{}", self.prefix, self.chunk, self.sent);
            self.sending.publish(reply.as_bytes(), b"", &self.bytes);
            self.bytes.clear();
        }
        Ok(())
    }
}

/// What a client asks for, within the bounds.
fn size(asked: i64, default: i64, max: i64) -> usize {
    let size = if asked == 0 { default } else { asked };
    usize::try_from(size.clamp(CHUNK_MIN, max)).unwrap_or_default()
}

fn now() -> ApiTime {
    std::time::SystemTime::now().into()
}

fn failed(error: &dyn std::fmt::Display) -> ApiError {
    ApiError::STREAM_SNAPSHOT.error_with(&[("err", &error)])
}
