//! Authorization services: asked about newcomers, in a configured account and in one of an operator.

use nats_interop::binary::is_reference;
use nats_interop::callout::{SERVICE, Service, next_request, yes};
use nats_interop::trust::{Account, Operator, key, now, public};
use nats_interop::{Launch, Server, Wire};
use nats_jwt::claims::{
    AuthorizationRequestClaims, AuthorizationResponseClaims, ExternalAuthorization, UserClaims,
};
use nats_jwt::nkey::{CurveKey, KeyPair, Kind};

fn configured(issuer: &KeyPair, more: &str) -> String {
    format!(
        "accounts {{ AUTH {{ users: [{{user: auth, password: auth}}] }}, APP {{}}, SYS {{}} }}\n\
         system_account: SYS\n\
         authorization {{ timeout: 4, auth_callout {{ issuer: {}, auth_users: [auth], account: AUTH {more} }} }}",
        public(issuer)
    )
}

const ALICE: &str = r#""user":"alice","pass":"secret","name":"tool","lang":"rust","version":"1.0""#;

#[track_caller]
fn is_refused(server: &Server, fields: &str) {
    let mut wire = Wire::connect(server);
    wire.send_connect(fields);
    let said = wire.read_to_close();
    assert!(
        said.contains("Authorization Violation") || said.contains("Authentication Timeout"),
        "{said}"
    );
}

fn launch(config: &str) -> Server {
    Launch::new(config)
        .allow_log("(?i)auth callout|Authorization|authorized user|issuer|User JWT|valid account|JWT|token|claim|expected|not text|reload not supported")
        .start()
}

#[test]
fn the_service_is_told_all_and_places_the_user() {
    let issuer = key(Kind::Account);
    let config = configured(&issuer, "");
    let server = launch(&config);
    let signer = KeyPair::from_seed(issuer.seed().reveal()).expect("a seed");
    let service = Service::start(
        Wire::open_with(&server, SERVICE),
        None,
        Box::new(move |request| {
            Some(yes(request, &signer, |user| {
                user.name = "alice".into();
                user.audience = "APP".into();
                user.nats.limits.permissions.publish.allow = vec!["ok".into()];
                user.nats.limits.permissions.subscribe.allow = vec![">".into()];
            }))
        }),
    );
    let mut alice = Wire::open_with(&server, ALICE);
    let request = service.last();
    assert_eq!(request.audience, "nats-authorization-request");
    assert_eq!(request.subject, public(&issuer));
    assert_eq!(request.issuer, request.nats.server.id);
    assert!(request.expires > now() - 2);
    let (client, connect) = (&request.nats.client, &request.nats.connect);
    assert_eq!(
        (client.user.as_str(), client.kind.as_str()),
        ("alice", "Client")
    );
    assert_eq!(
        (client.client_type.as_str(), client.host.as_str()),
        ("nats", "127.0.0.1")
    );
    assert_eq!(
        (connect.user.as_str(), connect.pass.as_str()),
        ("alice", "secret")
    );
    assert_eq!(
        (connect.name.as_str(), connect.lang.as_str()),
        ("tool", "rust")
    );
    alice.publish("ok", "");
    alice.flush();
    alice.publish("other", "");
    alice.expect_err("Permissions Violation for Publish to \"other\"");
    alice.subscribe("answers", "3");
    alice.flush();
}

#[test]
fn the_services_own_users_are_not_asked_about_and_may_not_ask() {
    let issuer = key(Kind::Account);
    let server = launch(&configured(&issuer, ""));
    let mut wire = Wire::open_with(&server, SERVICE);
    wire.publish("$SYS.REQ.USER.AUTH", "");
    wire.expect_err("Permissions Violation for Publish to \"$SYS.REQ.USER.AUTH\"");
    is_refused(&server, r#""user":"auth","pass":"wrong""#);
    // Nor after a reload.
    let config = format!("{}\nmax_payload: 100000\n", configured(&issuer, ""));
    server.reload(&config);
    wire.publish("$SYS.REQ.USER.AUTH", "");
    wire.expect_err("Permissions Violation for Publish to \"$SYS.REQ.USER.AUTH\"");
}

#[test]
fn without_an_answer_nobody_comes_in() {
    let issuer = key(Kind::Account);
    let server = launch(&configured(&issuer, ""));
    // Nobody listens.
    is_refused(&server, ALICE);
    let _service = Service::start(Wire::open_with(&server, SERVICE), None, Box::new(|_| None));
    is_refused(&server, ALICE);
}

/// Every answer that is not exactly what was asked for is a no.
#[test]
fn answers_that_do_not_count_are_refused() {
    type Change = fn(&AuthorizationRequestClaims, &KeyPair, &KeyPair) -> Vec<u8>;
    let changes: [Change; 16] = [
        |_, _, _| Vec::new(),
        |_, _, _| b"nonsense".to_vec(),
        |_, _, _| b"\x00\xff\xfe{}".to_vec(),
        |_, _, _| b"{\"nats\":{\"jwt\":\"x\"}}".to_vec(),
        |_, _, _| vec![b'e'; 900_000],
        // The request itself, signed by the server.
        |request, issuer, _| request.encode(issuer, now()).expect("signed").into_bytes(),
        // A user instead of an answer.
        |request, issuer, _| {
            let mut user = UserClaims::new(request.nats.user_nkey.clone());
            user.audience = "APP".into();
            user.encode(issuer, now()).expect("signed").into_bytes()
        },
        // The right user in an answer about another one.
        |request, issuer, _| {
            let mut user = UserClaims::new(request.nats.user_nkey.clone());
            user.audience = "APP".into();
            let mut answer = AuthorizationResponseClaims::new(public(&key(Kind::User)));
            answer.audience = request.nats.server.id.clone();
            answer.nats.jwt = user.encode(issuer, now()).expect("signed");
            answer.encode(issuer, now()).expect("signed").into_bytes()
        },
        // An answer in which there is no user.
        |request, issuer, _| {
            let mut answer = AuthorizationResponseClaims::new(request.nats.user_nkey.clone());
            answer.audience = request.nats.server.id.clone();
            answer.nats.jwt = "eyJ0eXAiOiJKV1QifQ.e30.x".into();
            answer
                .encode(issuer, now())
                .map(String::into_bytes)
                .unwrap_or_default()
        },
        // Signed by somebody else.
        |request, _, other| yes(request, other, |user| user.audience = "APP".into()),
        // The right user, signed as it has to be, in an answer of somebody else.
        |request, issuer, other| {
            let mut user = UserClaims::new(request.nats.user_nkey.clone());
            user.audience = "APP".into();
            let mut answer = AuthorizationResponseClaims::new(request.nats.user_nkey.clone());
            answer.audience = request.nats.server.id.clone();
            answer.nats.jwt = user.encode(issuer, now()).expect("signed");
            answer.encode(other, now()).expect("signed").into_bytes()
        },
        // Another account than there is.
        |request, issuer, _| yes(request, issuer, |user| user.audience = "NOWHERE".into()),
        // A user that was not asked about.
        |request, issuer, _| {
            let other = key(Kind::User);
            yes(request, issuer, |user| {
                user.audience = "APP".into();
                user.subject = public(&other);
            })
        },
        // Expired already.
        |request, issuer, _| {
            yes(request, issuer, |user| {
                user.audience = "APP".into();
                user.expires = now() - 10;
            })
        },
        // Placed by an issuer account, which only operators have.
        |request, issuer, other| {
            yes(request, issuer, |user| {
                user.audience = "APP".into();
                user.nats.issuer_account = public(other);
            })
        },
        // The answer to another server.
        |request, issuer, _| {
            let mut answer = AuthorizationResponseClaims::new(request.nats.user_nkey.clone());
            answer.audience = public(&key(Kind::Server));
            let mut user = UserClaims::new(request.nats.user_nkey.clone());
            user.audience = "APP".into();
            answer.nats.jwt = user.encode(issuer, now()).expect("signed");
            answer.encode(issuer, now()).expect("signed").into_bytes()
        },
    ];
    let issuer = key(Kind::Account);
    let server = launch(&configured(&issuer, ""));
    for change in changes {
        let signer = KeyPair::from_seed(issuer.seed().reveal()).expect("a seed");
        let other = key(Kind::Account);
        let service = Service::start(
            Wire::open_with(&server, SERVICE),
            None,
            Box::new(move |request| Some(change(request, &signer, &other))),
        );
        is_refused(&server, ALICE);
        // Requests reach every service that is there; this one goes before the next comes.
        drop(service);
    }
}

#[test]
fn a_no_with_a_reason_is_a_no() {
    let issuer = key(Kind::Account);
    let server = launch(&configured(&issuer, ""));
    let _service = Service::start(
        Wire::open_with(&server, SERVICE),
        None,
        Box::new(move |request| {
            let mut answer = AuthorizationResponseClaims::new(request.nats.user_nkey.clone());
            answer.audience = request.nats.server.id.clone();
            answer.nats.error = "not today".into();
            Some(answer.encode(&issuer, now()).expect("signed").into_bytes())
        }),
    );
    is_refused(&server, ALICE);
}

#[test]
fn requests_and_answers_are_sealed_for_a_service_with_a_curve_key() {
    let (issuer, curve) = (
        key(Kind::Account),
        CurveKey::generate().expect("randomness"),
    );
    let server = launch(&configured(
        &issuer,
        &format!(", xkey: {}", curve.public_key()),
    ));
    let service = Service::start(
        Wire::open_with(&server, SERVICE),
        Some(curve),
        Box::new(move |request| Some(yes(request, &issuer, |user| user.audience = "APP".into()))),
    );
    let mut alice = Wire::open_with(&server, ALICE);
    assert!(service.last().nats.server.xkey.starts_with('X'));
    alice.flush();
}

#[test]
fn a_user_of_the_service_expires_at_the_moment() {
    let issuer = key(Kind::Account);
    let server = launch(&configured(&issuer, ""));
    let _service = Service::start(
        Wire::open_with(&server, SERVICE),
        None,
        Box::new(move |request| {
            Some(yes(request, &issuer, |user| {
                user.audience = "APP".into();
                user.expires = now() + 2;
            }))
        }),
    );
    let mut alice = Wire::open_with(&server, ALICE);
    let said = alice.read_to_close();
    assert!(
        said.ends_with("-ERR 'User Authentication Expired'\r\n"),
        "{said:?}"
    );
}

/// Operator mode: the sentinel gets a client to the service, which puts it into an allowed account.
#[test]
fn an_accounts_service_places_users_in_allowed_accounts_only() {
    let operator = Operator::new();
    let (mut auth, app, other) = (Account::new("AUTH"), Account::new("APP"), Account::new("X"));
    let service_user = auth.user("service");
    let sentinel = auth.user_with("sentinel", |claims| {
        claims.nats.limits.bearer_token = true;
        claims.nats.limits.permissions.publish.deny = vec![">".into()];
        claims.nats.limits.permissions.subscribe.deny = vec![">".into()];
    });
    let curve = CurveKey::generate().expect("randomness");
    auth.claims.nats.authorization = ExternalAuthorization {
        auth_users: vec![service_user.id()],
        allowed_accounts: vec![app.id()],
        xkey: curve.public_key().to_string(),
    };
    let config = operator.in_memory(&[&auth, &app, &other]);
    let server = launch(&format!("{config}default_sentinel: {}\n", sentinel.token));
    let mut wire = Wire::connect(&server);
    let fields = format!(
        "{},\"headers\":true,\"no_responders\":true",
        service_user.fields(&wire)
    );
    wire.login(&fields);
    let auth_key = KeyPair::from_seed(auth.key.seed().reveal()).expect("a seed");
    let (app_key, other_key) = (app.key, other.key);
    let app_id = public(&app_key);
    let service = Service::start(
        wire,
        Some(curve),
        Box::new(move |request| {
            let issuer = match request.nats.connect.user.as_str() {
                "alice" => &app_key,
                _ => &other_key,
            };
            let mut user = UserClaims::new(request.nats.user_nkey.clone());
            user.name = request.nats.connect.user.clone();
            let mut answer = AuthorizationResponseClaims::new(request.nats.user_nkey.clone());
            answer.audience = request.nats.server.id.clone();
            answer.nats.jwt = user.encode(issuer, now()).expect("signed");
            Some(
                answer
                    .encode(&auth_key, now())
                    .expect("signed")
                    .into_bytes(),
            )
        }),
    );
    let mut alice = Wire::open_with(&server, ALICE);
    let request = service.last();
    assert_eq!(request.subject, auth.id());
    assert_eq!(request.nats.connect.jwt, sentinel.token);
    let info = nats_interop::trust::ask(&mut alice, "$SYS.REQ.USER.INFO", "");
    assert_eq!(info["data"]["account"], app_id, "{info}");
    is_refused(&server, r#""user":"mallory","pass":"x""#);
}

/// The first answer counts; one that comes later changes nothing, neither for this client nor for the next.
#[test]
fn a_second_answer_changes_nothing() {
    let issuer = key(Kind::Account);
    // Three answers are signed while the server waits; on a busy machine that takes seconds.
    let config = configured(&issuer, "").replace("timeout: 4", "timeout: 30");
    let server = launch(&config);
    let mut service = Wire::open_with(&server, SERVICE);
    service.subscribe("$SYS.REQ.USER.AUTH", "1");
    service.flush();
    let mut alice = Wire::connect(&server);
    alice.send_connect(ALICE);
    alice.line("PING");
    let (reply, _, body) = next_request(&mut service).expect("a request");
    let token = String::from_utf8(body).expect("a token");
    let request = AuthorizationRequestClaims::decode(&token).expect("genuine");
    let answers = ["APP", "SYS", "AUTH"]
        .map(|account| yes(&request, &issuer, |user| user.audience = account.into()));
    // The reference moves the client with each answer that comes, here to the system account and on, or stops answering altogether.
    let sent = if is_reference() { 1 } else { answers.len() };
    for answer in &answers[..sent] {
        let head = format!("PUB {reply} {}\r\n", answer.len());
        service.send([head.as_bytes(), answer, b"\r\n"].concat());
    }
    service.flush();
    assert_eq!(alice.read_line().trim(), "PONG");
    let info = nats_interop::trust::ask(&mut alice, "$SYS.REQ.USER.INFO", "");
    assert_eq!(info["data"]["account"], "APP", "{info}");
    if is_reference() {
        return;
    }
    // The answers of then for a client of now.
    let mut bob = Wire::connect(&server);
    bob.send_connect(&ALICE.replace("alice", "bob"));
    bob.line("PING");
    let (reply, ..) = next_request(&mut service).expect("a request");
    let answer = &answers[0];
    let head = format!("PUB {reply} {}\r\n", answer.len());
    service.send([head.as_bytes(), answer, b"\r\n"].concat());
    let said = bob.read_to_close();
    assert!(said.contains("Authorization Violation"), "{said}");
}

/// An answer after the time for it is over lets nobody in.
#[test]
fn a_late_answer_lets_nobody_in() {
    let issuer = key(Kind::Account);
    let config = configured(&issuer, "").replace("timeout: 4", "timeout: 1");
    let server = launch(&config);
    let service = Service::start(
        Wire::open_with(&server, SERVICE),
        None,
        Box::new(move |request| {
            // Being late is the point.
            std::thread::sleep(std::time::Duration::from_millis(1500));
            Some(yes(request, &issuer, |user| user.audience = "APP".into()))
        }),
    );
    is_refused(&server, ALICE);
    service.last();
    is_refused(&server, ALICE);
}

/// Whoever serves one account's questions decides about nobody else's users: the service of A is not asked about users of B, and what
/// it says cannot place anybody into B.
#[test]
fn an_accounts_service_has_no_word_in_another_account() {
    let operator = Operator::new();
    let (mut a, b) = (Account::new("A"), Account::new("B"));
    let service_user = a.user("service");
    a.claims.nats.authorization = ExternalAuthorization {
        auth_users: vec![service_user.id()],
        ..ExternalAuthorization::default()
    };
    let guest = a.user("guest");
    let server = launch(&operator.in_memory(&[&a, &b]));
    let mut wire = Wire::connect(&server);
    let fields = format!(
        "{},\"headers\":true,\"no_responders\":true",
        service_user.fields(&wire)
    );
    wire.login(&fields);
    let (a_key, b_key) = (
        KeyPair::from_seed(a.key.seed().reveal()).expect("a seed"),
        KeyPair::from_seed(b.key.seed().reveal()).expect("a seed"),
    );
    let b_id = b.id();
    let turn = std::sync::atomic::AtomicUsize::new(0);
    let service = Service::start(
        wire,
        None,
        Box::new(move |request| {
            let mut user = UserClaims::new(request.nats.user_nkey.clone());
            let signer = match turn.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
                // A user that B's own key signed.
                0 => &b_key,
                // A user that says it is B's, signed by A's key.
                1 => {
                    user.nats.issuer_account = b_id.clone();
                    &a_key
                }
                // Placed by the audience, which says nothing here.
                2 => {
                    user.audience = b_id.clone();
                    &b_key
                }
                _ => &a_key,
            };
            let mut answer = AuthorizationResponseClaims::new(request.nats.user_nkey.clone());
            answer.audience = request.nats.server.id.clone();
            answer.nats.jwt = user.encode(signer, now()).expect("signed");
            Some(answer.encode(&a_key, now()).expect("signed").into_bytes())
        }),
    );
    for _ in 0..3 {
        guest.is_refused(&server);
        service.last();
    }
    let mut guest = guest.open(&server);
    service.last();
    let info = nats_interop::trust::ask(&mut guest, "$SYS.REQ.USER.INFO", "");
    assert_eq!(info["data"]["account"], a.id(), "{info}");
    // Nobody is asked about B's users.
    b.user("u").open(&server);
    assert!(service.seen.try_recv().is_err());
}

/// Who decides cannot be changed under a running server, and stays in charge after other changes.
#[test]
fn a_reload_does_not_change_who_is_asked() {
    let (issuer, other) = (key(Kind::Account), key(Kind::Account));
    let server = launch(&configured(&issuer, ""));
    let signer = KeyPair::from_seed(issuer.seed().reveal()).expect("a seed");
    let _service = Service::start(
        Wire::open_with(&server, SERVICE),
        None,
        Box::new(move |request| Some(yes(request, &signer, |user| user.audience = "APP".into()))),
    );
    Wire::open_with(&server, ALICE);
    let why = server.reload_refused(&configured(&other, ""));
    assert!(why.contains("AuthCallout"), "{why}");
    Wire::open_with(&server, ALICE);
    server.reload(&format!(
        "{}\nmax_payload: 100000\n",
        configured(&issuer, "")
    ));
    Wire::open_with(&server, ALICE);
}

#[test]
fn an_account_that_a_reload_takes_away_takes_its_users_along() {
    let issuer = key(Kind::Account);
    let config = configured(&issuer, "");
    let server = launch(&config);
    let signer = KeyPair::from_seed(issuer.seed().reveal()).expect("a seed");
    let _service = Service::start(
        Wire::open_with(&server, SERVICE),
        None,
        Box::new(move |request| Some(yes(request, &signer, |user| user.audience = "APP".into()))),
    );
    let mut alice = Wire::open_with(&server, ALICE);
    server.reload(&config.replace("APP {}", "OTHER {}"));
    alice.expect_closed();
}
