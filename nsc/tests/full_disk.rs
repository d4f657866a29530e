//! A disk that is full in the middle of a command: everything is as it was, the error says so, and the command works when there is room.
//!
//! The limit of a process on the size of its files stands in for the disk: short files (keys) can be written, longer ones (tokens)
//! cannot, so that a command fails between its files.

#![cfg(unix)]

mod support;

use std::process::Output;

use support::{Home, all_files, text};

/// Runs `nsc` with files of at most `blocks` times 512 bytes.
fn limited(home: &Home, blocks: u32, arguments: &[&str]) -> Output {
    let nsc = home.command(arguments);
    let mut command = home.command(&[]);
    let mut shell = std::process::Command::new("sh");
    shell
        .arg("-c")
        .arg(format!(
            "trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\""
        ))
        .arg(nsc.get_program())
        .args(nsc.get_args())
        .env_clear()
        .envs(
            command
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .current_dir(home.path())
        .stdin(std::process::Stdio::null());
    // The environment is what is wanted of it.
    command.arg("--version");
    shell.output().expect("sh runs")
}

#[test]
fn a_full_disk_leaves_the_store_as_it_was() {
    let home = Home::prepared();
    home.ok(&["add", "signing-key", "role", "--allow-pub", "a"]);
    home.ok(&["edit", "operator", "--sk", "generate"]);
    home.ok(&["edit", "account", "A", "--sk", "generate"]);
    std::fs::write(
        home.path().join("desired.yaml"),
        "accounts:\n  A:\n    users:\n      v: {}\n  B:\n    users:\n      w: {}\n",
    )
    .expect("written");
    let before = all_files(home.path());
    for arguments in [
        &["add", "account", "B"][..],
        &["add", "user", "v", "-a", "A"],
        &["add", "user", "v", "-a", "A", "-K", "role"],
        &["edit", "user", "u", "-a", "A", "--tag", "t"],
        &["edit", "account", "A", "--conns", "5"],
        &["edit", "account", "A", "--sk", "generate"],
        &["edit", "operator", "--tag", "t"],
        &["edit", "operator", "--require-signing-keys", "--resign"],
        &["add", "operator", "P", "--sys"],
        &["reissue", "operator"],
        &["rename", "account", "A", "C", "--OK"],
        &["delete", "signing-key", "role", "-a", "A", "--resign"],
        &["generate", "creds", "-a", "A", "-n", "u", "-o", "u.creds"],
        &["apply", "-f", "desired.yaml"],
        &["backup", "saved"],
    ] {
        let mut failed = 0;
        for blocks in [0, 1] {
            let home = home.copy();
            let before = all_files(home.path());
            let output = limited(&home, blocks, arguments);
            let said = text(&output.stdout) + &text(&output.stderr);
            let context = format!("{arguments:?} with {blocks} blocks: {said}");
            if output.status.success() {
                continue;
            }
            failed += 1;
            assert_eq!(output.status.code(), Some(1), "{context}");
            assert!(said.contains("File too large"), "{context}");
            assert!(said.contains("nothing was changed"), "{context}");
            assert!(all_files(home.path()) == before, "{context}");
            // With room it is done.
            let again = home.run(arguments);
            assert!(again.status.success(), "{context}\n{}", text(&again.stderr));
        }
        assert!(failed > 0, "{arguments:?} wrote nothing");
    }
    assert!(all_files(home.path()) == before);
}
