//! What the last message of a subject leaves behind when its time is over.

use nats_api::time::Nanos;

use super::*;

const SECOND: u64 = 1_000_000_000;

fn marking() -> World {
    World::new(config(|c| {
        c.allow_msg_ttl = true;
        c.allow_rollup_hdrs = true;
        c.subject_delete_marker_ttl = Nanos(5 * SECOND as i64);
    }))
}

fn publish(world: &mut World, subject: &str, headers: &str) {
    let headers = format!("NATS/1.0\r\n{headers}\r\n\r\n");
    let message = Inbound {
        subject: subject.as_bytes(),
        reply: b"",
        headers: headers.as_bytes(),
        payload: b"",
    };
    world.with(|stream, cx, out| stream.publish(cx, &message, out));
}

fn pass(world: &mut World, seconds: u64) {
    world.now = world.now.plus(seconds * SECOND);
    world.rest();
}

/// Headers of the messages that are there.
fn headers(world: &World) -> Vec<String> {
    let store = world.stream.store();
    let load = |sequence| store.load(sequence).unwrap().unwrap();
    let text = |sequence| String::from_utf8(load(sequence).headers().to_vec()).unwrap();
    world.sequences().into_iter().map(text).collect()
}

#[test]
fn the_last_message_of_a_subject_leaves_a_marker_that_leaves_nothing() {
    let mut world = marking();
    publish(&mut world, "s.a", "Nats-TTL: 9s");
    publish(&mut world, "s.b", "Nats-TTL: 9s");
    publish(&mut world, "s.b", "Later: yes");
    pass(&mut world, 9);
    assert_eq!(
        headers(&world),
        [
            "NATS/1.0\r\nLater: yes\r\n\r\n",
            "NATS/1.0\r\nNats-Marker-Reason: MaxAge\r\nNats-TTL: 5s\r\nNats-Rollup: sub\r\n\r\n"
        ]
    );
    pass(&mut world, 5);
    assert_eq!(headers(&world), ["NATS/1.0\r\nLater: yes\r\n\r\n"]);
    assert_eq!(world.stream.state().last_sequence, 4);
}

#[test]
fn a_purge_of_a_key_is_a_marker_itself_and_a_delete_is_none() {
    for (operation, last_sequence) in [("PURGE", 1), ("DEL", 2)] {
        let mut world = marking();
        let operation = format!("KV-Operation: {operation}\r\nNats-TTL: 9s");
        publish(&mut world, "s.a", &operation);
        pass(&mut world, 9);
        assert_eq!(world.stream.state().last_sequence, last_sequence);
        pass(&mut world, 5);
        assert_eq!(headers(&world), [""; 0]);
        assert_eq!(world.stream.state().last_sequence, last_sequence);
    }
}
