//! Acknowledgements and what happens without them.

use nats_api::jetstream::{AckPolicy, Retention};
use nats_api::time::Nanos;

use super::world::{SECOND, World, pull, stream};
use crate::consumer::Fate;

fn three() -> World {
    World::with(stream(), pull(), &[("a", "1"), ("a", "2"), ("a", "3")])
}

#[test]
fn what_is_not_acknowledged_in_time_comes_again_in_order() {
    let mut world = three();
    world.pull("in", "3");
    let sent = world.sent();
    world.ack(&sent[1], "+ACK", "reply");
    assert_eq!(world.heard(), ["reply:"]);
    world.wait(30 * SECOND - 1);
    world.pull("in", "5");
    assert_eq!(world.heard(), [""; 0]);
    world.wait(1);
    let again = world.sent();
    assert_eq!(again.len(), 2);
    assert_eq!(again[0].reply, "$JS.ACK.S.C.2.1.4.0.0");
    assert_eq!(again[1].reply, "$JS.ACK.S.C.2.3.5.0.0");
    assert_eq!(world.info().num_redelivered, 2);
    // The first delivery's subject acknowledges as well.
    world.ack(&sent[0], "", "");
    let info = world.info();
    assert_eq!((info.num_ack_pending, info.ack_floor.stream_seq), (1, 2));
    world.ack(&again[1], "", "");
    let info = world.info();
    assert_eq!((info.num_ack_pending, info.num_redelivered), (0, 0));
    assert_eq!(
        (info.ack_floor.consumer_seq, info.ack_floor.stream_seq),
        (5, 3)
    );
}

#[test]
fn a_nak_brings_the_message_back_at_once_or_later() {
    let mut world = three();
    world.pull("in", "5");
    let sent = world.sent();
    world.ack(&sent[0], "-NAK", "r");
    assert_eq!(world.heard(), ["r:", "in:1"]);
    world.ack(&sent[1], r#"-NAK {"delay": 2000000000}"#, "");
    world.wait(2 * SECOND - 1);
    assert_eq!(world.heard(), [""; 0]);
    world.wait(1);
    assert_eq!(world.heard(), ["in:2"]);
    let naked = world.info();
    assert_eq!((naked.num_ack_pending, naked.num_redelivered), (3, 2));
}

#[test]
fn progress_gives_more_time_and_termination_ends_it() {
    let mut world = three();
    world.pull("in", "3");
    let sent = world.sent();
    world.ack(&sent[2], "+ACK", "");
    world.wait(29 * SECOND);
    world.ack(&sent[0], "+WPI", "");
    world.ack(&sent[1], "+TERM  too late", "");
    let told = world.advisories();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].to, "$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.S.C");
    assert!(
        told[0].payload.contains(r#""reason":"too late""#),
        "{}",
        told[0].payload
    );
    world.pull("in", "5");
    world.wait(30 * SECOND - 1);
    assert_eq!(world.heard(), [""; 0]);
    world.wait(1);
    assert_eq!(world.heard(), ["in:1"]);
}

#[test]
fn next_acknowledges_and_asks_for_more() {
    let mut world = three();
    world.pull("in", "1");
    let sent = world.sent();
    world.ack(&sent[0], "+NXT 2", "more");
    assert_eq!(world.heard(), ["more:2", "more:3"]);
    assert_eq!(world.info().ack_floor.stream_seq, 1);
}

#[test]
fn too_many_unacknowledged_messages_stall_until_one_is_acknowledged() {
    let mut config = pull();
    config.max_ack_pending = 2;
    let mut world = World::with(stream(), config, &[("a", "1"), ("a", "2"), ("a", "3")]);
    world.pull("in", "5");
    let sent = world.sent();
    assert_eq!(sent.len(), 2);
    world.ack(&sent[1], "", "");
    assert_eq!(world.heard(), ["in:3"]);
}

#[test]
fn a_message_is_given_up_after_so_many_deliveries() {
    let mut config = pull();
    config.max_deliver = 2;
    config.ack_wait = Nanos(SECOND as i64);
    let mut world = World::with(stream(), config, &[("a", "1")]);
    world.pull("in", "9");
    world.wait(SECOND);
    assert_eq!(world.heard(), ["in:1", "in:1"]);
    world.wait(SECOND);
    let told = world.advisories();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].to, "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.S.C");
    assert!(told[0].payload.contains(r#""stream_seq":1,"deliveries":2"#));
    let info = world.info();
    assert_eq!((info.num_ack_pending, info.num_redelivered), (0, 1));
    assert_eq!(info.ack_floor.stream_seq, 1);
    assert!(world.consumer.needs(1, b"a"), "it stays in the stream");
    world.remove(1);
    assert_eq!(world.info().num_redelivered, 0);
}

#[test]
fn backoff_has_its_own_patience_for_every_delivery() {
    let mut config = pull();
    config.backoff = vec![Nanos(SECOND as i64), Nanos(3 * SECOND as i64)];
    config.ack_wait = config.backoff[0];
    let mut world = World::with(stream(), config, &[("a", "1")]);
    world.pull("in", "9");
    for (patience, deliveries) in [(1, 2), (3, 3), (3, 4)] {
        world.sent();
        world.wait(patience * SECOND - 1);
        assert_eq!(world.heard(), [""; 0]);
        world.wait(1);
        let sent = world.sent();
        assert_eq!(sent[0].token().deliveries, deliveries);
    }
}

#[test]
fn one_acknowledgement_covers_all_before_it() {
    let mut config = pull();
    config.ack_policy = AckPolicy::All;
    let mut stream = stream();
    stream.retention = Retention::Interest;
    let mut world = World::with(stream, config, &[("a", "1"), ("a", "2"), ("a", "3")]);
    world.pull("in", "3");
    let sent = world.sent();
    world.ack(&sent[1], "", "r");
    assert_eq!(world.heard(), ["r:"]);
    world.settled.sort_unstable();
    assert_eq!(world.settled, [1, 2]);
    assert!(!world.consumer.needs(2, b"a") && world.consumer.needs(3, b"a"));
    world.ack(&sent[0], "", "r");
    assert_eq!(
        world.heard(),
        ["r:"],
        "already covered, answered all the same"
    );
    assert_eq!(world.info().num_ack_pending, 1);
}

#[test]
fn nothing_is_acknowledged_in_advance() {
    let mut world = three();
    world.pull("in", "1");
    let mut token = world.sent()[0].token();
    token.stream = 2;
    world.ack_token(token, "+ACK", "r");
    assert_eq!(world.heard(), [""; 0], "no answer");
    assert_eq!(world.info().num_ack_pending, 1);
}

/// M33: pending not cleared when a message is deleted.
#[test]
fn a_deleted_message_is_neither_pending_nor_waited_for() {
    let mut world = three();
    world.pull("in", "1");
    world.sent();
    world.remove(1);
    world.remove(2);
    let info = world.info();
    assert_eq!((info.num_pending, info.num_ack_pending), (1, 0));
    assert_eq!(info.ack_floor.stream_seq, 1);
    world.pull("in", "5");
    assert_eq!(world.heard(), ["in:3"]);
    world.wait(29 * SECOND);
    assert_eq!(world.heard(), [""; 0]);
}

#[test]
fn a_restart_forgets_nothing_that_was_acknowledged_and_nothing_that_was_not() {
    let mut world = three();
    world.pull("in", "2");
    let sent = world.sent();
    world.ack(&sent[1], "", "");
    world.restart();
    let info = world.info();
    assert_eq!((info.num_ack_pending, info.num_pending), (1, 1));
    world.pull("in", "5");
    assert_eq!(world.heard(), ["in:3"]);
    world.wait(30 * SECOND);
    assert_eq!(world.heard(), ["in:1", "in:3"]);
}

#[test]
fn an_unused_consumer_goes_but_not_while_somebody_works() {
    let mut config = pull();
    config.durable_name.clear();
    config.ack_wait = Nanos(20 * SECOND as i64);
    config.inactive_threshold = Nanos(5 * SECOND as i64);
    let mut world = World::with(stream(), config.clone(), &[("a", "1")]);
    assert!(matches!(world.wait(5 * SECOND), Fate::Lives(_)));
    assert_eq!(world.wait(SECOND), Fate::Inactive);

    let mut world = World::with(stream(), config.clone(), &[("a", "1")]);
    world.pull("in", "1");
    assert!(
        matches!(world.wait(24 * SECOND), Fate::Lives(_)),
        "the message is still worked on"
    );
    assert_eq!(world.wait(40 * SECOND), Fate::Inactive);

    let mut world = World::new(config);
    world.pull("in", "1");
    assert!(
        matches!(world.wait(100 * SECOND), Fate::Lives(_)),
        "somebody waits"
    );
    world.leave("in");
    assert_eq!(world.wait(15 * SECOND), Fate::Inactive);
}

#[test]
fn those_who_wait_are_told_when_the_consumer_goes() {
    let mut world = World::new(pull());
    world.pull("in", r#"{"batch":3,"expires":1000000000}"#);
    world.act(|consumer, turn| consumer.close(turn, crate::consumer::Closing::Deleted));
    let sent = world.sent();
    assert_eq!(sent[0].headers, "NATS/1.0 409 Consumer Deleted\r\n\r\n");
    assert!(!world.is_kept());
}
