//! JetStream of another account: deliveries show the subject that the message was stored under, as they do at home; those who import the API
//! pull and acknowledge.

use nats_interop::server::wait_until;
use nats_interop::{Launch, Link, Server};
use serde_json::json;

const ACCOUNTS: &str = r#"
jetstream { store_dir: '$DIR/data' }
accounts {
  A {
    jetstream: enabled
    users: [ { user: a, password: p } ]
    exports: [ { stream: "deliver.>" }, { stream: "one" } ]
  }
  B {
    users: [ { user: b, password: p } ]
    imports: [
      { stream: { account: A, subject: "deliver.>" } }
      { stream: { account: A, subject: "one" }, to: "mapped" }
    ]
  }
}
"#;

#[test]
fn an_imported_delivery_shows_the_subject_of_the_stored_message() {
    let server = Launch::new(ACCOUNTS).start();
    let login = |user: &str| json!({"user": user, "pass": "p"});
    let mut a = Link::open_with(server.addr(), &login("a")).expect("a connection");
    let mut b = Link::open_with(server.addr(), &login("b")).expect("a connection");
    a.create_stream(&json!({"name": "S", "subjects": ["orders.>"], "storage": "memory"}));
    for (subject, sid) in [("deliver.here", "d1"), ("mapped", "d2")] {
        b.subscribe(subject, sid).expect("a connection");
    }
    b.settle().expect("a connection");
    for (name, to) in [("plain", "deliver.here"), ("renamed", "one")] {
        let config = json!({"name": name, "durable_name": name, "deliver_subject": to, "ack_policy": "none"});
        let body = json!({"stream_name": "S", "config": config});
        a.done(&format!("CONSUMER.DURABLE.CREATE.S.{name}"), &body);
    }
    a.store("orders.new.thing", b"hi");
    let mut heard = Vec::new();
    while heard.len() < 2 {
        let got = b.receive().expect("a connection");
        assert_eq!(got.subject, "orders.new.thing", "{got:?}");
        assert_eq!(got.body, b"hi");
        heard.push(got.reply);
    }
    heard.sort();
    assert!(heard[0].starts_with("$JS.ACK.S.plain."), "{heard:?}");
    assert!(heard[1].starts_with("$JS.ACK.S.renamed."), "{heard:?}");
}

const API: &str = r#"
jetstream { store_dir: '$DIR/data' }
accounts {
  A {
    jetstream: enabled
    users: [ { user: a, password: p } ]
    exports: [ { service: "$JS.API.>", response_type: stream }, { service: "$JS.ACK.>" } ]
  }
  B {
    users: [ { user: b, password: p } ]
    imports: [
      { service: { account: A, subject: "$JS.API.>" }, to: "FROM_A.>" }
      { service: { account: A, subject: "$JS.ACK.>" } }
    ]
  }
}
"#;

const NEXT: &str = "FROM_A.CONSUMER.MSG.NEXT.S.c";

/// A server, its account with a stream and a consumer, and a client of the account that imports.
fn imported() -> (Server, Link, Link) {
    let server = Launch::new(API).start();
    let open = |user: &str| Link::open_with(server.addr(), &json!({"user": user, "pass": "p"}));
    let mut a = open("a").expect("a connection");
    let b = open("b").expect("a connection");
    a.create_stream(&json!({"name": "S", "subjects": ["orders.>"], "storage": "memory"}));
    let config = json!({"name": "c", "durable_name": "c", "ack_policy": "explicit"});
    let body = json!({"stream_name": "S", "config": config});
    a.done("CONSUMER.DURABLE.CREATE.S.c", &body);
    (server, a, b)
}

#[test]
fn an_imported_api_delivers_messages_as_they_were_stored_and_takes_their_acknowledgements() {
    let (_server, mut a, mut b) = imported();
    a.store("orders.new", b"1");
    a.store("orders.paid", b"2");
    let inbox = b.inbox("pull");
    let pull = json!({"batch": 2, "expires": 5_000_000_000_u64}).to_string();
    b.publish(NEXT, &inbox, pull.as_bytes()).expect("sent");
    for (subject, body) in [("orders.new", b"1"), ("orders.paid", b"2")] {
        let got = b.receive().expect("a delivery");
        assert_eq!((&*got.subject, &*got.body), (subject, &body[..]), "{got:?}");
        assert!(got.reply.starts_with("$JS.ACK."), "{got:?}");
        b.ask(&got.reply, b"+ACK").expect("a confirmation");
    }
    let info = a.done("CONSUMER.INFO.S.c", &json!({}));
    assert_eq!(info["ack_floor"]["stream_seq"], 2, "{info}");
    assert_eq!(info["num_ack_pending"], 0, "{info}");
}

#[test]
fn a_pull_through_an_import_hears_every_heartbeat_and_its_end() {
    let (_server, _a, mut b) = imported();
    let inbox = b.inbox("pull");
    let pull = r#"{"batch": 1, "expires": 900000000, "idle_heartbeat": 200000000}"#;
    b.publish(NEXT, &inbox, pull.as_bytes()).expect("sent");
    let mut heartbeats = 0;
    loop {
        let got = b.receive().expect("a status");
        assert_eq!(got.subject, inbox, "{got:?}");
        match got.headers.lines().next() {
            Some("NATS/1.0 100 Idle Heartbeat") => heartbeats += 1,
            Some("NATS/1.0 408 Request Timeout") => break,
            _ => panic!("{got:?}"),
        }
    }
    assert!(heartbeats >= 2, "{heartbeats}");
}

#[test]
fn who_pulled_through_an_import_and_left_takes_no_message_along() {
    let (server, mut a, mut b) = imported();
    let inbox = b.inbox("gone");
    let pull = json!({"batch": 1, "expires": 60_000_000_000_u64}).to_string();
    b.publish(NEXT, &inbox, pull.as_bytes()).expect("sent");
    b.settle().expect("a connection");
    wait_until("the request waits", || {
        a.done("CONSUMER.INFO.S.c", &json!({}))["num_waiting"] == 1
    });
    drop(b);
    let mut b =
        Link::open_with(server.addr(), &json!({"user": "b", "pass": "p"})).expect("a connection");
    // The server may still be about to notice that the first one left.
    wait_until("the request is over", || {
        a.done("CONSUMER.INFO.S.c", &json!({}))["num_waiting"] == 0
    });
    a.store("orders.new", b"1");
    let inbox = b.inbox("pull");
    b.publish(NEXT, &inbox, pull.as_bytes()).expect("sent");
    let got = b.receive().expect("a delivery");
    assert_eq!(
        (&*got.subject, got.ack_number(4)),
        ("orders.new", Some(1)),
        "{got:?}"
    );
}
