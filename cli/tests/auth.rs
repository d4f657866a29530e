//! `nats auth`: operators, accounts and users on the stores of `nsc`, and what becomes of them on a server.

mod support;

use std::path::{Path, PathBuf};

use support::{Outcome, Server};

fn nats(home: &Path, args: &[&str]) -> Outcome {
    support::finish(support::command("", home).args(args), "")
}

#[track_caller]
fn ok(home: &Path, args: &[&str]) -> String {
    let outcome = nats(home, args);
    assert_eq!(outcome.code, 0, "{args:?} {outcome:?}");
    outcome.stdout
}

/// An operator, an account with a role, and users with and without.
fn prepared(home: &Path) {
    ok(home, &["auth", "operator", "add", "OPS"]);
    ok(home, &["auth", "operator", "select", "OPS"]);
    ok(
        home,
        &[
            "auth",
            "account",
            "add",
            "ORDERS",
            "--connections",
            "10",
            "--jetstream",
            "--defaults",
        ],
    );
    ok(
        home,
        &[
            "auth",
            "account",
            "keys",
            "add",
            "ORDERS",
            "till",
            "--pub-allow",
            "orders.{{name()}}",
        ],
    );
    ok(
        home,
        &["auth", "user", "add", "one", "ORDERS", "--key", "till"],
    );
    ok(
        home,
        &[
            "auth",
            "user",
            "add",
            "chief",
            "ORDERS",
            "--pub-allow",
            "orders.>",
            "--sub-deny",
            "secret.>",
        ],
    );
}

fn store(home: &Path) -> PathBuf {
    ["data/nats/nsc/stores", ".local/share/nats/nsc/stores"]
        .iter()
        .map(|path| home.join(path))
        .find(|path| path.is_dir())
        .expect("a store")
}

#[test]
fn what_auth_makes_lies_in_the_store_of_nsc() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    prepared(home);
    let store = store(home);
    for file in [
        "OPS/.nsc",
        "OPS/OPS.jwt",
        "OPS/accounts/ORDERS/ORDERS.jwt",
        "OPS/accounts/ORDERS/users/one.jwt",
    ] {
        assert!(store.join(file).is_file(), "{file}");
    }
    assert!(ok(home, &["auth", "account", "info", "ORDERS"]).contains("Connections: 10"));
    assert_eq!(
        ok(home, &["auth", "user", "ls", "ORDERS", "--names"]),
        "chief\none\n"
    );
    assert!(ok(home, &["auth", "user", "info", "one", "ORDERS"]).contains("Role: till"));
    let document: serde_json::Value =
        serde_json::from_str(&ok(home, &["auth", "account", "info", "ORDERS", "--json"])).unwrap();
    assert_eq!(document["nats"]["limits"]["disk_storage"], -1);
    let again = nats(home, &["auth", "operator", "add", "OPS"]);
    assert_eq!(again.code, 1, "{again:?}");
    // Without a terminal nothing is removed that was not forced.
    let removed = nats(home, &["auth", "user", "rm", "one", "ORDERS"]);
    assert_eq!(removed.code, 1, "{removed:?}");
    ok(
        home,
        &["auth", "user", "rm", "one", "ORDERS", "--force", "--revoke"],
    );
    assert!(ok(home, &["auth", "account", "info", "ORDERS"]).contains("Revocations: 1"));
}

#[test]
fn a_simulation_names_the_rule_and_tells_by_its_exit_code() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    prepared(home);
    for (user, action, subject, code, rule) in [
        (
            "one",
            "pub",
            "orders.one",
            0,
            "role \"till\": allow pub \"orders.one\"",
        ),
        ("one", "pub", "orders.two", 2, "role \"till\""),
        ("one", "sub", "anything", 0, "no list"),
        ("chief", "pub", "orders.x", 0, "allow pub \"orders.>\""),
        ("chief", "sub", "secret.x", 2, "deny sub \"secret.>\""),
        ("chief", "sub", ">", 0, "will not be delivered"),
    ] {
        let outcome = nats(
            home,
            &[
                "auth",
                "simulate",
                "--account",
                "ORDERS",
                "--user",
                user,
                action,
                subject,
            ],
        );
        assert_eq!(outcome.code, code, "{user} {action} {subject}: {outcome:?}");
        assert!(outcome.stdout.contains(rule), "{outcome:?}");
    }
}

#[test]
fn keys_sign_and_seal() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let path = |name: &str| home.join(name).display().to_string();
    std::fs::write(path("letter"), "dear all").unwrap();
    let user = ok(
        home,
        &["auth", "nkey", "gen", "user", "--output", &path("u.nk")],
    );
    assert_eq!(ok(home, &["auth", "nkey", "show", &path("u.nk")]), user);
    let signature = ok(
        home,
        &["auth", "nkey", "sign", &path("letter"), &path("u.nk")],
    );
    std::fs::write(path("sig"), signature).unwrap();
    ok(
        home,
        &[
            "auth",
            "nkey",
            "verify",
            &path("letter"),
            &path("sig"),
            &path("u.nk"),
        ],
    );
    std::fs::write(path("letter2"), "dear al").unwrap();
    assert_eq!(
        nats(
            home,
            &[
                "auth",
                "nkey",
                "verify",
                &path("letter2"),
                &path("sig"),
                &path("u.nk")
            ]
        )
        .code,
        1
    );
    let a = ok(
        home,
        &["auth", "nkey", "gen", "curve", "--output", &path("a.nk")],
    );
    let b = ok(
        home,
        &["auth", "nkey", "gen", "curve", "--output", &path("b.nk")],
    );
    ok(
        home,
        &[
            "auth",
            "nkey",
            "seal",
            &path("letter"),
            &path("a.nk"),
            b.trim(),
            "--output",
            &path("sealed"),
        ],
    );
    let opened = ok(
        home,
        &[
            "auth",
            "nkey",
            "unseal",
            &path("sealed"),
            &path("b.nk"),
            a.trim(),
        ],
    );
    assert_eq!(opened, "dear all");
}

#[test]
fn an_account_is_pushed_and_its_user_connects() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    prepared(home);
    ok(
        home,
        &["auth", "user", "add", "admin", "SYSTEM", "--defaults"],
    );
    let creds = home.join("admin.creds").display().to_string();
    ok(
        home,
        &["auth", "user", "credential", &creds, "admin", "SYSTEM"],
    );
    let operator = std::fs::read_to_string(store(home).join("OPS/OPS.jwt")).unwrap();
    let system =
        std::fs::read_to_string(store(home).join("OPS/accounts/SYSTEM/SYSTEM.jwt")).unwrap();
    let key = nats_jwt::claims::AccountClaims::decode(&system)
        .unwrap()
        .subject;
    let directory = home.join("jwt").display().to_string();
    let config = format!(
        "operator: {operator}\nsystem_account: {key}\nresolver: {{ type: full, dir: \"{directory}\" }}\nresolver_preload: {{ {key}: {system} }}\n"
    );
    let Some(server) = Server::with_config(&config) else {
        return;
    };
    let pushed = ok(
        home,
        &[
            "auth",
            "account",
            "push",
            "ORDERS",
            "-s",
            &server.url,
            "--creds",
            &creds,
        ],
    );
    assert!(pushed.contains("Success 1 Failed 0"), "{pushed}");
    let asked = ok(
        home,
        &[
            "auth",
            "account",
            "query",
            "ORDERS",
            "-s",
            &server.url,
            "--creds",
            &creds,
        ],
    );
    assert!(asked.contains("\"name\": \"ORDERS\""), "{asked}");
    let till = home.join("one.creds").display().to_string();
    ok(
        home,
        &["auth", "user", "credential", &till, "one", "ORDERS"],
    );
    ok(
        home,
        &[
            "pub",
            "orders.one",
            "hello",
            "-s",
            &server.url,
            "--creds",
            &till,
        ],
    );
}

#[test]
fn one_command_runs_a_server_in_operator_mode_with_contexts_for_both_accounts() {
    use std::io::{BufRead as _, BufReader};
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    for _ in 0..2 {
        // The second time everything is there already.
        let mut process = support::command("", home)
            .args(["up", "--operator", "--port", "0"])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains("Ctrl-C")));
        let stored = ok(home, &["context", "info", "local", "--json"]);
        assert!(stored.contains("app.creds"), "{stored}");
        ok(home, &["pub", "orders.new", "hello"]);
        let servers = nats(home, &["server", "list", "--json"]);
        let nobody = nats(
            home,
            &["pub", "x", "y", "--no-context", "-s", "nats://127.0.0.1:1"],
        );
        process.kill().unwrap();
        process.wait().unwrap();
        assert_eq!(servers.code, 0, "{servers:?}");
        assert_eq!(nobody.code, 1, "{nobody:?}");
    }
    assert_eq!(
        ok(home, &["auth", "account", "ls", "--names"]),
        "APP\nSYS\n"
    );
}

#[test]
fn imports_are_known_by_their_subject_in_the_account() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    prepared(home);
    ok(home, &["auth", "account", "add", "SHOP", "--defaults"]);
    let exports = [
        "auth", "account", "exports", "add", "news", "news.>", "ORDERS",
    ];
    assert!(ok(home, &exports).contains("Kind: Stream"));
    let add = "auth account imports add news news.> SHOP --source ORDERS --local here.>";
    ok(home, &add.split(' ').collect::<Vec<_>>());
    for known in ["here.>", "news.>"] {
        let shown = ok(home, &["auth", "account", "imports", "info", known, "SHOP"]);
        assert!(shown.contains("Local Subject: here.>"), "{shown}");
        assert!(shown.contains("Remote Subject: news.>"), "{shown}");
    }
    let edit = ["auth", "account", "imports", "edit", "here.>", "SHOP"];
    let edited = ok(home, &[&edit as &[_], &["--local", "there.>"]].concat());
    assert!(edited.contains("Local Subject: there.>"), "{edited}");
    let gone = nats(
        home,
        &["auth", "account", "imports", "info", "here.>", "SHOP"],
    );
    assert!(
        gone.stderr.contains("nats auth account imports ls SHOP"),
        "{gone:?}"
    );
    ok(
        home,
        &[
            "auth", "account", "imports", "rm", "there.>", "SHOP", "--force",
        ],
    );
    let none = ok(home, &["auth", "account", "imports", "ls", "SHOP"]);
    assert_eq!(none, "No Imports defined\n");
}

#[test]
fn an_edit_of_a_user_replaces_the_lists_it_names_and_no_others() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    prepared(home);
    let edit = [
        "auth",
        "user",
        "edit",
        "chief",
        "ORDERS",
        "--pub-allow",
        "one,two",
    ];
    ok(home, &edit);
    let json = ok(home, &["auth", "user", "info", "chief", "ORDERS", "--json"]);
    let user: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        user["nats"]["pub"]["allow"],
        serde_json::json!(["one", "two"])
    );
    assert_eq!(user["nats"]["sub"]["deny"], serde_json::json!(["secret.>"]));
    // A new account has no bearer tokens unless that is said, which an edit does not change.
    let shown = |args: &[&str]| ok(home, args).contains("Bearer Tokens Allowed: true");
    assert!(!shown(&["auth", "account", "info", "ORDERS"]));
    assert!(shown(&["auth", "account", "edit", "ORDERS", "--bearer"]));
    assert!(shown(&[
        "auth",
        "account",
        "edit",
        "ORDERS",
        "--connections",
        "3"
    ]));
}

#[test]
fn credentials_end_without_the_user() {
    let home = tempfile::tempdir().expect("a directory");
    let home = home.path();
    prepared(home);
    let token = |path: PathBuf| std::fs::read_to_string(path).expect("a token");
    let user = || token(store(home).join("OPS/accounts/ORDERS/users/one.jwt"));
    let before = user();
    let file = home.join("short.creds").display().to_string();
    let short = [
        "auth",
        "user",
        "credential",
        &file,
        "one",
        "ORDERS",
        "--expire",
        "1h",
    ];
    ok(home, &short);
    assert_eq!(user(), before);
    let creds = nats_jwt::creds::Creds::read(Path::new(&file)).expect("credentials");
    let claims = nats_jwt::claims::UserClaims::decode(creds.jwt.reveal()).expect("a user");
    assert!(claims.expires > 0);
    let own = nats_jwt::claims::UserClaims::decode(before.trim()).expect("a user");
    assert_eq!((own.expires, &own.subject), (0, &claims.subject));
}

#[test]
fn service_urls_that_are_named_take_the_place_of_those_there() {
    let home = tempfile::tempdir().expect("a directory");
    let home = home.path();
    prepared(home);
    for url in ["nats://one:4222", "nats://two:4222"] {
        ok(home, &["auth", "operator", "edit", "OPS", "--service", url]);
    }
    let said = ok(home, &["auth", "operator", "info", "OPS", "--json"]);
    let document: serde_json::Value = serde_json::from_str(&said).expect("a document");
    let urls = &document["nats"]["operator_service_urls"];
    assert_eq!(*urls, serde_json::json!(["nats://two:4222"]));
}

#[test]
fn a_configuration_that_is_wrong_is_named_by_its_field_without_a_server() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let file = home.join("wrong.json");
    std::fs::write(&file, r#"{"name":"A","subjects":["a"],"num_replicas":9}"#).unwrap();
    let path = file.display().to_string();
    let wrong = nats(home, &["stream", "add", "--validate", "--config", &path]);
    assert_eq!(wrong.code, 1, "{wrong:?}");
    let told = "Validation Failed: num_replicas: must be at most 5, not 9";
    assert!(wrong.stderr.contains(told), "{wrong:?}");
    std::fs::write(&file, b"\xff\xfe{").unwrap();
    let schema = ["schema", "validate", "stream_configuration", &path];
    for args in [
        &schema[..],
        &["stream", "add", "--validate", "--config", &path],
    ] {
        let packed = nats(home, args);
        assert_eq!(packed.code, 1, "{packed:?}");
        assert!(
            packed.stderr.contains("it is no text: byte 1 is no UTF-8"),
            "{packed:?}"
        );
        assert!(packed.stderr.contains("hint: "), "{packed:?}");
    }
}
