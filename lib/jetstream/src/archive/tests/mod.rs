//! Archives of ours come back; archives of nobody are refused.

use std::collections::BTreeMap;
use std::io::Read;

use nats_api::errors::ApiError;
use nats_api::jetstream::{ConsumerConfig, StreamConfig, StreamState};
use nats_store::{
    ConsumerState, Erase, Limits, MemoryStore, Message, NewMessage, Place, Removals, StoreError,
    StreamStore, Timestamp, Ttl, Unacked,
};
use proptest::prelude::*;

use super::consumer::StateDocument;
use super::*;

mod entries_refused;
mod files_read;

struct InMemory(MemoryStore);

impl Shelf for InMemory {
    fn store(&mut self) -> Result<&mut dyn StreamStore, StoreError> {
        Ok(&mut self.0)
    }

    fn admit(&mut self, _: u64) -> Result<(), ApiError> {
        Ok(())
    }

    fn stored(&mut self, _: u64) -> Result<(), StoreError> {
        Ok(())
    }
}

fn empty() -> InMemory {
    InMemory(MemoryStore::new(Limits::default()))
}

fn config() -> StreamConfig {
    StreamConfig {
        name: "S".into(),
        max_msg_size: -1,
        ..StreamConfig::default()
    }
}

struct Restored {
    store: MemoryStore,
    created: Option<Timestamp>,
    consumers: Vec<ArchivedConsumer>,
    form: Form,
}

fn restore_as(
    config: &StreamConfig,
    archive: &[u8],
    ends: (u64, u64),
) -> Result<Restored, ArchiveError> {
    let mut shelf = empty();
    let mut refill = Refill::new(&mut shelf, config, ends, 1 << 20, Timestamp(1_000));
    let form = read(&config.name, archive, &mut refill)?;
    let (created, consumers) = refill.finish()?;
    Ok(Restored {
        store: shelf.0,
        created,
        consumers,
        form,
    })
}

fn restore(archive: &[u8]) -> Result<Restored, ArchiveError> {
    restore_as(&config(), archive, (0, 0))
}

fn all(store: &dyn StreamStore) -> Vec<Message> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(message) = store.next(&nats_store::Filter::ALL, from).unwrap() {
        from = message.sequence + 1;
        found.push(message);
    }
    found
}

fn api_state(store: &dyn StreamStore, consumers: u64) -> StreamState {
    let state = store.state();
    StreamState {
        messages: state.messages,
        bytes: state.bytes,
        first_seq: state.first_sequence,
        last_seq: state.last_sequence,
        consumer_count: consumers,
        ..StreamState::default()
    }
}

fn take_all(writer: &mut Writer) -> Vec<u8> {
    let mut archive = Vec::new();
    while writer.take(1000, &mut archive) > 0 {}
    archive
}

fn archive_of(store: &dyn StreamStore, consumers: &[(&str, ConsumerState)]) -> Vec<u8> {
    let state = api_state(store, consumers.len() as u64);
    let mut writer = Writer::new(&state, Timestamp(5)).unwrap();
    for (name, state) in consumers {
        let config = ConsumerConfig {
            name: (*name).to_owned(),
            ..ConsumerConfig::default()
        };
        writer.consumer(name, &config, state).unwrap();
    }
    for message in all(store) {
        writer.message(&message);
    }
    writer.end();
    take_all(&mut writer)
}

fn consumer_state() -> ConsumerState {
    let waits = |stream, consumer| Unacked {
        stream,
        consumer,
        time: Timestamp(77),
    };
    ConsumerState {
        delivered: Place {
            consumer: 5,
            stream: 4,
        },
        ack_floor: Place {
            consumer: 1,
            stream: 1,
        },
        unacked: [waits(2, 2), waits(4, 4)].into_iter().collect(),
        redelivered: BTreeMap::from([(2, 1)]),
    }
}

fn put(store: &mut MemoryStore, sequence: u64, subject: &str, headers: &[u8], payload: &[u8]) {
    let message = NewMessage {
        subject: subject.as_bytes(),
        headers,
        payload,
        time: Timestamp(i64::try_from(sequence).unwrap() * 10),
        ttl: Ttl::Stream,
    };
    store
        .append(sequence, &message, &mut Removals::default())
        .unwrap();
}

fn small() -> MemoryStore {
    let mut store = MemoryStore::new(Limits::default());
    store.skip(2).unwrap();
    for sequence in [3, 4, 7] {
        put(
            &mut store,
            sequence,
            "a.b",
            b"NATS/1.0\r\nX: y\r\n\r\n",
            b"body",
        );
    }
    store.skip(9).unwrap();
    store
}

proptest! {
    #[test]
    fn a_stream_comes_back_as_it_went(
        first in 0_u64..5,
        steps in proptest::collection::vec((1_u64..4, 0_usize..3, proptest::collection::vec(any::<u8>(), 0..3000)), 0..60),
        removed in proptest::collection::vec(0_usize..60, 0..10),
        end in 0_u64..3,
    ) {
        let mut store = MemoryStore::new(Limits::default());
        store.skip(first).unwrap();
        let mut sequence = first;
        for (gap, subject, payload) in &steps {
            sequence += gap;
            let headers: &[u8] = if *subject == 0 { b"NATS/1.0\r\nA: b\r\n\r\n" } else { b"" };
            put(&mut store, sequence, &format!("s.{subject}"), headers, payload);
        }
        store.skip(sequence + end).unwrap();
        let there = all(&store);
        for index in removed {
            if let Some(message) = there.get(index) {
                store.remove(message.sequence, Erase::No, &mut Removals::default()).unwrap();
            }
        }
        let back = restore(&archive_of(&store, &[])).unwrap();
        prop_assert_eq!(back.form, Form::Entries);
        prop_assert_eq!(all(&back.store), all(&store));
        let (was, is) = (store.state(), back.store.state());
        prop_assert_eq!(
            (is.messages, is.bytes, is.first_sequence, is.last_sequence, is.deleted),
            (was.messages, was.bytes, was.first_sequence, was.last_sequence, was.deleted)
        );
    }

    #[test]
    fn any_bytes_are_read_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = restore(&bytes);
        let mut framed = Vec::new();
        frames::put(&mut framed, &bytes, true);
        let _ = restore(&framed);
        let mut entries = Vec::new();
        frames::put(&mut entries, &[&MAGIC[..], &bytes].concat(), true);
        let _ = restore(&entries);
    }

    #[test]
    fn a_flipped_bit_is_noticed(at in 0_usize..400, bit in 0_u32..8) {
        let mut archive = archive_of(&small(), &[("C", consumer_state())]);
        let at = at % archive.len();
        archive[at] ^= 1_u8 << bit;
        // Frames of an unknown kind that may be passed over leave their bytes out, which is noticed as well.
        prop_assert!(restore(&archive).is_err());
    }
}

#[test]
fn consumers_come_back_with_what_they_remember() {
    let back = restore(&archive_of(
        &small(),
        &[("C", consumer_state()), ("D", ConsumerState::default())],
    ))
    .unwrap();
    let [c, d] = &back.consumers[..] else {
        panic!("{:?}", back.consumers)
    };
    assert_eq!((&*c.name, &*d.name), ("C", "D"));
    assert_eq!(c.state, consumer_state());
    assert_eq!(d.state, ConsumerState::default());
}

#[test]
fn what_a_consumer_did_after_the_snapshot_began_is_left_out() {
    let json =
        |last| serde_json::to_value(StateDocument::bounded(&consumer_state(), last)).unwrap();
    assert_eq!(
        json(3),
        serde_json::json!({
            "delivered": {"consumer_seq": 5, "stream_seq": 3},
            "ack_floor": {"consumer_seq": 1, "stream_seq": 1},
            "pending": {"2": {"Sequence": 2, "Timestamp": 77}},
            "redelivered": {"2": 1},
        })
    );
    assert!(json(1).get("pending").is_none());
}

#[test]
fn every_archive_that_was_cut_off_is_refused() {
    let archive = archive_of(&small(), &[("C", consumer_state())]);
    for len in 0..archive.len() {
        assert!(
            restore(&archive[..len]).is_err(),
            "{len} of {}",
            archive.len()
        );
    }
}

#[test]
fn a_message_whose_time_has_passed_leaves_its_sequence_only() {
    let headers = b"NATS/1.0\r\nNats-TTL: 1s\r\n\r\n";
    let mut store = MemoryStore::new(Limits::default());
    put(&mut store, 1, "a", headers, b"x");
    put(&mut store, 2, "a", b"", b"y");
    let archive = archive_of(&store, &[]);
    let config = StreamConfig {
        allow_msg_ttl: true,
        ..config()
    };
    let lives = restore_as(&config, &archive, (0, 0)).unwrap();
    assert_eq!(lives.store.state().messages, 2);
    assert_eq!(lives.store.next_expiry(), Some(Timestamp(1_000_000_010)));
    let mut shelf = empty();
    let late = Timestamp(2_000_000_000);
    let mut refill = Refill::new(&mut shelf, &config, (0, 0), 1 << 20, late);
    read("S", &archive[..], &mut refill).unwrap();
    refill.finish().unwrap();
    let state = shelf.0.state();
    assert_eq!(
        (state.messages, state.first_sequence, state.last_sequence),
        (1, 2, 2)
    );
}

/// Gives its bytes one at a time, as a slow client does.
struct Dribble<'a>(&'a [u8]);

impl Read for Dribble<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let len = buffer.len().min(1);
        self.0.read(&mut buffer[..len])
    }
}

#[test]
fn it_does_not_matter_how_the_bytes_arrive() {
    let archive = archive_of(&small(), &[("C", consumer_state())]);
    let mut shelf = empty();
    let config = config();
    let mut refill = Refill::new(&mut shelf, &config, (0, 0), 1 << 20, Timestamp(0));
    read("S", Dribble(&archive), &mut refill).unwrap();
    assert_eq!(refill.finish().unwrap().1.len(), 1);
    assert_eq!(all(&shelf.0), all(&small()));
}

fn framed(parts: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    frames::put(&mut out, &parts.concat(), true);
    out
}

/// What a hostile archive is told.
fn refusal(archive: &[u8]) -> String {
    match restore(archive) {
        Ok(_) => "taken".to_owned(),
        Err(error) => error.to_string(),
    }
}

/// Every row: what is said, and what of it matters.
fn check_rows(table: &[(String, &str)]) {
    for (index, (said, expected)) in table.iter().enumerate() {
        assert!(
            said.contains(expected),
            "row {index}: {said:?} has no {expected:?}"
        );
    }
}
