//! Messages are read directly: no document around them, and by any server that has them.
//!
//! Source: ADR-31.

use nats_api::decode;
use nats_api::jetstream::MsgGetRequest;
use nats_api::jetstream::headers::{
    LAST_SEQUENCE, NUM_PENDING, SEQUENCE, STREAM, SUBJECT, TIME_STAMP, UP_TO_SEQUENCE,
};
use nats_proto::header::{EMPTY_BLOCK, block};
use nats_proto::subject;
use nats_store::{Filter, Message, StoreError};

use super::Stream;
use super::republish::{push_header, push_number, rfc3339};
use crate::config::stream::metadata;
use crate::effects::{Effects, Kind};
use crate::limits::{DIRECT_GET_BYTES, DIRECT_GET_MULTI_MAX};
use crate::publish::Inbound;

/// Why a direct get has no message, as its status line says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    ApiLevel,
    Empty,
    Malformed,
    Bad,
    NotFound,
    NoResults,
    TooMany,
    Failed,
}

impl Status {
    fn text(self) -> &'static str {
        match self {
            Self::ApiLevel => "412 Required Api Level",
            Self::Empty => "408 Empty Request",
            Self::Malformed => "408 Malformed Request",
            Self::Bad => "408 Bad Request",
            Self::NotFound => "404 Message Not Found",
            Self::NoResults => "404 No Results",
            Self::TooMany => "413 Too Many Results",
            Self::Failed => "500 Store Failed",
        }
    }
}

impl From<StoreError> for Status {
    /// Whatever keeps a message from being read is not told to readers; the store reports it.
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Damaged { .. } => Self::NotFound,
            _ => Self::Failed,
        }
    }
}

/// What a message in a batch says beside itself.
#[derive(Clone, Copy)]
struct InBatch {
    pending: u64,
    /// The message before in the batch, 0 for the first.
    previous: u64,
}

/// Tokens in front of the subject in `DIRECT.GET.<stream>.<subject>`.
const TOKENS_BEFORE_SUBJECT: usize = 3;

impl Stream {
    /// Answers on the reply subject, with messages or a status. The request's subject is `DIRECT.GET.<stream>[.<subject>]`, what follows
    /// the prefix of the API. Nobody is answered when the stream does not allow it.
    pub fn direct_get(&self, request: &Inbound<'_>, out: &mut Effects) {
        let is_allowed = self.config.allow_direct || self.config.mirror_direct;
        if request.reply.is_empty() || !is_allowed {
            return;
        }
        let level = block::find_value(request.headers, b"Nats-Required-Api-Level");
        if !level.is_none_or(metadata::is_level_served) {
            return answer(Status::ApiLevel, request.reply, out);
        }
        let done = directed(request).and_then(|ask| self.serve(&ask, request.reply, out));
        if let Err(status) = done {
            answer(status, request.reply, out);
        }
    }

    fn serve(&self, ask: &MsgGetRequest, reply: &[u8], out: &mut Effects) -> Result<(), Status> {
        if !ask.multi_last.is_empty() {
            return self.serve_multi(ask, reply, out);
        }
        if ask.batch > 0 {
            return self.serve_batch(ask, reply, out);
        }
        let from = self.start(ask)?;
        let message = if !ask.next_by_subj.is_empty() {
            self.store.next(&Filter::any([&ask.next_by_subj]), from)?
        } else if from > 0 {
            self.store.load(from)?
        } else {
            self.last_by_subject(ask.last_by_subj.as_bytes())?
        };
        let message = message.ok_or(Status::NotFound)?;
        self.send(message, None, ask.no_hdr, reply, out);
        Ok(())
    }

    /// Some messages from a sequence or time on, and an end marker with what is left.
    fn serve_batch(
        &self,
        ask: &MsgGetRequest,
        reply: &[u8],
        out: &mut Effects,
    ) -> Result<(), Status> {
        let filter = match &*ask.next_by_subj {
            "" => Filter::ALL,
            filter => Filter::any([filter]),
        };
        let mut from = self.start(ask)?;
        let mut pending = self.store.pending(&filter, from, false)?.messages;
        let mut previous = 0;
        let mut bytes = 0usize;
        let most = bytes_max(ask);
        for _ in 0..ask.batch {
            let message = match self.store.next(&filter, from) {
                Ok(Some(message)) => message,
                Ok(None) | Err(StoreError::Damaged { .. }) => break,
                Err(error) => return Err(error.into()),
            };
            pending = pending.saturating_sub(1);
            from = message.sequence.saturating_add(1);
            bytes = bytes.saturating_add(len(&message));
            let place = InBatch { pending, previous };
            previous = message.sequence;
            self.send(message, Some(place), ask.no_hdr, reply, out);
            if bytes >= most {
                break;
            }
        }
        if previous == 0 {
            return Err(Status::NotFound);
        }
        end_of_batch(pending, previous, None, reply, out);
        Ok(())
    }

    /// The last message of each of many subjects, as of a sequence or time, and an end marker.
    fn serve_multi(
        &self,
        ask: &MsgGetRequest,
        reply: &[u8],
        out: &mut Effects,
    ) -> Result<(), Status> {
        let up_to = self.up_to(ask)?;
        let filter = Filter::any(without_subsets(&ask.multi_last));
        let mut sequences = self
            .store
            .last_sequences(&filter, up_to, DIRECT_GET_MULTI_MAX)?
            .ok_or(Status::TooMany)?;
        sequences.dedup();
        if sequences.is_empty() {
            return Err(Status::NoResults);
        }
        let mut pending = sequences.len() as u64;
        let (mut previous, mut bytes, mut sent) = (0, 0usize, 0);
        for sequence in sequences {
            pending = pending.saturating_sub(1);
            if sequence < ask.seq {
                continue;
            }
            let message = self.store.load(sequence)?.ok_or(Status::NotFound)?;
            bytes = bytes.saturating_add(len(&message));
            let place = InBatch { pending, previous };
            previous = sequence;
            self.send(message, Some(place), false, reply, out);
            sent += 1;
            if bytes >= bytes_max(ask) || sent == ask.batch {
                break;
            }
        }
        end_of_batch(pending, previous, Some(up_to), reply, out);
        Ok(())
    }

    /// The last sequence that counts for a request.
    fn up_to(&self, ask: &MsgGetRequest) -> Result<u64, Status> {
        let state = self.store.state();
        if let Some(time) = ask.up_to_time {
            let after = self.sequence_at(time)?;
            // All there is came later.
            if after <= state.first_sequence {
                return Err(Status::NoResults);
            }
            return Ok(after.saturating_sub(1));
        }
        Ok(match ask.up_to_seq {
            0 => state.last_sequence,
            up_to => up_to,
        })
    }

    fn send(
        &self,
        message: Message,
        place: Option<InBatch>,
        no_headers: bool,
        reply: &[u8],
        out: &mut Effects,
    ) {
        let mut headers = Vec::new();
        if !no_headers {
            self.write_headers(&mut headers, &message, place);
        }
        out.deliver_with_headers(
            Kind::Read,
            reply,
            |_| {},
            |text| text.extend_from_slice(&headers),
            message,
            true,
        );
    }

    fn write_headers(&self, out: &mut Vec<u8>, message: &Message, place: Option<InBatch>) {
        let given = match message.headers() {
            b"" => EMPTY_BLOCK,
            given => given,
        };
        out.extend_from_slice(given.strip_suffix(b"\r\n").unwrap_or(given));
        push_header(out, STREAM, self.config.name.as_bytes());
        push_header(out, SUBJECT, message.subject());
        push_number(out, SEQUENCE, message.sequence);
        push_header(out, TIME_STAMP, rfc3339(message.time).as_bytes());
        if let Some(place) = place {
            push_number(out, NUM_PENDING, place.pending);
            push_number(out, LAST_SEQUENCE, place.previous);
        }
        out.extend_from_slice(b"\r\n");
    }
}

/// Reads what is asked for, and refuses what contradicts itself.
fn directed(request: &Inbound<'_>) -> Result<MsgGetRequest, Status> {
    let mut tokens = subject::tokens(request.subject);
    let has_stream = tokens.nth(TOKENS_BEFORE_SUBJECT - 1).is_some();
    let key = tokens.rest().filter(|_| has_stream);
    if key.is_none() && request.payload.is_empty() {
        return Err(Status::Empty);
    }
    let mut ask: MsgGetRequest = decode::lenient(request.payload).map_err(|_| Status::Malformed)?;
    let (by_last, by_next) = (!ask.last_by_subj.is_empty(), !ask.next_by_subj.is_empty());
    let (by_multi, by_time) = (!ask.multi_last.is_empty(), ask.start_time.is_some());
    let has_ceiling = ask.up_to_seq != 0 || ask.up_to_time.is_some();
    if let Some(key) = key {
        let has_more = by_last || by_next || by_multi || ask.seq != 0 || ask.batch != 0 || by_time;
        if key.is_empty() || has_more || has_ceiling {
            return Err(Status::Bad);
        }
        ask.last_by_subj = String::from_utf8_lossy(key).into_owned();
        return Ok(ask);
    }
    let by_sequence = ask.seq > 0;
    if !(by_sequence || by_last || by_next || by_multi || by_time) {
        return Err(Status::Empty);
    }
    let is_bad = (by_sequence && (by_last || by_time))
        || (by_last && (by_time || by_next || by_multi || ask.batch > 0))
        || (by_next && by_multi)
        || (ask.up_to_seq > 0 && ask.up_to_time.is_some());
    if is_bad { Err(Status::Bad) } else { Ok(ask) }
}

fn answer(status: Status, reply: &[u8], out: &mut Effects) {
    let headers = format!("NATS/1.0 {}\r\n\r\n", status.text());
    out.send(Kind::Read, reply, b"", headers.as_bytes(), b"");
}

fn end_of_batch(pending: u64, previous: u64, up_to: Option<u64>, reply: &[u8], out: &mut Effects) {
    let mut headers = b"NATS/1.0 204 EOB\r\n".to_vec();
    push_number(&mut headers, NUM_PENDING, pending);
    push_number(&mut headers, LAST_SEQUENCE, previous);
    if let Some(up_to) = up_to {
        push_number(&mut headers, UP_TO_SEQUENCE, up_to);
    }
    headers.extend_from_slice(b"\r\n");
    out.send(Kind::Read, reply, b"", &headers, b"");
}

fn bytes_max(ask: &MsgGetRequest) -> usize {
    usize::try_from(ask.max_bytes)
        .ok()
        .filter(|most| *most > 0)
        .unwrap_or(DIRECT_GET_BYTES)
}

fn len(message: &Message) -> usize {
    let (subject, headers) = (message.subject().len(), message.headers().len());
    subject
        .saturating_add(headers)
        .saturating_add(message.payload().len())
}

/// Patterns that lie inside of others say nothing more.
fn without_subsets(patterns: &[String]) -> Vec<&str> {
    let mut kept: Vec<&str> = Vec::new();
    for pattern in patterns {
        let covers =
            |outer: &str, inner: &str| subject::is_subset(inner.as_bytes(), outer.as_bytes());
        if kept.iter().any(|outer| covers(outer, pattern)) {
            continue;
        }
        kept.retain(|inner| !covers(pattern, inner));
        kept.push(pattern);
    }
    kept
}
