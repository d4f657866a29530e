//! Mirrors and sources: a stream that gets its messages from other streams, here and in another account, and goes on after a kill -9.

use std::collections::BTreeMap;
use std::time::Duration;

use nats_interop::server::wait_longer;
use nats_interop::{Launch, Link, Server, binary};
use serde_json::{Value, json};

/// How long a copy may take. Upstreams that failed are asked again after ten seconds and more.
const PATIENCE: Duration = Duration::from_secs(60);

fn start() -> Server {
    Launch::new("jetstream { store_dir: '$DIR/data' }")
        .allow_log("Cleanup of source consumer|Sourcing state is outdated")
        .start()
}

fn link(server: &Server) -> Link {
    Link::open(server.addr()).expect("a connection")
}

#[track_caller]
fn wait_for(what: &str, condition: impl FnMut() -> bool) {
    wait_longer(PATIENCE, what, condition);
}

fn info(link: &mut Link, stream: &str) -> Value {
    link.done(&format!("STREAM.INFO.{stream}"), &Value::Null)
}

#[track_caller]
fn wait_for_messages(link: &mut Link, stream: &str, count: u64) {
    wait_for(&format!("{count} messages in {stream}"), || {
        info(link, stream)["state"]["messages"] == count
    });
}

/// One message as the API shows it; null when it is not there.
fn message(link: &mut Link, stream: &str, sequence: u64) -> Value {
    let got = link.api(
        &format!("STREAM.MSG.GET.{stream}"),
        &json!({ "seq": sequence }),
    );
    got.expect("an answer")["message"].clone()
}

/// All messages of a stream with sequence, subject, and whatever else the API shows.
fn contents(link: &mut Link, stream: &str) -> BTreeMap<u64, Value> {
    let state = info(link, stream)["state"].clone();
    let (first, last) = (state["first_seq"].as_u64(), state["last_seq"].as_u64());
    let all = first.unwrap_or(1).max(1)..=last.unwrap_or(0);
    let all = all.map(|sequence| (sequence, message(link, stream, sequence)));
    all.filter(|(_, message)| !message.is_null()).collect()
}

fn decoded(base64: &Value) -> String {
    use base64::Engine as _;
    let text = base64.as_str().unwrap_or_default();
    let bytes = base64::engine::general_purpose::STANDARD.decode(text);
    String::from_utf8_lossy(&bytes.expect("base64")).into_owned()
}

fn subjects(link: &mut Link, stream: &str) -> Vec<String> {
    let all = contents(link, stream).into_values();
    all.map(|m| m["subject"].as_str().unwrap_or_default().to_owned())
        .collect()
}

fn origin(link: &mut Link, messages: &[&str]) {
    link.create_stream(&json!({"name": "ORIGIN", "subjects": ["o.>"], "allow_direct": true}));
    for (n, subject) in messages.iter().enumerate() {
        link.store(subject, n.to_string().as_bytes());
    }
}

#[test]
fn a_mirror_is_its_origin_with_sequences_times_headers_and_holes() {
    let server = start();
    let mut link = link(&server);
    origin(&mut link, &["o.a", "o.b", "o.c", "o.d", "o.e"]);
    let inbox = link.inbox("ack");
    link.publish_with("o.f", &inbox, &["Color: red", "Nats-Msg-Id: 7"], b"5")
        .expect("a connection");
    link.done("STREAM.MSG.DELETE.ORIGIN", &json!({"seq": 3}));
    link.create_stream(&json!({"name": "COPY", "mirror": {"name": "ORIGIN"}}));
    wait_for_messages(&mut link, "COPY", 5);
    link.store("o.g", b"6");
    wait_for_messages(&mut link, "COPY", 6);
    assert_eq!(contents(&mut link, "COPY"), contents(&mut link, "ORIGIN"));
    let shown = info(&mut link, "COPY");
    assert_eq!(shown["mirror"]["name"], "ORIGIN");
    assert_eq!(shown["mirror"]["lag"], 0);
    assert!(
        shown["mirror"]["active"].as_i64() >= Some(0),
        "{}",
        shown["mirror"]
    );
    assert!(shown["mirror"]["error"].is_null());
    assert_eq!(shown["config"]["mirror_direct"], true);
    // What feeds it is not among the consumers that the origin shows.
    let names = link.done("CONSUMER.NAMES.ORIGIN", &Value::Null);
    assert_eq!(names["consumers"].as_array().map(Vec::len), Some(0));
    // Nobody publishes to a mirror by its name.
    let nobody = link.ask("COPY", b"x").expect("a status");
    assert!(
        nobody.headers.starts_with("NATS/1.0 503"),
        "{}",
        nobody.headers
    );
}

#[test]
fn sources_gather_with_filters_transforms_and_the_header_of_their_origin() {
    let server = start();
    let mut link = link(&server);
    origin(&mut link, &["o.a", "o.b.c", "o.d"]);
    link.create_stream(&json!({"name": "OTHER", "subjects": ["x.*"]}));
    link.store("x.one", b"1");
    link.store("x.two", b"2");
    link.create_stream(&json!({"name": "ALL", "subjects": ["own"], "sources": [
        {"name": "ORIGIN", "subject_transforms": [{"src": "o.*", "dest": "got.{{wildcard(1)}}"}]},
        {"name": "OTHER", "filter_subject": "x.two"},
    ]}));
    wait_for_messages(&mut link, "ALL", 3);
    link.store("own", b"mine");
    let mut found = subjects(&mut link, "ALL");
    found.sort();
    assert_eq!(found, ["got.a", "got.d", "own", "x.two"]);
    let shown = info(&mut link, "ALL");
    let mut names: Vec<&str> = shown["sources"]
        .as_array()
        .expect("sources")
        .iter()
        .filter_map(|source| source["name"].as_str())
        .collect();
    // The reference shows them in any order.
    names.sort_unstable();
    assert_eq!(names, ["ORIGIN", "OTHER"]);
    for message in contents(&mut link, "ALL").into_values() {
        let headers = decoded(&message["hdrs"]);
        let expected = match message["subject"].as_str().expect("a subject") {
            "got.a" => "NATS/1.0\r\nNats-Stream-Source: ORIGIN 1 o.* got.{{wildcard(1)}} o.a ",
            "got.d" => "NATS/1.0\r\nNats-Stream-Source: ORIGIN 3 o.* got.{{wildcard(1)}} o.d ",
            "x.two" => "NATS/1.0\r\nNats-Stream-Source: OTHER 2 x.two > x.two ",
            _ => "",
        };
        let rest = headers.strip_prefix(expected);
        let identity =
            rest.unwrap_or_else(|| panic!("{headers:?} does not begin with {expected:?}"));
        if !expected.is_empty() {
            assert_eq!(identity.trim_end().len(), 8, "{headers:?}");
        }
    }
    // Clients cannot claim where a message comes from.
    let forged = link
        .ask_with("own", &["Nats-Stream-Source: ORIGIN 9 > > o.a"], b"")
        .expect("an answer")
        .json();
    assert_eq!(forged["error"]["err_code"], 10227);
}

#[test]
fn one_origin_may_be_sourced_many_times_and_copies_may_begin_later() {
    let server = start();
    let mut link = link(&server);
    origin(&mut link, &["o.a", "o.b", "o.a", "o.b"]);
    let third = message(&mut link, "ORIGIN", 3)["time"].clone();
    link.create_stream(&json!({"name": "TWICE", "sources": [
        {"name": "ORIGIN", "filter_subject": "o.a"},
        {"name": "ORIGIN", "filter_subject": "o.b", "opt_start_seq": 3},
    ]}));
    link.create_stream(&json!({"name": "LATER", "sources": [
        {"name": "ORIGIN", "opt_start_time": third},
    ]}));
    link.create_stream(&json!({"name": "TAIL", "mirror": {"name": "ORIGIN", "opt_start_seq": 4}}));
    link.create_stream(
        &json!({"name": "ONLY", "mirror": {"name": "ORIGIN", "subject_transforms": [
            {"src": "o.b", "dest": "was.b"},
        ]}}),
    );
    wait_for_messages(&mut link, "TWICE", 3);
    let mut twice = subjects(&mut link, "TWICE");
    twice.sort();
    assert_eq!(twice, ["o.a", "o.a", "o.b"]);
    wait_for_messages(&mut link, "LATER", 2);
    assert_eq!(subjects(&mut link, "LATER"), ["o.a", "o.b"]);
    wait_for_messages(&mut link, "TAIL", 1);
    assert_eq!(
        contents(&mut link, "TAIL")
            .keys()
            .copied()
            .collect::<Vec<_>>(),
        [4]
    );
    wait_for_messages(&mut link, "ONLY", 2);
    let only = contents(&mut link, "ONLY");
    assert_eq!(only.keys().copied().collect::<Vec<_>>(), [2, 4]);
    assert_eq!(subjects(&mut link, "ONLY"), ["was.b", "was.b"]);
}

#[test]
fn sources_come_and_go_with_the_configuration_and_loops_are_refused() {
    let server = start();
    let mut link = link(&server);
    origin(&mut link, &["o.a", "o.b"]);
    let mut config = json!({"name": "ALL", "subjects": ["own"], "sources": [{"name": "ORIGIN"}]});
    link.create_stream(&config);
    wait_for_messages(&mut link, "ALL", 2);
    let looped = json!({"name": "ORIGIN", "subjects": ["o.>"], "allow_direct": true, "sources": [{"name": "ALL"}]});
    let refused = link
        .api("STREAM.UPDATE.ORIGIN", &looped)
        .expect("an answer");
    assert_eq!(
        refused["error"]["description"], "detected cycle",
        "{refused}"
    );
    config["sources"] = json!([]);
    link.done("STREAM.UPDATE.ALL", &config);
    link.store("o.c", b"not sourced yet");
    link.store("own", b"own");
    assert_eq!(info(&mut link, "ALL")["state"]["messages"], 3);
    // It goes on behind what it has, not from the beginning.
    config["sources"] = json!([{"name": "ORIGIN"}]);
    link.done("STREAM.UPDATE.ALL", &config);
    wait_for_messages(&mut link, "ALL", 4);
    link.store("o.d", b"live");
    wait_for_messages(&mut link, "ALL", 5);
    assert_eq!(
        subjects(&mut link, "ALL"),
        ["o.a", "o.b", "own", "o.c", "o.d"]
    );
}

#[test]
fn a_mirror_is_promoted_by_an_update_without_it() {
    let server = start();
    let mut link = link(&server);
    origin(&mut link, &["o.a", "o.b", "o.c"]);
    link.create_stream(&json!({"name": "COPY", "mirror": {"name": "ORIGIN"}}));
    wait_for_messages(&mut link, "COPY", 3);
    let mut config = info(&mut link, "COPY")["config"].clone();
    config["mirror"] = Value::Null;
    config["subjects"] = json!(["n.>"]);
    let updated = link.done("STREAM.UPDATE.COPY", &config);
    assert!(updated["mirror"].is_null(), "{updated}");
    assert_eq!(link.store("n.a", b"new"), 4);
    link.store("o.d", b"not copied");
    assert_eq!(link.store("n.b", b"new"), 5);
    assert_eq!(info(&mut link, "COPY")["state"]["messages"], 5);
}

#[test]
fn a_mirror_answers_direct_gets_when_its_origin_is_gone() {
    let server = start();
    let mut link = link(&server);
    origin(&mut link, &["o.a", "o.b", "o.c"]);
    link.create_stream(&json!({"name": "COPY", "mirror": {"name": "ORIGIN"}}));
    wait_for_messages(&mut link, "COPY", 3);
    link.done("STREAM.DELETE.ORIGIN", &Value::Null);
    let got = link
        .ask("$JS.API.DIRECT.GET.ORIGIN.o.b", b"")
        .expect("an answer");
    assert_eq!(got.text(), "1");
    assert_eq!(got.header("Nats-Sequence"), Some("2"));
    assert_eq!(got.header("Nats-Stream"), Some("COPY"));
}

#[test]
fn a_work_queue_is_emptied_by_who_sources_it_and_keeps_what_was_not_taken() {
    let server = start();
    let mut link = link(&server);
    link.create_stream(&json!({"name": "WORK", "subjects": ["w.*"], "retention": "workqueue"}));
    for n in 0..20 {
        link.store(&format!("w.{n}"), b"work");
    }
    link.create_stream(&json!({"name": "DONE", "sources": [{"name": "WORK"}]}));
    wait_for_messages(&mut link, "DONE", 20);
    wait_for_messages(&mut link, "WORK", 0);
    let names = link.done("CONSUMER.NAMES.WORK", &Value::Null);
    let names = names["consumers"].as_array().expect("names").clone();
    assert_eq!(names.len(), 1, "{names:?}");
    assert!(
        names[0].as_str().is_some_and(|n| n.starts_with("JS_SRC_")),
        "{names:?}"
    );
    // Its consumer goes with it, so that others can have the work.
    link.done("STREAM.DELETE.DONE", &Value::Null);
    wait_for("the consumer to be deleted", || {
        let names = link.done("CONSUMER.NAMES.WORK", &Value::Null);
        names["consumers"].as_array().map(Vec::len) == Some(0)
    });
}

/// Two accounts: the streams of A can be sourced by B, under prefixes.
const TWO_ACCOUNTS: &str = r#"
jetstream { store_dir: '$DIR/data' }
accounts {
  A {
    jetstream: enabled
    users: [ { user: a, password: p } ]
    exports: [
      { service: "$JS.API.CONSUMER.>", response_type: stream }
      { service: "$JS.FC.>" }
      { stream: "to.b.>" }
    ]
  }
  B {
    jetstream: enabled
    users: [ { user: b, password: p } ]
    imports: [
      { service: { account: A, subject: "$JS.API.CONSUMER.>" }, to: "from.a.api.CONSUMER.>" }
      { service: { account: A, subject: "$JS.FC.>" } }
      { stream: { account: A, subject: "to.b.>" } }
    ]
  }
}
"#;

#[test]
fn a_stream_is_sourced_and_mirrored_across_accounts() {
    let server = Launch::new(TWO_ACCOUNTS).start();
    let login = |user: &str| json!({"user": user, "pass": "p"});
    let mut a = Link::open_with(server.addr(), &login("a")).expect("a connection");
    let mut b = Link::open_with(server.addr(), &login("b")).expect("a connection");
    a.create_stream(&json!({"name": "ORIGIN", "subjects": ["o.>"], "storage": "memory"}));
    // More than flow control lets through at once.
    let body = [b'x'; 1024];
    a.store_many((0..3_000).map(|n| (format!("o.{}", n % 7), &body[..])));
    let external = json!({"api": "from.a.api", "deliver": "to.b"});
    b.create_stream(&json!({"name": "GATHERED", "storage": "memory", "sources": [{"name": "ORIGIN", "external": external}]}));
    b.create_stream(&json!({"name": "COPY", "storage": "memory", "mirror": {"name": "ORIGIN", "external": external}}));
    wait_for_messages(&mut b, "GATHERED", 3_000);
    wait_for_messages(&mut b, "COPY", 3_000);
    a.store("o.last", b"live");
    wait_for_messages(&mut b, "GATHERED", 3_001);
    wait_for_messages(&mut b, "COPY", 3_001);
    let last = message(&mut b, "COPY", 3_001);
    assert_eq!(last, message(&mut a, "ORIGIN", 3_001));
    assert_eq!(message(&mut b, "GATHERED", 3_001)["subject"], "o.last");
    let shown = info(&mut b, "GATHERED");
    assert_eq!(shown["sources"][0]["external"], external);
    assert_eq!(shown["sources"][0]["lag"], 0);
}

#[test]
fn an_upstream_that_is_not_there_yet_is_waited_for() {
    let server = Launch::new("jetstream { store_dir: '$DIR/data' }")
        .allow_log("JetStream|[Ss]tream|mirror|source")
        .start();
    let mut link = link(&server);
    link.create_stream(&json!({"name": "COPY", "mirror": {"name": "ORIGIN"}}));
    link.create_stream(&json!({"name": "ALL", "sources": [{"name": "ORIGIN"}]}));
    wait_for("the error in the info", || {
        info(&mut link, "COPY")["mirror"]["error"]["err_code"] == 10059
    });
    let shown = info(&mut link, "COPY");
    assert_eq!(shown["mirror"]["active"], -1);
    origin(&mut link, &["o.a", "o.b"]);
    wait_for_messages(&mut link, "COPY", 2);
    wait_for_messages(&mut link, "ALL", 2);
    assert!(info(&mut link, "COPY")["mirror"]["error"].is_null());
}

#[test]
fn an_origin_that_was_made_anew_is_sourced_from_its_beginning() {
    let server = Launch::new("jetstream { store_dir: '$DIR/data' }")
        .allow_log("JetStream|[Ss]tream|mirror|source")
        .start();
    let mut link = link(&server);
    origin(&mut link, &["o.a", "o.b", "o.c"]);
    link.create_stream(&json!({"name": "ALL", "sources": [{"name": "ORIGIN"}]}));
    wait_for_messages(&mut link, "ALL", 3);
    link.done("STREAM.DELETE.ORIGIN", &Value::Null);
    origin(&mut link, &["o.new"]);
    wait_for_messages(&mut link, "ALL", 4);
    assert_eq!(subjects(&mut link, "ALL"), ["o.a", "o.b", "o.c", "o.new"]);
}

#[test]
fn copies_survive_kill_9_without_loss_and_without_doubles() {
    let sync = match binary::is_reference() {
        true => "sync_interval: always",
        false => "",
    };
    let config = format!("jetstream {{ store_dir: '$DIR/data', {sync} }}");
    let mut server = Launch::new(&config)
        .allow_log("JetStream|recover|[Cc]onsumer|[Ss]tream|mirror|source")
        .start();
    let mut all = 0u64;
    {
        let mut link = link(&server);
        link.create_stream(&json!({"name": "ORIGIN", "subjects": ["o.>"]}));
        link.create_stream(&json!({"name": "COPY", "mirror": {"name": "ORIGIN"}}));
        link.create_stream(&json!({"name": "ALL", "sources": [
            {"name": "ORIGIN", "filter_subject": "o.a"},
            {"name": "ORIGIN", "filter_subject": "o.b"},
        ]}));
    }
    for round in 0..4u64 {
        let mut link = link(&server);
        // The kill comes while the copies follow.
        let count = 300 + round * 100;
        let bodies: Vec<String> = (all..all + count).map(|n| n.to_string()).collect();
        let subject = |n: u64| match n % 2 {
            0 => "o.a".to_owned(),
            _ => "o.b".to_owned(),
        };
        link.store_many(
            (all..)
                .map(subject)
                .zip(bodies.iter().map(|b| b.as_bytes())),
        );
        all += count;
        server.restart();
    }
    let mut link = link(&server);
    let stored = info(&mut link, "ORIGIN")["state"]["messages"].as_u64();
    assert_eq!(stored, Some(all), "the origin itself");
    wait_for_messages(&mut link, "COPY", all);
    wait_for("all of it to be sourced", || {
        info(&mut link, "ALL")["state"]["messages"].as_u64() >= Some(all)
    });
    assert_eq!(contents(&mut link, "COPY"), contents(&mut link, "ORIGIN"));
    let mut seen = BTreeMap::<u64, u32>::new();
    let mut last = [None::<u64>; 2];
    for message in contents(&mut link, "ALL").into_values() {
        let number: u64 = decoded(&message["data"]).parse().expect("a number");
        *seen.entry(number).or_default() += 1;
        let before = &mut last[usize::from(number % 2 == 1)];
        assert!(*before < Some(number), "out of order at {number}");
        *before = Some(number);
    }
    let doubles: Vec<_> = seen.iter().filter(|(_, times)| **times > 1).collect();
    assert!(doubles.is_empty(), "stored more than once: {doubles:?}");
    assert_eq!(seen.len() as u64, all);
}
