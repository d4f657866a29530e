//! `nats errors` and `nats cheat` as users run them: neither needs a server.

mod support;

use std::path::Path;

use serde_json::{Value, json};
use support::{Outcome, command, finish};

fn nats(home: &Path, args: &[&str]) -> Outcome {
    finish(command("", home).args(args), "")
}

#[test]
fn an_error_is_found_by_its_code_and_by_what_it_says() {
    let home = tempfile::tempdir().unwrap();
    let one = nats(home.path(), &["errors", "lookup", "10059"]);
    assert_eq!(one.code, 0, "{one:?}");
    assert!(one.stdout.contains("NATS Error Code: 10059"), "{one:?}");
    assert!(one.stdout.contains(": JSStreamNotFoundErr\n"), "{one:?}");
    let unknown = nats(home.path(), &["errors", "lookup", "1"]);
    assert_eq!(unknown.code, 1);
    assert!(
        unknown.stderr.contains("no error matches code 1"),
        "{unknown:?}"
    );
    let list = nats(
        home.path(),
        &["err", "ls", "STREAM not", "code", "-R", "--json"],
    );
    let list: Vec<Value> = serde_json::from_str(&list.stdout).unwrap();
    let codes: Vec<u64> = list
        .iter()
        .filter_map(|row| row["error_code"].as_u64())
        .collect();
    assert!(
        codes.contains(&10_059) && codes.is_sorted_by(|a, b| a > b),
        "{codes:?}"
    );
    let none = nats(home.path(), &["errors", "ls", "nothing says this"]);
    assert_eq!((none.code, none.stdout.as_str()), (1, ""), "{none:?}");
}

#[test]
fn a_definition_file_is_checked_and_edited() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("errors.json");
    let file = path.to_str().unwrap();
    let row =
        json!({"constant": "JSOneErr", "code": 400, "error_code": 10_001, "description": "one"});
    std::fs::write(&path, json!([row]).to_string()).unwrap();
    let valid = nats(home.path(), &["errors", "validate", file]);
    assert_eq!(valid.stdout, "Validated 1 errors\n", "{valid:?}");
    // The group's flag stands before or behind the command.
    let before = nats(
        home.path(),
        &["errors", "--errors", file, "lookup", "10001"],
    );
    let behind = nats(
        home.path(),
        &["errors", "lookup", "10001", "--errors", file],
    );
    assert!(before.stdout.contains("JSOneErr"), "{before:?}");
    assert_eq!(before.stdout, behind.stdout);
    let edit = finish(
        command("", home.path())
            .args(["errors", "edit", file, "10001"])
            .env("EDITOR", "sed -i s/JSOneErr/JSFirstErr/"),
        "",
    );
    assert_eq!(edit.code, 0, "{edit:?}");
    assert!(
        std::fs::read_to_string(&path)
            .unwrap()
            .contains("JSFirstErr")
    );
    let broken = finish(
        command("", home.path())
            .args(["errors", "edit", file, "10001"])
            .env("EDITOR", "sed -i s/10001/77/"),
        "",
    );
    assert_eq!(broken.code, 1, "{broken:?}");
    assert!(broken.stdout.contains("10000 or more"), "{broken:?}");
    assert!(std::fs::read_to_string(&path).unwrap().contains("10001"));
}

#[test]
fn sheets_are_listed_shown_and_saved() {
    let home = tempfile::tempdir().unwrap();
    let list = nats(home.path(), &["cheat", "--list"]);
    for known in ["pub", "sub", "stream", "kv"] {
        assert!(list.stdout.lines().any(|topic| topic == known), "{list:?}");
    }
    let one = nats(home.path(), &["cheat", "pub"]);
    assert!(one.stdout.contains("\nnats pub "), "{one:?}");
    let unknown = nats(home.path(), &["cheat", "nothing"]);
    assert_eq!(unknown.code, 1);
    assert!(unknown.stderr.contains("nats cheat --list"), "{unknown:?}");
    let folder = home.path().join("sheets");
    let saved = nats(home.path(), &["cheat", "--save", folder.to_str().unwrap()]);
    assert_eq!(saved.code, 0, "{saved:?}");
    assert_eq!(
        std::fs::read_dir(&folder).unwrap().count(),
        list.stdout.lines().count()
    );
}
