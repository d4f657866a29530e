//! `Nats-Trace-Dest`: the server tells where a message went.

use nats_interop::{Server, Wire};
use serde_json::Value;

#[track_caller]
fn publish_traced(wire: &mut Wire, subject: &str, headers: &str, payload: &str) {
    let block = format!("NATS/1.0\r\n{headers}\r\n\r\n");
    wire.publish_with_header(subject, &block, payload);
}

#[track_caller]
fn event(wire: &mut Wire) -> Value {
    let (_, body) = wire.read_msg();
    let json = body.find('{').map_or("", |at| &body[at..]);
    serde_json::from_str(json).unwrap_or_else(|e| panic!("no trace event: {e}: {body}"))
}

fn kinds(event: &Value) -> Vec<&str> {
    event["events"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|e| e["type"].as_str().unwrap_or_default())
        .collect()
}

#[test]
fn a_trace_names_the_way_in_and_every_way_out() {
    let server = Server::start("");
    let (mut tracer, mut publisher, mut subscriber) = (
        Wire::open(&server),
        Wire::open_with(&server, r#""name":"pub""#),
        Wire::open(&server),
    );
    tracer.subscribe("traces", "1");
    subscriber.subscribe("foo.*", "1");
    subscriber.subscribe_queue("foo.bar", "q", "2");
    publish_traced(&mut publisher, "foo.bar", "Nats-Trace-Dest: traces", "hi");
    let event = event(&mut tracer);
    assert!(event["server"]["id"].is_string(), "{event}");
    assert_eq!(
        event["request"]["header"]["Nats-Trace-Dest"][0], "traces",
        "{event}"
    );
    assert!(
        event["request"]["msgsize"].as_u64().is_some_and(|n| n > 2),
        "{event}"
    );
    assert_eq!(kinds(&event), ["in", "eg", "eg"], "{event}");
    let first = &event["events"][0];
    assert_eq!(
        (&first["subj"], &first["name"], &first["acc"]),
        (&"foo.bar".into(), &"pub".into(), &"$G".into())
    );
    let (line, _) = subscriber.read_msg();
    assert!(
        line.starts_with("HMSG foo.bar "),
        "delivered as well: {line}"
    );
}

#[test]
fn trace_only_delivers_nothing_else() {
    let server = Server::start("");
    let (mut tracer, mut publisher, mut subscriber) = (
        Wire::open(&server),
        Wire::open(&server),
        Wire::open(&server),
    );
    tracer.subscribe("traces", "1");
    subscriber.subscribe("foo", "1");
    publish_traced(
        &mut publisher,
        "foo",
        "Nats-Trace-Dest: traces\r\nNats-Trace-Only: true",
        "hi",
    );
    assert_eq!(kinds(&event(&mut tracer)), ["in", "eg"]);
    subscriber.expect_nothing();
}

#[test]
fn a_trace_without_subscribers_says_so() {
    let server = Server::start("");
    let (mut tracer, mut publisher) = (Wire::open(&server), Wire::open(&server));
    tracer.subscribe("traces", "1");
    publish_traced(&mut publisher, "nobody", "Nats-Trace-Dest: traces", "hi");
    assert_eq!(kinds(&event(&mut tracer)), ["in"]);
}

#[test]
fn mappings_show_in_the_trace() {
    let server = Server::start("mappings = { old: new }");
    let (mut tracer, mut publisher, mut subscriber) = (
        Wire::open(&server),
        Wire::open(&server),
        Wire::open(&server),
    );
    tracer.subscribe("traces", "1");
    subscriber.subscribe("new", "1");
    publish_traced(&mut publisher, "old", "Nats-Trace-Dest: traces", "hi");
    let event = event(&mut tracer);
    assert_eq!(kinds(&event), ["in", "sm", "eg"], "{event}");
    assert_eq!(event["events"][1]["to"], "new", "{event}");
}

#[test]
fn a_trace_crosses_into_another_account_only_when_allowed() {
    for (allow, expected) in [("", 2), (", allow_trace: true", 3)] {
        let server = Server::start(&format!(
            r#"accounts {{
                 A {{ users: [ {{user: a, password: a}} ], exports: [ {{ service: "q"{allow} }} ] }}
                 B {{ users: [ {{user: b, password: b}} ], imports: [ {{ service: {{ account: A, subject: "q" }} }} ] }}
               }}"#
        ));
        let mut responder = Wire::open_with(&server, r#""user":"a","pass":"a""#);
        responder.subscribe("q", "1");
        let mut requester = Wire::open_with(&server, r#""user":"b","pass":"b""#);
        requester.subscribe("traces", "1");
        publish_traced(&mut requester, "q", "Nats-Trace-Dest: traces", "hi");
        let event = event(&mut requester);
        assert_eq!(kinds(&event).len(), expected, "{event}");
        assert_eq!(kinds(&event)[..2], ["in", "si"], "{event}");
    }
}

#[test]
fn an_account_may_trace_sampled_trace_contexts_by_itself() {
    let server = Server::start(
        r#"accounts { A { users: [ {user: a, password: a} ], msg_trace: { dest: "acc.traces", sampling: 100 } } }"#,
    );
    let mut wire = Wire::open_with(&server, r#""user":"a","pass":"a""#);
    wire.subscribe("acc.traces", "1");
    publish_traced(
        &mut wire,
        "foo",
        "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "hi",
    );
    assert_eq!(kinds(&event(&mut wire)), ["in"]);
    publish_traced(
        &mut wire,
        "foo",
        "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
        "hi",
    );
    wire.expect_nothing();
}

#[test]
fn header_names_in_the_payload_trace_nothing() {
    let server = Server::start("");
    let mut wire = Wire::open(&server);
    wire.subscribe("traces", "1");
    wire.publish("foo", "NATS/1.0\r\nNats-Trace-Dest: traces\r\n\r\n");
    wire.publish_with_header("foo", "NATS/1.0\r\n\r\n", "Nats-Trace-Dest: traces\r\n");
    wire.expect_nothing();
}
