//! J18: the clock is set while messages age, ids are remembered, deliveries wait for acknowledgements.

use nats_api::time::Nanos;

use super::*;

const SECOND: u64 = 1_000_000_000;
const HOUR: i64 = 3600 * 1_000_000_000;

fn set(world: &mut World, by: i64) {
    world.now = Timestamp(world.now.0 + by);
}

fn pass(world: &mut World, seconds: u64) {
    world.now = world.now.plus(seconds * SECOND);
    world.rest();
}

fn aging() -> World {
    World::new(config(|c| {
        c.max_age = Nanos(10 * SECOND as i64);
        c.duplicate_window = Nanos(5 * SECOND as i64);
    }))
}

#[test]
fn j18_a_clock_that_is_set_back_expires_nothing_early_and_everything_in_the_end() {
    let mut world = aging();
    world.publish("s.a", "1");
    set(&mut world, -HOUR);
    world.rest();
    assert_eq!(world.sequences(), [1]);
    world.publish("s.a", "2");
    pass(&mut world, 9);
    assert_eq!(world.sequences(), [1, 2]);
    // Late by no more than the clock was set: the second goes with the first, which is ten seconds old now.
    set(&mut world, HOUR);
    world.rest();
    assert_eq!(world.sequences(), [1, 2]);
    pass(&mut world, 1);
    assert_eq!(world.sequences(), [0; 0]);
}

#[test]
fn j18_ids_are_remembered_across_a_clock_that_is_set_back_and_forgotten_in_the_end() {
    let mut world = aging();
    let publish = |world: &mut World| {
        let message = Inbound {
            subject: b"s.a",
            reply: b"R",
            headers: b"NATS/1.0\r\nNats-Msg-Id: one\r\n\r\n",
            payload: b"x",
        };
        world.with(|stream, cx, out| stream.publish(cx, &message, out));
        world.stream.state().last_sequence
    };
    assert_eq!(publish(&mut world), 1);
    set(&mut world, -HOUR);
    world.rest();
    assert_eq!(publish(&mut world), 1, "a duplicate");
    set(&mut world, HOUR);
    pass(&mut world, 6);
    assert_eq!(publish(&mut world), 2, "the window is over");
}

#[test]
fn j18_what_was_delivered_before_the_clock_was_set_is_delivered_again_no_earlier_than_it_may() {
    let mut world = World::new(config(|_| {}));
    world.add_consumer("c", pull_consumer(&[]));
    world.publish("s.a", "1");
    assert_eq!(world.fetch("c", 1).len(), 1);
    set(&mut world, -HOUR);
    world.rest();
    assert_eq!(
        world.fetch("c", 1).len(),
        0,
        "it waits for its acknowledgement"
    );
    set(&mut world, HOUR);
    pass(&mut world, 31);
    assert_eq!(world.fetch("c", 1).len(), 1);
}
