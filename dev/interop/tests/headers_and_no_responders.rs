//! Header blocks on the wire, and the 503 answer to a request that nobody listens for.

use nats_interop::{Launch, Server, Wire};

const HEADER: &str = "NATS/1.0\r\nColour: green\r\n\r\n";

#[test]
fn headers_travel_verbatim() {
    let server = Server::start("");
    let mut wire = Wire::open(&server);
    wire.subscribe("a", "1");
    let odd = "NATS/1.0\r\nKey: one\r\nKey: two\r\nkey:  three \r\nX:\r\n\r\n";
    wire.publish_with_header("a", odd, "hi");
    let (head, total) = (odd.len(), odd.len() + 2);
    wire.expect(format!("HMSG a 1 {head} {total}\r\n{odd}hi\r\n"));
}

#[test]
fn headers_travel_with_a_reply_and_without_a_payload() {
    let server = Server::start("");
    let mut wire = Wire::open(&server);
    wire.subscribe("a", "1");
    let size = HEADER.len();
    wire.send(format!("HPUB a back {size} {size}\r\n{HEADER}\r\n"));
    wire.expect(format!("HMSG a 1 back {size} {size}\r\n{HEADER}\r\n"));
}

#[test]
fn a_status_line_travels() {
    let server = Server::start("");
    let mut wire = Wire::open(&server);
    wire.subscribe("a", "1");
    let header = "NATS/1.0 408 Request Timeout\r\n\r\n";
    wire.publish_with_header("a", header, "");
    wire.expect(format!("HMSG a 1 {0} {0}\r\n{header}\r\n", header.len()));
}

#[test]
fn the_server_does_not_judge_header_blocks() {
    let server = Server::start("");
    let mut wire = Wire::open(&server);
    wire.subscribe("a", "1");
    wire.publish_with_header("a", "whatever", "hi");
    wire.expect("HMSG a 1 8 10\r\nwhateverhi\r\n");
}

#[test]
fn a_client_without_headers_gets_the_payload_alone() {
    let server = Server::start("");
    let mut modern = Wire::open(&server);
    let mut old = Wire::connect(&server);
    old.line(r#"CONNECT {"verbose":false,"headers":false}"#);
    old.subscribe("a", "9");
    modern.publish_with_header("a", HEADER, "hi");
    old.expect_msg("a", "9", "hi");
    modern.send(format!("HPUB a back {0} {0}\r\n{HEADER}\r\n", HEADER.len()));
    old.expect("MSG a 9 back 0\r\n\r\n");
}

#[test]
fn one_message_reaches_old_and_modern_clients_each_in_its_form() {
    let server = Server::start("");
    let mut publisher = Wire::open(&server);
    let mut modern = Wire::open(&server);
    let mut old = Wire::connect(&server);
    old.line(r#"CONNECT {"verbose":false}"#);
    modern.subscribe("a", "1");
    old.subscribe("a", "1");
    publisher.publish_with_header("a", HEADER, "hi");
    publisher.publish("a", "plain");
    modern.expect(format!(
        "HMSG a 1 {} {}\r\n{HEADER}hi\r\nMSG a 1 5\r\nplain\r\n",
        HEADER.len(),
        HEADER.len() + 2
    ));
    old.expect("MSG a 1 2\r\nhi\r\nMSG a 1 5\r\nplain\r\n");
}

#[test]
fn header_frames_may_arrive_one_byte_at_a_time() {
    let server = Server::start("");
    let mut wire = Wire::open(&server);
    wire.subscribe("a", "1");
    let (head, total) = (HEADER.len(), HEADER.len() + 5);
    for byte in format!("HPUB a r {head} {total}\r\n{HEADER}hello\r\n").bytes() {
        wire.send([byte]);
    }
    wire.expect(format!("HMSG a 1 r {head} {total}\r\n{HEADER}hello\r\n"));
}

#[test]
fn a_request_nobody_listens_for_is_answered_with_503() {
    let server = Server::start("");
    let mut wire = Wire::open(&server);
    wire.subscribe("inbox", "7");
    wire.publish_request("nobody.home", "inbox", "hi");
    let header = "NATS/1.0 503\r\nNats-Subject: nobody.home\r\n\r\n";
    wire.expect(format!(
        "HMSG inbox 7 {0} {0}\r\n{header}\r\n",
        header.len()
    ));
    wire.expect_nothing();
}

#[test]
fn the_503_reaches_a_wildcard_inbox() {
    let server = Server::start("");
    let mut wire = Wire::open(&server);
    wire.subscribe("_INBOX.abc.*", "1");
    wire.publish_request("nobody", "_INBOX.abc.42", "");
    let header = "NATS/1.0 503\r\nNats-Subject: nobody\r\n\r\n";
    wire.expect(format!(
        "HMSG _INBOX.abc.42 1 {0} {0}\r\n{header}\r\n",
        header.len()
    ));
}

#[test]
fn a_header_request_is_answered_with_503_as_well() {
    let server = Server::start("");
    let mut wire = Wire::open(&server);
    wire.subscribe("inbox", "7");
    wire.send(format!(
        "HPUB nobody inbox {0} {0}\r\n{HEADER}\r\n",
        HEADER.len()
    ));
    let header = "NATS/1.0 503\r\nNats-Subject: nobody\r\n\r\n";
    wire.expect(format!(
        "HMSG inbox 7 {0} {0}\r\n{header}\r\n",
        header.len()
    ));
}

#[test]
fn no_responders_reply_needs_a_subscription_of_the_requester() {
    let server = Server::start("");
    let mut requester = Wire::open(&server);
    let mut other = Wire::open(&server);
    other.subscribe("inbox", "1");
    requester.publish_request("nobody", "inbox", "");
    requester.expect_nothing();
    other.expect_nothing();
}

#[test]
fn a_queue_subscription_on_the_inbox_gets_no_503() {
    let server = Server::start("");
    let mut wire = Wire::open(&server);
    wire.subscribe_queue("inbox", "q", "1");
    wire.publish_request("nobody", "inbox", "");
    wire.expect_nothing();
}

#[test]
fn a_publish_without_reply_gets_no_503() {
    let server = Server::start("");
    let mut wire = Wire::open(&server);
    wire.subscribe("inbox", "1");
    wire.publish("nobody", "hi");
    wire.expect_nothing();
}

#[test]
fn a_client_that_did_not_ask_for_it_gets_no_503() {
    let server = Server::start("");
    let mut wire = Wire::connect(&server);
    wire.line(r#"CONNECT {"verbose":false,"headers":true}"#);
    wire.subscribe("inbox", "1");
    wire.publish_request("nobody", "inbox", "");
    wire.expect_nothing();
}

#[test]
fn a_request_somebody_listens_for_gets_no_503() {
    let server = Server::start("");
    let (mut requester, mut responder) = (Wire::open(&server), Wire::open(&server));
    responder.subscribe_queue("service", "q", "1");
    requester.subscribe("inbox", "1");
    requester.publish_request("service", "inbox", "hi");
    responder.expect("MSG service 1 inbox 2\r\nhi\r\n");
    responder.publish("inbox", "ho");
    requester.expect_msg("inbox", "1", "ho");
    requester.expect_nothing();
}

#[test]
fn the_503_does_not_count_against_the_maximum_of_the_inbox() {
    let server = Server::start("");
    let mut wire = Wire::open(&server);
    wire.send("SUB inbox 1\r\nUNSUB 1 1\r\n");
    wire.publish_request("nobody", "inbox", "");
    let header = "NATS/1.0 503\r\nNats-Subject: nobody\r\n\r\n";
    wire.expect(format!(
        "HMSG inbox 1 {0} {0}\r\n{header}\r\n",
        header.len()
    ));
    wire.publish("inbox", "first");
    wire.publish("inbox", "second");
    wire.expect_msg("inbox", "1", "first");
    wire.expect_nothing();
}

#[test]
fn no_responders_is_refused_by_a_server_without_headers() {
    let server = Launch::new("no_header_support: true").start();
    let mut wire = Wire::connect(&server);
    wire.send_connect("");
    wire.expect_err_and_close("no responders requires headers support");
}
