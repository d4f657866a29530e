//! An archive becomes a stream: messages into an empty store, consumers into a list.

use std::collections::BTreeMap;

use nats_api::errors::ApiError;
use nats_api::jetstream::StreamConfig;
use nats_api::jetstream::headers::TTL;
use nats_proto::header::block;
use nats_proto::subject;
use nats_store::{Erase, NewMessage, Removals, StoreError, StreamStore, Timestamp, Ttl};

use super::{About, ArchiveError, ArchivedConsumer, ArchivedMessage, Visit};
use crate::limits::ARCHIVE_CONSUMERS_MAX;
use crate::publish::AskedTtl;

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// Where the messages go.
pub trait Shelf {
    /// Empty at first, and nobody else's.
    ///
    /// # Errors
    /// The store is given up.
    fn store(&mut self) -> Result<&mut dyn StreamStore, StoreError>;

    /// There is room for so many bytes more, as the store counts.
    ///
    /// # Errors
    /// The account or the server has no room (10028, 10047).
    fn admit(&mut self, bytes: u64) -> Result<(), ApiError>;

    /// So many bytes have gone into the store: the time to make them durable when they are many.
    ///
    /// # Errors
    /// The store cannot.
    fn stored(&mut self, bytes: u64) -> Result<(), StoreError>;
}

/// Fills a store from an archive.
pub struct Refill<'a> {
    shelf: &'a mut dyn Shelf,
    config: &'a StreamConfig,
    /// Largest message that a client could publish, bytes.
    max_payload: u64,
    now: Timestamp,
    /// First and last sequence, from whoever knows.
    first: u64,
    last: u64,
    created: Option<Timestamp>,
    consumers: BTreeMap<String, ArchivedConsumer>,
    consumer_bytes: usize,
    removals: Removals,
}

impl<'a> Refill<'a> {
    /// `first` and `last` are the sequences that the request says; the newer form of archive brings its own.
    pub fn new(
        shelf: &'a mut dyn Shelf,
        config: &'a StreamConfig,
        (first, last): (u64, u64),
        max_payload: usize,
        now: Timestamp,
    ) -> Self {
        Self {
            shelf,
            config,
            max_payload: max_payload as u64,
            now,
            first,
            last,
            created: None,
            consumers: BTreeMap::new(),
            consumer_bytes: 0,
            removals: Removals::default(),
        }
    }

    /// The archive was read to its end: the last sequence is what it was. When the stream was made, if known, and its consumers.
    ///
    /// # Errors
    /// The store cannot.
    pub fn finish(mut self) -> Result<(Option<Timestamp>, Vec<ArchivedConsumer>), ArchiveError> {
        let last = self.last;
        self.reach(last)?;
        let last = self.shelf.store()?.state().last_sequence;
        for consumer in self.consumers.values_mut() {
            bound(consumer, last);
        }
        Ok((self.created, self.consumers.into_values().collect()))
    }

    fn reach(&mut self, last: u64) -> Result<(), StoreError> {
        let store = self.shelf.store()?;
        match last > store.state().last_sequence {
            true => store.skip(last),
            false => Ok(()),
        }
    }

    /// When the message expires by itself. `None`: it has.
    fn ttl(&self, message: &ArchivedMessage<'_>) -> Result<Option<Ttl>, ArchiveError> {
        if !self.config.allow_msg_ttl {
            return Ok(Some(Ttl::Stream));
        }
        let asked = block::find_value(message.headers, TTL.as_bytes());
        let asked = AskedTtl::parse(asked)
            .map_err(|_| ArchiveError::Damaged(format!("message {}: its TTL", message.sequence)))?;
        Ok(match asked {
            AskedTtl::None => Some(Ttl::Stream),
            AskedTtl::Never => Some(Ttl::Never),
            AskedTtl::Seconds(seconds) => {
                let end = message.time.plus(seconds.saturating_mul(NANOS_PER_SECOND));
                (end > self.now).then_some(Ttl::Until(end))
            }
        })
    }
}

/// A message with this subject can have been published: nothing in it ends a line or an argument of the protocol.
fn can_be_sent(literal: &[u8]) -> bool {
    subject::is_valid_literal(literal) && !literal.iter().any(|byte| b" \t\r\n".contains(byte))
}

/// A consumer cannot have been delivered what is not there.
fn bound(consumer: &mut ArchivedConsumer, last: u64) {
    let state = &mut consumer.state;
    state.delivered.stream = state.delivered.stream.min(last);
    state.ack_floor.stream = state.ack_floor.stream.min(last);
    let beyond: Vec<u64> = state
        .unacked
        .iter()
        .map(|waits| waits.stream)
        .filter(|stream| *stream > last)
        .collect();
    for stream in beyond {
        state.unacked.remove(stream);
    }
    state.redelivered.retain(|stream, _| *stream <= last);
}

impl Visit for Refill<'_> {
    fn about(&mut self, about: &About) -> Result<(), ArchiveError> {
        self.created = about.created;
        if let Some(state) = &about.state {
            (self.first, self.last) = (state.first_seq, state.last_seq);
        }
        let before_first = self.first.saturating_sub(1);
        Ok(self.reach(before_first)?)
    }

    fn consumer(&mut self, consumer: ArchivedConsumer) -> Result<(), ArchiveError> {
        let size = consumer
            .state
            .unacked
            .heap_size()
            .saturating_add(consumer.state.redelivered.len().saturating_mul(24))
            .saturating_add(size_of::<ArchivedConsumer>());
        self.consumer_bytes = self.consumer_bytes.saturating_add(size);
        if self.consumer_bytes > ARCHIVE_CONSUMERS_MAX {
            return Err(ArchiveError::TooLarge {
                what: "what its consumers remember",
                size: self.consumer_bytes as u64,
                max: ARCHIVE_CONSUMERS_MAX as u64,
            });
        }
        let name = consumer.name.clone();
        match self.consumers.insert(name.clone(), consumer) {
            None => Ok(()),
            Some(_) => Err(ArchiveError::Unexpected(format!("consumer {name:?} again"))),
        }
    }

    fn admit(&mut self, headers: u64, payload: u64) -> Result<(), ArchiveError> {
        let size = headers.saturating_add(payload);
        let own = u64::try_from(self.config.max_msg_size).unwrap_or(u64::MAX);
        let max = own.min(self.max_payload);
        match size > max {
            true => Err(ArchiveError::TooLarge {
                what: "a message",
                size,
                max,
            }),
            false => Ok(()),
        }
    }

    fn message(&mut self, message: &ArchivedMessage<'_>) -> Result<(), ArchiveError> {
        let sequence = message.sequence;
        if !can_be_sent(message.subject) {
            return Err(ArchiveError::Damaged(format!(
                "message {sequence}: its subject"
            )));
        }
        let last = self.shelf.store()?.state().last_sequence;
        if sequence <= last {
            // In the older form messages lie in front of the first one that were removed long ago.
            return match sequence < self.first {
                true => Ok(()),
                false => Err(ArchiveError::Damaged(format!(
                    "message {sequence} behind {last}"
                ))),
            };
        }
        let Some(ttl) = self.ttl(message)? else {
            return Ok(self.reach(sequence)?);
        };
        let size = self.shelf.store()?.storage().message_size(
            message.subject.len(),
            message.headers.len(),
            message.payload.len(),
        );
        self.shelf.admit(size).map_err(ArchiveError::Refused)?;
        let new = NewMessage {
            subject: message.subject,
            headers: message.headers,
            payload: message.payload,
            time: message.time,
            ttl,
        };
        self.shelf
            .store()?
            .append(sequence, &new, &mut self.removals)?;
        self.removals.clear();
        Ok(self.shelf.stored(size)?)
    }

    fn removed(&mut self, sequence: u64) -> Result<(), ArchiveError> {
        let store = self.shelf.store()?;
        if sequence > store.state().last_sequence {
            return Ok(self.reach(sequence)?);
        }
        store.remove(sequence, Erase::No, &mut self.removals)?;
        self.removals.clear();
        Ok(())
    }
}
