//! Programs that sign (`--signer exec:CMD`) and do it badly: each is an error that says what happened, soon, and nothing is written.

#![cfg(unix)]

mod support;

use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

use support::{Home, all_files};

fn file_signer() -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_nsc"));
    let program = program.with_file_name("examples").join("file-signer");
    program.display().to_string()
}

/// A store whose keys lie in `elsewhere`, and a script that signs with them, but for what `list` and `sign` say.
fn home_with(list: &str, sign: &str) -> Home {
    let home = Home::prepared();
    let elsewhere = home.path().join("elsewhere");
    std::fs::rename(home.keys().join("keys"), &elsewhere).expect("moved");
    let good = format!("{} {}", file_signer(), elsewhere.display());
    let script = format!(
        "#!/bin/sh\nGOOD='{good}'\ncase \"$1\" in\nlist) {list} ;;\nsign) {sign} ;;\nesac\n"
    );
    std::fs::write(home.path().join("signer.sh"), script).expect("written");
    home
}

fn edit(home: &Home, signer: &str) -> Output {
    let arguments = ["--signer", signer, "edit", "account", "A", "--tag", "x"];
    let mut command = home.command(&arguments);
    command.env("NSC_SIGNER_TIMEOUT", "2");
    command.output().expect("nsc runs")
}

fn lives(process: &str) -> bool {
    let ps = std::process::Command::new("ps")
        .args(["-o", "stat=", "-p", process])
        .output();
    // One that has ended and was not waited for by its new parent yet is a zombie.
    ps.is_ok_and(|ps| {
        let state = support::text(&ps.stdout);
        !state.trim().is_empty() && !state.starts_with('Z')
    })
}

const GOOD_LIST: &str = "$GOOD list";
const GOOD_SIGN: &str = "$GOOD sign \"$2\"";

#[test]
fn a_signer_that_does_what_it_should_signs() {
    let home = home_with(GOOD_LIST, GOOD_SIGN);
    let output = edit(&home, "exec:sh signer.sh");
    assert!(output.status.success(), "{}", support::text(&output.stderr));
    assert_eq!(
        home.json(&["describe", "account", "A"])["nats"]["tags"][0],
        "x"
    );
}

#[test]
fn signers_that_fail_say_how_and_nothing_is_written() {
    let big = "yes 0123456789 | head -c 100000000";
    let cases = [
        // What it says for `list`, for `sign`, and what the error says.
        (
            "echo $$ > left; sleep 600",
            GOOD_SIGN,
            "did not answer within 2 s",
        ),
        (
            GOOD_LIST,
            "echo $$ > left; sleep 600",
            "did not answer within 2 s",
        ),
        // It has printed everything, and goes on.
        (
            GOOD_LIST,
            "$GOOD sign \"$2\"; exec 1>&-; sleep 600",
            "did not answer within 2 s",
        ),
        // It has ended, and another program keeps its output open.
        (
            GOOD_LIST,
            "sleep 600 & echo $! > left; exit 0",
            "did not answer within 2 s",
        ),
        (big, GOOD_SIGN, "printed more than 65536 bytes"),
        (GOOD_LIST, big, "printed more than 65536 bytes"),
        ("exit 1", GOOD_SIGN, "failed: exit status: 1"),
        (GOOD_LIST, "exit 1", "failed: exit status: 1"),
        (GOOD_LIST, "kill -9 $$", "Killed"),
        (
            "echo what is this",
            GOOD_SIGN,
            "lists what is no public key",
        ),
        (
            GOOD_LIST,
            "echo 'what is this?'",
            "printed no signature in base64url",
        ),
        (GOOD_LIST, "printf '\\377\\376'", "printed what is no text"),
        (GOOD_LIST, "true", "signature"),
        // Another key than the one that was asked for.
        (
            GOOD_LIST,
            "$GOOD sign $($GOOD list | grep -v \"$2\" | head -1)",
            "signature",
        ),
        // Something else than what was to be signed, without reading that.
        (GOOD_LIST, "echo other | $GOOD sign \"$2\"", "signature"),
        // It has no key of the operator.
        ("$GOOD list | grep -v '^O'", GOOD_SIGN, "unable to resolve"),
        ("true", GOOD_SIGN, "unable to resolve"),
    ];
    for (list, sign, words) in cases {
        let home = home_with(list, sign);
        let before = all_files(&home.path().join(".local"));
        let started = Instant::now();
        let output = edit(&home, "exec:sh signer.sh");
        let said = support::text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{list} / {sign}: {said}");
        assert!(said.contains(words), "{list} / {sign}: {said}");
        assert!(!said.contains("panicked"), "{said}");
        let after = all_files(&home.path().join(".local"));
        assert!(after == before, "{list} / {sign} changed files");
        let left = std::fs::read_to_string(home.path().join("left")).unwrap_or_default();
        for process in left.split_whitespace() {
            assert!(!lives(process), "{list} / {sign} is still there");
        }
        // Far below what the slowest of them would take.
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "{list} / {sign}"
        );
    }
}

#[test]
fn a_signer_that_is_not_there_or_no_program_is_named() {
    let home = home_with(GOOD_LIST, GOOD_SIGN);
    let before = all_files(&home.path().join(".local"));
    for (signer, words) in [
        ("exec:./nowhere", "there is no such program"),
        ("exec:./signer.sh", "it cannot be executed"),
        ("exec:", "is no signer"),
        ("pkcs11:x", "is no signer"),
    ] {
        let output = edit(&home, signer);
        let said = support::text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{signer}: {said}");
        assert!(said.contains(words), "{signer}: {said}");
    }
    for seconds in ["0", "x", "-1", "99999"] {
        let mut command = home.command(&["--signer", "exec:true", "list", "accounts"]);
        let output = command.env("NSC_SIGNER_TIMEOUT", seconds).output();
        let output = output.expect("nsc runs");
        assert_eq!(output.status.code(), Some(1), "{seconds}");
    }
    assert!(all_files(&home.path().join(".local")) == before);
}

#[test]
fn a_signer_that_reads_late_gets_a_token_larger_than_a_pipe() {
    // It prints more than a pipe holds before it reads what it signs.
    let noisy = "head -c 60000 /dev/zero | tr '\\0' '\\n'; $GOOD sign \"$2\"";
    let home = home_with(GOOD_LIST, noisy);
    let tags: Vec<String> = (0..120)
        .map(|n| format!("t{n}{}", "y".repeat(1000)))
        .collect();
    let tags = tags.join(",");
    home.ok(&[
        "--signer",
        "exec:sh signer.sh",
        "edit",
        "account",
        "A",
        "--tag",
        &tags,
    ]);
    let raw = home.ok(&["describe", "account", "A", "--raw"]);
    assert!(raw.len() > 100_000, "{}", raw.len());
}

#[test]
fn a_signer_is_asked_once_for_what_it_has() {
    let home = home_with(
        "echo list >> asked; $GOOD list",
        "echo sign >> asked; $GOOD sign \"$2\"",
    );
    for name in ["u1", "u2", "u3"] {
        home.ok(&[
            "--signer",
            "exec:sh signer.sh",
            "add",
            "user",
            name,
            "-a",
            "A",
        ]);
    }
    let _ = std::fs::remove_file(home.path().join("asked"));
    let file = "operator:\n  name: O\naccounts:\n  A:\n    users: {a: {}, b: {}, c: {}}\n";
    std::fs::write(home.path().join("d.yaml"), file).expect("written");
    home.ok(&["--signer", "exec:sh signer.sh", "apply", "-f", "d.yaml"]);
    let asked = std::fs::read_to_string(home.path().join("asked")).expect("asked");
    assert_eq!(asked.matches("list").count(), 1, "{asked}");
}

/// A signer that hears no Ctrl-C and hangs, as do those whom it began; `left` names them.
const DEAF: &str = "trap '' INT; sh -c 'echo $$ >> left; sleep 600; true' & \
    echo $$ >> left; echo at work >&2; sleep 600; true";

#[test]
fn at_a_terminal_nothing_is_left_of_a_signer_that_hangs() {
    // It is late; Ctrl-C comes from the terminal.
    let cases: [(&str, &[&str], &str); 2] = [
        ("1", &[], "did not answer within 1 s"),
        ("60", &["at work=>\\c"], ""),
    ];
    for (seconds, answers, words) in cases {
        let home = home_with(GOOD_LIST, DEAF);
        let before = all_files(&home.path().join(".local"));
        let arguments = [
            "--signer",
            "exec:sh signer.sh",
            "edit",
            "account",
            "A",
            "--conns",
            "7",
        ];
        let variables = [("NSC_SIGNER_TIMEOUT", seconds)];
        let Some((code, said)) =
            support::terminal::typed_with(&home, &arguments, answers, &variables)
        else {
            return;
        };
        assert!(
            code.is_some_and(|code| !matches!(code, 0 | 98 | 99)),
            "{code:?} {said}"
        );
        assert!(said.contains(words), "{said}");
        let left = std::fs::read_to_string(home.path().join("left")).expect("it was begun");
        assert!(left.split_whitespace().count() > 1, "{left}");
        for process in left.split_whitespace() {
            assert!(
                !lives(process),
                "{seconds}: {process} is still there: {said}"
            );
        }
        assert!(all_files(&home.path().join(".local")) == before);
    }
}

#[test]
fn a_signer_ends_with_the_nsc_that_is_told_to_end() {
    let home = home_with(GOOD_LIST, DEAF);
    let before = all_files(&home.path().join(".local"));
    let mut command = home.command(&[
        "--signer",
        "exec:sh signer.sh",
        "edit",
        "account",
        "A",
        "--conns",
        "7",
    ]);
    let mut nsc = command
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("nsc runs");
    let mut said = std::io::BufReader::new(nsc.stderr.take().expect("piped"));
    let mut line = String::new();
    std::io::BufRead::read_line(&mut said, &mut line).expect("readable");
    assert!(line.contains("at work"), "{line}");
    let id = nsc.id().to_string();
    let told = std::process::Command::new("kill")
        .args(["-TERM", &id])
        .status();
    assert!(told.expect("kill runs").success());
    let status = nsc.wait().expect("it ends");
    assert!(!status.success());
    let left = std::fs::read_to_string(home.path().join("left")).expect("it was begun");
    for process in left.split_whitespace() {
        assert!(!lives(process), "{process} is still there");
    }
    assert!(all_files(&home.path().join(".local")) == before);
}
