//! What a publish costs in allocations, beside what the store needs for the message itself.

use std::sync::Arc;

use nats_api::jetstream::StreamConfig;
use nats_jetstream::context::AlwaysListens;
use nats_jetstream::publish::Inbound;
use nats_jetstream::stream::{Environment, Outcome, Parts, Stream, Unlimited};
use nats_jetstream::{Context, Effects};
use nats_store::memory::MemoryStore;
use nats_store::{Limits, NewMessage, Removals, StreamStore, Timestamp, Ttl};

const MESSAGES: u64 = 20_000;
const PAYLOAD: [u8; 128] = [b'x'; 128];

fn stored_alone() -> u64 {
    let mut store = MemoryStore::new(Limits::default());
    let mut removed = Removals::default();
    let measured = allocation_counter::measure(|| {
        for sequence in 1..=MESSAGES {
            let message = NewMessage {
                subject: b"s.a",
                headers: b"",
                payload: &PAYLOAD,
                time: Timestamp(1),
                ttl: Ttl::Stream,
            };
            store.append(sequence, &message, &mut removed).unwrap();
        }
    });
    measured.count_total
}

#[test]
fn a_plain_publish_allocates_nothing_beside_its_message() {
    let config = StreamConfig {
        name: "S".to_owned(),
        subjects: vec!["s.>".to_owned()],
        max_msgs: -1,
        max_bytes: -1,
        max_msgs_per_subject: -1,
        max_msg_size: -1,
        ..StreamConfig::default()
    };
    let mut stream = Stream::create(Parts {
        config,
        created: Timestamp(0),
        store: Box::new(MemoryStore::new(Limits::default())),
        quota: Box::new(Unlimited),
        environment: Arc::new(Environment::default()),
    })
    .unwrap();
    let (mut random, mut out) = (1u64, Effects::default());
    let mut publish = |count: u64| {
        for _ in 0..count {
            let mut cx = Context {
                now: Timestamp(1),
                random: &mut random,
                interest: &AlwaysListens,
            };
            let message = Inbound {
                subject: b"s.a",
                reply: b"_INBOX.abc.1",
                headers: b"",
                payload: &PAYLOAD,
            };
            out.clear();
            let outcome = stream.publish(&mut cx, &message, &mut out);
            assert!(matches!(outcome, Outcome::Stored(_)));
        }
    };
    // The lists find their size.
    publish(10);
    let published = allocation_counter::measure(|| publish(MESSAGES)).count_total;
    let alone = stored_alone();
    assert!(
        published <= alone + 20,
        "{published} allocations for {MESSAGES} publishes, {alone} by the store alone"
    );
}
