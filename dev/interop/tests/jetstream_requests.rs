//! How requests of the JetStream API are read, and who gets which answer: bodies that say nothing, levels that are asked for, accounts
//! without JetStream, the system account. And who counts as the client of a push consumer.

use std::time::Duration;

use nats_interop::server::wait_until;
use nats_interop::{Launch, Link, Server};
use serde_json::{Value, json};

const ACCOUNTS: &str = r#"
jetstream { store_dir: '$DIR/data' }
accounts {
  A { jetstream: enabled, users: [ { user: A, password: p } ] }
  B { jetstream: enabled, users: [ { user: B, password: p } ] }
  N { users: [ { user: N, password: p } ] }
  SYS { users: [ { user: sys, password: p } ] }
}
system_account: SYS
"#;

/// Long enough for an answer that is not expected.
const SILENCE: Duration = Duration::from_millis(300);

fn link(server: &Server, user: &str) -> Link {
    Link::open_with(server.addr(), &json!({"user": user, "pass": "p"})).expect("a connection")
}

fn request(link: &mut Link, ask: &str, headers: &[&str], body: &str) -> Value {
    let subject = format!("$JS.API.{ask}");
    let answer = link.ask_with(&subject, headers, body.as_bytes());
    answer.expect("an answer").json()
}

/// The error of an answer, 0 when it has none.
fn code(answer: &Value) -> u64 {
    answer["error"]["err_code"].as_u64().unwrap_or_default()
}

#[test]
fn bodies_are_read_as_the_reference_reads_them() {
    let server = Launch::new(ACCOUNTS)
        .allow_log("Invalid JetStream request")
        .start();
    let mut a = link(&server, "A");
    a.create_stream(&json!({"name": "S", "subjects": ["s.>"]}));
    a.store("s.1", b"x");
    let consumer = json!({"name": "c", "durable_name": "c", "ack_policy": "explicit"});
    let body = json!({"stream_name": "S", "config": consumer});
    a.done("CONSUMER.CREATE.S.c", &body);
    let cases: &[(&str, &str, u64)] = &[
        // `null` says as much as nothing.
        ("STREAM.INFO.S", "null", 0),
        ("CONSUMER.PAUSE.S.c", "null", 0),
        ("CONSUMER.RESET.S.c", "null", 0),
        ("STREAM.CREATE.X", "null", 10056),
        // An object without members is empty, blanks are not.
        ("CONSUMER.INFO.S.c", "{ }", 0),
        ("CONSUMER.INFO.S.c", " ", 10038),
        ("STREAM.SNAPSHOT.S", "{ }", 10003),
        ("STREAM.MSG.DELETE.S", "", 10003),
        ("STREAM.MSG.DELETE.S", "{}", 10003),
        ("STREAM.MSG.GET.S", "", 10003),
        // Of two mistakes the one in the body is told.
        ("STREAM.INFO.NONE", "[]", 10025),
        ("STREAM.PURGE.NONE", "[]", 10025),
        ("STREAM.MSG.GET.NONE", "", 10003),
        ("STREAM.MSG.DELETE.NONE", "[]", 10025),
        ("CONSUMER.LIST.NONE", "[]", 10025),
        ("CONSUMER.INFO.NONE.c", "x", 10038),
        ("CONSUMER.DELETE.S.none", " ", 10038),
        ("CONSUMER.PAUSE.NONE.c", "[]", 10025),
        ("CONSUMER.UNPIN.NONE.c", "", 10025),
        // These two pass over what they do not know, the others refuse it.
        ("CONSUMER.RESET.S.c", "{\"seq\":1,\"more\":1}", 0),
        ("CONSUMER.RESET.S.c", " ", 10025),
        ("CONSUMER.UNPIN.S.c", "{\"group\":\"g\",\"more\":1}", 10160),
        ("CONSUMER.UNPIN.S.c", "", 10025),
        ("CONSUMER.PAUSE.S.c", "{\"more\":1}", 10025),
    ];
    for (ask, body, expected) in cases {
        let answer = request(&mut a, ask, &[], body);
        assert_eq!(code(&answer), *expected, "{ask} {body:?}: {answer}");
    }
    let warned = "Invalid JetStream request 'A > \\$JS.API.STREAM.INFO.NONE'";
    assert_eq!(server.count_log(warned), 1, "{}", server.log());
}

#[test]
fn a_level_that_is_asked_for_is_a_number_or_nothing() {
    let server = Launch::new(ACCOUNTS).start();
    let mut a = link(&server, "A");
    for (level, expected) in [
        ("", 0),
        ("-1", 0),
        ("+3", 0),
        ("5", 0),
        ("99", 10185),
        ("4294967297", 10185),
        ("x", 10185),
    ] {
        let header = format!("Nats-Required-Api-Level: {level}");
        let answer = request(&mut a, "INFO", &[&header], "");
        assert_eq!(code(&answer), expected, "level {level:?}: {answer}");
    }
}

#[test]
fn answers_about_moves_have_types_of_their_own() {
    let server = Launch::new(ACCOUNTS).start();
    let mut a = link(&server, "A");
    a.create_stream(&json!({"name": "S", "subjects": ["s.>"]}));
    for (ask, kind) in [
        ("STREAM.PEER.REMOVE.S", "stream_remove_peer_response"),
        ("STREAM.PEER.EVACUATE.S", "stream_evacuate_peer_response"),
        ("STREAM.CANCEL_MOVE.S", "stream_cancel_move_response"),
        (
            "STREAM.LEADER.STEPDOWN.S",
            "stream_leader_stepdown_response",
        ),
    ] {
        let answer = request(&mut a, ask, &[], "");
        assert_eq!(code(&answer), 10010, "{ask}: {answer}");
        assert_eq!(answer["type"], format!("io.nats.jetstream.api.v1.{kind}"));
    }
}

#[test]
fn a_stream_that_was_told_where_to_begin_says_so_before_its_first_message() {
    let server = Launch::new(ACCOUNTS).start();
    let mut a = link(&server, "A");
    for (given, first, last) in [(0, 0, 0), (1, 1, 0), (5, 5, 4)] {
        let config = json!({"name": "S", "subjects": ["s"], "first_seq": given});
        let state = a.create_stream(&config)["state"].clone();
        assert_eq!(
            (&state["first_seq"], &state["last_seq"]),
            (&json!(first), &json!(last))
        );
        a.done("STREAM.DELETE.S", &Value::Null);
    }
}

#[test]
fn an_account_without_jetstream_hears_that_it_has_none() {
    let server = Launch::new(ACCOUNTS).start();
    let mut n = link(&server, "N");
    for (ask, kind) in [
        ("INFO", "account_info_response"),
        ("STREAM.NAMES", "stream_names_response"),
        ("STREAM.INFO.S", "stream_info_response"),
        ("CONSUMER.INFO.S.c", "consumer_info_response"),
    ] {
        let answer = request(&mut n, ask, &[], "");
        assert_eq!(code(&answer), 10039, "{ask}: {answer}");
        assert_eq!(answer["type"], format!("io.nats.jetstream.api.v1.{kind}"));
    }
    for ask in ["CONSUMER.MSG.NEXT.S.c", "DIRECT.GET.S"] {
        let nobody = n
            .ask(&format!("$JS.API.{ask}"), b"{\"seq\":1}")
            .expect("a status");
        assert!(
            nobody.text().is_empty() && !nobody.headers.is_empty(),
            "{ask}: {nobody:?}"
        );
    }
}

#[test]
fn the_system_account_purges_an_account_and_hears_nothing_of_a_meta_group() {
    let server = Launch::new(ACCOUNTS).start();
    let (mut a, mut b) = (link(&server, "A"), link(&server, "B"));
    for (link, storage) in [(&mut a, "file"), (&mut b, "file")] {
        link.create_stream(&json!({"name": "S", "subjects": ["s"], "storage": storage}));
        link.create_stream(&json!({"name": "M", "subjects": ["m"], "storage": "memory"}));
        link.store("s", b"x");
    }
    // Nobody else may ask for it.
    a.subscribe("answers", "answers").expect("a connection");
    let purge = "$JS.API.ACCOUNT.PURGE.B";
    a.publish(purge, "answers", b"").expect("a connection");
    let heard = a.receive_where(SILENCE, |m| m.sid == "answers");
    assert!(heard.expect("a connection").is_none());

    let mut sys = link(&server, "sys");
    for ask in [
        "META.LEADER.STEPDOWN",
        "SERVER.REMOVE",
        "META.RESCUE",
        "ACCOUNT.STREAM.MOVE.A.S",
    ] {
        sys.subscribe("silence", ask).expect("a connection");
        let subject = format!("$JS.API.{ask}");
        sys.publish(&subject, "silence", b"").expect("a connection");
        let heard = sys.receive_where(SILENCE, |m| m.sid == ask);
        let heard = heard.expect("a connection");
        assert!(heard.is_none(), "{ask}: {heard:?}");
    }
    for account in ["A", "NONE"] {
        let answer = request(&mut sys, &format!("ACCOUNT.PURGE.{account}"), &[], "");
        assert_eq!(
            answer["type"],
            "io.nats.jetstream.api.v1.account_purge_response"
        );
        assert_eq!(answer["initiated"], true, "{account}: {answer}");
    }
    assert_eq!(
        a.api("INFO", &Value::Null).expect("an answer")["streams"],
        0
    );
    assert_eq!(
        b.api("INFO", &Value::Null).expect("an answer")["streams"],
        2
    );
    // The names are free again.
    a.create_stream(&json!({"name": "S", "subjects": ["s"]}));
    assert_eq!(a.store("s", b"y"), 1);
}

/// Whoever watches everything, and a stream that keeps what is delivered, do not use up what waits for a client.
#[test]
fn only_who_subscribes_to_the_deliver_subject_itself_is_a_push_consumers_client() {
    let server = Launch::new(ACCOUNTS).start();
    let (mut a, mut client) = (link(&server, "A"), link(&server, "A"));
    a.create_stream(&json!({"name": "S", "subjects": ["s.>"]}));
    a.create_stream(&json!({"name": "KEEPS", "subjects": ["to.>"]}));
    a.store("s.1", b"x");
    client.subscribe(">", "all").expect("a connection");
    client.subscribe("to.*", "some").expect("a connection");
    client
        .send(b"SUB to.plain q in_group\r\nSUB to.* g any_group\r\nSUB control control\r\n")
        .expect("a connection");
    client.settle().expect("a connection");
    let consumers = [("plain", ""), ("group", "g")];
    for (name, group) in consumers {
        let mut config = json!({"name": name, "durable_name": name, "ack_policy": "none", "deliver_subject": format!("to.{name}")});
        if !group.is_empty() {
            config["deliver_group"] = json!(group);
        }
        let body = json!({"stream_name": "S", "config": config});
        let made = a.done(&format!("CONSUMER.CREATE.S.{name}"), &body);
        assert_eq!(made["push_bound"], Value::Null, "{made}");
    }
    // One more that has a client: when it has delivered, the others would have.
    let control = json!({"name": "control", "durable_name": "control", "ack_policy": "none", "deliver_subject": "control"});
    let body = json!({"stream_name": "S", "config": control});
    a.done("CONSUMER.CREATE.S.control", &body);
    a.store("s.2", b"y");
    let mut info = |name: &str| a.done(&format!("CONSUMER.INFO.S.{name}"), &Value::Null);
    wait_until("the control has delivered", || {
        info("control")["num_pending"] == 0
    });
    for (name, _) in consumers {
        let info = info(name);
        assert_eq!(
            (&info["push_bound"], &info["num_pending"]),
            (&Value::Null, &json!(2)),
            "{info}"
        );
    }
    client
        .send(b"SUB to.plain plain\r\nSUB to.group g group\r\n")
        .expect("a connection");
    client.settle().expect("a connection");
    for (name, _) in consumers {
        wait_until("the consumer has delivered", || {
            let info = info(name);
            info["push_bound"] == true && info["num_pending"] == 0
        });
    }
    client
        .send(b"UNSUB plain\r\nUNSUB group\r\n")
        .expect("a connection");
    for (name, _) in consumers {
        wait_until("the consumer rests", || {
            info(name)["push_bound"] == Value::Null
        });
    }
}

#[test]
fn a_message_that_is_too_large_is_refused_for_that_whatever_its_headers_ask_for() {
    let server = Launch::new(ACCOUNTS).start();
    let mut a = link(&server, "A");
    a.create_stream(&json!({"name": "S", "subjects": ["s"], "max_msg_size": 100}));
    let filler = format!("Filler: {}", "x".repeat(100));
    for (header, alone) in [
        ("Nats-Expected-Stream: X", 10060),
        ("Nats-Expected-Last-Sequence: 7", 10071),
        ("Nats-Expected-Last-Subject-Sequence-Subject: s", 10193),
        ("Nats-TTL: 1s", 10166),
        ("Nats-Incr: 1", 10168),
        ("Nats-Schedule: @hourly", 10188),
        ("Nats-Stream-Source: x", 10227),
        ("Nats-Rollup: sub", 10111),
        ("Nats-Expected-Last-Msg-Id: x", 10070),
    ] {
        for (headers, expected) in [(vec![header], alone), (vec![header, &filler], 10054)] {
            let answer = a.ask_with("s", &headers, b"").expect("an answer").json();
            assert_eq!(code(&answer), expected, "{headers:?}: {answer}");
        }
    }
}

#[test]
fn a_purged_key_that_expires_leaves_no_marker_and_a_deleted_one_does() {
    let server = Launch::new(ACCOUNTS).start();
    let mut a = link(&server, "A");
    let marker_ttl = 2_000_000_000_u64;
    let mut expected = Vec::new();
    for storage in ["file", "memory"] {
        for (operation, last) in [("PURGE", 1), ("DEL", 2)] {
            let name = format!("KV_{storage}_{operation}");
            let key = format!("$KV.{storage}_{operation}.k");
            a.create_stream(&json!({
                "name": name, "subjects": [key], "storage": storage, "max_msgs_per_subject": 1,
                "allow_msg_ttl": true, "allow_rollup_hdrs": true, "subject_delete_marker_ttl": marker_ttl,
            }));
            let operation = format!("KV-Operation: {operation}");
            let headers = [&*operation, "Nats-Rollup: sub", "Nats-TTL: 2s"];
            a.ask_with(&key, &headers, b"").expect("stored");
            expected.push((format!("STREAM.INFO.{name}"), last));
        }
    }
    for (info, last) in expected {
        wait_until("everything has expired", || {
            let state = &request(&mut a, &info, &[], "")["state"];
            let seen = state["last_seq"].as_u64();
            assert!(seen <= Some(last), "{info}: {state}");
            state["messages"] == 0 && seen == Some(last)
        });
    }
}

#[test]
fn a_consumer_that_is_paused_needs_a_server_that_can_pause() {
    let server = Launch::new(ACCOUNTS).start();
    let mut a = link(&server, "A");
    a.create_stream(&json!({"name": "S", "subjects": ["s"]}));
    let consumer = json!({"name": "c", "durable_name": "c", "ack_policy": "explicit"});
    let body = json!({"stream_name": "S", "config": consumer});
    a.done("CONSUMER.CREATE.S.c", &body);
    let pause = json!({"pause_until": "2099-01-01T00:00:00Z"});
    for (pause, level) in [(pause, "1"), (json!({}), "0")] {
        a.done("CONSUMER.PAUSE.S.c", &pause);
        let info = a.done("CONSUMER.INFO.S.c", &Value::Null);
        assert_eq!(
            info["config"]["metadata"]["_nats.req.level"], level,
            "{info}"
        );
    }
}

#[test]
fn nobody_listens_where_a_consumer_wants_no_acknowledgements() {
    let server = Launch::new(ACCOUNTS).start();
    let mut a = link(&server, "A");
    a.create_stream(&json!({"name": "S", "subjects": ["s"]}));
    for (name, policy) in [("wants", "explicit"), ("none", "none")] {
        let consumer = json!({"name": name, "durable_name": name, "ack_policy": policy});
        let body = json!({"stream_name": "S", "config": consumer});
        a.done(&format!("CONSUMER.CREATE.S.{name}"), &body);
        a.store("s", b"x");
    }
    for (name, is_there) in [("wants", true), ("none", false), ("missing", false)] {
        let ack = format!("$JS.ACK.S.{name}.1.1.1.1700000000000000000.0");
        let answers = format!("answers.{name}");
        a.subscribe(&answers, name).expect("a connection");
        a.publish(&ack, &answers, b"").expect("a connection");
        let heard = a
            .receive_where(SILENCE, |m| m.sid == name)
            .expect("a connection");
        let is_refused = heard.is_some_and(|m| m.headers.contains("503"));
        assert_eq!(is_refused, !is_there, "{name}");
    }
}

#[test]
fn consumers_that_copy_a_stream_count_where_the_reference_counts_them() {
    let server = Launch::new(&format!("{ACCOUNTS}\nhttp: '127.0.0.1:-1'")).start();
    let mut a = link(&server, "A");
    a.create_stream(&json!({"name": "ORIGIN", "subjects": ["o"]}));
    a.create_stream(&json!({"name": "QUEUE", "subjects": ["q"], "retention": "workqueue"}));
    a.create_stream(&json!({"name": "MIRROR", "mirror": {"name": "ORIGIN"}}));
    a.create_stream(&json!({"name": "SOURCES", "sources": [{"name": "QUEUE"}]}));
    wait_until("both are copied", || {
        a.done("INFO", &Value::Null)["consumers"] == 2
    });
    for (stream, shown) in [("ORIGIN", 0), ("QUEUE", 1)] {
        let info = a.done(&format!("STREAM.INFO.{stream}"), &Value::Null);
        assert_eq!(info["state"]["consumer_count"], shown, "{info}");
        let names = a.done(&format!("CONSUMER.NAMES.{stream}"), &Value::Null);
        assert_eq!(names["total"], shown, "{names}");
    }
    assert_eq!(server.page("/jsz")["consumers"], 1);
}
