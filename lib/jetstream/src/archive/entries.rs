//! The newer form: entries one after the other.
//!
//! ```text
//! "NATSARC1", then entries: uvarint length of the name, varint time, uvarint sequence, uvarint bytes of headers, uvarint bytes of payload,
//!            the name, headers, payload. (uvarint: groups of seven bits, lowest first; varint: zigzag)
//! state.json             the figures of the stream; how many consumers follow
//! consumers/<name>       {"config", "state"}
//! <subject>              a message, its sequence above 0
//! ""                     all zero: the end. Without it the archive was cut off.
//! ```

use std::io::Read;

use nats_api::jetstream::StreamState;
use nats_store::Timestamp;

use super::consumer::Document;
use super::frames::exactly;
use super::{About, ArchiveError, ArchivedConsumer, ArchivedMessage, Visit};
use crate::limits::{
    ARCHIVE_CONSUMER_MAX, ARCHIVE_NAME_MAX, ARCHIVE_SEQUENCE_MAX, ARCHIVE_STATE_MAX,
};

pub const STATE_ENTRY: &str = "state.json";
pub const CONSUMER_PREFIX: &str = "consumers/";

/// What stands before the bytes of an entry.
#[derive(Debug, Default, PartialEq, Eq)]
struct Head {
    name: Vec<u8>,
    time: i64,
    sequence: u64,
    headers: u64,
    payload: u64,
}

/// Reads everything behind the magic.
pub fn read(source: &mut dyn Read, visit: &mut dyn Visit) -> Result<(), ArchiveError> {
    let mut body = Vec::new();
    let state = read_state(source, &mut body)?;
    let consumers = state.consumer_count;
    visit.about(&About {
        created: None,
        state: Some(state),
    })?;
    for _ in 0..consumers {
        let head = read_head(source)?;
        visit.consumer(read_consumer(source, &head, &mut body)?)?;
    }
    loop {
        let head = read_head(source)?;
        if head == Head::default() {
            break;
        }
        if head.sequence == 0 {
            let name = String::from_utf8_lossy(&head.name).into_owned();
            return Err(ArchiveError::Unexpected(format!(
                "{name:?} where a message should be"
            )));
        }
        if head.sequence > ARCHIVE_SEQUENCE_MAX {
            return Err(ArchiveError::Damaged(format!("sequence {}", head.sequence)));
        }
        visit.admit(head.headers, head.payload)?;
        read_body(source, &head, u64::MAX, "a message", &mut body)?;
        let headers = usize::try_from(head.headers).unwrap_or(usize::MAX);
        let (headers, payload) = body
            .split_at_checked(headers)
            .ok_or(ArchiveError::Truncated)?;
        visit.message(&ArchivedMessage {
            sequence: head.sequence,
            time: Timestamp(head.time),
            subject: &head.name,
            headers,
            payload,
        })?;
    }
    match source.read(&mut [0; 1])? {
        0 => Ok(()),
        _ => Err(ArchiveError::Damaged("bytes behind its end".to_owned())),
    }
}

fn read_state(source: &mut dyn Read, body: &mut Vec<u8>) -> Result<StreamState, ArchiveError> {
    let head = read_head(source)?;
    if head.name != STATE_ENTRY.as_bytes() {
        return Err(ArchiveError::Foreign("its first entry is not state.json"));
    }
    read_body(source, &head, ARCHIVE_STATE_MAX, "state.json", body)?;
    let state: StreamState = serde_json::from_slice(body)
        .map_err(|e| ArchiveError::Damaged(format!("state.json: {e}")))?;
    if state.first_seq.max(state.last_seq) > ARCHIVE_SEQUENCE_MAX {
        return Err(ArchiveError::Damaged(format!(
            "state.json: sequences {} to {}",
            state.first_seq, state.last_seq
        )));
    }
    Ok(state)
}

fn read_consumer(
    source: &mut dyn Read,
    head: &Head,
    body: &mut Vec<u8>,
) -> Result<ArchivedConsumer, ArchiveError> {
    let name = std::str::from_utf8(&head.name)
        .ok()
        .and_then(|name| name.strip_prefix(CONSUMER_PREFIX));
    let Some(name) = name.filter(|_| head.sequence == 0) else {
        let name = String::from_utf8_lossy(&head.name).into_owned();
        return Err(ArchiveError::Unexpected(format!(
            "{name:?} where a consumer should be"
        )));
    };
    read_body(source, head, ARCHIVE_CONSUMER_MAX, "a consumer", body)?;
    let damaged = |what: String| ArchiveError::Damaged(format!("consumer {name:?}: {what}"));
    let document: Document = serde_json::from_slice(body).map_err(|e| damaged(e.to_string()))?;
    let config = document
        .config
        .ok_or_else(|| damaged("without configuration".to_owned()))?;
    let state = document
        .state
        .ok_or_else(|| damaged("without state".to_owned()))?
        .into_state()
        .map_err(|e| damaged(e.to_owned()))?;
    Ok(ArchivedConsumer {
        name: name.to_owned(),
        config: *config,
        created: None,
        state,
    })
}

fn read_head(source: &mut dyn Read) -> Result<Head, ArchiveError> {
    let name = read_uvarint(source)?;
    let time = read_varint(source)?;
    let sequence = read_uvarint(source)?;
    let headers = read_uvarint(source)?;
    let payload = read_uvarint(source)?;
    if name > ARCHIVE_NAME_MAX {
        return Err(ArchiveError::TooLarge {
            what: "the name of an entry",
            size: name,
            max: ARCHIVE_NAME_MAX,
        });
    }
    let mut head = Head {
        name: vec![0; usize::try_from(name).unwrap_or_default()],
        time,
        sequence,
        headers,
        payload,
    };
    exactly(source, &mut head.name)?;
    Ok(head)
}

/// The bytes of an entry, of which there are at most `max`. Memory grows with what comes, not with what was said.
fn read_body(
    source: &mut dyn Read,
    head: &Head,
    max: u64,
    what: &'static str,
    body: &mut Vec<u8>,
) -> Result<(), ArchiveError> {
    let size = head.headers.saturating_add(head.payload);
    if size > max {
        return Err(ArchiveError::TooLarge { what, size, max });
    }
    body.clear();
    let read = source.take(size).read_to_end(body)?;
    match read as u64 == size {
        true => Ok(()),
        false => Err(ArchiveError::Truncated),
    }
}

fn read_uvarint(source: &mut dyn Read) -> Result<u64, ArchiveError> {
    let mut value = 0_u64;
    for shift in (0..70_u32).step_by(7) {
        let mut byte = [0];
        exactly(source, &mut byte)?;
        let [byte] = byte;
        let bits = u64::from(byte & 0x7f);
        let placed = bits.checked_shl(shift).unwrap_or_default();
        if placed.checked_shr(shift) != Some(bits) {
            break;
        }
        value |= placed;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(ArchiveError::Damaged("a number".to_owned()))
}

fn read_varint(source: &mut dyn Read) -> Result<i64, ArchiveError> {
    let raw = read_uvarint(source)?;
    let magnitude = i64::try_from(raw >> 1).unwrap_or(i64::MAX);
    Ok(if raw & 1 == 0 { magnitude } else { !magnitude })
}

pub fn put_uvarint(to: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        to.push(u8::try_from(value & 0x7f).unwrap_or_default() | 0x80);
        value >>= 7;
    }
    to.push(u8::try_from(value).unwrap_or_default());
}

pub fn put_varint(to: &mut Vec<u8>, value: i64) {
    let sign = if value < 0 { u64::MAX } else { 0 };
    let doubled = u64::from_ne_bytes(value.to_ne_bytes()) << 1;
    put_uvarint(to, doubled ^ sign);
}
