//! Claims that change while connections live, and the subjects and stores behind that.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;

use nats_interop::binary::is_reference;
use nats_interop::server::wait_until;
use nats_interop::trust::{Account, Operator, ask, ask_text, key, now, public, push_token};
use nats_interop::{Launch, Server, Wire};
use nats_jwt::claims::{Export, ExportType, GenericClaims, Import, UserScope};
use nats_jwt::nkey::Kind;

const FULL: &str = "{ type: full, dir: \"$DIR/jwt\", allow_delete: true }";

/// A server with a full resolver that knows these accounts.
fn full(operator: &Operator, accounts: &[&Account]) -> Server {
    let launch = Launch::new("");
    let dir = launch.dir().join("jwt").display().to_string();
    drop(launch);
    let resolver = FULL.replace("$DIR/jwt", &dir);
    Launch::new(&operator.preloaded(&resolver, accounts))
        .allow_log("jwt update|jwt validation|delete accounts|Account fetch failed|fetch took|Can't locate account")
        .start()
}

#[track_caller]
fn is_closed(wire: &mut Wire, error: &str) {
    let said = wire.read_to_close();
    assert!(said.is_empty() || said.contains(error), "{said:?}");
}

/// S3: revocation of one key and of all, on live connections and for those who come again.
#[test]
fn a_revoked_user_is_cut_off_and_does_not_come_back() {
    let operator = Operator::new();
    let mut account = Account::new("A");
    let server = full(&operator, &[&account]);
    let (one, two) = (account.user("one"), account.user("two"));
    let (mut wire_one, mut wire_two) = (one.open(&server), two.open(&server));
    let mut system = operator.system_wire(&server);
    account.claims.nats.revocations.revoke(&one.id(), now());
    operator.push(&mut system, &account);
    wire_one.expect_err_and_close("User Authentication Revoked");
    wire_two.expect_nothing();
    wire_two.flush();
    one.is_refused(&server);
    account.claims.nats.revocations.revoke("*", now() + 5);
    operator.push(&mut system, &account);
    wire_two.expect_err_and_close("User Authentication Revoked");
    two.is_refused(&server);
}

#[test]
fn a_removed_signing_key_takes_its_users_along() {
    let operator = Operator::new();
    let mut account = Account::new("A");
    let signer = key(Kind::Account);
    account.claims.nats.signing_keys.add(public(&signer));
    let server = full(&operator, &[&account]);
    let mut own = account.user("own").open(&server);
    let mut by_signer = account.user_by(&signer, "u", |_| {}).open(&server);
    let mut system = operator.system_wire(&server);
    account.claims.nats.signing_keys.remove(&public(&signer));
    operator.push(&mut system, &account);
    is_closed(&mut by_signer, "");
    own.flush();
    account.user_by(&signer, "u", |_| {}).is_refused(&server);
}

#[test]
fn a_changed_scope_closes_its_users_and_counts_for_the_next() {
    let operator = Operator::new();
    let mut account = Account::new("A");
    let scoped = key(Kind::Account);
    let scope = |subject: &str| {
        let mut scope = UserScope::new(public(&scoped));
        scope.template.permissions.publish.allow = vec![subject.to_owned()];
        scope
    };
    account.claims.nats.signing_keys.add_scoped(scope("old"));
    let server = full(&operator, &[&account]);
    let user = account.user_by(&scoped, "u", |claims| claims.nats.set_scoped(true));
    let mut wire = user.open(&server);
    let mut system = operator.system_wire(&server);
    account.claims.nats.signing_keys.add_scoped(scope("new"));
    operator.push(&mut system, &account);
    is_closed(&mut wire, "");
    let mut wire = user.open(&server);
    wire.publish("new", "");
    wire.flush();
    wire.publish("old", "");
    wire.expect_err("Permissions Violation for Publish to \"old\"");
}

#[test]
fn fewer_connections_close_the_newest() {
    let operator = Operator::new();
    let mut account = Account::new("A");
    let server = full(&operator, &[&account]);
    let mut first = account.user("1").open(&server);
    let mut second = account.user("2").open(&server);
    let mut system = operator.system_wire(&server);
    account.claims.nats.limits.conn = 1;
    operator.push(&mut system, &account);
    is_closed(&mut second, "maximum account active connections exceeded");
    first.flush();
}

#[test]
fn a_client_with_more_subscriptions_than_its_account_now_allows_is_closed() {
    let operator = Operator::new();
    let mut account = Account::new("A");
    let server = full(&operator, &[&account]);
    let (user, mut system) = (account.user("u"), operator.system_wire(&server));
    let (mut many, mut few) = (user.open(&server), user.open(&server));
    for sid in ["1", "2", "3"] {
        many.subscribe("a", sid);
    }
    few.subscribe("a", "1");
    many.flush();
    few.flush();
    account.claims.nats.limits.subs = 2;
    operator.push(&mut system, &account);
    many.expect_err_and_close("maximum subscriptions exceeded");
    few.expect_nothing();
    few.subscribe("b", "2");
    few.flush();
    few.line("SUB c 3");
    few.expect_err("maximum subscriptions exceeded");
}

/// What is below zero and not -1 says nothing sensible; it must not say "no limit".
#[test]
fn a_negative_limit_that_is_not_minus_one_allows_nothing() {
    let operator = Operator::new();
    let mut account = Account::new("A");
    let server = full(&operator, &[&account]);
    let mut system = operator.system_wire(&server);
    let limited = account.user_with("limited", |claims| claims.nats.limits.limits.payload = -2);
    let mut wire = limited.open(&server);
    wire.publish("a", "abc");
    wire.expect_err_and_close("Maximum Payload Violation");
    let user = account.user("u");
    // Who may have no subscription is not wanted at all.
    for none in [0, -2] {
        let mut wire = user.open(&server);
        account.claims.nats.limits.subs = none;
        operator.push(&mut system, &account);
        wire.expect_err_and_close("maximum subscriptions exceeded");
        let mut wire = Wire::connect(&server);
        let fields = user.fields(&wire);
        wire.send_connect(&fields);
        wire.expect_err_and_close("maximum subscriptions exceeded");
        account.claims.nats.limits.subs = -1;
        operator.push(&mut system, &account);
    }
    let user = account.user("u");
    let mut wire = user.open(&server);
    account.claims.nats.limits.conn = -9;
    operator.push(&mut system, &account);
    wire.expect_err_and_close("maximum account active connections exceeded");
}

/// Files with tokens end with a line, and so may what a client read from one.
#[test]
fn a_token_may_end_with_a_line() {
    let operator = Operator::new();
    let account = Account::new("A");
    let server = full(&operator, &[&account]);
    let user = account.user("u");
    let mut wire = Wire::connect(&server);
    let fields = user.fields(&wire).replace("\",\"sig", "\\n\",\"sig");
    assert!(fields.contains("\\n"), "{fields}");
    wire.login(&fields);
}

#[test]
fn bearers_go_when_they_are_no_longer_allowed() {
    let operator = Operator::new();
    let mut account = Account::new("A");
    let server = full(&operator, &[&account]);
    let user = account.user_with("b", |claims| claims.nats.limits.bearer_token = true);
    let mut bearer = Wire::open_with(&server, &user.bearer_fields());
    let mut other = account.user("o").open(&server);
    let mut system = operator.system_wire(&server);
    account.claims.nats.limits.disallow_bearer = true;
    operator.push(&mut system, &account);
    is_closed(&mut bearer, "Authorization Violation");
    other.flush();
}

#[test]
fn an_export_that_appears_reaches_importers_that_are_there() {
    let operator = Operator::new();
    let (mut exporter, mut importer) = (Account::new("E"), Account::new("I"));
    importer.claims.nats.imports = vec![Import {
        subject: "news".into(),
        account: exporter.id(),
        kind: ExportType::Stream,
        ..Import::default()
    }];
    let server = full(&operator, &[&exporter, &importer]);
    let (mut e, mut i) = (
        exporter.user("e").open(&server),
        importer.user("i").open(&server),
    );
    i.subscribe("news", "1");
    i.flush();
    e.publish("news", "lost");
    e.flush();
    i.expect_nothing();
    let mut system = operator.system_wire(&server);
    exporter.claims.nats.exports = vec![Export {
        subject: "news".into(),
        kind: ExportType::Stream,
        ..Export::default()
    }];
    operator.push(&mut system, &exporter);
    // The importer's connection learns of it on its own task.
    let mut heard = String::new();
    wait_until("the news arrive", || {
        e.publish("news", "here");
        e.flush();
        i.line("PING");
        heard.push_str(&i.read_line());
        heard.contains("MSG news 1 4")
    });
}

#[test]
fn accounts_are_pushed_looked_up_listed_and_deleted() {
    let operator = Operator::new();
    let server = full(&operator, &[]);
    let mut system = operator.system_wire(&server);
    let account = Account::new("new");
    account.user("u").is_refused(&server);
    let token = operator.sign(&account);
    let answer = ask(&mut system, "$SYS.REQ.CLAIMS.UPDATE", &token);
    assert_eq!(answer["data"]["account"], account.id(), "{answer}");
    assert_eq!(answer["data"]["code"], 200);
    assert_eq!(answer["data"]["message"], "jwt updated");
    assert!(answer["server"]["id"].is_string());
    let mut wire = account.user("u").open(&server);
    let lookup = format!("$SYS.REQ.ACCOUNT.{}.CLAIMS.LOOKUP", account.id());
    assert_eq!(ask_text(&mut system, &lookup, ""), token);
    let unknown = format!("$SYS.REQ.ACCOUNT.{}.CLAIMS.LOOKUP", Account::new("x").id());
    assert_eq!(ask_text(&mut system, &unknown, ""), "");
    let user = public(&key(Kind::User));
    let no_account = format!("$SYS.REQ.ACCOUNT.{user}.CLAIMS.LOOKUP");
    assert_eq!(ask_text(&mut system, &no_account, ""), "");
    let list = ask(&mut system, "$SYS.REQ.CLAIMS.LIST", "");
    let listed: Vec<_> = list["data"].as_array().expect("a list").iter().collect();
    assert_eq!(listed.len(), 2, "{list}");
    assert!(listed.iter().any(|id| **id == account.id()));
    let delete = |accounts: Vec<String>, signer: &nats_jwt::nkey::KeyPair| {
        let mut claims = GenericClaims::new(public(signer));
        claims.nats.data.insert("accounts".into(), accounts.into());
        claims.encode(signer, now()).expect("signed")
    };
    let stranger = key(Kind::Operator);
    for refused in [
        delete(vec![account.id()], &stranger),
        delete(vec![operator.system.id()], &operator.key),
        delete(vec!["../../etc".into()], &operator.key),
    ] {
        let answer = ask(&mut system, "$SYS.REQ.CLAIMS.DELETE", &refused);
        assert_eq!(answer["error"]["code"], 500, "{answer}");
    }
    let answer = ask(
        &mut system,
        "$SYS.REQ.CLAIMS.DELETE",
        &delete(vec![account.id()], &operator.key),
    );
    assert_eq!(answer["data"]["message"], "deleted 1 accounts", "{answer}");
    is_closed(&mut wire, "Account Authentication Expired");
    account.user("u").is_refused(&server);
}

#[test]
fn packs_hold_what_the_asker_does_not_have() {
    let operator = Operator::new();
    let account = Account::new("A");
    let server = full(&operator, &[&account]);
    let mut system = operator.system_wire(&server);
    system.subscribe("answers", "5");
    system.publish_request("$SYS.REQ.CLAIMS.PACK", "answers", "other");
    let mut lines = Vec::new();
    loop {
        let (_, payload) = system.read_msg();
        if payload.is_empty() {
            break;
        }
        lines.push(payload);
    }
    lines.sort();
    let mut expected = [
        format!("{}|", account.id()),
        format!("{}|", operator.system.id()),
    ];
    expected.sort();
    assert_eq!(lines.len(), 2);
    for (line, start) in lines.iter().zip(&expected) {
        assert!(line.starts_with(start.as_str()), "{line}");
    }
}

/// S9 and S23: what is pushed must be what it says, by somebody who may say it.
#[test]
fn tokens_that_do_not_count_are_not_taken() {
    let operator = Operator::new();
    let account = Account::new("A");
    let server = full(&operator, &[&account]);
    let mut system = operator.system_wire(&server);
    let token = operator.sign(&account);
    let refused = |system: &mut Wire, about: &str, token: &str| {
        let answer = push_token(system, about, token);
        assert!(answer["data"].is_null(), "{answer}");
        assert_eq!(answer["error"]["code"], 500, "{answer}");
    };
    refused(&mut system, &Account::new("other").id(), &token);
    refused(&mut system, "not-a-key", &token);
    refused(&mut system, &account.id(), "nonsense");
    refused(&mut system, &account.id(), &account.user("u").token);
    let mut broken = Account::new("broken");
    broken.claims.nats.exports = vec![Export::default()];
    refused(&mut system, &broken.id(), &operator.sign(&broken));
    if !is_reference() {
        // The reference stores it, and refuses whoever comes with it.
        let stranger = key(Kind::Operator);
        refused(&mut system, &account.id(), &account.signed_by(&stranger));
    }
    account.user("u").open(&server);
}

#[test]
fn a_token_in_memory_changes_for_accounts_in_use_and_with_a_reload() {
    let operator = Operator::new();
    let mut account = Account::new("A");
    let server = Launch::new(&operator.in_memory(&[&account]))
        .allow_log("jwt update")
        .start();
    let user = account.user("u");
    let mut wire = user.open(&server);
    account.claims.nats.revocations.revoke(&user.id(), now());
    server.reload(&operator.in_memory(&[&account]));
    is_closed(&mut wire, "User Authentication Revoked");
    let mut system = operator.system_wire(&server);
    account.claims.nats.revocations.clear(&user.id());
    operator.push(&mut system, &account);
    user.open(&server);
    let answer = push_token(
        &mut system,
        &Account::new("x").id(),
        &operator.sign(&Account::new("x")),
    );
    assert_eq!(answer["error"]["code"], 500, "{answer}");
}

#[test]
fn tokens_come_from_an_account_server() {
    let operator = Operator::new();
    let account = Account::new("A");
    let (mistaken, other) = (Account::new("B"), Account::new("C"));
    let tokens = [
        (account.id(), operator.sign(&account)),
        (operator.system.id(), operator.sign(&operator.system)),
        // A genuine token, of another account than was asked for.
        (mistaken.id(), operator.sign(&other)),
    ];
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    // Ends with the test's process.
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            // All of it: a socket that is closed before takes the answer back.
            let mut request = String::new();
            let mut lines = BufReader::new(&stream).lines();
            while let Some(Ok(line)) = lines.next()
                && !line.is_empty()
            {
                request += &line;
                request.push(' ');
            }
            let path = request.split(' ').nth(1).unwrap_or_default();
            let found = tokens
                .iter()
                .find(|(id, _)| path == format!("/jwt/v1/accounts/{id}"));
            let (status, body) = match found {
                Some((_, token)) => ("200 OK", token.as_str()),
                // The reference looks at the base once, at its start.
                None if path == "/jwt/v1/accounts/" => ("200 OK", ""),
                None => ("404 Not Found", ""),
            };
            let length = body.len();
            let _ = write!(
                stream,
                "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
        }
    });
    let server = Launch::new(&format!(
        "operator: {}\nresolver: URL(http://127.0.0.1:{port}/jwt/v1/accounts/)",
        operator.token()
    ))
    .allow_log("Account fetch failed|could not fetch")
    .start();
    account.user("u").open(&server);
    Account::new("unknown").user("u").is_refused(&server);
    mistaken.user("u").is_refused(&server);
}

/// What a cache does not hold it asks for in the system account; here a client answers, as a server with a full directory would.
#[test]
fn a_cache_asks_for_what_it_does_not_hold_and_keeps_it() {
    let operator = Operator::new();
    let account = Account::new("A");
    let launch = Launch::new("");
    let dir = launch.dir().join("jwt").display().to_string();
    drop(launch);
    let resolver = format!("{{ type: cache, dir: \"{dir}\" }}");
    let server = Launch::new(&operator.preloaded(&resolver, &[]))
        .allow_log("Account fetch failed|fetch took|jwt update")
        .start();
    let mut system = operator.system_wire(&server);
    let subject = format!("$SYS.REQ.ACCOUNT.{}.CLAIMS.LOOKUP", account.id());
    system.subscribe(&subject, "1");
    system.flush();
    let user = account.user("u");
    let mut wire = Wire::connect(&server);
    let fields = user.fields(&wire);
    wire.send_connect(&fields);
    let (head, _) = system.read_msg();
    let reply = head.split(' ').nth(3).expect("a reply").to_owned();
    system.publish(&reply, &operator.sign(&account));
    wire.send("PING\r\n");
    wire.expect("PONG\r\n");
    let list = ask(&mut system, "$SYS.REQ.CLAIMS.LIST", "");
    assert!(
        list["data"]
            .as_array()
            .expect("a list")
            .contains(&account.id().into()),
        "{list}"
    );
    // The next one needs no question.
    account.user("v").open(&server).flush();
    system.expect_nothing();
}

#[test]
fn a_user_is_told_who_it_is() {
    let operator = Operator::new();
    let account = Account::new("A-name");
    let server = Server::start(&operator.in_memory(&[&account]));
    let user = account.user_with("u-name", |claims| {
        claims.expires = now() + 1000;
        claims.nats.limits.permissions.publish.deny = vec!["no".into()];
    });
    let mut wire = user.open(&server);
    let info = ask(&mut wire, "$SYS.REQ.USER.INFO", "");
    let data = &info["data"];
    assert_eq!(data["user"], user.id(), "{info}");
    assert_eq!(data["account"], account.id());
    assert_eq!(data["account_name"], "A-name");
    assert_eq!(data["user_name"], "u-name");
    assert_eq!(data["permissions"]["publish"]["deny"][0], "no");
    let expires = data["expires"].as_i64().expect("a duration");
    assert!((900_000_000_000..=1_000_000_000_000).contains(&expires));
}

#[test]
fn connections_are_told_with_what_their_tokens_say() {
    let operator = Operator::new();
    let account = Account::new("A-name");
    let signer = key(Kind::Account);
    let mut account = account;
    account.claims.nats.signing_keys.add(public(&signer));
    let server = Server::start(&operator.in_memory(&[&account]));
    let mut system = operator.system_wire(&server);
    system.subscribe(&format!("$SYS.ACCOUNT.{}.>", account.id()), "1");
    system.flush();
    let user = account.user_by(&signer, "u-name", |claims| {
        claims.nats.tags.add("team:red");
    });
    let wire = user.open(&server);
    let next = |system: &mut Wire, end: &str| loop {
        let (head, payload) = system.read_msg();
        if head.contains(&format!(".{end} ")) {
            return serde_json::from_str::<serde_json::Value>(&payload).expect("JSON");
        }
    };
    let connect = next(&mut system, "CONNECT");
    let client = &connect["client"];
    assert_eq!(client["user"], user.id(), "{connect}");
    assert_eq!(client["acc"], account.id());
    assert_eq!(client["issuer_key"], public(&signer));
    assert_eq!(client["tags"][0], "team:red");
    assert_eq!(client["name_tag"], "A-name");
    drop(wire);
    let disconnect = next(&mut system, "DISCONNECT");
    assert_eq!(disconnect["client"]["user"], user.id(), "{disconnect}");
    // Without a signing key it is the account that vouches.
    let _wire = account.user("own").open(&server);
    let connect = next(&mut system, "CONNECT");
    assert_eq!(connect["client"]["issuer_key"], account.id(), "{connect}");
}

#[test]
fn pages_name_accounts_as_their_tokens_do() {
    let operator = Operator::new();
    let account = Account::new("A-name");
    let config = operator.in_memory(&[&account]);
    let server = Server::start(&format!("{config}\nhttp: 127.0.0.1:-1"));
    let mut wire = account.user("u-name").open(&server);
    wire.subscribe("here", "1");
    let page = server.page(&format!("/connz?auth=1&acc={}", account.id()));
    let connection = &page["connections"][0];
    assert_eq!(connection["name_tag"], "A-name", "{page}");
    assert_eq!(connection["issuer_key"], account.id());
    let page = server.page(&format!("/subsz?subs=1&acc={}&test=here", account.id()));
    let list = &page["subscriptions_list"];
    assert_eq!(list[0]["account_tag"], "A-name", "{page}");
}

/// What a service that may know is told of who asks.
#[test]
fn a_service_is_told_with_what_token_its_importer_came() {
    let operator = Operator::new();
    let (mut exporter, mut importer) = (Account::new("E"), Account::new("I"));
    exporter.claims.nats.exports.push(Export {
        subject: "ask".into(),
        kind: ExportType::Service,
        ..Export::default()
    });
    importer.claims.nats.imports.push(Import {
        subject: "ask".into(),
        account: exporter.id(),
        kind: ExportType::Service,
        share: true,
        ..Import::default()
    });
    let server = Server::start(&operator.in_memory(&[&exporter, &importer]));
    let mut service = exporter.user("service").open(&server);
    service.subscribe("ask", "1");
    service.flush();
    let user = importer.user_with("asker", |claims| {
        claims.nats.tags.add("team:red");
    });
    let mut asker = user.open(&server);
    asker.publish_request("ask", "answers", "");
    let said = service.read_through("}");
    let (_, info) = said.split_once("Nats-Request-Info: ").expect("a header");
    let info: serde_json::Value = serde_json::from_str(info.trim()).expect("JSON");
    assert_eq!(info["user"], user.id(), "{info}");
    assert_eq!(info["jwt"], user.token);
    assert_eq!(info["issuer_key"], importer.id());
    assert_eq!(info["name_tag"], "asker");
    assert_eq!(info["tags"][0], "team:red");
}

#[test]
fn an_accounts_page_shows_what_its_token_says() {
    let operator = Operator::new();
    let mut account = Account::new("A-name");
    account.claims.nats.exports = vec![Export {
        subject: "news".into(),
        kind: ExportType::Stream,
        ..Export::default()
    }];
    account.claims.nats.tags.add("team:red");
    account.claims.nats.revocations.revoke("*", 1000);
    let server = Server::start(&format!(
        "{}\nhttp: 127.0.0.1:-1",
        operator.in_memory(&[&account])
    ));
    let _wire = account.user("u").open(&server);
    let page = server.page(&format!("/accountz?acc={}", account.id()));
    let detail = &page["account_detail"];
    assert_eq!(detail["account_name"], account.id(), "{page}");
    assert_eq!(detail["name_tag"], "A-name");
    assert_eq!(detail["issuer_key"], public(&operator.key));
    assert_eq!(detail["tags"][0], "team:red");
    assert_eq!(detail["complete"], true);
    assert_eq!(detail["expired"], false);
    assert_eq!(detail["client_connections"], 1);
    assert_eq!(detail["decoded_jwt"]["sub"], account.id());
    assert!(
        detail["jwt"]
            .as_str()
            .is_some_and(|jwt| jwt.starts_with("eyJ"))
    );
    assert!(detail["revoked_user"]["*"].is_string());
    assert_eq!(detail["exports"][0]["subject"], "news");
}
