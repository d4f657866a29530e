//! Deliveries of push consumers that another account imports as a stream show the subject that the message was stored under, as they do at home.

use nats_interop::{Launch, Link};
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
