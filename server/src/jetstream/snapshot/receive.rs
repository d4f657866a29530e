//! An archive comes in, chunk by chunk, and becomes a stream.

use std::sync::Arc;

use nats_api::errors::ApiError;
use nats_api::jetstream::advisory::{RestoreComplete, RestoreCreate};
use nats_api::jetstream::subjects::SNAPSHOT_RESTORE_PREFIX;
use nats_api::jetstream::{
    StreamConfig, StreamCreateResponse, StreamInfo, StreamRestoreRequest, StreamRestoreResponse,
    reply,
};
use nats_api::time::Timestamp as ApiTime;
use nats_jetstream::archive::{ArchiveError, ArchivedConsumer, Refill, read};
use nats_proto::nuid;
use nats_store::Timestamp;

use super::intake::{Archive, Chunks, Intake, Next};
use super::{Busy, Filling, Turn};
use crate::interest::Sub;
use crate::jetstream::JetStream;
use crate::jetstream::account::JsAccount;
use crate::jetstream::api::{Request, Serving};
use crate::router::Handler;

/// A restore under way.
pub struct Receiving {
    jetstream: Arc<JetStream>,
    request: Request,
    account: Arc<JsAccount>,
    /// Checked and complete.
    config: StreamConfig,
    /// First and last sequence as the request has them.
    ends: (u64, u64),
    intake: Arc<Intake>,
    sub: Arc<Sub>,
    start: ApiTime,
    _turn: Turn,
}

/// What was in the archive.
struct Content {
    created: Option<Timestamp>,
    consumers: Vec<ArchivedConsumer>,
}

impl Receiving {
    /// Begins, and answers the request with the subject for the chunks.
    ///
    /// # Errors
    /// Another restore of the stream is under way (10130), there is no room for one more, or the store cannot (10062).
    pub fn begin(
        jetstream: Arc<JetStream>,
        request: Request,
        account: Arc<JsAccount>,
        asked: &StreamRestoreRequest,
        config: StreamConfig,
    ) -> Result<(), ApiError> {
        let transfers = jetstream.transfers.clone();
        let stream = (account.account.name.to_string(), config.name.clone());
        let turn = transfers.turn(Some(stream)).map_err(|busy| match busy {
            Busy::Restoring => ApiError::STREAM_NAME_EXIST_RESTORE_FAILED.error(),
            other => failed(&other),
        })?;
        let filling = jetstream.begin_restore(&account, &config)?;
        let subject = format!(
            "{SNAPSHOT_RESTORE_PREFIX}.{}.{}",
            config.name,
            nuid::next().as_str()
        );
        let intake = Arc::new(Intake::default());
        let chunks = Handler::target(Arc::new(Chunks(Arc::downgrade(&intake))));
        let sub = Arc::new(Sub::new(subject.as_bytes(), None, b"", chunks));
        let receiving = Self {
            jetstream,
            request,
            account,
            config,
            ends: (asked.state.first_seq, asked.state.last_seq),
            intake: intake.clone(),
            sub,
            start: now(),
            _turn: turn,
        };
        let waits: Arc<dyn super::Interrupt> = intake;
        let begun = move || receiving.run(&subject, filling);
        transfers
            .start(Arc::downgrade(&waits), begun)
            .map_err(|e| failed(&e))
    }

    fn run(self, subject: &str, filling: Filling) {
        let name = format!("{} > {}", self.account.account.name, self.config.name);
        tracing::info!("Starting restore for stream '{name}'");
        self.announce_begin();
        self.account.account.interest.insert(self.sub.clone());
        let serving = Serving {
            jetstream: &self.jetstream,
            request: &self.request,
            account: Some(self.account.clone()),
        };
        serving.answer(Ok(StreamRestoreResponse {
            deliver_subject: subject.to_owned(),
        }));
        let outlet = self.account.outlet.clone();
        let mut archive = Archive::new(&self.intake, |reply: &[u8]| {
            outlet.publish(reply, b"", b"");
        });
        let outcome = self
            .fill(&mut archive, filling)
            .and_then(|(filling, content)| self.adopt(filling, content));
        let (bytes, end) = (archive.bytes, archive.end.take());
        drop(archive);
        let answer_to = match (&outcome, end) {
            (_, Some(reply)) => Some(reply),
            (Ok(()), None) => None,
            // Whatever the client sends next is answered with the reason.
            (Err(_), None) => match self.intake.next() {
                Ok(Next::Chunk(chunk)) => Some(chunk.reply),
                Ok(Next::End(reply)) => Some(reply),
                Err(_) => None,
            },
        };
        self.sub.close();
        self.account.account.interest.remove(&self.sub);
        self.announce_end(bytes);
        match &outcome {
            Ok(()) => tracing::info!("Completed restore of {bytes} bytes for stream '{name}'"),
            Err(error) => tracing::warn!(
                "Restore failed after {bytes} bytes for stream '{name}': {}",
                error.description
            ),
        }
        if let Some(reply) = answer_to {
            self.answer(&reply, outcome);
        }
    }

    /// Reads the archive to its end.
    fn fill(
        &self,
        archive: &mut impl std::io::Read,
        mut filling: Filling,
    ) -> Result<(Filling, Content), ApiError> {
        let settings = &self.jetstream.settings;
        let mut refill = Refill::new(
            &mut filling,
            &self.config,
            self.ends,
            settings.max_payload,
            self.jetstream.engine.now(),
        );
        read(&self.config.name, archive, &mut refill).map_err(refused)?;
        let (created, consumers) = refill.finish().map_err(refused)?;
        Ok((filling, Content { created, consumers }))
    }

    fn adopt(&self, filling: Filling, content: Content) -> Result<(), ApiError> {
        let created = content
            .created
            .unwrap_or_else(|| self.jetstream.engine.now());
        let config = self.config.clone();
        self.jetstream
            .adopt(&self.account, config, created, filling, content.consumers)
    }

    /// The answer to the whole: the stream's info, or why there is none.
    fn answer(&self, to: &[u8], outcome: Result<(), ApiError>) {
        let entry = outcome.and_then(|()| {
            let entry = self.account.find(&self.config.name);
            entry.ok_or_else(|| ApiError::STREAM_NOT_FOUND.error())
        });
        let answer = entry.map(|entry| {
            let info = entry.lane.with(|seat, cx, _| seat.stream.info(cx.now));
            // The reference says no more than this.
            let info = StreamInfo {
                config: info.config,
                created: info.created,
                state: info.state,
                ts: info.ts,
                ..StreamInfo::default()
            };
            StreamCreateResponse {
                info,
                did_create: false,
            }
        });
        let json = reply::encode(&answer);
        self.account.outlet.publish(to, b"", &json);
    }

    fn announce_begin(&self) {
        let event = RestoreCreate {
            stream: self.config.name.clone(),
            client: self.request.client.clone(),
            domain: self.domain(),
            ..RestoreCreate::new(nuid::next().as_str(), self.start)
        };
        self.account.outlet.advise(&event.subject(), &event);
    }

    fn announce_end(&self, bytes: u64) {
        let end = now();
        let event = RestoreComplete {
            stream: self.config.name.clone(),
            start: self.start,
            end,
            bytes: i64::try_from(bytes).unwrap_or(i64::MAX),
            client: self.request.client.clone(),
            domain: self.domain(),
            ..RestoreComplete::new(nuid::next().as_str(), end)
        };
        self.account.outlet.advise(&event.subject(), &event);
    }

    fn domain(&self) -> String {
        self.jetstream.settings.domain.clone().unwrap_or_default()
    }
}

fn now() -> ApiTime {
    std::time::SystemTime::now().into()
}

fn refused(error: ArchiveError) -> ApiError {
    match error {
        ArchiveError::Refused(error) => error,
        other => failed(&other),
    }
}

fn failed(error: &dyn std::fmt::Display) -> ApiError {
    ApiError::STREAM_RESTORE.error_with(&[("err", &error)])
}
