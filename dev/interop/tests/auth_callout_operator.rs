//! Authorization services of accounts with tokens: whom they may place where, under which limits, and how that ends.

use nats_interop::binary::is_reference;
use nats_interop::callout::{Service, answer_with, copy, open_service, yes};
use nats_interop::trust::{Account, Operator, User, ask, key, now, public};
use nats_interop::{Launch, Server, Wire};
use nats_jwt::claims::{
    ExternalAuthorization, ResponsePermission, UserClaims, UserPermissionLimits, UserScope,
};
use nats_jwt::nkey::{CurveKey, KeyPair, Kind};

fn launch(config: &str) -> Server {
    Launch::new(config)
        .allow_log("(?i)auth callout|connection type|bad src|authoriz|issuer|jwt|claim|account|expected|not text|revoked|signature|nonce")
        .start()
}

/// An account with a service, the service's user, and a user who may do nothing before the service was asked.
struct Asked {
    account: Account,
    service: User,
    guest: User,
}

fn asked(allowed: &[String]) -> Asked {
    let mut account = Account::new("AUTH");
    let service = account.user("service");
    account.claims.nats.authorization = ExternalAuthorization {
        auth_users: vec![service.id()],
        allowed_accounts: allowed.to_vec(),
        xkey: String::new(),
    };
    let guest = account.user_with("guest", |claims| {
        claims.nats.limits.permissions.publish.deny = vec![">".into()];
        claims.nats.limits.permissions.subscribe.deny = vec![">".into()];
    });
    Asked {
        account,
        service,
        guest,
    }
}

#[track_caller]
fn open(server: &Server, user: &User, token: &str) -> Wire {
    let mut wire = Wire::connect(server);
    let fields = user.fields(&wire);
    wire.login(&format!(r#"{fields},"auth_token":"{token}""#));
    wire
}

#[track_caller]
fn is_refused(server: &Server, user: &User, token: &str) {
    let mut wire = Wire::connect(server);
    let fields = user.fields(&wire);
    wire.send_connect(&format!(r#"{fields},"auth_token":"{token}""#));
    wire.expect_err_and_close("Authorization Violation");
}

/// A user of the target account by one of its keys, or by a role, as the request's token wants.
#[test]
fn a_service_issues_users_by_every_key_of_an_allowed_account() {
    let operator = Operator::new();
    let (mut app, closed) = (Account::new("APP"), Account::new("CLOSED"));
    let (plain, scoped) = (key(Kind::Account), key(Kind::Account));
    app.claims.nats.signing_keys.add(public(&plain));
    let mut scope = UserScope::new(public(&scoped));
    scope.role = "foo".into();
    let template = &mut scope.template;
    template.permissions.publish.allow = vec!["foo.>".into(), "$SYS.REQ.USER.INFO".into()];
    template.permissions.subscribe.allow = vec!["foo.>".into(), "answers".into()];
    template.permissions.response = Some(ResponsePermission {
        max_messages: 1,
        expires_ns: 3_000_000_000,
    });
    template.limits.payload = 512;
    app.claims.nats.signing_keys.add_scoped(scope);
    for allowed in [vec![app.id()], vec!["*".to_owned()]] {
        let any = allowed == ["*"];
        let asked = asked(&allowed);
        let sentinel = asked.account.user_with("sentinel", |claims| {
            claims.nats.limits.bearer_token = true;
            claims.nats.limits.permissions.publish.deny = vec![">".into()];
            claims.nats.limits.permissions.subscribe.deny = vec![">".into()];
        });
        let config = operator.in_memory(&[&asked.account, &app, &closed]);
        let server = launch(&format!("{config}default_sentinel: {}\n", sentinel.token));
        let auth_key = copy(&asked.account.key);
        let keys = [&app.key, &plain, &scoped, &closed.key].map(copy);
        let app_id = app.id();
        let _service = Service::start(
            open_service(&asked.service, &server),
            None,
            Box::new(move |request| {
                let [own, plain, scoped, closed] = &keys;
                let mut user = UserClaims::new(request.nats.user_nkey.clone());
                user.name = request.nats.connect.auth_token.clone();
                user.nats.issuer_account = app_id.clone();
                let signer = match user.name.as_str() {
                    "own" | "default" => own,
                    "plain" => plain,
                    "role" => {
                        user.nats.limits = UserPermissionLimits::default();
                        user.nats.set_scoped(true);
                        scoped
                    }
                    // With limits of its own, which a role does not leave to anybody.
                    "bad-role" => {
                        user.nats.limits.limits.subs = 7;
                        scoped
                    }
                    "unknown-key" => &auth_key,
                    "closed" => closed,
                    _ => return Some(Vec::new()),
                };
                if ["own", "closed", "default"].contains(&user.name.as_str()) {
                    user.nats.issuer_account.clear();
                }
                Some(answer_with(request, &auth_key, &user, signer))
            }),
        );
        for token in ["own", "plain", "role"] {
            let mut wire = open(&server, &asked.guest, token);
            let info = ask(&mut wire, "$SYS.REQ.USER.INFO", "");
            assert_eq!(info["data"]["account"], app.id(), "{token}");
            assert_eq!(info["data"]["user"], token);
            if token == "role" {
                follows_its_role(&server, &app, &mut wire);
            }
        }
        for token in ["bad-role", "unknown-key", "nobody"] {
            is_refused(&server, &asked.guest, token);
        }
        if any {
            open(&server, &asked.guest, "closed");
        } else {
            is_refused(&server, &asked.guest, "closed");
        }
        // Without a token of its own, the sentinel's.
        let mut wire = Wire::open_with(&server, r#""auth_token":"default""#);
        let info = ask(&mut wire, "$SYS.REQ.USER.INFO", "");
        assert_eq!(info["data"]["user"], "default");
        assert_eq!(info["data"]["account"], app.id());
    }
}

fn follows_its_role(server: &Server, app: &Account, wire: &mut Wire) {
    wire.subscribe("foo.>", "5");
    wire.line("SUB other 6");
    wire.expect_err("Permissions Violation for Subscription to \"other\"");
    wire.publish("other", "");
    wire.expect_err("Permissions Violation for Publish to \"other\"");
    let mut colleague = app.user("colleague").open(server);
    colleague.subscribe("inbox.>", "1");
    colleague.flush();
    colleague.publish_request("foo.bar", "inbox.1", "q");
    colleague.flush();
    wire.expect("MSG foo.bar 5 inbox.1 1\r\nq\r\n");
    wire.publish("inbox.1", "a");
    wire.flush();
    colleague.expect_msg("inbox.1", "1", "a");
    wire.publish("inbox.1", "again");
    wire.expect_err("Permissions Violation for Publish to \"inbox.1\"");
    wire.publish("foo.big", &"x".repeat(513));
    if !is_reference() {
        // The reference looks at the payload limit of its server here.
        wire.expect_err_and_close("Maximum Payload Violation");
    }
}

#[test]
fn the_service_itself_is_not_asked_about_and_cannot_ask() {
    let operator = Operator::new();
    let asked = asked(&[]);
    let server = launch(&operator.in_memory(&[&asked.account]));
    let mut wire = open_service(&asked.service, &server);
    let info = ask(&mut wire, "$SYS.REQ.USER.INFO", "");
    let data = &info["data"];
    assert_eq!(data["user"], asked.service.id());
    assert_eq!(data["user_name"], "service");
    assert_eq!(data["account_name"], "AUTH");
    let deny = &data["permissions"]["publish"]["deny"];
    assert_eq!(deny, &serde_json::json!(["$SYS.REQ.USER.AUTH"]));
    // Its token with another key is nobody's.
    let stolen = User {
        key: key(Kind::User),
        token: asked.service.token.clone(),
    };
    stolen.is_refused(&server);
    // Nobody listens.
    asked.guest.is_refused(&server);
    wire.flush();
}

#[test]
fn a_service_with_a_curve_key_may_answer_in_the_clear() {
    let operator = Operator::new();
    let app = Account::new("APP");
    let curve = CurveKey::generate().expect("randomness");
    let mut asked = asked(&[app.id()]);
    asked.account.claims.nats.authorization.xkey = curve.public_key().to_string();
    let server = launch(&operator.in_memory(&[&asked.account, &app]));
    let mut wire = open_service(&asked.service, &server);
    wire.subscribe("$SYS.REQ.USER.AUTH", "1");
    wire.flush();
    for sealed in [false, true] {
        let mut guest = Wire::connect(&server);
        let fields = asked.guest.fields(&guest);
        guest.send_connect(&fields);
        guest.send("PING\r\n");
        let (reply, header, body) = nats_interop::callout::next_request(&mut wire).expect("one");
        assert!(!body.starts_with(b"eyJ"));
        let xkey = header.split("Nats-Server-Xkey: ").nth(1).expect("a header");
        let server_key = nats_jwt::nkey::PublicKey::parse(xkey.trim()).expect("a curve key");
        let token = curve.open(&body, &server_key).expect("sealed for us");
        let token = String::from_utf8(token).expect("a token");
        let request =
            nats_jwt::claims::AuthorizationRequestClaims::decode(&token).expect("genuine");
        assert_eq!(request.nats.server.xkey, xkey.trim());
        let user = UserClaims::new(request.nats.user_nkey.clone());
        let mut answer = answer_with(&request, &asked.account.key, &user, &app.key);
        if sealed {
            answer = curve.seal(&answer, &server_key).expect("sealed");
        }
        let head = format!("PUB {reply} {}\r\n", answer.len());
        wire.send([head.as_bytes(), &answer, b"\r\n"].concat());
        guest.expect("PONG\r\n");
        let info = ask(&mut guest, "$SYS.REQ.USER.INFO", "");
        assert_eq!(info["data"]["account"], app.id());
    }
}

fn full(operator: &Operator, accounts: &[&Account]) -> Server {
    launch(&operator.preloaded("{ type: full, dir: '$DIR/jwt' }", accounts))
}

/// Puts everybody into this account, and tells nobody else of it.
fn into(server: &Server, asked: &Asked, app: &KeyPair) -> Service {
    let (auth_key, app) = (copy(&asked.account.key), copy(app));
    Service::start(
        open_service(&asked.service, server),
        None,
        Box::new(move |request| {
            let user = UserClaims::new(request.nats.user_nkey.clone());
            Some(answer_with(request, &auth_key, &user, &app))
        }),
    )
}

#[test]
fn users_whom_a_service_placed_can_be_revoked() {
    let operator = Operator::new();
    let mut app = Account::new("APP");
    let asked = asked(&[app.id()]);
    let server = full(&operator, &[&asked.account, &app]);
    let service = into(&server, &asked, &app.key);
    let mut system = operator.system_wire(&server);
    let mut first = open(&server, &asked.guest, "x");
    let id = service.last().nats.user_nkey;
    let (mut second, mut third) = (
        open(&server, &asked.guest, "x"),
        open(&server, &asked.guest, "x"),
    );
    app.claims.nats.revocations.revoke(&id, now() + 60);
    operator.push(&mut system, &app);
    closed_as_revoked(&mut first);
    second.flush();
    third.flush();
    app.claims.nats.revocations = Default::default();
    operator.push(&mut system, &app);
    second.flush();
    third.flush();
    app.claims.nats.revocations.revoke("*", now() + 60);
    operator.push(&mut system, &app);
    closed_as_revoked(&mut second);
    closed_as_revoked(&mut third);
}

#[track_caller]
fn closed_as_revoked(wire: &mut Wire) {
    let said = wire.read_to_close();
    assert!(
        said.ends_with("-ERR 'User Authentication Revoked'\r\n"),
        "{said}"
    );
}

/// What the claims say about the service counts from the moment on in which they are pushed.
#[test]
fn a_service_may_come_and_go_with_the_claims() {
    let operator = Operator::new();
    let app = Account::new("APP");
    let mut asked = asked(&[app.id()]);
    let authorization = std::mem::take(&mut asked.account.claims.nats.authorization);
    let server = full(&operator, &[&asked.account, &app]);
    let mut system = operator.system_wire(&server);
    let mut wire = open(&server, &asked.guest, "x");
    wire.line("SUB x 1");
    wire.expect_err("Permissions Violation for Subscription to \"x\"");
    asked.account.claims.nats.authorization = authorization;
    operator.push(&mut system, &asked.account);
    is_refused(&server, &asked.guest, "x");
    let service = into(&server, &asked, &app.key);
    let mut placed = open(&server, &asked.guest, "x");
    service.last();
    placed.subscribe("x", "1");
    placed.flush();
    // No longer into this account.
    asked
        .account
        .claims
        .nats
        .authorization
        .allowed_accounts
        .clear();
    operator.push(&mut system, &asked.account);
    is_refused(&server, &asked.guest, "x");
    service.last();
    asked.account.claims.nats.authorization = ExternalAuthorization::default();
    operator.push(&mut system, &asked.account);
    let mut wire = open(&server, &asked.guest, "x");
    let info = ask_nothing(&mut wire);
    assert!(info.contains("Permissions Violation"), "{info}");
    assert!(service.seen.try_recv().is_err());
}

fn ask_nothing(wire: &mut Wire) -> String {
    wire.publish("x", "");
    wire.read_line()
}

#[test]
fn an_operator_and_a_service_in_the_configuration_exclude_each_other() {
    let operator = Operator::new();
    let issuer = key(Kind::Account);
    let config = format!(
        "{}\nauthorization {{ auth_callout {{ issuer: {}, auth_users: [auth] }} }}",
        operator.in_memory(&[]),
        public(&issuer)
    );
    let output = Launch::new(&config).run_to_exit().output();
    assert!(
        output.contains("operators do not allow authorization callouts to be configured directly"),
        "{output}"
    );
}

/// Unlike in a configuration, the key that signs says into which account; the audience says nothing.
#[test]
fn an_audience_places_nobody() {
    let operator = Operator::new();
    let app = Account::new("APP");
    let asked = asked(&["*".into()]);
    let server = launch(&operator.in_memory(&[&asked.account, &app]));
    let (auth_key, app_id) = (copy(&asked.account.key), app.id());
    let _service = Service::start(
        open_service(&asked.service, &server),
        None,
        Box::new(move |request| {
            Some(yes(request, &auth_key, |user| {
                user.audience = app_id.clone()
            }))
        }),
    );
    let mut wire = open(&server, &asked.guest, "x");
    let info = ask(&mut wire, "$SYS.REQ.USER.INFO", "");
    assert_eq!(info["data"]["account"], asked.account.id());
}

/// What the service's token leaves open, the account into which it places decides; what it says, it says of everything.
#[test]
fn a_placed_user_has_the_limits_of_its_token_and_the_defaults_of_its_account() {
    let operator = Operator::new();
    let mut app = Account::new("APP");
    app.claims.nats.default_permissions.publish.deny = vec!["closed".into()];
    let asked = asked(&[app.id()]);
    let server = launch(&operator.in_memory(&[&asked.account, &app]));
    let (auth_key, app_key) = (copy(&asked.account.key), copy(&app.key));
    let _service = Service::start(
        open_service(&asked.service, &server),
        None,
        Box::new(move |request| {
            let mut user = UserClaims::new(request.nats.user_nkey.clone());
            let limits = &mut user.nats.limits;
            match request.nats.connect.auth_token.as_str() {
                "own" => limits.permissions.publish.deny = vec!["other".into()],
                "websocket" => limits.allowed_connection_types = vec!["WEBSOCKET".into()],
                "far" => limits.src = vec!["192.0.2.0/24".into()],
                "near" => {
                    limits.allowed_connection_types = vec!["STANDARD".into()];
                    limits.src = vec!["127.0.0.0/8".into()];
                }
                _ => {}
            }
            Some(answer_with(request, &auth_key, &user, &app_key))
        }),
    );
    for (token, denied) in [("plain", "closed"), ("own", "other"), ("near", "closed")] {
        let mut wire = open(&server, &asked.guest, token);
        wire.publish(denied, "");
        wire.expect_err(&format!(
            "Permissions Violation for Publish to \"{denied}\""
        ));
        wire.publish("open", "");
        wire.flush();
    }
    if !is_reference() {
        // The reference passes over these.
        is_refused(&server, &asked.guest, "websocket");
        is_refused(&server, &asked.guest, "far");
    }
}
