//! Figures and events that must be true, not only well formed: closed connections, caches, health, refused logins.

use nats_interop::binary::is_reference;
use nats_interop::http::fetch;
use nats_interop::server::wait_until;
use nats_interop::{Launch, Server, Wire};
use rustix::process::Signal;
use serde_json::{Value, json};

const PAGES: &str = "http: \"127.0.0.1:-1\"";

fn page(server: &Server, path: &str) -> Value {
    server.page(path)
}

#[test]
fn a_closed_connection_is_shown_with_the_subscriptions_it_had() {
    let server = Server::start(PAGES);
    let mut wire = Wire::open(&server);
    wire.subscribe("a", "1");
    wire.subscribe_queue("b.*", "workers", "22");
    wire.subscribe("c", "3");
    wire.line("UNSUB 3 7");
    wire.publish("a", "x");
    wire.expect_msg("a", "1", "x");
    drop(wire);
    let closed = "/connz?state=closed&subs=detail";
    wait_until("the connection to be among the closed ones", || {
        page(&server, closed)["num_connections"] == 1
    });
    let shown = page(&server, closed)["connections"][0].clone();
    assert_eq!(shown["subscriptions"], 3, "{shown}");
    assert_eq!(shown["reason"], "Client Closed");
    let mut subs = shown["subscriptions_list_detail"]
        .as_array()
        .expect("a list")
        .clone();
    subs.sort_by_key(|sub| sub["sid"].to_string());
    for sub in &mut subs {
        let sub = sub.as_object_mut().expect("an object");
        // The reference takes the bound off while the connection ends, mostly before it notes the subscription.
        sub.shift_remove("max");
    }
    let sub = |subject: &str, queue: Option<&str>, sid: &str, msgs: u32| {
        let mut sub = json!({"account": "$G", "account_tag": "$G", "subject": subject});
        if let Some(queue) = queue {
            sub["qgroup"] = queue.into();
        }
        sub["sid"] = sid.into();
        sub["msgs"] = msgs.into();
        sub["cid"] = shown["cid"].clone();
        sub
    };
    assert_eq!(
        subs,
        [
            sub("a", None, "1", 1),
            sub("b.*", Some("workers"), "22", 0),
            sub("c", None, "3", 0),
        ]
    );
    let names = page(&server, "/connz?state=closed&subs=1")["connections"][0].clone();
    let mut names: Vec<_> = names["subscriptions_list"]
        .as_array()
        .expect("a list")
        .clone();
    names.sort_by_key(Value::to_string);
    assert_eq!(names, ["a", "b.*", "c"]);
}

#[test]
fn a_subscription_page_counts_what_the_caches_hold_and_answer() {
    let server = Server::start(PAGES);
    let (mut a, mut b) = (Wire::open(&server), Wire::open(&server));
    for (subject, sid) in [("x", "1"), ("x", "2"), ("y.*", "3")] {
        a.subscribe(subject, sid);
    }
    let number = |page: &Value, key: &str| {
        page[key]
            .as_f64()
            .unwrap_or_else(|| panic!("{key}: {page}"))
    };
    let before = number(&page(&server, "/subsz"), "num_matches");
    for _ in 0..20 {
        // One read each: whoever keeps what a read found asks again for the next.
        b.publish("x", "1");
        b.flush();
        b.publish("y.z", "2");
        b.flush();
    }
    let after = page(&server, "/subsz");
    let figure = |key: &str| number(&after, key);
    assert!(figure("num_cache") >= 2.0, "{after}");
    assert!(figure("num_matches") >= before + 2.0, "{before} {after}");
    assert!(figure("max_fanout") >= 2.0, "{after}");
    assert!(figure("avg_fanout") > 0.0, "{after}");
    assert!((0.0..=1.0).contains(&figure("cache_hit_rate")), "{after}");
    if is_reference() {
        return;
    }
    // Ours counts every message: two subjects were looked up, and known 38 times.
    assert_eq!(figure("num_cache"), 2.0, "{after}");
    assert_eq!(figure("avg_fanout"), 1.5, "{after}");
    assert!(figure("num_matches") >= before + 40.0, "{before} {after}");
    assert!(figure("cache_hit_rate") > 0.5, "{after}");
}

#[test]
fn a_server_that_leaves_is_not_healthy() {
    let config = format!("{PAGES}\nlame_duck_duration: \"30s\"\nlame_duck_grace_period: \"20s\"");
    let server = Launch::new(&config).allow_log("Healthcheck failed").start();
    assert_eq!(fetch(server.monitor_addr(), "/healthz").status, 200);
    let _client = Wire::open(&server);
    server.signal(Signal::USR2);
    wait_until("the listener to be closed", || {
        fetch(server.monitor_addr(), "/healthz").status != 200
    });
    let words = "failed to be ready for connections after 1ms: server";
    let answer = fetch(server.monitor_addr(), "/healthz");
    assert_eq!(answer.status, 500);
    let body: Value = serde_json::from_slice(&answer.body).expect("JSON");
    assert_eq!(body, json!({ "status": "error", "error": words }));
    let answer = fetch(server.monitor_addr(), "/healthz?details=1");
    assert_eq!(answer.status, 500);
    let body: Value = serde_json::from_slice(&answer.body).expect("JSON");
    let errors = json!([{ "type": "CONNECTION", "error": words }]);
    assert_eq!(body, json!({ "status": "error", "errors": errors }));
}

/// The probes of the usual Kubernetes charts: a server that was not asked to have JetStream must not be restarted for lack of it.
#[test]
fn a_server_without_jetstream_is_healthy_to_those_who_ask_for_it() {
    let server = Server::start(PAGES);
    for path in [
        "/healthz?js-enabled-only=true",
        "/healthz?js-server-only=true",
        "/healthz?js-enabled-only=1&details=1",
    ] {
        let answer = fetch(server.monitor_addr(), path);
        let body: Value = serde_json::from_slice(&answer.body).expect("JSON");
        assert_eq!(
            (answer.status, body),
            (200, json!({"status": "ok"})),
            "{path}"
        );
    }
}

/// Sums of a page's list: messages and bytes sent to clients.
fn sent(list: &Value, figures: impl Fn(&Value) -> (&Value, &Value)) -> (u64, u64) {
    let number = |value: &Value| value.as_u64().expect("a number");
    let add = |(msgs, bytes), item: &Value| {
        let (more, more_bytes) = figures(item);
        (msgs + number(more), bytes + number(more_bytes))
    };
    list.as_array().expect("a list").iter().fold((0, 0), add)
}

#[test]
fn what_the_server_sent_is_what_its_clients_got_whoever_published_it() {
    let server = Launch::new(&format!(
        "{PAGES}
         jetstream {{ store_dir: '$DIR/store' }}
         accounts {{
           A {{ users: [ {{user: a, password: a}} ], jetstream: enabled, exports: [ {{service: svc}} ] }}
           B {{ users: [ {{user: b, password: b}} ], imports: [ {{service: {{account: A, subject: svc}}}} ] }}
         }}"
    ))
    .start();
    let open =
        |name: &str| Wire::open_with(&server, &format!(r#""user":"{name}","pass":"{name}""#));
    let (mut a, mut b) = (open("a"), open("b"));
    a.subscribe("inbox", "1");
    a.subscribe("deliver", "2");
    a.subscribe("svc", "3");
    let ask = |a: &mut Wire, subject: &str, body: &Value| {
        a.publish_request(subject, "inbox", &body.to_string());
        a.read_msg();
    };
    ask(
        &mut a,
        "$JS.API.STREAM.CREATE.S",
        &json!({"name": "S", "subjects": ["s"]}),
    );
    for _ in 0..5 {
        ask(&mut a, "s", &json!("stored"));
    }
    // Delivered by the server, not by a publisher.
    let consumer =
        json!({"stream_name": "S", "config": {"deliver_subject": "deliver", "ack_policy": "none"}});
    a.publish_request("$JS.API.CONSUMER.CREATE.S", "inbox", &consumer.to_string());
    for _ in 0..6 {
        a.read_msg();
    }
    // The responder's copy has the requester's description as well.
    b.subscribe("inbox", "1");
    b.publish_request("svc", "inbox", "what");
    a.read_msg();
    // Nobody gets this.
    b.publish("nobody", "listens");
    b.flush();
    a.flush();
    let agree = || {
        let all = page(&server, "/varz");
        let pair = |msgs: &str, bytes: &str| (all[msgs].as_u64(), all[bytes].as_u64());
        let clients = sent(&page(&server, "/connz")["connections"], |c| {
            (&c["out_msgs"], &c["out_bytes"])
        });
        let accounts = sent(&page(&server, "/accstatz")["account_statz"], |a| {
            (&a["sent"]["msgs"], &a["sent"]["bytes"])
        });
        let got = (Some(clients.0), Some(clients.1));
        clients.0 == 13
            && clients == accounts
            && got == pair("out_msgs", "out_bytes")
            && got == pair("out_client_msgs", "out_client_bytes")
    };
    wait_until("the server's figures to be the sum of its clients'", agree);
}

#[test]
fn a_refused_login_is_told_to_the_account_where_it_stood_and_to_the_operator() {
    let server = Launch::new(
        "authorization { users: [ {user: a, password: a} ] }\naccounts { SYS { users: [ {user: s, password: s} ] } }\nsystem_account: SYS",
    )
    .allow_log("(?i)auth")
    .start();
    let mut owner = Wire::open_with(&server, r#""user":"a","pass":"a""#);
    owner.subscribe("$SYS.ACCOUNT.CLIENT.AUTH.ERR", "1");
    let mut operator = Wire::open_with(&server, r#""user":"s","pass":"s""#);
    operator.subscribe("$SYS.SERVER.*.CLIENT.AUTH.ERR", "1");
    operator.subscribe("$SYS.ACCOUNT.CLIENT.AUTH.ERR", "2");
    operator.flush();
    owner.flush();
    let mut stranger = Wire::connect(&server);
    stranger.send_connect(r#""user":"a","pass":"wrong","name":"n","lang":"l","version":"v""#);
    stranger.read_to_close();
    let event = |wire: &mut Wire, subject: &str| {
        let (line, body) = wire.read_msg();
        assert!(line.contains(subject), "{line}");
        serde_json::from_str::<Value>(&body).expect("an event in JSON")
    };
    let (told, reported) = (
        event(&mut owner, "$SYS.ACCOUNT.CLIENT.AUTH.ERR"),
        event(&mut operator, ".CLIENT.AUTH.ERR"),
    );
    operator.expect_nothing();
    for event in [&told, &reported] {
        assert_eq!(
            event["type"], "io.nats.server.advisory.v1.client_disconnect",
            "{event}"
        );
        assert_eq!(event["reason"], "Authentication Failure", "{event}");
        let client = &event["client"];
        let shown =
            ["acc", "user", "name", "lang", "ver", "kind", "client_type"].map(|key| &client[key]);
        assert_eq!(
            shown,
            ["$G", "a", "n", "l", "v", "Client", "nats"],
            "{event}"
        );
        assert!(
            client["stop"].is_string() && event["server"]["id"].is_string(),
            "{event}"
        );
    }
    assert_ne!(told["id"], reported["id"]);
}
