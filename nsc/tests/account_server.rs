//! Push, pull and managed stores against an account server over HTTP: a good one, and some that are not.

mod support;

use support::account_server::{AccountServer, Manner};
use support::{Home, all_files};

/// A store whose operator names the server.
fn prepared(server: &AccountServer) -> Home {
    let home = Home::prepared();
    home.ok(&["edit", "operator", "--account-jwt-server-url", &server.url]);
    home
}

fn key_of(home: &Home, account: &str) -> String {
    let claims = home.json(&["describe", "account", account]);
    claims["sub"].as_str().expect("a key").to_owned()
}

#[test]
fn accounts_are_pushed_and_what_the_server_says_is_shown() {
    let server = AccountServer::start();
    let home = prepared(&server);
    let said = home.ok(&["push", "--all"]);
    assert!(said.contains("> jwt was stored"), "{said}");
    assert!(said.contains("all jobs succeeded"), "{said}");
    let key = key_of(&home, "A");
    let stored = std::fs::read_to_string(home.stores().join("O/accounts/A/A.jwt"));
    assert_eq!(
        server.get(&format!("/accounts/{key}")),
        stored.ok(),
        "the token as it is"
    );
}

#[test]
fn accounts_are_pulled_when_they_are_newer_and_the_operators() {
    let server = AccountServer::start();
    let home = prepared(&server);
    home.ok(&["push", "--all"]);
    let operator = home.ok(&["export", "operator"]);
    server.put("/operator", operator.trim());
    let said = home.ok(&["pull", "--all"]);
    assert!(
        said.contains("pulled \"A\" from the account server"),
        "{said}"
    );
    // The same key signed by somebody else is none of ours.
    let key = key_of(&home, "A");
    let other = nats_jwt::nkey::KeyPair::generate(nats_jwt::nkey::Kind::Operator).expect("a key");
    let mut claims = nats_jwt::claims::AccountClaims::new(&key);
    claims.name = "A".to_owned();
    let forged = claims.encode(&other, 4_000_000_000).expect("signed");
    server.put(&format!("/accounts/{key}"), &forged);
    let before = all_files(&home.stores());
    home.refused(&["pull", "-a", "A"]);
    assert_eq!(all_files(&home.stores()), before);
}

#[test]
fn whatever_a_server_answers_the_store_stays_as_it_is() {
    let server = AccountServer::start();
    let home = prepared(&server);
    let before = all_files(home.path());
    let raw = |text: &str| Manner::Raw(text.as_bytes().to_vec());
    let manners = [
        ("nothing at all", raw("")),
        ("no HTTP", raw("INFO {}\r\n")),
        (
            "an error",
            raw("HTTP/1.1 500 Oh\r\nContent-Length: 4\r\n\r\nwhy?"),
        ),
        (
            "a body cut off",
            raw("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\neyJ0"),
        ),
        (
            "no token",
            raw("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
        ),
        (
            "three dots",
            raw("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n....."),
        ),
        (
            "a redirect onto itself",
            raw("HTTP/1.1 302 Found\r\nLocation: /jwt/v1/operator\r\nContent-Length: 0\r\n\r\n"),
        ),
        ("without an end", Manner::Endless),
        ("not found", Manner::Good),
    ];
    for (what, manner) in manners {
        server.behave(manner);
        let said = home.refused(&["pull", "--all"]);
        assert!(
            said.contains("[ERR ]") || said.contains("Error: "),
            "{what}: {said}"
        );
        assert!(!said.contains("panicked"), "{what}: {said}");
        home.refused(&[
            "add",
            "operator",
            "--url",
            &format!("{}/operator", server.url),
        ]);
        assert_eq!(all_files(home.path()), before, "{what}");
    }
    server.behave(raw(
        "HTTP/1.1 403 No\r\nContent-Length: 9\r\n\r\ngo away\r\n",
    ));
    let said = home.refused(&["push", "-a", "A"]);
    assert!(said.contains("go away"), "{said}");
    assert_eq!(all_files(home.path()), before);
}

#[test]
fn an_account_of_a_managed_store_is_signed_by_its_operator_and_told_when_it_is_deleted() {
    let server = AccountServer::start();
    let theirs = prepared(&server);
    let operator = theirs.ok(&["export", "operator"]);
    server.put("/operator", operator.trim());
    let sub = theirs.json(&["describe", "operator"])["sub"].clone();
    let sub = sub.as_str().expect("a key");
    let seed = theirs
        .keys()
        .join(format!("keys/O/{}/{sub}.nk", &sub[1..3]));
    let seed = std::fs::read_to_string(seed).expect("a seed");
    server.behave(Manner::Signing(seed));
    let home = Home::new();
    home.ok(&[
        "add",
        "operator",
        "--url",
        &format!("{}/operator", server.url),
    ]);
    home.ok(&["add", "account", "MINE"]);
    home.ok(&["add", "user", "u"]);
    let claims = home.json(&["describe", "account", "MINE"]);
    assert_eq!(claims["iss"], sub, "the operator signed it");
    let key = key_of(&home, "MINE");
    let user = home.json(&["describe", "user", "u"])["sub"].clone();
    home.refused(&["delete", "account", "MINE"]);
    home.ok(&["delete", "account", "MINE", "--force"]);
    let last = server.get(&format!("/accounts/{key}")).expect("a token");
    let last = nats_jwt::claims::AccountClaims::decode(&last).expect("an account");
    assert!(last.expires > 0, "it ends");
    let user = user.as_str().expect("a key");
    assert!(
        last.nats.revocations.get(user).is_some(),
        "its user is revoked"
    );
    assert!(!home.stores().join("O/accounts/MINE").exists());
}

#[test]
fn an_account_of_a_managed_store_can_be_deleted_without_a_word() {
    let server = AccountServer::start();
    let theirs = prepared(&server);
    let operator = theirs.ok(&["export", "operator"]);
    server.put("/operator", operator.trim());
    let home = Home::new();
    home.ok(&[
        "add",
        "operator",
        "--url",
        &format!("{}/operator", server.url),
    ]);
    home.ok(&["add", "account", "MINE"]);
    let before = server.requests().len();
    home.ok(&["delete", "account", "MINE", "--force", "--revoke=false"]);
    assert_eq!(server.requests().len(), before);
}

#[test]
fn an_account_that_its_operator_did_not_sign_is_pulled_as_it_is_and_not_valid() {
    let server = AccountServer::start();
    let theirs = prepared(&server);
    let operator = theirs.ok(&["export", "operator"]);
    server.put("/operator", operator.trim());
    let home = Home::new();
    home.ok(&[
        "add",
        "operator",
        "--url",
        &format!("{}/operator", server.url),
    ]);
    // The server takes the token and gives it back without the operator's signature.
    home.ok(&["add", "account", "MINE"]);
    let before = server.requests().len();
    home.ok(&["pull", "--all"]);
    let requests = server.requests();
    let pulled = requests.get(before..).expect("requests");
    assert!(
        pulled
            .iter()
            .all(|request| !format!("{request:?}").contains("POST")),
        "{pulled:?}"
    );
    let said = home.refused(&["validate", "-A"]);
    let table = support::text(&home.run(&["validate", "-A"]).stdout);
    assert!(
        (said + &table).contains("not issued by operator"),
        "{table}"
    );
}
