//! Queue groups: one member of each group gets the message.

use nats_interop::{Server, Wire};

/// Reads `count` messages from each wire until all `total` have come, and returns how many each got.
#[track_caller]
fn drain(wires: &mut [Wire]) -> Vec<usize> {
    wires
        .iter_mut()
        .map(|wire| {
            wire.line("PING");
            let mut count = 0;
            loop {
                let line = wire.read_line();
                if line == "PONG" {
                    return count;
                }
                let size: usize = line
                    .rsplit(' ')
                    .next()
                    .and_then(|n| n.parse().ok())
                    .expect("a message line");
                wire.read_exact(size + 2);
                count += 1;
            }
        })
        .collect()
}

#[test]
fn one_member_gets_each_message() {
    let server = Server::start("");
    let mut publisher = Wire::open(&server);
    let mut members: Vec<Wire> = (0..4).map(|_| Wire::open(&server)).collect();
    for member in &mut members {
        member.subscribe_queue("work", "q", "1");
    }
    for _ in 0..400 {
        publisher.publish("work", "x");
    }
    publisher.flush();
    let counts = drain(&mut members);
    assert_eq!(counts.iter().sum::<usize>(), 400);
    assert!(
        counts.iter().all(|c| *c > 40),
        "the work is shared about evenly: {counts:?}"
    );
}

#[test]
fn every_group_and_every_plain_subscription_gets_a_copy() {
    let server = Server::start("");
    let mut publisher = Wire::open(&server);
    let mut wires: Vec<Wire> = (0..5).map(|_| Wire::open(&server)).collect();
    for (wire, queue) in wires.iter_mut().zip(["q1 ", "q1 ", "q2 ", "q2 ", ""]) {
        wire.line(&format!("SUB work {queue}1"));
        wire.flush();
    }
    for _ in 0..100 {
        publisher.publish("work", "x");
    }
    publisher.flush();
    let counts = drain(&mut wires);
    assert_eq!(counts[0] + counts[1], 100);
    assert_eq!(counts[2] + counts[3], 100);
    assert_eq!(counts[4], 100);
}

#[test]
fn groups_of_the_same_name_on_different_patterns_each_get_a_copy() {
    let server = Server::start("");
    let mut wire = Wire::open(&server);
    wire.subscribe_queue("a.b", "q", "1");
    wire.subscribe_queue("a.*", "q", "2");
    let mut counts = [0, 0];
    for _ in 0..50 {
        wire.publish("a.b", "x");
    }
    wire.line("PING");
    loop {
        let line = wire.read_line();
        match line.as_str() {
            "PONG" => break,
            "MSG a.b 1 1" => counts[0] += 1,
            "MSG a.b 2 1" => counts[1] += 1,
            other => panic!("{other}"),
        }
        wire.read_exact(3);
    }
    assert_eq!(
        counts[0] + counts[1],
        50,
        "one group although the patterns differ"
    );
    assert!(counts[0] > 0 && counts[1] > 0, "{counts:?}");
}

#[test]
fn one_connection_may_hold_several_places_in_a_group() {
    let server = Server::start("");
    let mut publisher = Wire::open(&server);
    let mut wire = Wire::open(&server);
    wire.subscribe_queue("a", "q", "1");
    wire.subscribe_queue("a", "q", "2");
    for _ in 0..30 {
        publisher.publish("a", "x");
    }
    publisher.flush();
    assert_eq!(drain(std::slice::from_mut(&mut wire)), [30]);
}

#[test]
fn a_member_that_unsubscribes_or_leaves_gets_nothing_more() {
    let server = Server::start("");
    let mut publisher = Wire::open(&server);
    let mut members: Vec<Wire> = (0..3).map(|_| Wire::open(&server)).collect();
    for member in &mut members {
        member.subscribe_queue("work", "q", "1");
    }
    members[0].line("UNSUB 1");
    members[0].flush();
    let leaver = members.remove(1);
    drop(leaver);
    nats_interop::server::wait_until("all messages to reach the member that stayed", || {
        for _ in 0..20 {
            publisher.publish("work", "x");
        }
        publisher.flush();
        let counts = drain(&mut members);
        assert_eq!(counts[0], 0, "the member that unsubscribed");
        counts[1] == 20
    });
}

#[test]
fn a_member_whose_maximum_is_reached_leaves_the_group() {
    let server = Server::start("");
    let mut publisher = Wire::open(&server);
    let mut members: Vec<Wire> = (0..2).map(|_| Wire::open(&server)).collect();
    members[0].send("SUB work q 1\r\nUNSUB 1 3\r\n");
    members[0].flush();
    members[1].subscribe_queue("work", "q", "1");
    for _ in 0..200 {
        publisher.publish("work", "x");
    }
    publisher.flush();
    let counts = drain(&mut members);
    assert_eq!(counts[0], 3);
    assert_eq!(counts[1], 197);
}

#[test]
fn queue_names_are_compared_exactly() {
    let server = Server::start("");
    let mut wires: Vec<Wire> = (0..2).map(|_| Wire::open(&server)).collect();
    wires[0].subscribe_queue("a", "Q", "1");
    wires[1].subscribe_queue("a", "q", "1");
    let mut publisher = Wire::open(&server);
    publisher.publish("a", "x");
    publisher.flush();
    assert_eq!(drain(&mut wires), [1, 1]);
}

#[test]
fn a_queue_message_carries_its_reply() {
    let server = Server::start("");
    let mut wire = Wire::open(&server);
    wire.subscribe_queue("a", "q", "1");
    wire.publish_request("a", "back", "x");
    wire.expect("MSG a 1 back 1\r\nx\r\n");
}

#[test]
fn nobody_outside_may_join_the_groups_of_the_server_itself() {
    let server = Server::start("");
    let mut wire = Wire::open(&server);
    wire.line("SUB a _sys_ 1");
    wire.expect_err(r#"Permissions Violation for Subscription to "a" using queue "_sys_""#);
}
