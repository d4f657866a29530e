//! A value of a key, or the mark that there is none.

use bytes::Bytes;
use nats_api::jetstream::headers;
use nats_api::time::Timestamp;
use nats_proto::header::HeaderMap;

use crate::jetstream::stored::StreamMessage;

/// What was done to a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    Put,
    /// Deleted; the history stays.
    Delete,
    /// Deleted with its history, or timed out.
    Purge,
}

impl Operation {
    /// As it stands in the header, and as the value is shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Put => "PUT",
            Self::Delete => "DEL",
            Self::Purge => "PURGE",
        }
    }

    /// Reads it from the headers of a message.
    pub(super) fn of(value: impl Fn(&str) -> Option<String>) -> Self {
        match value(headers::KV_OPERATION).as_deref() {
            Some(headers::KV_PURGE) => return Self::Purge,
            // Whatever it is, it is no value.
            Some(_) => return Self::Delete,
            None => {}
        }
        match value(headers::MARKER_REASON).as_deref() {
            Some(headers::MARKER_REMOVE) => Self::Delete,
            Some(_) => Self::Purge,
            None => Self::Put,
        }
    }
}

/// One revision of a key.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub bucket: String,
    pub key: String,
    /// Empty unless [`Operation::Put`].
    pub value: Bytes,
    pub revision: u64,
    pub created: Timestamp,
    /// Revisions that follow what was asked for; 0 for the last.
    pub delta: u64,
    pub operation: Operation,
    pub headers: HeaderMap,
}

impl Entry {
    pub(super) fn of_stored(bucket: &str, prefix: &str, message: StreamMessage) -> Option<Self> {
        let key = message.subject.strip_prefix(prefix)?.to_owned();
        let operation = Operation::of(|name| message.headers.last(name).map(str::to_owned));
        Some(Self {
            bucket: bucket.to_owned(),
            key,
            value: message.payload,
            revision: message.sequence,
            created: message.time,
            delta: 0,
            operation,
            headers: message.headers,
        })
    }

    /// Whether there is a value.
    pub fn is_value(&self) -> bool {
        self.operation == Operation::Put
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_read_from_their_headers_and_from_markers() {
        let table: [(&[(&str, &str)], Operation); 6] = [
            (&[], Operation::Put),
            (&[("KV-Operation", "DEL")], Operation::Delete),
            (&[("KV-Operation", "PURGE")], Operation::Purge),
            (&[("Nats-Marker-Reason", "MaxAge")], Operation::Purge),
            (&[("Nats-Marker-Reason", "Purge")], Operation::Purge),
            (&[("Nats-Marker-Reason", "Remove")], Operation::Delete),
        ];
        for (present, operation) in table {
            let found = Operation::of(|name| {
                let value = present.iter().find(|(key, _)| *key == name)?.1;
                Some(value.to_owned())
            });
            assert_eq!(found, operation, "{present:?}");
        }
    }
}
