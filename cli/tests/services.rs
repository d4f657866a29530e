//! `nats service` and `nats events` as users run them.

mod support;

use serde_json::Value;
use support::Server;

#[test]
fn the_demo_service_is_found_described_and_answers() {
    let Some(server) = Server::start() else {
        return;
    };
    let absent = server.nats(&["service", "list"]);
    assert_eq!(absent.code, 2, "{absent:?}");
    let _serve = server.run(
        &["service", "serve", "demo", "-H", "Region:eu"],
        "Requests Log",
    );
    let list = server.nats(&["micro", "ls"]);
    assert!(list.stdout.contains("│ demo │ 1.0.0   │"), "{list:?}");
    let answer = server.nats(&["service", "request", "demo", "echo", "hello"]);
    assert_eq!(answer.code, 0, "{answer:?}");
    assert!(
        answer.stderr.contains("Region: eu") && answer.stdout.starts_with("hello\n"),
        "{answer:?}"
    );
    let info: Value =
        serde_json::from_str(&server.nats(&["service", "info", "demo", "--json"]).stdout).unwrap();
    assert_eq!(
        info["info"]["endpoints"][0]["subject"], "demo.echo",
        "{info}"
    );
    assert_eq!(info["stats"]["endpoints"][0]["num_requests"], 1, "{info}");
    assert_eq!(
        info["stats"]["endpoints"][0]["data"]["total_payload"], 5,
        "{info}"
    );
    let stats = server.nats(&["service", "stats", "demo"]);
    assert!(
        stats.stdout.contains("demo Service Statistics"),
        "{stats:?}"
    );
    let ping = server.nats(&["service", "ping", "--timeout", "300ms"]);
    assert!(
        ping.stdout.starts_with("demo ") && ping.stdout.contains("rtt="),
        "{ping:?}"
    );
    let unknown = server.nats(&["service", "request", "demo", "nope", ""]);
    assert_eq!(unknown.code, 1, "{unknown:?}");
    assert!(unknown.stderr.contains("available: echo"), "{unknown:?}");
}

#[test]
fn events_tell_who_comes_and_goes() {
    let config = "accounts { SYS: { users: [{user: admin, password: admin}] }, APP: { users: [{user: joe, password: joe}] } }\n\
                  system_account: SYS";
    let Some(server) = Server::with_config(config) else {
        return;
    };
    let admin = ["--user", "admin", "--password", "admin"];
    let joe = ["--user", "joe", "--password", "joe"];
    let ready = "The server knows the subscriptions";
    let flags = ["events", "--trace", "--short", "--filter", "JOE"];
    let short = server.run(&[&flags[..], &admin].concat(), ready);
    let cloud = server.run(
        &[&["events", "--trace", "--cloudevent"][..], &admin].concat(),
        ready,
    );
    server.nats(&[&["pub", "a", "x"][..], &joe].concat());
    short.wait_for("[Connection] user: joe cid: ");
    let line = short.wait_for("[Disconnection] user: joe cid: ");
    assert!(line.ends_with("in account APP: Client Closed"), "{line}");
    cloud.wait_for("\"source\": \"urn:nats:server\"");
}
