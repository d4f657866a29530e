//! A stored message is published again.

use nats_api::jetstream::headers::{
    LAST_SEQUENCE, MSG_SIZE, SEQUENCE, STREAM, SUBJECT, TIME_STAMP,
};
use nats_proto::header::EMPTY_BLOCK;
use nats_proto::subject;
use nats_store::{NewMessage, Timestamp};

use super::Stream;
use crate::context::Context;
use crate::effects::{Effects, Kind};
use crate::publish::ack::push_decimal;

/// A message that will be published again, as of before it is stored.
pub(super) struct Prepared {
    to: Vec<u8>,
    /// The last message of its subject until now, 0 when there is none.
    last: u64,
}

impl Stream {
    /// Where a message on this subject is published again. `None`: nowhere, also when the new subject would be none.
    pub(super) fn prepare_republish(
        &self,
        cx: &mut Context<'_>,
        literal: &[u8],
    ) -> Option<Prepared> {
        let republish = self.rules.republish.as_ref()?;
        let to = republish
            .transform
            .apply(literal, cx.random.next() as u32)
            .filter(|to| subject::is_valid_publish(to))?;
        let last = self.store.subject(literal).map_or(0, |s| s.last_sequence);
        Some(Prepared { to, last })
    }

    pub(super) fn republish(
        &self,
        prepared: Prepared,
        sequence: u64,
        message: &NewMessage<'_>,
        out: &mut Effects,
    ) {
        let headers_only = self
            .rules
            .republish
            .as_ref()
            .is_some_and(|republish| republish.headers_only);
        let given = if message.headers.is_empty() {
            EMPTY_BLOCK
        } else {
            message.headers
        };
        let mut headers = given.strip_suffix(b"\r\n").unwrap_or(given).to_vec();
        push_header(&mut headers, STREAM, self.config.name.as_bytes());
        push_header(&mut headers, SUBJECT, message.subject);
        push_number(&mut headers, SEQUENCE, sequence);
        push_header(&mut headers, TIME_STAMP, rfc3339(message.time).as_bytes());
        push_number(&mut headers, LAST_SEQUENCE, prepared.last);
        let mut payload = message.payload;
        if headers_only {
            push_number(&mut headers, MSG_SIZE, message.payload.len() as u64);
            payload = b"";
        }
        headers.extend_from_slice(b"\r\n");
        out.send(Kind::Republish, &prepared.to, b"", &headers, payload);
    }
}

/// Appends a header line. Neither names of streams nor stored subjects hold line ends.
pub(super) fn push_header(out: &mut Vec<u8>, key: &str, value: &[u8]) {
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

pub(super) fn push_number(out: &mut Vec<u8>, key: &str, value: u64) {
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b": ");
    push_decimal(out, value);
    out.extend_from_slice(b"\r\n");
}

pub(crate) fn rfc3339(time: Timestamp) -> String {
    api_time(time).to_string()
}

pub(crate) fn api_time(time: Timestamp) -> nats_api::time::Timestamp {
    nats_api::time::Timestamp::from_unix_nanos(i128::from(time.0))
}
