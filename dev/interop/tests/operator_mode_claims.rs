//! Claims at their edges: what an account and its users may do when limits, permissions, imports and tokens say something unusual,
//! and what live connections notice when the claims change.

use nats_interop::binary::is_reference;
use nats_interop::server::wait_until;
use nats_interop::trust::{Account, Operator, User, ask, key, now, public, push_token};
use nats_interop::{Launch, Server, Wire};
use nats_jwt::claims::{
    ActivationClaims, Export, ExportType, Import, ResponsePermission, TimeRange, UserScope,
};
use nats_jwt::nkey::Kind;

fn full(operator: &Operator, accounts: &[&Account]) -> Server {
    let config = operator.preloaded("{ type: full, dir: '$DIR/jwt' }", accounts);
    Launch::new(&config)
        .allow_log("(?i)account|jwt|import|claim|token|revoked|expired|limit|maximum|issuer")
        .start()
}

fn in_memory(operator: &Operator, accounts: &[&Account], more: &str) -> Server {
    Server::start(&format!("{}\n{more}", operator.in_memory(accounts)))
}

#[test]
fn default_permissions_change_for_those_who_have_none_of_their_own() {
    let operator = Operator::new();
    let mut account = Account::new("A");
    let defaults = &mut account.claims.nats.default_permissions;
    defaults.publish.allow = vec!["foo".into()];
    defaults.subscribe.allow = vec!["foo".into()];
    let server = full(&operator, &[&account]);
    let mut system = operator.system_wire(&server);
    let mut plain = account.user("plain").open(&server);
    let explicit = account.user_with("explicit", |claims| {
        claims.nats.limits.permissions.publish.allow = vec!["baz".into()];
        claims.nats.limits.permissions.subscribe.allow = vec!["baz".into()];
    });
    let mut explicit = explicit.open(&server);
    plain.subscribe("foo", "1");
    explicit.subscribe("baz", "1");
    plain.flush();
    explicit.flush();
    let defaults = &mut account.claims.nats.default_permissions;
    defaults.publish.allow = vec!["bar".into()];
    defaults.subscribe.allow = vec!["bar".into()];
    operator.push(&mut system, &account);
    plain.expect_err("Permissions Violation for Subscription to \"foo\" (sid \"1\")");
    plain.publish("foo", "");
    plain.expect_err("Permissions Violation for Publish to \"foo\"");
    plain.line("SUB foo 2");
    plain.expect_err("Permissions Violation for Subscription to \"foo\"");
    plain.subscribe("bar", "3");
    plain.publish("bar", "x");
    plain.expect_msg("bar", "3", "x");
    explicit.publish("baz", "y");
    explicit.expect_msg("baz", "1", "y");
    explicit.publish("bar", "");
    explicit.expect_err("Permissions Violation for Publish to \"bar\"");
}

/// 0 is the default of one answer; below it there is no bound.
#[test]
fn response_permissions_at_their_edges() {
    let operator = Operator::new();
    let account = Account::new("A");
    let server = in_memory(&operator, &[&account], "");
    let mut asking = account.user("asking").open(&server);
    asking.subscribe("inbox", "1");
    asking.flush();
    for (max_messages, expires_ns, answers) in [(0, 0, 1), (-1, -1_000_000_000, 20), (3, -1, 3)] {
        let answering = account.user_with("answering", |claims| {
            claims.nats.limits.permissions.response = Some(ResponsePermission {
                max_messages,
                expires_ns,
            });
        });
        let mut answering = answering.open(&server);
        answering.subscribe("q", "1");
        answering.flush();
        // Who may answer may publish nothing else.
        answering.publish("other", "");
        answering.expect_err("Permissions Violation for Publish to \"other\"");
        asking.publish_request("q", "inbox", "?");
        asking.flush();
        answering.expect("MSG q 1 inbox 1\r\n?\r\n");
        for _ in 0..answers {
            answering.publish("inbox", "!");
            answering.flush();
            asking.expect_msg("inbox", "1", "!");
        }
        answering.publish("inbox", "!");
        if max_messages < 0 {
            answering.flush();
            asking.expect_msg("inbox", "1", "!");
        } else {
            answering.expect_err("Permissions Violation for Publish to \"inbox\"");
        }
    }
}

#[test]
fn an_account_that_has_expired_is_renewed_by_its_next_token() {
    let operator = Operator::new();
    let mut account = Account::new("A");
    account.claims.expires = now() + 2;
    let server = full(&operator, &[&account]);
    let mut system = operator.system_wire(&server);
    let user = account.user("u");
    let mut wire = user.open(&server);
    let said = wire.read_to_close();
    assert!(said.contains("Account Authentication Expired"), "{said}");
    user.is_refused(&server);
    account.claims.expires = now() + 60;
    operator.push(&mut system, &account);
    user.open(&server);
}

#[test]
fn the_smaller_limit_of_server_and_account_counts() {
    let operator = Operator::new();
    let mut account = Account::new("A");
    account.claims.nats.limits.subs = 10;
    account.claims.nats.limits.payload = 8;
    let server = in_memory(
        &operator,
        &[&account],
        "max_subscriptions: 2\nmax_payload: 4",
    );
    let mut wire = account.user("u").open(&server);
    wire.subscribe("a", "1");
    wire.subscribe("b", "2");
    wire.line("SUB c 3");
    wire.expect_err("maximum subscriptions exceeded");
    wire.send("PUB x 6\r\n");
    wire.expect_err_and_close("Maximum Payload Violation");
}

/// Numbers that no 32 bits hold are no limits in practice; they do not wrap around to something else.
#[test]
fn limits_beyond_32_bits_allow_everything() {
    const HUGE: i64 = 2_147_483_648;
    let operator = Operator::new();
    let scoped = key(Kind::Account);
    for huge in [HUGE, HUGE * 2, HUGE * 2 + 1, 1 << 53] {
        let mut account = Account::new("A");
        let limits = &mut account.claims.nats.limits;
        (limits.conn, limits.leaf, limits.subs, limits.payload) = (huge, huge, huge, huge);
        let mut scope = UserScope::new(public(&scoped));
        scope.role = "huge".into();
        scope.template.limits.subs = huge;
        scope.template.limits.payload = huge;
        account.claims.nats.signing_keys.add_scoped(scope);
        let server = in_memory(&operator, &[&account], "");
        let own = account.user_with("own", |claims| {
            claims.nats.limits.limits.subs = huge;
            claims.nats.limits.limits.payload = huge;
        });
        let by_role = account.user_by(&scoped, "role", |claims| claims.nats.set_scoped(true));
        for user in [account.user("plain"), own, by_role] {
            let mut wire = user.open(&server);
            wire.subscribe("x", "1");
            wire.publish("x", "hello");
            wire.expect_msg("x", "1", "hello");
        }
    }
}

#[test]
fn the_limit_of_connections_counts_when_it_was_lowered_for_an_expired_account() {
    let operator = Operator::new();
    let mut account = Account::new("A");
    account.claims.nats.limits.conn = 3;
    let server = full(&operator, &[&account]);
    let user = account.user("u");
    let mut inside: Vec<Wire> = (0..3).map(|_| user.open(&server)).collect();
    let mut wire = Wire::connect(&server);
    let fields = user.fields(&wire);
    wire.send_connect(&fields);
    wire.expect_err_and_close("maximum account active connections exceeded");
    inside.pop();
    wait_until("a place is free", || {
        let mut wire = Wire::connect(&server);
        let fields = user.fields(&wire);
        wire.send_connect(&fields);
        wire.send("PING\r\n");
        let said = wire.read_line();
        said == "PONG"
    });
}

/// `issuer_account` may name the account that signed itself, and no other.
#[test]
fn a_token_may_name_the_account_that_signed_it_and_no_other() {
    let operator = Operator::new();
    let (account, other) = (Account::new("A"), Account::new("B"));
    let server = full(&operator, &[&account, &other]);
    let bearer = |issuer_account: String| {
        account.user_with("bearer", |claims| {
            claims.nats.limits.bearer_token = true;
            claims.nats.issuer_account = issuer_account;
        })
    };
    Wire::open_with(&server, &bearer(account.id()).bearer_fields());
    for id in [other.id(), Account::new("C").id()] {
        let mut wire = Wire::connect(&server);
        wire.send_connect(&bearer(id).bearer_fields());
        wire.expect_err_and_close("Authorization Violation");
    }
}

fn service(subject: &str) -> Export {
    Export {
        subject: subject.to_owned(),
        kind: ExportType::Service,
        ..Export::default()
    }
}

fn import(from: &Account, kind: ExportType, subject: &str, local: &str) -> Import {
    Import {
        account: from.id(),
        subject: subject.to_owned(),
        local_subject: local.to_owned(),
        kind,
        ..Import::default()
    }
}

/// Whether anybody answers there.
fn is_answered(wire: &mut Wire, subject: &str) -> bool {
    wire.subscribe("back", "88");
    wire.publish_request(subject, "back", "");
    let (line, _) = wire.read_msg();
    wire.line("UNSUB 88");
    wire.flush();
    !line.starts_with("HMSG")
}

/// Of what the system account knows an account may import what is about itself, under the offer that everybody has; a wider offer
/// of the system account's own token counts instead.
#[test]
fn imports_from_the_system_account() {
    for wide in [false, true] {
        let mut operator = Operator::new();
        if wide {
            let exports = &mut operator.system.claims.nats.exports;
            exports.push(service("$SYS.REQ.ACCOUNT.*.>"));
        }
        let mut a = Account::new("A");
        let (system, own) = (operator.system.id(), a.id());
        for (subject, local) in [
            (format!("$SYS.REQ.ACCOUNT.{system}.CONNZ"), "theirs"),
            ("$SYS.REQ.ACCOUNT.*.CONNZ".to_owned(), "all.*"),
            (format!("$SYS.REQ.ACCOUNT.{own}.CONNZ"), "own"),
        ] {
            let import = import(&operator.system, ExportType::Service, &subject, local);
            a.claims.nats.imports.push(import);
        }
        let server = full(&operator, &[&a]);
        let mut wire = a.user("u").open(&server);
        for (subject, answered) in [
            ("own".to_owned(), true),
            ("$SYS.REQ.ACCOUNT.PING.CONNZ".to_owned(), true),
            ("theirs".to_owned(), wide),
            (format!("all.{own}"), wide),
            (format!("all.{system}"), wide),
        ] {
            assert_eq!(
                is_answered(&mut wire, &subject),
                answered,
                "{wide} {subject}"
            );
        }
    }
}

#[test]
fn what_the_system_account_closes_does_not_close_an_accounts_own_figures() {
    let mut operator = Operator::new();
    operator.system.claims.nats.exports.push(Export {
        token_required: true,
        ..service("$SYS.REQ.>")
    });
    let a = Account::new("A");
    let server = full(&operator, &[&a]);
    let mut wire = a.user("u").open(&server);
    assert!(is_answered(&mut wire, "$SYS.REQ.ACCOUNT.PING.CONNZ"));
    let info = ask(&mut wire, "$SYS.REQ.USER.INFO", "");
    assert_eq!(info["data"]["account"], a.id());
}

fn activated(exporter: &Account, signer: &nats_jwt::nkey::KeyPair, importer: &Account) -> String {
    let mut claims = ActivationClaims::new(importer.id());
    claims.name = "use".into();
    claims.nats.import_subject = "private".into();
    claims.nats.import_type = ExportType::Service;
    if public(signer) != exporter.id() {
        claims.nats.issuer_account = exporter.id();
    }
    claims.encode(signer, now()).expect("a sound activation")
}

/// An exporter, whose service answers, and an importer with a token by `signer`.
struct Private {
    operator: Operator,
    exporter: Account,
    importer: Account,
    signer: nats_jwt::nkey::KeyPair,
}

fn private() -> Private {
    let (operator, signer) = (Operator::new(), key(Kind::Account));
    let (mut exporter, mut importer) = (Account::new("E"), Account::new("I"));
    exporter.claims.nats.signing_keys.add(public(&signer));
    exporter.claims.nats.exports.push(Export {
        token_required: true,
        ..service("private")
    });
    let token = activated(&exporter, &signer, &importer);
    importer.claims.nats.imports.push(Import {
        token,
        ..import(&exporter, ExportType::Service, "private", "local")
    });
    Private {
        operator,
        exporter,
        importer,
        signer,
    }
}

impl Private {
    fn start(&self) -> (Server, Wire, Wire) {
        let server = full(&self.operator, &[&self.exporter, &self.importer]);
        let mut serving = self.exporter.user("s").open(&server);
        serving.subscribe("private", "1");
        serving.flush();
        let asking = self.importer.user("a").open(&server);
        (server, serving, asking)
    }
}

/// Whether a request over the import reaches the service.
fn reaches(serving: &mut Wire, asking: &mut Wire) -> bool {
    asking.subscribe("back", "88");
    asking.publish_request("local", "back", "");
    asking.flush_or_message();
    let heard = serving_heard(serving);
    asking.line("UNSUB 88");
    let _ = asking.read_for(std::time::Duration::from_millis(30));
    heard
}

trait FlushOrMessage {
    fn flush_or_message(&mut self);
}

impl FlushOrMessage for Wire {
    fn flush_or_message(&mut self) {
        self.send("PING\r\n");
        self.read_through("PONG\r\n");
    }
}

fn serving_heard(serving: &mut Wire) -> bool {
    serving.send("PING\r\n");
    serving.read_through("PONG\r\n").contains("MSG private")
}

#[test]
fn an_import_ends_with_the_key_that_signed_its_token() {
    let mut all = private();
    let (server, mut serving, mut asking) = all.start();
    let mut system = all.operator.system_wire(&server);
    assert!(reaches(&mut serving, &mut asking));
    all.exporter.claims.nats.signing_keys = Default::default();
    all.operator.push(&mut system, &all.exporter);
    assert!(!reaches(&mut serving, &mut asking));
    all.exporter
        .claims
        .nats
        .signing_keys
        .add(public(&all.signer));
    all.operator.push(&mut system, &all.exporter);
    assert!(reaches(&mut serving, &mut asking));
}

/// A revocation counts for tokens that were made before it.
#[test]
fn activations_are_revoked_by_the_time_at_which_they_were_made() {
    let mut all = private();
    let (server, mut serving, mut asking) = all.start();
    let mut system = all.operator.system_wire(&server);
    for (key, at, works) in [
        (all.importer.id(), now() - 60, true),
        (all.importer.id(), now() + 60, false),
        ("*".to_owned(), now() - 60, true),
        ("*".to_owned(), now() + 60, false),
        (Account::new("X").id(), now() + 60, true),
    ] {
        let revocations = &mut all.exporter.claims.nats.exports[0].revocations;
        *revocations = Default::default();
        revocations.revoke(&key, at);
        all.operator.push(&mut system, &all.exporter);
        assert_eq!(reaches(&mut serving, &mut asking), works, "{key} {at}");
    }
}

/// A token by a key of the exporter that names another account as its own spoils the account that shows it.
#[test]
fn an_activation_for_another_issuer_is_refused() {
    let mut all = private();
    let mut claims = ActivationClaims::new(all.importer.id());
    claims.nats.import_subject = "private".into();
    claims.nats.import_type = ExportType::Service;
    claims.nats.issuer_account = Account::new("X").id();
    let token = claims.encode(&all.signer, now()).expect("signed");
    all.importer.claims.nats.imports[0].token = token;
    let server = full(&all.operator, &[&all.exporter, &all.importer]);
    all.importer.user("a").is_refused(&server);
}

/// From free to bound to the importer's name, and back, while both are there.
#[test]
fn an_account_token_position_counts_from_the_push_on() {
    let operator = Operator::new();
    let (mut exporter, mut importer) = (Account::new("E"), Account::new("I"));
    exporter.claims.nats.exports.push(service("private.*"));
    importer.claims.nats.imports.push(import(
        &exporter,
        ExportType::Service,
        "private.foo",
        "local",
    ));
    let server = full(&operator, &[&exporter, &importer]);
    let mut system = operator.system_wire(&server);
    let mut serving = exporter.user("s").open(&server);
    serving.subscribe("private.*", "1");
    serving.flush();
    let mut asking = importer.user("a").open(&server);
    for (position, works) in [(0, true), (2, false), (0, true)] {
        exporter.claims.nats.exports[0].account_token_position = position;
        operator.push(&mut system, &exporter);
        assert_eq!(reaches(&mut serving, &mut asking), works, "{position}");
    }
}

/// Streams of the server itself are no connections of their account.
#[test]
fn streams_take_no_place_of_a_client() {
    let operator = Operator::new();
    let mut account = Account::new("A");
    account.claims.nats.limits.jetstream.disk_storage = 1 << 20;
    account.claims.nats.limits.jetstream.mem_storage = 1 << 20;
    account.claims.nats.limits.jetstream.streams = 2;
    account.claims.nats.limits.jetstream.consumer = 2;
    account.claims.nats.limits.conn = 5;
    let config = operator.preloaded("{ type: full, dir: '$DIR/jwt' }", &[&account]);
    let server = Server::start(&format!("{config}jetstream {{ store_dir: '$DIR/js' }}"));
    let mut system = operator.system_wire(&server);
    let user = account.user("u");
    let mut wire = user.open(&server);
    let made = ask(
        &mut wire,
        "$JS.API.STREAM.CREATE.S",
        r#"{"name":"S","subjects":["foo"],"storage":"memory"}"#,
    );
    assert!(made["error"].is_null(), "{made}");
    account.claims.nats.limits.conn = 1;
    operator.push(&mut system, &account);
    let ack = ask(&mut wire, "foo", "");
    assert_eq!(ack["seq"], 1, "{ack}");
    drop(wire);
    wait_until("the next one is let in", || {
        let mut wire = Wire::connect(&server);
        let fields = user.fields(&wire);
        wire.send_connect(&fields);
        wire.send("PING\r\n");
        wire.read_line() == "PONG"
    });
}

/// What comes with headers is pushed like what comes without. (Newer references than 2.15.1 say so, too.)
#[test]
fn a_push_may_have_headers() {
    if is_reference() {
        return;
    }
    let operator = Operator::new();
    let account = Account::new("A");
    let server = full(&operator, &[]);
    let mut system = operator.system_wire(&server);
    let subject = format!("$SYS.REQ.ACCOUNT.{}.CLAIMS.UPDATE", account.id());
    let (header, token) = ("NATS/1.0\r\nA: b\r\n\r\n", operator.sign(&account));
    system.subscribe("answers", "7");
    system.send(format!(
        "HPUB {subject} answers {} {}\r\n{header}{token}\r\n",
        header.len(),
        header.len() + token.len()
    ));
    let (_, body) = system.read_msg();
    let answer: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(answer["data"]["code"], 200, "{answer}");
    account.user("u").open(&server);
}

#[test]
fn a_resolver_by_nats_needs_a_named_system_account() {
    let mut operator = Operator::new();
    operator.claims.nats.system_account.clear();
    let account = Account::new("A");
    let config = operator.preloaded("{ type: full, dir: '$DIR/jwt' }", &[&account]);
    let output = Launch::new(&config).run_to_exit().output();
    assert!(
        output.contains(
            "the system account needs to be specified in configuration or the operator jwt"
        ),
        "{output}"
    );
}

#[test]
fn queue_permissions_of_a_token_hold() {
    let operator = Operator::new();
    let account = Account::new("A");
    let server = in_memory(&operator, &[&account], "");
    let user = account.user_with("u", |claims| {
        let subscribe = &mut claims.nats.limits.permissions.subscribe;
        subscribe.allow = vec!["foo.> bar".into(), "plain".into()];
        subscribe.deny = vec!["foo.no".into(), "foo.q bar".into()];
    });
    let mut wire = user.open(&server);
    for (line, allowed) in [
        ("SUB foo.a bar 1", true),
        ("SUB foo.a other 2", false),
        ("SUB foo.a 3", false),
        ("SUB foo.no bar 4", false),
        ("SUB foo.q bar 5", false),
        ("SUB plain 6", true),
        ("SUB plain any 7", true),
    ] {
        wire.line(line);
        wire.send("PING\r\n");
        let said = wire.read_through("PONG\r\n");
        assert_eq!(said == "PONG\r\n", allowed, "{line}: {said}");
    }
}

/// Outside of operator mode a token says nothing.
#[test]
fn without_operators_tokens_count_for_nothing() {
    let account = Account::new("A");
    let user = account.user("u");
    let server = Server::start("");
    let mut wire = Wire::open_with(&server, &user.bearer_fields());
    let info = ask(&mut wire, "$SYS.REQ.USER.INFO", "");
    assert_eq!(info["data"]["account"], "$G", "{info}");
    let server = Server::start("authorization { user: a, password: b }");
    let mut wire = Wire::connect(&server);
    wire.send_connect(&user.bearer_fields());
    wire.expect_err_and_close("Authorization Violation");
}

/// A user that is no longer revoked comes in again, and a newer token than the revocation does anyway.
#[test]
fn a_newer_token_than_the_revocation_counts() {
    let operator = Operator::new();
    let mut account = Account::new("A");
    let user = account.user("u");
    let server = full(&operator, &[&account]);
    let mut system = operator.system_wire(&server);
    account
        .claims
        .nats
        .revocations
        .revoke(&user.id(), now() - 60);
    operator.push(&mut system, &account);
    user.open(&server);
    account
        .claims
        .nats
        .revocations
        .revoke(&user.id(), now() + 60);
    operator.push(&mut system, &account);
    user.is_refused(&server);
    account.claims.nats.revocations = Default::default();
    operator.push(&mut system, &account);
    user.open(&server);
}

/// The token of one operator does not make an account under another one.
#[test]
fn accounts_of_another_operator_are_strangers() {
    let (operator, other) = (Operator::new(), Operator::new());
    let account = Account::new("A");
    let server = full(&operator, &[]);
    let mut system = operator.system_wire(&server);
    let answer = push_token(&mut system, &account.id(), &other.sign(&account));
    if !is_reference() {
        // The reference keeps it, and finds out when somebody comes.
        assert_eq!(answer["error"]["code"], 500, "{answer}");
    }
    let stranger: User = account.user("u");
    stranger.is_refused(&server);
}

/// The time of the day ends a connection like the end of its token does.
#[test]
fn the_end_of_the_permitted_hours_ends_a_connection() {
    let operator = Operator::new();
    let account = Account::new("A");
    let server = in_memory(&operator, &[&account], "");
    let clock = |at: i64| {
        let second = at.rem_euclid(86_400);
        format!(
            "{:02}:{:02}:{:02}",
            second / 3600,
            second / 60 % 60,
            second % 60
        )
    };
    let user = account.user_with("u", |claims| {
        claims.nats.limits.times_location = "UTC".into();
        claims.nats.limits.times = vec![TimeRange {
            start: clock(now() - 3600),
            end: clock(now() + 3),
        }];
    });
    let mut wire = user.open(&server);
    wire.flush();
    let said = wire.read_to_close();
    assert!(
        said.ends_with("-ERR 'User Authentication Expired'\r\n"),
        "{said}"
    );
    user.is_refused(&server);
}

/// Signed by the account whose name the request has, and about another one, or the other way around: nothing of it is taken.
#[test]
fn a_pushed_token_is_about_the_account_of_the_request() {
    let operator = Operator::new();
    let (mut a, mut b) = (Account::new("A"), Account::new("B"));
    let server = full(&operator, &[&a, &b]);
    let mut system = operator.system_wire(&server);
    let (mut in_a, mut in_b) = (a.user("u").open(&server), b.user("u").open(&server));
    for account in [&mut a, &mut b] {
        account.claims.nats.limits.subs = 0;
    }
    for (subject, account) in [(b.id(), &a), (a.id(), &b)] {
        let answer = push_token(&mut system, &subject, &operator.sign(account));
        assert_eq!(answer["error"]["code"], 500, "{answer}");
    }
    for wire in [&mut in_a, &mut in_b] {
        wire.subscribe("still", "1");
        wire.flush();
    }
}

/// Of two imports of one stream the first counts.
#[test]
fn a_stream_is_imported_once() {
    let operator = Operator::new();
    let (mut exporter, mut importer) = (Account::new("E"), Account::new("I"));
    exporter.claims.nats.exports.push(Export {
        kind: ExportType::Stream,
        ..service("news.>")
    });
    for local in ["one.>", "two.>"] {
        let import = import(&exporter, ExportType::Stream, "news.>", local);
        importer.claims.nats.imports.push(import);
    }
    let server = full(&operator, &[&exporter, &importer]);
    let mut hearing = importer.user("u").open(&server);
    hearing.subscribe(">", "1");
    hearing.flush();
    let mut telling = exporter.user("u").open(&server);
    telling.publish("news.x", "once");
    telling.flush();
    hearing.send("PING\r\n");
    let said = hearing.read_through("PONG\r\n");
    assert_eq!(said, "MSG one.x 1 4\r\nonce\r\nPONG\r\n");
}
