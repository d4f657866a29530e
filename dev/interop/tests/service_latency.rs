//! Exported services report how long their answers took.

use nats_interop::{Server, Wire};
use serde_json::Value;

fn open(server: &Server, name: &str) -> Wire {
    Wire::open_with(
        server,
        &format!(r#""user":"{name}","pass":"{name}","name":"client {name}""#),
    )
}

fn server(latency: &str, share: &str) -> Server {
    Server::start(&format!(
        r#"accounts {{
             A {{ users: [ {{user: a, password: a}} ], exports: [ {{ service: "q", latency: {latency} }} ] }}
             B {{ users: [ {{user: b, password: b}} ], imports: [ {{ service: {{ account: A, subject: "q" }}{share} }} ] }}
           }}"#
    ))
}

/// One request from B, answered by A.
#[track_caller]
fn one_request(a: &mut Wire, b: &mut Wire, header: &str) {
    if header.is_empty() {
        b.publish_request("q", "inbox", "?");
    } else {
        let block = format!("NATS/1.0\r\n{header}\r\n\r\n");
        b.send(format!(
            "HPUB q inbox {0} {1}\r\n{block}?\r\n",
            block.len(),
            block.len() + 1
        ));
    }
    let (line, _) = a.read_msg();
    let reply = line.split(' ').nth(3).expect("a reply").to_owned();
    a.publish(&reply, "answer");
    b.expect_msg("inbox", "9", "answer");
}

#[track_caller]
fn metric(wire: &mut Wire, subject: &str) -> Value {
    let (line, body) = wire.read_msg();
    assert!(line.contains(subject), "{line}");
    serde_json::from_str(body.trim_start_matches("NATS/1.0\r\n\r\n")).expect("a metric in JSON")
}

#[test]
fn every_answer_is_measured_at_full_sampling() {
    let server = server(r#"{ sampling: 100, subject: "latency.q" }"#, "");
    let (mut a, mut watcher, mut b) = (open(&server, "a"), open(&server, "a"), open(&server, "b"));
    watcher.subscribe("latency.q", "1");
    a.subscribe("q", "1");
    b.subscribe("inbox", "9");
    one_request(&mut a, &mut b, "");
    let metric = metric(&mut watcher, "latency.q");
    assert_eq!(metric["type"], "io.nats.server.metric.v1.service_latency");
    assert_eq!(metric["status"], 200);
    assert_eq!(metric["responder"]["acc"], "A");
    assert_eq!(metric["requestor"]["acc"], "B");
    assert!(
        metric["requestor"].get("name").is_none(),
        "not shared: {metric}"
    );
    let nanos = |key: &str| metric[key].as_u64().unwrap_or_default();
    assert!(nanos("total") > 0, "{metric}");
    assert!(nanos("total") >= nanos("service"), "{metric}");
    // The responder's round trip is known since its CONNECT; then the server's own part is told.
    assert!(metric["responder"]["rtt"].as_u64() > Some(0), "{metric}");
    assert!(nanos("system") > 0, "{metric}");
    assert!(
        nanos("total") >= nanos("service") + nanos("system"),
        "{metric}"
    );
}

#[test]
fn a_sharing_importer_is_described() {
    let server = server(
        r#"{ sampling: 100, subject: "latency.q" }"#,
        ", share: true",
    );
    let (mut a, mut watcher, mut b) = (open(&server, "a"), open(&server, "a"), open(&server, "b"));
    watcher.subscribe("latency.q", "1");
    a.subscribe("q", "1");
    b.subscribe("inbox", "9");
    one_request(&mut a, &mut b, "");
    let metric = metric(&mut watcher, "latency.q");
    assert_eq!(metric["requestor"]["name"], "client b", "{metric}");
    assert_eq!(metric["requestor"]["user"], "b", "{metric}");
}

#[test]
fn header_sampling_measures_the_requests_that_are_traced() {
    let server = server(r#"{ sampling: headers, subject: "latency.q" }"#, "");
    let (mut a, mut watcher, mut b) = (open(&server, "a"), open(&server, "a"), open(&server, "b"));
    watcher.subscribe("latency.q", "1");
    a.subscribe("q", "1");
    b.subscribe("inbox", "9");
    one_request(&mut a, &mut b, "");
    one_request(&mut a, &mut b, "X-B3-Sampled: 0");
    a.flush();
    watcher.expect_nothing();
    one_request(&mut a, &mut b, "X-B3-Sampled: 1");
    let first = metric(&mut watcher, "latency.q");
    assert_eq!(first["header"]["X-B3-Sampled"][0], "1", "{first}");
    one_request(
        &mut a,
        &mut b,
        "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    );
    let second = metric(&mut watcher, "latency.q");
    assert!(second["header"].is_object(), "{second}");
}

#[test]
fn a_request_nobody_answers_is_reported_as_such() {
    let server = server(r#"{ sampling: 100, subject: "latency.q" }"#, "");
    let (mut watcher, mut b) = (open(&server, "a"), open(&server, "b"));
    watcher.subscribe("latency.q", "1");
    b.subscribe("inbox", "9");
    b.publish_request("q", "inbox", "?");
    let metric = metric(&mut watcher, "latency.q");
    assert_eq!(metric["status"], 503, "{metric}");
}
