//! Tokens that mean harm, and moments at which things end, in operator mode. S2 to S34 are the figures of `spec/reliability.md`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nats_interop::binary::is_reference;
use nats_interop::trust::{Account, Operator, ask_text, key, now, public, push_token};
use nats_interop::{Launch, Server, Wire};
use nats_jwt::claims::{Activation, ActivationClaims, Export, ExportType, Import};
use nats_jwt::nkey::{CurveKey, KeyPair, Kind, PublicKey};
use serde_json::{Value, json};

const HEADER: &str = r#"{"typ":"JWT","alg":"ed25519-nkey"}"#;

/// A server with a folder of tokens, and that folder.
fn full(
    operator: &Operator,
    accounts: &[&Account],
) -> (Server, std::path::PathBuf, tempfile::TempDir) {
    let home = tempfile::tempdir().expect("a directory");
    let folder = home.path().join("jwt");
    let resolver = format!(
        "{{ type: full, dir: \"{}\", allow_delete: true }}",
        folder.display()
    );
    let server = Launch::new(&operator.preloaded(&resolver, accounts))
        .allow_log(".*")
        .start();
    (server, folder, home)
}

/// A token of these claims, genuinely signed, under this header.
fn signed(header: &str, claims: &str, signer: &KeyPair) -> String {
    let text = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(claims)
    );
    format!("{text}.{}", signer.sign_text(text.as_bytes()))
}

fn claims_of(token: &str) -> Value {
    let middle = token.split('.').nth(1).expect("three parts");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(middle).expect("base64")).expect("JSON")
}

/// The server refuses this token, whose user key is `user`, and lives.
#[track_caller]
fn is_refused(server: &Server, user: &KeyPair, token: &str) {
    let mut wire = Wire::connect(server);
    let nonce = wire.info()["nonce"].as_str().expect("a nonce").to_owned();
    let sig = user.sign_text(nonce.as_bytes());
    wire.send_connect(&format!("\"jwt\":{},\"sig\":\"{sig}\"", json!(token)));
    wire.expect_err_and_close("Authorization Violation");
}

/// Every field gone, null, and of every other type.
fn spoiled(claims: &Value) -> Vec<Value> {
    let mut all = Vec::new();
    let members = |value: &Value| -> Vec<String> {
        value
            .as_object()
            .map(|o| o.keys().cloned().collect())
            .unwrap_or_default()
    };
    let others = [
        json!(null),
        json!(-1),
        json!("x"),
        json!([]),
        json!({}),
        json!(true),
        json!(1e300),
    ];
    for name in members(claims) {
        let mut without = claims.clone();
        without.as_object_mut().expect("an object").remove(&name);
        all.push(without);
        for other in &others {
            let mut with = claims.clone();
            with[&name] = other.clone();
            all.push(with);
        }
    }
    for name in members(&claims["nats"]) {
        for other in &others {
            let mut with = claims.clone();
            with["nats"][&name] = other.clone();
            all.push(with);
        }
    }
    all
}

/// Whatever a user's token says that a genuine account signed: the client is let in or refused, and the server lives.
#[test]
fn s2_claims_with_fields_missing_or_of_other_types_are_read_or_refused() {
    let operator = Operator::new();
    let account = Account::new("A");
    let (server, _, _home) = full(&operator, &[&account]);
    let user = account.user_with("u", |claims| {
        claims.nats.limits.src = vec!["127.0.0.0/8".into()];
        claims.nats.limits.permissions.publish.allow = vec!["a".into()];
    });
    let (mut refused, mut admitted) = (0, 0);
    for claims in spoiled(&claims_of(&user.token)) {
        let token = signed(HEADER, &claims.to_string(), &account.key);
        let mut wire = Wire::connect(&server);
        let nonce = wire.info()["nonce"].as_str().expect("a nonce").to_owned();
        let sig = user.key.sign_text(nonce.as_bytes());
        wire.send_connect(&format!("\"jwt\":{},\"sig\":\"{sig}\"", json!(token)));
        wire.line("PING");
        match wire.read_line().trim() {
            "PONG" => admitted += 1,
            line => {
                assert!(line.starts_with("-ERR"), "{line}");
                refused += 1;
            }
        }
    }
    assert!(
        refused > 40 && admitted > 0,
        "{refused} refused, {admitted} admitted"
    );
    let mut system = operator.system_wire(&server);
    for claims in spoiled(&claims_of(&operator.sign(&account))) {
        let token = signed(HEADER, &claims.to_string(), &operator.key);
        let answer = push_token(&mut system, &account.id(), &token);
        assert!(
            answer["data"].is_object() != answer["error"].is_object(),
            "{answer}"
        );
    }
    operator.push(&mut system, &account);
    account.user("u").open(&server);
}

/// The moment an activation token expires, what it let through stops.
#[test]
fn s3_an_activation_that_expires_ends_the_import() {
    let operator = Operator::new();
    let (mut exporter, mut importer) = (Account::new("E"), Account::new("I"));
    exporter.claims.nats.exports = vec![Export {
        subject: "private.>".into(),
        kind: ExportType::Stream,
        token_required: true,
        ..Export::default()
    }];
    let mut token = ActivationClaims::new(importer.id());
    token.nats = Activation {
        import_subject: "private.>".into(),
        import_type: ExportType::Stream,
        ..Activation::default()
    };
    token.expires = now() + 2;
    importer.claims.nats.imports = vec![Import {
        subject: "private.>".into(),
        account: exporter.id(),
        kind: ExportType::Stream,
        token: token.encode(&exporter.key, now()).expect("signed"),
        ..Import::default()
    }];
    let server = Launch::new(&operator.in_memory(&[&exporter, &importer]))
        .allow_log(".*")
        .start();
    let (mut e, mut i) = (
        exporter.user("e").open(&server),
        importer.user("i").open(&server),
    );
    i.subscribe("private.>", "1");
    i.flush();
    e.publish("private.x", "before");
    e.flush();
    i.expect_msg("private.x", "1", "before");
    nats_interop::server::wait_until("the import to end", || {
        let text = format!("probe-{}", now());
        e.publish("private.x", &text);
        e.flush();
        i.line("PING");
        let said = i.read_through("PONG\r\n");
        !said.contains(&text)
    });
}

/// Two accounts that import from each other what they export to each other; requests end, and both live.
#[test]
fn s4_cycles_of_pushed_imports_end() {
    let operator = Operator::new();
    let (mut a, mut b) = (Account::new("A"), Account::new("B"));
    for (own, other) in [(&mut a, b.id()), (&mut b, String::new())] {
        own.claims.nats.exports = [ExportType::Service, ExportType::Stream]
            .map(|kind| Export {
                subject: "loop.>".into(),
                kind,
                ..Export::default()
            })
            .to_vec();
        if !other.is_empty() {
            own.claims.nats.imports = imports(other);
        }
    }
    b.claims.nats.imports = imports(a.id());
    let (server, _, _home) = full(&operator, &[]);
    let mut system = operator.system_wire(&server);
    operator.push(&mut system, &a);
    operator.push(&mut system, &b);
    let (mut in_a, mut in_b) = (a.user("a").open(&server), b.user("b").open(&server));
    for turn in 0..3 {
        for (account, push) in [(&a, true), (&b, turn > 0)] {
            if push {
                operator.push(&mut system, account);
            }
        }
        for wire in [&mut in_a, &mut in_b] {
            wire.publish("loop.x", "round and round");
            wire.publish_request("loop.y", "inbox", "and back");
            wire.line("PING");
            wire.read_through("PONG\r\n");
        }
    }
    // Of the two imports that make a circle one is left out.
    for wire in [&mut in_a, &mut in_b] {
        wire.subscribe("loop.>", "1");
    }
    let mut crossed = 0;
    for n in [0, 1] {
        let text = format!("crossing-{n}");
        let (from, to) = match n {
            0 => (&mut in_a, &mut in_b),
            _ => (&mut in_b, &mut in_a),
        };
        from.publish("loop.z", &text);
        from.line("PING");
        from.read_through("PONG\r\n");
        to.line("PING");
        crossed += to.read_through("PONG\r\n").matches(&text).count();
    }
    assert_eq!(crossed, 2, "a stream one way, a service one way");
    a.user("again").open(&server);
}

fn imports(from: String) -> Vec<Import> {
    [ExportType::Service, ExportType::Stream]
        .map(|kind| Import {
            subject: "loop.>".into(),
            account: from.clone(),
            kind,
            ..Import::default()
        })
        .to_vec()
}

/// S9, S23: names that are no keys lead nowhere, whatever way they come, and a token is only stored as what it is.
#[test]
fn s9_s23_names_of_accounts_are_keys_and_agree_with_the_token() {
    let operator = Operator::new();
    let (account, other) = (Account::new("A"), Account::new("B"));
    let (server, folder, home) = full(&operator, &[&account]);
    let files = || {
        let list = |path: &std::path::Path| -> Vec<String> {
            let entries = std::fs::read_dir(path).expect("a folder");
            entries
                .map(|e| {
                    e.expect("an entry")
                        .file_name()
                        .to_string_lossy()
                        .into_owned()
                })
                .collect()
        };
        let mut all = [list(&folder), list(home.path())].concat();
        all.retain(|name| !name.starts_with(".xfile"));
        all.sort();
        all
    };
    let before = files();
    let mut system = operator.system_wire(&server);
    let token = operator.sign(&account);
    for name in [
        "../../x",
        "/etc/passwd",
        "..",
        "%2e%2e",
        "AAAA",
        &other.id(),
        &operator.system.id(),
    ] {
        let subject = format!("$SYS.REQ.ACCOUNT.{name}.CLAIMS.UPDATE");
        if name.contains("..") {
            // No valid subject: it reaches nobody.
            continue;
        }
        let answer: Value =
            serde_json::from_str(&ask_text(&mut system, &subject, &token)).expect("JSON");
        assert_eq!(answer["error"]["code"], 500, "{name}: {answer}");
    }
    if !is_reference() {
        // The reference says nothing to such a lookup.
        for name in ["/etc/passwd", "AAAA", "jwt"] {
            let subject = format!("$SYS.REQ.ACCOUNT.{name}.CLAIMS.LOOKUP");
            system.publish_request(&subject, "nowhere", "");
        }
        // A file that is there, inside or beside the folder, is not served under a name that is no key.
        system.subscribe("stolen", "9");
        let beside = tempfile::TempDir::with_prefix("beside").expect("a folder");
        for path in [folder.join("secret.jwt"), beside.path().join("secret.jwt")] {
            std::fs::write(&path, &token).expect("a file");
            for name in ["secret", path.with_extension("").to_str().expect("text")] {
                if name.contains('.') {
                    // That would be several tokens of the subject.
                    continue;
                }
                let subject = format!("$SYS.REQ.ACCOUNT.{name}.CLAIMS.LOOKUP");
                system.publish_request(&subject, "stolen", "");
                // Whatever comes comes before this answer.
                let id = operator.system.id();
                let subject = format!("$SYS.REQ.ACCOUNT.{id}.CLAIMS.LOOKUP");
                let answer = ask_text(&mut system, &subject, "");
                assert!(!answer.contains(&token), "{name}: {answer}");
            }
            std::fs::remove_file(&path).expect("it is there");
        }
    }
    system.flush();
    assert_eq!(files(), before);
    account.user("u").open(&server);
}

/// S12: what one implementation seals the other opens, and nobody else does.
#[test]
fn s12_curve_keys_agree_with_another_implementation() {
    let ours = [
        CurveKey::generate().expect("random"),
        CurveKey::generate().expect("random"),
    ];
    let theirs =
        nkeys::XKey::from_seed(ours[1].seed().reveal()).expect("their reading of our seed");
    assert_eq!(theirs.public_key(), ours[1].public_key().to_string());
    let our_public =
        nkeys::XKey::from_public_key(&ours[0].public_key().to_string()).expect("a key");
    let sealed = theirs.seal(b"from them", &our_public).expect("sealed");
    let their_public: PublicKey = ours[1].public_key();
    assert_eq!(
        ours[0].open(&sealed, &their_public).expect("ours opens"),
        b"from them"
    );
    let sealed = ours[0].seal(b"from us", &their_public).expect("sealed");
    assert_eq!(
        theirs.open(&sealed, &our_public).expect("theirs opens"),
        b"from us"
    );
    let stranger = CurveKey::generate().expect("random");
    assert!(stranger.open(&sealed, &ours[0].public_key()).is_err());
    assert!(ours[1].open(&sealed, &stranger.public_key()).is_err());
    let zero = PublicKey::parse_kind(&stranger.public_key().to_string(), Kind::Curve);
    assert!(zero.is_ok());
}

/// S34: only the algorithm of nkeys, only with the claims it belongs to.
#[test]
fn s34_tokens_of_other_algorithms_are_refused() {
    let operator = Operator::new();
    let account = Account::new("A");
    let (server, _, _home) = full(&operator, &[&account]);
    let user = account.user("u");
    let claims = claims_of(&user.token).to_string();
    for header in [
        r#"{"typ":"JWT","alg":"none"}"#,
        r#"{"typ":"JWT","alg":"HS256"}"#,
        r#"{"typ":"JWT","alg":"EdDSA"}"#,
        r#"{"typ":"JWT"}"#,
        r#"{"typ":"JWS","alg":"ed25519-nkey"}"#,
        r#"{"alg":"ed25519-nkey"}"#,
        "{}",
        "",
        "[]",
    ] {
        is_refused(&server, &user.key, &signed(header, &claims, &account.key));
    }
    let good: Vec<&str> = user.token.split('.').collect();
    for token in [
        format!("{}.{}.", good[0], good[1]),
        format!("{}.{}", good[0], good[1]),
        format!("{}.{}.{}.{}", good[0], good[1], good[2], good[2]),
        format!("{}.{}.{}", good[0], good[1], good[0]),
        // The whole claims of somebody else under this signature.
        format!(
            "{}.{}.{}",
            good[0],
            account.user("v").token.split('.').nth(1).expect("claims"),
            good[2]
        ),
        "A".repeat(3000),
    ] {
        is_refused(&server, &user.key, &token);
    }
    // Claims of another type than a user's, genuinely signed.
    for other in [
        account.signed_by(&account.key),
        operator.sign(&account),
        operator.token(),
    ] {
        is_refused(&server, &user.key, &other);
    }
    if !is_reference() {
        // The reference takes the last of the same keys, and does not ask whether header and claims are of the same version.
        let first = r#"{"typ":"jwt","alg":"ed25519"}"#;
        is_refused(&server, &user.key, &signed(first, &claims, &account.key));
        let twice = claims.replacen(
            "{",
            &format!("{{\"sub\":\"{}\",", public(&key(Kind::User))),
            1,
        );
        is_refused(&server, &user.key, &signed(HEADER, &twice, &account.key));
    }
    user.open(&server);
}

/// Claims change all the time while users come: nobody whom the last token does not want stays, and everybody else comes in.
#[test]
fn revocations_while_users_come_let_nobody_stay() {
    let operator = Operator::new();
    let mut account = Account::new("A");
    let (server, _, _home) = full(&operator, &[&account]);
    let users: Vec<_> = (0..24).map(|n| account.user(&format!("u{n}"))).collect();
    let mut system = operator.system_wire(&server);
    std::thread::scope(|scope| {
        let comers: Vec<_> = users
            .chunks(6)
            .map(|some| {
                let server = &server;
                scope.spawn(move || {
                    let mut wires = Vec::new();
                    for user in some {
                        let mut wire = Wire::connect(server);
                        let fields = user.fields(&wire);
                        wire.send_connect(&fields);
                        wire.line("PING");
                        wires.push(wire);
                    }
                    wires
                })
            })
            .collect();
        for user in users.iter().step_by(2) {
            account.claims.nats.revocations.revoke(&user.id(), now());
            operator.push(&mut system, &account);
        }
        let mut wires: Vec<Wire> = comers
            .into_iter()
            .flat_map(|c| c.join().expect("came"))
            .collect();
        for (n, wire) in wires.iter_mut().enumerate() {
            if n % 2 == 0 {
                let said = wire.read_to_close();
                assert!(
                    said.contains("Revoked") || said.contains("Authorization Violation"),
                    "{n}: {said}"
                );
            } else {
                assert_eq!(wire.read_line().trim(), "PONG");
                wire.flush();
            }
        }
    });
}

/// An account that nobody knows costs one lookup, however many come with its tokens, and is there at once when it is pushed.
#[test]
fn a_crowd_of_an_unknown_account_is_refused_and_comes_in_when_it_is_pushed() {
    let operator = Operator::new();
    let account = Account::new("later");
    let (server, _, _home) = full(&operator, &[]);
    let mut system = operator.system_wire(&server);
    // The reference takes its time for each.
    let comers = if is_reference() { 2 } else { 50 };
    for _ in 0..comers {
        account.user("u").is_refused(&server);
    }
    if !is_reference() {
        let fetches = server.count_log("Account fetch failed");
        assert!(
            (1..25).contains(&fetches),
            "{fetches} fetches for 50 refusals"
        );
    }
    operator.push(&mut system, &account);
    account.user("u").open(&server);
}

/// S7: the token says which account; a CONNECT that names one, its own or another, is refused.
#[test]
fn s7_connect_names_no_account_beside_its_token() {
    let operator = Operator::new();
    let (a, b) = (Account::new("A"), Account::new("B"));
    let server = Launch::new(&operator.in_memory(&[&a, &b]))
        .allow_log(".*")
        .start();
    let (mut system, mut in_b) = (operator.system_wire(&server), b.user("b").open(&server));
    for wire in [&mut system, &mut in_b] {
        wire.subscribe("escape", "1");
        wire.flush();
    }
    let (own, other, sys) = (a.id(), b.id(), operator.system.id());
    let named = [own.as_str(), &other, &sys, "A", "B", "SYS", "$SYS", "$G"];
    let ways = named.iter().flat_map(|name| {
        [
            format!(r#""account":"{name}""#),
            format!(r#""account":"{name}","new_account":true"#),
        ]
    });
    for fields in ways.chain([r#""new_account":true"#.to_owned()]) {
        let mut wire = Wire::connect(&server);
        let login = a.user("u").fields(&wire);
        wire.send_connect(&format!("{login},{fields}"));
        let _ = wire.try_send(b"SUB escape 1\r\nPUB escape 1\r\nx\r\nPING\r\n");
        wire.expect_err_and_close("Authorization Violation");
    }
    in_b.expect_nothing();
    system.expect_nothing();
}

/// S19: a bearer token is a password. Whoever reads pages, events or logs cannot log in with what they show.
#[test]
fn s19_bearer_tokens_show_nowhere() {
    if nats_interop::binary::is_reference() {
        eprintln!("SKIPPED: the reference shows bearer tokens in connz and in events");
        return;
    }
    let operator = Operator::new();
    let account = Account::new("A");
    let config = operator.in_memory(&[&account]);
    let server = Launch::new(&format!("{config}http: \"127.0.0.1:-1\"\n"))
        .arg("-DVV")
        .allow_log(".*")
        .start();
    let mut system = operator.system_wire(&server);
    system.send("SUB $SYS.> 1\r\nPING\r\n");
    let mut seen = system.read_through("PONG\r\n");
    let bearer = account.user_with("bearer", |claims| claims.nats.limits.bearer_token = true);
    let mut wire = Wire::connect(&server);
    wire.login(&bearer.bearer_fields());
    let open = server.page("/connz?auth=1&subs=detail");
    drop(wire);
    seen.push_str(&system.read_through(".DISCONNECT "));
    seen.push_str(&system.read_for(std::time::Duration::from_millis(100)));
    let closed = server.page("/connz?auth=1&state=closed");
    let signature = bearer.token.rsplit('.').next().expect("three parts");
    for (place, text) in [
        ("events", seen),
        ("open", open.to_string()),
        ("closed", closed.to_string()),
        ("log", server.log()),
    ] {
        assert!(
            text.contains(&bearer.id()) || place == "log",
            "{place}: {text}"
        );
        assert!(!text.contains(signature), "{place} shows the token: {text}");
    }
}
