//! What consumers weigh, and that work does not grow with what waits.

use super::world::{SECOND, World, pull, stream};

/// Bytes that a consumer may take that does nothing.
const IDLE_MAX: usize = 2048;

#[test]
fn an_idle_consumer_is_small() {
    let mut config = pull();
    config.filter_subject = "orders.europe.*".to_owned();
    config
        .metadata
        .insert("_nats.req.level".to_owned(), "0".to_owned());
    let world = World::with(stream(), config.clone(), &[("a", "1")]);
    let size = world.consumer.heap_size();
    assert!(size < IDLE_MAX, "{size} bytes");
    config.deliver_subject = "out".to_owned();
    config.flow_control = true;
    config.idle_heartbeat.0 = 1_000_000_000;
    let size = World::new(config).consumer.heap_size();
    assert!(size < IDLE_MAX, "{size} bytes as a push consumer");
}

#[test]
fn a_consumer_that_was_busy_is_small_again() {
    let mut config = pull();
    config.max_ack_pending = -1;
    let mut world = World::new(config);
    for _ in 0..5_000 {
        world.publish("a", "x");
    }
    world.pull("in", "5000");
    world.act(|consumer, turn| consumer.pump(turn, usize::MAX));
    let sent = world.sent();
    assert_eq!(sent.len(), 5_000);
    assert!(world.consumer.heap_size() > 5_000 * 24);
    for delivery in &sent {
        world.ack(delivery, "", "");
    }
    world.wait(31 * SECOND);
    let size = world.consumer.heap_size();
    assert!(size < IDLE_MAX, "{size} bytes");
}
