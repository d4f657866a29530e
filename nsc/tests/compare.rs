//! Both programs on one store in turn. Wants the reference's `nsc`, which no package registry has: built with the feature `compare` only,
//! `NATS_NSC_BIN=path/to/nsc cargo test -p nats-nsc --features compare`.

#![cfg(feature = "compare")]

use std::path::{Path, PathBuf};
use std::process::Command;

/// The other program on the same directories.
struct Reference<'a> {
    program: PathBuf,
    home: &'a Path,
}

impl Reference<'_> {
    #[track_caller]
    fn ok(&self, arguments: &[&str]) -> String {
        let output = Command::new(&self.program)
            .args(arguments)
            .env_clear()
            .env("HOME", self.home)
            .current_dir(self.home)
            .output()
            .expect("it runs");
        let said = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(output.status.success(), "{arguments:?}: {said}");
        said
    }
}

#[test]
fn both_programs_edit_one_store_in_turn() {
    let program = std::env::var_os("NATS_NSC_BIN").expect("NATS_NSC_BIN");
    let home = tempfile::tempdir().expect("a directory");
    let reference = Reference {
        program: program.into(),
        home: home.path(),
    };
    let ours = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_nsc"))
            .args(arguments)
            .env_clear()
            .env("HOME", home.path())
            .current_dir(home.path())
            .output()
            .expect("it runs");
        let said = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(output.status.success(), "{arguments:?}: {said}");
        said
    };
    ours(&["add", "operator", "O", "--sys"]);
    reference.ok(&["add", "account", "A"]);
    ours(&["add", "user", "u", "-a", "A"]);
    reference.ok(&["edit", "user", "-a", "A", "-n", "u", "--tag", "x"]);
    ours(&[
        "add",
        "signing-key",
        "-a",
        "A",
        "role",
        "--allow-pub",
        "p.{{name()}}",
    ]);
    reference.ok(&["add", "user", "-a", "A", "w", "-K", "role"]);
    ours(&[
        "edit",
        "account",
        "A",
        "--js-disk-storage",
        "1G",
        "--sk",
        "generate",
    ]);
    reference.ok(&[
        "add",
        "export",
        "-a",
        "A",
        "--service",
        "--subject",
        "q.*",
        "--private",
    ]);
    ours(&["add", "account", "B"]);
    ours(&[
        "add",
        "import",
        "-a",
        "B",
        "--service",
        "--src-account",
        "A",
        "--remote-subject",
        "q.x",
    ]);
    reference.ok(&["edit", "account", "B", "--conns", "3"]);
    ours(&["add", "user", "service", "-a", "B"]);
    ours(&[
        "edit",
        "authcallout",
        "-a",
        "B",
        "--auth-user",
        "service",
        "--curve",
        "generate",
        "--allowed-account",
        "*",
    ]);
    for _ in 0..2 {
        reference.ok(&["validate", "-A"]);
        ours(&["validate", "-A"]);
    }
    reference.ok(&["describe", "account", "A"]);
    reference.ok(&["generate", "creds", "-a", "A", "-n", "w"]);
    assert_eq!(
        ours(&["describe", "account", "B", "--json"]).trim(),
        reference.ok(&["describe", "account", "B", "--json"]).trim()
    );
}
