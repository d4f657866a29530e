//! Who may publish and subscribe what, at the time of the request and at every delivery.

use nats_interop::{Server, Wire};

const ALICE: &str = r#""user":"alice","pass":"a""#;
const ADMIN: &str = r#""user":"admin","pass":"a""#;

/// A server with an unrestricted `admin` and an `alice` with these permissions.
fn server_with(permissions: &str) -> Server {
    Server::start(&format!(
        "authorization {{ users = [
           {{ user: admin, password: a }}
           {{ user: alice, password: a, permissions: {{ {permissions} }} }}
         ] }}"
    ))
}

#[track_caller]
fn both(server: &Server) -> (Wire, Wire) {
    (
        Wire::open_with(server, ALICE),
        Wire::open_with(server, ADMIN),
    )
}

#[test]
fn no_allowed_pattern_stands_for_a_subject_with_an_empty_token() {
    let server = server_with(r#"publish: { allow: ["ok.>", "x.*.z"] }"#);
    let (mut alice, mut admin) = both(&server);
    admin.subscribe(">", "1");
    for subject in ["ok..a", "ok.", "x..z"] {
        alice.publish(subject, "1");
        alice.expect_err(&format!(
            "Permissions Violation for Publish to \"{subject}\""
        ));
    }
    alice.expect_nothing();
    admin.expect_nothing();
}

#[test]
fn publishing_outside_the_allowed_subjects_is_an_error_and_not_delivered() {
    let server = server_with(r#"publish: ["ok.>", "one"]"#);
    let (mut alice, mut admin) = both(&server);
    admin.subscribe(">", "1");
    alice.publish("one", "1");
    alice.publish("ok.a.b", "2");
    alice.publish("no", "3");
    alice.expect_err(r#"Permissions Violation for Publish to "no""#);
    alice.publish("ok", "4");
    alice.expect_err(r#"Permissions Violation for Publish to "ok""#);
    alice.expect_nothing();
    admin.expect_msg("one", "1", "1");
    admin.expect_msg("ok.a.b", "1", "2");
    admin.expect_nothing();
}

#[test]
fn deny_wins_over_allow() {
    let server =
        server_with(r#"publish: { allow: "foo.>", deny: ["foo.secret", "foo.*.secret"] }"#);
    let (mut alice, mut admin) = both(&server);
    admin.subscribe(">", "1");
    alice.publish("foo.a", "1");
    for subject in ["foo.secret", "foo.x.secret", "bar"] {
        alice.publish(subject, "no");
        alice.expect_err(&format!(
            r#"Permissions Violation for Publish to "{subject}""#
        ));
    }
    alice.expect_nothing();
    admin.expect_msg("foo.a", "1", "1");
    admin.expect_nothing();
}

#[test]
fn a_lone_deny_allows_the_rest() {
    let server = server_with(r#"publish: { deny: "secret" }, subscribe: { deny: "hidden" }"#);
    let (mut alice, mut admin) = both(&server);
    admin.subscribe("x", "1");
    alice.publish("x", "1");
    alice.publish("secret", "2");
    alice.expect_err(r#"Permissions Violation for Publish to "secret""#);
    alice.line("SUB hidden 1");
    alice.expect_err(r#"Permissions Violation for Subscription to "hidden""#);
    alice.subscribe("open", "2");
    admin.expect_msg("x", "1", "1");
}

#[test]
fn a_violation_comes_instead_of_ok() {
    let server = server_with(r#"publish: "a", subscribe: "a""#);
    let mut alice = Wire::connect(&server);
    alice.line(r#"CONNECT {"user":"alice","pass":"a"}"#);
    alice.expect("+OK\r\n");
    alice.publish("b", "x");
    alice.expect_err(r#"Permissions Violation for Publish to "b""#);
    alice.line("SUB b 1");
    alice.expect_err(r#"Permissions Violation for Subscription to "b""#);
    alice.publish("a", "x");
    alice.expect("+OK\r\n");
    alice.expect_nothing();
}

#[test]
fn subscribing_needs_every_subject_to_be_allowed() {
    let server = server_with(r#"subscribe: ["foo.*", "bar.>"]"#);
    let (mut alice, _admin) = both(&server);
    for (number, subject) in ["foo.a", "foo.*", "bar.a.b", "bar.*", "bar.>"]
        .iter()
        .enumerate()
    {
        alice.subscribe(subject, &number.to_string());
    }
    for subject in ["foo", "foo.a.b", ">", "*.a", "*.*", "foo.*.>", "bar"] {
        alice.line(&format!("SUB {subject} x"));
        alice.expect_err(&format!(
            r#"Permissions Violation for Subscription to "{subject}""#
        ));
    }
    alice.expect_nothing();
}

#[test]
fn a_full_wildcard_is_wider_than_a_partial_one() {
    if nats_interop::binary::is_reference() {
        // The reference takes the token `>` for something that `*` matches, and delivers foo.a.b to this user.
        return;
    }
    let server = server_with(r#"subscribe: "foo.*""#);
    let (mut alice, mut admin) = both(&server);
    alice.line("SUB foo.> 1");
    alice.expect_err(r#"Permissions Violation for Subscription to "foo.>""#);
    admin.publish("foo.a.b", "x");
    admin.flush();
    alice.expect_nothing();
}

#[test]
fn a_wildcard_subscription_over_a_denied_subject_is_filtered_at_delivery() {
    let server =
        server_with(r#"subscribe: { allow: "foo.>", deny: ["foo.secret", "foo.*.secret"] }"#);
    let (mut alice, mut admin) = both(&server);
    alice.subscribe("foo.>", "1");
    alice.subscribe("foo.*", "2");
    for subject in ["foo.secret", "foo.a.secret"] {
        admin.publish(subject, "no");
    }
    admin.publish("foo.a.b", "yes");
    admin.flush();
    alice.expect_msg("foo.a.b", "1", "yes");
    alice.expect_nothing();
    alice.line("SUB foo.secret 3");
    alice.expect_err(r#"Permissions Violation for Subscription to "foo.secret""#);
}

#[test]
fn a_filtered_member_does_not_swallow_the_message_of_its_group() {
    let server = server_with(r#"subscribe: { allow: "foo.>", deny: "foo.secret" }"#);
    let (mut alice, mut admin) = both(&server);
    alice.subscribe_queue("foo.*", "q", "1");
    admin.subscribe_queue("foo.*", "q", "1");
    let mut publisher = Wire::open_with(&server, ADMIN);
    for _ in 0..40 {
        publisher.publish("foo.secret", "x");
    }
    publisher.flush();
    alice.expect_nothing();
    for _ in 0..40 {
        admin.expect_msg("foo.secret", "1", "x");
    }
    admin.expect_nothing();
}

#[test]
fn queue_permissions_name_the_groups_that_may_be_joined() {
    let server =
        server_with(r#"subscribe: { allow: ["jobs q1", "jobs v*", "open"], deny: ["open vx"] }"#);
    let (mut alice, _admin) = both(&server);
    alice.line("SUB jobs 1");
    alice.expect_err(r#"Permissions Violation for Subscription to "jobs""#);
    alice.subscribe_queue("jobs", "q1", "2");
    alice.line("SUB jobs q2 3");
    alice.expect_err(r#"Permissions Violation for Subscription to "jobs" using queue "q2""#);
    alice.subscribe("open", "5");
    alice.line("SUB open vx 6");
    alice.expect_err(r#"Permissions Violation for Subscription to "open" using queue "vx""#);
    alice.expect_nothing();
}

#[test]
fn queue_wildcards_match_dotted_group_names() {
    let server =
        server_with(r#"subscribe: { allow: ["jobs v1.*", "jobs *.prod"], deny: ["jobs *.dev"] }"#);
    let (mut alice, _admin) = both(&server);
    alice.subscribe_queue("jobs", "v1.a", "1");
    alice.subscribe_queue("jobs", "v2.prod", "2");
    for queue in ["v2.a", "v1.dev", "v1"] {
        alice.line(&format!("SUB jobs {queue} 3"));
        alice.expect_err(&format!(
            r#"Permissions Violation for Subscription to "jobs" using queue "{queue}""#
        ));
    }
}

#[test]
fn default_permissions_bind_users_without_own_ones() {
    let server = Server::start(
        r#"authorization {
             default_permissions = { publish: "SANDBOX.*", subscribe: ["PUBLIC.>", "_INBOX.>"] }
             users = [ { user: alice, password: a }, { user: admin, password: a, permissions: { publish: ">" } } ]
           }"#,
    );
    let (mut alice, mut admin) = both(&server);
    alice.publish("SANDBOX.a", "x");
    alice.publish("PUBLIC.a", "x");
    alice.expect_err(r#"Permissions Violation for Publish to "PUBLIC.a""#);
    alice.subscribe("PUBLIC.x", "1");
    admin.subscribe("anything", "1");
    admin.publish("PUBLIC.x", "hi");
    alice.expect_msg("PUBLIC.x", "1", "hi");
}

#[test]
fn a_reply_subject_is_not_checked_as_a_publish() {
    let server = server_with(r#"publish: "req", subscribe: "_INBOX.>""#);
    let (mut alice, mut admin) = both(&server);
    admin.subscribe("req", "1");
    alice.publish_request("req", "anything.at.all", "x");
    admin.expect("MSG req 1 anything.at.all 1\r\nx\r\n");
    alice.expect_nothing();
}

#[test]
fn allow_responses_lets_a_service_answer_once_and_only_to_the_request() {
    let server = server_with(r#"subscribe: "service", allow_responses: true"#);
    let (mut alice, mut admin) = both(&server);
    alice.subscribe("service", "1");
    admin.subscribe("inbox.*", "1");
    alice.publish("inbox.1", "too early");
    alice.expect_err(r#"Permissions Violation for Publish to "inbox.1""#);
    admin.publish_request("service", "inbox.1", "?");
    alice.expect("MSG service 1 inbox.1 1\r\n?\r\n");
    alice.publish("inbox.1", "answer");
    admin.expect_msg("inbox.1", "1", "answer");
    alice.publish("inbox.1", "again");
    alice.expect_err(r#"Permissions Violation for Publish to "inbox.1""#);
    alice.publish("inbox.2", "other");
    alice.expect_err(r#"Permissions Violation for Publish to "inbox.2""#);
    admin.expect_nothing();
}

#[test]
fn allow_responses_counts_and_adds_to_explicit_permissions() {
    let server = server_with(
        r#"publish: "log", subscribe: "service", allow_responses: { max: 3, expires: "10m" }"#,
    );
    let (mut alice, mut admin) = both(&server);
    alice.subscribe("service", "1");
    admin.subscribe("inbox", "1");
    admin.subscribe("log", "2");
    admin.publish_request("service", "inbox", "?");
    alice.expect("MSG service 1 inbox 1\r\n?\r\n");
    for text in ["1", "2", "3"] {
        alice.publish("inbox", text);
        admin.expect_msg("inbox", "1", text);
    }
    alice.publish("inbox", "4");
    alice.expect_err(r#"Permissions Violation for Publish to "inbox""#);
    alice.publish("log", "done");
    admin.expect_msg("log", "2", "done");
    alice.publish("elsewhere", "x");
    alice.expect_err(r#"Permissions Violation for Publish to "elsewhere""#);
}

#[test]
fn allow_responses_expires() {
    let server =
        server_with(r#"subscribe: "service", allow_responses: { max: 100, expires: "50ms" }"#);
    let (mut alice, mut admin) = both(&server);
    alice.subscribe("service", "1");
    admin.subscribe("inbox", "1");
    admin.publish_request("service", "inbox", "?");
    alice.expect("MSG service 1 inbox 1\r\n?\r\n");
    let deadline = std::time::Instant::now() + nats_interop::server::PATIENCE;
    loop {
        alice.publish("inbox", "x");
        alice.line("PING");
        let line = alice.read_line();
        if line != "PONG" {
            assert_eq!(
                line,
                r#"-ERR 'Permissions Violation for Publish to "inbox"'"#
            );
            break;
        }
        assert!(
            std::time::Instant::now() < deadline,
            "the permission to answer never ends"
        );
    }
}

#[test]
fn a_deny_is_stronger_than_the_right_to_answer() {
    let server = server_with(
        r#"publish: { deny: "inbox.secret" }, subscribe: "service", allow_responses: true"#,
    );
    let (mut alice, mut admin) = both(&server);
    alice.subscribe("service", "1");
    admin.subscribe("inbox.>", "1");
    admin.publish_request("service", "inbox.secret", "?");
    alice.expect("MSG service 1 inbox.secret 1\r\n?\r\n");
    alice.publish("inbox.secret", "answer");
    let answer = {
        alice.line("PING");
        alice.read_line()
    };
    if answer == "PONG" {
        // The reference lets the tracked reply pass; record which it is.
        admin.expect_msg("inbox.secret", "1", "answer");
    } else {
        assert_eq!(
            answer,
            r#"-ERR 'Permissions Violation for Publish to "inbox.secret"'"#
        );
    }
}

#[test]
fn subjects_reserved_for_servers_may_not_be_published() {
    let server = Server::start("");
    let mut wire = Wire::open(&server);
    wire.subscribe(">", "1");
    for subject in ["_GR_.abc.def.inbox", "$GR.abc.inbox"] {
        wire.publish(subject, "x");
        wire.expect_err(&format!(
            r#"Permissions Violation for Publish to "{subject}""#
        ));
    }
    wire.publish_request("a", "_GR_.abc.def.inbox", "x");
    wire.expect_err(r#"Permissions Violation for Publish with Reply of "_GR_.abc.def.inbox""#);
    wire.publish_request("a", "_R_.abc", "x");
    wire.expect_err(r#"Permissions Violation for Publish with Reply of "_R_.abc""#);
    wire.expect_nothing();
}

#[test]
fn permissions_of_imports_and_exports_names_are_the_same_as_publish_and_subscribe() {
    let server = server_with(r#"import: "in", export: "out""#);
    let (mut alice, _admin) = both(&server);
    alice.publish("in", "x");
    alice.subscribe("out", "1");
    alice.publish("out", "x");
    alice.expect_err(r#"Permissions Violation for Publish to "out""#);
}

#[test]
fn many_different_publishes_do_not_weaken_the_check() {
    let server = server_with(r#"publish: { allow: "ok.*", deny: "ok.bad" }"#);
    let (mut alice, mut admin) = both(&server);
    admin.subscribe("ok.bad", "1");
    let mut batch = String::new();
    for n in 0..3000 {
        batch.push_str(&format!("PUB ok.{n} 1\r\nx\r\n"));
    }
    alice.send(&batch);
    alice.flush();
    alice.publish("ok.bad", "x");
    alice.expect_err(r#"Permissions Violation for Publish to "ok.bad""#);
    admin.expect_nothing();
}
