//! Stores as a whole: backup and restore, migration under another operator, upgrade from tokens of version 1.

mod support;

use data_encoding::BASE64URL_NOPAD;
use nats_jwt::nkey::{KeyPair, Kind};
use serde_json::{Value, json};
use support::{Home, all_files};

/// A store in which everything occurs that a backup has to keep.
fn rich() -> Home {
    let home = Home::prepared();
    home.all(&[
        "nsc edit operator --sk generate",
        "nsc add account B",
        "nsc add signing-key -a A role --allow-pub 'p.{{name()}}'",
        "nsc add user -a A w -K role",
        "nsc add user -a B service",
        "nsc edit authcallout -a B --auth-user service --curve generate --allowed-account '*'",
    ]);
    home
}

/// Stores and keys, without the configuration, which names directories.
fn contents(home: &Home) -> Vec<(String, Vec<u8>)> {
    let below = |path: &std::path::Path| {
        let path = path.strip_prefix(home.path()).expect("below");
        path.display().to_string()
    };
    let mut all: Vec<_> = all_files(&home.stores())
        .into_iter()
        .chain(all_files(&home.keys()))
        .map(|(path, content)| (below(&path), content))
        .collect();
    all.sort();
    all
}

#[test]
fn a_whole_operator_goes_into_a_file_and_comes_back() {
    let home = rich();
    home.ok(&["backup", "O.backup"]);
    home.refused(&["backup", "O.backup"]);
    let elsewhere = Home::new();
    let file = home.path().join("O.backup").display().to_string();
    let said = elsewhere.ok(&["restore", &file]);
    assert!(
        said.contains("restored operator \"O\": 3 accounts, 4 users"),
        "{said}"
    );
    assert_eq!(contents(&elsewhere), contents(&home));
    elsewhere.ok(&["validate", "-A"]);
    // There is one of that name now.
    elsewhere.refused(&["restore", &file]);
    elsewhere.ok(&["restore", &file, "--name", "COPY"]);
}

#[test]
fn a_sealed_backup_opens_with_its_key_only() {
    let home = rich();
    let key = nats_jwt::nkey::CurveKey::generate().expect("a key");
    let seed = key.seed();
    std::fs::write(home.path().join("key.nk"), seed.reveal()).expect("written");
    home.ok(&["backup", "O.sealed", "--key", "key.nk"]);
    let sealed = std::fs::read_to_string(home.path().join("O.sealed")).expect("a file");
    assert!(!sealed.contains("\"name\""), "it is sealed");
    let before = all_files(home.path());
    for wrong in [
        &["restore", "O.sealed", "--name", "C"][..],
        &["restore", "O.sealed", "--name", "C", "--key", "nothing.nk"],
        &[
            "restore",
            "O.sealed",
            "--name",
            "C",
            "--key",
            "SXAIO5TRWRXYKR4BDZLDJNLPJDSPDVYDCCOLXWQHX6ZAUWVNZ25JKBWFUE",
        ],
    ] {
        home.refused(wrong);
        assert_eq!(all_files(home.path()), before, "{wrong:?}");
    }
    home.ok(&["restore", "O.sealed", "--name", "C", "--key", "key.nk"]);
}

/// Changes one thing in a backup.
type Damage = fn(&mut Value);

#[test]
fn a_backup_that_was_tampered_with_is_refused_and_nothing_is_written() {
    let home = rich();
    home.ok(&["backup", "O.backup"]);
    let good = std::fs::read(home.path().join("O.backup")).expect("a file");
    let document: Value = serde_json::from_slice(&good).expect("a document");
    let damages: &[(&str, Damage)] = &[
        ("a path as a name", |d| {
            d["accounts"][0]["name"] = "../../A".into()
        }),
        ("an operator that is a path", |d| d["name"] = "../O".into()),
        ("a token of something else", |d| {
            d["accounts"][0]["token"] = d["token"].clone();
        }),
        ("a token with another signature", |d| {
            let token = d["token"].as_str().expect("text").to_owned();
            d["token"] = format!("{}AAAA", &token[..token.len() - 4]).into();
        }),
        ("the seed of somebody else", |d| {
            d["accounts"][0]["key"] = d["accounts"][1]["key"].clone();
        }),
        ("no seed", |d| d["key"]["key"] = "SOAHELLO".into()),
        ("an account twice", |d| {
            let again = d["accounts"][0].clone();
            d["accounts"].as_array_mut().expect("a list").push(again);
        }),
        ("an account of another name", |d| {
            d["accounts"][0]["name"] = "X".into()
        }),
        ("no list", |d| d["accounts"] = "none".into()),
    ];
    let other = Home::new();
    for (what, damage) in damages {
        let mut damaged = document.clone();
        damage(&mut damaged);
        let text = serde_json::to_vec(&damaged).expect("a document");
        std::fs::write(other.path().join("damaged"), text).expect("written");
        let before = all_files(other.path());
        let said = other.refused(&["restore", "damaged"]);
        assert_eq!(all_files(other.path()), before, "{what}");
        // What is wrong is said without what is secret.
        for line in good
            .split(|byte| *byte == b'"')
            .filter(|w| w.starts_with(b"S") && w.len() == 58)
        {
            assert!(
                !said.contains(&*String::from_utf8_lossy(line)),
                "{what}: {said}"
            );
        }
    }
    for cut in [0, 1, good.len() / 2, good.len() - 2] {
        std::fs::write(other.path().join("cut"), &good[..cut]).expect("written");
        other.refused(&["restore", "cut"]);
    }
    assert!(all_files(&other.stores()).is_empty());
}

#[test]
fn accounts_of_another_store_are_taken_under_this_operator() {
    let home = rich();
    let store = home.path().join("old");
    std::fs::rename(home.stores().join("O"), &store).expect("moved");
    home.ok(&["add", "operator", "NEW"]);
    let before = all_files(&home.stores());
    home.refused(&["migrate", "--operator-dir", "nowhere"]);
    assert_eq!(all_files(&home.stores()), before);
    home.ok(&["migrate", "--operator-dir", "old"]);
    home.ok(&["validate", "-A"]);
    let operator = home.json(&["describe", "operator"]);
    let account = home.json(&["describe", "account", "A"]);
    assert_eq!(
        account["iss"], operator["sub"],
        "the new operator signed it"
    );
    assert!(home.keys().join("creds/NEW/A/w.creds").is_file());
    // An account of that name is there now, and the same one.
    home.ok(&["migrate", "--operator-dir", "old"]);
    // One alone, from a file.
    home.ok(&["add", "operator", "THIRD"]);
    home.ok(&["migrate", "--url", "old/accounts/A/A.jwt"]);
    assert_eq!(home.json(&["list", "accounts"])[0]["name"], "A");
}

/// A token of version 1: another header, the type beside the claims, a signature of the payload alone.
fn version_1(pair: &KeyPair, subject: &str, name: &str, kind: &str, nats: Value) -> String {
    let payload = json!({
        "jti": "X", "iat": 1_600_000_000, "iss": pair.public_key().to_string(), "name": name, "sub": subject,
        "type": kind, "nats": nats,
    });
    let header = BASE64URL_NOPAD.encode(br#"{"typ":"jwt","alg":"ed25519"}"#);
    let payload = BASE64URL_NOPAD.encode(payload.to_string().as_bytes());
    let signature = pair.sign_text(payload.as_bytes());
    format!("{header}.{payload}.{signature}")
}

#[test]
fn a_store_of_version_1_is_read_refused_for_edits_and_upgraded() {
    let home = Home::new();
    let [operator, account, user] = [Kind::Operator, Kind::Account, Kind::User]
        .map(|kind| KeyPair::generate(kind).expect("a key"));
    let write = |path: std::path::PathBuf, text: &str| {
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        std::fs::write(path, text).expect("written");
    };
    let key = |pair: &KeyPair| pair.public_key().to_string();
    for pair in [&operator, &account, &user] {
        let name = key(pair);
        let path = home
            .keys()
            .join(format!("keys/{}/{}/{name}.nk", &name[..1], &name[1..3]));
        let seed = pair.seed();
        write(path, seed.reveal());
    }
    let store = home.stores().join("O");
    write(
        store.join(".nsc"),
        r#"{"managed":false,"name":"O","kind":"operator","version":"1"}"#,
    );
    let limits = json!({"subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1, "leaf": -1});
    let token = version_1(&operator, &key(&operator), "O", "operator", json!({}));
    write(store.join("O.jwt"), &token);
    let token = version_1(
        &operator,
        &key(&account),
        "A",
        "account",
        json!({"limits": limits}),
    );
    write(store.join("accounts/A/A.jwt"), &token);
    let nats = json!({"pub": {"allow": ["a"]}, "sub": {}, "max": 10});
    let token = version_1(&account, &key(&user), "u", "user", nats);
    write(store.join("accounts/A/users/u.jwt"), &token);
    home.ok(&["env", "-o", "O"]);
    home.ok(&["describe", "account", "A"]);
    let before = all_files(&home.stores());
    let said = home.refused(&["add", "account", "B"]);
    assert!(said.contains("nsc upgrade-jwt"), "{said}");
    assert_eq!(all_files(&home.stores()), before);
    home.ok(&["upgrade-jwt"]);
    for what in [
        &["operator"][..],
        &["account", "A"],
        &["user", "u", "-a", "A"],
    ] {
        let mut words = vec!["describe"];
        words.extend(what);
        let claims = home.json(&words);
        assert_eq!(claims["nats"]["version"], 2, "{what:?}");
    }
    let user = home.json(&["describe", "user", "u", "-a", "A"]);
    assert_eq!(user["nats"]["pub"], json!({"allow": ["a"]}));
    home.ok(&["validate", "-A"]);
    home.ok(&["add", "account", "B"]);
    assert!(home.ok(&["upgrade-jwt"]).contains("already upgraded"));
}

#[test]
fn signing_keys_are_required_of_those_too_that_the_document_does_not_name() {
    let home = Home::new();
    home.ok(&["add", "operator", "O", "--sys"]);
    for account in ["NAMED", "OTHER", "KEYLESS"] {
        home.ok(&["add", "account", account]);
        home.ok(&["add", "user", "u", "-a", account]);
    }
    home.ok(&["edit", "operator", "--sk", "generate"]);
    home.ok(&["edit", "account", "OTHER", "--sk", "generate"]);
    let desired = home.path().join("desired.yaml");
    let text = "operator:\n  name: O\n  require_signing_keys: true\naccounts:\n  NAMED:\n    users:\n      u: {}\n";
    std::fs::write(&desired, text).expect("written");
    let before = contents(&home);
    let refused = home.refused(&["apply", "-f", "desired.yaml"]);
    assert!(refused.contains("KEYLESS/u"), "{refused}");
    assert!(!refused.contains("OTHER/u"), "{refused}");
    assert!(
        refused.contains("nsc edit account NAME --sk generate"),
        "{refused}"
    );
    assert_eq!(contents(&home), before);
    home.ok(&["edit", "account", "KEYLESS", "--sk", "generate"]);
    let said = home.ok(&["apply", "-f", "desired.yaml"]);
    assert!(said.contains("user OTHER/u"), "{said}");
    let operator = home.json(&["describe", "operator"]);
    for account in ["NAMED", "OTHER", "KEYLESS", "SYS"] {
        let claims = home.json(&["describe", "account", account]);
        assert_eq!(
            claims["iss"], operator["nats"]["signing_keys"][0],
            "{account}"
        );
        let user = if account == "SYS" { "sys" } else { "u" };
        let user = home.json(&["describe", "user", user, "-a", account]);
        assert_eq!(user["iss"], claims["nats"]["signing_keys"][0], "{account}");
        assert_eq!(user["nats"]["issuer_account"], claims["sub"], "{account}");
    }
    home.ok(&["validate", "-A"]);
    // What is as desired is left alone.
    let done = contents(&home);
    home.ok(&["apply", "-f", "desired.yaml"]);
    assert_eq!(contents(&home), done);
}

#[test]
fn a_wrong_document_is_refused_by_what_is_wrong_where_and_changes_nothing() {
    let home = Home::new();
    home.ok(&["add", "operator", "O"]);
    let before = all_files(&home.stores());
    let cycle = |kind: &str, b_imports: &str| {
        format!(
            "accounts:\n  A:\n    exports: [{{subject: x, type: {kind}}}]\n    imports: [{{account: B, subject: y, type: {kind}, local_subject: x}}]\n  \
               B:\n    exports: [{{subject: y, type: {kind}}}]\n    imports: [{{account: A, subject: x, type: {kind}, local_subject: {b_imports}}}]\n"
        )
    };
    for (text, told) in [
        (
            "accounts:\n  A: {}\n  A: {}\n",
            "line 3 column 3: it is there twice: A",
        ),
        ("accounts:\n  A:\n", "expected fields, or {} for none"),
        (
            "accounts:\n  A:\n    tags: x\n",
            "expected a list such as [a, b]",
        ),
        (
            "accounts:\n  A:\n    limits: {payload: -7}\n",
            "below -1, which is no limit",
        ),
        (
            "accounts:\n  A:\n    limits: {payload: \"-7\"}\n",
            "below -1",
        ),
        (
            "accounts:\n  A:\n    users:\n      u: {role: r}\n",
            "user A/u: the account has no role \"r\"",
        ),
        (
            "accounts:\n  A:\n    users:\n      u: {connection_types: [telegraph]}\n",
            "unknown connection type telegraph",
        ),
        (
            "accounts:\n  A:\n    users:\n      u: {pub: {allow: ['p.{{name()}}']}}\n",
            "d.yaml:4: user A/u: \"p.{{name()}}\" is a template",
        ),
        (
            "accounts:\n  A:\n    default_permissions: {pub: {allow: ['p.{{name()}}']}}\n",
            "d.yaml:2: account A: \"p.{{name()}}\" is a template",
        ),
        (
            "accounts:\n  A:\n    roles:\n      r: {sub: {allow: ['p.{{foo()}}']}}\n",
            "\"foo()\" is not defined",
        ),
        (
            "accounts:\n  A:\n    mappings: {a.*: [{to: b.$2}]}\n",
            "the mapping from \"a.*\": ",
        ),
        (
            "accounts:\n  A:\n    mappings: {a: []}\n",
            "the mapping from \"a\" leads nowhere",
        ),
        (
            "operator: {system_account: A}\naccounts:\n  A:\n    jetstream: {disk: 1G}\n",
            "d.yaml:3: account A: it is the system account, which cannot have JetStream",
        ),
        (&cycle("service", "y"), "A -> B -> A"),
        (&cycle("stream", "y"), "A -> B -> A"),
    ] {
        std::fs::write(home.path().join("d.yaml"), text).expect("written");
        for command in ["plan", "apply"] {
            let refused = home.refused(&[command, "-f", "d.yaml"]);
            assert!(refused.contains(told), "{text}: {refused}");
        }
        assert_eq!(all_files(&home.stores()), before, "{text}");
    }
    // Each imports from the other, and neither what it exports.
    for kind in ["service", "stream"] {
        std::fs::write(
            home.path().join("d.yaml"),
            cycle(kind, "z").replace("local_subject: x", "local_subject: w"),
        )
        .expect("written");
        home.ok(&["apply", "-f", "d.yaml"]);
        assert_eq!(home.json(&["plan", "-f", "d.yaml"])["changes"], json!([]));
    }
}

#[test]
fn what_a_new_account_and_its_users_have_is_shown_and_nothing_else() {
    let home = Home::new();
    home.ok(&["add", "operator", "O"]);
    let text = "accounts:\n  A:\n    limits: {connections: 7}\n    roles: {r: {}}\n    users:\n      u: {role: r, tags: [t]}\n";
    std::fs::write(home.path().join("d.yaml"), text).expect("written");
    let said = home.json(&["apply", "-f", "d.yaml"]);
    assert_eq!(said["state"], "applied");
    let changes = &said["changes"];
    let fields = changes[0]["fields"].as_array().expect("fields");
    assert!(
        fields.contains(&json!(["nats.limits.conn", "-1", "7"])),
        "{changes}"
    );
    assert_eq!(changes[1]["what"], "user A/u");
    assert_eq!(changes[1]["fields"], json!([["nats.tags[t]", "", "yes"]]));
}

#[test]
fn files_that_are_too_large_or_no_text_are_refused_by_their_names() {
    let home = Home::prepared();
    let large = home.path().join("large");
    let file = std::fs::File::create(&large).expect("made");
    // Nothing is on disk of it.
    file.set_len(3 << 20).expect("enlarged");
    std::fs::write(home.path().join("packed"), b"\xff\xfe\x00").expect("written");
    for (arguments, told) in [
        (
            &["import", "account", "--file", "large"][..],
            "larger than the 2097152 bytes",
        ),
        (&["import", "user", "--file", "large"], "larger than"),
        (&["add", "import", "--token", "large"], "larger than"),
        (
            &["validate", "--file", "packed"],
            "is no text: byte 1 is no UTF-8",
        ),
        (&["plan", "-f", "packed"], "is no text"),
        (&["add", "operator", "--url", "large"], "larger than"),
    ] {
        let refused = home.refused(arguments);
        assert!(refused.contains(told), "{arguments:?}: {refused}");
    }
    file.set_len(9 << 20).expect("enlarged");
    let refused = home.refused(&["apply", "-f", "large"]);
    assert!(
        refused.contains("larger than the 8388608 bytes"),
        "{refused}"
    );
    // A pipe has no length to be asked for.
    let refused = home.refused(&["plan", "-f", "/dev/zero"]);
    assert!(refused.contains("larger than"), "{refused}");
}

#[test]
fn a_role_does_not_go_while_somebody_has_it() {
    let home = Home::prepared();
    home.all(&[
        "nsc add signing-key role -a A --allow-pub x",
        "nsc add user w -a A -K role",
    ]);
    let before = contents(&home);
    let file = home.path().join("d.yaml");
    std::fs::write(&file, "accounts:\n  A: {roles: {}}\n").expect("written");
    let refused = home.refused(&["apply", "-f", "d.yaml", "--prune"]);
    assert!(
        refused.contains(
            "d.yaml:2: account A: without the role \"role\" servers would refuse its users w"
        ),
        "{refused}"
    );
    assert_eq!(contents(&home), before);
    // Whoever is named is signed again, or goes.
    std::fs::write(&file, "accounts:\n  A: {roles: {}, users: {w: {}}}\n").expect("written");
    home.ok(&["apply", "-f", "d.yaml", "--prune"]);
    home.ok(&["validate", "-A"]);
    assert!(
        home.refused(&["describe", "user", "u", "-a", "A"])
            .contains("u")
    );
}
