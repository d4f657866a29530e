//! A stream read by direct gets, a batch at a time. Nothing is taken away and no consumer is made.

use std::collections::VecDeque;
use std::time::Duration;

use nats_api::jetstream::{DeliverPolicy, StreamInfo};
use nats_client::jetstream::{JetStreamError, MsgGetRequest, StreamMessage};

use super::source::Arrival;
use crate::commands::subscribe::Args;
use crate::error::{CliError, Result};
use crate::jetstream::Api;
use crate::messaging::Incoming;
use crate::output::format;

/// Messages that one request asks for.
const BATCH: i64 = 256;

/// How long to wait at the end of the stream before asking again.
const PAUSE: Duration = Duration::from_millis(250);

/// What the server says when there is no such message.
const NO_MESSAGE: u16 = 404;

/// The API level of servers that answer with batches.
const BATCHES_LEVEL: i32 = 1;

/// The messages of a stream from some place on.
pub struct Direct {
    api: Api,
    stream: String,
    /// What the next batch is asked for with.
    request: MsgGetRequest,
    /// Where to go on after the last message of each subject.
    then: Option<MsgGetRequest>,
    read: VecDeque<StreamMessage>,
    /// Messages that the server has still, as far as it said.
    left: u64,
}

impl Direct {
    pub async fn open(api: &Api, args: &Args, stream: &StreamInfo) -> Result<Self> {
        let name = &stream.config.name;
        if !stream.config.allow_direct {
            let error =
                format!("cannot enable direct gets: allow_direct is not set for stream {name}");
            return Err(CliError::new(error).next_step(format!(
                "allow them: nats stream edit {name} --allow-direct; or read by a consumer with --durable"
            )));
        }
        api.require_level(BATCHES_LEVEL, "subscribing by direct gets")
            .await?;
        let pattern = args.subjects.first().map_or(">", String::as_str);
        let from = |seq: u64| MsgGetRequest {
            seq,
            next_by_subj: pattern.to_owned(),
            batch: BATCH,
            ..MsgGetRequest::default()
        };
        let (begin, state) = (&args.stored.from, &stream.state);
        let after = from(state.last_seq.saturating_add(1));
        let mut then = None;
        let request = match begin.policy() {
            DeliverPolicy::ByStartSequence => from(begin.start_sequence.unwrap_or_default().max(1)),
            DeliverPolicy::ByStartTime => MsgGetRequest {
                seq: 0,
                start_time: begin.moment(),
                ..from(0)
            },
            DeliverPolicy::New => after,
            DeliverPolicy::Last => from(last_of(api, name, pattern).await?.unwrap_or(after.seq)),
            DeliverPolicy::LastPerSubject => {
                then = Some(after);
                MsgGetRequest {
                    multi_last: vec![pattern.to_owned()],
                    up_to_seq: state.last_seq,
                    batch: BATCH,
                    ..MsgGetRequest::default()
                }
            }
            _ => from(state.first_seq.max(1)),
        };
        log_line!(
            "Subscribing to JetStream Stream (direct) holding messages with subject {pattern} {}",
            begin.direct_text()
        );
        let mut direct = Self {
            api: api.clone(),
            stream: name.clone(),
            request,
            then,
            read: VecDeque::new(),
            left: 0,
        };
        // So that it is known whether there is anything at all.
        direct.fill().await?;
        Ok(direct)
    }

    /// Messages that are known to come.
    pub fn pending(&self) -> u64 {
        let read = u64::try_from(self.read.len()).unwrap_or(u64::MAX);
        self.left.saturating_add(read)
    }

    /// The next message, however long it takes.
    pub async fn next(&mut self) -> Result<Arrival> {
        loop {
            if let Some(message) = self.read.pop_front() {
                return Ok(arrival(message));
            }
            if self.fill().await? == 0 && self.left == 0 {
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    /// Asks for a batch; returns how many messages came.
    async fn fill(&mut self) -> Result<usize> {
        let mut batch = self
            .api
            .direct_get_batch(&self.stream, &self.request)
            .await?;
        let mut count = 0;
        while let Some(message) = batch.next().await {
            match message {
                Ok(message) => {
                    // Batches of last messages go on behind the message as well.
                    self.request.seq = message.sequence.saturating_add(1);
                    self.request.start_time = None;
                    self.read.push_back(message);
                    count += 1;
                }
                Err(JetStreamError::Status {
                    status: NO_MESSAGE, ..
                }) => break,
                Err(error) => return Err(error.into()),
            }
        }
        self.left = batch.end().map_or(0, |end| end.num_pending);
        if self.left == 0
            && let Some(then) = self.then.take()
        {
            self.request = then;
        }
        Ok(count)
    }
}

/// The sequence of the last message of a pattern; `None` when there is none.
async fn last_of(api: &Api, stream: &str, pattern: &str) -> Result<Option<u64>> {
    match api.direct_get_last(stream, pattern).await {
        Ok(message) => Ok(Some(message.sequence)),
        Err(JetStreamError::Status {
            status: NO_MESSAGE, ..
        }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn arrival(message: StreamMessage) -> Arrival {
    let place = format!(
        "JetStream message (direct): stream: {} seq {} / subject: {} / time: {}",
        message.stream,
        message.sequence,
        message.subject,
        format::time(message.time.into())
    );
    Arrival {
        sequence: message.sequence,
        incoming: Incoming {
            subject: message.subject,
            reply: None,
            headers: message.headers,
            payload: message.payload.to_vec(),
            stored: Some(place),
        },
        acknowledge: None,
    }
}
