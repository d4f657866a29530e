//! Batches that nobody ends, and that the configuration ends.

use nats_api::jetstream::headers::{BATCH_COMMIT, BATCH_ID, BATCH_SEQUENCE};

use super::*;

fn part(world: &mut World, id: &str, sequence: u64, commits: bool) -> Vec<String> {
    let mut headers = format!("NATS/1.0\r\n{BATCH_ID}: {id}\r\n{BATCH_SEQUENCE}: {sequence}\r\n");
    if commits {
        headers.push_str(&format!("{BATCH_COMMIT}: 1\r\n"));
    }
    headers.push_str("\r\n");
    let message = Inbound {
        subject: b"s.a",
        reply: b"R",
        headers: headers.as_bytes(),
        payload: b"x",
    };
    world.with(|stream, cx, out| stream.publish(cx, &message, out));
    texts(world)
}

fn texts(world: &World) -> Vec<String> {
    let effects = world.out.iter();
    effects
        .map(|e| String::from_utf8(e.payload.to_vec()).unwrap())
        .collect()
}

#[test]
fn a_batch_to_which_nothing_is_added_is_given_up_and_reported() {
    let mut world = World::new(config(|config| config.allow_atomic = true));
    assert_eq!(part(&mut world, "b", 1, false), [""]);
    world.now = world.now.plus(9_000_000_000);
    assert_eq!(part(&mut world, "b", 2, false), [""]);
    world.now = world.now.plus(10_000_000_000);
    assert!(world.stream.deadline().is_some_and(|at| at <= world.now));
    world.with(|stream, cx, out| stream.tick(cx, out));
    let said = texts(&world);
    assert_eq!(said.len(), 1);
    assert!(
        said[0].contains(r#""batch":"b","reason":"timeout""#),
        "{said:?}"
    );
    let late = part(&mut world, "b", 3, true);
    assert!(late[0].contains("10176"), "{late:?}");
    assert_eq!(world.stream.state().messages, 0);
    assert_eq!(world.stream.deadline(), None);
}

#[test]
fn too_many_batches_are_refused_until_one_ends() {
    let mut world = World::new(config(|config| config.allow_atomic = true));
    for index in 0..crate::limits::ATOMIC_BATCHES_PER_STREAM_MAX {
        assert_eq!(part(&mut world, &index.to_string(), 1, false), [""]);
    }
    assert!(part(&mut world, "more", 1, false)[0].contains("10210"));
    assert!(part(&mut world, "0", 2, true)[0].contains(r#""batch":"0","count":2"#));
    assert_eq!(part(&mut world, "more", 1, false), [""]);
}

#[test]
fn a_batch_may_have_a_thousand_messages_and_no_more() {
    let mut world = World::new(config(|config| config.allow_atomic = true));
    for sequence in 1..=1000 {
        assert_eq!(part(&mut world, "b", sequence, false), [""]);
    }
    let said = part(&mut world, "b", 1001, true);
    assert!(said[0].contains(r#""reason":"large""#), "{said:?}");
    assert!(said[1].contains("10199"), "{said:?}");
    assert_eq!(world.stream.state().messages, 0);
}

#[test]
fn switching_batches_off_ends_those_that_are_open() {
    let mut world = World::new(config(|config| config.allow_atomic = true));
    part(&mut world, "b", 1, false);
    let off = Arc::new(config(|_| {}));
    let on = Arc::new(config(|config| config.allow_atomic = true));
    for config in [off, on] {
        world
            .with(|stream, cx, out| stream.update(cx, config, out))
            .unwrap();
    }
    assert!(part(&mut world, "b", 2, true)[0].contains("10176"));
}

#[test]
fn several_fast_batches_share_what_the_server_takes() {
    let mut world = World::new(config(|config| config.allow_batched = true));
    let mut send = |id: &str, sequence: u64, op: u8| {
        let reply = format!("R.{id}.500.fail.{sequence}.{op}.$FI");
        let message = Inbound {
            subject: b"s.a",
            reply: reply.as_bytes(),
            headers: b"",
            payload: b"x",
        };
        world.with(|stream, cx, out| stream.publish(cx, &message, out));
        texts(&world)
    };
    assert_eq!(send("a", 1, 0), [r#"{"type":"ack","seq":0,"msgs":500}"#]);
    // The second one begins slowly and is let go faster and faster.
    let slow = [
        r#"{"type":"ack","seq":0,"msgs":1}"#,
        r#"{"type":"ack","seq":1,"msgs":2}"#,
    ];
    assert_eq!(send("b", 1, 0), slow);
    assert_eq!(send("b", 2, 1), [""; 0]);
    assert_eq!(send("b", 3, 1), [r#"{"type":"ack","seq":3,"msgs":4}"#]);
}
