//! Accounts are separate worlds; imports and exports are the doors between them.

use nats_interop::server::wait_until;
use nats_interop::{Server, Wire};

/// Logs in as the user who bears the name of its account.
#[track_caller]
fn open(server: &Server, name: &str) -> Wire {
    Wire::open_with(server, &format!(r#""user":"{name}","pass":"{name}""#))
}

/// The same without headers: a responder that sees the bare request, without the requester's description in a header.
#[track_caller]
fn open_plain(server: &Server, name: &str) -> Wire {
    let fields = r#""headers":false,"no_responders":false"#;
    Wire::open_with(
        server,
        &format!(r#""user":"{name}","pass":"{name}",{fields}"#),
    )
}

/// Account `A` exports and account `B` imports, each with one user of its own name in lower case.
fn two_accounts(exports: &str, imports: &str) -> Server {
    Server::start(&format!(
        "accounts {{
           A {{ users: [ {{user: a, password: a}} ], exports: [ {exports} ] }}
           B {{ users: [ {{user: b, password: b}} ], imports: [ {imports} ] }}
           C {{ users: [ {{user: c, password: c}} ] }}
         }}"
    ))
}

#[test]
fn accounts_do_not_hear_each_other() {
    let server = two_accounts("", "");
    let (mut a, mut b, mut c) = (open(&server, "a"), open(&server, "b"), open(&server, "c"));
    for wire in [&mut a, &mut b, &mut c] {
        wire.subscribe(">", "1");
    }
    a.publish("x", "1");
    a.expect_msg("x", "1", "1");
    a.flush();
    b.expect_nothing();
    c.expect_nothing();
}

#[test]
fn a_stream_import_brings_messages_in() {
    let server = two_accounts(
        r#"{ stream: "news.>" }"#,
        r#"{ stream: { account: A, subject: "news.>" } }"#,
    );
    let (mut a, mut b, mut c) = (open(&server, "a"), open(&server, "b"), open(&server, "c"));
    b.subscribe("news.*", "1");
    c.subscribe("news.*", "1");
    a.publish("news.today", "hi");
    b.expect_msg("news.today", "1", "hi");
    b.publish("news.today", "stays in B");
    b.expect_msg("news.today", "1", "stays in B");
    a.subscribe(">", "1");
    b.publish("news.x", "still in B");
    b.flush_msg("news.x", "still in B");
    a.expect_nothing();
    c.expect_nothing();
}

#[test]
fn a_request_to_a_service_is_not_shown_to_those_who_import_a_stream() {
    let server = Server::start(
        r#"accounts {
           A { users: [ {user: a, password: a} ], exports: [ { service: "svc.*" }, { stream: ">" } ] }
           B { users: [ {user: b, password: b} ], imports: [ { service: { account: A, subject: "svc.*" } } ] }
           C { users: [ {user: c, password: c} ], imports: [ { stream: { account: A, subject: ">" }, prefix: "all" } ] }
         }"#,
    );
    let (mut a, mut b, mut c) = (open(&server, "a"), open(&server, "b"), open(&server, "c"));
    a.subscribe("svc.*", "1");
    c.subscribe("all.>", "1");
    c.subscribe_queue("all.svc.*", "workers", "2");
    b.subscribe("inbox", "1");
    b.publish_request("svc.private", "inbox", "for the service only");
    let (line, _) = a.read_msg();
    assert!(line.contains(" svc.private 1 _R_."), "{line}");
    c.expect_nothing();
    // What is published in the account itself is the stream that was exported.
    a.publish("svc.x", "for all");
    a.expect_msg("svc.x", "1", "for all");
    let got = [c.read_msg(), c.read_msg()].map(|(line, body)| (line.contains(" all.svc.x "), body));
    assert_eq!(
        got,
        [(true, "for all".to_owned()), (true, "for all".to_owned())]
    );
    c.expect_nothing();
}

#[test]
fn a_request_that_only_those_who_import_a_stream_would_hear_has_no_responders() {
    let server = Server::start(
        r#"accounts {
           A { users: [ {user: a, password: a} ], exports: [ { service: "svc" }, { stream: ">" } ] }
           B { users: [ {user: b, password: b} ], imports: [ { service: { account: A, subject: "svc" } } ] }
           C { users: [ {user: c, password: c} ], imports: [ { stream: { account: A, subject: ">" } } ] }
         }"#,
    );
    let (mut b, mut c) = (open(&server, "b"), open(&server, "c"));
    c.subscribe(">", "1");
    b.subscribe("inbox", "1");
    b.publish_request("svc", "inbox", "anybody?");
    let (line, body) = b.read_msg();
    assert!(line.starts_with("HMSG inbox 1 "), "{line}");
    assert!(body.starts_with("NATS/1.0 503\r\n"), "{body}");
    c.expect_nothing();
}

trait FlushMsg {
    fn flush_msg(&mut self, subject: &str, payload: &str);
}

impl FlushMsg for Wire {
    #[track_caller]
    fn flush_msg(&mut self, subject: &str, payload: &str) {
        self.expect_msg(subject, "1", payload);
        self.expect_nothing();
    }
}

#[test]
fn a_subscription_wider_than_the_import_gets_only_what_is_imported() {
    let server = two_accounts(
        r#"{ stream: "news.>" }"#,
        r#"{ stream: { account: A, subject: "news.eu.>" } }"#,
    );
    let (mut a, mut b) = (open(&server, "a"), open(&server, "b"));
    b.subscribe(">", "1");
    a.publish("news.us.x", "no");
    a.publish("other", "no");
    a.publish("news.eu.x", "yes");
    b.flush_msg("news.eu.x", "yes");
}

#[test]
fn a_stream_import_may_have_a_prefix_or_another_name() {
    let server = two_accounts(
        r#"{ stream: "news.*" }"#,
        r#"{ stream: { account: A, subject: "news.*" }, prefix: "from.a" }"#,
    );
    let (mut a, mut b) = (open(&server, "a"), open(&server, "b"));
    b.subscribe("from.a.news.*", "1");
    a.publish("news.x", "hi");
    b.flush_msg("from.a.news.x", "hi");

    let server = two_accounts(
        r#"{ stream: "news.*.*" }"#,
        r#"{ stream: { account: A, subject: "news.*.*" }, to: "mine.$2.$1" }"#,
    );
    let (mut a, mut b) = (open(&server, "a"), open(&server, "b"));
    b.subscribe("mine.>", "1");
    b.subscribe("mine.two.*", "2");
    a.publish("news.one.two", "hi");
    let mut lines = [b.read_msg().0, b.read_msg().0];
    lines.sort();
    assert_eq!(lines, ["MSG mine.two.one 1 2", "MSG mine.two.one 2 2"]);
}

#[test]
fn unsubscribing_ends_the_import() {
    let server = two_accounts(
        r#"{ stream: "news.>" }"#,
        r#"{ stream: { account: A, subject: "news.>" } }"#,
    );
    let (mut a, mut b) = (open(&server, "a"), open(&server, "b"));
    b.subscribe("news.*", "1");
    a.publish("news.1", "x");
    b.expect_msg("news.1", "1", "x");
    b.line("UNSUB 1");
    b.flush();
    a.publish("news.2", "x");
    a.flush();
    b.expect_nothing();
}

#[test]
fn queue_groups_of_importers_share_the_messages() {
    let server = two_accounts(
        r#"{ stream: "news.>" }"#,
        r#"{ stream: { account: A, subject: "news.>" } }"#,
    );
    let (mut a, mut b1, mut b2) = (open(&server, "a"), open(&server, "b"), open(&server, "b"));
    b1.subscribe_queue("news.x", "q", "1");
    b2.subscribe_queue("news.x", "q", "1");
    for _ in 0..50 {
        a.publish("news.x", "x");
    }
    a.flush();
    let count = |wire: &mut Wire| {
        wire.line("PING");
        std::iter::from_fn(|| match wire.read_line() {
            line if line == "PONG" => None,
            _ => Some(wire.read_exact(3)),
        })
        .count()
    };
    let (first, second) = (count(&mut b1), count(&mut b2));
    assert_eq!(first + second, 50);
    assert!(first > 0 && second > 0, "{first} {second}");
}

#[test]
fn a_private_export_is_for_the_named_accounts() {
    let server = two_accounts(
        r#"{ stream: "s", accounts: [B] }, { service: "q", accounts: [B] }"#,
        r#"{ stream: { account: A, subject: "s" } }, { service: { account: A, subject: "q" } }"#,
    );
    let (mut a, mut b) = (open(&server, "a"), open(&server, "b"));
    b.subscribe("s", "1");
    a.publish("s", "x");
    b.flush_msg("s", "x");
}

#[test]
fn an_import_of_something_that_is_not_exported_is_a_configuration_error() {
    for (exports, imports) in [
        ("", r#"{ stream: { account: A, subject: "s" } }"#),
        (
            r#"{ stream: "s" }"#,
            r#"{ service: { account: A, subject: "s" } }"#,
        ),
        (
            r#"{ stream: "s", accounts: [C] }"#,
            r#"{ stream: { account: A, subject: "s" } }"#,
        ),
        (
            r#"{ stream: "s.*" }"#,
            r#"{ stream: { account: A, subject: "s.>" } }"#,
        ),
        (
            r#"{ stream: "s" }"#,
            r#"{ stream: { account: Z, subject: "s" } }"#,
        ),
    ] {
        let finished = nats_interop::Launch::new(&format!(
            "accounts {{
               A {{ users: [ {{user: a, password: a}} ], exports: [ {exports} ] }}
               B {{ users: [ {{user: b, password: b}} ], imports: [ {imports} ] }}
               C {{ users: [ {{user: c, password: c}} ] }}
             }}"
        ))
        .run_to_exit();
        assert_eq!(
            finished.code,
            Some(1),
            "{exports} / {imports}: {finished:?}"
        );
    }
}

#[test]
fn a_service_import_carries_the_request_over_and_the_answer_back() {
    let server = two_accounts(
        r#"{ service: "help.*" }"#,
        r#"{ service: { account: A, subject: "help.*" }, to: "ask.*" }"#,
    );
    let (mut a, mut b) = (open_plain(&server, "a"), open(&server, "b"));
    a.subscribe("help.*", "1");
    b.subscribe("inbox.*", "9");
    b.publish_request("ask.me", "inbox.1", "?");
    let (line, body) = a.read_msg();
    let fields: Vec<&str> = line.split(' ').collect();
    assert_eq!(fields[..3], ["MSG", "help.me", "1"], "{line}");
    assert!(fields[3].starts_with("_R_."), "{line}");
    assert_eq!(body, "?");
    a.publish(fields[3], "answer");
    b.expect_msg("inbox.1", "9", "answer");
    a.publish(fields[3], "a second answer");
    a.flush();
    b.expect_nothing();
}

#[test]
fn a_stream_response_may_have_many_parts() {
    let server = two_accounts(
        r#"{ service: "list", response: stream }"#,
        r#"{ service: { account: A, subject: "list" } }"#,
    );
    let (mut a, mut b) = (open(&server, "a"), open(&server, "b"));
    a.subscribe("list", "1");
    b.subscribe("inbox", "9");
    b.publish_request("list", "inbox", "?");
    let (line, _) = a.read_msg();
    let reply = line.split(' ').nth(3).expect("a reply").to_owned();
    for part in ["1", "2", "3"] {
        a.publish(&reply, part);
        b.expect_msg("inbox", "9", part);
    }
}

#[test]
fn a_chunked_response_ends_with_an_empty_part() {
    let server = two_accounts(
        r#"{ service: "list", response: chunked }"#,
        r#"{ service: { account: A, subject: "list" } }"#,
    );
    let (mut a, mut b) = (open(&server, "a"), open(&server, "b"));
    a.subscribe("list", "1");
    b.subscribe("inbox", "9");
    b.publish_request("list", "inbox", "?");
    let (line, _) = a.read_msg();
    let reply = line.split(' ').nth(3).expect("a reply").to_owned();
    for part in ["1", "2", ""] {
        a.publish(&reply, part);
        b.expect_msg("inbox", "9", part);
    }
    a.publish(&reply, "after the end");
    a.flush();
    b.expect_nothing();
}

#[test]
fn a_service_import_without_a_responder_answers_503() {
    let server = two_accounts(
        r#"{ service: "q" }"#,
        r#"{ service: { account: A, subject: "q" } }"#,
    );
    let mut b = open(&server, "b");
    b.subscribe("inbox", "9");
    b.publish_request("q", "inbox", "?");
    let (line, body) = b.read_msg();
    assert!(line.starts_with("HMSG inbox 9 "), "{line}");
    assert!(body.starts_with("NATS/1.0 503"), "{body}");
}

#[test]
fn a_service_import_without_a_reply_is_a_plain_message() {
    let server = two_accounts(
        r#"{ service: "q" }"#,
        r#"{ service: { account: A, subject: "q" } }"#,
    );
    let (mut a, mut b) = (open_plain(&server, "a"), open(&server, "b"));
    a.subscribe("q", "1");
    b.publish("q", "x");
    a.flush_msg("q", "x");
}

#[test]
fn queue_groups_of_a_service_share_the_requests() {
    let server = two_accounts(
        r#"{ service: "q" }"#,
        r#"{ service: { account: A, subject: "q" } }"#,
    );
    let (mut a1, mut a2, mut b) = (
        open_plain(&server, "a"),
        open_plain(&server, "a"),
        open(&server, "b"),
    );
    a1.subscribe_queue("q", "workers", "1");
    a2.subscribe_queue("q", "workers", "1");
    for _ in 0..40 {
        b.publish("q", "x");
    }
    b.flush();
    let count = |wire: &mut Wire| {
        wire.line("PING");
        std::iter::from_fn(|| match wire.read_line() {
            line if line == "PONG" => None,
            _ => Some(wire.read_exact(3)),
        })
        .count()
    };
    let (first, second) = (count(&mut a1), count(&mut a2));
    assert_eq!(first + second, 40);
    assert!(first > 0 && second > 0, "{first} {second}");
}

#[test]
fn a_service_learns_the_account_of_the_requester_and_with_sharing_who_it_is() {
    for (share, shared) in [("", false), (", share: true", true)] {
        let import = format!(r#"{{ service: {{ account: A, subject: "q" }}{share} }}"#);
        let server = two_accounts(r#"{ service: "q" }"#, &import);
        let (mut a, mut b) = (open(&server, "a"), open(&server, "b"));
        a.subscribe("q", "1");
        b.subscribe("inbox", "9");
        b.publish_request("q", "inbox", "?");
        let (line, body) = a.read_msg();
        assert!(line.starts_with("HMSG q 1 _R_."), "{line}");
        let info = body
            .split("\r\n")
            .find_map(|l| l.strip_prefix("Nats-Request-Info: "))
            .unwrap_or_else(|| panic!("no description of the requester: {body}"));
        let info: serde_json::Value = serde_json::from_str(info).expect("JSON");
        assert_eq!(info["acc"], "B", "{info}");
        assert_eq!(info.get("user").is_some(), shared, "{info}");
        assert_eq!(info.get("host").is_some(), shared, "{info}");
    }
}

#[test]
fn an_account_token_in_the_subject_names_the_importer() {
    let server = two_accounts(
        r#"{ service: "bill.*", account_token_position: 2 }"#,
        r#"{ service: { account: A, subject: "bill.B" }, to: "bill" }"#,
    );
    let (mut a, mut b) = (open_plain(&server, "a"), open(&server, "b"));
    a.subscribe("bill.*", "1");
    b.publish("bill", "x");
    a.flush_msg("bill.B", "x");
}

#[test]
fn imports_that_go_in_a_circle_are_refused() {
    let finished = nats_interop::Launch::new(
        r#"accounts {
             A { users: [ {user: a, password: a} ], exports: [ {service: "q"} ], imports: [ { service: { account: B, subject: "q" } } ] }
             B { users: [ {user: b, password: b} ], exports: [ {service: "q"} ], imports: [ { service: { account: A, subject: "q" } } ] }
           }"#,
    )
    .run_to_exit();
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(finished.output().contains("cycle"), "{finished:?}");
}

#[test]
fn a_chain_of_service_imports_reaches_the_end() {
    let server = Server::start(
        r#"accounts {
             A { users: [ {user: a, password: a} ], exports: [ {service: "q"} ] }
             B { users: [ {user: b, password: b} ], imports: [ { service: { account: A, subject: "q" } } ], exports: [ {service: "q"} ] }
             C { users: [ {user: c, password: c} ], imports: [ { service: { account: B, subject: "q" } } ] }
           }"#,
    );
    let (mut a, mut c) = (open(&server, "a"), open(&server, "c"));
    a.subscribe("q", "1");
    c.subscribe("inbox", "9");
    c.publish_request("q", "inbox", "?");
    let (line, _) = a.read_msg();
    let reply = line.split(' ').nth(3).expect("a reply").to_owned();
    a.publish(&reply, "answer");
    c.expect_msg("inbox", "9", "answer");
}

#[test]
fn duplicate_users_are_refused() {
    let finished = nats_interop::Launch::new(
        "accounts { A { users: [ {user: x, password: a} ] }, B { users: [ {user: x, password: b} ] } }",
    )
    .run_to_exit();
    assert_eq!(finished.code, Some(1), "{finished:?}");
}

#[test]
fn the_system_account_hears_who_comes_and_goes() {
    let server = Server::start(
        "accounts { SYS { users: [ {user: sys, password: sys} ] }, A { users: [ {user: a, password: a} ] } }
         system_account: SYS",
    );
    let mut sys = open(&server, "sys");
    sys.subscribe("$SYS.ACCOUNT.A.CONNECT", "1");
    sys.subscribe("$SYS.ACCOUNT.A.DISCONNECT", "2");
    drop(open(&server, "a"));
    let (line, body) = sys.read_msg();
    assert!(line.starts_with("MSG $SYS.ACCOUNT.A.CONNECT 1 "), "{line}");
    assert!(
        body.contains("io.nats.server.advisory.v1.client_connect"),
        "{body}"
    );
    let (line, body) = sys.read_msg();
    assert!(
        line.starts_with("MSG $SYS.ACCOUNT.A.DISCONNECT 2 "),
        "{line}"
    );
    assert!(
        body.contains("io.nats.server.advisory.v1.client_disconnect"),
        "{body}"
    );
    assert!(body.contains("Client Closed"), "{body}");
}

#[test]
fn system_subjects_of_other_accounts_are_silent() {
    let server = Server::start(
        "accounts { SYS { users: [ {user: sys, password: sys} ] }, A { users: [ {user: a, password: a} ] } }
         system_account: SYS",
    );
    let mut a = open(&server, "a");
    a.subscribe("$SYS.>", "1");
    a.subscribe("inbox", "2");
    drop(open(&server, "a"));
    a.publish_request("$SYS.REQ.SERVER.PING", "inbox", "");
    let (line, body) = a.read_msg();
    assert!(
        line.starts_with("HMSG inbox 2 ") || line.starts_with("MSG $SYS.REQ.SERVER.PING 1 "),
        "{line} {body}"
    );
}

#[test]
fn connection_counts_of_accounts_follow_their_clients() {
    let server = Server::start(
        "http: \"127.0.0.1:-1\"\naccounts { A { users: [ {user: a, password: a} ] }, B { users: [ {user: b, password: b} ] } }",
    );
    let _wires = [open(&server, "a"), open(&server, "a"), open(&server, "b")];
    wait_until("the counts to be right", || {
        let page = server.page("/accstatz?unused=1");
        let conns = |name: &str| {
            page["account_statz"]
                .as_array()
                .into_iter()
                .flatten()
                .find(|a| a["acc"] == name)
                .and_then(|a| a["conns"].as_u64())
        };
        conns("A") == Some(2) && conns("B") == Some(1)
    });
}
