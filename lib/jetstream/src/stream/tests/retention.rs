//! Interest and work queues: a message is there as long as somebody needs it, and no longer.

use std::collections::{BTreeMap, BTreeSet};

use nats_api::jetstream::Retention;
use proptest::prelude::*;

use super::*;

#[test]
fn without_interest_a_message_gets_a_sequence_and_is_not_kept() {
    let mut world = World::new(config(|config| config.retention = Retention::Interest));
    assert!(matches!(world.publish("s.a", "x"), Outcome::NotWanted(1)));
    world.add_consumer("C", pull_consumer(&["s.b"]));
    assert!(matches!(world.publish("s.a", "x"), Outcome::NotWanted(2)));
    assert!(matches!(world.publish("s.b", "x"), Outcome::Stored(3)));
    assert_eq!(world.sequences(), [3]);
}

#[test]
fn a_work_queue_keeps_what_nobody_has_taken() {
    let mut world = World::new(config(|config| config.retention = Retention::WorkQueue));
    world.publish("s.a", "1");
    world.publish("s.a", "2");
    world.add_consumer("C", pull_consumer(&[]));
    let got = world.fetch("C", 1);
    assert_eq!(world.sequences(), [1, 2]);
    world.ack(&got[0], "+ACK");
    assert_eq!(world.sequences(), [2]);
    world
        .with(|stream, cx, out| stream.delete_consumer(cx, "C", out))
        .unwrap();
    world.rest();
    assert_eq!(world.sequences(), [2]);
}

#[test]
fn what_was_settled_before_a_crash_goes_when_the_stream_comes_back() {
    for retention in [Retention::WorkQueue, Retention::Interest] {
        let mut world = World::new(config(|config| config.retention = retention));
        world.add_consumer("A", pull_consumer(&["s.a"]));
        for subject in ["s.a", "s.a", "s.a"] {
            world.publish(subject, "x");
        }
        let got = world.fetch("A", 2);
        // The acknowledgement was kept, the removal was not.
        let mut state = world.stream.consumer_state("A").unwrap().clone();
        state.apply(&nats_store::ConsumerDelta::Acked {
            stream: got[0].sequence(),
        });
        world.stream.consumers.remove(0);
        world.recover_consumer("A", pull_consumer(&["s.a"]), state);
        world.rest();
        assert_eq!(world.sequences(), [1, 2, 3]);
        world.stream.reconcile();
        world.rest();
        assert_eq!(world.sequences(), [2, 3], "{retention:?}");
    }
}

#[test]
fn a_queue_that_comes_back_keeps_what_no_consumer_asks_for() {
    let mut world = World::new(config(|config| config.retention = Retention::WorkQueue));
    world.publish("s.b", "x");
    world.add_consumer("A", pull_consumer(&["s.a"]));
    world.publish("s.a", "x");
    world.publish("s.b", "x");
    let got = world.fetch("A", 1);
    world.ack(&got[0], "+ACK");
    world.stream.reconcile();
    world.rest();
    assert_eq!(world.sequences(), [1, 3]);
}

#[test]
fn a_terminated_message_is_settled_and_a_refused_one_is_not() {
    let mut world = World::new(config(|config| config.retention = Retention::WorkQueue));
    world.add_consumer("C", pull_consumer(&[]));
    world.publish("s.a", "1");
    world.publish("s.a", "2");
    let got = world.fetch("C", 2);
    world.ack(&got[0], "-NAK");
    world.ack(&got[1], "+TERM");
    assert_eq!(world.sequences(), [1]);
}

#[test]
fn a_stream_that_becomes_an_interest_stream_lets_go_of_what_all_have_had() {
    let mut world = World::new(config(|_| {}));
    for name in ["A", "B"] {
        world.add_consumer(name, pull_consumer(&[]));
    }
    for _ in 0..3 {
        world.publish("s.a", "x");
    }
    let a = world.fetch("A", 2);
    let b = world.fetch("B", 1);
    for got in a.iter().chain(&b) {
        world.ack(got, "");
    }
    assert_eq!(world.sequences(), [1, 2, 3]);
    let interest = config(|config| config.retention = Retention::Interest);
    world
        .with(|stream, cx, out| stream.update(cx, Arc::new(interest), out))
        .unwrap();
    world.rest();
    assert_eq!(world.sequences(), [2, 3]);
}

#[derive(Debug, Clone)]
enum Step {
    Publish(u8),
    Add(u8, u8),
    Remove(u8),
    Fetch(u8, u8),
    Ack(u8),
    Refuse(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (0u8..3).prop_map(Step::Publish),
        2 => (0u8..4, 0u8..4).prop_map(|(who, filter)| Step::Add(who, filter)),
        1 => (0u8..4).prop_map(Step::Remove),
        4 => (0u8..4, 1u8..4).prop_map(|(who, batch)| Step::Fetch(who, batch)),
        5 => any::<u8>().prop_map(Step::Ack),
        1 => any::<u8>().prop_map(Step::Refuse),
    ]
}

const FILTERS: [&[&str]; 4] = [&[], &["s.0"], &["s.1", "s.2"], &["s.*"]];

fn wants(filter: u8, subject: &str) -> bool {
    nats_store::Filter::any(FILTERS[usize::from(filter)]).matches(subject.as_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn a_message_goes_exactly_when_the_last_one_who_wants_it_has_acknowledged(
        steps in proptest::collection::vec(step(), 1..80),
    ) {
        let mut world = World::new(config(|config| config.retention = Retention::Interest));
        // The model: who exists, and for each message that is kept who still needs it.
        let mut consumers: BTreeMap<u8, u8> = BTreeMap::new();
        let mut needed: BTreeMap<u64, (String, BTreeSet<u8>)> = BTreeMap::new();
        let mut delivered: Vec<(u8, Got)> = Vec::new();
        for step in steps {
            match step {
                Step::Publish(token) => {
                    let subject = format!("s.{token}");
                    let who: BTreeSet<u8> = consumers
                        .iter()
                        .filter(|(_, filter)| wants(**filter, &subject))
                        .map(|(who, _)| *who)
                        .collect();
                    match world.publish(&subject, "x") {
                        Outcome::Stored(sequence) => {
                            prop_assert!(!who.is_empty());
                            needed.insert(sequence, (subject, who));
                        }
                        Outcome::NotWanted(_) => prop_assert!(who.is_empty()),
                        other => prop_assert!(false, "{:?}", other),
                    }
                }
                Step::Add(who, filter) if !consumers.contains_key(&who) => {
                    consumers.insert(who, filter);
                    let name = who.to_string();
                    world.add_consumer(&name, pull_consumer(FILTERS[usize::from(filter)]));
                    for (subject, by) in needed.values_mut() {
                        if wants(filter, subject) {
                            by.insert(who);
                        }
                    }
                }
                Step::Remove(who) if consumers.remove(&who).is_some() => {
                    let name = who.to_string();
                    world.with(|s, cx, out| s.delete_consumer(cx, &name, out)).unwrap();
                    delivered.retain(|(by, _)| *by != who);
                    for (_, by) in needed.values_mut() {
                        by.remove(&who);
                    }
                }
                Step::Fetch(who, batch) if consumers.contains_key(&who) => {
                    let got = world.fetch(&who.to_string(), usize::from(batch));
                    delivered.extend(got.into_iter().map(|got| (who, got)));
                }
                Step::Ack(which) if !delivered.is_empty() => {
                    let (who, got) = delivered.swap_remove(usize::from(which) % delivered.len());
                    world.ack(&got, "");
                    if let Some((_, by)) = needed.get_mut(&got.sequence()) {
                        by.remove(&who);
                    }
                }
                Step::Refuse(which) if !delivered.is_empty() => {
                    let (_, got) = delivered.swap_remove(usize::from(which) % delivered.len());
                    world.ack(&got, "-NAK");
                }
                _ => {}
            }
            world.rest();
            needed.retain(|_, (_, by)| !by.is_empty());
            let expected: Vec<u64> = needed.keys().copied().collect();
            prop_assert_eq!(world.sequences(), expected);
        }
    }
}
