//! The program as a black box: what it prints, writes, refuses, and how it ends.

mod support;

use std::process::Command;

use serde_json::Value;
use support::{Home, all_files, text};

#[test]
fn a_store_has_the_layout_of_the_reference() {
    let home = Home::prepared();
    let stores = home.stores();
    for file in [
        "O/.nsc",
        "O/O.jwt",
        "O/accounts/A/A.jwt",
        "O/accounts/A/users/u.jwt",
        "O/accounts/SYS/users/sys.jwt",
    ] {
        assert!(stores.join(file).is_file(), "{file}");
    }
    assert_eq!(
        std::fs::read_to_string(stores.join("O/.nsc")).expect("a file"),
        r#"{"managed":false,"name":"O","kind":"operator","version":"1"}"#
    );
    let key = home.json(&["describe", "user", "-a", "A", "u", "--field", "sub"]);
    let key = key.as_str().expect("text").to_owned();
    let seed = home.keys().join(format!("keys/U/{}/{key}.nk", &key[1..3]));
    assert_eq!(std::fs::read_to_string(seed).expect("a seed").len(), 58);
    assert!(home.keys().join("creds/O/A/u.creds").is_file());
    assert!(home.keys().join(".gitignore").is_file());
}

#[cfg(unix)]
#[test]
fn everything_on_disk_is_its_owners_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = Home::prepared();
    for (path, _) in all_files(home.path()) {
        let mode = std::fs::metadata(&path)
            .expect("there")
            .permissions()
            .mode()
            & 0o777;
        assert_eq!(mode, 0o600, "{}", path.display());
        let parent = path.parent().expect("a directory");
        let mode = std::fs::metadata(parent)
            .expect("there")
            .permissions()
            .mode()
            & 0o777;
        assert_eq!(mode, 0o700, "{}", parent.display());
    }
}

#[test]
fn names_that_lead_elsewhere_are_refused_and_nothing_is_written() {
    let home = Home::prepared();
    let before = all_files(home.path());
    for name in ["a/b", "..", ".", "a\\b", "a\nb", " a", ""] {
        for what in ["account", "user", "operator"] {
            home.refused(&["add", what, "--name", name]);
        }
        home.refused(&["rename", "account", "A", name, "--OK"]);
        home.refused(&["describe", "account", &format!("x{name}")]);
    }
    assert_eq!(all_files(home.path()), before);
}

#[test]
fn a_command_that_fails_changes_nothing() {
    let home = Home::prepared();
    let before = all_files(home.path());
    for wrong in [
        &["add", "account", "A"][..],
        &["add", "user", "u"],
        &["add", "user", "v", "--source-network", "nowhere"],
        &["add", "user", "v", "-K", "no-such-role"],
        &["add", "export", "--subject", "a..b"],
        &[
            "add",
            "export",
            "--subject",
            "q.*",
            "--private",
            "--account-token-position",
            "2",
        ],
        &[
            "add",
            "import",
            "--src-account",
            "B",
            "--remote-subject",
            "x",
        ],
        &[
            "add", "mapping", "--from", "a", "--to", "b", "--weight", "101",
        ],
        &["edit", "account", "A"],
        &["edit", "account", "A", "--js-tier", "1", "--js-disable"],
        &["edit", "account", "SYS", "--js-enable", "0"],
        &["edit", "user", "nobody", "--tag", "x"],
        &["edit", "operator", "--service-url", "ftp://x"],
        &["delete", "user", "u", "nobody"],
        &["delete", "account", "SYS"],
        &["revocations", "delete-user", "u"],
        &["import", "user", "--file", "nothing.creds"],
        &["load"],
        &["update"],
    ] {
        let said = home.refused(wrong);
        assert!(
            said.starts_with("Error: ") || said.starts_with("error: "),
            "{wrong:?}: {said}"
        );
    }
    assert_eq!(all_files(home.path()), before);
}

#[test]
fn what_went_wrong_comes_with_a_next_step_and_no_secret() {
    let home = Home::prepared();
    assert!(
        home.refused(&["edit", "user", "nobody", "--tag", "x"])
            .contains("nsc list users -a A")
    );
    let seed = "SUAKOR7XJDLHPF25JRQAPVKPYAPA6UKRIHQVEQ3NU4EFF4SHWHMVIVI4VU";
    let said = home.refused(&["add", "user", "v", "-K", seed]);
    assert!(!said.contains(seed), "{said}");
    let empty = Home::new();
    assert!(
        empty
            .refused(&["describe", "operator"])
            .contains("nsc add operator")
    );
}

#[test]
fn an_edit_changes_only_what_it_mentions() {
    let home = Home::prepared();
    home.ok(&[
        "edit",
        "account",
        "A",
        "--js-disk-storage",
        "1G",
        "--conns",
        "5",
        "--tag",
        "x",
    ]);
    home.ok(&[
        "add",
        "export",
        "--subject",
        "s.*",
        "--service",
        "--response-type",
        "Stream",
        "--latency",
        "l",
        "--sampling",
        "10",
    ]);
    let mut before = home.json(&["describe", "account", "A"]);
    home.ok(&[
        "edit",
        "export",
        "--subject",
        "s.*",
        "--description",
        "words",
    ]);
    home.ok(&["edit", "account", "A", "--leaf-conns", "3"]);
    let mut after = home.json(&["describe", "account", "A"]);
    before["nats"]["exports"][0]["description"] = "words".into();
    before["nats"]["limits"]["leaf"] = 3.into();
    for document in [&mut before, &mut after] {
        document["iat"] = 0.into();
        document["jti"] = "".into();
    }
    assert_eq!(before, after);
}

#[test]
fn a_role_and_its_key_are_one_command_and_decide_what_users_may_do() {
    let home = Home::prepared();
    home.ok(&[
        "add",
        "signing-key",
        "service",
        "--allow-pub",
        "a.{{name()}}",
        "--bearer",
    ]);
    home.refused(&["add", "signing-key", "service"]);
    home.ok(&["add", "user", "w", "-K", "service"]);
    let user = home.json(&["describe", "user", "w"]);
    assert_eq!(user["nats"]["pub"], serde_json::json!({}));
    assert!(user["nats"].get("subs").is_none());
    // What the role decides cannot be decided by the user.
    assert!(
        home.refused(&["edit", "user", "w", "--allow-pub", "b"])
            .contains("service")
    );
    home.ok(&["edit", "user", "w", "--tag", "t"]);
    home.ok(&["edit", "signing-key", "service", "--allow-sub", "b"]);
    let account = home.json(&["describe", "account", "A"]);
    assert_eq!(
        account["nats"]["signing_keys"][0]["template"]["sub"]["allow"][0],
        "b"
    );
}

#[test]
fn removing_a_signing_key_asks_what_becomes_of_its_users() {
    let home = Home::prepared();
    home.ok(&["add", "signing-key", "one", "--allow-pub", "a"]);
    home.ok(&["add", "signing-key", "two", "--allow-pub", "b"]);
    home.ok(&["add", "user", "w", "-K", "one"]);
    let before = all_files(home.path());
    // The account's own key would allow everything.
    assert!(
        home.refused(&["delete", "signing-key", "one", "--resign"])
            .contains("would allow it everything")
    );
    assert_eq!(all_files(home.path()), before);
    let said = home.ok(&["delete", "signing-key", "one", "--resign", "-K", "two"]);
    assert!(said.contains("user \"w\" re-signed"), "{said}");
    home.ok(&["validate"]);
}

#[test]
fn a_script_that_removes_a_signing_key_is_told_whose_users_stay_behind() {
    for (line, json) in [
        ("delete signing-key one", false),
        ("edit account A --rm-sk one", false),
        ("edit account A --rm-sk one --json", true),
    ] {
        let home = Home::prepared();
        home.ok(&["add", "signing-key", "one", "--allow-pub", "a"]);
        for n in 0..12 {
            home.ok(&["add", "user", &format!("w{n:02}"), "-K", "one"]);
        }
        let arguments: Vec<&str> = line.split(' ').collect();
        let output = home.run(&arguments);
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(0), "{line}: {out}{err}");
        for words in ["12 users (w00, ", "and 2 more", "-K KEY", "--resign"] {
            assert!(err.contains(words), "{line}: no {words} in {err}");
        }
        if json {
            let document: Value = serde_json::from_str(&out).expect("a document");
            let lines = document["details"].as_array().expect("lines").iter();
            let names: Vec<&Value> = lines.filter_map(|line| line.get("names")).collect();
            assert_eq!(names.len(), 1, "{out}");
            assert_eq!(names[0].as_array().map(Vec::len), Some(12), "{out}");
        }
        let claims = home.json(&["describe", "account", "A"]);
        assert!(claims["nats"]["signing_keys"].is_null(), "{claims}");
        // Whoever says so is not told.
        let quiet = home.run(&["delete", "signing-key", "one", "--keep-users"]);
        assert_eq!(quiet.status.code(), Some(1));
    }
}

#[test]
fn a_private_export_of_the_same_operator_is_imported_with_its_token() {
    let home = Home::prepared();
    home.ok(&[
        "add",
        "export",
        "--subject",
        "p.*",
        "--service",
        "--private",
    ]);
    home.ok(&["add", "account", "B"]);
    let said = home.ok(&[
        "add",
        "import",
        "--service",
        "--src-account",
        "A",
        "--remote-subject",
        "p.x",
    ]);
    assert!(said.contains("generated the activation token"), "{said}");
    home.ok(&["validate", "-A"]);
    // And for another operator, as a file.
    home.ok(&["add", "export", "-a", "A", "--subject", "q.*", "--private"]);
    home.ok(&[
        "generate",
        "activation",
        "-a",
        "A",
        "-s",
        "q.y",
        "-t",
        "B",
        "-o",
        "token.jwt",
    ]);
    home.ok(&[
        "add",
        "import",
        "-a",
        "B",
        "--token",
        "token.jwt",
        "--local-subject",
        "mine.q",
    ]);
    let account = home.json(&["describe", "account", "B"]);
    assert_eq!(
        account["nats"]["imports"].as_array().expect("a list").len(),
        2
    );
}

#[test]
fn results_go_to_standard_output_and_can_be_piped() {
    let home = Home::prepared();
    for arguments in [
        &["list", "accounts"][..],
        &["list", "users"],
        &["list", "keys", "--all"],
        &["env"],
        &["expirations"],
        &["validate"],
        &["generate", "config", "--mem-resolver"],
        &["generate", "config", "--nats-resolver"],
        &["generate", "config", "--nats-resolver-cache"],
        &["generate", "diagram", "component"],
        &["generate", "diagram", "object", "--users", "--show-keys"],
        &["revocations", "list-users"],
    ] {
        let output = home.run(arguments);
        assert!(output.status.success(), "{arguments:?}");
        assert!(
            !output.stdout.is_empty() && output.stderr.is_empty(),
            "{arguments:?}"
        );
    }
    let creds = home.ok(&["generate", "creds", "-a", "A", "-n", "u"]);
    assert!(creds.starts_with("-----BEGIN NATS USER JWT-----\n"));
}

#[test]
fn every_listing_is_a_document_with_json() {
    let home = Home::prepared();
    assert_eq!(home.json(&["list", "accounts"])[0]["name"], "A");
    assert_eq!(
        home.json(&["list", "keys", "--all"])[0]["expected_kind"],
        "operator"
    );
    assert_eq!(home.json(&["env"])["operator"], "O");
    assert_eq!(home.json(&["expirations"])["report"][0]["when"], "Never");
    assert_eq!(home.json(&["validate"])[0]["issues"], serde_json::json!([]));
    assert_eq!(home.json(&["add", "account", "C"])["status"], "ok");
    std::fs::write(home.path().join("none.yaml"), "accounts: {}\n").expect("written");
    assert_eq!(
        home.json(&["plan", "-f", "none.yaml"])["changes"],
        serde_json::json!([])
    );
    let output = home.run(&["describe", "account", "nope", "--json"]);
    let said: Value = serde_json::from_slice(&output.stdout).expect("a document");
    assert!(
        said["hint"]
            .as_str()
            .expect("a hint")
            .contains("nsc list accounts")
    );
}

#[test]
fn without_a_terminal_questions_are_refused() {
    let home = Home::new();
    assert!(
        home.refused(&["add", "operator", "-i"])
            .contains("without a terminal")
    );
    assert!(all_files(&home.stores()).is_empty());
}

#[test]
fn loose_files_become_a_store_again() {
    let home = Home::prepared();
    home.ok(&[
        "export",
        "keys",
        "--all",
        "--include-jwts",
        "--dir",
        "loose",
    ]);
    home.ok(&["fix", "--in", "loose", "--out", "rebuilt", "--creds"]);
    let rebuilt = home.path().join("rebuilt");
    for file in [
        "operators/O/O.jwt",
        "operators/O/accounts/A/users/u.jwt",
        "keys/creds/O/A/u.creds",
    ] {
        assert!(rebuilt.join(file).is_file(), "{file}");
    }
    let there = [
        "--data-dir",
        "rebuilt/operators",
        "--keystore-dir",
        "rebuilt/keys",
        "--config-dir",
        "rebuilt/config",
    ];
    let mut validate = vec!["validate", "-A"];
    validate.extend(there);
    home.ok(&validate);
}

#[test]
fn deleting_and_renaming_leave_nothing_behind() {
    let home = Home::prepared();
    home.ok(&["rename", "account", "A", "B", "--OK"]);
    assert!(!home.stores().join("O/accounts/A").exists());
    assert!(!home.keys().join("creds/O/A").exists());
    assert!(home.keys().join("creds/O/B/u.creds").is_file());
    home.ok(&[
        "delete",
        "user",
        "u",
        "-a",
        "B",
        "--revoke",
        "--rm-nkey",
        "--rm-creds",
    ]);
    assert_eq!(
        home.json(&["revocations", "list-users", "-a", "B"])
            .as_array()
            .expect("a list")
            .len(),
        1
    );
    home.ok(&["delete", "account", "B", "--rm-nkey", "--rm-creds"]);
    assert!(!home.stores().join("O/accounts/B").exists());
    assert!(!home.keys().join("creds/O/B").exists());
    assert!(!home.keys().join("keys/U").join("nothing").exists());
}

#[test]
fn an_operator_gets_another_key_and_its_accounts_a_signature_of_it() {
    let home = Home::prepared();
    home.ok(&["reissue", "operator"]);
    home.ok(&["validate", "-A"]);
    home.ok(&["reissue", "operator", "--convert-to-signing-key"]);
    home.ok(&["validate", "-A"]);
    home.ok(&["edit", "operator", "--sk", "generate"]);
    assert!(
        home.refused(&["edit", "operator", "--require-signing-keys"])
            .contains("needs to be issued with a signing key first")
    );
}

/// A program of the `examples` folder: cargo builds them with the tests.
fn example(name: &str) -> std::path::PathBuf {
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_nsc"));
    program.with_file_name("examples").join(name)
}

#[cfg(unix)]
#[test]
fn keys_need_not_lie_on_disk() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = Home::prepared();
    // All keys go elsewhere; a program signs with them. It is this same nsc with another keystore.
    let elsewhere = home.path().join("elsewhere");
    std::fs::rename(home.keys().join("keys"), &elsewhere).expect("moved");
    assert!(
        home.refused(&["add", "account", "C"])
            .contains("unable to resolve")
    );
    let signer = home.path().join("signer.py");
    let script = r#"#!/usr/bin/env python3
import sys, os
root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "elsewhere")
keys = [f[:-3] for _, _, fs in os.walk(root) for f in fs if f.endswith(".nk")]
if sys.argv[1] == "list":
    print("\n".join(keys))
else:
    sys.exit(3)
"#;
    std::fs::write(&signer, script).expect("written");
    std::fs::set_permissions(&signer, std::fs::Permissions::from_mode(0o755)).expect("allowed");
    let before = all_files(&home.stores());
    let arguments = [
        "--signer",
        "exec:./signer.py",
        "edit",
        "account",
        "A",
        "--tag",
        "x",
    ];
    if Command::new("python3").arg("--version").output().is_ok() {
        // A signer that fails is an error, and nothing is written.
        assert!(home.refused(&arguments).contains("failed"));
        assert_eq!(all_files(&home.stores()), before);
    }
    // One that signs: the example program, with the keys that lie elsewhere.
    let program = example("file-signer");
    let signer = format!("exec:{} elsewhere", program.display());
    home.ok(&["--signer", &signer, "add", "account", "C"]);
    home.ok(&["--signer", &signer, "add", "user", "v", "-a", "A"]);
    home.ok(&["--signer", &signer, "validate", "-A"]);
    assert_eq!(home.json(&["describe", "account", "C"])["name"], "C");
    assert!(
        home.refused(&[
            "--signer",
            "exec:false",
            "edit",
            "account",
            "A",
            "--tag",
            "x"
        ])
        .contains("failed")
    );
    assert!(
        home.refused(&["--signer", "pkcs11:x", "list", "accounts"])
            .contains("exec:")
    );
}

#[test]
fn a_user_with_permissions_of_its_own_does_not_get_those_of_a_role_by_a_new_signature() {
    let home = Home::prepared();
    home.ok(&["edit", "account", "A", "--sk", "generate"]);
    let plain = home.json(&["describe", "account", "A"])["nats"]["signing_keys"][0].clone();
    let plain = plain.as_str().expect("a key");
    home.ok(&["add", "signing-key", "role", "--allow-pub", "everything.>"]);
    home.ok(&["add", "user", "w", "-K", plain, "--allow-pub", "little"]);
    let account = home.json(&["describe", "account", "A"])["sub"].clone();
    let account = account.as_str().expect("a key");
    let seed = home
        .keys()
        .join(format!("keys/A/{}/{account}.nk", &account[1..3]));
    std::fs::remove_file(seed).expect("removed");
    let before = all_files(home.path());
    let refused = home.refused(&["delete", "signing-key", plain, "--resign"]);
    assert!(refused.contains("permissions of its own"), "{refused}");
    assert_eq!(all_files(home.path()), before);
    home.ok(&["edit", "account", "A", "--sk", "generate"]);
    home.ok(&["delete", "signing-key", plain, "--resign"]);
    let user = home.json(&["describe", "user", "w"]);
    assert_eq!(user["nats"]["pub"]["allow"][0], "little");
}

#[test]
fn a_damaged_file_of_the_store_is_named_with_what_to_do_about_it() {
    let home = Home::prepared();
    std::fs::write(home.stores().join("O/accounts/A/A.jwt"), "garbage").expect("written");
    for arguments in [
        &["describe", "account", "A"][..],
        &["edit", "account", "A", "--conns", "1"],
        &["add", "user", "v", "-a", "A"],
        &["generate", "config", "--mem-resolver"],
    ] {
        let refused = home.refused(arguments);
        assert!(refused.contains("A.jwt holds no token"), "{refused}");
        assert!(refused.contains("hint: restore the file"), "{refused}");
    }
    // What is whole can be worked with.
    assert!(
        home.ok(&["list", "accounts"])
            .contains("A.jwt holds no token")
    );
    home.ok(&["add", "account", "B"]);
    home.ok(&["add", "user", "v", "-a", "B"]);
    let report = home.ok(&["expirations", "--skip"]);
    assert!(report.contains("A.jwt holds no token"), "{report}");
    let report = home.json(&["expirations"]);
    let rows = report["report"].as_array().expect("rows");
    let named = |name: &str| rows.iter().find(|row| row["resource"] == name);
    assert!(
        named("O/B/v").is_some_and(|row| row["error"].is_null()),
        "{report}"
    );
    assert!(
        named("O/A").is_some_and(|row| row["error"].is_string()),
        "{report}"
    );
}

#[test]
fn the_older_form_of_response_permissions_takes_its_number_in_a_word_of_its_own() {
    let home = Home::prepared();
    home.ok(&[
        "edit",
        "user",
        "u",
        "--allow-pub-response",
        "--max-responses",
        "5",
    ]);
    assert_eq!(
        home.json(&["describe", "user", "u"])["nats"]["resp"]["max"],
        5
    );
    home.ok(&["edit", "user", "u", "--max-responses", "-1"]);
    assert_eq!(
        home.json(&["describe", "user", "u"])["nats"]["resp"]["max"],
        -1
    );
    assert!(
        home.refused(&["list", "keys", "--user", "nobody"])
            .contains("user nobody")
    );
}
