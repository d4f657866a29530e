//! INFO, CONNECT, PUB, SUB, UNSUB, PING: what a well-behaved client sees, byte for byte.

use nats_interop::{Launch, Server, Wire};
use serde_json::json;

#[test]
fn info_announces_the_server_and_nothing_that_is_off() {
    let server = Launch::new("server_name: hub").start();
    let mut wire = Wire::dial(server.addr());
    let info = wire.read_info();

    assert!(
        info["server_id"]
            .as_str()
            .is_some_and(|id| id.len() == 56 && id.starts_with('N'))
    );
    assert_eq!(info["server_name"], "hub");
    assert!(
        info["version"]
            .as_str()
            .is_some_and(|v| v.starts_with("2."))
    );
    assert_eq!(info["proto"], 1);
    assert!(info["go"].is_string());
    assert_eq!(info["host"], "127.0.0.1");
    assert_eq!(info["port"], server.client_port());
    assert_eq!(info["headers"], true);
    assert_eq!(info["max_payload"], 1_048_576);
    assert!(info["client_id"].as_u64().is_some_and(|id| id > 0));
    assert_eq!(info["client_ip"], "127.0.0.1");
    assert!(
        info["xkey"]
            .as_str()
            .is_some_and(|key| key.starts_with('X'))
    );
    for absent in [
        "auth_required",
        "tls_required",
        "tls_verify",
        "tls_available",
        "jetstream",
        "ip",
        "nonce",
        "cluster",
        "domain",
        "connect_urls",
        "ws_connect_urls",
        "ldm",
        "connect_info",
        "remote_account",
        "acc_is_sys",
    ] {
        assert!(info.get(absent).is_none(), "{absent} in {info}");
    }
}

#[test]
fn the_server_name_is_its_id_unless_configured() {
    let server = Server::start("");
    let wire = Wire::connect(&server);
    assert_eq!(wire.info()["server_name"], wire.info()["server_id"]);
}

#[test]
fn info_fields_follow_the_configuration() {
    let server = Server::start(
        "max_payload: 2048
         client_advertise: \"nats.example.net:4333\"
         no_header_support: true
         authorization { user: a, password: b }",
    );
    let wire = Wire::connect(&server);
    let info = wire.info();
    assert_eq!(info["max_payload"], 2048);
    assert_eq!(info["auth_required"], true);
    assert_eq!(info["headers"], false);
    assert_eq!(info["host"], "nats.example.net");
    assert_eq!(info["port"], 4333);
}

#[test]
fn a_nonce_is_sent_when_nkeys_are_configured_and_differs_for_every_connection() {
    let server = Server::start(
        "authorization { users: [ { nkey: UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4 } ] }",
    );
    let first = Wire::connect(&server).info()["nonce"].clone();
    let second = Wire::connect(&server).info()["nonce"].clone();
    let text = first.as_str().expect("a nonce");
    assert_eq!(text.len(), 15, "eleven bytes in base64url without padding");
    assert!(
        text.bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    );
    assert_ne!(first, second);
}

#[test]
fn client_ids_grow() {
    let server = Server::start("");
    let id = |wire: &Wire| wire.info()["client_id"].as_u64().expect("an id");
    let (first, second) = (Wire::connect(&server), Wire::connect(&server));
    assert!(id(&second) > id(&first));
}

#[test]
fn connect_is_verbose_by_default() {
    let server = Server::start("");
    let mut wire = Wire::connect(&server);
    wire.line("CONNECT {}");
    wire.expect("+OK\r\n");
    wire.line("SUB a 1");
    wire.expect("+OK\r\n");
    wire.publish("b", "x");
    wire.expect("+OK\r\n");
    wire.line("UNSUB 1");
    wire.expect("+OK\r\n");
    wire.line("PING");
    wire.expect("PONG\r\n");
    wire.line("PONG");
    wire.expect_nothing();
}

#[test]
fn ok_comes_before_the_message_that_an_own_publish_causes() {
    let server = Server::start("");
    let mut wire = Wire::connect(&server);
    wire.line(r#"CONNECT {"verbose":true}"#);
    wire.expect("+OK\r\n");
    wire.line("SUB a 1");
    wire.expect("+OK\r\n");
    wire.publish("a", "x");
    wire.expect("+OK\r\nMSG a 1 1\r\nx\r\n");
}

#[test]
fn quiet_clients_get_no_ok() {
    let server = Server::start("");
    let mut wire = Wire::open(&server);
    wire.send("SUB a 1\r\nPUB b 1\r\nx\r\nUNSUB 1\r\n");
    wire.expect_nothing();
}

#[test]
fn no_connect_is_needed_on_an_open_server_and_such_a_client_is_verbose() {
    let server = Server::start("");
    let mut wire = Wire::connect(&server);
    wire.line("SUB a 1");
    wire.expect("+OK\r\n");
    wire.publish("a", "hi");
    wire.expect("+OK\r\nMSG a 1 2\r\nhi\r\n");
}

#[test]
fn verbs_are_case_insensitive() {
    let server = Server::start("");
    let mut wire = Wire::connect(&server);
    wire.send("connect {\"verbose\":false}\r\nsub a 1\r\nPuB a 2\r\nhi\r\nping\r\n");
    wire.expect("MSG a 1 2\r\nhi\r\nPONG\r\n");
    wire.send("uNsUb 1\r\npong\r\nPub a 2\r\nhi\r\n");
    wire.expect_nothing();
}

#[test]
fn arguments_are_separated_by_spaces_and_tabs() {
    let server = Server::start("");
    let mut wire = Wire::open(&server);
    wire.send("SUB\ta\t\t1\r\nSUB   b   q   2\r\n");
    wire.flush();
    wire.send("PUB\ta \t 2\r\nhi\r\nPUB  b   reply   2\r\nho\r\n");
    wire.expect("MSG a 1 2\r\nhi\r\nMSG b 2 reply 2\r\nho\r\n");
}

#[test]
fn control_lines_may_end_in_a_bare_newline_but_payloads_may_not() {
    let server = Server::start("");
    let mut wire = Wire::open(&server);
    wire.send("SUB a 1\nPING\n");
    wire.expect("PONG\r\n");
    wire.send("PUB a 2\nhi\r\n");
    wire.expect_msg("a", "1", "hi");
    wire.send("PUB a 2\nhi\nPING\r\n");
    wire.expect_err_and_close("Unknown Protocol Operation");
}

#[test]
fn anything_after_ping_on_its_line_is_ignored() {
    let server = Server::start("");
    let mut wire = Wire::open(&server);
    wire.line("PING with a remark");
    wire.expect("PONG\r\n");
}

#[test]
fn payloads_are_opaque_bytes() {
    let server = Server::start("");
    let mut wire = Wire::open(&server);
    wire.subscribe("bin", "1");
    let payload: Vec<u8> = (0..=255_u8).chain(*b"\r\nPUB bin 1\r\n\r\n").collect();
    let mut frame = format!("PUB bin {}\r\n", payload.len()).into_bytes();
    frame.extend_from_slice(&payload);
    frame.extend_from_slice(b"\r\n");
    wire.send(&frame);
    let mut expected = format!("MSG bin 1 {}\r\n", payload.len()).into_bytes();
    expected.extend_from_slice(&payload);
    expected.extend_from_slice(b"\r\n");
    wire.expect(&expected);
}

#[test]
fn empty_payloads_travel() {
    let server = Server::start("");
    let mut wire = Wire::open(&server);
    wire.subscribe("a", "1");
    wire.send("PUB a 0\r\n\r\n");
    wire.expect("MSG a 1 0\r\n\r\n");
}

#[test]
fn sizes_may_have_leading_zeros_and_are_forwarded_as_sent() {
    let server = Server::start("");
    let mut wire = Wire::open(&server);
    wire.subscribe("a", "1");
    wire.send("PUB a 002\r\nhi\r\n");
    wire.expect("MSG a 1 002\r\nhi\r\n");
}

#[test]
fn a_frame_may_arrive_one_byte_at_a_time() {
    let server = Server::start("");
    let mut wire = Wire::open(&server);
    for byte in b"SUB split.* q 7\r\nPUB split.x reply.to 5\r\nhello\r\nPING\r\n" {
        wire.send([*byte]);
    }
    wire.expect("MSG split.x 7 reply.to 5\r\nhello\r\nPONG\r\n");
}

#[test]
fn every_matching_subscription_gets_its_own_copy_with_its_own_sid() {
    let server = Server::start("");
    let mut wire = Wire::open(&server);
    let patterns = [
        ("foo.bar", "1"),
        ("foo.*", "2"),
        ("foo.>", "3"),
        (">", "4"),
        ("*.bar", "5"),
        ("*.*", "6"),
    ];
    for (subject, sid) in patterns {
        wire.line(&format!("SUB {subject} {sid}"));
    }
    wire.line("SUB foo 7");
    wire.line("SUB foo.bar.baz 8");
    wire.flush();
    wire.publish("foo.bar", "x");
    wire.flush_collecting(&patterns.map(|(_, sid)| format!("MSG foo.bar {sid} 1\r\nx\r\n")));
}

/// Reads messages in any order.
trait AnyOrder {
    fn flush_collecting(&mut self, expected: &[String]);
}

impl AnyOrder for Wire {
    #[track_caller]
    fn flush_collecting(&mut self, expected: &[String]) {
        let mut got: Vec<String> = expected
            .iter()
            .map(|_| {
                let (line, body) = self.read_msg();
                format!("{line}\r\n{body}\r\n")
            })
            .collect();
        got.sort();
        let mut expected = expected.to_vec();
        expected.sort();
        assert_eq!(got, expected);
        self.expect_nothing();
    }
}

#[test]
fn a_partial_wildcard_is_a_literal() {
    let server = Server::start("");
    let mut wire = Wire::open(&server);
    wire.subscribe("foo*.bar", "1");
    wire.publish("foox.bar", "no");
    wire.expect_nothing();
    wire.publish("foo*.bar", "yes");
    wire.expect_msg("foo*.bar", "1", "yes");
}

#[test]
fn the_same_sid_again_keeps_the_first_subscription() {
    let server = Server::start("");
    let mut wire = Wire::open(&server);
    wire.send("SUB a 1\r\nSUB b 1\r\n");
    wire.flush();
    wire.publish("b", "no");
    wire.expect_nothing();
    wire.publish("a", "yes");
    wire.expect_msg("a", "1", "yes");
}

#[test]
fn sids_are_any_text() {
    let server = Server::start("");
    let mut wire = Wire::open(&server);
    wire.subscribe("a", "my-sid_é");
    wire.publish("a", "x");
    wire.expect("MSG a my-sid_é 1\r\nx\r\n");
}

#[test]
fn two_connections_may_use_the_same_sid() {
    let server = Server::start("");
    let (mut first, mut second) = (Wire::open(&server), Wire::open(&server));
    first.subscribe("a", "1");
    second.subscribe("b", "1");
    first.send("PUB a 1\r\nx\r\nPUB b 1\r\ny\r\n");
    first.expect_msg("a", "1", "x");
    second.expect_msg("b", "1", "y");
    first.expect_nothing();
    second.expect_nothing();
}

#[test]
fn unsub_stops_delivery() {
    let server = Server::start("");
    let mut wire = Wire::open(&server);
    wire.subscribe("a", "1");
    wire.line("UNSUB 1");
    wire.publish("a", "x");
    wire.expect_nothing();
}

#[test]
fn unsub_of_an_unknown_sid_is_ignored() {
    let server = Server::start("");
    let mut wire = Wire::open(&server);
    wire.line("UNSUB 99");
    wire.line("UNSUB 99 5");
    wire.expect_nothing();
}

#[test]
fn unsub_with_a_maximum_counts_all_deliveries_of_the_subscription() {
    let server = Server::start("");
    let mut wire = Wire::open(&server);
    wire.subscribe("a", "1");
    wire.publish("a", "1");
    wire.expect_msg("a", "1", "1");
    wire.line("UNSUB 1 3");
    for text in ["2", "3", "4", "5"] {
        wire.publish("a", text);
    }
    wire.expect_msg("a", "1", "2");
    wire.expect_msg("a", "1", "3");
    wire.expect_nothing();
}

#[test]
fn unsub_with_a_maximum_already_reached_removes_at_once() {
    let server = Server::start("");
    let mut wire = Wire::open(&server);
    wire.subscribe("a", "1");
    wire.publish("a", "1");
    wire.publish("a", "2");
    wire.expect_msg("a", "1", "1");
    wire.expect_msg("a", "1", "2");
    wire.line("UNSUB 1 2");
    wire.publish("a", "3");
    wire.expect_nothing();
}

#[test]
fn a_later_unsub_replaces_the_maximum() {
    let server = Server::start("");
    let mut wire = Wire::open(&server);
    wire.subscribe("a", "1");
    wire.line("UNSUB 1 1");
    wire.line("UNSUB 1 2");
    for text in ["1", "2", "3"] {
        wire.publish("a", text);
    }
    wire.expect_msg("a", "1", "1");
    wire.expect_msg("a", "1", "2");
    wire.expect_nothing();
}

#[test]
fn own_messages_are_not_echoed_when_echo_is_off() {
    let server = Server::start("");
    let mut deaf = Wire::open_with(&server, r#""echo":false"#);
    let mut other = Wire::open(&server);
    deaf.subscribe("a", "1");
    other.subscribe("a", "1");
    deaf.publish("a", "from deaf");
    deaf.expect_nothing();
    other.expect_msg("a", "1", "from deaf");
    other.publish("a", "from other");
    deaf.expect_msg("a", "1", "from other");
}

#[test]
fn an_own_queue_member_is_passed_over_when_echo_is_off() {
    let server = Server::start("");
    let mut deaf = Wire::open_with(&server, r#""echo":false"#);
    let mut other = Wire::open(&server);
    deaf.subscribe_queue("a", "q", "1");
    other.subscribe_queue("a", "q", "1");
    for _ in 0..20 {
        deaf.publish("a", "x");
    }
    deaf.expect_nothing();
    for _ in 0..20 {
        other.expect_msg("a", "1", "x");
    }
    other.expect_nothing();
}

#[test]
fn connect_may_come_again_and_drops_the_subscriptions() {
    let server = Server::start("");
    let mut wire = Wire::open(&server);
    wire.subscribe("a", "1");
    wire.login(r#""name":"again""#);
    wire.publish("a", "x");
    wire.expect_nothing();
    wire.subscribe("a", "1");
    wire.publish("a", "y");
    wire.expect_msg("a", "1", "y");
}

#[test]
fn connect_again_changes_verbose_and_echo() {
    let server = Server::start("");
    let mut wire = Wire::open(&server);
    wire.line(r#"CONNECT {"verbose":true,"echo":false}"#);
    wire.expect("+OK\r\n");
    wire.line("SUB a 1");
    wire.expect("+OK\r\n");
    wire.publish("a", "x");
    wire.expect("+OK\r\n");
    wire.expect_nothing();
}

#[test]
fn a_modern_client_gets_an_info_about_its_account_after_its_first_ping() {
    let server = Server::start("");
    let mut wire = Wire::connect(&server);
    wire.send_connect(r#""protocol":1"#);
    wire.line("PING");
    wire.expect("PONG\r\n");
    let info = wire.read_info();
    assert_eq!(info["connect_info"], true);
    assert_eq!(info["remote_account"], "$G");
    assert!(info.get("acc_is_sys").is_none(), "{info}");
    wire.expect_nothing();
    wire.expect_nothing();
}

#[test]
fn the_info_after_the_first_ping_says_so_in_the_system_account() {
    let server = Server::start(
        "accounts { SYS { users: [ { user: admin, password: s } ] } }
         system_account: SYS",
    );
    let mut wire = Wire::connect(&server);
    wire.send_connect(r#""protocol":1,"user":"admin","pass":"s""#);
    wire.line("PING");
    wire.expect("PONG\r\n");
    let info = wire.read_info();
    assert_eq!(info["acc_is_sys"], true);
    assert_eq!(info["remote_account"], "SYS");
}

#[test]
fn an_old_client_gets_no_second_info() {
    let server = Server::start("");
    let mut wire = Wire::connect(&server);
    wire.send_connect(r#""protocol":0"#);
    wire.line("PING");
    wire.expect("PONG\r\n");
    wire.expect_nothing();
}

#[test]
fn unknown_connect_fields_are_ignored() {
    let server = Server::start("");
    let mut wire = Wire::connect(&server);
    wire.send_connect(r#""favourite_colour":"green","nested":{"a":[1,2,{"b":null}]}"#);
    wire.flush();
}

#[test]
fn clients_may_answer_ok_to_the_server() {
    let server = Server::start("");
    let mut wire = Wire::open(&server);
    wire.line("+OK");
    wire.expect_nothing();
}

#[test]
fn a_wildcard_publish_is_delivered_when_not_pedantic() {
    let server = Server::start("");
    let mut wire = Wire::open(&server);
    wire.subscribe("foo.*", "1");
    wire.publish("foo.*", "x");
    wire.expect_msg("foo.*", "1", "x");
}

#[test]
fn a_pedantic_publish_to_a_wildcard_is_an_error_and_is_still_delivered() {
    let server = Server::start("");
    let mut wire = Wire::connect(&server);
    wire.line(r#"CONNECT {"verbose":false,"pedantic":true}"#);
    wire.subscribe("foo.*", "1");
    wire.publish("foo.*", "x");
    wire.expect("-ERR 'Invalid Publish Subject'\r\nMSG foo.* 1 1\r\nx\r\n");
    wire.expect_nothing();
}

#[test]
fn messages_of_one_publisher_keep_their_order() {
    let server = Server::start("");
    let (mut publisher, mut subscriber) = (Wire::open(&server), Wire::open(&server));
    subscriber.subscribe("order.>", "1");
    let mut batch = String::new();
    let mut expected = String::new();
    for n in 0..5000 {
        let text = n.to_string();
        batch.push_str(&format!("PUB order.{} {}\r\n{text}\r\n", n % 7, text.len()));
        expected.push_str(&format!(
            "MSG order.{} 1 {}\r\n{text}\r\n",
            n % 7,
            text.len()
        ));
    }
    publisher.send(&batch);
    subscriber.expect(&expected);
}

#[test]
fn a_subscription_made_before_a_message_in_the_same_write_gets_it() {
    let server = Server::start("");
    let mut wire = Wire::open(&server);
    wire.send("PUB a 1\r\n0\r\nSUB a 1\r\nPUB a 1\r\n1\r\nUNSUB 1\r\nPUB a 1\r\n2\r\n");
    wire.expect_msg("a", "1", "1");
    wire.expect_nothing();
}

#[test]
fn a_client_that_left_receives_nothing_and_disturbs_nobody() {
    let server = Server::start("http: \"127.0.0.1:-1\"");
    let mut stays = Wire::open(&server);
    {
        let mut leaves = Wire::open(&server);
        leaves.subscribe("a", "1");
    }
    stays.subscribe("a", "1");
    nats_interop::server::wait_until("the departure to be noticed", || {
        server.page("/varz")["connections"] == json!(1)
    });
    stays.publish("a", "x");
    stays.expect_msg("a", "1", "x");
    assert_eq!(
        server.page("/subsz")["num_subscriptions"]
            .as_u64()
            .map(|n| n > 0),
        Some(true)
    );
}
