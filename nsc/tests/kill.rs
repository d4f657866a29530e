//! `nsc` is killed while it writes several files (key, token, credentials, configuration): what is there afterwards is whole, every token
//! that names a key of ours has that key, and the same command run again does what it did not do.

use std::path::Path;
use std::process::{Command, Stdio};

use nats_nsc::places::{Directories, Surroundings};
use nats_nsc::workspace::{self, Workspace};

const ROUNDS: u64 = 30;

fn nsc(home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nsc"));
    command
        .args(["-H", &home.display().to_string()])
        .args(arguments)
        .env("HOME", home)
        .current_dir(home)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

fn works(home: &Path, arguments: &[&str]) -> bool {
    nsc(home, arguments).status().expect("nsc runs").success()
}

/// Everything in the store is genuine, belongs together, and has its keys.
fn is_whole(home: &Path, round: u64) -> usize {
    let flags = Directories {
        all_dirs: Some(home.display().to_string()),
        ..Directories::default()
    };
    let mut work =
        Workspace::open(&flags, Surroundings::below(home), 1_800_000_000).expect("a configuration");
    work.use_operator("OPS").expect("the operator");
    let operator = work.operator().expect("the operator's token");
    let mut users = 0;
    for account in work.accounts().expect("accounts") {
        let claims = work
            .account(&account)
            .unwrap_or_else(|e| panic!("round {round}: {e}"));
        assert!(operator.did_sign(&claims), "round {round}: {account}");
        let mut keys = vec![claims.subject.clone()];
        keys.extend(
            claims
                .nats
                .signing_keys
                .iter()
                .map(|(key, _)| key.to_owned()),
        );
        for user in work.users(&account).expect("users") {
            let claims = work
                .user(&account, &user)
                .unwrap_or_else(|e| panic!("round {round}: {e}"));
            keys.push(claims.subject.clone());
            users += 1;
        }
        for key in keys {
            let key = workspace::public(&key).expect("a key");
            let there = work.keystore.seed(&mut work.files, &key).expect("readable");
            assert!(there.is_some(), "round {round}: no key of {account}: {key}");
        }
    }
    users
}

#[test]
fn a_command_that_is_killed_leaves_a_whole_store() {
    let home = tempfile::tempdir().expect("a directory");
    let home = home.path();
    assert!(works(home, &["add", "operator", "OPS", "--sys"]));
    assert!(works(home, &["add", "account", "A"]));
    let begun = std::time::Instant::now();
    assert!(works(home, &["add", "user", "first", "-a", "A"]));
    // The writes are at the end of the time that a command takes.
    let usual = begun.elapsed();
    let before = is_whole(home, 0);
    let mut killed = 0;
    for round in 0..ROUNDS {
        let account = format!("N{round}");
        let user = format!("u{round}");
        let commands: [Vec<&str>; 2] = [
            vec!["add", "account", &account],
            vec!["add", "user", &user, "-a", "A"],
        ];
        for arguments in commands {
            let mut child = nsc(home, &arguments).spawn().expect("nsc runs");
            let part = u32::try_from(round % 15).expect("small") + 1;
            // The moment of the kill is what is tried.
            std::thread::sleep(usual * part / 14);
            killed += u64::from(child.try_wait().expect("a child").is_none());
            let _ = child.kill();
            child.wait().expect("it ends");
            is_whole(home, round);
            // Done, or to be done.
            if !works(home, &arguments) {
                let there = ["describe", arguments[1], arguments[2]];
                let mut there = there.to_vec();
                there.extend(&arguments[3..]);
                assert!(works(home, &there), "round {round}: {arguments:?}");
            }
        }
    }
    assert!(is_whole(home, ROUNDS) >= before + usize::try_from(ROUNDS).expect("small"));
    assert!(killed > ROUNDS / 4, "only {killed} were killed at work");
}
