//! `--interactive` in a terminal of its own: what is asked, what may be typed, and that Ctrl-C leaves nothing behind.

#![cfg(unix)]

mod support;

use std::process::Command;

use support::{Home, all_files};

/// Runs `nsc` in a pseudo-terminal: waits for each question, then types the answer.
const DRIVER: &str = r#"
import os, pty, select, sys, time
answers = [tuple(a.split("=>", 1)) for a in sys.argv[1].split("||") if a]
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
seen, start, deadline = "", 0, time.time() + 30
while True:
    ready, _, _ = select.select([fd], [], [], 0.2)
    if ready:
        try:
            data = os.read(fd, 65536)
        except OSError:
            data = b""
        if not data:
            break
        seen += data.decode("utf8", "replace")
    if answers and answers[0][0] in seen[start:]:
        question, answer = answers.pop(0)
        start = len(seen)
        os.write(fd, answer.replace("\\r", "\r").replace("\\d", "\x1b[B").replace("\\c", "\x03").encode())
    if time.time() > deadline:
        print("nobody asked", answers[:1], "in", seen)
        sys.exit(99)
_, status = os.waitpid(pid, 0)
print(seen)
sys.exit(os.waitstatus_to_exitcode(status) & 255)
"#;

/// Types answers (`question=>keys`) into `nsc`; yields exit code and what was shown. `None` without Python.
fn typed(home: &Home, arguments: &[&str], answers: &[&str]) -> Option<(Option<i32>, String)> {
    let python = Command::new("python3")
        .args(["-c", DRIVER, &answers.join("||"), env!("CARGO_BIN_EXE_nsc")])
        .args(arguments)
        .env_clear()
        .env("HOME", home.path())
        .env("TERM", "xterm")
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .current_dir(home.path())
        .output();
    let Ok(output) = python else {
        eprintln!("SKIPPED: python3 is missing, which plays the user at a terminal");
        return None;
    };
    Some((output.status.code(), support::text(&output.stdout)))
}

#[test]
fn an_operator_is_made_by_answering() {
    let home = Home::new();
    let answers = [
        "import operator from a JWT=>n",
        "operator name=>OPS\\r",
        "generate an operator nkey=>y",
        "valid from=>\\r",
        "valid until=>\\r",
        "Generate system account?=>y",
        "Generate signing key?=>n",
    ];
    let Some((code, said)) = typed(&home, &["add", "operator", "-i"], &answers) else {
        return;
    };
    assert_eq!(code, Some(0), "{said}");
    assert!(home.stores().join("OPS/accounts/SYS/SYS.jwt").is_file());
}

#[test]
fn what_is_there_is_picked_from_a_list() {
    let home = Home::prepared();
    home.ok(&["add", "account", "B"]);
    home.ok(&["add", "user", "two", "-a", "A"]);
    let answers = [
        "select account=>\\d\\r",
        "select users=> \\r",
        "revoke users before deleting=>y",
        "delete user nkeys=>y",
        "delete user creds files=>y",
        "cannot be undone=>y",
    ];
    let Some((code, said)) = typed(&home, &["delete", "user", "-i"], &answers) else {
        return;
    };
    assert_eq!(code, Some(0), "{said}");
    // The chosen account (B) comes first, then A; of its users the first was marked.
    assert_eq!(
        home.json(&["list", "users", "-a", "A"])
            .as_array()
            .map(Vec::len),
        Some(1)
    );
}

#[test]
fn whoever_says_no_or_leaves_changes_nothing() {
    let home = Home::prepared();
    let before = all_files(home.path());
    let no = [
        "delete associated=>n",
        "user creds files=>n",
        "cannot be undone=>n",
    ];
    let Some((code, said)) = typed(&home, &["delete", "account", "A", "-i"], &no) else {
        return;
    };
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("delete cancelled"), "{said}");
    let (code, said) = typed(
        &home,
        &["add", "user", "-a", "A", "-i"],
        &["user name=>\\c"],
    )
    .expect("python");
    assert!(code.is_some_and(|code| code != 0 && code != 99), "{said}");
    assert_eq!(all_files(home.path()), before);
}
