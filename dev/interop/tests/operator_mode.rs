//! Operator mode: users and accounts by token, on live connections too.

use nats_interop::trust::{Account, Operator, key, now, public};
use nats_interop::{Launch, Server, Wire};
use nats_jwt::claims::{
    Activation, ActivationClaims, Export, ExportType, Import, ResponsePermission, TimeRange,
    UserScope, WeightedMapping,
};
use nats_jwt::nkey::Kind;

fn one_account(change: impl FnOnce(&mut Account)) -> (Operator, Account, Server) {
    let operator = Operator::new();
    let mut account = Account::new("A");
    change(&mut account);
    let server = Launch::new(&operator.in_memory(&[&account]))
        .allow_log("Account fetch failed")
        .start();
    (operator, account, server)
}

#[test]
fn a_user_needs_a_token_of_a_known_account_and_its_own_signature() {
    let (_, account, server) = one_account(|_| {});
    let info = Wire::connect(&server).info().clone();
    assert_eq!(info["auth_required"], true);
    assert!(info["nonce"].is_string());
    let user = account.user("u");
    let mut wire = user.open(&server);
    wire.subscribe("x", "1");
    wire.publish("x", "hello");
    wire.expect_msg("x", "1", "hello");
    let other = account.user("other");
    for fields in [
        String::new(),
        r#""user":"u","pass":"p""#.into(),
        r#""jwt":"nonsense""#.into(),
        user.bearer_fields(),
        format!(r#"{},"sig":"AAAA""#, user.bearer_fields()),
        format!(
            r#"{},"sig":"{}""#,
            user.bearer_fields(),
            other.key.sign_text(b"another nonce")
        ),
    ] {
        let mut wire = Wire::connect(&server);
        wire.send_connect(&fields);
        wire.expect_err_and_close("Authorization Violation");
    }
    Account::new("unknown").user("u").is_refused(&server);
    let stranger = key(Kind::Account);
    account.user_by(&stranger, "u", |_| {}).is_refused(&server);
    // Nothing may come before CONNECT.
    let mut wire = Wire::connect(&server);
    wire.line("PUB x 0\r\n");
    wire.expect_err_and_close("Authorization Violation");
}

/// A ping may come before.
#[track_caller]
fn is_told_and_closed(wire: &mut Wire, error: &str) {
    let said = wire.read_to_close();
    assert!(said.ends_with(&format!("-ERR '{error}'\r\n")), "{said:?}");
}

#[test]
fn accounts_are_isolated() {
    let operator = Operator::new();
    let (a, b) = (Account::new("A"), Account::new("B"));
    let server = Server::start(&operator.in_memory(&[&a, &b]));
    let (mut in_a, mut in_b) = (a.user("u").open(&server), b.user("u").open(&server));
    in_b.subscribe(">", "1");
    in_b.flush();
    in_a.publish("x", "secret");
    in_a.flush();
    in_b.expect_nothing();
}

/// S3: at the moment, on a live connection, and before anybody is let in.
#[test]
fn a_user_expires_at_the_moment_and_does_not_come_early() {
    let (_, account, server) = one_account(|_| {});
    let mut wire = account
        .user_with("short", |claims| claims.expires = now() + 2)
        .open(&server);
    is_told_and_closed(&mut wire, "User Authentication Expired");
    account
        .user_with("late", |claims| claims.expires = now() - 10)
        .is_refused(&server);
    account
        .user_with("early", |claims| claims.not_before = now() + 100)
        .is_refused(&server);
}

/// Pings are due all the time; one that is due at the moment of the end is not sent any more.
#[test]
fn the_reason_of_a_close_is_the_last_that_a_client_reads() {
    let operator = Operator::new();
    let account = Account::new("A");
    let config = operator.in_memory(&[&account]);
    let server = Server::start(&format!(
        "ping_interval: \"1ms\"\nping_max: 100000\n{config}"
    ));
    let mut wires: Vec<_> = (0..20)
        .map(|_| account.user_with("short", |claims| claims.expires = now() + 2))
        .map(|user| user.open(&server))
        .collect();
    for wire in &mut wires {
        is_told_and_closed(wire, "User Authentication Expired");
    }
}

#[test]
fn an_account_that_expires_takes_its_users_along() {
    let (_, account, server) = one_account(|account| account.claims.expires = now() + 2);
    let mut wire = account.user("u").open(&server);
    is_told_and_closed(&mut wire, "Account Authentication Expired");
    account.user("u").is_refused(&server);
}

#[test]
fn permissions_of_the_token_hold() {
    let (_, account, server) = one_account(|_| {});
    let user = account.user_with("u", |claims| {
        let permissions = &mut claims.nats.limits.permissions;
        permissions.publish.allow = vec!["p.*".into()];
        permissions.publish.deny = vec!["p.no".into()];
        permissions.subscribe.allow = vec!["s.>".into(), "q workers".into()];
    });
    let mut wire = user.open(&server);
    wire.subscribe("s.x", "1");
    wire.subscribe_queue("q", "workers", "2");
    wire.flush();
    wire.line("SUB q 3");
    wire.expect_err("Permissions Violation for Subscription to \"q\"");
    wire.line("SUB t 4");
    wire.expect_err("Permissions Violation for Subscription to \"t\"");
    wire.publish("p.no", "");
    wire.expect_err("Permissions Violation for Publish to \"p.no\"");
    wire.publish("p.yes", "");
    wire.flush();
}

#[test]
fn answers_are_permitted_as_often_as_the_token_says() {
    let (_, account, server) = one_account(|_| {});
    let user = account.user_with("service", |claims| {
        claims.nats.limits.permissions.response = Some(ResponsePermission {
            max_messages: 2,
            expires_ns: 0,
        });
    });
    let mut service = user.open(&server);
    let mut asker = account.user("asker").open(&server);
    service.subscribe("ask", "1");
    service.flush();
    asker.subscribe("answer", "9");
    asker.publish_request("ask", "answer", "q");
    service.expect("MSG ask 1 answer 1\r\nq\r\n");
    for text in ["one", "two"] {
        service.publish("answer", text);
        asker.expect_msg("answer", "9", text);
    }
    service.publish("answer", "three");
    service.expect_err("Permissions Violation for Publish to \"answer\"");
}

#[test]
fn the_accounts_default_permissions_are_for_users_without_any() {
    let (_, account, server) = one_account(|account| {
        account.claims.nats.default_permissions.publish.deny = vec!["no".into()];
    });
    let mut wire = account.user("u").open(&server);
    wire.publish("no", "");
    wire.expect_err("Permissions Violation for Publish to \"no\"");
    let own = account.user_with("own", |claims| {
        claims.nats.limits.permissions.publish.deny = vec!["other".into()];
    });
    let mut wire = own.open(&server);
    wire.publish("no", "");
    wire.flush();
}

#[test]
fn scoped_users_have_the_scopes_permissions() {
    let scoped = key(Kind::Account);
    let (_, account, server) = one_account(|account| {
        let mut scope = UserScope::new(public(&scoped));
        scope.role = "worker".into();
        scope.template.permissions.publish.allow = vec!["for.{{name()}}.{{tag(team)}}".into()];
        scope.template.permissions.subscribe.allow = vec!["in.{{account-name()}}.>".into()];
        account.claims.nats.signing_keys.add_scoped(scope);
    });
    let user = account.user_by(&scoped, "bob", |claims| {
        claims.nats.set_scoped(true);
        claims.nats.tags.add("team:red");
        claims.nats.tags.add("team:blue");
    });
    let mut wire = user.open(&server);
    wire.publish("for.bob.red", "");
    wire.publish("for.bob.blue", "");
    wire.subscribe("in.A.x", "1");
    wire.flush();
    wire.publish("for.bob.green", "");
    wire.expect_err("Permissions Violation for Publish to \"for.bob.green\"");
    // A user of a scoped key with anything of its own is refused.
    account.user_by(&scoped, "bob", |_| {}).is_refused(&server);
}

#[test]
fn bearers_need_no_signature_unless_the_account_forbids_them() {
    let (_, account, server) = one_account(|_| {});
    let bearer =
        |account: &Account| account.user_with("b", |claims| claims.nats.limits.bearer_token = true);
    Wire::open_with(&server, &bearer(&account).bearer_fields());
    let (_, account, server) =
        one_account(|account| account.claims.nats.limits.disallow_bearer = true);
    let mut wire = Wire::connect(&server);
    wire.send_connect(&bearer(&account).bearer_fields());
    wire.expect_err_and_close("Authorization Violation");
}

#[test]
fn networks_times_and_kinds_of_connections_are_checked() {
    let (_, account, server) = one_account(|_| {});
    let with_src = |src: &str| {
        let src = src.to_owned();
        account.user_with("u", |claims| claims.nats.limits.src = vec![src])
    };
    with_src("127.0.0.0/8").open(&server);
    with_src("192.0.2.0/24").is_refused(&server);
    let with_types = |types: &[&str]| {
        let types = types.iter().map(|t| (*t).to_owned()).collect();
        account.user_with("u", |claims| {
            claims.nats.limits.allowed_connection_types = types
        })
    };
    with_types(&["STANDARD"]).open(&server);
    with_types(&["MQTT", "STANDARD", "TELEPATHY"]).open(&server);
    with_types(&["WEBSOCKET"]).is_refused(&server);
    with_types(&["TELEPATHY"]).is_refused(&server);
    // Two halves of the day: one of them is now, the other is not.
    let halves = [("00:00:00", "12:00:00"), ("12:00:00", "23:59:59")];
    let mut open = 0;
    for (start, end) in halves {
        let user = account.user_with("u", |claims| {
            claims.nats.limits.times = vec![TimeRange {
                start: start.into(),
                end: end.into(),
            }];
            claims.nats.limits.times_location = "UTC".into();
        });
        let mut wire = Wire::connect(&server);
        let fields = user.fields(&wire);
        wire.send_connect(&fields);
        wire.send("PING\r\n");
        open += usize::from(wire.read_line().starts_with("PONG"));
    }
    assert_eq!(open, 1, "exactly one half of the day is now");
}

#[test]
fn limits_of_user_and_account_hold() {
    let (_, account, server) = one_account(|account| {
        account.claims.nats.limits.conn = 2;
        account.claims.nats.limits.payload = 10;
        account.claims.nats.limits.subs = 2;
    });
    let mut wire = account.user("u").open(&server);
    wire.subscribe("a", "1");
    wire.subscribe("b", "2");
    wire.flush();
    wire.line("SUB c 3");
    wire.expect_err("maximum subscriptions exceeded");
    let user = account.user_with("small", |claims| claims.nats.limits.limits.payload = 4);
    let mut small = user.open(&server);
    small.publish("x", "1234");
    small.flush();
    small.publish("x", "12345");
    small.expect_err_and_close("Maximum Payload Violation");
    wire.publish("x", "12345678901");
    wire.expect_err_and_close("Maximum Payload Violation");
    let _one = account.user("u").open(&server);
    let _two = account.user("u").open(&server);
    let mut three = Wire::connect(&server);
    let fields = account.user("u").fields(&three);
    three.send_connect(&fields);
    three.expect_err_and_close("maximum account active connections exceeded");
}

#[test]
fn mappings_of_the_account_apply() {
    let (_, account, server) = one_account(|account| {
        let to = WeightedMapping {
            subject: "new.$1".into(),
            ..WeightedMapping::default()
        };
        account
            .claims
            .nats
            .mappings
            .insert("old.*".into(), vec![to]);
    });
    let mut wire = account.user("u").open(&server);
    wire.subscribe("new.*", "1");
    wire.publish("old.x", "hello");
    wire.expect_msg("new.x", "1", "hello");
}

fn stream(subject: &str) -> Export {
    Export {
        subject: subject.into(),
        kind: ExportType::Stream,
        ..Export::default()
    }
}

fn import(from: &Account, kind: ExportType, subject: &str) -> Import {
    Import {
        subject: subject.into(),
        account: from.id(),
        kind,
        ..Import::default()
    }
}

fn activation(exporter: &Account, importer: &Account, subject: &str) -> String {
    let mut claims = ActivationClaims::new(importer.id());
    claims.nats = Activation {
        import_subject: subject.into(),
        import_type: ExportType::Stream,
        ..Activation::default()
    };
    claims.encode(&exporter.key, now()).expect("signed")
}

#[test]
fn streams_and_services_cross_accounts_as_the_tokens_say() {
    let operator = Operator::new();
    let (mut exporter, mut importer) = (Account::new("E"), Account::new("I"));
    exporter.claims.nats.exports = vec![
        stream("news.>"),
        Export {
            kind: ExportType::Service,
            ..stream("help.*")
        },
    ];
    importer.claims.nats.imports = vec![
        Import {
            local_subject: "from.e.>".into(),
            ..import(&exporter, ExportType::Stream, "news.>")
        },
        Import {
            local_subject: "ask.$1".into(),
            ..import(&exporter, ExportType::Service, "help.*")
        },
        import(&exporter, ExportType::Stream, "secret"),
    ];
    let server = Launch::new(&operator.in_memory(&[&exporter, &importer]))
        .allow_log("secret")
        .start();
    let (mut e, mut i) = (
        exporter.user("e").open(&server),
        importer.user("i").open(&server),
    );
    i.subscribe("from.e.>", "1");
    i.subscribe("secret", "2");
    i.subscribe("inbox", "3");
    i.flush();
    e.subscribe("help.me", "1");
    e.flush();
    e.publish("news.today", "hello");
    i.expect_msg("from.e.today", "1", "hello");
    e.publish("secret", "x");
    e.flush();
    i.expect_nothing();
    i.publish_request("ask.me", "inbox", "q");
    let (head, _) = e.read_msg();
    let reply = head.split(' ').nth(3).expect("a reply").to_owned();
    e.publish(&reply, "a");
    i.expect_msg("inbox", "3", "a");
}

/// S5: who has a token for the private export gets it, and nobody else.
#[test]
fn private_exports_need_an_activation_token_for_this_importer() {
    let operator = Operator::new();
    let (mut exporter, mut good, mut bad) =
        (Account::new("E"), Account::new("good"), Account::new("bad"));
    exporter.claims.nats.exports = vec![Export {
        token_required: true,
        ..stream("private.>")
    }];
    let with_token = |token: String| Import {
        token,
        ..import(&exporter, ExportType::Stream, "private.>")
    };
    good.claims.nats.imports = vec![with_token(activation(&exporter, &good, "private.>"))];
    bad.claims.nats.imports = vec![import(&exporter, ExportType::Stream, "private.>")];
    let server = Launch::new(&operator.in_memory(&[&exporter, &good, &bad])).start();
    let mut e = exporter.user("e").open(&server);
    let (mut g, mut b) = (good.user("g").open(&server), bad.user("b").open(&server));
    for wire in [&mut g, &mut b] {
        wire.subscribe("private.>", "1");
        wire.flush();
    }
    e.publish("private.x", "hello");
    e.flush();
    g.expect_msg("private.x", "1", "hello");
    b.expect_nothing();
}

#[test]
fn the_token_in_a_subject_must_be_the_importers_account() {
    let operator = Operator::new();
    let (mut exporter, mut importer) = (Account::new("E"), Account::new("I"));
    exporter.claims.nats.exports = vec![Export {
        account_token_position: 2,
        ..stream("for.*.x")
    }];
    let own = format!("for.{}.x", importer.id());
    let foreign = format!("for.{}.x", exporter.id());
    importer.claims.nats.imports = vec![
        import(&exporter, ExportType::Stream, &own),
        import(&exporter, ExportType::Stream, &foreign),
    ];
    let server = Server::start(&operator.in_memory(&[&exporter, &importer]));
    let (mut e, mut i) = (
        exporter.user("e").open(&server),
        importer.user("i").open(&server),
    );
    i.subscribe("for.>", "1");
    i.flush();
    e.publish(&foreign, "no");
    e.publish(&own, "yes");
    i.expect_msg(&own, "1", "yes");
}

#[test]
fn a_default_sentinel_stands_in_for_missing_tokens() {
    let operator = Operator::new();
    let account = Account::new("A");
    let sentinel = account.user_with("sentinel", |claims| {
        claims.nats.limits.bearer_token = true;
        claims.nats.limits.permissions.publish.deny = vec![">".into()];
    });
    let config = operator.in_memory(&[&account]);
    let server = Server::start(&format!("{config}default_sentinel: {}\n", sentinel.token));
    let mut wire = Wire::open(&server);
    wire.publish("x", "");
    wire.expect_err("Permissions Violation for Publish to \"x\"");
    account.user("own").open(&server).flush();
}

#[test]
fn only_pinned_accounts_log_in() {
    let operator = Operator::new();
    let (a, b) = (Account::new("A"), Account::new("B"));
    let config = operator.in_memory(&[&a, &b]);
    let server = Server::start(&format!("{config}resolver_pinned_accounts: [{}]\n", a.id()));
    a.user("u").open(&server);
    b.user("u").is_refused(&server);
    operator.system_wire(&server);
}

#[test]
fn a_strict_operator_and_its_accounts_sign_with_signing_keys_only() {
    let (op_key, account_key) = (key(Kind::Operator), key(Kind::Account));
    let mut operator = Operator::new();
    operator.claims.nats.signing_keys.push(public(&op_key));
    operator.claims.nats.strict_signing_key_usage = true;
    let mut account = Account::new("A");
    account.claims.nats.signing_keys.add(public(&account_key));
    let system_key = key(Kind::Account);
    operator
        .system
        .claims
        .nats
        .signing_keys
        .add(public(&system_key));
    let loose = Account::new("signed by the operator itself");
    let preload = [
        (account.id(), account.signed_by(&op_key)),
        (operator.system.id(), operator.system.signed_by(&op_key)),
        (loose.id(), loose.signed_by(&operator.key)),
    ];
    let lines: Vec<_> = preload
        .iter()
        .map(|(id, token)| format!("{id}: {token}"))
        .collect();
    let server = Launch::new(&format!(
        "operator: {}\nresolver: MEMORY\nresolver_preload: {{\n{}\n}}",
        operator.token(),
        lines.join("\n")
    ))
    .start();
    account.user_by(&account_key, "u", |_| {}).open(&server);
    account.user("u").is_refused(&server);
    loose.user("u").is_refused(&server);
}

#[test]
fn trusted_keys_do_instead_of_an_operator() {
    let operator = Operator::new();
    let account = Account::new("A");
    let server = Launch::new(&format!(
        "trusted_keys: {}\nresolver: MEMORY\nresolver_preload: {{ {}: {} }}",
        public(&operator.key),
        account.id(),
        operator.sign(&account)
    ))
    .allow_log("Account fetch failed")
    .start();
    account.user("u").open(&server);
    Account::new("B").user("u").is_refused(&server);
}

#[test]
fn configurations_that_contradict_themselves_are_refused() {
    let operator = Operator::new();
    let config = operator.in_memory(&[]);
    for wrong in [
        format!("{config}accounts: {{ A: {{}} }}"),
        format!("{config}no_auth_user: x"),
        format!(
            "{config}default_sentinel: {}",
            Account::new("A").user("u").token
        ),
        format!("operator: {}", operator.token()),
        format!("{config}system_account: {}", Account::new("A").id()),
    ] {
        let finished = Launch::new(&wrong).run_to_exit();
        assert_ne!(finished.code, Some(0), "{wrong}");
    }
}

/// Clients check their messages against what INFO says. It has no nonce any more: nobody signs it again.
#[test]
fn the_info_after_connect_has_the_smallest_payload_limit() {
    let (_, account, server) = one_account(|a| a.claims.nats.limits.payload = 1_000);
    for (own, told) in [(-1, 1_000), (20, 20), (5_000_000, 1_000)] {
        let user = account.user_with("u", |claims| claims.nats.limits.limits.payload = own);
        let mut wire = Wire::connect(&server);
        let fields = user.fields(&wire);
        wire.send_connect(&format!(r#"{fields},"protocol":1"#));
        wire.line("PING");
        let line = loop {
            let line = wire.read_line();
            if let Some(info) = line.strip_prefix("INFO ") {
                break info.to_owned();
            }
        };
        let info: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(info["max_payload"], told, "the user's own limit is {own}");
        assert!(info["nonce"].is_null(), "{info}");
    }
}

/// S10: what a deny list names is the subject that the account itself uses, whatever the exporter calls it; and who may answer what it
/// gets may answer what comes through an import.
#[test]
fn s10_deny_lists_and_answers_count_for_imported_streams() {
    let operator = Operator::new();
    let (mut a, mut e) = (Account::new("A"), Account::new("E"));
    e.claims.nats.exports.push(Export {
        subject: "there.*".into(),
        kind: ExportType::Stream,
        ..Export::default()
    });
    a.claims.nats.imports.push(Import {
        name: "i".into(),
        subject: "there.*".into(),
        account: e.id(),
        kind: ExportType::Stream,
        local_subject: "here.*".into(),
        ..Import::default()
    });
    let server = Server::start(&operator.in_memory(&[&a, &e]));
    let mut talker = e.user("talker").open(&server);
    let reader = |deny: &str| {
        a.user_with("reader", |claims| {
            claims.nats.limits.permissions.subscribe.deny = vec![deny.into()];
        })
    };
    for queue in ["", "workers "] {
        let mut kept_out = reader("here.secret").open(&server);
        let mut unconcerned = reader("there.secret").open(&server);
        for wire in [&mut kept_out, &mut unconcerned] {
            wire.line(&format!("SUB > {}1", queue));
            wire.flush();
        }
        for _ in 0..10 {
            talker.publish("there.secret", "s");
        }
        talker.publish("there.open", "o");
        talker.flush();
        let mut said = [&mut kept_out, &mut unconcerned].map(|wire| {
            wire.line("PING");
            wire.read_through("PONG\r\n")
        });
        assert!(!said[0].contains("here.secret"), "{queue:?}: {}", said[0]);
        assert_eq!(said[1].matches("here.secret").count(), 10, "{queue:?}");
        said.sort();
        assert!(said.concat().contains("here.open"), "{queue:?}: {said:?}");
    }
    let answerer = a.user_with("answerer", |claims| {
        claims.nats.limits.permissions.response = Some(ResponsePermission {
            max_messages: 1,
            expires_ns: 0,
        });
    });
    let mut wire = answerer.open(&server);
    wire.subscribe("here.*", "1");
    wire.flush();
    talker.publish_request("there.open", "answer", "q");
    wire.expect("MSG here.open 1 answer 1\r\nq\r\n");
    wire.publish("answer", "one");
    wire.flush();
    wire.publish("answer", "two");
    wire.expect_err("Permissions Violation for Publish to \"answer\"");
}

/// A user who must come through a trusted proxy comes no other way, whether its own token or its role says so.
#[test]
fn a_user_may_have_to_come_through_a_proxy() {
    let proxy = key(Kind::Server);
    let scoped = key(Kind::Account);
    let operator = Operator::new();
    let mut account = Account::new("A");
    let mut scope = UserScope::new(public(&scoped));
    scope.role = "far".into();
    scope.template.proxy_required = true;
    account.claims.nats.signing_keys.add_scoped(scope);
    let config = operator.in_memory(&[&account]);
    let server = Server::start(&format!(
        "{config}proxies {{ trusted: [ {{ key: \"{}\" }} ] }}",
        public(&proxy)
    ));
    let own = account.user_with("own", |claims| claims.nats.limits.proxy_required = true);
    let by_role = account.user_by(&scoped, "role", |claims| claims.nats.set_scoped(true));
    for user in [own, by_role] {
        let mut wire = Wire::connect(&server);
        let fields = user.fields(&wire);
        wire.send_connect(&fields);
        wire.expect_err_and_close("Authorization Violation");
        let mut wire = Wire::connect(&server);
        let nonce = wire.info()["nonce"].as_str().expect("a nonce").to_owned();
        let fields = user.fields(&wire);
        let sig = proxy.sign_text(nonce.as_bytes());
        wire.login(&format!(r#"{fields},"proxy_sig":"{sig}""#));
    }
}

/// Without a word in the system account's token every account may import what there is about itself, and nothing about others.
#[test]
fn the_system_account_offers_each_account_its_own_figures() {
    let operator = Operator::new();
    let (mut a, b) = (Account::new("A"), Account::new("B"));
    for (of, local) in [(a.id(), "own.connz"), (b.id(), "foreign.connz")] {
        a.claims.nats.imports.push(Import {
            name: local.into(),
            subject: format!("$SYS.REQ.ACCOUNT.{of}.CONNZ"),
            account: operator.system.id(),
            kind: ExportType::Service,
            local_subject: local.into(),
            ..Import::default()
        });
    }
    let config = operator.in_memory(&[&a, &b]);
    let server = Server::start(&format!("{config}http: \"127.0.0.1:-1\"\n"));
    let _other = b.user("u").open(&server);
    let mut wire = a.user("u").open(&server);
    wire.subscribe("inbox", "1");
    wire.publish_request("own.connz", "inbox", "");
    let (_, body) = wire.read_msg();
    let answer: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(answer["data"]["num_connections"], 1, "{answer}");
    wire.publish_request("foreign.connz", "inbox", "");
    wire.line("PING");
    let said = wire.read_through("PONG\r\n");
    assert!(!said.contains("num_connections"), "{said}");
    let page = server.page(&format!("/accountz?acc={}", operator.system.id()));
    let exports = page["account_detail"]["exports"]
        .as_array()
        .expect("exports");
    let connz = |e: &&serde_json::Value| e["subject"] == "$SYS.REQ.ACCOUNT.*.CONNZ";
    assert_eq!(exports.iter().filter(connz).count(), 1, "{page}");
    let decoded = &page["account_detail"]["decoded_jwt"];
    assert!(!decoded.is_null(), "{page}");
    assert!(
        !decoded.to_string().contains("CONNZ"),
        "the token says nothing of it"
    );
}
