//! Which consumers hear of what.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use nats_api::jetstream::{ConsumerLimits, StreamPurgeRequest};
use nats_api::time::Nanos;
use nats_store::{ConsumerDelta, ConsumerStore, Position, StoreError};
use proptest::prelude::*;

use super::*;
use crate::limits::CONSUMERS_TOLD_MAX;

#[test]
fn a_waiting_client_gets_what_is_published() {
    let mut world = World::new(config(|_| {}));
    world.add_consumer("C", pull_consumer(&["s.a"]));
    assert_eq!(world.pull("C", r#"{"batch":2}"#), []);
    world.publish("s.b", "no");
    assert_eq!(world.got(), []);
    world.publish("s.a", "yes");
    let got = world.got();
    assert_eq!((got.len(), &*got[0].payload), (1, &b"yes"[..]));
    assert_eq!(got[0].sequence(), 2);
    world.ack(&got[0], "");
    assert_eq!(world.pending("C"), 0);
}

#[test]
fn very_many_consumers_count_right_whether_they_were_told_or_not() {
    let mut world = World::new(config(|_| {}));
    for index in 0..2_000 {
        world.add_consumer(&format!("C{index}"), pull_consumer(&[]));
    }
    world.pull("C7", r#"{"batch":10}"#);
    for _ in 0..3 {
        world.publish("s.a", "x");
        assert_eq!(world.got().len(), 1);
    }
    // Those that were not told count right when they are asked.
    assert_eq!(world.pending("C7"), 0);
    assert_eq!(world.pending("C1999"), 3);
    assert_eq!(world.fetch("C42", 2).len(), 2);
    assert_eq!(world.pending("C42"), 1);
    let purge = StreamPurgeRequest::default();
    world
        .with(|stream, cx, out| stream.purge(cx, &purge, out))
        .unwrap();
    assert_eq!(world.pending("C42"), 0);
    assert_eq!(world.pending("C3"), 0);
}

#[test]
fn a_consumer_without_a_client_ends_and_is_reported() {
    let mut world = World::new(config(|_| {}));
    let mut ephemeral = pull_consumer(&[]);
    ephemeral.inactive_threshold = Nanos(5_000_000_000);
    world.add_consumer("E", ephemeral);
    world.now = world.now.plus(4_000_000_000);
    world.rest();
    assert_eq!(world.stream.consumer_names().count(), 1);
    world.now = world.now.plus(3_000_000_000);
    world.rest();
    assert_eq!(world.stream.consumer_names().count(), 0);
    assert_eq!(&*world.stream.take_gone_consumers(), [Box::from("E")]);
}

/// Keeps changes unless the disk is full, and says how many it has kept.
struct Shelf {
    is_full: Arc<AtomicBool>,
    kept: Arc<AtomicU64>,
}

impl ConsumerStore for Shelf {
    fn stage(&mut self, deltas: &[ConsumerDelta]) -> Result<(), StoreError> {
        if self.is_full.load(Relaxed) {
            return Err(StoreError::Frozen("the disk is full".into()));
        }
        let acks = deltas
            .iter()
            .filter(|d| matches!(d, ConsumerDelta::Acked { .. }));
        self.kept.fetch_add(acks.count() as u64, Relaxed);
        Ok(())
    }

    fn staged(&self) -> Option<Position> {
        None
    }

    fn wants_checkpoint(&self) -> bool {
        false
    }

    fn checkpoint(&mut self, state: &ConsumerState) -> Result<(), StoreError> {
        if self.is_full.load(Relaxed) {
            return Err(StoreError::Frozen("the disk is full".into()));
        }
        self.kept.store(state.ack_floor.stream, Relaxed);
        Ok(())
    }
}

#[test]
fn an_acknowledgement_that_could_not_be_kept_is_not_answered_until_it_is_however_often_it_is_asked_for()
 {
    let mut world = World::new(config(|_| {}));
    let (is_full, kept) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
    );
    let new = NewConsumer {
        name: "C".into(),
        config: Arc::new(pull_consumer(&[])),
        created: world.now,
        kept: Box::new(Shelf {
            is_full: is_full.clone(),
            kept: kept.clone(),
        }),
    };
    world
        .with(|stream, cx, out| stream.create_consumer(cx, new, out))
        .unwrap();
    for text in ["1", "2", "3"] {
        world.publish("s.a", text);
    }
    let got = world.fetch("C", 3);
    let answered = |world: &mut World, got: &Got| {
        let message = Inbound {
            subject: &got.reply,
            reply: b"ASKER",
            headers: b"",
            payload: b"",
        };
        world.with(|stream, cx, out| stream.ack(cx, &message, out));
        world.out.iter().any(|effect| effect.kind == Kind::Answer)
    };
    assert!(answered(&mut world, &got[0]));
    is_full.store(true, Relaxed);
    for _ in 0..3 {
        assert!(
            !answered(&mut world, &got[1]),
            "it is nowhere but in memory"
        );
    }
    is_full.store(false, Relaxed);
    assert!(answered(&mut world, &got[1]));
    assert_eq!(kept.load(Relaxed), 2);
    assert!(answered(&mut world, &got[2]));
    assert_eq!(kept.load(Relaxed), 3);
}

#[test]
fn limits_that_consumers_exceed_are_not_accepted() {
    let mut world = World::new(config(|_| {}));
    world.add_consumer("B", pull_consumer(&[]));
    world.add_consumer("A", pull_consumer(&[]));
    let stricter = config(|config| {
        config.consumer_limits = ConsumerLimits {
            max_ack_pending: 10,
            ..ConsumerLimits::default()
        };
    });
    let refused = world
        .with(|stream, cx, out| stream.update(cx, Arc::new(stricter), out))
        .unwrap_err();
    assert_eq!(
        (refused.err_code, &*refused.description),
        (10_069, "change to limits violates consumers: A, B")
    );
}

#[test]
fn rounds_of_deliveries_are_bounded_and_everybody_gets_a_turn() {
    let mut world = World::new(config(|_| {}));
    for _ in 0..5_000 {
        world.publish("s.a", "x");
    }
    for name in ["A", "B"] {
        let mut greedy = pull_consumer(&[]);
        greedy.max_ack_pending = -1;
        world.add_consumer(name, greedy);
    }
    let mut got = [0, 0];
    for (index, name) in ["A", "B"].into_iter().enumerate() {
        got[index] += world.pull(name, r#"{"batch":5000}"#).len();
        assert!(got[index] < 5_000);
    }
    let mut rounds = 0;
    while world.stream.deadline().is_some_and(|at| at <= world.now) {
        world.with(|stream, cx, out| stream.tick(cx, out));
        let round = world.got();
        assert!(round.len() <= crate::limits::STREAM_PUMP_MAX);
        for delivery in round {
            let is_b = delivery.reply.starts_with(b"$JS.ACK.S.B.");
            got[usize::from(is_b)] += 1;
        }
        rounds += 1;
        assert!(got[0].abs_diff(got[1]) <= 1_024, "{got:?}");
    }
    assert_eq!(got, [5_000, 5_000]);
    assert!(rounds >= 4);
}

#[derive(Debug, Clone)]
enum Step {
    Publish(u8),
    Fetch(u8),
    Wait(u8),
    Ack(u8),
    Delete(u8),
    Purge(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let small = 0u8..40;
    prop_oneof![
        4 => (0u8..3).prop_map(Step::Publish),
        2 => small.clone().prop_map(Step::Fetch),
        1 => small.clone().prop_map(Step::Wait),
        2 => small.clone().prop_map(Step::Ack),
        1 => small.clone().prop_map(Step::Delete),
        1 => (0u8..3).prop_map(Step::Purge),
    ]
}

const FILTERS: [&[&str]; 4] = [&[], &["s.0"], &["s.1", "s.2"], &["s.*"]];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// As many consumers as it takes to leave some of them untold.
    #[test]
    fn whoever_was_told_or_not_counts_exactly_what_is_left(
        steps in proptest::collection::vec(step(), 1..60),
        limit in prop_oneof![Just(-1i64), 3i64..8],
    ) {
        let count = CONSUMERS_TOLD_MAX + 8;
        let mut world = World::new(config(|config| config.max_msgs = limit));
        for index in 0..count {
            world.add_consumer(&index.to_string(), pull_consumer(FILTERS[index % 4]));
        }
        let mut unacked: Vec<Got> = Vec::new();
        for step in steps {
            match step {
                Step::Publish(token) => {
                    world.publish(&format!("s.{token}"), "x");
                }
                Step::Fetch(who) => unacked.extend(world.fetch(&who.to_string(), 2)),
                Step::Wait(who) => unacked.extend(world.pull(&who.to_string(), r#"{"batch":3}"#)),
                Step::Ack(which) if !unacked.is_empty() => {
                    let got = unacked.swap_remove(usize::from(which) % unacked.len());
                    world.ack(&got, "");
                }
                Step::Ack(_) => {}
                Step::Delete(which) => {
                    let there = world.sequences();
                    if let Some(&seq) = there.get(usize::from(which)) {
                        let request = nats_api::jetstream::MsgDeleteRequest { seq, no_erase: true };
                        world.with(|s, cx, out| s.delete_message(cx, &request, out)).unwrap();
                    }
                }
                Step::Purge(token) => {
                    let request = StreamPurgeRequest {
                        filter: format!("s.{token}"),
                        ..StreamPurgeRequest::default()
                    };
                    world.with(|s, cx, out| s.purge(cx, &request, out)).unwrap();
                }
            }
            unacked.extend(world.got().into_iter().filter(|g| g.subject == "INBOX"));
            unacked.sort_by(|a, b| a.reply.cmp(&b.reply));
            unacked.dedup();
            world.rest();
        }
        for index in 0..count {
            let name = index.to_string();
            let filter = nats_store::Filter::any(FILTERS[index % 4]);
            // What is there and was never delivered, found by delivering it.
            let pending = world.pending(&name);
            let mut rest = 0;
            loop {
                let got = world.fetch(&name, 100);
                let fresh = got.iter().filter(|g| {
                    let token = crate::consumer::AckToken::parse(&g.reply).unwrap();
                    token.deliveries == 1
                });
                rest += fresh.count() as u64;
                for got in &got {
                    let message = world.stream.store().load(got.sequence()).unwrap().unwrap();
                    prop_assert!(filter.matches(message.subject()));
                }
                if got.is_empty() {
                    break;
                }
                for got in got {
                    world.ack(&got, "");
                }
            }
            prop_assert_eq!(pending, rest, "{}", name);
            prop_assert_eq!(world.pending(&name), 0);
        }
    }
}

#[test]
fn a_large_request_is_served_to_its_end_whatever_is_acknowledged_meanwhile() {
    let mut world = World::new(config(|_| {}));
    world.add_consumer("C", pull_consumer(&[]));
    const BATCH: usize = 600;
    for _ in 0..BATCH + 1 {
        world.publish("s.a", "x");
    }
    let first = world.fetch("C", 1);
    // More than one round of deliveries is asked for, and an acknowledgement comes in between.
    let mut got = world.pull("C", &format!(r#"{{"batch":{BATCH}}}"#)).len();
    assert!(got < BATCH);
    world.ack(&first[0], "+ACK");
    while world.stream.deadline().is_some_and(|at| at <= world.now) {
        world.with(|stream, cx, out| stream.tick(cx, out));
        got += world.got().len();
    }
    assert_eq!(got, BATCH);
}

/// Counts what it is given, as positions of a log that never commits.
#[derive(Default)]
struct Counting(u64);

impl nats_store::ConsumerStore for Counting {
    fn stage(&mut self, _: &[nats_store::ConsumerDelta]) -> Result<(), nats_store::StoreError> {
        self.0 += 1;
        Ok(())
    }

    fn staged(&self) -> Option<nats_store::Position> {
        Some(nats_store::Position(self.0))
    }

    fn wants_checkpoint(&self) -> bool {
        false
    }

    fn checkpoint(&mut self, _: &nats_store::ConsumerState) -> Result<(), nats_store::StoreError> {
        Ok(())
    }
}

#[test]
fn only_an_answered_acknowledgement_waits_for_the_log() {
    let mut world = World::new(config(|_| {}));
    let new = NewConsumer {
        name: "C".into(),
        config: Arc::new(pull_consumer(&[])),
        created: world.now,
        kept: Box::<Counting>::default(),
    };
    world
        .with(|stream, cx, out| stream.create_consumer(cx, new, out))
        .unwrap();
    // The consumer itself exists when the log has what it was made with.
    let made = world.stream.staged();
    assert!(made.is_some());
    for _ in 0..3 {
        world.publish("s.a", "x");
    }
    let got = world.fetch("C", 3);
    assert_eq!(world.stream.staged(), made, "deliveries");
    world.ack(&got[0], "+ACK");
    assert_eq!(world.stream.staged(), made, "nobody was told");
    let answered = |world: &mut World, got: &Got| {
        let ack = Inbound {
            subject: &got.reply,
            reply: b"R",
            headers: b"",
            payload: b"+ACK",
        };
        world.with(|stream, cx, out| stream.ack(cx, &ack, out));
        world.stream.staged()
    };
    let first = answered(&mut world, &got[1]);
    assert!(first > made);
    // It was acknowledged before, in silence: whoever hears of it now relies on it as well.
    let again = answered(&mut world, &got[0]);
    assert!(again >= first);
    assert_eq!(again, world.stream.staged());
}
