//! `nats trace` and `nats account` as users run them.

mod support;

use serde_json::Value;
use support::{Outcome, Server};

const CONFIG: &str = "accounts {
  APP: {
    users: [
      {user: joe, password: joe}
      {user: shy, password: shy, permissions: {publish: {allow: [\"_INBOX.>\", \"$SYS.REQ.>\"], deny: \"a\"}, subscribe: \"_INBOX.>\"}}
    ]
    mappings: {old: new}
  }
  OTHER: { users: [{user: eve, password: eve}] }
}";

fn joe(server: &Server, args: &[&str]) -> Outcome {
    server.nats(&[args, &["--user", "joe", "--password", "joe"]].concat())
}

fn json(outcome: &Outcome) -> Value {
    serde_json::from_str(&outcome.stdout).unwrap_or_else(|e| panic!("{e}: {outcome:?}"))
}

#[test]
fn a_trace_shows_mapping_and_receivers_and_delivers_on_demand_only() {
    let Some(server) = Server::with_config(CONFIG) else {
        return;
    };
    let login = [
        "--user",
        "joe",
        "--password",
        "joe",
        "--connection-name",
        "ears",
    ];
    let ears = server.run(
        &[&["sub", "new", "--queue", "q", "--trace"][..], &login].concat(),
        "Subscribing",
    );
    ears.wait_for("The server knows the subscription");
    let quiet = joe(&server, &["trace", "old", "not delivered"]);
    assert_eq!(quiet.code, 0, "{quiet:?}");
    for text in [
        "Tracing message route to subject old\n",
        "    Mapping subject:\"new\"\n--C Client \"ears\" cid:",
        " subject:\"new\" queue:\"q\"\n",
        "Legend: Client: --C ",
        "Egress Count:",
        "Client: 1\n",
    ] {
        assert!(quiet.stdout.contains(text), "{text:?}: {quiet:?}");
    }
    let loud = joe(&server, &["trace", "old", "delivered", "--deliver", "-T"]);
    assert!(
        loud.stdout
            .contains("with delivery to the final destination\n\n[0s] Client"),
        "{loud:?}"
    );
    // The message before it would have been seen first.
    let body = ears.wait_for("delivered");
    assert_eq!(body, "delivered");
    let nobody = joe(&server, &["trace", "nobody.listens"]);
    assert!(
        nobody.stdout.contains("\n--X No active interest\n"),
        "{nobody:?}"
    );
    let events = json(&joe(&server, &["trace", "old", "-H", "A: b", "--json"]));
    assert_eq!(events[0]["events"][0]["type"], "in", "{events}");
    assert_eq!(events[0]["request"]["header"]["A"][0], "b", "{events}");
}

#[test]
fn account_info_tells_who_one_is_and_what_one_may_do() {
    let Some(server) = Server::with_config(CONFIG) else {
        return;
    };
    let shy = ["--user", "shy", "--password", "shy"];
    let info = server.nats(&[&["account", "info"][..], &shy].concat());
    assert_eq!(info.code, 0, "{info:?}");
    for text in [
        ": shy\n",
        ": APP (APP)\n",
        ": never\n",
        "Publish:\n",
        "Deny: a\n",
        "Subscribe:\n",
        "Allow: _INBOX.>\n",
    ] {
        assert!(info.stdout.contains(text), "{text:?}: {info:?}");
    }
    let info = json(&joe(&server, &["account", "info", "--json"]));
    assert_eq!(info["user"]["user"], "joe", "{info}");
    assert_eq!(info["user"]["account"], "APP", "{info}");
}

#[test]
fn reports_show_ones_own_account_only() {
    let Some(server) = Server::with_config(CONFIG) else {
        return;
    };
    let ready = "The server knows the subscription";
    let joe_login = [
        "--user",
        "joe",
        "--password",
        "joe",
        "--connection-name",
        "ears",
    ];
    let eve_login = [
        "--user",
        "eve",
        "--password",
        "eve",
        "--connection-name",
        "evil",
    ];
    let _ears = server.run(
        &[&["sub", "a", "b", "--trace"][..], &joe_login].concat(),
        ready,
    );
    let _evil = server.run(&[&["sub", "a", "--trace"][..], &eve_login].concat(), ready);
    let report = joe(&server, &["account", "report", "connections"]);
    assert_eq!(report.code, 0, "{report:?}");
    assert!(
        report.stdout.contains("Top 2 Connections out of 2 by subs")
            && report.stdout.contains("│ ears ")
            && report.stdout.contains("Totals for 2 connections")
            && report.stdout.contains("Connections per server")
            && !report.stdout.contains("evil"),
        "{report:?}"
    );
    let flags = ["account", "report", "connections", "--json"];
    let largest = json(&joe(&server, &[&flags[..], &["--top", "1"]].concat()));
    assert_eq!(largest.as_array().map(Vec::len), Some(1), "{largest}");
    assert_eq!(largest[0]["name"], "ears", "{largest}");
    let listening = json(&joe(&server, &[&flags[..], &["--subject", "b"]].concat()));
    assert_eq!(listening.as_array().map(Vec::len), Some(1), "{listening}");
    let closed = json(&joe(
        &server,
        &[&flags[..], &["--state", "closed"]].concat(),
    ));
    assert!(
        closed.as_array().is_some_and(|rows| !rows.is_empty()),
        "{closed}"
    );
    let refused = ["--state", "closed", "--closed-reason", "^nothing like it$"];
    let none = json(&joe(&server, &[&flags[..], &refused].concat()));
    assert_eq!(none.as_array().map(Vec::len), Some(0), "{none}");
    let statistics = joe(&server, &["account", "report", "statistics"]);
    assert!(
        statistics.stdout.contains("Server Statistics"),
        "{statistics:?}"
    );
    let statistics = json(&joe(&server, &["account", "report", "stats", "--json"]));
    assert_eq!(statistics[0]["statistics"]["acc"], "APP", "{statistics}");
    assert_eq!(statistics[0]["statistics"]["conns"], 2, "{statistics}");
}

#[test]
fn the_certificates_of_the_server_are_shown_and_their_end_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let mut params = rcgen::CertificateParams::new(names).unwrap();
    params.not_after = rcgen::date_time_ymd(2100, 1, 1);
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap().pem();
    std::fs::write(file("cert.pem"), &certificate).unwrap();
    std::fs::write(file("key.pem"), key.serialize_pem()).unwrap();
    let config = format!(
        "tls {{ cert_file: {:?}, key_file: {:?} }}",
        file("cert.pem"),
        file("key.pem")
    );
    let Some(server) = Server::with_config(&config) else {
        return;
    };
    let ca = file("cert.pem");
    let tls = server.nats(&["account", "tls", "--tlsca", &ca]);
    assert_eq!(tls.code, 0, "{tls:?}");
    for text in [
        "# TLS 1.3 using TLS13_",
        ", verified for \"127.0.0.1\"\n",
        "#   SAN: DNS Names: [localhost]\n",
        "#   Expiration: ",
        certificate.replace("\r\n", "\n").as_str(),
    ] {
        assert!(tls.stdout.contains(text), "{text:?}: {tls:?}");
    }
    let flags = [
        "account",
        "tls",
        "--tlsca",
        &ca,
        "--no-pem",
        "--expire-warn",
    ];
    let soon = server.nats(&[&flags[..], &["100y"]].concat());
    assert_eq!(soon.code, 1, "{soon:?}");
    let soon = server.nats(&[&flags[..], &["10d"]].concat());
    assert_eq!(soon.code, 0, "{soon:?}");
    assert!(!soon.stdout.contains("BEGIN CERTIFICATE"), "{soon:?}");
    let info = server.nats(&["account", "info", "--tlsca", &ca]);
    assert!(info.stdout.contains("TLS Version: 1.3 using"), "{info:?}");
    assert!(info.stdout.contains("TLS Verified: issuer "), "{info:?}");
}

#[test]
fn without_tls_there_are_no_certificates() {
    let Some(server) = Server::start() else {
        return;
    };
    let tls = server.nats(&["account", "tls"]);
    assert_eq!(tls.code, 1, "{tls:?}");
    assert!(tls.stderr.contains("does not use TLS"), "{tls:?}");
    let info = server.nats(&["account", "info"]);
    assert!(info.stdout.contains("TLS Connection: no\n"), "{info:?}");
}
