//! Who comes in: every form of credentials without JWT, and what everybody else is told.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use nats_interop::{Server, Wire};

const REFUSED: &str = "Authorization Violation";

#[track_caller]
fn is_refused(server: &Server, fields: &str) {
    let mut wire = Wire::connect(server);
    wire.send_connect(fields);
    wire.expect_err_and_close(REFUSED);
}

#[test]
fn one_user_with_a_password() {
    let server = Server::start("authorization { user: derek, password: porkchop }");
    assert_eq!(Wire::connect(&server).info()["auth_required"], true);
    Wire::open_with(&server, r#""user":"derek","pass":"porkchop""#);
    for fields in [
        "",
        r#""user":"derek""#,
        r#""pass":"porkchop""#,
        r#""user":"derek","pass":"porkcho""#,
        r#""user":"derek","pass":"porkchop ""#,
        r#""user":"Derek","pass":"porkchop""#,
        r#""user":"","pass":"""#,
        r#""auth_token":"porkchop""#,
    ] {
        is_refused(&server, fields);
    }
}

#[test]
fn several_users() {
    let server = Server::start(
        "authorization { users: [ { user: alice, password: foo }, { username: bob, pass: bar } ] }",
    );
    Wire::open_with(&server, r#""user":"alice","pass":"foo""#);
    Wire::open_with(&server, r#""user":"bob","pass":"bar""#);
    is_refused(&server, r#""user":"alice","pass":"bar""#);
    is_refused(&server, r#""user":"carol","pass":"foo""#);
}

#[test]
fn a_token() {
    let server = Server::start("authorization { token: s3cr3t }");
    Wire::open_with(&server, r#""auth_token":"s3cr3t""#);
    is_refused(&server, r#""auth_token":"s3cr3""#);
    is_refused(&server, r#""auth_token":"""#);
    is_refused(&server, r#""user":"s3cr3t""#);
}

#[test]
fn bcrypt_passwords_and_tokens() {
    let password = bcrypt::hash("porkchop", 4).expect("a hash");
    let go_style = password.replacen("$2b$", "$2a$", 1);
    let server = Server::start(&format!(
        "authorization {{ users: [ {{ user: new, password: \"{password}\" }}, {{ user: old, password: \"{go_style}\" }} ] }}"
    ));
    Wire::open_with(&server, r#""user":"old","pass":"porkchop""#);
    is_refused(&server, r#""user":"old","pass":"wrong""#);
    is_refused(&server, &format!(r#""user":"old","pass":"{go_style}""#));
    Wire::open_with(&server, r#""user":"new","pass":"porkchop""#);

    let server = Server::start(&format!("authorization {{ token: \"{go_style}\" }}"));
    Wire::open_with(&server, r#""auth_token":"porkchop""#);
    is_refused(&server, r#""auth_token":"wrong""#);
}

#[test]
fn an_unquoted_bcrypt_hash_is_no_variable() {
    let hash = bcrypt::hash("porkchop", 4)
        .expect("a hash")
        .replacen("$2b$", "$2a$", 1);
    let server = Server::start(&format!(
        "authorization {{ user: derek, password: {hash} }}"
    ));
    Wire::open_with(&server, r#""user":"derek","pass":"porkchop""#);
    is_refused(&server, r#""user":"derek","pass":"wrong""#);
}

struct Key(nkeys::KeyPair);

impl Key {
    fn new() -> Self {
        Self(nkeys::KeyPair::new_user())
    }

    fn signature(&self, wire: &Wire) -> Vec<u8> {
        let nonce = wire.info()["nonce"].as_str().expect("a nonce");
        self.0.sign(nonce.as_bytes()).expect("a signature")
    }
}

fn nkey_server(key: &Key) -> Server {
    Server::start(&format!(
        "authorization {{ users: [ {{ nkey: {} }} ] }}",
        key.0.public_key()
    ))
}

#[test]
fn an_nkey_signs_the_nonce() {
    let key = Key::new();
    let server = nkey_server(&key);
    for engine in [&URL_SAFE_NO_PAD, &STANDARD] {
        let mut wire = Wire::connect(&server);
        let signature = engine.encode(key.signature(&wire));
        wire.login(&format!(
            r#""nkey":"{}","sig":"{signature}""#,
            key.0.public_key()
        ));
    }
}

#[test]
fn an_nkey_without_the_right_signature_is_refused() {
    let (key, other) = (Key::new(), Key::new());
    let server = nkey_server(&key);
    let public = key.0.public_key();
    is_refused(&server, &format!(r#""nkey":"{public}""#));
    is_refused(&server, &format!(r#""nkey":"{public}","sig":"""#));
    is_refused(&server, &format!(r#""nkey":"{public}","sig":"!!!""#));

    let mut wire = Wire::connect(&server);
    let signature = URL_SAFE_NO_PAD.encode(other.signature(&wire));
    wire.send_connect(&format!(r#""nkey":"{public}","sig":"{signature}""#));
    wire.expect_err_and_close(REFUSED);

    let mut wire = Wire::connect(&server);
    let signature = URL_SAFE_NO_PAD.encode(other.signature(&wire));
    wire.send_connect(&format!(
        r#""nkey":"{}","sig":"{signature}""#,
        other.0.public_key()
    ));
    wire.expect_err_and_close(REFUSED);
}

#[test]
fn a_signature_is_good_for_one_connection_only() {
    let key = Key::new();
    let server = nkey_server(&key);
    let first = Wire::connect(&server);
    let stolen = URL_SAFE_NO_PAD.encode(key.signature(&first));
    is_refused(
        &server,
        &format!(r#""nkey":"{}","sig":"{stolen}""#, key.0.public_key()),
    );
}

#[test]
fn no_auth_user_lets_clients_in_without_credentials() {
    let server = Server::start(
        "authorization { users: [
            { user: guest, password: g, permissions: { publish: \"public.>\" } }
            { user: admin, password: a }
         ] }
         no_auth_user: guest",
    );
    let mut admin = Wire::open_with(&server, r#""user":"admin","pass":"a""#);
    assert!(
        admin.info().get("auth_required").is_none(),
        "{}",
        admin.info()
    );
    admin.subscribe(">", "1");
    let mut guest = Wire::open(&server);
    guest.publish("public.a", "x");
    guest.publish("private", "x");
    guest.expect_err(r#"Permissions Violation for Publish to "private""#);
    admin.expect_msg("public.a", "1", "x");
    is_refused(&server, r#""user":"guest","pass":"wrong""#);
    is_refused(&server, r#""user":"somebody""#);
}

#[test]
fn with_no_auth_user_not_even_connect_is_needed() {
    let server = Server::start(
        "authorization { users: [ { user: guest, password: g, permissions: { publish: \"public.>\" } } ] }
         no_auth_user: guest",
    );
    let mut wire = Wire::connect(&server);
    wire.publish("private", "x");
    wire.expect_err(r#"Permissions Violation for Publish to "private""#);
    wire.publish("public.a", "x");
    wire.expect("+OK\r\n");
}

#[test]
fn connection_types_are_checked() {
    let server = Server::start(
        r#"authorization { users: [
            { user: std, password: a, allowed_connection_types: ["STANDARD", "WEBSOCKET"] }
            { user: ws, password: a, allowed_connection_types: ["WEBSOCKET"] }
         ] }"#,
    );
    Wire::open_with(&server, r#""user":"std","pass":"a""#);
    is_refused(&server, r#""user":"ws","pass":"a""#);
}

#[test]
fn a_second_connect_is_authenticated_again() {
    let server = Server::start(
        "authorization { users: [ { user: a, password: a, permissions: { publish: x } }, { user: b, password: b } ] }",
    );
    let mut wire = Wire::open_with(&server, r#""user":"a","pass":"a""#);
    wire.publish("y", "1");
    wire.expect_err(r#"Permissions Violation for Publish to "y""#);
    wire.login(r#""user":"b","pass":"b""#);
    wire.publish("y", "1");
    wire.expect_nothing();
    wire.send_connect(r#""user":"b","pass":"wrong""#);
    wire.expect_err_and_close(REFUSED);
}

#[test]
fn a_user_who_needs_a_proxy_is_refused_without_one() {
    let proxy = nkeys::KeyPair::new_server();
    let server = Server::start(&format!(
        "authorization {{ users: [ {{ user: inside, password: a, proxy_required: true }}, {{ user: free, password: a }} ] }}
         proxies {{ trusted: [ {{ key: \"{}\" }} ] }}",
        proxy.public_key()
    ));
    Wire::open_with(&server, r#""user":"free","pass":"a""#);
    is_refused(&server, r#""user":"inside","pass":"a""#);

    let mut wire = Wire::connect(&server);
    let nonce = wire.info()["nonce"]
        .as_str()
        .expect("trusted proxies need a nonce")
        .to_owned();
    let signature = URL_SAFE_NO_PAD.encode(proxy.sign(nonce.as_bytes()).expect("a signature"));
    wire.login(&format!(
        r#""user":"inside","pass":"a","proxy_sig":"{signature}""#
    ));

    let stranger = nkeys::KeyPair::new_server();
    let mut wire = Wire::connect(&server);
    let nonce = wire.info()["nonce"].as_str().expect("a nonce").to_owned();
    let signature = URL_SAFE_NO_PAD.encode(stranger.sign(nonce.as_bytes()).expect("a signature"));
    wire.send_connect(&format!(
        r#""user":"inside","pass":"a","proxy_sig":"{signature}""#
    ));
    wire.expect_err_and_close(REFUSED);
}

#[test]
fn users_of_accounts_are_found_without_naming_the_account() {
    let server = Server::start(
        "accounts { A { users: [ {user: a, password: a} ] }, B { users: [ {user: b, password: b} ] } }",
    );
    let (mut a, mut b) = (
        Wire::open_with(&server, r#""user":"a","pass":"a""#),
        Wire::open_with(&server, r#""user":"b","pass":"b""#),
    );
    b.subscribe(">", "1");
    a.publish("x", "only in A");
    a.flush();
    b.expect_nothing();
    is_refused(&server, r#""user":"a","pass":"b""#);
    is_refused(&server, "");
}

#[test]
fn a_user_may_ask_who_it_is() {
    let server = Server::start(
        "accounts { A { users: [ {user: a, password: a, permissions: { publish: { deny: secret } } } ] } }",
    );
    let mut wire = Wire::open_with(&server, r#""user":"a","pass":"a""#);
    wire.subscribe("inbox", "1");
    wire.publish_request("$SYS.REQ.USER.INFO", "inbox", "");
    let (line, body) = wire.read_msg();
    assert!(line.starts_with("MSG inbox 1 "), "{line}");
    let answer: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(answer["data"]["user"], "a");
    assert_eq!(answer["data"]["account"], "A");
    assert_eq!(
        answer["data"]["permissions"]["publish"]["deny"][0],
        "secret"
    );
    assert!(answer["server"]["id"].is_string(), "{answer}");
}
