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
fn one_account_is_shown() {
    let Some(server) = Server::with_config(CONFIG) else {
        return;
    };
    let shown = admin(&server, &["account", "info", "APP"]);
    let heading = "Account information for account APP";
    assert!(shown.stdout.starts_with(heading), "{shown:?}");
    assert!(shown.stdout.contains("System Account: false"), "{shown:?}");
    let info = json(&admin(&server, &["account", "info", "SYS", "--json"]));
    assert_eq!(info["is_system"], true);
    let absent = admin(&server, &["account", "info", "NOBODY"]);
    assert_eq!(absent.code, 1, "{absent:?}");
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

#[test]
fn checks_end_with_the_exit_codes_of_nagios() {
    let Some(server) = Server::with_config(CONFIG) else {
        return;
    };
    let fine = joe(&server, &["server", "check", "connection"]);
    assert_eq!(fine.code, 0, "{fine:?}");
    assert!(
        fine.stdout
            .starts_with("OK Connection OK:connected to nats://"),
        "{fine:?}"
    );
    assert!(fine.stdout.contains("| connect_time=0."), "{fine:?}");
    let slow = joe(&server, &["server", "check", "conn", "--rtt-warn", "1ns"]);
    assert_eq!(slow.code, 1, "{slow:?}");
    let refused = server.nats(&[
        "server",
        "check",
        "connection",
        "--user",
        "x",
        "--password",
        "y",
    ]);
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(
        refused
            .stdout
            .starts_with("CRITICAL Connection Crit:connection failed: "),
        "{refused:?}"
    );
    let silent = joe(
        &server,
        &["server", "check", "request", "--subject", "nobody"],
    );
    assert_eq!(silent.code, 2, "{silent:?}");
    let absent = joe(&server, &["server", "check", "message", "--stream", "S"]);
    assert_eq!(absent.code, 2, "{absent:?}");
    assert!(absent.stdout.contains("JetStream"), "{absent:?}");
}

#[test]
fn a_server_is_checked_in_every_form() {
    let Some(server) = Server::with_config(CONFIG) else {
        return;
    };
    let flags = ["check", "server", "--name", "n1", "--auth-required"];
    let document = json(&admin(
        &server,
        &[&flags[..], &["--format", "json"]].concat(),
    ));
    assert_eq!(document["status"], "OK", "{document}");
    assert_eq!(document["check_suite"], "server");
    assert_eq!(document["ok"][0], "Authentication required");
    assert_eq!(document["perf_data"][0]["name"], "uptime");
    let other = admin(
        &server,
        &[
            "check",
            "--format",
            "prometheus",
            "server",
            "--name",
            "n2",
            "--timeout",
            "300ms",
        ],
    );
    assert_eq!(other.code, 0, "{other:?}");
    assert!(
        other
            .stdout
            .contains("nats_server_check_server_status_code{item=\"n2\",status=\"CRITICAL\"} 2"),
        "{other:?}"
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("result");
    let file = file.to_str().unwrap();
    let written = admin(
        &server,
        &[&flags[..], &["--format", "text", "--outfile", file]].concat(),
    );
    assert_eq!((written.code, &*written.stdout), (0, ""), "{written:?}");
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.starts_with("n1: OK\n\nStatus Detail\n"), "{text}");
}

#[test]
fn a_service_is_checked_by_its_answer() {
    let Some(server) = Server::with_config(CONFIG) else {
        return;
    };
    let _reply = server.run(
        &[
            "reply",
            "svc.ping",
            "pong",
            "--user",
            "joe",
            "--password",
            "joe",
        ],
        "Listening on",
    );
    let check = |flags: &[&str]| {
        let base = ["server", "check", "request", "--subject", "svc.ping"];
        joe(&server, &[&base, flags].concat())
    };
    let fine = check(&["--match-payload", "^pong$"]);
    assert!(
        fine.stdout
            .starts_with("OK svc.ping OK:Valid response | time=0."),
        "{fine:?}"
    );
    let wrong = check(&["--match-payload", "^ping$", "--match-headers", "A=1"]);
    assert_eq!(wrong.code, 2, "{wrong:?}");
    assert!(
        wrong.stdout.starts_with(
            "CRITICAL svc.ping Crit:response does not match regexp Crit:invalid header \"A\" = \"\""
        ),
        "{wrong:?}"
    );
}
