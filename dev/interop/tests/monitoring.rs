//! The monitoring pages and the system account, on any server binary.
//!
//! The shape of a document is its keys in order with the kind of each value. With `NATS_REFERENCE_BIN` the same clients ask the same
//! questions of both servers and the shapes must be equal, except where [`EXPLAINED`] says why not.

use std::collections::BTreeMap;
use std::path::Path;

use nats_interop::binary::{is_reference, reference, under_test};
use nats_interop::http::{fetch, request};
use nats_interop::skip::left_out;
use nats_interop::{Launch, Server, Wire};
use serde_json::{Value, json};

const CONFIG: &str = r#"
http: "127.0.0.1:-1"
server_name: watched
server_tags: ["a:b", "c"]
server_metadata: { k: v }
accounts {
  SYS { users: [ { user: sys, password: pw } ] }
  A {
    users: [ { user: a, password: pw, permissions: { publish: { allow: [ "foo.>", "$SYS.>", "_INBOX.>" ], deny: "foo.x" }, subscribe: ">" } } ]
    exports: [ { service: "svc.*" }, { stream: "str.>", accounts: [ B ] } ]
  }
  B {
    users: [ { user: b, password: pw } ]
    imports: [ { service: { account: A, subject: "svc.*" }, to: "bsvc.*" }, { stream: { account: A, subject: "str.>" }, prefix: pre } ]
  }
}
system_account: SYS
"#;

/// Keys of which we know why the servers differ.
const EXPLAINED: [(&str, &str); 6] = [
    ("git_commit", "the build says so or not"),
    (
        "feature_flags",
        "flags of the reference's own JetStream; ours has none of them",
    ),
    ("memstats", "figures of the Go runtime"),
    (
        "cmdline",
        "ours does not tell its command line: it may hold a password",
    ),
    ("System recvQ", "queues between the reference's own tasks"),
    ("data:null", "the reference sends a null beside some errors"),
];

fn start(binary: &Path) -> Server {
    Launch::new(CONFIG)
        .binary(binary)
        .allow_log("(?i)auth|healthcheck|unmarshal|monitoring")
        .start()
}

fn login(server: &Server, user: &str) -> Wire {
    let fields = format!(
        r#""user":"{user}","pass":"pw","name":"n-{user}","lang":"test","version":"1.0","protocol":1"#
    );
    let mut wire = Wire::open_with(server, &fields);
    // The INFO that tells a client of protocol 1 to what it is bound.
    wire.read_info();
    wire.subscribe("_INBOX.answers", "99");
    wire
}

/// Sends a request and reads its answer.
#[track_caller]
fn ask(wire: &mut Wire, subject: &str, body: &str) -> Value {
    wire.publish_request(subject, "_INBOX.answers", body);
    let (_, text) = wire.read_msg();
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{subject}: {e}: {text}"))
}

/// Keys in order, with the kind of each value. Lists show the union of their members' keys, in order of first appearance.
fn shape(value: &Value, at: &str, out: &mut Vec<String>) {
    let mut note = |line: String| {
        if !out.contains(&line) {
            out.push(line);
        }
    };
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                if EXPLAINED.iter().any(|(known, _)| key.starts_with(known)) {
                    continue;
                }
                let path = format!("{at}.{key}");
                let kind = match value {
                    Value::Null => continue,
                    Value::Bool(_) => "bool",
                    Value::Number(_) => "number",
                    Value::String(_) => "string",
                    Value::Array(_) => "list",
                    Value::Object(_) => "object",
                };
                if !out.contains(&format!("{path} {kind}")) {
                    out.push(format!("{path} {kind}"));
                }
                shape(value, &path, out);
            }
        }
        Value::Array(members) => {
            for member in members {
                shape(member, &format!("{at}[]"), out);
            }
        }
        _ => note(format!("{at} value")),
    }
}

const PAGES: [&str; 36] = [
    "/varz",
    "/connz",
    "/connz?subs=1",
    "/connz?auth=1",
    "/connz?auth=1&subs=detail",
    "/connz?acc=A",
    "/connz?user=b&auth=1",
    "/connz?state=all",
    "/connz?cid=9999",
    "/connz?limit=1&offset=1",
    "/connz?sort=subs",
    "/connz?sort=idle",
    "/connz?sort=rtt",
    "/connz?sort=bytes_to&limit=2",
    "/connz?limit=9223372036854775807&offset=9223372036854775807",
    "/routez",
    "/routez?subs=detail",
    "/gatewayz",
    "/gatewayz?accs=1",
    "/leafz",
    "/leafz?subs=1",
    "/subsz",
    "/subsz?subs=1",
    "/subsz?subs=1&test=foo.a",
    "/subsz?acc=A",
    "/accountz",
    "/accountz?acc=A",
    "/accountz?acc=B",
    "/accountz?acc=SYS",
    "/accstatz",
    "/accstatz?unused=1",
    "/jsz",
    "/jsz?accounts=1&streams=1&consumers=1&config=1",
    "/healthz",
    "/healthz?js-server-only=1",
    "/healthz?stream=s&details=1",
];

const REQUESTS: [(&str, &str); 30] = [
    ("SERVER.PING.IDZ", ""),
    ("SERVER.PING", ""),
    ("SERVER.PING.STATSZ", ""),
    ("SERVER.PING.VARZ", ""),
    ("SERVER.PING.SUBSZ", ""),
    (
        "SERVER.PING.SUBSZ",
        r#"{"subscriptions":true,"account":"A"}"#,
    ),
    ("SERVER.PING.CONNZ", ""),
    ("SERVER.PING.CONNZ", r#"{"auth":true,"acc":"A"}"#),
    ("SERVER.PING.CONNZ", r#"{"sort":"x"}"#),
    (
        "SERVER.PING.CONNZ",
        r#"{"acc":"A","filter_subject":"foo.*"}"#,
    ),
    ("SERVER.PING.ROUTEZ", ""),
    ("SERVER.PING.GATEWAYZ", ""),
    ("SERVER.PING.LEAFZ", ""),
    ("SERVER.PING.ACCOUNTZ", ""),
    ("SERVER.PING.ACCOUNTZ", r#"{"account":"nope"}"#),
    ("SERVER.PING.JSZ", ""),
    ("SERVER.PING.HEALTHZ", ""),
    ("SERVER.PING.HEALTHZ", r#"{"stream":"s"}"#),
    ("SERVER.PING.PROFILEZ", r#"{"name":"nope"}"#),
    ("SERVER.PING.EXPVARZ", ""),
    ("SERVER.PING.RAFTZ", ""),
    (
        "SERVER.PING.VARZ",
        r#"{"server_name":"watch","tags":["c"]}"#,
    ),
    ("ACCOUNT.A.SUBSZ", ""),
    ("ACCOUNT.A.CONNZ", ""),
    ("ACCOUNT.A.LEAFZ", ""),
    ("ACCOUNT.A.INFO", ""),
    ("ACCOUNT.A.STATZ", ""),
    ("ACCOUNT.A.CONNS", ""),
    ("ACCOUNT.PING.STATZ", ""),
    ("USER.INFO", ""),
];

/// Everything that a server shows of the same clients, as shapes.
fn observe(binary: &Path) -> BTreeMap<String, Vec<String>> {
    let server = start(binary);
    let mut system = login(&server, "sys");
    let mut a = login(&server, "a");
    let mut b = login(&server, "b");
    a.subscribe("foo.*", "1");
    a.subscribe_queue("foo.>", "q", "2");
    b.subscribe("bar", "1");
    a.publish("foo.a", "hello");
    a.expect_msg("foo.a", "1", "hello");
    a.read_msg();
    let mut seen = BTreeMap::new();
    let mut note = |name: String, value: &Value| {
        let mut lines = Vec::new();
        shape(value, "", &mut lines);
        seen.insert(name, lines);
    };
    for page in PAGES {
        note(page.to_owned(), &server.page(page));
    }
    for (subject, body) in REQUESTS {
        note(
            format!("{subject} {body}"),
            &ask(&mut system, &format!("$SYS.REQ.{subject}"), body),
        );
    }
    for subject in [
        "ACCOUNT.PING.CONNZ",
        "ACCOUNT.PING.STATZ",
        "SERVER.PING.CONNZ",
        "USER.INFO",
    ] {
        note(
            format!("from A {subject}"),
            &ask(&mut a, &format!("$SYS.REQ.{subject}"), ""),
        );
    }
    seen
}

#[test]
fn every_page_and_reply_has_the_shape_that_the_reference_gives_it() {
    let Some(reference) = reference() else {
        left_out(
            "shapes of pages and replies against the reference",
            "NATS_REFERENCE_BIN is not set",
        );
        return;
    };
    let (ours, theirs) = (observe(under_test()), observe(&reference));
    let mut differences = Vec::new();
    for (name, wanted) in &theirs {
        let got = &ours[name];
        let missing: Vec<_> = wanted.iter().filter(|line| !got.contains(line)).collect();
        let added: Vec<_> = got.iter().filter(|line| !wanted.contains(line)).collect();
        if !missing.is_empty() || !added.is_empty() {
            differences.push(format!("{name}: missing {missing:?}, added {added:?}"));
        } else if !name.contains("sub")
            && !name.contains("SUB")
            && !name.contains("account")
            && !name.contains("INFO")
            && wanted != got
        {
            // Lists of subscriptions, imports and exports have no order on either side.
            differences.push(format!("{name}: other order: {wanted:?} and {got:?}"));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn wrong_parameters_are_refused_in_the_known_words() {
    let server = start(under_test());
    let table = [
        (
            "/connz?auth=x",
            400,
            r#"Error decoding boolean for 'auth': strconv.ParseBool: parsing "x": invalid syntax"#,
        ),
        (
            "/connz?limit=x",
            400,
            r#"Error decoding int for 'limit': strconv.Atoi: parsing "x": invalid syntax"#,
        ),
        (
            "/connz?cid=-1",
            400,
            r#"Error decoding uint64 for 'cid': strconv.ParseUint: parsing "-1": invalid syntax"#,
        ),
        ("/connz?state=x", 400, "Error decoding state for x"),
        ("/connz?sort=x", 400, "invalid sorting option: x"),
        (
            "/connz?sort=stop",
            400,
            "sort by stop only valid on closed connections",
        ),
        (
            "/subsz?test=foo.*",
            400,
            "invalid test subject, must be valid publish subject: foo.*",
        ),
        ("/accountz?acc=nope", 400, "Account nope does not exist"),
        (
            "/jsz?leader-only=true",
            400,
            "filtered response: not leader",
        ),
        ("/raftz", 404, "No Raft nodes registered"),
        ("/nope", 404, "404 page not found\n"),
    ];
    for (path, status, text) in table {
        let answer = fetch(server.monitor_addr(), path);
        assert_eq!(
            (
                answer.status,
                String::from_utf8_lossy(&answer.body).as_ref()
            ),
            (status, text),
            "{path}"
        );
        assert!(
            !answer.head.contains("Access-Control-Allow-Origin"),
            "{path}: {}",
            answer.head
        );
    }
}

#[test]
fn pages_may_be_read_by_scripts_of_other_sites_and_asked_for_with_head() {
    let server = start(under_test());
    let answer = fetch(server.monitor_addr(), "/varz");
    assert!(
        answer.head.contains("Content-Type: application/json"),
        "{}",
        answer.head
    );
    assert!(
        answer.head.contains("Access-Control-Allow-Origin: *"),
        "{}",
        answer.head
    );
    let head = request(server.monitor_addr(), "HEAD /varz HTTP/1.0\r\n\r\n");
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(server.page("/varz")["http_req_stats"]["/varz"], 3);
}

#[test]
fn neither_command_line_nor_profiles_are_served_with_the_pages() {
    let server = start(under_test());
    assert_eq!(fetch(server.monitor_addr(), "/debug/pprof/").status, 404);
    if !is_reference() {
        // The reference shows its command line here, passwords included.
        assert_eq!(fetch(server.monitor_addr(), "/debug/vars").status, 404);
    }
}

#[test]
fn closed_connections_keep_their_reason() {
    let server = start(under_test());
    let mut wire = login(&server, "a");
    wire.line("NONSENSE");
    wire.read_to_close();
    nats_interop::server::wait_until("the connection to be listed", || {
        server.page("/connz?state=closed&auth=1")["connections"][0]["reason"]
            == "Protocol Violation"
    });
    let closed = server.page("/connz?state=closed&auth=1&acc=A");
    assert_eq!(closed["connections"][0]["authorized_user"], "a");
    assert_eq!(closed["connections"][0]["account"], "A");
}

#[test]
fn a_user_may_ask_who_it_is_and_only_about_its_own_account() {
    let server = start(under_test());
    let (mut a, _b) = (login(&server, "a"), login(&server, "b"));
    let info = ask(&mut a, "$SYS.REQ.USER.INFO", "");
    assert_eq!(
        (&info["data"]["user"], &info["data"]["account"]),
        (&json!("a"), &json!("A"))
    );
    assert_eq!(
        info["data"]["permissions"]["publish"]["deny"],
        json!(["foo.x"])
    );
    for subject in ["$SYS.REQ.ACCOUNT.PING.CONNZ", "$SYS.REQ.SERVER.PING.CONNZ"] {
        let connz = ask(&mut a, subject, r#"{"acc":"B","auth":true}"#);
        assert_eq!(connz["data"]["num_connections"], 1, "{subject}: {connz}");
        assert_eq!(connz["data"]["connections"][0]["account"], "A");
    }
    let statz = ask(
        &mut a,
        "$SYS.REQ.ACCOUNT.PING.STATZ",
        r#"{"accounts":["B"]}"#,
    );
    assert_eq!(statz["data"]["account_statz"][0]["acc"], "A");
    // What is not imported is not there.
    a.publish_request("$SYS.REQ.SERVER.PING.VARZ", "_INBOX.answers", "");
    assert!(a.read_msg().1.contains("503"), "nobody serves it here");
}

#[test]
fn a_filter_that_names_another_server_keeps_this_one_silent() {
    let server = start(under_test());
    let mut system = login(&server, "sys");
    for (verb, filter) in [
        ("VARZ", r#"{"server_name":"other"}"#),
        ("VARZ", r#"{"server_name":"watch","exact_match":true}"#),
        ("CONNZ", r#"{"tags":["none"]}"#),
        ("HEALTHZ", r#"{"cluster":"c"}"#),
        ("JSZ", r#"{"leader_only":true}"#),
    ] {
        system.publish_request(
            &format!("$SYS.REQ.SERVER.PING.{verb}"),
            "_INBOX.answers",
            filter,
        );
        // Requests are answered in order: the first answer is that of the next one.
        let next = ask(&mut system, "$SYS.REQ.SERVER.PING.IDZ", "");
        assert_eq!(next["name"], "watched", "{verb} {filter}");
    }
}

#[test]
fn the_system_account_closes_and_sends_away_connections() {
    let server = start(under_test());
    let (mut system, mut a) = (login(&server, "sys"), login(&server, "a"));
    let id = ask(&mut system, "$SYS.REQ.SERVER.PING.IDZ", "")["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let client =
        ask(&mut a, "$SYS.REQ.SERVER.PING.CONNZ", "")["data"]["connections"][0]["cid"].clone();
    let request = format!("$SYS.REQ.SERVER.{id}");
    let refused = ask(&mut system, &format!("{request}.KICK"), r#"{"cid":9999}"#);
    assert_eq!(
        refused["error"],
        json!({"code": 500, "description": "no such client or leafnode id"})
    );
    let sent_away = ask(
        &mut system,
        &format!("{request}.LDM"),
        &json!({ "cid": client }).to_string(),
    );
    assert!(sent_away["error"].is_null(), "{sent_away}");
    assert_eq!(a.read_info()["ldm"], true);
    let kicked = ask(
        &mut system,
        &format!("{request}.KICK"),
        &json!({ "cid": client }).to_string(),
    );
    assert_eq!(
        kicked.as_object().unwrap().keys().collect::<Vec<_>>(),
        ["server"]
    );
    a.expect_closed();
}

#[test]
fn events_tell_who_came_who_went_and_who_was_refused() {
    let server = start(under_test());
    let mut system = login(&server, "sys");
    // Behind this answer the events of its own login are over.
    ask(&mut system, "$SYS.REQ.SERVER.PING.IDZ", "");
    for (sid, subject) in [
        "$SYS.ACCOUNT.>",
        "$SYS.SERVER.ACCOUNT.>",
        "$SYS.SERVER.*.CLIENT.AUTH.ERR",
    ]
    .iter()
    .enumerate()
    {
        system.subscribe(subject, &format!("{}", sid + 1));
    }
    let next = |system: &mut Wire| {
        let (line, body) = system.read_msg();
        let subject = line.split(' ').nth(1).unwrap().to_owned();
        (subject, serde_json::from_str::<Value>(&body).unwrap())
    };
    let a = login(&server, "a");
    let (subject, event) = next(&mut system);
    assert_eq!(
        (subject.as_str(), &event["conns"]),
        ("$SYS.SERVER.ACCOUNT.A.CONNS", &json!(1))
    );
    assert_eq!(next(&mut system).0, "$SYS.ACCOUNT.A.SERVER.CONNS");
    let (subject, event) = next(&mut system);
    assert_eq!(
        (subject.as_str(), &event["type"]),
        (
            "$SYS.ACCOUNT.A.CONNECT",
            &json!("io.nats.server.advisory.v1.client_connect")
        )
    );
    assert_eq!(
        (&event["client"]["user"], &event["client"]["name"]),
        (&json!("a"), &json!("n-a"))
    );
    drop(a);
    let (subject, event) = next(&mut system);
    assert_eq!(
        (subject.as_str(), &event["conns"]),
        ("$SYS.SERVER.ACCOUNT.A.CONNS", &json!(0))
    );
    assert_eq!(next(&mut system).0, "$SYS.ACCOUNT.A.SERVER.CONNS");
    let (subject, event) = next(&mut system);
    assert_eq!(
        (subject.as_str(), &event["reason"]),
        ("$SYS.ACCOUNT.A.DISCONNECT", &json!("Client Closed"))
    );
    let mut stranger = Wire::connect(&server);
    stranger.send_connect(r#""user":"a","pass":"wrong""#);
    stranger.read_to_close();
    // The reference also reports that the stranger left the account in which every connection begins, from
    // another task: that event may overtake this one.
    let (mut subject, mut event) = next(&mut system);
    if subject == "$SYS.ACCOUNT.$G.DISCONNECT" {
        assert_eq!(event["reason"], "Authentication Failure");
        (subject, event) = next(&mut system);
    }
    assert!(subject.ends_with(".CLIENT.AUTH.ERR"), "{subject}");
    assert_eq!(event["reason"], "Authentication Failure");
    assert_eq!(event["server"]["name"], "watched");
}

#[test]
fn the_heartbeat_goes_to_those_who_listen() {
    let server = start(under_test());
    let mut system = login(&server, "sys");
    // A heartbeat may come before the subscription is confirmed.
    system.send("SUB $SYS.SERVER.*.STATSZ 1\r\n");
    let (_, body) = system.read_msg();
    let event: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (&event["server"]["name"], &event["statsz"]["connections"]),
        (&json!("watched"), &json!(1))
    );
}

#[test]
fn a_server_says_of_itself_whether_it_has_jetstream() {
    let config = "accounts { $SYS { users: [{ user: sys, password: sys }] } }\n";
    let jetstream = "jetstream { store_dir: '$DIR/js', domain: hub }\n";
    for (more, has, domain) in [("", None, None), (jetstream, Some(true), Some("hub"))] {
        let server = Launch::new(&format!("{config}{more}")).start();
        let mut system = Wire::open_with(&server, r#""user":"sys","pass":"sys""#);
        system.subscribe("_INBOX.answers", "99");
        let said = ask(&mut system, "$SYS.REQ.SERVER.PING.STATSZ", "");
        let said = &said["server"];
        assert_eq!(said["jetstream"].as_bool().filter(|on| *on), has, "{said}");
        assert_eq!(said["domain"].as_str(), domain, "{said}");
        assert_eq!(
            said["flags"].as_u64().unwrap_or(0) & 1,
            u64::from(has.is_some()),
            "{said}"
        );
    }
}

/// Accounts are asked about their JetStream, servers by their domain; and what is not there is named, and nothing else.
#[test]
fn the_jetstream_of_an_account_and_of_a_domain_answers_for_itself() {
    let server = Launch::new(
        "http: '127.0.0.1:-1'\n\
         jetstream { store_dir: '$DIR/js', domain: hub }\n\
         accounts { $SYS { users: [{ user: sys, password: sys }] }\n\
         J { jetstream: enabled, users: [{ user: j, password: j }] }\n\
         N { users: [{ user: n, password: n }] } }\n",
    )
    .allow_log("(?i)healthcheck")
    .start();
    let mut user = Wire::open_with(&server, r#""user":"j","pass":"j""#);
    user.subscribe("_INBOX.answers", "99");
    for (verb, body) in [
        ("STREAM.CREATE.S", r#"{"name":"S","subjects":["s"]}"#),
        (
            "CONSUMER.CREATE.S.C",
            r#"{"stream_name":"S","config":{"name":"C","durable_name":"C","ack_policy":"explicit"}}"#,
        ),
    ] {
        let made = ask(&mut user, &format!("$JS.API.{verb}"), body);
        assert!(made.get("error").is_none(), "{made}");
    }
    let mut system = Wire::open_with(&server, r#""user":"sys","pass":"sys""#);
    system.subscribe("_INBOX.answers", "99");
    let mut account = |name: &str, verb: &str, body: &str| {
        ask(
            &mut system,
            &format!("$SYS.REQ.ACCOUNT.{name}.{verb}"),
            body,
        )
    };
    let page = account("J", "JSZ", r#"{"streams":true,"consumer":true}"#);
    let detail = &page["data"];
    assert_eq!(detail["name"], "J", "{page}");
    assert_eq!(detail["stream_detail"][0]["name"], "S", "{page}");
    let consumers = &detail["stream_detail"][0]["consumer_detail"];
    assert_eq!(consumers[0]["name"], "C", "{page}");
    for (name, says) in [
        ("N", r#"account "N" not jetstream enabled"#),
        ("nope", r#"account "nope" not found"#),
    ] {
        let page = account(name, "JSZ", "");
        let said = (&page["error"]["code"], &page["error"]["description"]);
        assert_eq!(said, (&json!(500), &json!(says)), "{page}");
    }
    for (name, has) in [("J", true), ("N", false)] {
        let page = account(name, "INFO", "");
        assert_eq!(page["data"]["jetstream_enabled"], has, "{page}");
    }
    let hub = ask(
        &mut system,
        "$SYS.REQ.SERVER.PING.JSZ",
        r#"{"domain":"hub"}"#,
    );
    assert_eq!(hub["data"]["config"]["domain"], "hub", "{hub}");
    let page = server.page("/jsz?raft=true");
    let led = (&page["streams_leader"], &page["consumers_leader"]);
    assert_eq!(led, (&json!(1), &json!(1)), "{page}");
    for (question, knows) in [
        ("account=nope&stream=S&consumer=C", json!(["account"])),
        (
            "account=J&stream=nope&consumer=C",
            json!(["account", "stream"]),
        ),
        (
            "account=J&stream=S&consumer=nope",
            json!(["account", "stream", "consumer"]),
        ),
    ] {
        let path = format!("/healthz?details=true&{question}");
        let answer = fetch(server.monitor_addr(), &path);
        let page: Value = serde_json::from_slice(&answer.body).unwrap();
        let error = &page["errors"][0];
        let told: Vec<&str> = ["account", "stream", "consumer"]
            .into_iter()
            .filter(|key| error.get(key).is_some())
            .collect();
        assert_eq!(json!(told), knows, "{question}: {page}");
    }
}

#[test]
fn secrets_do_not_appear_on_any_page() {
    const SECRET: &str = "planted-secret-7c1";
    let config = format!(
        "http: \"127.0.0.1:-1\"\nsystem_account: SYS\naccounts {{ SYS {{ users: [ {{ user: sys, password: {SECRET} }} ] }}, A {{ users: [ {{ user: a, password: {SECRET} }} ] }} }}"
    );
    let server = Launch::new(&config).allow_log("(?i)healthcheck").start();
    let fields =
        |user: &str| format!(r#""user":"{user}","pass":"{SECRET}","auth_token":"{SECRET}""#);
    let _a = Wire::open_with(&server, &fields("a"));
    let mut system = Wire::open_with(&server, &fields("sys"));
    system.subscribe("_INBOX.answers", "99");
    for page in PAGES {
        let answer = fetch(server.monitor_addr(), page);
        assert!(
            !String::from_utf8_lossy(&answer.body).contains(SECRET),
            "{page}"
        );
    }
    for (subject, body) in REQUESTS {
        if subject == "SERVER.PING.VARZ" && body.contains("watch") {
            continue;
        }
        let reply = ask(&mut system, &format!("$SYS.REQ.{subject}"), body).to_string();
        assert!(!reply.contains(SECRET), "{subject}: {reply}");
    }
}
