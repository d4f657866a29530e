//! What an edit leaves alone, and what it must not do in passing.

mod support;

use std::path::PathBuf;

use support::Home;

/// Where the seed of a key lies.
fn seed(home: &Home, key: &str) -> PathBuf {
    let folder = home.keys().join("keys").join(&key[..1]).join(&key[1..3]);
    folder.join(format!("{key}.nk"))
}

/// An account with a key without a role, one with the role `r`, and a user of each.
fn with_a_role() -> (Home, String) {
    let home = Home::prepared();
    home.all(&[
        "nsc edit account A --sk generate",
        "nsc add signing-key r -a A --allow-pub p.x",
        "nsc add user scoped -a A -K r",
        "nsc add user own -a A --allow-pub a.x",
    ]);
    let scoped = home.json(&["describe", "user", "scoped", "-a", "A"]);
    let role = scoped["iss"].as_str().expect("an issuer").to_owned();
    (home, role)
}

#[test]
fn a_user_with_a_role_is_not_signed_by_a_key_without_one_in_passing() {
    let (home, role) = with_a_role();
    std::fs::remove_file(seed(&home, &role)).expect("removed");
    let before = home.json(&["describe", "user", "scoped", "-a", "A"]);
    let said = home.refused(&["edit", "user", "scoped", "-a", "A", "--tag", "x"]);
    assert!(said.contains(&role), "{said}");
    assert_eq!(
        home.json(&["describe", "user", "scoped", "-a", "A"]),
        before
    );
    // Who names a key without a role gets what that means, and is told.
    let account = home.json(&["describe", "account", "A"]);
    let key = account["sub"].as_str().expect("a key");
    let said = home.ok(&["edit", "user", "scoped", "-a", "A", "-K", key]);
    assert!(said.contains("no longer has the role"), "{said}");
}

#[test]
fn permissions_of_a_user_do_not_give_way_to_a_role_in_passing() {
    let (home, role) = with_a_role();
    for name in ["own", "u"] {
        let before = home.json(&["describe", "user", name, "-a", "A"]);
        let account = home.json(&["describe", "account", "A"]);
        let mut hidden = Vec::new();
        let keys = account["nats"]["signing_keys"].as_array().expect("keys");
        let plain = keys.iter().filter_map(|key| key.as_str());
        for key in plain.chain(account["sub"].as_str()) {
            let path = seed(&home, key);
            hidden.push((path.clone(), std::fs::read(&path).expect("a seed")));
            std::fs::remove_file(&path).expect("removed");
        }
        let said = home.refused(&["edit", "user", name, "-a", "A", "--tag", "x"]);
        assert!(said.contains("has the role \"r\""), "{said}");
        assert_eq!(home.json(&["describe", "user", name, "-a", "A"]), before);
        for (path, content) in hidden {
            std::fs::write(path, content).expect("written");
        }
    }
    // Who asks for the role gets it, but not in the place of what was said of the user.
    let said = home.refused(&["edit", "user", "own", "-a", "A", "-K", "r"]);
    assert!(said.contains("of its own"), "{said}");
    home.ok(&["edit", "user", "u", "-a", "A", "-K", "r"]);
    let now = home.json(&["describe", "user", "u", "-a", "A"]);
    assert_eq!(now["iss"], *role);
}

#[test]
fn no_answers_are_allowed_by_a_count_of_0() {
    let home = Home::prepared();
    home.ok(&["add", "user", "x", "-a", "A", "--allow-pub-response=0"]);
    let user = |name| home.json(&["describe", "user", name, "-a", "A"]);
    assert!(user("x")["nats"]["resp"].is_null());
    home.all(&[
        "nsc edit user x -a A --allow-pub-response=3",
        "nsc edit user x -a A --allow-pub-response=0",
    ]);
    assert!(user("x")["nats"]["resp"].is_null());
}

#[test]
fn a_tier_is_given_to_an_account_whose_limits_without_storage_say_nothing() {
    let home = Home::prepared();
    // As the reference writes them with every edit.
    home.ok(&["edit", "account", "A", "--js-streams", "-1"]);
    home.ok(&["edit", "account", "A", "--js-enable", "1"]);
    let limits = home.json(&["describe", "account", "A"])["nats"]["limits"].clone();
    assert!(limits["streams"].is_null(), "{limits}");
    assert_eq!(limits["tiered_limits"]["R1"]["mem_storage"], -1);
    home.refused(&["edit", "account", "A", "--js-enable", "0"]);
}

#[test]
fn the_chosen_account_stays_when_its_operator_is_chosen_again() {
    let home = Home::prepared();
    home.ok(&["select", "operator", "O"]);
    home.ok(&["env", "-o", "O"]);
    assert_eq!(home.json(&["env"])["account"], "A");
}

#[test]
fn the_system_account_is_chosen_where_it_is_the_first() {
    let home = Home::new();
    home.ok(&["add", "operator", "O", "--sys"]);
    assert_eq!(home.json(&["env"])["account"], "SYS");
}

#[test]
fn a_described_document_goes_to_the_file() {
    let home = Home::prepared();
    home.ok(&["describe", "account", "A", "--json", "-o", "a.json"]);
    let text = std::fs::read_to_string(home.path().join("a.json")).expect("written");
    let document: serde_json::Value = serde_json::from_str(&text).expect("a document");
    assert_eq!(document["name"], "A");
    // A token is a token, whatever else is asked for.
    let token = home.ok(&["describe", "account", "A", "--json", "--raw"]);
    assert_eq!(token.trim().split('.').count(), 3, "{token}");
}

#[test]
fn an_import_is_deleted_by_the_name_of_its_exporter() {
    let home = Home::prepared();
    home.all(&[
        "nsc add export -a A --subject s",
        "nsc add account B",
        "nsc add import -a B --src-account A --remote-subject s",
    ]);
    home.refused(&["delete", "import", "s", "-a", "B", "--src-account", "SYS"]);
    home.ok(&["delete", "import", "s", "-a", "B", "--src-account", "A"]);
}

#[test]
fn kinds_of_keys_are_those_of_all_accounts() {
    let home = Home::prepared();
    home.all(&["nsc add account B", "nsc add user b"]);
    let count = |arguments: &[&str]| home.json(arguments).as_array().expect("a list").len();
    assert_eq!(count(&["list", "keys", "--accounts", "--account", "B"]), 1);
    // A, B, SYS and its signing key.
    assert_eq!(count(&["list", "keys", "--accounts"]), 4);
    assert_eq!(count(&["list", "keys", "--users"]), 3);
    home.ok(&["export", "keys", "--accounts", "--users", "-d", "copies"]);
    let files = std::fs::read_dir(home.path().join("copies")).expect("a folder");
    assert_eq!(files.count(), 7);
}

#[test]
fn revocations_of_users_count_again_when_that_of_everybody_is_taken_back() {
    let home = Home::prepared();
    home.all(&[
        "nsc revocations add-user u -a A --at 1700000000",
        "nsc revocations add-user -a A --user-public-key '*'",
        "nsc revocations delete-user -a A --user-public-key '*'",
    ]);
    let list = home.json(&["revocations", "list-users", "-a", "A"]);
    assert_eq!(list.as_array().expect("a list").len(), 1, "{list}");
}

#[test]
fn an_activation_is_revoked_by_a_subject_that_the_export_covers() {
    let home = Home::prepared();
    home.all(&[
        "nsc add export -a A --service --private --subject q.*",
        "nsc add account B",
        "nsc revocations add-activation -a A --service -s q.x -t B",
        "nsc revocations add-activation -a A --service -s q.x -t '*'",
    ]);
    let said = home.ok(&["revocations", "list-activations", "-a", "A", "--service"]);
    assert!(said.contains("* [All Accounts]"), "{said}");
}

#[test]
fn values_may_begin_with_a_hyphen() {
    let home = Home::prepared();
    home.ok(&["edit", "account", "A", "--description", "- words"]);
    home.ok(&["edit", "user", "u", "-a", "A", "--tag", "-x"]);
    let account = home.json(&["describe", "account", "A"]);
    assert_eq!(account["nats"]["description"], "- words");
}

#[test]
fn of_a_flag_that_is_given_twice_the_last_one_counts() {
    let home = Home::prepared();
    home.line("nsc edit account -n A --conns 1 --conns 2 --tag x --tag y");
    let claims = home.json(&["describe", "account", "A"]);
    assert_eq!(claims["nats"]["limits"]["conn"], 2);
    assert_eq!(claims["nats"]["tags"], serde_json::json!(["x", "y"]));
}

#[test]
fn mistakes_in_flags_are_a_document_too() {
    let home = Home::prepared();
    for arguments in [
        &["push", "--nope", "--json"][..],
        &["-J", "push", "--timeout", "99"],
        &["list", "--json"],
    ] {
        let output = home.run(arguments);
        assert_eq!(output.status.code(), Some(1));
        assert!(support::text(&output.stderr).starts_with("Error: "));
        let said: serde_json::Value =
            serde_json::from_slice(&output.stdout).expect("a document on standard output");
        assert!(
            said["error"].as_str().is_some_and(|e| !e.is_empty()),
            "{said}"
        );
    }
}

#[test]
fn the_tools_are_there_without_the_word_tool_as_old_manuals_have_it() {
    let home = Home::prepared();
    let nowhere = ["--nats", "nats://127.0.0.1:1", "-a", "A", "--user", "u"];
    for tool in [
        &["pub", "hello", "NATS"][..],
        &["sub", "-q", "q", "hello"],
        &["req", "hello", "NATS"],
        &["reply", "--max-messages", "1", "hello"],
        &["rtt"],
    ] {
        let long = [&["tool"], tool, &nowhere].concat();
        let said = home.refused(&[tool, &nowhere].concat());
        assert!(said.contains("failed to connect"), "{said}");
        assert_eq!(said, home.refused(&long));
    }
}

#[test]
fn a_damaged_token_hides_no_other_keys_and_is_named() {
    let home = Home::prepared();
    home.all(&["nsc add account B", "nsc add user w", "nsc add user x"]);
    let accounts = home.stores().join("O/accounts");
    std::fs::write(accounts.join("A/A.jwt"), "nothing").expect("written");
    std::fs::write(accounts.join("B/users/w.jwt"), "x.y.z").expect("written");
    // A is damaged, B has one damaged user; the chosen account may be either.
    for (chosen, words) in [("A", "account \"A\""), ("B", "user \"w\" of account \"B\"")] {
        home.ok(&["select", "account", chosen]);
        for arguments in [&["list", "keys"][..], &["list", "keys", "--all"]] {
            let output = home.run(arguments);
            let said = support::text(&output.stdout) + &support::text(&output.stderr);
            assert_eq!(output.status.code(), Some(0), "{said}");
            assert!(said.contains(words), "{said}");
            let all = home.json(arguments);
            let named = all.as_array().expect("a list").iter();
            let errors = named.filter(|one| one["error"].is_string()).count();
            assert_eq!(errors, 2, "{all}");
        }
    }
    let all = home.ok(&["list", "keys", "--all"]);
    assert!(all.contains(" x ") && all.contains(" B "), "{all}");
    // A copy of all keys that is not of all keys is an error, and what could be copied is there.
    let said = home.refused(&["export", "keys", "--all", "--dir", "copy"]);
    assert!(said.contains("account \"A\""), "{said}");
    assert!(
        std::fs::read_dir(home.path().join("copy"))
            .expect("made")
            .count()
            > 3
    );
    // Which keys belong to nothing cannot be said.
    home.refused(&["list", "keys", "--not-referenced"]);
}

#[test]
fn a_new_operator_has_a_folder_of_accounts_as_in_the_reference() {
    let home = Home::new();
    home.ok(&["add", "operator", "O"]);
    assert!(home.stores().join("O/accounts").is_dir());
}

#[test]
fn the_subject_of_an_export_changes_and_of_two_with_one_subject_the_one_that_is_meant() {
    let home = Home::prepared();
    home.all(&[
        "nsc add export -a A --subject q",
        "nsc add export -a A --subject q --service --name asked",
        "nsc add export -a A --subject other",
    ]);
    let exports = |home: &Home| home.json(&["describe", "account", "A"])["nats"]["exports"].clone();
    for command in ["edit", "delete"] {
        let said = home.refused(&[
            command,
            "export",
            "-a",
            "A",
            "--subject",
            "q",
            "--account",
            "A",
        ]);
        assert!(said.contains("--type service"), "{said}");
    }
    home.line("nsc edit export -a A --subject q --type service --new-subject 'q.*'");
    let all = exports(&home);
    let service = all
        .as_array()
        .expect("a list")
        .iter()
        .find(|it| it["type"] == "service");
    let service = service.expect("the service");
    assert_eq!(
        (&service["subject"], &service["name"]),
        (&"q.*".into(), &"asked".into())
    );
    // One that is named after its subject goes on with it; taken subjects are refused.
    home.line("nsc edit export -a A --subject q --new-subject p");
    assert!(
        exports(&home)
            .as_array()
            .expect("a list")
            .iter()
            .any(|it| it["name"] == "p")
    );
    home.refused(&[
        "edit",
        "export",
        "-a",
        "A",
        "--subject",
        "p",
        "--new-subject",
        "other",
    ]);
    home.refused(&[
        "edit",
        "export",
        "-a",
        "A",
        "--subject",
        "p",
        "--new-subject",
        "a..b",
    ]);
    home.line("nsc delete export -a A --subject p --type stream");
    assert_eq!(exports(&home).as_array().map(Vec::len), Some(2));
}

#[test]
fn an_import_of_a_private_export_is_signed_for_by_the_operator_that_is_named() {
    let home = Home::prepared();
    home.all(&[
        "nsc edit operator --sk generate",
        "nsc add account B",
        "nsc add export -a A --subject 's.*' --service --private",
    ]);
    let claims = home.json(&["describe", "operator"]);
    let key = claims["nats"]["signing_keys"][0].as_str().expect("a key");
    home.ok(&[
        "add",
        "import",
        "-a",
        "B",
        "--src-account",
        "A",
        "--remote-subject",
        "s.x",
        "--service",
        "-K",
        key,
    ]);
    let account = home.json(&["describe", "account", "B"]);
    assert!(
        account["nats"]["imports"][0]["token"].is_string(),
        "{account}"
    );
    assert_eq!(account["iss"].as_str(), Some(key));
}

#[test]
fn fix_tells_what_it_leaves_out() {
    let home = Home::prepared();
    home.all(&["nsc add account B", "nsc add user w"]);
    let store = home.stores().join("O");
    std::fs::write(store.join("accounts/A/A.jwt"), "nothing").expect("written");
    let said = home.ok(&[
        "fix",
        "--in",
        &store.display().to_string(),
        "--out",
        "fixed",
    ]);
    assert!(
        said.contains("user u [U") && said.contains("was left out"),
        "{said}"
    );
    assert!(said.contains("A.jwt: it holds no token"), "{said}");
    assert_eq!(said.matches("was left out").count(), 1, "{said}");
    let fixed = home.path().join("fixed/operators/O/accounts/B/users/w.jwt");
    assert!(fixed.is_file());
}

#[test]
fn an_empty_file_is_no_wish_for_nothing() {
    let home = Home::prepared();
    for text in ["", "\n# accounts:\n", "---\n"] {
        std::fs::write(home.path().join("d.yaml"), text).expect("written");
        for arguments in [
            &["plan", "-f", "d.yaml", "--prune"][..],
            &["apply", "-f", "d.yaml", "--prune"],
        ] {
            let said = home.refused(arguments);
            assert!(said.contains("holds nothing"), "{said}");
        }
    }
    assert!(home.stores().join("O/accounts/A/A.jwt").is_file());
}
