//! JetStream against those who may not, and against bodies that nobody should send: S11, S14, S21, S22, S23 and S30 of the reliability page.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nats_interop::server::PATIENCE;
use nats_interop::{Launch, Link, Server, binary};
use serde_json::{Value, json};

/// Two accounts with JetStream, and users of the first who may little: `reader` nothing of the API, `half` not the subjects of secrets.
const CONFIG: &str = r#"
jetstream { store_dir: '$DIR/data', max_mem: 100M, max_file: 1G }
accounts {
  A {
    jetstream: enabled
    users: [
      { user: a, password: p }
      { user: reader, password: p, permissions: { publish: { deny: ["$JS.API.>"] } } }
      { user: half, password: p, permissions: { subscribe: { deny: ["secret.>"] } } }
    ]
  }
  B { jetstream: enabled, users: [ { user: b, password: p } ] }
}
"#;

fn start() -> Server {
    Launch::new(CONFIG).allow_log("JetStream|[Ss]tream").start()
}

fn login(server: &Server, user: &str) -> Link {
    let linked = Link::open_with(server.addr(), &json!({"user": user, "pass": "p"}));
    linked.expect("a connection")
}

/// What is there to be attacked.
fn treasure(link: &mut Link) {
    link.create_stream(&json!({"name": "S", "subjects": ["s.>"], "allow_direct": true}));
    link.create_stream(&json!({"name": "T", "subjects": ["t.>"]}));
    link.store("s.1", b"one");
    link.store("t.1", b"other");
    let consumer = json!({"stream_name": "S", "config": {"name": "c", "durable_name": "c", "ack_policy": "explicit"}});
    link.done("CONSUMER.CREATE.S.c", &consumer);
}

fn state(link: &mut Link) -> Value {
    let mut all = Vec::new();
    for stream in ["S", "T"] {
        let info = link.done(&format!("STREAM.INFO.{stream}"), &Value::Null);
        all.push(json!([info["config"], info["state"]]));
    }
    let consumer = link.done("CONSUMER.INFO.S.c", &Value::Null);
    all.push(json!([
        consumer["config"],
        consumer["num_pending"],
        consumer["delivered"]
    ]));
    Value::Array(all)
}

/// Every request of the API with names of what is there, from the server's own list of verbs.
fn requests() -> Vec<String> {
    let source = binary::workspace_root().join("server/src/jetstream/api/ask.rs");
    let source = std::fs::read_to_string(source).expect("the list of requests");
    let table = source
        .split("static VERBS")
        .nth(1)
        .and_then(|rest| rest.split("];").next())
        .expect("the table of verbs");
    let mut found = BTreeSet::new();
    for (at, _) in table.match_indices('"') {
        let rest = &table[at + 1..];
        let text = rest.split('"').next().unwrap_or_default();
        let is_verb = text.starts_with(|first: char| first.is_ascii_uppercase())
            && text
                .bytes()
                .all(|b| b.is_ascii_uppercase() || matches!(b, b'.' | b'_'));
        if is_verb {
            found.insert(text.to_owned());
        }
    }
    assert!(found.len() > 30, "only {found:?}");
    let with_names = |verb: &String| [verb.clone(), format!("{verb}.S"), format!("{verb}.S.c")];
    found.iter().flat_map(with_names).collect()
}

/// S14: nothing that another account asks, with any request there is, reads or changes anything.
#[test]
fn no_request_of_another_account_reaches_these_streams() {
    let server = start();
    let mut a = login(&server, "a");
    treasure(&mut a);
    let before = state(&mut a);
    let mut b = login(&server, "b");
    for request in requests() {
        let inbox = b.inbox("try");
        for body in [
            "",
            "{}",
            r#"{"seq":1}"#,
            r#"{"name":"S","subjects":["mine"]}"#,
        ] {
            b.publish(&format!("$JS.API.{request}"), &inbox, body.as_bytes())
                .expect("a connection");
        }
        b.settle().expect("a connection");
    }
    // What came back shows nothing of A, and B's own streams are no streams of A.
    b.ask("$JS.API.INFO", b"").expect("an answer");
    while let Ok(Some(heard)) = b.receive_where(std::time::Duration::from_millis(50), |_| true) {
        let text = heard.text();
        assert!(!text.contains("s.>") && !text.contains("b25l"), "{text}");
    }
    let after = state(&mut a);
    assert_eq!(before, after);
}

/// S14: whoever has no right to publish to the API is refused with every request.
#[test]
fn no_request_gets_past_the_permissions_of_a_user() {
    let server = start();
    let mut a = login(&server, "a");
    treasure(&mut a);
    let before = state(&mut a);
    let mut reader = login(&server, "reader");
    for request in requests() {
        reader
            .publish(&format!("$JS.API.{request}"), "", b"{}")
            .expect("a connection");
        let refused = reader.settle().expect_err("a violation");
        assert!(
            refused.to_string().contains("Permissions Violation"),
            "{request}: {refused}"
        );
    }
    assert_eq!(before, state(&mut a));
}

/// S11: every number of every request, as numbers should not be.
#[test]
fn no_number_in_a_request_brings_the_server_down() {
    let server = start();
    let mut link = login(&server, "a");
    treasure(&mut link);
    let numbers = [
        "-1",
        "0",
        "1",
        "9223372036854775807",
        "-9223372036854775808",
        "18446744073709551615",
        "1e400",
        "1.5",
        "NaN",
        "\"1\"",
        "null",
        "[]",
    ];
    let stream = [
        "max_consumers",
        "max_msgs",
        "max_bytes",
        "max_age",
        "max_msgs_per_subject",
        "max_msg_size",
        "num_replicas",
        "duplicate_window",
        "first_seq",
        "subject_delete_marker_ttl",
    ];
    let consumer = [
        "opt_start_seq",
        "ack_wait",
        "max_deliver",
        "rate_limit_bps",
        "max_waiting",
        "max_ack_pending",
        "idle_heartbeat",
        "max_batch",
        "max_expires",
        "max_bytes",
        "inactive_threshold",
        "num_replicas",
        "priority_timeout",
    ];
    for number in numbers {
        for field in stream {
            let body = format!(r#"{{"name":"N","subjects":["n.>"],"{field}":{number}}}"#);
            for verb in ["CREATE", "UPDATE"] {
                answered(&mut link, &format!("STREAM.{verb}.N"), &body);
            }
            answered(&mut link, "STREAM.DELETE.N", "");
        }
        for field in consumer {
            let config = format!(
                r#"{{"name":"n","ack_policy":"explicit","deliver_policy":"by_start_sequence","opt_start_seq":1,"{field}":{number}}}"#
            );
            let body = format!(r#"{{"stream_name":"S","config":{config}}}"#);
            answered(&mut link, "CONSUMER.CREATE.S.n", &body);
            answered(&mut link, "CONSUMER.DELETE.S.n", "");
        }
        for (ask, field) in [
            ("STREAM.MSG.GET.S", "seq"),
            ("STREAM.MSG.DELETE.S", "seq"),
            ("STREAM.PURGE.T", "seq"),
            ("STREAM.PURGE.T", "keep"),
            ("STREAM.INFO.S", "offset"),
            ("STREAM.NAMES", "offset"),
            ("STREAM.LIST", "offset"),
            ("CONSUMER.NAMES.S", "offset"),
            ("CONSUMER.LIST.S", "offset"),
            ("CONSUMER.RESET.S.c", "seq"),
            ("CONSUMER.PAUSE.S.c", "pause_until"),
        ] {
            answered(&mut link, ask, &format!(r#"{{"{field}":{number}}}"#));
        }
        for field in [
            "batch",
            "expires",
            "max_bytes",
            "idle_heartbeat",
            "min_pending",
            "min_ack_pending",
            "priority",
        ] {
            let inbox = link.inbox("next");
            let body = format!(r#"{{"no_wait":true,"{field}":{number}}}"#);
            link.publish("$JS.API.CONSUMER.MSG.NEXT.S.c", &inbox, body.as_bytes())
                .expect("a connection");
        }
        for field in ["seq", "batch", "max_bytes", "up_to_seq"] {
            let inbox = link.inbox("get");
            let body = format!(r#"{{"next_by_subj":"s.>","{field}":{number}}}"#);
            link.publish("$JS.API.DIRECT.GET.S", &inbox, body.as_bytes())
                .expect("a connection");
        }
        for header in [
            "Nats-Expected-Last-Sequence",
            "Nats-Expected-Last-Subject-Sequence",
            "Nats-TTL",
            "Nats-Incr",
            "Nats-Batch-Sequence",
        ] {
            let header = format!("{header}: {number}");
            link.ask_with("s.1", &[&header], b"").expect("an answer");
        }
    }
    link.settle().expect("the server is there");
    assert!(link.store("t.2", b"still here") > 0);
}

#[track_caller]
fn answered(link: &mut Link, ask: &str, body: &str) {
    let answer = link.ask(&format!("$JS.API.{ask}"), body.as_bytes());
    let answer = answer
        .unwrap_or_else(|e| panic!("{ask} {body}: {e}"))
        .json();
    assert!(answer["type"].is_string(), "{ask} {body}: {answer}");
}

/// S21: what the server says to its consumers cannot be said by clients, and what they tell it counts only for their own.
#[test]
fn internal_subjects_are_not_for_clients() {
    let server = start();
    let mut a = login(&server, "a");
    treasure(&mut a);
    // A reply that would make the receiver acknowledge something else.
    a.publish("t.9", "$JS.ACK.S.c.1.1.1.1.0", b"x")
        .expect("a connection");
    let refused = a.settle().expect_err("a violation");
    assert!(
        refused.to_string().contains("Permissions Violation"),
        "{refused}"
    );
    a.settle().expect("a connection");
    // Acknowledgements of another account find nothing to acknowledge.
    let mut b = login(&server, "b");
    let nobody = b.ask("$JS.ACK.S.c.1.1.1.1.0", b"+ACK").expect("a status");
    assert!(nobody.headers.starts_with("NATS/1.0 503"), "{nobody:?}");
    let nobody = b.ask("$JS.FC.S.c.abcd", b"").expect("a status");
    assert!(nobody.headers.starts_with("NATS/1.0 503"), "{nobody:?}");
    // A stream cannot take what is the server's.
    for subject in [
        "$JS.>",
        "$JS.API.>",
        "$JS.ACK.S.c.>",
        "$JSC.x",
        "$NRG.x",
        "$SYS.x",
    ] {
        let config = json!({"name": "X", "subjects": [subject]});
        let made = a.api("STREAM.CREATE.X", &config).expect("an answer");
        assert_eq!(made["error"]["err_code"], 10052, "{subject}: {made}");
    }
}

/// S23: where a name stands in the subject and in the body, both have to be the same.
#[test]
fn names_in_subject_and_body_must_agree() {
    let server = start();
    let mut a = login(&server, "a");
    treasure(&mut a);
    let before = state(&mut a);
    let named = |name: &str| json!({"name": name, "subjects": ["x.>"]});
    let consumer = |stream: &str, name: &str, filter: &str| json!({"stream_name": stream, "config": {"name": name, "durable_name": name, "ack_policy": "explicit", "filter_subject": filter}});
    for (ask, body, code) in [
        ("STREAM.CREATE.X", named("T"), 10056),
        ("STREAM.UPDATE.X", named("T"), 10056),
        ("CONSUMER.CREATE.S.d", consumer("T", "d", ""), 10056),
        ("CONSUMER.CREATE.S.d", consumer("S", "e", ""), 10017),
        ("CONSUMER.CREATE.S.d.s.1", consumer("S", "d", "s.2"), 10131),
        ("CONSUMER.DURABLE.CREATE.S.d", consumer("S", "e", ""), 10017),
        ("CONSUMER.DURABLE.CREATE.S.d", consumer("T", "d", ""), 10056),
    ] {
        let answer = a.api(ask, &body).expect("an answer");
        assert_eq!(answer["error"]["err_code"], code, "{ask} {body}: {answer}");
    }
    assert_eq!(before, state(&mut a));
}

/// S30: subjects that a client may not subscribe to do not come to it by a consumer, by a direct get, or republished either.
#[test]
fn deliveries_are_checked_like_all_others() {
    let server = start();
    let mut a = login(&server, "a");
    a.create_stream(&json!({"name": "P", "subjects": ["p.>"], "republish": {"src": "p.>", "dest": "secret.again.>"}}));
    // Before the consumer is there, and without a wildcard over its subject: the reference server does not take that for a listener.
    for (sid, subject) in [
        ("all-push", "secret.push"),
        ("all-again", "secret.again.>"),
        ("all-mine", "secret.mine"),
    ] {
        a.subscribe(subject, sid).expect("a connection");
    }
    a.settle().expect("a connection");
    let push = json!({"stream_name": "P", "config": {"name": "push", "durable_name": "push", "deliver_subject": "secret.push", "ack_policy": "none"}});
    a.done("CONSUMER.CREATE.P.push", &push);
    let pull = json!({"stream_name": "P", "config": {"name": "pull", "durable_name": "pull", "ack_policy": "explicit"}});
    a.done("CONSUMER.CREATE.P.pull", &pull);
    let mut half = login(&server, "half");
    half.subscribe(">", "all").expect("a connection");
    let refused = half.subscribe("secret.push", "2").expect_err("a violation");
    assert!(
        refused.to_string().contains("Permissions Violation"),
        "{refused}"
    );
    half.settle().expect("a connection");
    a.store("p.1", b"one");
    // Both come to the one who may.
    for _ in 0..2 {
        let heard = a.receive_where(PATIENCE, |m| m.sid.starts_with("all") && m.text() == "one");
        heard.expect("a connection").expect("a delivery");
    }
    // A pull request whose answers would go where its sender may not listen.
    half.publish("$JS.API.CONSUMER.MSG.NEXT.P.pull", "secret.mine", b"")
        .expect("a connection");
    a.receive_where(PATIENCE, |m| {
        m.sid.starts_with("all") && m.reply.starts_with("$JS.ACK.P.pull")
    })
    .expect("a connection")
    .expect("the delivery of the pull");
    half.settle().expect("a connection");
    // The reference asks for the right to the subject that the receiver sees, which is the message's own and not where it was delivered.
    let is_known = |m: &nats_interop::link::Received| {
        nats_interop::binary::is_reference() && m.reply.starts_with("$JS.ACK.P.")
    };
    let bad = |m: &nats_interop::link::Received| {
        m.sid == "all"
            && (m.subject.starts_with("secret.") || m.reply.starts_with("$JS.ACK."))
            && !is_known(m)
    };
    let leaked = half
        .receive_where(std::time::Duration::from_millis(200), bad)
        .expect("a connection");
    assert_eq!(leaked, None);
}

/// S22: a description of the requester is the server's; one that came with a message is not kept, alone or in a batch.
#[test]
fn s22_no_description_of_a_requester_is_stored() {
    let server = start();
    let mut link = login(&server, "a");
    link.create_stream(&json!({"name": "S", "subjects": ["s.>"], "allow_atomic": true}));
    let forged = r#"Nats-Request-Info: {"acc":"B","user":"root"}"#;
    let batch = |at| format!("Nats-Batch-Sequence: {at}");
    for (subject, headers) in [
        ("s.alone", vec![forged]),
        ("s.twice", vec![forged, "Kept: 1", forged]),
        (
            "s.first",
            vec!["Nats-Batch-Id: one", &batch(1), forged, "Kept: 1"],
        ),
        (
            "s.last",
            vec![
                "Nats-Batch-Id: one",
                &batch(2),
                "Nats-Batch-Commit: 1",
                "Kept: 1",
                forged,
            ],
        ),
    ] {
        let answer = link.ask_with(subject, &headers, b"x").expect("an answer");
        assert!(!answer.text().contains("error"), "{}", answer.text());
    }
    for subject in ["s.alone", "s.twice", "s.first", "s.last"] {
        let stored = link.done("STREAM.MSG.GET.S", &json!({"last_by_subj": subject}));
        let headers = stored["message"]["hdrs"].as_str().unwrap_or_default();
        let headers = STANDARD.decode(headers).expect("base64");
        let headers = String::from_utf8(headers).expect("text");
        assert!(
            !headers.contains("Nats-Request-Info"),
            "{subject}: {headers:?}"
        );
        let kept = subject != "s.alone";
        assert_eq!(headers.contains("Kept: 1"), kept, "{subject}: {headers:?}");
    }
}
