//! Archives of older servers: written by releases 2.10 and 2.14 of the reference, with messages removed in every way there is.

use std::collections::BTreeMap;
use std::path::Path;

use nats_api::errors::ApiError;
use nats_api::jetstream::{StreamConfig, StreamState};
use nats_jetstream::archive::{Form, Refill, Shelf, read};
use nats_store::{Filter, Limits, MemoryStore, StoreError, StreamStore, Timestamp};
use serde::Deserialize;

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

/// What the server said of the stream when it wrote the archive.
#[derive(Deserialize)]
struct Expected {
    state: StreamState,
    /// First and last sequence of messages without a gap between them.
    spans: Vec<(u64, u64)>,
    times: BTreeMap<u64, nats_api::time::Timestamp>,
    consumers: BTreeMap<String, ExpectedConsumer>,
}

#[derive(Deserialize)]
struct ExpectedConsumer {
    delivered: Pair,
    ack_floor: Pair,
    num_ack_pending: usize,
    num_redelivered: usize,
}

#[derive(Deserialize)]
struct Pair {
    consumer_seq: u64,
    stream_seq: u64,
}

/// Message `sequence` as it was published.
fn published(sequence: u64) -> (String, String, String) {
    let index = sequence - 1;
    let headers = match index.is_multiple_of(3) && index < 450 {
        true => format!("NATS/1.0\r\nN: {index}\r\n\r\n"),
        false => String::new(),
    };
    let subject = format!("old.{}", index % 7);
    (
        subject,
        headers,
        format!("{}{index}", "payload ".repeat(20)),
    )
}

#[test]
fn archives_of_older_servers_become_what_these_had() {
    for release in ["2.10.26", "2.14.6"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/archives");
        let archive = std::fs::read(folder.join(format!("{release}.tar.s2"))).unwrap();
        let expected = std::fs::read(folder.join(format!("{release}.json"))).unwrap();
        let expected: Expected = serde_json::from_slice(&expected).unwrap();
        let config = StreamConfig {
            name: "OLD".into(),
            max_msg_size: -1,
            ..StreamConfig::default()
        };
        let mut shelf = InMemory(MemoryStore::new(Limits::default()));
        let ends = (expected.state.first_seq, expected.state.last_seq);
        let mut refill = Refill::new(&mut shelf, &config, ends, 1 << 20, Timestamp(0));
        let form = read("OLD", &archive[..], &mut refill).unwrap();
        let (created, consumers) = refill.finish().unwrap();
        assert_eq!(form, Form::Files);
        assert!(created.is_some());
        check_messages(&shelf.0, &expected, release);
        assert_eq!(consumers.len(), expected.consumers.len());
        for consumer in consumers {
            let wanted = &expected.consumers[&consumer.name];
            let state = &consumer.state;
            let place = |place: nats_store::Place| (place.consumer, place.stream);
            let pair = |pair: &Pair| (pair.consumer_seq, pair.stream_seq);
            assert_eq!(place(state.delivered), pair(&wanted.delivered), "{release}");
            assert_eq!(place(state.ack_floor), pair(&wanted.ack_floor), "{release}");
            assert_eq!(state.unacked.len(), wanted.num_ack_pending, "{release}");
            // A message that was asked for again and not delivered yet counts there, not here.
            assert!(
                state.redelivered.len() >= wanted.num_redelivered,
                "{release}"
            );
        }
    }
}

fn check_messages(store: &dyn StreamStore, expected: &Expected, release: &str) {
    let mut spans: Vec<(u64, u64)> = Vec::new();
    let mut from = 0;
    while let Some(message) = store.next(&Filter::ALL, from).unwrap() {
        let sequence = message.sequence;
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let found = (
            text(message.subject()),
            text(message.headers()),
            text(message.payload()),
        );
        assert_eq!(found, published(sequence), "{release}: {sequence}");
        if let Some(time) = expected.times.get(&sequence) {
            assert_eq!(i128::from(message.time.0), time.unix_nanos());
        }
        match spans.last_mut() {
            Some((_, last)) if *last + 1 == sequence => *last = sequence,
            _ => spans.push((sequence, sequence)),
        }
        from = sequence + 1;
    }
    assert_eq!(spans, expected.spans, "{release}");
    let state = store.state();
    assert_eq!(
        (state.messages, state.first_sequence, state.last_sequence),
        (
            expected.state.messages,
            expected.state.first_seq,
            expected.state.last_seq
        )
    );
    assert_eq!(state.subjects, expected.state.num_subjects);
}
