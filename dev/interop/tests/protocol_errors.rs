//! Every `-ERR` text that a client can provoke, and whether the connection is closed after it.

use std::time::Duration;

use nats_interop::{Server, Wire};

const PARSE_ERROR: &str = "Unknown Protocol Operation";

/// Logs in, sends these bytes, and expects a parse error and the end of the connection.
#[track_caller]
fn is_a_parse_error(server: &Server, bytes: &str) {
    let mut wire = Wire::open(server);
    wire.send(bytes);
    wire.expect_err_and_close(PARSE_ERROR);
}

/// Logs in, sends these bytes, and expects the end of the connection without a word: the reference server does not answer
/// arguments that it cannot read.
#[track_caller]
fn closes_silently(server: &Server, bytes: &str) {
    let mut wire = Wire::open(server);
    wire.send(bytes);
    wire.expect_closed();
}

#[test]
fn unknown_verbs_close() {
    let server = Server::start("");
    for line in [
        "FOO\r\n",
        "PUBX a 1\r\n",
        "SUBS a 1\r\n",
        "\r\n",
        " PING\r\n",
        "\0\0\0\0",
        "{}\r\n",
    ] {
        is_a_parse_error(&server, line);
    }
}

#[test]
fn verbs_of_server_links_close_a_client() {
    let server = Server::start("");
    for line in [
        "RS+ $G foo\r\n",
        "RS- $G foo\r\n",
        "RMSG $G foo 2\r\nhi\r\n",
        "LS+ foo\r\n",
        "LS- foo\r\n",
        "LMSG foo 2\r\nhi\r\n",
        "A+ $G\r\n",
        "A- $G\r\n",
        "MSG foo 1 2\r\nhi\r\n",
        "HMSG foo 1 2 2\r\nhi\r\n",
    ] {
        is_a_parse_error(&server, line);
    }
}

#[test]
fn verbs_without_any_argument_close() {
    let server = Server::start("");
    for line in ["PUB\r\n", "HPUB\r\n", "SUB\r\n", "UNSUB\r\n"] {
        is_a_parse_error(&server, line);
    }
}

#[test]
fn wrong_numbers_of_arguments_close_silently() {
    let server = Server::start("");
    for line in [
        "PUB a\r\n",
        "PUB a b c 1\r\n",
        "HPUB a 12\r\n",
        "HPUB a b c 12 12\r\n",
        "SUB a\r\n",
        "SUB a b c d\r\n",
        "UNSUB 1 2 3\r\n",
    ] {
        closes_silently(&server, line);
    }
}

#[test]
fn bad_sizes_close_silently() {
    let server = Server::start("");
    for line in [
        "PUB a x\r\n",
        "PUB a -1\r\n",
        "PUB a 1x\r\n",
        "PUB a 1.5\r\n",
        "PUB a 0x10\r\n",
        "PUB a 1234567890\r\n",
        "PUB a 99999999999999999999\r\n",
        "HPUB a -1 12\r\n",
        "HPUB a 12 -1\r\n",
        "HPUB a x 12\r\n",
        "HPUB a 13 12\r\n",
    ] {
        closes_silently(&server, line);
    }
}

#[test]
fn an_unreadable_maximum_of_unsub_means_now() {
    let server = Server::start("");
    for maximum in ["x", "-1", "1.5", "99999999999999999999"] {
        let mut wire = Wire::open(&server);
        wire.subscribe("a", "1");
        wire.line(&format!("UNSUB 1 {maximum}"));
        wire.publish("a", "x");
        wire.expect_nothing();
    }
}

#[test]
fn a_payload_longer_than_declared_closes() {
    let server = Server::start("");
    for frame in [
        "PUB a 2\r\nhello\r\n",
        "PUB a 0\r\nx\r\n",
        "PUB a 2\r\nhi\rx",
        "PUB a 2\r\nhi\n\n",
    ] {
        is_a_parse_error(&server, frame);
    }
}

#[test]
fn a_payload_shorter_than_declared_swallows_the_next_line() {
    let server = Server::start("");
    is_a_parse_error(&server, "PUB a 10\r\nhi\r\nPING\r\nPING\r\n");
}

#[test]
fn connect_that_is_no_json_object_closes_silently() {
    let server = Server::start("");
    for line in [
        "CONNECT\r\n",
        "CONNECT {\r\n",
        "CONNECT hello\r\n",
        "CONNECT []\r\n",
        "CONNECT {\"verbose\":\"yes\"}\r\n",
        "CONNECT {\"user\":1}\r\n",
        "CONNECT {\"protocol\":\"1\"}\r\n",
        "CONNECT {\"verbose\":false} x\r\n",
    ] {
        let mut wire = Wire::connect(&server);
        wire.send(line);
        wire.expect_closed();
    }
}

#[test]
fn connect_with_null_is_a_connect_with_defaults() {
    let server = Server::start("");
    let mut wire = Wire::connect(&server);
    wire.line("CONNECT null");
    wire.expect("+OK\r\n");
}

#[test]
fn connect_field_names_ignore_case_and_the_last_one_wins() {
    let server = Server::start("");
    let mut wire = Wire::connect(&server);
    wire.line(r#"CONNECT {"verbose":true,"VERBOSE":false}"#);
    wire.expect_nothing();
}

#[test]
fn client_errors_close_the_connection() {
    let server = Server::start("");
    let mut wire = Wire::open(&server);
    wire.line("-ERR 'I give up'");
    wire.expect_closed();
}

#[test]
fn an_unknown_protocol_number_closes() {
    let server = Server::start("");
    for number in ["2", "-1", "99"] {
        let mut wire = Wire::connect(&server);
        wire.send_connect(&format!(r#""protocol":{number}"#));
        wire.expect_err_and_close("invalid client protocol");
    }
}

#[test]
fn no_responders_without_headers_closes() {
    let server = Server::start("");
    let mut wire = Wire::connect(&server);
    wire.line(r#"CONNECT {"verbose":false,"headers":false,"no_responders":true}"#);
    wire.expect_err_and_close("no responders requires headers support");
}

#[test]
fn header_publishes_need_headers_on_both_sides() {
    let server = Server::start("");
    let mut wire = Wire::connect(&server);
    wire.line(r#"CONNECT {"verbose":false}"#);
    wire.send("HPUB a 12 14\r\nNATS/1.0\r\n\r\nhi\r\n");
    wire.expect_closed();

    let server = Server::start("no_header_support: true");
    let mut wire = Wire::connect(&server);
    wire.line(r#"CONNECT {"verbose":false,"headers":true}"#);
    wire.send("HPUB a 12 14\r\nNATS/1.0\r\n\r\nhi\r\n");
    wire.expect_closed();
}

#[test]
fn account_fields_of_connect_are_refused() {
    let server = Server::start("");
    for fields in [
        r#""account":"A""#,
        r#""new_account":true"#,
        r#""account":"A","new_account":true"#,
    ] {
        let mut wire = Wire::connect(&server);
        wire.send_connect(fields);
        wire.expect_err_and_close("Authorization Violation");
    }
}

#[test]
fn bad_subscription_subjects_are_refused_and_the_connection_stays() {
    let server = Server::start("");
    let mut wire = Wire::open(&server);
    for subject in [".foo", "foo.", "foo..bar", ".", ">.foo", "foo.>.bar"] {
        wire.line(&format!("SUB {subject} 1"));
        wire.expect_err("Invalid Subject");
    }
    wire.expect_nothing();
}

#[test]
fn a_bad_subscription_subject_gets_no_ok() {
    let server = Server::start("");
    let mut wire = Wire::connect(&server);
    wire.line("CONNECT {}");
    wire.expect("+OK\r\n");
    wire.line("SUB foo..bar 1");
    wire.expect_err("Invalid Subject");
    wire.expect_nothing();
}

#[test]
fn garbage_instead_of_connect_closes_with_an_authorization_violation_when_a_login_is_needed() {
    let server = Server::start("authorization { user: a, password: b }");
    for bytes in [
        "PING\r\n",
        "SUB a 1\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01",
    ] {
        let mut wire = Wire::connect(&server);
        wire.send(bytes);
        wire.expect_err_and_close("Authorization Violation");
    }
}

#[test]
fn something_that_only_begins_like_connect_is_a_parse_error() {
    let server = Server::start("authorization { user: a, password: b }");
    let mut wire = Wire::connect(&server);
    wire.send("CONNICT {}\r\n");
    wire.expect_err_and_close(PARSE_ERROR);
}

#[test]
fn a_client_that_does_not_log_in_is_closed_after_the_auth_timeout() {
    let server = Server::start("authorization { user: a, password: b, timeout: 0.2 }");
    let mut wire = Wire::connect(&server);
    wire.expect_err_and_close("Authentication Timeout");
}

#[test]
fn the_auth_timeout_is_not_renewed_by_a_dripping_connect() {
    let server = Server::start("authorization { user: a, password: b, timeout: 0.3 }");
    let mut wire = Wire::connect(&server);
    let begun = std::time::Instant::now();
    for byte in "CONNECT {\"user\":\""
        .bytes()
        .chain(std::iter::repeat(b'a'))
    {
        if wire.try_send(&[byte]).is_err() || !wire.read_for(Duration::from_millis(20)).is_empty() {
            break;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "the connection is still open"
        );
    }
}

#[test]
fn a_client_that_answers_no_ping_is_stale() {
    let server = Server::start("ping_interval: \"150ms\"\nping_max: 2");
    let mut wire = Wire::open(&server);
    wire.expect("PING\r\n");
    wire.expect("PING\r\n");
    wire.expect_err_and_close("Stale Connection");
}

/// Its answer may stand behind much that it publishes: it is alive as long as it speaks.
#[test]
fn a_client_that_publishes_stays_although_it_answers_no_ping() {
    let server = Server::start("ping_interval: \"700ms\"\nping_max: 2");
    let mut wire = Wire::open(&server);
    let begun = std::time::Instant::now();
    let mut pings = 0;
    while begun.elapsed() < Duration::from_secs(4) {
        wire.publish("x", "1");
        pings += wire
            .read_for(Duration::from_millis(30))
            .matches("PING")
            .count();
        assert!(!wire.is_closed(), "after {:?}", begun.elapsed());
    }
    assert!((1..=2).contains(&pings), "{pings} pings");
    // From now on it is silent, and what it owes counts.
    assert!(
        wire.read_to_close()
            .ends_with("-ERR 'Stale Connection'\r\n")
    );
}

#[test]
fn a_client_that_answers_pings_stays() {
    let server = Server::start("ping_interval: \"100ms\"\nping_max: 1");
    let mut wire = Wire::open(&server);
    for _ in 0..6 {
        wire.expect("PING\r\n");
        wire.line("PONG");
    }
}

#[test]
fn connections_above_the_maximum_are_refused_with_a_text() {
    let server = Server::start("max_connections: 2");
    let (mut first, _second) = (Wire::open(&server), Wire::open(&server));
    let mut third = Wire::dial(server.addr());
    let answer = third.read_to_close();
    assert!(
        answer.ends_with("-ERR 'maximum connections exceeded'\r\n"),
        "{answer:?}"
    );
    first.expect_nothing();
}

#[test]
fn a_place_is_free_again_when_a_client_left() {
    let server = Server::start("max_connections: 1");
    drop(Wire::open(&server));
    nats_interop::server::wait_until("the place to be free", || {
        let mut wire = Wire::dial(server.addr());
        wire.send("CONNECT {\"verbose\":false}\r\nPING\r\n");
        wire.read_for(Duration::from_millis(100))
            .ends_with("PONG\r\n")
    });
}
