//! TLS on the client port: required, mixed, handshake first, client certificates, and what happens when a peer does not match.

use std::sync::Arc;

use nats_interop::tls::{Authority, Identity, Versions};
use nats_interop::{Launch, Server, Wire};
use rcgen::{DnType, SanType};
use rustls::ClientConfig;

/// An authority, and a launch whose folder holds its certificate (`ca.pem`) and a server identity (`server-*.pem`).
struct Setting {
    authority: Authority,
    launch: Launch,
}

const PEMS: &str = "cert_file: '$DIR/server-cert.pem', key_file: '$DIR/server-key.pem'";

fn setting(config: &str) -> Setting {
    let authority = Authority::new("test authority");
    let launch = Launch::new(&config.replace("$PEMS", PEMS)).file("ca.pem", &authority.pem());
    authority.server().write(launch.dir(), "server");
    Setting { authority, launch }
}

impl Setting {
    fn client(&self) -> Arc<ClientConfig> {
        self.authority.client_config(None, Versions::All)
    }

    fn client_with(&self, identity: &Identity) -> Arc<ClientConfig> {
        self.authority.client_config(Some(identity), Versions::All)
    }
}

/// INFO in plain text, then the handshake, then a round trip.
#[track_caller]
fn open(server: &Server, config: &Arc<ClientConfig>, fields: &str) -> Wire {
    let mut wire = Wire::connect(server).start_tls(config);
    wire.login(fields);
    wire
}

/// True when the server lets this client in with these CONNECT fields.
fn is_let_in(server: &Server, config: &Arc<ClientConfig>, fields: &str) -> bool {
    let Ok(mut wire) = Wire::connect(server).try_start_tls(config) else {
        return false;
    };
    wire.send_connect(fields);
    if wire.try_send(b"PING\r\n").is_err() {
        return false;
    }
    wire.read_to_close_or_pong()
}

trait PongOrClose {
    fn read_to_close_or_pong(&mut self) -> bool;
}

impl PongOrClose for Wire {
    fn read_to_close_or_pong(&mut self) -> bool {
        let mut got = String::new();
        while !self.is_closed() && !got.contains('\n') {
            got.push_str(&self.read_for(std::time::Duration::from_millis(30)));
        }
        got.contains("PONG")
    }
}

#[test]
fn tls_is_announced_and_required() {
    let setting = setting("tls { $PEMS }");
    let client = setting.client();
    let server = setting.launch.start();
    let info = Wire::connect(&server).info().clone();
    assert_eq!(info["tls_required"], true);
    assert!(info.get("tls_verify").is_none(), "{info}");
    assert!(info.get("tls_available").is_none(), "{info}");
    let mut wire = open(&server, &client, "");
    wire.subscribe("a", "1");
    wire.publish("a", "secret");
    wire.expect_msg("a", "1", "secret");
}

#[test]
fn large_messages_pass_through_tls() {
    let setting = setting("tls { $PEMS }");
    let client = setting.client();
    let server = setting.launch.start();
    let (mut a, mut b) = (open(&server, &client, ""), open(&server, &client, ""));
    a.subscribe("big", "1");
    let payload = "0123456789abcdef".repeat(60_000);
    b.publish("big", &payload);
    a.expect_msg("big", "1", &payload);
}

#[test]
fn a_plain_client_is_closed_where_tls_is_required() {
    let setting = setting("tls { $PEMS }");
    let server = setting.launch.start();
    let mut wire = Wire::connect(&server);
    wire.send("CONNECT {\"verbose\":false}\r\nPING\r\n");
    let answer = wire.read_to_close();
    assert!(!answer.contains("PONG"), "{answer:?}");
}

#[test]
fn a_silent_client_is_closed_after_the_tls_timeout() {
    let setting = setting("tls { $PEMS, timeout: 0.2 }");
    let server = setting.launch.start();
    let mut wire = Wire::connect(&server);
    let answer = wire.read_to_close();
    let told = "-ERR 'Secure Connection - TLS Required'\r\n";
    assert!(answer.is_empty() || answer == told, "{answer:?}");
}

#[test]
fn plain_and_encrypted_clients_share_a_port_when_allowed() {
    let setting = setting("allow_non_tls: true\ntls { $PEMS }");
    let client = setting.client();
    let server = setting.launch.start();
    let mut plain = Wire::connect(&server);
    let info = plain.info().clone();
    assert_eq!(info["tls_available"], true);
    assert!(info.get("tls_required").is_none(), "{info}");
    plain.login("");
    let mut encrypted = open(&server, &client, "");
    encrypted.subscribe("a", "1");
    plain.publish("a", "x");
    encrypted.expect_msg("a", "1", "x");
}

#[test]
fn the_handshake_may_come_first() {
    let setting = setting("tls { $PEMS, handshake_first: true }");
    let client = setting.client();
    let server = setting.launch.allow_log("TLS Handshake First").start();
    let mut wire = Wire::dial(server.addr()).start_tls(&client);
    let info = wire.read_info();
    assert_eq!(info["tls_required"], true);
    wire.login("");
}

#[test]
fn handshake_first_auto_serves_both_kinds() {
    let setting = setting("tls { $PEMS, handshake_first: auto }");
    let client = setting.client();
    let server = setting.launch.start();
    let mut first = Wire::dial(server.addr()).start_tls(&client);
    first.read_info();
    first.login("");
    open(&server, &client, "");
}

#[test]
fn handshake_first_with_a_fallback_delay_waits_that_long() {
    let setting = setting("tls { $PEMS, handshake_first: \"300ms\" }");
    let client = setting.client();
    let server = setting.launch.start();
    let begun = std::time::Instant::now();
    let mut wire = Wire::dial(server.addr());
    wire.read_info();
    assert!(
        begun.elapsed() >= std::time::Duration::from_millis(250),
        "{:?}",
        begun.elapsed()
    );
    wire.start_tls(&client).login("");
}

#[test]
fn a_client_certificate_of_the_authority_is_demanded() {
    let setting = setting("tls { $PEMS, ca_file: '$DIR/ca.pem', verify: true }");
    let good = setting.authority.client("friend");
    let stranger = Authority::new("other authority").client("friend");
    let configs = [
        setting.client_with(&good),
        setting.client(),
        setting.client_with(&stranger),
    ];
    let server = setting.launch.start();
    assert_eq!(Wire::connect(&server).info()["tls_verify"], true);
    let results = configs
        .each_ref()
        .map(|config| is_let_in(&server, config, ""));
    assert_eq!(
        results,
        [true, false, false],
        "own, none, foreign certificate"
    );
}

#[test]
fn the_certificate_names_the_user() {
    let setting = setting(
        "tls { $PEMS, ca_file: '$DIR/ca.pem', verify_and_map: true }
         authorization { users: [
           { user: \"derek@example.com\", permissions: { publish: mail } }
           { user: \"host.example.com\", permissions: { publish: dns } }
           { user: \"CN=plain,OU=people\", permissions: { publish: dn } }
         ] }",
    );
    let mail = setting.authority.issue("any", &[], |p| {
        p.subject_alt_names = vec![SanType::Rfc822Name(
            "derek@example.com".try_into().expect("ascii"),
        )];
    });
    let dns = setting
        .authority
        .issue("any", &["host.example.com"], |_| {});
    let dn = setting.authority.issue("plain", &[], |p| {
        p.distinguished_name
            .push(DnType::OrganizationalUnitName, "people");
    });
    let unknown = setting.authority.client("nobody");
    let [mail, dns, dn, unknown] = [&mail, &dns, &dn, &unknown].map(|i| setting.client_with(i));
    let server = setting.launch.start();
    for (config, subject) in [(&mail, "mail"), (&dns, "dns"), (&dn, "dn")] {
        let mut wire = open(&server, config, "");
        wire.publish(subject, "x");
        wire.expect_nothing();
        wire.publish("other", "x");
        wire.expect_err("Permissions Violation for Publish to \"other\"");
    }
    assert!(!is_let_in(&server, &unknown, ""));
}

#[test]
fn only_pinned_certificates_come_in() {
    use sha2::{Digest, Sha256};
    let authority = Authority::new("test authority");
    let (pinned, other) = (authority.client("pinned"), authority.client("other"));
    let hash: String = Sha256::digest(&pinned.public_key_der)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    let launch = Launch::new(&format!(
        "tls {{ {PEMS}, ca_file: '$DIR/ca.pem', verify: true, pinned_certs: [ \"{hash}\" ] }}"
    ))
    .file("ca.pem", &authority.pem());
    authority.server().write(launch.dir(), "server");
    let server = launch.start();
    assert!(is_let_in(
        &server,
        &authority.client_config(Some(&pinned), Versions::All),
        ""
    ));
    assert!(!is_let_in(
        &server,
        &authority.client_config(Some(&other), Versions::All),
        ""
    ));
}

#[test]
fn the_minimum_version_is_kept() {
    let setting = setting("tls { $PEMS, min_version: \"1.3\" }");
    let (old, new) = (
        setting.authority.client_config(None, Versions::Only12),
        setting.authority.client_config(None, Versions::Only13),
    );
    let server = setting.launch.start();
    assert!(!is_let_in(&server, &old, ""));
    assert!(is_let_in(&server, &new, ""));
}

#[test]
fn both_versions_work_by_default() {
    let setting = setting("tls { $PEMS }");
    let configs =
        [Versions::Only12, Versions::Only13].map(|v| setting.authority.client_config(None, v));
    let server = setting.launch.start();
    let versions = configs
        .each_ref()
        .map(|c| open(&server, c, "").tls_parameters().map(|p| p.0));
    assert_eq!(
        versions,
        [Some("TLSv1_2".to_owned()), Some("TLSv1_3".to_owned())]
    );
}

#[test]
fn cipher_suites_may_be_chosen() {
    let setting = setting(
        "tls { $PEMS, cipher_suites: [ \"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384\" ], curve_preferences: [ \"CurveP256\" ] }",
    );
    let config = setting.authority.client_config(None, Versions::Only12);
    let server = setting.launch.start();
    let suite = open(&server, &config, "").tls_parameters().map(|p| p.1);
    assert_eq!(
        suite.as_deref(),
        Some("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384")
    );
}

#[test]
fn several_certificates_may_be_listed() {
    let setting = setting("tls { certs: [ { $PEMS } ] }");
    let client = setting.client();
    let server = setting.launch.start();
    open(&server, &client, "");
}

#[test]
fn a_new_certificate_is_taken_at_reload_and_live_connections_stay() {
    let config = format!("tls {{ {PEMS} }}");
    let setting = setting(&config);
    let client = setting.client();
    let authority = setting.authority;
    let server = setting.launch.start();
    let mut old = open(&server, &client, "");
    let before = old.peer_certificate();
    authority.server().write(server.dir(), "server");
    server.reload(&config);
    old.flush();
    let fresh = open(&server, &client, "");
    assert_ne!(before, fresh.peer_certificate());
}

#[test]
fn broken_tls_settings_are_refused_at_start() {
    for tls in [
        "tls { cert_file: '$DIR/none.pem', key_file: '$DIR/none.pem' }",
        "tls { cert_file: '$DIR/server-cert.pem' }",
        "tls { $PEMS, ca_file: '$DIR/none.pem', verify: true }",
        "tls { $PEMS, min_version: \"1.1\" }",
        "tls { $PEMS, cipher_suites: [ \"NO_SUCH_SUITE\" ] }",
        "tls { $PEMS, pinned_certs: [ \"abc\" ] }",
        "tls { $PEMS, nonsense: true }",
    ] {
        let finished = setting(tls).launch.run_to_exit();
        assert_eq!(finished.code, Some(1), "{tls}: {finished:?}");
    }
}

#[test]
fn too_many_handshakes_are_put_off_with_a_text() {
    let setting = setting("tls { $PEMS, connection_rate_limit: 1 }");
    let rejected = r"Rejected \d connections due to TLS rate limiting";
    let server = setting.launch.allow_log(rejected).start();
    let mut wires: Vec<Wire> = (0..3).map(|_| Wire::connect(&server)).collect();
    for wire in &mut wires[1..] {
        wire.expect_err_and_close("Connection throttling is active. Please try again later.");
    }
    server.wait_for_log(rejected);
}

#[test]
fn a_full_server_says_so_before_the_handshake() {
    for (first, info) in [("false", true), ("true", false)] {
        let config = format!("max_connections: 1\ntls {{ $PEMS, handshake_first: {first} }}");
        let setting = setting(&config);
        let client = setting.client();
        let server = setting
            .launch
            .allow_log("maximum connections exceeded|TLS Handshake First")
            .start();
        let mut only = match info {
            true => Wire::connect(&server).start_tls(&client),
            false => Wire::dial(server.addr()).start_tls(&client),
        };
        if !info {
            only.read_info();
        }
        only.login("");
        let answer = Wire::dial(server.addr()).read_to_close();
        assert_eq!(answer.starts_with("INFO"), info, "{answer}");
        assert!(
            answer.ends_with("-ERR 'maximum connections exceeded'\r\n"),
            "{answer}"
        );
        only.flush();
    }
}
