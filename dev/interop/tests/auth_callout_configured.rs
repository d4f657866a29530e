//! A configured authorization service: about whom it is asked, what it is told of them, and what others hear of it.

use nats_interop::binary::is_reference;
use nats_interop::callout::{SERVICE, Service, answer_with, copy, next_request, no, yes};
use nats_interop::tls::{Authority, Versions};
use nats_interop::trust::{ask, key, now, public};
use nats_interop::{Launch, Server, Wire};
use nats_jwt::claims::{AuthorizationRequestClaims, AuthorizationResponseClaims, UserClaims};
use nats_jwt::nkey::{KeyPair, Kind};
use serde_json::{Value, json};

const NO_RESPONDERS: &str = r#""headers":true,"no_responders":true"#;

fn launch(config: &str) -> Server {
    Launch::new(config)
        .allow_log("(?i)auth callout|authoriz|issuer|jwt|claim|proxy|expected|revoked")
        .start()
}

/// The service's user in an account of its own.
fn accounts(issuer: &KeyPair, accounts: &str, more: &str) -> String {
    format!(
        "server_name: A\nserver_tags: [one, two]\nhttp: \"127.0.0.1:-1\"
         accounts {{ AUTH {{ users: [ {{user: auth, password: auth}} ] }}, {accounts} }}
         authorization {{ timeout: 2, auth_callout {{ issuer: {}, account: AUTH, auth_users: [auth, admin] {more} }} }}",
        public(issuer)
    )
}

/// The service's user beside others, all in the global account.
fn global(issuer: &KeyPair, users: &str) -> String {
    format!(
        "server_name: A
         authorization {{ timeout: 2, users: [ {{user: auth, password: auth}} {users} ]
           auth_callout {{ issuer: {}, auth_users: [auth] }} }}",
        public(issuer)
    )
}

fn refused(server: &Server, fields: &str) {
    let mut wire = Wire::connect(server);
    wire.send_connect(fields);
    wire.expect_err_and_close("Authorization Violation");
}

/// Puts everybody into this account.
fn into(server: &Server, issuer: &KeyPair, account: &str) -> Service {
    let (issuer, account) = (copy(issuer), account.to_owned());
    Service::start(
        Wire::open_with(server, SERVICE),
        None,
        Box::new(move |request| {
            Some(yes(request, &issuer, |user| {
                user.audience = account.clone();
            }))
        }),
    )
}

fn was_not_asked(service: &Service) {
    assert!(service.seen.try_recv().is_err());
}

#[test]
fn a_service_beside_other_users_puts_them_into_the_global_account() {
    let issuer = key(Kind::Account);
    let server = launch(&global(&issuer, ""));
    let signer = copy(&issuer);
    let service = Service::start(
        Wire::open_with(&server, SERVICE),
        None,
        Box::new(move |request| {
            let connect = &request.nats.connect;
            let known = connect.pass == "zzz" || connect.auth_token == "SECRET_TOKEN";
            known.then(|| {
                yes(request, &signer, |user| {
                    user.audience = "$G".into();
                    user.expires = now() + 600;
                    user.nats.limits.permissions.publish.allow = vec!["$SYS.>".into()];
                    user.nats.limits.limits.payload = 1024;
                })
            })
        }),
    );
    for (fields, shown) in [
        (r#""user":"dlc","pass":"zzz""#, "dlc"),
        (r#""auth_token":"SECRET_TOKEN""#, "[REDACTED]"),
    ] {
        let mut wire = Wire::open_with(&server, fields);
        let request = service.last();
        assert_eq!(request.nats.client.user, shown);
        assert_eq!(request.nats.server.name, "A");
        let mut info = ask(&mut wire, "$SYS.REQ.USER.INFO", "");
        let expires = info["data"]["expires"].take().as_u64().expect("a duration");
        assert!((590_000_000_000..=600_000_000_000).contains(&expires));
        let wanted = json!({
            "user": shown, "account": "$G", "account_name": "$G", "expires": null,
            "permissions": {
                "publish": {"allow": ["$SYS.>"], "deny": ["$SYS.REQ.USER.AUTH"]},
                "subscribe": {},
            },
        });
        assert_eq!(info["data"], wanted);
        wire.publish("other", "");
        wire.expect_err("Permissions Violation for Publish to \"other\"");
        if !is_reference() {
            // In this mode the reference does not look at the limits of such a token.
            wire.publish("$SYS.REQ.USER.INFO", &"x".repeat(1025));
            wire.expect_err_and_close("Maximum Payload Violation");
        }
    }
}

/// Not even a key that the configuration knows comes in without the service's word; that is told what was signed, and with what.
#[test]
fn users_of_the_configuration_are_asked_about_with_what_they_signed() {
    let (issuer, user) = (key(Kind::Account), key(Kind::User));
    let server = launch(&global(&issuer, &format!(", {{nkey: {}}}", public(&user))));
    let service = into(&server, &issuer, "$G");
    let mut wire = Wire::connect(&server);
    let nonce = wire.info()["nonce"].as_str().expect("a nonce").to_owned();
    let sig = user.sign_text(nonce.as_bytes());
    wire.login(&format!(r#""nkey":"{}","sig":"{sig}""#, public(&user)));
    let request = service.last();
    assert_eq!(request.nats.client.nonce, nonce);
    assert_eq!(request.nats.client.user, public(&user));
    assert_eq!(request.nats.connect.sig, sig);
    assert_eq!(request.nats.connect.nkey, public(&user));
    let info = ask(&mut wire, "$SYS.REQ.USER.INFO", "");
    let wanted = json!({
        "user": public(&user), "account": "$G", "account_name": "$G",
        "permissions": {"publish": {"deny": ["$SYS.REQ.USER.AUTH"]}, "subscribe": {}},
    });
    assert_eq!(info["data"], wanted);
}

/// With `allowed_accounts` the service decides about users of those, and about whom nobody knows; others are as they were.
#[test]
fn with_allowed_accounts_the_others_decide_themselves() {
    let issuer = key(Kind::Account);
    let config = accounts(
        &issuer,
        "FOO { users: [ {user: foo, password: pwd} ] }, BAR { users: [ {user: bar, password: pwd} ] },
         SYS { users: [ {user: sys, password: pwd} ] }",
        ", allowed_accounts: [BAR]",
    );
    let server = launch(&format!(
        "{config}\nsystem_account: SYS\nno_auth_user: foo\n"
    ));
    let service = into(&server, &issuer, "BAR");
    for (fields, account, is_asked) in [
        (r#""user":"dlc","pass":"zzz""#, "BAR", true),
        (r#""user":"bar","pass":"pwd""#, "BAR", true),
        (r#""user":"bar","pass":"wrong""#, "BAR", true),
        (NO_RESPONDERS, "FOO", false),
        (r#""user":"foo","pass":"pwd""#, "FOO", false),
        (r#""user":"sys","pass":"pwd""#, "SYS", false),
    ] {
        let mut wire = Wire::open_with(&server, fields);
        let info = ask(&mut wire, "$SYS.REQ.USER.INFO", "");
        assert_eq!(info["data"]["account"], account, "{fields}");
        if is_asked {
            service.last();
        }
        was_not_asked(&service);
    }
}

/// Who comes without a word has `no_auth_user`'s name; the service has the last word about that, too, and time runs for it.
#[test]
fn a_client_that_begins_without_connect_is_asked_about() {
    let issuer = key(Kind::Account);
    let config = accounts(
        &issuer,
        "FOO { users: [ {user: foo, password: pwd} ] }, SYS {}",
        "",
    );
    let server = launch(&format!(
        "{config}\nsystem_account: SYS\nno_auth_user: foo\n"
    ));
    {
        let service = Service::start(
            Wire::open_with(&server, SERVICE),
            None,
            Box::new(|_| Some(Vec::new())),
        );
        for first in ["PING\r\n", "PUB x 0\r\n\r\n", "SUB > 1\r\n"] {
            let mut wire = Wire::connect(&server);
            wire.send(first);
            wire.expect_err_and_close("Authorization Violation");
            service.last();
        }
    }
    let signer = copy(&issuer);
    let _service = Service::start(
        Wire::open_with(&server, SERVICE),
        None,
        Box::new(move |request| {
            Some(yes(request, &signer, |user| {
                user.audience = "FOO".into();
                user.expires = now() + 2;
            }))
        }),
    );
    let mut wire = Wire::connect(&server);
    wire.send("PING\r\n");
    wire.expect("PONG\r\n");
    let said = wire.read_to_close();
    assert!(
        said.ends_with("-ERR 'User Authentication Expired'\r\n"),
        "{said}"
    );
}

#[test]
fn a_service_is_shown_verified_certificates_with_their_authority() {
    let issuer = key(Kind::Account);
    let authority = Authority::new("test authority");
    let config = format!(
        "{}\ntls {{ cert_file: '$DIR/server-cert.pem', key_file: '$DIR/server-key.pem', ca_file: '$DIR/ca.pem', verify: true }}",
        accounts(&issuer, "FOO {}", "")
    );
    let launch = Launch::new(&config).file("ca.pem", &authority.pem());
    authority.server().write(launch.dir(), "server");
    let server = launch.start();
    let client = authority.client("alice");
    let tls = authority.client_config(Some(&client), Versions::All);
    let mut own = Wire::connect(&server).start_tls(&tls);
    own.login(SERVICE);
    // A second thread would have to share the TLS connection: answered here.
    own.subscribe("$SYS.REQ.USER.AUTH", "1");
    own.flush();
    let mut alice = Wire::connect(&server).start_tls(&tls);
    alice.send_connect(NO_RESPONDERS);
    alice.send("PING\r\n");
    let (reply, _, body) = next_request(&mut own).expect("a request");
    let request = AuthorizationRequestClaims::decode(&String::from_utf8(body).expect("a token"))
        .expect("genuine");
    let shown = request.nats.tls.as_ref().expect("facts of TLS");
    assert_eq!(shown.version, "1.3");
    assert!(shown.cipher.starts_with("TLS_"), "{}", shown.cipher);
    assert!(shown.certs.is_empty());
    let pems: Vec<String> = shown.verified_chains.concat().iter().map(clean).collect();
    assert_eq!(
        pems,
        [clean(&client.certificate_pem), clean(&authority.pem())]
    );
    let answer = yes(&request, &issuer, |user| {
        user.name = "dlc".into();
        user.audience = "FOO".into();
    });
    own.send(
        [
            format!("PUB {reply} {}\r\n", answer.len()).as_bytes(),
            &answer,
            b"\r\n",
        ]
        .concat(),
    );
    alice.expect("PONG\r\n");
    let info = ask(&mut alice, "$SYS.REQ.USER.INFO", "");
    assert_eq!(info["data"]["user"], "dlc");
    assert_eq!(info["data"]["account"], "FOO");
}

#[expect(clippy::ptr_arg, reason = "for map over strings")]
fn clean(pem: &String) -> String {
    pem.split_whitespace().collect()
}

#[test]
fn a_service_is_told_name_tags_and_version_of_the_server() {
    let issuer = key(Kind::Account);
    let server = launch(&accounts(&issuer, "FOO {}", ""));
    let service = into(&server, &issuer, "FOO");
    Wire::open(&server);
    let told = service.last().nats.server;
    assert_eq!(told.name, "A");
    assert_eq!(told.tags.iter().collect::<Vec<_>>(), ["one", "two"]);
    assert_eq!(told.host, "127.0.0.1");
    assert!(told.version.starts_with("2."), "{}", told.version);
    assert_eq!(told.id, server.page("/varz")["server_id"]);
}

/// The reason of each refusal, as the service's account hears it.
#[test]
fn refusals_are_events_in_the_account_of_the_service() {
    let issuer = key(Kind::Account);
    let config = accounts(
        &issuer,
        "FOO { users: [ {user: inside, password: pwd, proxy_required: true} ] }",
        "",
    );
    let server = launch(&config);
    let (signer, stranger, curious) = (copy(&issuer), key(Kind::Account), key(Kind::User));
    let _service = Service::start(
        Wire::open_with(&server, SERVICE),
        None,
        Box::new(move |request| {
            let mut user = UserClaims::new(request.nats.user_nkey.clone());
            user.audience = "FOO".into();
            match request.nats.connect.user.as_str() {
                "no" => return Some(no(request, &signer, "WRONG PASSWORD")),
                "silent" => return Some(Vec::new()),
                "proxy" => user.nats.limits.proxy_required = true,
                "expired" => user.expires = now() - 5,
                "nowhere" => user.audience = "NOWHERE".into(),
                "issuer-account" => user.nats.issuer_account = public(&stranger),
                "foreign" => return Some(answer_with(request, &signer, &user, &stranger)),
                "other" => user.subject = public(&curious),
                "late-answer" | "other-server" | "other-user" => {
                    let mut answer =
                        AuthorizationResponseClaims::new(request.nats.user_nkey.clone());
                    answer.audience = request.nats.server.id.clone();
                    answer.nats.jwt = user.encode(&signer, now()).expect("signed");
                    match request.nats.connect.user.as_str() {
                        "late-answer" => answer.expires = now() - 5,
                        "other-server" => answer.audience = public(&key(Kind::Server)),
                        _ => answer.subject = public(&curious),
                    }
                    return Some(answer.encode(&signer, now()).expect("signed").into_bytes());
                }
                _ => {}
            }
            Some(answer_with(request, &signer, &user, &signer))
        }),
    );
    let mut hears = Wire::open_with(&server, SERVICE);
    hears.subscribe("$SYS.ACCOUNT.CLIENT.AUTH.ERR", "1");
    hears.flush();
    Wire::open_with(&server, r#""user":"fine","pass":"x""#);
    hears.expect_nothing();
    for (user, reason) in [
        (
            "no",
            "Auth callout service returned an error: WRONG PASSWORD",
        ),
        (
            "silent",
            "Auth callout violation: \"no reason supplied\" on account \"AUTH\"",
        ),
        ("proxy", "Proxy connection required"),
        ("inside", "Proxy connection required"),
        ("expired", "Error validating user JWT: claim is expired"),
        (
            "nowhere",
            "No valid account \"NOWHERE\" for auth callout response on account \"AUTH\"",
        ),
        (
            "issuer-account",
            "Error non operator mode account \"AUTH\": attempted to use issuer_account",
        ),
        (
            "foreign",
            "Wrong issuer for auth callout response on account \"AUTH\"",
        ),
        ("other", "Expected authorized user of "),
        (
            "late-answer",
            "Authorization response had validation errors: claim is expired",
        ),
        (
            "other-server",
            "Auth callout violation: auth callout response is not for server",
        ),
        (
            "other-user",
            "Auth callout violation: auth callout response is not for expected user",
        ),
    ] {
        refused(&server, &format!(r#""user":"{user}","pass":"pwd""#));
        let (_, body) = hears.read_msg();
        let event: Value = serde_json::from_str(&body).expect("JSON");
        let said = event["reason"].as_str().expect("a reason");
        assert!(said.starts_with(reason), "{user}: {said}");
        assert_eq!(
            event["type"],
            "io.nats.server.advisory.v1.client_disconnect"
        );
        assert_eq!(event["client"]["user"], user);
    }
    hears.expect_nothing();
}

#[test]
fn whom_a_service_lets_in_is_announced_once() {
    let issuer = key(Kind::Account);
    let config = accounts(
        &issuer,
        "FOO {}, $SYS { users: [ {user: admin, password: admin} ] }",
        "",
    );
    let server = launch(&config);
    let _service = into(&server, &issuer, "FOO");
    let mut admin = Wire::open_with(&server, r#""user":"admin","pass":"admin""#);
    for (at, subject) in [
        "$SYS.ACCOUNT.FOO.CONNECT",
        "$SYS.ACCOUNT.FOO.DISCONNECT",
        "$SYS.SERVER.ACCOUNT.FOO.CONNS",
        "$SYS.ACCOUNT.FOO.SERVER.CONNS",
    ]
    .iter()
    .enumerate()
    {
        admin.subscribe(subject, &at.to_string());
    }
    admin.flush();
    for first in ["CONNECT", "DISCONNECT"] {
        let alice =
            (first == "CONNECT").then(|| Wire::open_with(&server, r#""user":"alice","pass":"x""#));
        let mut heard: Vec<(String, Value)> = (0..3)
            .map(|_| {
                let (line, body) = admin.read_msg();
                let subject = line.split(' ').nth(1).expect("a subject").to_owned();
                (subject, serde_json::from_str(&body).expect("JSON"))
            })
            .collect();
        heard.sort_by(|a, b| a.0.cmp(&b.0));
        let subjects: Vec<&str> = heard.iter().map(|(subject, _)| subject.as_str()).collect();
        let connection = format!("$SYS.ACCOUNT.FOO.{first}");
        let mut wanted = [
            connection.as_str(),
            "$SYS.ACCOUNT.FOO.SERVER.CONNS",
            "$SYS.SERVER.ACCOUNT.FOO.CONNS",
        ];
        wanted.sort_unstable();
        assert_eq!(subjects, wanted);
        for (subject, event) in &heard {
            if subject.ends_with("CONNS") {
                assert_eq!(event["conns"], u64::from(first == "CONNECT"), "{event}");
                assert_eq!(event["acc"], "FOO");
            } else {
                assert_eq!(event["client"]["user"], "alice");
                assert_eq!(event["client"]["acc"], "FOO");
            }
        }
        admin.expect_nothing();
        if let Some(alice) = alice {
            // What comes next is the end of this connection.
            drop(alice);
        }
    }
}

/// Who gave up waiting does not count as a connection of the account, whenever the answer comes.
#[test]
fn answers_for_those_who_have_gone_take_no_places_of_the_account() {
    let issuer = key(Kind::Account);
    let config = accounts(&issuer, "FOO { limits { max_conn: 2 } }", "");
    let server = launch(&config);
    let mut service = Wire::open_with(&server, SERVICE);
    service.subscribe("$SYS.REQ.USER.AUTH", "1");
    service.flush();
    let mut waiting = Vec::new();
    for _ in 0..3 {
        let mut wire = Wire::connect(&server);
        wire.send_connect(r#""user":"hasty","pass":"x""#);
        let (reply, _, body) = next_request(&mut service).expect("a request");
        let token = String::from_utf8(body).expect("a token");
        waiting.push((
            reply,
            AuthorizationRequestClaims::decode(&token).expect("genuine"),
        ));
        drop(wire);
    }
    nats_interop::server::wait_until("they are gone", || {
        server.page("/connz")["num_connections"] == 1
    });
    let answer = |service: &mut Wire, reply: &str, request: &AuthorizationRequestClaims| {
        let answer = yes(request, &issuer, |user| user.audience = "FOO".into());
        let head = format!("PUB {reply} {}\r\n", answer.len());
        service.send([head.as_bytes(), &answer, b"\r\n"].concat());
    };
    for (reply, request) in &waiting {
        answer(&mut service, reply, request);
    }
    service.flush();
    let mut inside = Vec::new();
    for _ in 0..2 {
        let mut wire = Wire::connect(&server);
        wire.send_connect(r#""user":"patient","pass":"x""#);
        wire.send("PING\r\n");
        let (reply, _, body) = next_request(&mut service).expect("a request");
        let token = String::from_utf8(body).expect("a token");
        let request = AuthorizationRequestClaims::decode(&token).expect("genuine");
        answer(&mut service, &reply, &request);
        wire.expect("PONG\r\n");
        inside.push(wire);
    }
    assert_eq!(server.page("/connz?acc=FOO")["num_connections"], 2);
}
