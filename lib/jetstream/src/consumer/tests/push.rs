//! Delivery to a subject: interest, heartbeats, flow control, pace, pause.

use nats_api::jetstream::{AckPolicy, ConsumerConfig, ReplayPolicy};
use nats_api::time::{Nanos, Timestamp};
use nats_store::Timestamp as Now;

use super::world::{Listeners, MILLISECOND, SECOND, World, pull, stream};
use crate::consumer::Fate;

fn push() -> ConsumerConfig {
    ConsumerConfig {
        deliver_subject: "out".to_owned(),
        max_waiting: 0,
        ..pull()
    }
}

#[test]
fn messages_go_out_as_long_as_somebody_listens() {
    let mut world = World::with(stream(), push(), &[("a", "1"), ("a", "2")]);
    assert_eq!(world.heard(), ["out:1", "out:2"]);
    assert!(world.info().push_bound);
    world.leave("out");
    world.publish("a", "3");
    assert_eq!(world.heard(), [""; 0]);
    assert!(!world.info().push_bound);
    world.come("out");
    assert_eq!(world.heard(), ["out:3"]);
    world.pull("in", "1");
    assert_eq!(world.heard(), ["in:409 Consumer is push based"]);
}

#[test]
fn a_push_consumer_goes_after_its_listeners() {
    let mut config = push();
    config.inactive_threshold = Nanos(5 * SECOND as i64);
    let mut world = World::new(config);
    assert!(matches!(world.wait(60 * SECOND), Fate::Lives(_)));
    world.leave("out");
    assert!(matches!(world.wait(5 * SECOND - 1), Fate::Lives(_)));
    assert_eq!(world.wait(1), Fate::Inactive);
}

#[test]
fn heartbeats_fill_the_silence_for_those_who_listen() {
    let mut config = push();
    config.idle_heartbeat = Nanos(SECOND as i64);
    let mut world = World::new(config);
    world.publish("a", "1");
    world.wait(SECOND);
    let sent = world.sent();
    assert_eq!(
        sent[1].headers,
        "NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: 1\r\nNats-Last-Stream: 1\r\n\r\n"
    );
    world.leave("out");
    world.wait(5 * SECOND);
    assert_eq!(world.heard(), [""; 0]);
}

#[test]
fn flow_control_asks_and_waits_for_the_answer() {
    let mut config = push();
    config.ack_policy = AckPolicy::None;
    config.max_ack_pending = 0;
    config.flow_control = true;
    config.idle_heartbeat = Nanos(SECOND as i64);
    let mut world = World::new(config);
    let large = "x".repeat(700 * 1024);
    world.publish("a", &large);
    let sent = world.sent();
    assert_eq!(sent.len(), 1, "half of the window is not used yet");
    world.publish("a", &large);
    let sent = world.sent();
    assert_eq!(sent[1].headers, "NATS/1.0 100 FlowControl Request\r\n\r\n");
    let question = sent[1].reply.clone();
    assert!(
        question.starts_with("$JS.FC.S.C.") && question.len() == 15,
        "{question}"
    );
    for _ in 0..3 {
        world.publish("a", &large);
    }
    assert_eq!(world.sent().len(), 1, "then the window is full");
    world.wait(SECOND);
    let sent = world.sent();
    assert!(
        sent[0]
            .headers
            .ends_with(&format!("\r\nNats-Consumer-Stalled: {question}\r\n\r\n")),
        "{}",
        sent[0].headers
    );
    world.act(|consumer, turn| consumer.flow_answer(turn, b"$JS.FC.S.C.none", b""));
    assert_eq!(world.sent().len(), 0, "not the question");
    world.act(|consumer, turn| consumer.flow_answer(turn, question.as_bytes(), b""));
    let payloads = world
        .sent()
        .iter()
        .filter(|s| !s.payload.is_empty())
        .count();
    assert_eq!(payloads, 2);
}

#[test]
fn answers_to_flow_control_acknowledge_where_the_policy_says_so() {
    let mut config = push();
    config.ack_policy = AckPolicy::FlowControl;
    config.ack_wait = Nanos(0);
    config.flow_control = true;
    config.idle_heartbeat = Nanos(SECOND as i64);
    config.max_ack_pending = 2;
    let mut world = World::with(stream(), config, &[("a", "1"), ("a", "2"), ("a", "3")]);
    let sent = world.sent();
    let question = sent.last().expect("a question").reply.clone();
    assert_eq!(sent.len(), 3);
    let answer = b"NATS/1.0\r\nNats-Last-Consumer: 2\r\nNats-Last-Stream: 2\r\n\r\n";
    world.act(|consumer, turn| consumer.flow_answer(turn, question.as_bytes(), answer));
    assert_eq!(world.heard()[0], "out:3");
    let info = world.info();
    assert_eq!((info.ack_floor.stream_seq, info.num_ack_pending), (2, 1));
    world.wait(SECOND);
    assert_eq!(
        world.heard(),
        ["out:100 Idle Heartbeat", "out:100 FlowControl Request"]
    );
}

#[test]
fn a_paused_consumer_is_silent_until_its_time() {
    let mut config = pull();
    let begin = World::new(pull()).now;
    let end = begin.plus(10 * SECOND);
    config.pause_until = Some(Timestamp::from_unix_nanos(end.0.into()));
    let mut world = World::with(stream(), config, &[("a", "1")]);
    let info = world.info();
    assert!(info.paused);
    assert_eq!(info.pause_remaining, Nanos(10 * SECOND as i64));
    world.pull("in", r#"{"batch":1,"expires":60000000000}"#);
    world.wait(10 * SECOND - 1);
    assert_eq!(world.heard(), [""; 0]);
    world.wait(1);
    assert_eq!(world.heard(), ["in:1"]);
    assert!(!world.info().paused);
}

#[test]
fn the_rate_is_kept() {
    let mut config = push();
    config.rate_limit_bps = 8 * 1024 * 1024;
    let mut world = World::new(config);
    for n in 0..4 {
        world.publish("a", &format!("{n}{}", "x".repeat(512 * 1024)));
    }
    let first = |world: &mut World| -> Vec<String> {
        world
            .sent()
            .iter()
            .map(|s| s.payload[..1].to_owned())
            .collect()
    };
    assert_eq!(
        first(&mut world),
        ["0"],
        "a burst of one message of the largest size"
    );
    world.wait(SECOND / 10);
    assert_eq!(first(&mut world), ["1"]);
    world.wait(SECOND / 2);
    assert_eq!(first(&mut world), ["2"]);
    world.wait(SECOND * 4 / 10 - MILLISECOND);
    assert_eq!(first(&mut world), [""; 0]);
    world.wait(2 * MILLISECOND);
    assert_eq!(first(&mut world), ["3"]);
}

#[test]
fn the_original_pace_is_replayed_up_to_what_was_there() {
    let mut config = push();
    config.replay_policy = ReplayPolicy::Original;
    let mut world = World::new(pull());
    world.publish("a", "1");
    world.wait(2 * SECOND);
    world.publish("a", "2");
    world.wait(100 * SECOND);
    let store = std::mem::take(&mut world.store);
    let mut world = World::on(
        stream(),
        store,
        config,
        Now(world.now.0),
        Listeners::default(),
    );
    assert_eq!(world.heard(), ["out:1"]);
    world.wait(2 * SECOND - 1);
    assert_eq!(world.heard(), [""; 0]);
    world.wait(1);
    assert_eq!(world.heard(), ["out:2"]);
    world.publish("a", "3");
    assert_eq!(world.heard(), ["out:3"]);
}

#[test]
fn headers_only_tells_the_size_instead() {
    let mut config = push();
    config.headers_only = true;
    let mut world = World::new(config);
    world.publish("a", "12345");
    let sent = world.sent();
    assert_eq!(
        (sent[0].headers.as_str(), sent[0].payload.as_str()),
        ("NATS/1.0\r\nNats-Msg-Size: 5\r\n\r\n", "")
    );
}
