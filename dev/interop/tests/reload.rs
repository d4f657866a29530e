//! Hot reload: what changes for live connections, what is refused, and that a refused reload changes nothing.

use nats_interop::server::{run, wait_until};
use nats_interop::{Launch, Server, Wire};

const TWO_USERS: &str =
    "authorization { users: [ {user: a, password: a}, {user: b, password: b} ] }";

fn open(server: &Server, name: &str) -> Wire {
    Wire::open_with(server, &format!(r#""user":"{name}","pass":"{name}""#))
}

#[track_caller]
fn is_refused(server: &Server, fields: &str) {
    let mut wire = Wire::connect(server);
    wire.send_connect(fields);
    wire.expect_err_and_close("Authorization Violation");
}

/// The server closes the connection; the reference sends the reason only when its writer is quick enough.
#[track_caller]
fn is_cut_off(wire: &mut Wire) {
    let answer = wire.read_to_close();
    assert!(
        answer.is_empty() || answer == "-ERR 'Authorization Violation'\r\n",
        "{answer:?}"
    );
}

#[test]
fn a_removed_user_is_cut_off_and_the_others_stay() {
    let server = Server::start(TWO_USERS);
    let (mut a, mut b) = (open(&server, "a"), open(&server, "b"));
    server.reload("authorization { users: [ {user: a, password: a} ] }");
    is_cut_off(&mut b);
    a.expect_nothing();
    is_refused(&server, r#""user":"b","pass":"b""#);
}

#[test]
fn a_changed_password_cuts_off_the_user() {
    let server = Server::start(TWO_USERS);
    let (mut a, mut b) = (open(&server, "a"), open(&server, "b"));
    server.reload("authorization { users: [ {user: a, password: new}, {user: b, password: b} ] }");
    is_cut_off(&mut a);
    b.expect_nothing();
    Wire::open_with(&server, r#""user":"a","pass":"new""#);
}

#[test]
fn a_login_may_become_necessary_and_unnecessary() {
    let server = Server::start("");
    let mut anonymous = Wire::open(&server);
    server.reload("authorization { user: a, password: a }");
    is_cut_off(&mut anonymous);
    assert_eq!(Wire::connect(&server).info()["auth_required"], true);
    open(&server, "a");
    server.reload("");
    Wire::open(&server);
}

#[test]
fn a_new_token_replaces_the_old_one() {
    let server = Server::start("authorization { token: old }");
    let mut wire = Wire::open_with(&server, r#""auth_token":"old""#);
    server.reload("authorization { token: new }");
    is_cut_off(&mut wire);
    Wire::open_with(&server, r#""auth_token":"new""#);
    is_refused(&server, r#""auth_token":"old""#);
}

#[test]
fn narrower_permissions_take_subscriptions_away() {
    let user = |permissions: &str| {
        format!(
            "authorization {{ users: [ {{user: a, password: a, permissions: {{ {permissions} }} }}, {{user: b, password: b}} ] }}"
        )
    };
    let server = Server::start(&user(r#"publish: ["x", "y"], subscribe: ["x", "y"]"#));
    let (mut a, mut b) = (open(&server, "a"), open(&server, "b"));
    a.subscribe("x", "1");
    a.subscribe("y", "2");
    server.reload(&user(r#"publish: "x", subscribe: "x""#));
    a.expect_err(r#"Permissions Violation for Subscription to "y" (sid "2")"#);
    b.publish("y", "no");
    b.publish("x", "yes");
    b.flush();
    a.expect_msg("x", "1", "yes");
    a.expect_nothing();
    a.publish("y", "no");
    a.expect_err(r#"Permissions Violation for Publish to "y""#);
}

#[test]
fn wider_permissions_take_effect_on_live_connections() {
    let user = |subject: &str| {
        format!(
            "authorization {{ users: [ {{user: a, password: a, permissions: {{ publish: \"{subject}\" }} }} ] }}"
        )
    };
    let server = Server::start(&user("x"));
    let mut a = open(&server, "a");
    a.publish("y", "no");
    a.expect_err(r#"Permissions Violation for Publish to "y""#);
    server.reload(&user(">"));
    a.publish("y", "yes");
    a.expect_nothing();
}

#[test]
fn moving_a_user_to_another_account_cuts_it_off() {
    let server = Server::start(
        "accounts { A { users: [ {user: a, password: a} ] }, B { users: [ {user: b, password: b} ] } }",
    );
    let (mut a, mut b) = (open(&server, "a"), open(&server, "b"));
    server.reload("accounts { A { users: [ {user: b, password: b} ] }, B { users: [ {user: a, password: a} ] } }");
    is_cut_off(&mut a);
    is_cut_off(&mut b);
}

#[test]
fn imports_follow_the_configuration() {
    let accounts = |imports: &str| {
        format!(
            r#"accounts {{ A {{ users: [ {{user: a, password: a}} ], exports: [ {{ stream: "s.>" }} ] }}
                          B {{ users: [ {{user: b, password: b}} ], imports: [ {imports} ] }} }}"#
        )
    };
    let server = Server::start(&accounts(""));
    let (mut a, mut b) = (open(&server, "a"), open(&server, "b"));
    b.subscribe("s.x", "1");
    a.publish("s.x", "before");
    a.flush();
    b.expect_nothing();
    server.reload(&accounts(r#"{ stream: { account: A, subject: "s.>" } }"#));
    // Each connection takes the news before it reads on.
    b.flush();
    a.publish("s.x", "during");
    b.expect_msg("s.x", "1", "during");
    server.reload(&accounts(""));
    b.flush();
    a.publish("s.x", "after");
    a.flush();
    b.expect_nothing();
}

#[test]
fn mappings_follow_the_configuration() {
    let server = Server::start("mappings = { old: first }");
    let mut wire = Wire::open(&server);
    wire.subscribe(">", "1");
    wire.publish("old", "x");
    wire.expect_msg("first", "1", "x");
    server.reload("mappings = { old: second }");
    wire.publish("old", "x");
    wire.expect_msg("second", "1", "x");
    if nats_interop::binary::is_reference() {
        // The reference keeps the last mappings of the global account when the file has none any more.
        return;
    }
    server.reload("");
    wire.publish("old", "x");
    wire.expect_msg("old", "1", "x");
}

#[test]
fn fewer_connections_close_the_surplus() {
    let server = Server::start("max_connections: 3");
    let mut wires = [
        Wire::open(&server),
        Wire::open(&server),
        Wire::open(&server),
    ];
    server.reload("max_connections: 2");
    wait_until("one connection to be closed", || {
        wires
            .iter_mut()
            .filter_map(|wire| {
                wire.read_for(std::time::Duration::from_millis(20));
                wire.is_closed().then_some(())
            })
            .count()
            == 1
    });
}

#[test]
fn sizes_follow_the_configuration() {
    let server = Server::start("");
    let mut wire = Wire::open(&server);
    server.reload("max_payload: 100\nmax_control_line: 256");
    assert_eq!(Wire::connect(&server).info()["max_payload"], 100);
    wire.send("PUB a 101\r\n");
    wire.expect_err_and_close("Maximum Payload Violation");
    let mut wire = Wire::open(&server);
    wire.line(&format!("SUB {} 1", "x".repeat(300)));
    wire.expect_err_and_close("maximum control line exceeded");
}

#[test]
fn ping_timing_follows_the_configuration() {
    let server = Server::start("");
    server.reload("ping_interval: \"100ms\"\nping_max: 1");
    let mut wire = Wire::open(&server);
    wire.expect("PING\r\n");
    wire.expect_err_and_close("Stale Connection");
}

#[test]
fn what_cannot_change_is_refused_and_nothing_else_is_applied() {
    let server = Launch::new("authorization { user: a, password: a }")
        .allow_log("Failed to reload server configuration")
        .start();
    let mut a = open(&server, "a");
    let line = server.reload_refused("server_name: other\nauthorization { user: b, password: b }");
    // The reference names its own variable, ours the key as it stands in the file.
    let named = ["ServerName", "server_name"]
        .map(|name| format!("config reload not supported for {name}: old="));
    assert!(named.iter().any(|text| line.contains(text)), "{line}");
    a.expect_nothing();
    open(&server, "a");
    is_refused(&server, r#""user":"b","pass":"b""#);
}

#[test]
fn a_broken_file_is_refused_and_the_old_configuration_stays() {
    let server = Launch::new(TWO_USERS)
        .allow_log("Failed to reload server configuration")
        .start();
    let mut a = open(&server, "a");
    for broken in [
        "authorization { users: [ ",
        "no_such_field: 1",
        "max_payload: lots",
    ] {
        server.reload_refused(broken);
    }
    a.expect_nothing();
    open(&server, "b");
}

#[test]
fn the_system_account_may_ask_for_a_reload() {
    let config = |extra: &str| {
        format!(
            "accounts {{ SYS {{ users: [ {{user: s, password: s}} ] }}\n{extra} }}\nsystem_account: SYS"
        )
    };
    let server = Server::start(&config(""));
    let mut sys = open(&server, "s");
    sys.subscribe("inbox", "1");
    let id = sys.info()["server_id"].as_str().expect("an id").to_owned();
    server.write_config(&config("A { users: [ {user: a, password: a} ] }"));
    sys.publish_request(&format!("$SYS.REQ.SERVER.{id}.RELOAD"), "inbox", "");
    let (_, body) = sys.read_msg();
    assert!(body.contains("\"server\""), "{body}");
    assert!(!body.contains("\"error\""), "{body}");
    open(&server, "a");
}

#[test]
fn another_system_account_needs_a_restart() {
    let config = |system: &str| {
        format!(
            "accounts {{ S {{ users: [ {{user: s, password: s}} ] }}, T {{ users: [ {{user: t, password: t}} ] }} }}\n{system}"
        )
    };
    let server = Launch::new(&config("system_account: S"))
        .allow_log("Failed to reload")
        .start();
    for other in ["system_account: T", ""] {
        let why = server.reload_refused(&config(other));
        assert!(why.contains("not supported for SystemAccount"), "{why}");
    }
    let mut system = open(&server, "s");
    system.subscribe("inbox", "1");
    system.publish_request("$SYS.REQ.SERVER.PING.IDZ", "inbox", "");
    assert!(system.read_msg().1.contains("\"id\""));
}

#[test]
fn the_signal_flag_reloads() {
    let server = Server::start("");
    server.write_config("max_payload: 64");
    let finished = run(&["--signal", &format!("reload={}", server.pid())]);
    assert_eq!(finished.code, Some(0), "{finished:?}");
    server.wait_for_log("Reloaded server configuration");
    assert_eq!(Wire::connect(&server).info()["max_payload"], 64);
}

#[test]
fn messages_flow_during_reloads() {
    let server = Server::start("");
    let address = server.addr();
    let traffic = std::thread::spawn(move || {
        let mut wire = Wire::dial(address);
        wire.read_info();
        wire.login("");
        wire.subscribe("a", "1");
        for n in 0..2000 {
            let text = n.to_string();
            wire.publish("a", &text);
            wire.expect_msg("a", "1", &text);
        }
    });
    for n in 0..5 {
        server.reload(&format!(
            "ping_interval: \"{}m\"\nmappings = {{ m{n}: x }}",
            n + 2
        ));
    }
    traffic.join().expect("no message was lost");
}
