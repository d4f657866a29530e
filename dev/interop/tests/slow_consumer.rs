//! A subscriber that does not read is cut off, and nobody else notices.

use nats_interop::server::wait_until;
use nats_interop::{Launch, Server, Wire};

#[test]
fn a_subscriber_with_too_much_pending_is_closed_without_a_word() {
    let server = Launch::new(
        "max_pending: 1MB\nmax_payload: 256KB\nwrite_deadline: \"1s\"\nhttp: \"127.0.0.1:-1\"",
    )
    .start();
    let mut slow = Wire::open_with(&server, r#""name":"slow""#);
    slow.subscribe("flood", "1");
    let mut publisher = Wire::open(&server);
    let payload = "x".repeat(200_000);
    wait_until("the slow consumer to be cut off", || {
        for _ in 0..10 {
            publisher.publish("flood", &payload);
        }
        publisher.flush();
        server.page("/varz")["slow_consumers"]
            .as_u64()
            .is_some_and(|n| n >= 1)
    });
    let rest = slow.read_to_close();
    assert!(
        !rest.contains("-ERR"),
        "the reference says nothing to a slow consumer"
    );
    let closed = server.page("/connz?state=closed");
    let reason = closed["connections"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|c| c["name"] == "slow")
        .map(|c| c["reason"].as_str().unwrap_or_default().to_owned());
    assert!(
        reason
            .as_deref()
            .is_some_and(|r| r.starts_with("Slow Consumer")),
        "{closed}"
    );
}

#[test]
fn healthy_subscribers_get_everything_while_one_is_stuck() {
    let server = Server::start("max_pending: 32MB\nwrite_deadline: \"2s\"");
    let mut stuck = Wire::open(&server);
    stuck.subscribe("flood", "1");
    let mut healthy = Wire::open(&server);
    healthy.subscribe("flood", "1");
    let address = server.addr();
    let payload = "y".repeat(5_000);
    let sent = payload.clone();
    let publisher = std::thread::spawn(move || {
        let mut publisher = Wire::dial(address);
        publisher.read_info();
        publisher.login("");
        for _ in 0..1000 {
            publisher.publish("flood", &sent);
        }
        publisher.flush();
    });
    for _ in 0..1000 {
        healthy.expect_msg("flood", "1", &payload);
    }
    publisher.join().expect("the publisher ends");
    drop(stuck);
}

#[test]
fn the_maximum_pending_of_a_subscriber_that_reads_is_no_problem() {
    let server = Server::start("max_pending: 1MB\nmax_payload: 1KB");
    let mut subscriber = Wire::open(&server);
    subscriber.subscribe("flow", "1");
    let mut publisher = Wire::open(&server);
    let payload = "z".repeat(1000);
    for _ in 0..40 {
        for _ in 0..100 {
            publisher.publish("flow", &payload);
        }
        for _ in 0..100 {
            subscriber.expect_msg("flow", "1", &payload);
        }
    }
}
