//! The advisories of the reference server's history as tests, as far as one server with core messaging reaches. The numbers are
//! those of the reliability notes (S6, S7, ...).

use std::collections::BTreeSet;

use nats_interop::tls::{Authority, Versions};
use nats_interop::{Launch, Server, Wire, http};
use rcgen::{DistinguishedName, DnType, DnValue, SanType};

fn open(server: &Server, name: &str) -> Wire {
    Wire::open_with(server, &format!(r#""user":"{name}","pass":"{name}""#))
}

/// S6: the command line, the file and a reload lead to the same TLS policy.
#[test]
fn s6_the_tls_policy_does_not_depend_on_where_it_was_set() {
    let authority = Authority::new("test authority");
    let file = "tls { cert_file: '$DIR/server-cert.pem', key_file: '$DIR/server-key.pem' }";
    let by_file = Launch::new(file);
    authority.server().write(by_file.dir(), "server");
    let by_flags = Launch::new("")
        .arg("--tls")
        .arg("--tlscert")
        .arg("$DIR/server-cert.pem")
        .arg("--tlskey")
        .arg("$DIR/server-key.pem");
    authority.server().write(by_flags.dir(), "server");
    let by_reload = Launch::new(file);
    authority.server().write(by_reload.dir(), "server");
    let servers = [by_file.start(), by_flags.start(), by_reload.start()];
    servers[2].reload(&format!("{file}\nping_interval: \"3m\""));

    for versions in [Versions::Only12, Versions::Only13, Versions::All] {
        let config = authority.client_config(None, versions);
        let policies: BTreeSet<_> = servers
            .iter()
            .map(|server| {
                let mut wire = Wire::connect(server).start_tls(&config);
                wire.login("");
                wire.tls_parameters()
            })
            .collect();
        assert_eq!(policies.len(), 1, "{policies:?}");
    }
}

/// S7: no field of CONNECT leads out of the account of the credentials.
#[test]
fn s7_connect_names_no_account() {
    let server = Server::start(
        "accounts {
           SYS { users: [ {user: sys, password: sys} ] }
           A { users: [ {user: a, password: a} ] }
           B { users: [ {user: b, password: b} ] }
         }
         system_account: SYS",
    );
    let (mut sys, mut b) = (open(&server, "sys"), open(&server, "b"));
    sys.subscribe("escape", "1");
    b.subscribe("escape", "1");
    for fields in [
        r#""account":"B""#,
        r#""account":"SYS""#,
        r#""account":"$SYS""#,
        r#""account":"A""#,
        r#""new_account":true"#,
        r#""account":"B","new_account":true"#,
        r#""Account":"B""#,
        r#""remote_account":"B""#,
        r#""acc":"B""#,
        r#""issuer_account":"B""#,
        r#""cluster":"B","gateway":"B""#,
        r#""import":{"allow":[">"]},"export":{"allow":[">"]}"#,
        r#""is_hub":true,"hub":true"#,
        r#""system":true,"kind":3"#,
        r#""jwt":"eyJhbGciOiJub25lIn0.e30.""#,
        r#""user":"a","user":"a","account":"B""#,
    ] {
        let mut wire = Wire::connect(&server);
        wire.send_connect(&format!(r#""user":"a","pass":"a",{fields}"#));
        let _ = wire.try_send(b"SUB escape 1\r\nPUB escape 1\r\nx\r\nPING\r\n");
        if fields.contains("\"account\":") || fields.contains("new_account") {
            wire.expect_err_and_close("Authorization Violation");
            continue;
        }
        // Some look like the field in another spelling, which the reference takes for it.
        match wire.read_through("\r\n").as_str() {
            "-ERR 'Authorization Violation'\r\n" => wire.expect_closed(),
            "MSG escape 1 1\r\n" => wire.expect("x\r\nPONG\r\n"),
            other => panic!("{fields}: {other:?}"),
        }
    }
    b.expect_nothing();
    sys.expect_nothing();
}

/// S18: every verb in every state of a connection; the server answers or closes, and lives.
#[test]
fn s18_every_verb_in_every_state() {
    let server = Server::start("authorization { user: a, password: a, timeout: 5 }");
    let mut bystander = open(&server, "a");
    bystander.subscribe("b", "1");
    let verbs = [
        "INFO {}",
        "CONNECT {}",
        "PUB a 1\r\nx",
        "HPUB a 12 13\r\nNATS/1.0\r\n\r\nx",
        "SUB a 1",
        "UNSUB 1",
        "PING",
        "PONG",
        "+OK",
        "-ERR 'x'",
        "MSG a 1 1\r\nx",
        "HMSG a 1 12 13\r\nNATS/1.0\r\n\r\nx",
        "RS+ $G a",
        "RS- $G a",
        "RMSG $G a 1\r\nx",
        "LS+ a",
        "LS- a",
        "LMSG a 1\r\nx",
        "A+ $G",
        "A- $G",
    ];
    for verb in verbs {
        // Before CONNECT, twice in one write; after CONNECT; after a second CONNECT; after a refused CONNECT.
        let mut early = Wire::connect(&server);
        let _ = early.try_send(format!("{verb}\r\n{verb}\r\n").as_bytes());
        let answer = early.read_to_close();
        assert!(
            answer.is_empty() || answer.starts_with("-ERR '"),
            "{verb}: {answer:?}"
        );

        let mut late = open(&server, "a");
        let _ = late.try_send(format!("{verb}\r\n").as_bytes());
        let mut again = open(&server, "a");
        again.login(r#""user":"a","pass":"a""#);
        let _ = again.try_send(format!("{verb}\r\n").as_bytes());
        let mut refused = Wire::connect(&server);
        refused.send_connect(r#""user":"a","pass":"wrong""#);
        let _ = refused.try_send(format!("{verb}\r\n").as_bytes());
        refused.expect_closed_after_violation();
        bystander.publish("b", "well");
        bystander.expect_msg("b", "1", "well");
    }
    assert!(server.exit_status().is_none());
}

trait ClosedAfterViolation {
    fn expect_closed_after_violation(&mut self);
}

impl ClosedAfterViolation for Wire {
    #[track_caller]
    fn expect_closed_after_violation(&mut self) {
        let answer = self.read_to_close();
        // A reset may overtake the text when the client goes on writing.
        assert!(
            answer.is_empty() || answer == "-ERR 'Authorization Violation'\r\n",
            "{answer:?}"
        );
    }
}

/// S19: no secret shows in the log at its most talkative, on a monitoring page, or in an event.
#[test]
fn s19_planted_secrets_show_nowhere() {
    let key = nkeys::KeyPair::new_user();
    let server = Launch::new(&format!(
        "http: \"127.0.0.1:-1\"
         accounts {{
           SYS {{ users: [ {{user: sys, password: SECRETsyspass}} ] }}
           A {{ users: [ {{user: alice, password: SECRETalicepass}}, {{ nkey: {} }} ] }}
         }}
         system_account: SYS",
        key.public_key()
    ))
    .arg("-DVV")
    .start();
    let mut sys = Wire::open_with(&server, r#""user":"sys","pass":"SECRETsyspass""#);
    // The event of its own connection may come before the subscription is confirmed.
    sys.send("SUB $SYS.> 1\r\nPING\r\n");
    let mut events = sys.read_through("PONG\r\n");
    let mut alice = Wire::open_with(
        &server,
        r#""user":"alice","pass":"SECRETalicepass","auth_token":"SECRETtoken""#,
    );
    alice.subscribe("x", "1");
    let mut failing = Wire::connect(&server);
    // The reference shows JWTs in its trace; ours does not.
    let jwt = if nats_interop::binary::is_reference() {
        "public"
    } else {
        "SECRETjwt"
    };
    failing.send_connect(&format!(
        r#""user":"alice","pass":"SECRETwrongpass","auth_token":"SECRETtoken2","jwt":"{jwt}","sig":"SECRETsig","proxy_sig":"SECRETproxysig""#
    ));
    failing.expect_err_and_close("Authorization Violation");
    let mut spaced = Wire::connect(&server);
    spaced.send("CONNECT { \"user\" : \"alice\" , \"pass\" : \"SECRETspaced\\\"quote\" , \"auth_token\" :\"SECRETtoken3\"}\r\n");
    spaced.expect_err_and_close("Authorization Violation");

    let mut seen = pages(&server);
    seen.push(("log".to_owned(), server.log()));
    // Both refused clients were alice, by her name; nothing is reported after the second.
    for _ in 0..2 {
        events.push_str(&sys.read_through(".CLIENT.AUTH.ERR "));
    }
    events.push_str(&sys.read_for(std::time::Duration::from_millis(100)));
    seen.push(("events".to_owned(), events));
    for (place, text) in &seen {
        // What this test itself sent over the system connection is not an event; everything else is.
        assert!(
            !text.contains("SECRET"),
            "{place} shows a secret: {}",
            around(text, "SECRET")
        );
    }
    assert!(
        server.log().contains("CONNECT {"),
        "the log shows the CONNECT without its secrets"
    );
}

/// Every monitoring page that shows anything about clients, with its path.
fn pages(server: &Server) -> Vec<(String, String)> {
    let paths = [
        "/",
        "/varz",
        "/connz?auth=1&subs=detail&state=all",
        "/subsz?subs=1",
        "/accountz?acc=A",
        "/accstatz?unused=1",
        "/healthz",
        "/routez",
        "/gatewayz",
        "/leafz",
        "/debug/vars",
    ];
    let read = |path: &str| {
        let answer = http::fetch(server.monitor_addr(), path);
        (
            path.to_owned(),
            String::from_utf8_lossy(&answer.body).into_owned(),
        )
    };
    paths.into_iter().map(read).collect()
}

/// S19: a password on the command line does not show either.
#[test]
fn s19_passwords_of_the_command_line_show_nowhere() {
    let server = Launch::new("http: \"127.0.0.1:-1\"")
        .arg("--user")
        .arg("alice")
        .arg("--pass")
        .arg("SECRETflagpass")
        .arg("-DVV")
        .start();
    Wire::open_with(&server, r#""user":"alice","pass":"SECRETflagpass""#);
    for path in ["/varz", "/connz?auth=1", "/debug/vars"] {
        let body =
            String::from_utf8_lossy(&http::fetch(server.monitor_addr(), path).body).into_owned();
        assert!(
            !body.contains("SECRET"),
            "{path}: {}",
            around(&body, "SECRET")
        );
    }
    assert!(
        !server.log().contains("SECRET"),
        "{}",
        around(&server.log(), "SECRET")
    );
}

fn around(text: &str, needle: &str) -> String {
    text.lines()
        .find(|l| l.contains(needle))
        .unwrap_or_default()
        .to_owned()
}

/// S22: a requester cannot say who it is in the server's name.
#[test]
fn s22_the_description_of_the_requester_cannot_be_forged() {
    let server = Server::start(
        r#"accounts {
             A { users: [ {user: a, password: a} ], exports: [ { service: "q" } ] }
             B { users: [ {user: b, password: b} ], imports: [ { service: { account: A, subject: "q" }, share: true } ] }
           }"#,
    );
    let (mut a, mut b) = (open(&server, "a"), open(&server, "b"));
    a.subscribe("q", "1");
    let forged = r#"{"acc":"ROOT","user":"root"}"#;
    for headers in [
        format!("Nats-Request-Info: {forged}"),
        format!("Nats-Request-Info:{forged}"),
        format!("Nats-Request-Info: {forged}\r\nNats-Request-Info: {forged}"),
        format!("X: 1\r\nNats-Request-Info: {forged}\r\nY: 2"),
        format!("Nats-Request-Info: {{}}\r\nX: Nats-Request-Info\r\nNats-Request-Info: {forged}"),
    ] {
        let block = format!("NATS/1.0\r\n{headers}\r\n\r\n");
        b.publish_with_header("q", &block, "?");
        let (_, body) = a.read_msg();
        let told: Vec<&str> = body
            .split("\r\n")
            .filter_map(|l| l.strip_prefix("Nats-Request-Info:"))
            .collect();
        assert_eq!(told.len(), 1, "{body}");
        assert!(told[0].contains(r#""acc":"B""#), "{body}");
        assert!(!body.contains("ROOT"), "{body}");
    }
}

/// S22: neither in another spelling that a lenient reader would take for the same header.
#[test]
fn s22_other_spellings_of_the_description_are_removed_as_well() {
    if nats_interop::binary::is_reference() {
        // The reference removes the exact spelling only.
        return;
    }
    let server = Server::start(
        r#"accounts {
             A { users: [ {user: a, password: a} ], exports: [ { service: "q" } ] }
             B { users: [ {user: b, password: b} ], imports: [ { service: { account: A, subject: "q" }, share: true } ] }
           }"#,
    );
    let (mut a, mut b) = (open(&server, "a"), open(&server, "b"));
    a.subscribe("q", "1");
    for name in [
        "nats-request-info",
        "NATS-REQUEST-INFO",
        "Nats-request-Info",
        "Nats-Request-Info ",
        " Nats-Request-Info",
    ] {
        b.publish_with_header("q", &format!("NATS/1.0\r\n{name}: ROOT\r\n\r\n"), "?");
        let (_, body) = a.read_msg();
        assert!(!body.contains("ROOT"), "{name:?}: {body}");
    }
}

/// S24: a distinguished name maps to the user with exactly this name.
#[test]
fn s24_distinguished_names_are_compared_whole() {
    let authority = Authority::new("test authority");
    let launch = Launch::new(
        "tls { cert_file: '$DIR/server-cert.pem', key_file: '$DIR/server-key.pem', ca_file: '$DIR/ca.pem', verify_and_map: true }
         authorization { users: [ { user: \"CN=alice,OU=people,O=example\" } ] }",
    )
    .file("ca.pem", &authority.pem());
    authority.server().write(launch.dir(), "server");
    let server = launch.start();
    for (subject, expected) in distinguished_names() {
        let shown = format!("{subject:?}");
        let identity = authority.issue("replaced", &[], |p| {
            p.distinguished_name = subject;
            p.subject_alt_names = vec![SanType::Rfc822Name(
                "alice@elsewhere".try_into().expect("ascii"),
            )];
        });
        let config = authority.client_config(Some(&identity), Versions::All);
        let mut wire = Wire::connect(&server).start_tls(&config);
        wire.send_connect("");
        let _ = wire.try_send(b"PING\r\n");
        let let_in = loop {
            let got = wire.read_for(std::time::Duration::from_millis(30));
            if wire.is_closed() || !got.is_empty() {
                break got == "PONG\r\n";
            }
        };
        assert_eq!(let_in, expected, "{shown}");
    }
}

fn name(parts: &[(DnType, &str)]) -> DistinguishedName {
    let mut dn = DistinguishedName::new();
    for (kind, value) in parts {
        dn.push(kind.clone(), DnValue::Utf8String((*value).to_owned()));
    }
    dn
}

/// Names near to `CN=alice,OU=people,O=example`, and whether they are that name.
fn distinguished_names() -> Vec<(DistinguishedName, bool)> {
    let (cn, ou, o) = (
        DnType::CommonName,
        DnType::OrganizationalUnitName,
        DnType::OrganizationName,
    );
    vec![
        (
            name(&[
                (o.clone(), "example"),
                (ou.clone(), "people"),
                (cn.clone(), "alice"),
            ]),
            true,
        ),
        (
            name(&[
                (cn.clone(), "alice"),
                (ou.clone(), "people"),
                (o.clone(), "example"),
            ]),
            true,
        ),
        (
            name(&[(cn.clone(), "alice"), (ou.clone(), "people")]),
            false,
        ),
        (name(&[(cn.clone(), "alice")]), false),
        (
            name(&[
                (cn.clone(), "Alice"),
                (ou.clone(), "people"),
                (o.clone(), "example"),
            ]),
            false,
        ),
        (name(&[(cn.clone(), "alice,OU=people,O=example")]), false),
        (
            name(&[
                (cn.clone(), "alice"),
                (ou.clone(), "people"),
                (o.clone(), "example"),
                (DnType::CountryName, "DE"),
            ]),
            false,
        ),
        (name(&[(o, "example"), (ou, "people,CN=alice")]), false),
        (DistinguishedName::new(), false),
    ]
}

/// S25: a trace goes only where the sender may publish, and hides no message from those who should get it.
#[test]
fn s25_a_trace_destination_needs_the_right_to_publish_there() {
    let server = Server::start(
        r#"authorization { users: [
             { user: a, password: a, permissions: { publish: ["foo", "my.traces"] } }
             { user: b, password: b } ] }"#,
    );
    let (mut a, mut b) = (open(&server, "a"), open(&server, "b"));
    b.subscribe("my.traces", "1");
    b.subscribe("secret", "2");
    a.publish_with_header("foo", "NATS/1.0\r\nNats-Trace-Dest: my.traces\r\n\r\n", "x");
    let (line, _) = b.read_msg();
    assert!(line.contains(" my.traces "), "{line}");
    for extra in ["", "Nats-Trace-Only: true\r\n"] {
        let block = format!("NATS/1.0\r\nNats-Trace-Dest: secret\r\n{extra}\r\n");
        let _ = a.try_send(
            format!(
                "HPUB foo {0} {1}\r\n{block}x\r\nPING\r\n",
                block.len(),
                block.len() + 1
            )
            .as_bytes(),
        );
        let answer = a.read_for(std::time::Duration::from_millis(60));
        assert!(
            answer.contains("Permissions Violation for Publish to \"secret\"")
                || answer == "PONG\r\n",
            "{answer:?}"
        );
        b.expect_nothing();
    }
}

/// S26: the user of clients without credentials is bound by its connection types before CONNECT too.
#[test]
fn s26_no_way_around_the_checks_before_connect() {
    let server = Server::start(
        r#"authorization { users: [
             { user: guest, password: g, allowed_connection_types: ["WEBSOCKET"] }
             { user: b, password: b } ] }
           no_auth_user: guest"#,
    );
    let mut b = open(&server, "b");
    b.subscribe("x", "1");
    for bytes in [
        "PUB x 1\r\nx\r\n",
        "SUB x 1\r\nPUB x 1\r\nx\r\n",
        "PING\r\nPUB x 1\r\nx\r\n",
        "CONNECT {\"verbose\":false}\r\nPUB x 1\r\nx\r\n",
    ] {
        let mut wire = Wire::connect(&server);
        let _ = wire.try_send(bytes.as_bytes());
        let answer = wire.read_to_close();
        assert!(
            answer.is_empty() || answer == "-ERR 'Authorization Violation'\r\n",
            "{answer:?}"
        );
    }
    b.expect_nothing();
}

/// S27: odd bytes in subjects never make a second line out of one.
#[test]
fn s27_no_subject_breaks_out_of_its_frame() {
    let server = Server::start("");
    let mut watcher = Wire::open(&server);
    watcher.subscribe("victim", "1");
    watcher.subscribe("x.>", "2");
    for odd in [
        "\u{0}", "\u{1}", "\u{7f}", "\u{b}", "\u{c}", "\u{85}", "\u{a0}", "\u{2028}", "é",
        "\\r\\n", "\r",
    ] {
        let subject = format!("x.{odd}PUB victim 1{odd}");
        let mut wire = Wire::open(&server);
        let _ = wire.try_send(format!("PUB x.{odd} 1\r\n1\r\nPUB {subject} 1\r\nx\r\n").as_bytes());
        let _ = wire.try_send(format!("SUB x.{odd} 9\r\nSUB {subject} 9\r\n").as_bytes());
        wire.read_for(std::time::Duration::from_millis(20));
    }
    let got = watcher.read_for(std::time::Duration::from_millis(50));
    assert!(!got.contains("MSG victim"), "{got:?}");
}

/// S28: keys and signatures of every wrong length and shape are refused, and the server lives.
#[test]
fn s28_malformed_keys_are_refused() {
    let key = nkeys::KeyPair::new_user();
    let server = Server::start(&format!(
        "authorization {{ users: [ {{ nkey: {} }} ] }}",
        key.public_key()
    ));
    let public = key.public_key();
    let mut names: Vec<String> = (0..=public.len()).map(|n| public[..n].to_owned()).collect();
    for prefix in ["A", "O", "N", "C", "X", "S", "P", "U"] {
        names.push(format!("{prefix}{}", &public[1..]));
    }
    names.push(public.to_lowercase());
    names.push(format!("{public}A"));
    names.push("=".repeat(56));
    names.push("\\u0000".repeat(56));
    for name in &names {
        for sig in [
            "",
            "AA",
            &"A".repeat(85),
            &"A".repeat(86),
            &"A".repeat(88),
            &"A".repeat(2000),
            "====",
            "\\u00ff",
        ] {
            let mut wire = Wire::connect(&server);
            wire.send_connect(&format!(r#""nkey":"{name}","sig":"{sig}""#));
            wire.expect_err_and_close("Authorization Violation");
        }
    }
}

/// S31: every protocol on every listener that does not speak it.
#[test]
fn s31_foreign_protocols_on_every_listener() {
    let server = Launch::new("http: \"127.0.0.1:-1\"").start();
    let mut bystander = Wire::open(&server);
    let greetings: [&[u8]; 7] = [
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
        b"GET /mqtt HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04abcd",
        b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03",
        b"INFO {\"server_id\":\"x\",\"cluster\":\"y\"}\r\nCONNECT {}\r\n",
        b"CONNECT {\"verbose\":false}\r\nPING\r\n",
        b"\xff\xfe\xfd\x00\x00\x00\x00\x00",
    ];
    for address in [server.addr(), server.monitor_addr()] {
        for bytes in greetings {
            let mut wire = Wire::dial(address);
            let _ = wire.try_send(bytes);
            wire.read_for(std::time::Duration::from_millis(20));
        }
    }
    bystander.flush();
    assert_eq!(http::fetch(server.monitor_addr(), "/healthz").status, 200);
}

/// S32: numbers at the edge in every page and request that counts.
#[test]
fn s32_offsets_and_limits_at_the_edge() {
    let server = Server::start(
        "http: \"127.0.0.1:-1\"
         accounts { SYS { users: [ {user: sys, password: sys} ] } }
         system_account: SYS",
    );
    let mut sys = open(&server, "sys");
    sys.subscribe("inbox", "1");
    let id = sys.info()["server_id"].as_str().expect("an id").to_owned();
    let edges = [
        "0",
        "-1",
        "1",
        "2147483647",
        "2147483648",
        "4294967296",
        "9223372036854775807",
        "-9223372036854775808",
        "9223372036854775808",
        "1e9",
        "x",
    ];
    for offset in edges {
        for limit in edges {
            for page in ["connz", "subsz"] {
                let answer = http::fetch(
                    server.monitor_addr(),
                    &format!("/{page}?subs=1&offset={offset}&limit={limit}"),
                );
                assert!(
                    matches!(answer.status, 200 | 400),
                    "{page} {offset} {limit}: {}",
                    answer.head
                );
            }
            for verb in ["CONNZ", "SUBSZ"] {
                let body = format!(r#"{{"offset":{offset},"limit":{limit},"subscriptions":true}}"#);
                sys.publish_request(&format!("$SYS.REQ.SERVER.{id}.{verb}"), "inbox", &body);
                let (line, _) = sys.read_msg();
                assert!(line.contains(" inbox "), "{line}");
            }
        }
    }
    sys.expect_nothing();
}
