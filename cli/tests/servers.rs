//! `nats server` as users run it.

mod support;

use serde_json::Value;
use support::{Outcome, Server};

const CONFIG: &str = "server_name: n1\n\
    accounts { SYS: { users: [{user: admin, password: admin}] }, APP: { users: [{user: joe, password: joe}] } }\n\
    system_account: SYS";

fn admin(server: &Server, args: &[&str]) -> Outcome {
    let login = ["--user", "admin", "--password", "admin"];
    server.nats(&[&["server"], args, &login].concat())
}

fn joe(server: &Server, args: &[&str]) -> Outcome {
    server.nats(&[args, &["--user", "joe", "--password", "joe"]].concat())
}

fn json(outcome: &Outcome) -> Value {
    serde_json::from_str(&outcome.stdout).unwrap_or_else(|e| panic!("{e}: {outcome:?}"))
}

#[test]
fn servers_are_listed_pinged_and_shown() {
    let Some(server) = Server::with_config(CONFIG) else {
        return;
    };
    let list = admin(&server, &["ls"]);
    assert!(list.stdout.contains("│ n1   │"), "{list:?}");
    let list = json(&admin(&server, &["list", "--json"]));
    assert_eq!(list[0]["server"]["name"], "n1");
    assert_eq!(list[0]["statsz"]["connections"], 1);
    let ping = admin(&server, &["ping"]);
    assert!(
        ping.stdout.starts_with("n1 ") && ping.stdout.contains("1 replies max: "),
        "{ping:?}"
    );
    let missing = admin(&server, &["ping", "2", "--timeout", "300ms"]);
    assert!(
        missing.stdout.contains("Missing 1 server(s)"),
        "{missing:?}"
    );
    let info = admin(&server, &["info", "n1"]);
    assert!(
        info.stdout.starts_with("Server information for n1 (N"),
        "{info:?}"
    );
}

#[test]
fn without_the_system_account_the_error_says_which_user_is_needed() {
    let Some(server) = Server::with_config(CONFIG) else {
        return;
    };
    for args in [["server", "list"], ["server", "ping"], ["server", "info"]] {
        let refused = joe(&server, &args);
        assert_eq!(refused.code, 1, "{refused:?}");
        assert!(
            refused.stderr.contains("use a user of the system account"),
            "{refused:?}"
        );
    }
    let absent = admin(&server, &["info", "n2", "--timeout", "300ms"]);
    assert_eq!(absent.code, 1, "{absent:?}");
    assert!(absent.stderr.contains("nats server list"), "{absent:?}");
}

#[test]
fn connections_and_accounts_are_reported() {
    let Some(server) = Server::with_config(CONFIG) else {
        return;
    };
    let _sub = server.run(
        &[
            "sub",
            "orders",
            "--trace",
            "--user",
            "joe",
            "--password",
            "joe",
        ],
        "Subscribing on orders",
    );
    let report = admin(&server, &["report", "connections", "--account", "APP"]);
    assert!(
        report.stdout.contains("Top 1 Connections out of 1 by subs"),
        "{report:?}"
    );
    let report = json(&admin(
        &server,
        &["report", "connections", "--account", "APP", "--json"],
    ));
    assert_eq!(report[0]["account"], "APP");
    assert_eq!(report[0]["server"]["name"], "n1");
    let accounts = json(&admin(&server, &["report", "accounts", "APP", "--json"]));
    assert_eq!(accounts["connections"], 1, "{accounts}");
    let health = admin(&server, &["report", "health"]);
    assert!(health.stdout.contains("ok (200)"), "{health:?}");
    let memory = json(&admin(&server, &["report", "mem", "--json"]));
    assert!(memory["n1"].as_i64().unwrap() > 0, "{memory}");
}

#[test]
fn every_page_is_a_line_of_json_and_the_flags_may_stand_before_the_command() {
    let Some(server) = Server::with_config(CONFIG) else {
        return;
    };
    for page in [
        "variables",
        "connections",
        "subscriptions",
        "accounts",
        "routes",
        "gateways",
        "leafnodes",
        "jetstream-health",
        "ipqueue",
    ] {
        let answer = admin(&server, &["request", "--name", "n1", page]);
        assert_eq!(answer.stdout.lines().count(), 1, "{page}: {answer:?}");
        let answer = json(&answer);
        assert_eq!(answer["server"]["name"], "n1", "{page}");
        assert!(answer["data"].is_object(), "{page}: {answer}");
    }
    let absent = admin(
        &server,
        &["request", "--name", "n2", "varz", "--timeout", "300ms"],
    );
    assert_eq!(absent.code, 1, "{absent:?}");
}

#[test]
fn a_kicked_client_is_gone() {
    let Some(server) = Server::with_config(CONFIG) else {
        return;
    };
    let sub = server.run(
        &[
            "sub",
            "orders",
            "--trace",
            "--user",
            "joe",
            "--password",
            "joe",
        ],
        "Subscribing on orders",
    );
    let report = json(&admin(
        &server,
        &["report", "connections", "--account", "APP", "--json"],
    ));
    let cid = report[0]["cid"].to_string();
    let id = report[0]["server"]["id"].as_str().unwrap().to_owned();
    let kicked = admin(&server, &["request", "kick", &cid, &id]);
    assert_eq!(kicked.code, 0, "{kicked:?}");
    sub.wait_for("isconnected");
    let again = admin(&server, &["request", "kick", "999999", &id]);
    assert_eq!(again.code, 1, "{again:?}");
}

#[test]
fn a_reload_shows_the_server_afterwards() {
    let Some(server) = Server::with_config(CONFIG) else {
        return;
    };
    let asked = admin(&server, &["config", "reload", "n1"]);
    assert_eq!(asked.code, 1, "{asked:?}");
    assert!(asked.stderr.contains("--force"), "{asked:?}");
    let reloaded = admin(&server, &["config", "reload", "n1", "--force"]);
    assert_eq!(reloaded.code, 0, "{reloaded:?}");
    assert!(
        reloaded.stdout.contains("Configuration Load Time"),
        "{reloaded:?}"
    );
}
