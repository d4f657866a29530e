//! Requests: statuses word by word, turns, bounds.

use nats_api::jetstream::{AckPolicy, DeliverPolicy, PriorityPolicy};
use nats_api::time::Nanos;

use super::world::{MILLISECOND, SECOND, World, pull, stream};

#[test]
fn a_batch_is_delivered_with_everything_that_an_acknowledgement_needs() {
    let mut world = World::with(stream(), pull(), &[("a", "1"), ("b", "2"), ("a", "3")]);
    world.pull("in", "2");
    let sent = world.sent();
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0].reply, "$JS.ACK.S.C.1.1.1.0.2");
    assert_eq!(sent[1].reply, "$JS.ACK.S.C.1.2.2.0.1");
    let info = world.info();
    assert_eq!(
        (info.num_pending, info.num_ack_pending, info.num_waiting),
        (1, 2, 0)
    );
    assert_eq!(
        (info.delivered.consumer_seq, info.delivered.stream_seq),
        (2, 2)
    );
    world.ack(&sent[0], "", "");
    assert_eq!(world.info().ack_floor.stream_seq, 1);
    world.pull("in", "");
    assert_eq!(world.heard(), ["in:3"]);
}

#[test]
fn a_request_waits_for_messages_and_expires_with_what_was_left() {
    let mut world = World::new(pull());
    world.pull("in", r#"{"batch":3,"expires":1000000000}"#);
    world.publish("a", "1");
    assert_eq!(world.heard(), ["in:1"]);
    world.wait(SECOND - 1);
    assert_eq!(world.heard(), [""; 0]);
    world.wait(1);
    let sent = world.sent();
    assert_eq!(
        sent[0].headers,
        "NATS/1.0 408 Request Timeout\r\nNats-Pending-Messages: 2\r\nNats-Pending-Bytes: 0\r\n\r\n"
    );
    assert_eq!(world.info().num_waiting, 0);
}

#[test]
fn requests_without_waiting_get_what_is_there_and_end() {
    let mut world = World::new(pull());
    world.pull("a", r#"{"batch":5,"no_wait":true}"#);
    assert_eq!(world.heard(), ["a:404 No Messages"]);
    world.publish("x", "1");
    world.publish("x", "2");
    world.pull("b", r#"{"batch":5,"no_wait":true}"#);
    assert_eq!(world.heard(), ["b:1", "b:2", "b:404 No Messages"]);
    world.pull("c", r#"{"batch":2,"no_wait":true,"expires":1000000000}"#);
    assert_eq!(world.heard(), [""; 0], "with a time it waits for the first");
    world.publish("x", "3");
    assert_eq!(world.heard(), ["c:3", "c:404 No Messages"]);
    world.pull("d", r#"{"batch":2,"no_wait":true,"expires":1000000000}"#);
    world.wait(SECOND);
    assert_eq!(world.heard(), ["d:408 Request Timeout"]);
}

#[test]
fn a_request_without_waiting_is_refused_when_others_wait_for_more_than_there_is() {
    let mut config = pull();
    config.max_ack_pending = 1;
    let mut world = World::with(stream(), config, &[("a", "1"), ("a", "2")]);
    world.pull("a", "5");
    assert_eq!(world.heard(), ["a:1"]);
    world.pull("b", r#"{"batch":1,"no_wait":true}"#);
    assert_eq!(world.heard(), ["b:408 Requests Pending"]);
}

#[test]
fn a_request_without_waiting_that_waits_for_acknowledgements_ends_at_its_heartbeat_if_it_got_something()
 {
    let mut config = pull();
    config.max_ack_pending = 1;
    let mut world = World::with(stream(), config, &[("a", "1"), ("a", "2")]);
    let request = r#"{"batch":2,"no_wait":true,"expires":1000000000,"idle_heartbeat":100000000}"#;
    world.pull("a", request);
    assert_eq!(world.heard(), ["a:1"]);
    world.wait(100 * MILLISECOND);
    assert_eq!(world.heard(), ["a:404 No Messages"]);
    world.pull("b", request);
    world.wait(100 * MILLISECOND);
    assert_eq!(world.heard(), ["b:100 Idle Heartbeat"]);
    assert_eq!(world.info().num_waiting, 1);
}

#[test]
fn heartbeats_come_while_nothing_else_does() {
    let mut world = World::new(pull());
    world.pull(
        "in",
        r#"{"batch":2,"expires":5000000000,"idle_heartbeat":1000000000}"#,
    );
    world.wait(SECOND);
    let sent = world.sent();
    assert_eq!(
        sent[0].headers,
        "NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: 0\r\nNats-Last-Stream: 0\r\n\r\n"
    );
    world.wait(SECOND / 2);
    world.publish("a", "1");
    assert_eq!(world.heard(), ["in:1"]);
    world.wait(SECOND - 1);
    assert_eq!(
        world.heard(),
        [""; 0],
        "a message is as good as a heartbeat"
    );
    world.wait(1);
    assert_eq!(world.heard(), ["in:100 Idle Heartbeat"]);
}

#[test]
fn bytes_are_bounded_as_clients_count_them() {
    let mut world = World::with(stream(), pull(), &[("a", "12345"), ("a", "12345")]);
    // Subject, reply and payload: 1 + 21 + 5.
    world.pull("in", r#"{"batch":5,"max_bytes":30}"#);
    let sent = world.sent();
    assert_eq!(sent[0].payload, "12345");
    assert_eq!(
        sent[1].headers,
        "NATS/1.0 409 Message Size Exceeds MaxBytes\r\nNats-Pending-Messages: 4\r\nNats-Pending-Bytes: 3\r\n\r\n"
    );
    world.pull("in", r#"{"batch":1,"max_bytes":30}"#);
    let sent = world.sent();
    assert_eq!(
        sent[1].headers,
        "NATS/1.0 409 Batch Completed\r\nNats-Pending-Messages: 0\r\nNats-Pending-Bytes: 3\r\n\r\n"
    );
}

#[test]
fn every_refusal_has_its_words() {
    let mut config = pull();
    config.max_batch = 10;
    config.max_expires = Nanos(2 * SECOND as i64);
    config.max_bytes = 1000;
    let mut world = World::new(config);
    for (body, status) in [
        (r#"{"batch":11}"#, "409 Exceeded MaxRequestBatch of 10"),
        ("11", "409 Exceeded MaxRequestBatch of 10"),
        (
            r#"{"batch":1,"expires":2000000001}"#,
            "409 Exceeded MaxRequestExpires of 2s",
        ),
        (
            r#"{"batch":1,"max_bytes":1001}"#,
            "409 Exceeded MaxRequestMaxBytes of 1000",
        ),
        (
            r#"{"batch":1,"idle_heartbeat":1000000000,"expires":1999999999}"#,
            "400 Bad Request - heartbeat value too large",
        ),
        (
            r#"{"batch":1,"idle_heartbeat":1000000000}"#,
            "400 Bad Request - heartbeat value too large",
        ),
        (
            r#"{"batch":1,"min_pending":1}"#,
            "400 Bad Request - Not a Overflow Priority consumer",
        ),
        (
            r#"{"batch":1,"id":"x"}"#,
            "400 Bad Request - Not a Pinned Client Priority consumer",
        ),
        (
            r#"{"batch":1,"priority":10}"#,
            "400 Bad Request - Priority must be between 0 and 9",
        ),
    ] {
        world.pull("in", body);
        assert_eq!(world.heard(), [format!("in:{status}")], "{body}");
    }
    assert_eq!(world.info().num_waiting, 0);
}

#[test]
fn a_full_queue_refuses_and_says_nothing_to_those_with_heartbeats() {
    let mut config = pull();
    config.max_waiting = 1;
    let mut world = World::new(config);
    world.pull("a", "1");
    world.pull("b", "1");
    assert_eq!(world.heard(), ["b:409 Exceeded MaxWaiting"]);
    world.pull(
        "c",
        r#"{"batch":1,"expires":9000000000,"idle_heartbeat":1000000000}"#,
    );
    assert_eq!(world.heard(), [""; 0]);
    world.leave("a");
    world.pull("d", "1");
    world.publish("x", "1");
    assert_eq!(world.heard(), ["d:1"], "who left makes room");
}

#[test]
fn those_who_left_get_nothing_and_lose_nothing() {
    let mut world = World::new(pull());
    world.pull("a", "1");
    world.pull("b", "1");
    world.leave("a");
    world.publish("x", "1");
    assert_eq!(world.heard(), ["b:1"]);
    assert_eq!(world.info().num_waiting, 0);
}

#[test]
fn clients_take_turns_and_priorities_come_first() {
    let mut world = World::new(pull());
    world.pull("a", "2");
    world.pull("b", "2");
    for n in ["1", "2", "3", "4"] {
        world.publish("x", n);
    }
    assert_eq!(world.heard(), ["a:1", "b:2", "a:3", "b:4"]);

    let mut config = pull();
    config.priority_policy = PriorityPolicy::Prioritized;
    config.priority_groups = vec!["g".to_owned()];
    let mut world = World::new(config);
    world.pull("late", r#"{"batch":2,"group":"g","priority":5}"#);
    world.pull("a", r#"{"batch":2,"group":"g","priority":1}"#);
    world.pull("b", r#"{"batch":1,"group":"g","priority":1}"#);
    for n in ["1", "2", "3", "4"] {
        world.publish("x", n);
    }
    assert_eq!(world.heard(), ["a:1", "b:2", "a:3", "late:4"]);
    world.pull("x", r#"{"batch":1}"#);
    world.pull("x", r#"{"batch":1,"group":"other"}"#);
    assert_eq!(
        world.heard(),
        [
            "x:400 Bad Request - Priority Group missing",
            "x:400 Bad Request - Invalid Priority Group"
        ]
    );
}

#[test]
fn overflow_serves_those_who_asked_for_much_only_when_there_is_much() {
    let mut config = pull();
    config.priority_policy = PriorityPolicy::Overflow;
    config.priority_groups = vec!["g".to_owned()];
    let mut world = World::with(stream(), config, &[("a", "1"), ("a", "2"), ("a", "3")]);
    world.pull("in", r#"{"batch":5,"group":"g","min_pending":3}"#);
    assert_eq!(world.heard(), ["in:1"]);
    world.pull("acks", r#"{"batch":1,"group":"g","min_ack_pending":1}"#);
    assert_eq!(world.heard(), ["acks:2"]);
    world.publish("a", "4");
    world.publish("a", "5");
    assert_eq!(world.heard(), ["in:3"]);
}

#[test]
fn one_client_is_pinned_until_it_is_silent() {
    let mut config = pull();
    config.priority_policy = PriorityPolicy::PinnedClient;
    config.priority_groups = vec!["g".to_owned()];
    config.priority_timeout = Nanos(10 * SECOND as i64);
    let mut world = World::new(config);
    world.pull("a", r#"{"batch":1,"group":"g"}"#);
    world.pull("b", r#"{"batch":1,"group":"g"}"#);
    world.publish("x", "1");
    let sent = world.sent();
    assert_eq!((sent[0].to.as_str(), sent.len()), ("a", 1));
    let id = sent[0]
        .headers
        .strip_prefix("NATS/1.0\r\nNats-Pin-Id: ")
        .and_then(|rest| rest.strip_suffix("\r\n\r\n"))
        .expect("a pin")
        .to_owned();
    assert_eq!(world.info().priority_groups[0].pinned_client_id, id);
    world.publish("x", "2");
    assert_eq!(world.heard(), [""; 0], "the other one is not pinned");
    world.pull("c", r#"{"batch":1,"group":"g","id":"wrong"}"#);
    assert_eq!(world.heard(), ["c:423 Nats-Pin-Id mismatch"]);
    world.pull("a", &format!(r#"{{"batch":1,"group":"g","id":"{id}"}}"#));
    assert_eq!(world.heard(), ["a:2"]);
    world.publish("x", "3");
    world.wait(10 * SECOND);
    assert_eq!(world.heard(), ["b:3"], "silence for the time of the pin");
    world.pull("a", &format!(r#"{{"batch":1,"group":"g","id":"{id}"}}"#));
    assert_eq!(world.heard(), ["a:423 Nats-Pin-Id mismatch"]);
}

#[test]
fn where_a_consumer_begins() {
    let messages = [("a", "1"), ("b", "2"), ("a", "3"), ("c", "4"), ("b", "5")];
    let table: [(DeliverPolicy, u64, &[&str], &[&str]); 7] = [
        (DeliverPolicy::All, 0, &[], &["1", "2", "3", "4", "5", "6"]),
        (DeliverPolicy::Last, 0, &[], &["5", "6"]),
        (DeliverPolicy::Last, 0, &["a", "c"], &["4", "6"]),
        (DeliverPolicy::New, 0, &[], &["6"]),
        (DeliverPolicy::ByStartSequence, 4, &[], &["4", "5", "6"]),
        (
            DeliverPolicy::LastPerSubject,
            0,
            &[">"],
            &["3", "4", "5", "6"],
        ),
        (
            DeliverPolicy::LastPerSubject,
            0,
            &["a", "b"],
            &["3", "5", "6"],
        ),
    ];
    for (policy, start, filters, expected) in table {
        let mut config = pull();
        config.deliver_policy = policy;
        config.opt_start_seq = start;
        config.filter_subjects = filters.iter().map(|f| (*f).to_owned()).collect();
        let mut world = World::with(stream(), config, &messages);
        assert_eq!(
            world.info().num_pending as usize,
            expected.len() - 1,
            "{policy:?}"
        );
        world.pull("in", "10");
        world.publish("a", "6");
        let expected: Vec<String> = expected.iter().map(|e| format!("in:{e}")).collect();
        assert_eq!(world.heard(), expected, "{policy:?} {start} {filters:?}");
        assert_eq!(world.info().num_pending, 0);
    }
}

#[test]
fn without_acknowledgement_the_floor_follows_at_once() {
    let mut config = pull();
    config.ack_policy = AckPolicy::None;
    config.max_ack_pending = 0;
    let mut world = World::with(stream(), config, &[("a", "1"), ("a", "2")]);
    world.pull("in", "2");
    let info = world.info();
    assert_eq!((info.ack_floor.stream_seq, info.num_ack_pending), (2, 0));
    assert!(!world.consumer.takes_acks());
    world.wait(MILLISECOND);
}
