//! Where sources go on after a start.

use std::sync::Arc;

use nats_api::jetstream::StreamSource;
use nats_store::memory::MemoryStore;
use nats_store::{NewMessage, Removals, StreamStore, Timestamp, Ttl};

use super::{Environment, Parts, Stream, Unlimited, World, config};
use crate::effects::Kind;
use crate::limits::PLACES_STEP;

const S: u64 = 1_000_000_000;

fn sources(names: [(&str, &str); 3]) -> Vec<StreamSource> {
    let source = |(name, filter): (&str, &str)| StreamSource {
        name: name.to_owned(),
        filter_subject: filter.to_owned(),
        ..StreamSource::default()
    };
    names.map(source).into()
}

fn store(store: &mut MemoryStore, headers: &str) {
    let headers = match headers {
        "" => String::new(),
        origin => format!("NATS/1.0\r\nNats-Stream-Source: {origin}\r\n\r\n"),
    };
    let message = NewMessage {
        subject: b"s.x",
        headers: headers.as_bytes(),
        payload: b"",
        time: Timestamp(1),
        ttl: Ttl::Stream,
    };
    let next = store.state().last_sequence + 1;
    let mut removed = Removals::default();
    store.append(next, &message, &mut removed).unwrap();
}

/// Which streams are asked by this input, and from which sequence on.
fn asked(world: &World) -> Vec<(String, u64)> {
    let requests = world.out.iter().filter(|e| e.kind == Kind::Request);
    let mut asked: Vec<_> = requests
        .map(|e| {
            let subject = String::from_utf8(e.subject.to_vec()).unwrap();
            let body: serde_json::Value = serde_json::from_slice(e.payload).unwrap();
            let stream = subject.split('.').nth(4).unwrap().to_owned();
            let from = body["config"]["opt_start_seq"].as_u64().unwrap_or(0);
            (stream, from)
        })
        .collect();
    asked.sort();
    asked
}

#[test]
fn a_source_of_which_little_is_stored_waits_for_its_place_and_nobody_waits_for_it() {
    let mut kept = MemoryStore::new(nats_store::Limits::default());
    store(&mut kept, "B 7 > > s.x first");
    let many = 3 * PLACES_STEP;
    for _ in 0..many {
        store(&mut kept, "");
    }
    store(&mut kept, "A 5 > > s.x first");
    let mut world = World::new(config(|_| {}));
    let parts = Parts {
        config: config(|config| {
            config.sources = sources([("A", ""), ("B", ""), ("C", "never.>")]);
        }),
        created: world.now,
        store: Box::new(kept),
        quota: Box::new(Unlimited),
        environment: Arc::new(Environment::default()),
    };
    world.stream = Stream::recover(parts, world.now).unwrap();
    world
        .with(|stream, cx, out| stream.start_upstreams(cx, out))
        .unwrap();
    world.now = world.now.plus(S);
    world.with(|stream, cx, out| stream.tick(cx, out));
    // Of C nothing can be stored, which the subjects tell.
    let ready = [("A".to_owned(), 6), ("C".to_owned(), 0)];
    assert_eq!(asked(&world), ready);
    let mut ticks = 0;
    while asked(&world).iter().all(|(stream, _)| stream != "B") {
        assert!(ticks < 10, "it is found in the end");
        assert!(world.stream.deadline().is_some_and(|at| at <= world.now));
        world.with(|stream, cx, out| stream.tick(cx, out));
        ticks += 1;
    }
    assert_eq!(asked(&world), [("B".to_owned(), 8)]);
    assert!(ticks > 1, "not all at once");
}
