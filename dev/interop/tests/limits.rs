//! Limits on sizes and counts: what is refused, with which text, and what stays open.

use nats_interop::{Server, Wire};

#[test]
fn a_payload_of_exactly_the_maximum_passes() {
    let server = Server::start("max_payload: 1024");
    let mut wire = Wire::open(&server);
    wire.subscribe("a", "1");
    let payload = "x".repeat(1024);
    wire.publish("a", &payload);
    wire.expect_msg("a", "1", &payload);
}

#[test]
fn a_larger_payload_closes() {
    let server = Server::start("max_payload: 1024");
    let mut wire = Wire::open(&server);
    wire.send("PUB a 1025\r\n");
    wire.expect_err_and_close("Maximum Payload Violation");
}

#[test]
fn the_payload_limit_counts_the_header_too() {
    let server = Server::start("max_payload: 20");
    let mut wire = Wire::open(&server);
    wire.subscribe("a", "1");
    wire.send("HPUB a 12 20\r\nNATS/1.0\r\n\r\n12345678\r\n");
    wire.expect("HMSG a 1 12 20\r\nNATS/1.0\r\n\r\n12345678\r\n");
    wire.send("HPUB a 12 21\r\n");
    wire.expect_err_and_close("Maximum Payload Violation");
}

#[test]
fn the_largest_payload_that_fits_its_number_is_refused_before_it_is_read() {
    let server = Server::start("");
    let mut wire = Wire::open(&server);
    wire.send("PUB a 999999999\r\n");
    wire.expect_err_and_close("Maximum Payload Violation");
}

#[test]
fn large_payloads_pass_in_pieces() {
    let server = Server::start("");
    let (mut publisher, mut subscriber) = (Wire::open(&server), Wire::open(&server));
    subscriber.subscribe("big", "1");
    let payload: String = (0..1_048_576_u32)
        .map(|n| char::from(b'a' + (n % 23) as u8))
        .collect();
    publisher.publish("big", &payload);
    subscriber.expect_msg("big", "1", &payload);
}

#[test]
fn a_control_line_above_the_maximum_closes() {
    let server = Server::start("max_control_line: 512");
    let mut wire = Wire::open(&server);
    wire.line(&format!("SUB {} 1", "a".repeat(600)));
    wire.expect_err_and_close("maximum control line exceeded");
}

#[test]
fn a_control_line_that_never_ends_closes() {
    let server = Server::start("max_control_line: 512");
    let mut wire = Wire::open(&server);
    wire.send(format!("SUB {}", "a".repeat(1000)));
    wire.expect_err_and_close("maximum control line exceeded");
}

#[test]
fn the_control_line_limit_holds_across_split_reads() {
    let server = Server::start("max_control_line: 512");
    let mut wire = Wire::open(&server);
    wire.send("PUB ");
    for _ in 0..20 {
        if wire.try_send("b".repeat(60).as_bytes()).is_err() {
            break;
        }
    }
    let answer = wire.read_to_close();
    assert!(
        answer.is_empty() || answer == "-ERR 'maximum control line exceeded'\r\n",
        "{answer:?}"
    );
}

#[test]
fn a_long_connect_passes_by_default_up_to_the_control_line_limit() {
    let server = Server::start("");
    let mut wire = Wire::connect(&server);
    wire.send_connect(&format!(r#""name":"{}""#, "n".repeat(3900)));
    wire.flush();

    let mut wire = Wire::connect(&server);
    wire.send_connect(&format!(r#""name":"{}""#, "n".repeat(4100)));
    wire.expect_err_and_close("maximum control line exceeded");
}

#[test]
fn subscriptions_above_the_maximum_are_refused_and_the_connection_stays() {
    let server = Server::start("max_subscriptions: 2");
    let mut wire = Wire::open(&server);
    wire.subscribe("a", "1");
    wire.subscribe("b", "2");
    wire.line("SUB c 3");
    wire.expect_err("maximum subscriptions exceeded");
    wire.publish("c", "no");
    wire.publish("b", "yes");
    wire.expect_msg("b", "2", "yes");
    wire.line("UNSUB 1");
    wire.subscribe("c", "4");
    wire.publish("c", "now");
    wire.expect_msg("c", "4", "now");
}

#[test]
fn a_subscription_with_too_many_tokens_is_refused() {
    let server = Server::start("max_sub_tokens: 3");
    let mut wire = Wire::open(&server);
    wire.subscribe("a.b.c", "1");
    wire.line("SUB a.b.c.d 2");
    wire.expect_err(r#"Permissions Violation for Subscription to "a.b.c.d", too many tokens"#);
    wire.line("SUB a.b.c.> q 3");
    let answer = wire.read_line();
    assert!(answer.contains("too many tokens"), "{answer}");
    wire.publish("a.b.c", "x");
    wire.expect_msg("a.b.c", "1", "x");
}

#[test]
fn subjects_may_have_very_many_tokens_by_default() {
    let server = Server::start("");
    let mut wire = Wire::open(&server);
    let subject = vec!["t"; 500].join(".");
    wire.subscribe(&subject, "1");
    wire.publish(&subject, "x");
    wire.expect_msg(&subject, "1", "x");
}

#[test]
fn account_limits_bind_each_account() {
    let server = Server::start(
        "accounts {
           A { users: [ {user: a, password: a} ], limits { max_connections: 1, max_subscriptions: 2, max_payload: 16 } }
           B { users: [ {user: b, password: b} ] }
         }",
    );
    let mut first = Wire::open_with(&server, r#""user":"a","pass":"a","protocol":0"#);
    let mut second = Wire::connect(&server);
    second.send_connect(r#""user":"a","pass":"a""#);
    second.expect_err_and_close("maximum account active connections exceeded");
    let mut other = Wire::open_with(&server, r#""user":"b","pass":"b""#);
    other.subscribe("a", "1");
    let longer = "x".repeat(17);
    other.publish("a", &longer);
    other.expect_msg("a", "1", &longer);

    first.subscribe("a", "1");
    first.subscribe("b", "2");
    first.line("SUB c 3");
    first.expect_err("maximum subscriptions exceeded");
    first.send("PUB a 17\r\n");
    first.expect_err_and_close("Maximum Payload Violation");
}

#[test]
fn the_info_after_the_first_ping_tells_the_payload_limit_of_the_account() {
    let server = Server::start(
        "accounts { A { users: [ {user: a, password: a} ], limits { max_payload: 16 } } }",
    );
    let mut wire = Wire::connect(&server);
    assert_eq!(wire.info()["max_payload"], 1_048_576);
    wire.send_connect(r#""user":"a","pass":"a","protocol":1"#);
    wire.line("PING");
    let mut lines = vec![wire.read_line(), wire.read_line()];
    while !lines.last().is_some_and(|l| l.contains("connect_info")) {
        lines.push(wire.read_line());
    }
    assert!(lines.iter().any(|l| l == "PONG"), "{lines:?}");
    assert!(
        lines
            .last()
            .is_some_and(|l| l.contains("\"max_payload\":16,")),
        "{lines:?}"
    );
}
