//! `nats context`, and which settings win.

mod support;

use std::path::Path;

use support::{Outcome, Server};

fn nats(home: &Path, args: &[&str]) -> Outcome {
    support::finish(support::command("", home).args(args), "")
}

#[test]
fn a_context_lives_from_add_to_rm() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let add = nats(
        home,
        &[
            "context",
            "add",
            "dev",
            "-s",
            "nats://dev:4222",
            "--description",
            "Development",
            "--select",
        ],
    );
    assert_eq!(add.code, 0, "{add:?}");
    assert!(
        add.stdout
            .starts_with("NATS Configuration Context \"dev\"\n\n  Description: Development\n"),
        "{add:?}"
    );
    let again = nats(home, &["ctx", "save", "dev", "--inbox-prefix", "_DEV"]);
    assert!(
        again.stdout.contains("nats://dev:4222") && again.stdout.contains("_DEV"),
        "{again:?}"
    );
    nats(
        home,
        &["ctx", "cp", "dev", "prod", "-s", "nats://prod:4222"],
    );
    let names = nats(home, &["ctx", "ls", "--names"]);
    assert_eq!(names.stdout, "dev\nprod\n", "{names:?}");
    let old_spelling = nats(home, &["ctx", "save", "till", "--nsc", "nsc://O/A/till"]);
    let place = "Credentials: nsc://O/A/till";
    assert!(old_spelling.stdout.contains(place), "{old_spelling:?}");
    nats(home, &["ctx", "rm", "till", "--force"]);
    let table = nats(home, &["ctx", "ls"]);
    assert!(table.stdout.contains("│ dev* │ Development │"), "{table:?}");
    nats(home, &["ctx", "select", "prod"]);
    let previous = nats(home, &["ctx", "-"]);
    assert!(previous.stdout.contains("Context \"dev\""), "{previous:?}");
    let selected = nats(home, &["ctx", "rm", "dev"]);
    assert_eq!(selected.code, 1, "{selected:?}");
    let unasked = nats(home, &["ctx", "rm", "prod"]);
    assert!(
        unasked
            .stderr
            .contains("cannot prompt for user input without a terminal"),
        "{unasked:?}"
    );
    assert!(unasked.stderr.contains("--force"), "{unasked:?}");
    assert_eq!(nats(home, &["ctx", "rm", "prod", "-f"]).code, 0);
    assert_eq!(nats(home, &["ctx", "ls", "--names"]).stdout, "dev\n");
    let mode = std::fs::metadata(home.join("config/nats/context/dev.json")).unwrap();
    #[cfg(unix)]
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&mode.permissions()) & 0o777,
        0o600
    );
}

#[test]
fn an_unknown_selected_context_is_unselected_once() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("config/nats");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("context.txt"), "gone").unwrap();
    let first = nats(home.path(), &["rtt"]);
    assert_eq!(first.code, 1, "{first:?}");
    assert!(
        first
            .stderr
            .contains("the selected context \"gone\" was not found"),
        "{first:?}"
    );
    let second = nats(home.path(), &["rtt", "-s", "127.0.0.1:1"]);
    assert!(!second.stderr.contains("gone"), "{second:?}");
}

#[test]
fn an_edited_context_is_checked_before_it_is_saved() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    nats(home, &["ctx", "add", "dev", "--description", "Before"]);
    let edit = |editor: &str| {
        let mut command = support::command("", home);
        support::finish(
            command.env("EDITOR", editor).args(["ctx", "edit", "dev"]),
            "",
        )
    };
    let good = edit("sed -i s/Before/After/");
    assert!(good.stdout.contains("Description: After"), "{good:?}");
    let broken = edit("sed -i s/^url:/broken/");
    assert_eq!(broken.code, 1, "{broken:?}");
    assert!(nats(home, &["ctx", "info", "dev"]).stdout.contains("After"));
    assert_eq!(edit("false").code, 1);
    assert!(edit("true").stderr.contains("Nothing was changed"));
}

#[test]
fn flags_win_over_variables_and_both_over_the_context() {
    let Some(server) = Server::start() else {
        return;
    };
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    nats(home, &["ctx", "add", "good", "-s", &server.url, "--select"]);
    nats(home, &["ctx", "add", "bad", "-s", "127.0.0.1:1"]);
    assert_eq!(nats(home, &["pub", "a", "x"]).code, 0);
    assert_eq!(nats(home, &["--context", "bad", "pub", "a", "x"]).code, 1);
    let run =
        |url: &str, args: &[&str]| support::finish(support::command(url, home).args(args), "");
    assert_eq!(run("127.0.0.1:1", &["pub", "a", "x"]).code, 1);
    assert_eq!(
        run("127.0.0.1:1", &["pub", "a", "x", "-s", &server.url]).code,
        0
    );
    assert_eq!(
        run(&server.url, &["--context", "bad", "pub", "a", "x"]).code,
        0
    );
    assert_eq!(
        nats(home, &["ctx", "validate", "good", "--connect"]).code,
        0
    );
    let invalid = nats(home, &["ctx", "validate", "--connect"]);
    assert_eq!(invalid.code, 1, "{invalid:?}");
    let warned = run(&server.url, &["ctx", "info"]);
    assert!(
        warned
            .stdout
            .contains("WARNING: Shell environment overrides in place using NATS_URL"),
        "{warned:?}"
    );
}

#[test]
fn wrong_usage_ends_with_exit_code_1_and_help_with_0() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    for args in [
        &["pub"][..],
        &["nope"],
        &["pub", "a", "b", "--nope"],
        &["--timeout", "abc", "rtt"],
        &["context"],
    ] {
        let outcome = nats(home, args);
        assert_eq!(outcome.code, 1, "{args:?}: {outcome:?}");
    }
    for args in [
        &[][..],
        &["--help"],
        &["pub", "--help"],
        &["help", "sub"],
        &["--version"],
        &["--help-compact"],
    ] {
        let outcome = nats(home, args);
        assert_eq!(
            (outcome.code, outcome.stdout.is_empty()),
            (0, false),
            "{args:?}: {outcome:?}"
        );
    }
}
